"""What credits show of requests in doubt: none sent, all, a part, or nothing. Pure (§2, §3).

The gateway says what the account has left, and never what became of a request. So the balance
before a doubt, less what the run's answered requests cost since, less the balance now, is what the
requests in doubt took; if nothing else can have moved the balance. Each condition for that is a
`Check`, all of them are recorded, and one that fails makes the finding *undecidable*.

What two balances cannot show: somebody outside of the runs scanned who spends, or a top-up that
adds, exactly the sum in question. A scheduled campaign is never decided: the document does not say
whether its credits are taken when it is accepted or when it is sent (§2.2, status 101).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Any

from mmsbatch.balances import Attempt, Balance, History
from mmsbatch.elsewhere import OtherRun, Place, is_surely_of, trouble
from mmsbatch.report import plain
from mmsbatch.states import Fact, Kind

CLOCK_TOLERANCE = timedelta(seconds=2)
"""Workers stamp their facts before they queue for the journal."""


class Shown(StrEnum):
    """What the evidence shows of the requests in doubt, all of them together."""

    NOT_SENT = "not_sent"
    """Nothing was charged: nobody got it."""
    ALL_SENT = "all_sent"
    """Every recipient was charged."""
    PARTLY_SENT = "partly_sent"
    """Some recipients were charged, and nothing says which."""
    UNDECIDABLE = "undecidable"
    """The balance shows nothing certain."""


@dataclass(frozen=True)
class Check:
    """A condition of the evidence, and what was found."""

    name: str
    holds: bool
    found: str


@dataclass(frozen=True)
class Finding:
    """What was found, and how."""

    shown: Shown
    reason: str
    requests: tuple[int, ...]
    recipients: int
    checks: tuple[Check, ...]
    cost: Fraction | None = None
    """Credits per recipient."""
    before: Decimal | None = None
    """The last balance known before the doubt."""
    before_at: datetime | None = None
    spent_since: Fraction | None = None
    """What the run's answered requests cost since then."""
    now: Decimal | None = None
    difference: Fraction | None = None
    """Credits that only the requests in doubt can have taken."""

    def to_json(self) -> dict[str, Any]:
        """Give the finding as plain values."""
        return {
            "shown": self.shown.value,
            "reason": self.reason,
            "requests": list(self.requests),
            "recipients": self.recipients,
            "cost_per_recipient": _plain(self.cost),
            "balance_before": plain(self.before),
            "balance_before_at": self.before_at.isoformat() if self.before_at else None,
            "spent_since": _plain(self.spent_since),
            "balance_now": plain(self.now),
            "difference": _plain(self.difference),
            "checks": [
                {"name": one.name, "holds": one.holds, "found": one.found} for one in self.checks
            ],
        }


@dataclass(frozen=True)
class Readings:
    """What the account tool said, reading by reading."""

    amounts: tuple[Decimal, ...] = ()
    problem: str = ""
    """Why there are no more."""

    @property
    def settled(self) -> Decimal | None:
        """The amount on which the last two agree."""
        if self.problem or len(self.amounts) < 2 or self.amounts[-1] != self.amounts[-2]:  # noqa: PLR2004
            return None
        return self.amounts[-1]


def assess(
    facts: Sequence[Fact],
    readings: Readings,
    *,
    place: Place,
    content: str,
    scheduled: bool,
    others: Sequence[OtherRun],
    now: datetime,
    settle: timedelta,
) -> Finding:
    """Say what credits show of the requests in doubt.

    Parameters
    ----------
    facts
        Of the run; at least one request is in doubt.
    readings
        Of the account tool, now.
    place
        Where they were read.
    content
        The kind of the run's content: only the same kind costs the same.
    scheduled
        Whether the campaign is to be sent later.
    others
        The other runs in the same folder of runs.
    now
        UTC.
    settle
        How long a gateway may still be busy with a request, and the account tool show an old
        balance. Until then nothing is decided.

    Source: §2 on credits, §3.2.
    """
    history = History.of(facts, settle)
    doubts = history.doubts
    anchor = history.anchor()
    cost, cost_check = _cost(history, others, place, content, settle)
    checks = [
        _unscheduled(scheduled),
        _clock(facts[anchor.position if anchor else 0 :], now),
        _same_account(facts, anchor, place),
        cost_check,
        _known_before(anchor),
        _no_other_run(others, place, (anchor.at - settle) if anchor else None),
        _settled(history, now, settle),
        _read(readings),
    ]
    spent = history.spent_since(anchor) if anchor else None
    if anchor:
        checks.append(_accounted(spent))
    requests = tuple(sorted(one.request for one in doubts))
    recipients = sum(one.recipients for one in doubts)
    balance = readings.settled
    difference: Fraction | None = None
    if anchor and cost is not None and spent is not None and balance is not None:
        difference = Fraction(anchor.credits) - cost * spent - Fraction(balance)
        checks.append(_steady(history, anchor, cost, difference, settle))
        checks.append(_within(difference, cost, recipients))
    shown, reason = _conclude(checks, difference, cost, doubts)
    return Finding(
        shown,
        reason,
        requests,
        recipients,
        tuple(checks),
        cost=cost,
        before=anchor.credits if anchor else None,
        before_at=anchor.at if anchor else None,
        spent_since=None if spent is None or cost is None else cost * spent,
        now=balance,
        difference=difference,
    )


