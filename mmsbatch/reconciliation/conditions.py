"""The conditions under which balances are evidence, each with what was found. Pure (§2, §3).

Each gives a `Condition`: whether it holds, and a line for whoever audits the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from mmsbatch.display import plain_fraction
from mmsbatch.journal.facts import Fact, FactKind, logins_in, of_account, without_unsent
from mmsbatch.reconciliation.balances import Balance, BalanceHistory
from mmsbatch.times import in_paris

SEVERAL_KINDS = "|"
"""Between the kinds of a campaign that has several."""
CLOCK_TOLERANCE = timedelta(seconds=2)
"""Workers stamp their facts before they queue for the journal."""


@dataclass(frozen=True)
class Condition:
    """A condition of the evidence, and what was found."""

    name: str
    holds: bool
    found: str


@dataclass(frozen=True)
class BalanceReadings:
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


def unscheduled(scheduled: bool) -> Condition:
    """Credits of a scheduled campaign may be taken at any time."""
    return Condition(
        "not_scheduled",
        not scheduled,
        "the campaign is scheduled, and the gateway's document does not say when its credits are "
        "taken"
        if scheduled
        else "the campaign is sent at once",
    )


def clock(facts: Sequence[Fact], now: datetime) -> Condition:
    """The order of what runs did is told by this machine's clock."""
    times = [*(fact.at for fact in facts), now]
    back = max((before - after for before, after in pairwise(times)), default=timedelta())
    if back <= CLOCK_TOLERANCE:
        return Condition("clock", holds=True, found="the clock was never set back")
    return Condition("clock", holds=False, found=f"this machine's clock was set back by {back}")


def same_account(
    facts: Sequence[Fact], anchor: Balance | None, place: AccountAddress, login: str
) -> Condition:
    """Every execution since the anchor, and the one it was in, used the account asked now.

    It may have used others beside it, whose facts are not among these. `login` is that of the
    requests in doubt.
    """
    if login != place.login:
        return Condition(
            "same_account",
            holds=False,
            found=f"the requests in doubt were sent by {login}, and that account was not given "
            f"(but {place.login} at {place.url})",
        )
    started = [
        (position, fact) for position, fact in enumerate(facts) if fact.kind is FactKind.STARTED
    ]
    if anchor is not None:
        before = [pair for pair in started if pair[0] < anchor.position]
        started = [*before[-1:], *(pair for pair in started if pair[0] > anchor.position)]
    used = [(logins_in(fact), fact.data.get("url")) for _, fact in started]
    strange = [
        (" and ".join(logins), url)
        for logins, url in used
        if place.login not in logins or url != place.url
    ]
    if used and not strange:
        return Condition(
            "same_account", holds=True, found=f"{place.login} at {place.url} throughout"
        )
    used_by, url = strange[0] if strange else (None, None)
    return Condition(
        "same_account",
        holds=False,
        found=f"the run was sent by {used_by or 'an account'} at {url or 'an address'} that is "
        f"{'not' if used_by else 'not known to be'} the one asked now "
        f"({place.login} at {place.url})",
    )


def cost_seen(
    history: BalanceHistory,
    others: Sequence[OtherRun],
    place: AccountAddress,
    content: str,
    settle: timedelta,
) -> tuple[Fraction | None, Condition]:
    """Learn what a recipient of this kind of content costs: always the same, and not nothing."""
    if SEVERAL_KINDS in content:
        kinds = " and ".join(content.split(SEVERAL_KINDS))
        found = f"the campaign sends {kinds}, which may cost differently"
        return None, Condition("cost_seen", holds=False, found=found)
    seen, where = history.costs(), "this run"
    alike = [one for one in others if one.content == content and is_surely_of(one, place)]
    for other in sorted(alike, key=lambda one: one.facts[-1].at, reverse=True):
        if not seen:  # the latest run that shows any: prices of longer ago are no guide
            facts = of_account(other.facts, place.login)
            seen, where = BalanceHistory.of(facts, settle).costs(), f"run {other.name}"
    costs = sorted(set(seen))
    if not costs:
        found = "no answered request shows what a recipient costs"
    elif len(costs) > 1:
        listed = ", ".join(map(say, costs))
        found = f"what a recipient costs differs from request to request: {listed} ({where})"
    elif costs == [0]:
        found = f"a recipient costs nothing ({where}), so credits show nothing"
    else:
        found = f"{say(costs[0])} credits a recipient, as {where} shows"
        return costs[0], Condition("cost_seen", holds=True, found=found)
    return None, Condition("cost_seen", holds=False, found=found)


def balance_before(anchor: Balance | None) -> Condition:
    """There is a balance to count from."""
    if anchor is None:
        return Condition(
            "balance_before",
            holds=False,
            found="no balance is known from before, with no other request under way or in doubt",
        )
    return Condition(
        "balance_before",
        holds=True,
        found=f"{anchor.credits} credits at {in_paris(anchor.at)}",
    )


def no_other_run(
    others: Sequence[OtherRun], place: AccountAddress, since: datetime | None
) -> Condition:
    """No other run of this account in the same folder can have moved the balance since."""
    scanned = ", ".join(sorted(other.name for other in others)) or "none"
    for other in others:
        reason = trouble(other, place, since) if since else ""
        if reason:
            found = f"run {other.name} {reason} (scanned: {scanned})"
            return Condition("no_other_run", holds=False, found=found)
    return Condition(
        "no_other_run",
        holds=True,
        found=f"no other run of this account since, in the same folder (scanned: {scanned})",
    )


