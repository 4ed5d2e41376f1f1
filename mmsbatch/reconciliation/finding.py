"""What credits show of requests in doubt: none sent, all, a part, or nothing. Pure (§2, §3).

The gateway says what the account has left, and never what became of a request. So the balance
before a doubt, less what the run's answered requests cost since, less the balance now, is what the
requests in doubt took; if nothing else can have moved the balance. Each condition for that is a
`Condition`, all of them are recorded, and one that fails makes the finding *undecidable*.

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
from typing import Any

from mmsbatch import display
from mmsbatch.display import plain
from mmsbatch.journal.facts import Fact
from mmsbatch.reconciliation import conditions
from mmsbatch.reconciliation.balances import Attempt, BalanceHistory
from mmsbatch.reconciliation.conditions import AccountAddress, BalanceReadings, Condition, OtherRun


class Conclusion(StrEnum):
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
class Finding:
    """What was found, and how."""

    shown: Conclusion
    reason: str
    requests: tuple[int, ...]
    recipients: int
    checks: tuple[Condition, ...]
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
        """Return the finding as plain values."""
        return {
            "shown": self.shown.value,
            "reason": self.reason,
            "requests": list(self.requests),
            "recipients": self.recipients,
            "cost_per_recipient": display.plain_fraction(self.cost),
            "balance_before": plain(self.before),
            "balance_before_at": self.before_at.isoformat() if self.before_at else None,
            "spent_since": display.plain_fraction(self.spent_since),
            "balance_now": plain(self.now),
            "difference": display.plain_fraction(self.difference),
            "checks": [
                {"name": one.name, "holds": one.holds, "found": one.found} for one in self.checks
            ],
        }


def assess(
    facts: Sequence[Fact],
    readings: BalanceReadings,
    *,
    login: str,
    place: AccountAddress,
    content: str,
    scheduled: bool,
    others: Sequence[OtherRun],
    now: datetime,
    settle: timedelta,
) -> Finding:
    """Return what credits show of the requests in doubt.

    Parameters
    ----------
    facts
        Of the run, about the account that the doubts were claimed with; at least one request is in
        doubt.
    readings
        Of the account tool, now.
    login
        Of the account that the doubts were claimed with.
    place
        Where the readings are from.
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
    history = BalanceHistory.of(facts, settle)
    doubts = history.doubts
    anchor = history.anchor()
    cost, cost_check = conditions.cost_seen(history, others, place, content, settle)
    checks = [
        conditions.unscheduled(scheduled),
        conditions.clock(facts[anchor.position if anchor else 0 :], now),
        conditions.same_account(facts, anchor, place, login),
        cost_check,
        conditions.balance_before(anchor),
        conditions.no_other_run(others, place, (anchor.at - settle) if anchor else None),
        conditions.settled(history, now, settle),
        conditions.readings_agree(readings),
    ]
    spent = history.spent_since(anchor) if anchor else None
    if anchor:
        checks.append(conditions.others_accounted(spent))
    requests = tuple(sorted(one.request for one in doubts))
    recipients = sum(one.recipients for one in doubts)
    balance = readings.settled
    difference: Fraction | None = None
    if anchor and cost is not None and spent is not None and balance is not None:
        difference = Fraction(anchor.credits) - cost * spent - Fraction(balance)
        checks.append(conditions.balance_steady(history, anchor, cost, difference, settle))
        checks.append(conditions.nobody_else(difference, cost, recipients))
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
    checks: Sequence[Condition],
    difference: Fraction | None,
    cost: Fraction | None,
    doubts: Sequence[Attempt],
) -> tuple[Conclusion, str]:
    failed = next((check for check in checks if not check.holds), None)
    if failed is not None or difference is None or cost is None:
        return Conclusion.UNDECIDABLE, failed.found if failed else "the balance is not known"
    recipients = sum(one.recipients for one in doubts)
    if difference == 0:
        return Conclusion.NOT_SENT, "no credits were taken: nothing of it was sent"
    if difference == cost * recipients:
        return Conclusion.ALL_SENT, f"the credits of all {recipients} recipients were taken"
    charged = difference / cost
    some = f"the credits of {conditions.say(charged)} of {recipients} recipients were taken"
    if charged.denominator != 1:
        return (
            Conclusion.UNDECIDABLE,
            f"{some}, which can be nobody's: something else spends credits",
        )
    if len(doubts) > 1:
        return (
            Conclusion.UNDECIDABLE,
            f"{some}, and nothing says by which of {len(doubts)} requests",
        )
    return Conclusion.PARTLY_SENT, f"{some}, and nothing says whose; or some numbers were refused"