def _conclude(
    checks: Sequence[Check],
    difference: Fraction | None,
    cost: Fraction | None,
    doubts: Sequence[Attempt],
) -> tuple[Shown, str]:
    failed = next((check for check in checks if not check.holds), None)
    if failed is not None or difference is None or cost is None:
        return Shown.UNDECIDABLE, failed.found if failed else "the balance is not known"
    recipients = sum(one.recipients for one in doubts)
    if difference == 0:
        return Shown.NOT_SENT, "no credits were taken: nothing of it was sent"
    if difference == cost * recipients:
        return Shown.ALL_SENT, f"the credits of all {recipients} recipients were taken"
    charged = difference / cost
    some = f"the credits of {_say(charged)} of {recipients} recipients were taken"
    if charged.denominator != 1:
        return Shown.UNDECIDABLE, f"{some}, which can be nobody's: something else spends credits"
    if len(doubts) > 1:
        return Shown.UNDECIDABLE, f"{some}, and nothing says by which of {len(doubts)} requests"
    return Shown.PARTLY_SENT, f"{some}, and nothing says whose; or some numbers were refused"


# ----- the conditions ----------------------------------------------------------------------------


def _unscheduled(scheduled: bool) -> Check:
    return Check(
        "not_scheduled",
        not scheduled,
        "the campaign is scheduled, and the gateway's document does not say when its credits are "
        "taken"
        if scheduled
        else "the campaign is sent at once",
    )


def _clock(facts: Sequence[Fact], now: datetime) -> Check:
    times = [*(fact.at for fact in facts), now]
    back = max(
        (before - after for before, after in pairwise(times)),
        default=timedelta(),
    )
    if back <= CLOCK_TOLERANCE:
        return Check("clock", holds=True, found="the clock was never set back")
    return Check("clock", holds=False, found=f"this machine's clock was set back by {back}")


def _same_account(facts: Sequence[Fact], anchor: Balance | None, place: Place) -> Check:
    """Every execution since the anchor, and the one it was in, used the account asked now."""
    started = [(position, fact) for position, fact in enumerate(facts) if fact.kind is Kind.STARTED]
    if anchor is not None:
        before = [pair for pair in started if pair[0] < anchor.position]
        started = [*before[-1:], *(pair for pair in started if pair[0] > anchor.position)]
    used = [(fact.data.get("login"), fact.data.get("url")) for _, fact in started]
    strange = [place_ for place_ in used if place_ != (place.login, place.url)]
    if used and not strange:
        return Check("same_account", holds=True, found=f"{place.login} at {place.url} throughout")
    login, url = strange[0] if strange else (None, None)
    return Check(
        "same_account",
        holds=False,
        found=f"the run was sent by {login or 'an account'} at {url or 'an address'} that is "
        f"{'not' if login else 'not known to be'} the one asked now ({place.login} at {place.url})",
    )


