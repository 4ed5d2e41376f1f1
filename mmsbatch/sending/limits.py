"""What a run must not exceed, and what a recipient costs as far as the answers show. Pure (§2).

The gateway never says what an MMS costs; it says what the account has left. A cost is therefore
learned, or not known, and nothing is ever refused for a cost that is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from statistics import median_low
from typing import Final

from mmsbatch import hints
from mmsbatch.campaign.split import SPLIT_PROBLEMS
from mmsbatch.errors import InputError, PlanError
from mmsbatch.gateway.wire import Answer
from mmsbatch.journal.facts import Fact, answer_in
from mmsbatch.planning.frequency import FREQUENCY_PROBLEMS
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.report import Stop


@dataclass(frozen=True)
class Limits:
    """What a run must keep within; a plan beyond it is refused before the first POST.

    Parameters
    ----------
    max_recipients
        The most people it may reach.
    max_credits
        The most it may cost, in the account's own unit. A cost that is not known yet is learned
        from the run's first answers, one request at a time, and the run stops before it would
        spend more.
    max_problem_share
        The largest share of rows with a problem, 0 to 1; people who must not be written to
        (``suppressed``, ``no_consent``, ``too_soon``, ``rejected_before``) do not count.
    max_change
        The largest change of the number of recipients against the previous run of the same
        campaign in the same folder of runs, as a share of it: 0.2 allows 800 to 1,200 after 1,000.

    Raises
    ------
    InputError
        A limit that is out of its range.
    """

    max_recipients: int | None = None
    max_credits: Decimal | float | None = None
    max_problem_share: float | None = None
    max_change: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, least, most in (
            ("max_recipients", 1, None),
            ("max_credits", 0, None),
            ("max_problem_share", 0, 1),
            ("max_change", 0, None),
        ):
            value = getattr(self, name)
            # Written so that NaN, which compares with nothing, is refused too.
            if value is not None and not (least <= value and (most is None or value <= most)):
                span = f"at least {least}" if most is None else f"from {least} to {most}"
                raise InputError(f"{hints.option(name)} must be {span}, found {value}")


@dataclass(frozen=True)
class PreviousRuns:
    """What is known from runs before this one."""

    run: str = ""
    """The previous run of the same campaign on the same target; empty if there is none."""
    recipients: int | None = None
    """How many it planned to reach."""
    cost: Decimal | None = None
    """Credits per recipient of the same kind of message, if answers have shown it: the least, where
    several accounts are to share the run."""
    costs: Mapping[str, Decimal] = field(default_factory=dict)
    """The same by login, where it is known."""
    seconds_a_request: float | None = None
    """How long the gateway took to answer one of the same kind, at the median."""
    unread: tuple[str, ...] = ()
    """What kept runs beside it from being read, a line each: any may be the previous one."""


@dataclass(frozen=True)
class Pace:
    """How fast requests may follow each other."""

    workers: int = 1
    requests_per_minute: float | None = None

    def seconds(self, requests: int, seconds_a_request: float | None) -> float | None:
        """Return how long requests take, if it is known how long one does."""
        if seconds_a_request is None:
            return None
        spaced = requests * 60 / self.requests_per_minute if self.requests_per_minute else 0.0
        return max(requests * seconds_a_request / self.workers, spaced)


def check(plan: Plan, limits: Limits, previous: PreviousRuns) -> None:
    """Refuse a plan that is beyond a limit.

    Raises
    ------
    PlanError
        Names the limit, what was found, and what to do.
    """
    if limits.max_recipients is not None and plan.recipients > limits.max_recipients:
        raise PlanError(
            f"this plan has {plan.recipients} recipients and at most {limits.max_recipients} are "
            "allowed: look at the plan, then raise the limit or send fewer rows"
        )
    _check_problems(plan, limits.max_problem_share)
    _check_change(plan, limits.max_change, previous)
    if limits.max_credits is not None and previous.cost is not None:
        estimate = previous.cost * plan.recipients
        if estimate > limits.max_credits:
            raise PlanError(
                f"this plan would cost about {estimate} credits ({plan.recipients} recipients at "
                f"{previous.cost}) and at most {limits.max_credits} are allowed "
                f"({hints.option('max_credits')}): raise the limit or send fewer rows"
            )


def _check_problems(plan: Plan, most: float | None) -> None:
    if most is None:
        return
    # Who does not want messages is no flaw of the export.
    unwilling = {"suppressed", "no_consent", *FREQUENCY_PROBLEMS, *SPLIT_PROBLEMS}
    problems = {word: n for word, n in plan.summary.problems.items() if word not in unwilling}
    found = sum(problems.values())
    share = found / plan.size
    if share > most:
        words = ", ".join(f"{count} {word}" for word, count in problems.items())
        raise PlanError(
            f"{found} of {plan.size} rows have a problem ({share:.1%}: {words}) and at most "
            f"{most:.1%} may ({hints.option('max_problem_share')}): mend the export or raise the "
            "limit"
        )


def _check_change(plan: Plan, most: float | None, previous: PreviousRuns) -> None:
    if most is None:
        return
    if previous.unread:
        more = f" (and {len(previous.unread) - 1} more)" if len(previous.unread) > 1 else ""
        raise PlanError(
            f"{hints.option('max_change')} cannot be checked, because a run beside this one "
            "cannot be read: "
            f"{previous.unread[0]}{more}. Restore its folder from a copy or move it elsewhere, or "
            "send without it"
        )
    if not previous.recipients:
        return
    change = (plan.recipients - previous.recipients) / previous.recipients
    if abs(change) > most:
        raise PlanError(
            f"this plan has {plan.recipients} recipients where run {previous.run} of the same "
            f"campaign had {previous.recipients} ({change:+.1%}) and a change of at most "
            f"{most:.1%} is allowed ({hints.option('max_change')}): look at the export, then mend "
            "it or raise the limit"
        )


# ----- what a recipient costs --------------------------------------------------------------------


@dataclass(frozen=True)
class CreditReading:
    """What the account had left after a request, and how many numbers that request was taken for.

    The account tool's word is about no request: 0 numbers.
    """

    credits: Decimal
    numbers: int


def credit_reading(answer: Answer | None) -> CreditReading | None:
    """Read what an answer says about credits; None if it says nothing."""
    if answer is None or answer.credits is None:
        return None
    return CreditReading(answer.credits, len(answer.contacted))


def credit_readings(facts: Iterable[Fact]) -> list[CreditReading]:
    """Return every word about credits in a run's facts, in order."""
    found = (credit_reading(answer_in(fact)) for fact in facts)
    return [one for one in found if one is not None]