def settled(history: BalanceHistory, now: datetime, settle: timedelta) -> Condition:
    """The gateway has had time to finish, and the account tool to show it."""
    ready = history.last_end() + settle
    if now >= ready:
        return Condition("settled", holds=True, found=f"nothing was under way for {settle}")
    return Condition(
        "settled",
        holds=False,
        found="the gateway may still be at it, and the account tool late: reconcile again after "
        f"{in_paris(ready)}",
    )


def readings_agree(readings: BalanceReadings) -> Condition:
    """The balance was read, and is at rest."""
    listed = ", ".join(map(str, readings.amounts)) or "nothing"
    if readings.settled is not None:
        found = f"the account tool said {listed}"
        return Condition("readings_agree", holds=True, found=found)
    reason = readings.problem or "no two readings in a row agree"
    return Condition("readings_agree", holds=False, found=f"{reason} (it said {listed})")


def others_accounted(spent: int | None) -> Condition:
    """What the run's other requests cost since is known."""
    if spent is not None:
        found = f"the other requests since then reached {spent} recipients"
        return Condition("others_accounted", holds=True, found=found)
    return Condition(
        "others_accounted",
        holds=False,
        found="another request since then has a cost that is not known: scheduled, not all of its "
        "numbers named in the answer, or settled by a person",
    )


def balance_steady(
    history: BalanceHistory,
    anchor: Balance,
    cost: Fraction,
    difference: Fraction,
    settle: timedelta,
) -> Condition:
    """Every balance heard since the anchor tells the same story: charges only, then rest."""
    story = history.charges_by_balance(anchor, cost)
    before = Fraction(0)
    for balance, taken in story:
        if taken < before:
            return _raised(balance.credits)
        before = taken
    if difference < before:
        return _raised(None)
    rested = [taken for balance, taken in story if balance.at >= history.last_doubt_end() + settle]
    if any(taken != difference for taken in rested):
        return Condition(
            "balance_steady",
            holds=False,
            found="the balance changed long after the request: something else uses this account",
        )
    return Condition("balance_steady", holds=True, found="the balance was not raised")


def _raised(credits_: Decimal | None) -> Condition:
    seen = f" (at {credits_})" if credits_ is not None else ""
    return Condition(
        "balance_steady",
        holds=False,
        found=f"the balance was raised{seen}, so differences show nothing: a top-up?",
    )


def nobody_else(difference: Fraction, cost: Fraction, recipients: int) -> Condition:
    """No more is gone than the requests in doubt can have taken."""
    if difference <= cost * recipients:
        return Condition(
            "nobody_else", holds=True, found="no more is gone than the requests can take"
        )
    return Condition(
        "nobody_else",
        holds=False,
        found=f"{say(difference)} credits are gone where the requests in doubt can take at most "
        f"{say(cost * recipients)}: something else uses this account",
    )


def say(amount: Fraction) -> str:
    """Write an exact amount."""
    return str(plain_fraction(amount))


@dataclass(frozen=True)
class AccountAddress:
    """Where credits are taken: an account, at a gateway."""

    target: str
    login: str
    url: str


@dataclass(frozen=True)
class OtherRun:
    """Another run in the same folder of runs."""

    name: str
    facts: tuple[Fact, ...] = ()
    content: str = ""
    """The kind of its content."""
    send_at: datetime | None = None
    """UTC; where it is scheduled."""
    being_written: bool = False
    unreadable: bool = False


def trouble(other: OtherRun, place: AccountAddress, since: datetime) -> str:
    """Return why another run may have moved the balance since then; empty if it cannot have."""
    if other.unreadable:
        return "cannot be read, so it may have used this account: move it elsewhere"
    if not _may_be_of(other, place):
        return ""
    if other.being_written:
        return "is being sent now, by this account"
    # What certainly did not leave, for want of a connection, took nothing from the account.
    mine = of_account(other.facts, place.login)
    used_at = [fact.at for fact in without_unsent(mine)]
    if used_at and max(used_at) >= since:
        return "used this account too"
    if used_at and other.send_at is not None and other.send_at >= since:
        return "is scheduled, and may take this account's credits at any time"
    return ""


def _may_be_of(other: OtherRun, place: AccountAddress) -> bool:
    """Whether a run may have used the account; what a journal does not say counts as yes."""
    for fact in other.facts:
        if fact.kind is FactKind.OPENED and fact.data.get("target") != place.target:
            return False
    return any(
        place.login in (logins_in(fact) or (place.login,))
        # One live account may be reached by several addresses; each sandbox has its own.
        and (place.target == "live" or fact.data.get("url", place.url) == place.url)
        for fact in other.facts
        if fact.kind is FactKind.STARTED
    )


def is_surely_of(other: OtherRun, place: AccountAddress) -> bool:
    """Return whether every execution of a run used this account, by this address."""
    started = [fact for fact in other.facts if fact.kind is FactKind.STARTED]
    return (
        bool(started)
        and _may_be_of(other, place)
        and all(
            place.login in logins_in(fact) and fact.data.get("url") == place.url for fact in started
        )
    )