def _cost(
    history: History,
    others: Sequence[OtherRun],
    place: Place,
    content: str,
    settle: timedelta,
) -> tuple[Fraction | None, Check]:
    seen, where = history.costs(), "this run"
    alike = [one for one in others if one.content == content and is_surely_of(one, place)]
    for other in sorted(alike, key=lambda one: one.facts[-1].at, reverse=True):
        if not seen:  # the latest run that shows any: prices of longer ago are no guide
            seen, where = History.of(other.facts, settle).costs(), f"run {other.name}"
    costs = sorted(set(seen))
    if not costs:
        found = "no answered request shows what a recipient costs"
    elif len(costs) > 1:
        listed = ", ".join(map(_say, costs))
        found = f"what a recipient costs differs from request to request: {listed} ({where})"
    elif costs == [0]:
        found = f"a recipient costs nothing ({where}), so credits show nothing"
    else:
        found = f"{_say(costs[0])} credits a recipient, as {where} shows"
        return costs[0], Check("cost_seen", holds=True, found=found)
    return None, Check("cost_seen", holds=False, found=found)


def _known_before(anchor: Balance | None) -> Check:
    if anchor is None:
        return Check(
            "balance_before",
            holds=False,
            found="no balance is known from before, with no other request under way or in doubt",
        )
    return Check(
        "balance_before",
        holds=True,
        found=f"{anchor.credits} credits at {anchor.at.isoformat(timespec='seconds')}",
    )


def _no_other_run(others: Sequence[OtherRun], place: Place, since: datetime | None) -> Check:
    scanned = ", ".join(sorted(other.name for other in others)) or "none"
    for other in others:
        reason = trouble(other, place, since) if since else ""
        if reason:
            found = f"run {other.name} {reason} (scanned: {scanned})"
            return Check("no_other_run", holds=False, found=found)
    return Check(
        "no_other_run",
        holds=True,
        found=f"no other run of this account since, in the same folder (scanned: {scanned})",
    )


def _settled(history: History, now: datetime, settle: timedelta) -> Check:
    ready = history.last_end() + settle
    if now >= ready:
        return Check("settled", holds=True, found=f"nothing was under way for {settle}")
    return Check(
        "settled",
        holds=False,
        found="the gateway may still be at it, and the account tool late: reconcile again after "
        f"{ready.isoformat(timespec='seconds')}",
    )


def _read(readings: Readings) -> Check:
    listed = ", ".join(map(str, readings.amounts)) or "nothing"
    if readings.settled is not None:
        found = f"the account tool said {listed}"
        return Check("readings_agree", holds=True, found=found)
    reason = readings.problem or "no two readings in a row agree"
    return Check("readings_agree", holds=False, found=f"{reason} (it said {listed})")


def _accounted(spent: int | None) -> Check:
    if spent is not None:
        found = f"the other requests since then reached {spent} recipients"
        return Check("others_accounted", holds=True, found=found)
    return Check(
        "others_accounted",
        holds=False,
        found="another request since then has a cost that is not known: scheduled, not all of its "
        "numbers named in the answer, or settled by a person",
    )


def _steady(
    history: History, anchor: Balance, cost: Fraction, difference: Fraction, settle: timedelta
) -> Check:
    """Every balance heard since the anchor tells the same story: charges only, then rest."""
    story = history.story(anchor, cost)
    before = Fraction(0)
    for balance, taken in story:
        if taken < before:
            return _raised(balance.credits)
        before = taken
    if difference < before:
        return _raised(None)
    rested = [taken for balance, taken in story if balance.at >= history.last_doubt_end() + settle]
    if any(taken != difference for taken in rested):
        return Check(
            "balance_steady",
            holds=False,
            found="the balance changed long after the request: something else uses this account",
        )
    return Check("balance_steady", holds=True, found="the balance was not raised")


def _raised(credits_: Decimal | None) -> Check:
    seen = f" (at {credits_})" if credits_ is not None else ""
    return Check(
        "balance_steady",
        holds=False,
        found=f"the balance was raised{seen}, so differences show nothing: a top-up?",
    )


def _within(difference: Fraction, cost: Fraction, recipients: int) -> Check:
    if difference <= cost * recipients:
        return Check("nobody_else", holds=True, found="no more is gone than the requests can take")
    return Check(
        "nobody_else",
        holds=False,
        found=f"{_say(difference)} credits are gone where the requests in doubt can take at most "
        f"{_say(cost * recipients)}: something else uses this account",
    )


def _plain(amount: Fraction | None) -> int | float | None:
    if amount is None:
        return None
    return int(amount) if amount.denominator == 1 else float(amount)


def _say(amount: Fraction) -> str:
    return str(_plain(amount))