def cost_per_recipient(words: Sequence[CreditReading], *, dearest: bool = False) -> Decimal | None:
    """Learn what a recipient costs from what the account had left after each request.

    The balance falls by a request's price when the gateway takes it, so falling balances are the
    order in which requests were taken, whichever answer came back first. The median of the prices
    is not moved by a colleague's send or by a top-up in between.

    Parameters
    ----------
    words
        In any order.
    dearest
        Whether to take the highest price instead: where messages of several kinds are sent.

    Returns
    -------
    decimal.Decimal or None
        Credits per number; None while no request has been seen to cost anything.
    """
    falling = sorted(words, key=lambda one: one.credits, reverse=True)
    prices = [
        (before.credits - after.credits) / after.numbers
        for before, after in pairwise(falling)
        if after.numbers and before.credits > after.credits
    ]
    if not prices:
        return None
    return max(prices) if dearest else median_low(prices)


# ----- while sending -----------------------------------------------------------------------------

_REMEMBERED: Final = 50
"""Words about credits: enough for a median, few enough to sort after each answer."""


def credit_stop(available: Decimal | None, cost: Decimal | None, recipients: int) -> Stop | None:
    """Return whether the account has too little for what is left to send.

    Parameters
    ----------
    available
        Credits, as the account tool said.
    cost
        Credits per recipient, if known: without it only an empty account is too little.
    recipients
        How many are left.
    """
    if available is None:
        return None
    if available <= 0:
        return Stop("the account has no credits left", "buy credits, then resume")
    if cost is None or cost * recipients <= available:
        return None
    return Stop(
        f"about {cost * recipients} credits are needed ({recipients} recipients at {cost}) and "
        f"the account has {available}",
        f"buy credits, then resume; or send as far as they go: {hints.AS_FAR_AS_CREDITS}",
    )


@dataclass
class Budget:
    """Keeps a run within `Limits.max_credits`, from what its own answers show.

    Parameters
    ----------
    most
        Credits the run may spend in all; None: no limit.
    cost
        Credits per recipient, if known from before.
    committed
        Recipients of this run whose messages may have been charged so far.
    """

    most: Decimal | float | None = None
    cost: Decimal | None = None
    committed: int = 0
    dearest: bool = False
    """Whether messages are of several kinds, whose prices differ: the highest one counts."""
    words: list[CreditReading] = field(default_factory=list)
    """The last words about credits of this execution, the account tool's first."""
    untold: bool = False
    """An answer to a taken request said nothing about credits."""

    @property
    def unknown(self) -> bool:
        """Whether there is a limit and no cost to measure by: one request at a time, then."""
        return self.most is not None and self.cost is None

    def commit(self, recipients: int) -> None:
        """Count recipients whose request is about to leave; a negative number takes them back."""
        self.committed += recipients

    def hear(self, answer: Answer | None) -> None:
        """Take in what the account tool says is left."""
        word = credit_reading(answer)
        self.words += [word] if word else []

    def learn(self, answer: Answer | None) -> None:
        """Take in what an answer to a taken request says about credits."""
        if self.most is None:
            return
        word = credit_reading(answer)
        if word is None:
            self.untold = True
            return
        self.words = [*self.words, word][-_REMEMBERED:]
        seen = cost_per_recipient(self.words, dearest=self.dearest)
        if self.dearest and seen and self.cost:
            seen = max(seen, self.cost)
        self.cost = seen or self.cost

    def stop(self, recipients: int, elsewhere: Decimal = Decimal(0)) -> Stop | None:
        """Return whether the next request, of so many recipients, would go beyond the limit.

        `elsewhere` is what the run has spent with other accounts.
        """
        if self.most is None:
            return None
        if self.cost is None:
            if not self.untold:
                return None
            return Stop(
                f"max_credits={self.most} cannot be kept: the gateway does not say what is left",
                "look at the account, then resume without the limit",
            )
        after = elsewhere + self.cost * (self.committed + recipients)
        if after <= self.most:
            return None
        return Stop(
            f"the next request would bring this run to about {after} credits ({self.cost} a "
            f"recipient) and at most {self.most} are allowed (max_credits)",
            "raise the limit, then resume",
        )
