"""Where a run stands, in figures and words: drawn from plan and facts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from mmsbatch import hints, spec
from mmsbatch.display import Block, Document, ShowsItself, amount, counts, plain, plural
from mmsbatch.journal.facts import (
    Event,
    Fact,
    FactKind,
    answer_in,
    logins_in,
    logins_of,
    of_account,
)
from mmsbatch.runs.outcomes import INDEFINITE, NEVER_SENT, OUTCOME_TONES, OUTCOMES, Outcome
from mmsbatch.runs.states import Request, State


@dataclass(frozen=True)
class Stop:
    """Nothing more may go in this execution."""

    reason: str
    what_to_do: str
    """As `mmsbatch.hints.in_run` completes it: ``resume`` stands for the run's own hint."""
    cause: str = ""
    """A word for it, where a later execution must know this stop again."""


DONE: Final = 0
BAD_INPUT: Final = 2
IN_DOUBT: Final = 3
STOPPED: Final = 4


_TAKEN: Final = (
    Outcome.ACCEPTED,
    Outcome.SCHEDULED,
    Outcome.REJECTED,
    Outcome.UNREPORTED,
)


@dataclass(frozen=True)
class AccountReport:
    """Where one of several accounts stands."""

    login: str
    credits_before: Decimal | None
    """What it had when the run first asked."""
    credits: Decimal | None
    """What it was last heard to have left."""
    recipients: int
    """People in requests that the gateway took from it."""
    refused: str = ""
    """Why the gateway refused it in the last execution, if it did."""

    def __str__(self) -> str:
        """Write it as a line."""
        before = "" if self.credits_before is None else f"{amount(self.credits_before)} before, "
        left = "not known" if self.credits is None else f"{amount(self.credits)} after"
        refused = f"; refused: {self.refused}" if self.refused else ""
        return f"{self.login}: {before}{left}, {plural(self.recipients, 'recipient')}{refused}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "credits_before": plain(self.credits_before),
            "credits": plain(self.credits),
            "recipients": self.recipients,
            "refused": self.refused or None,
        }


@dataclass(frozen=True, repr=False)
class RunReport(ShowsItself):
    """Where a run stands."""

    run: str
    target: str
    rows: int
    outcomes: Mapping[str, int]
    """Rows by outcome; they add up to `rows`."""
    requests: Mapping[str, int]
    """Requests by state."""
    credits: Decimal | None
    """What the account was last heard to have left; several accounts together, as far as they said.
    """
    fingerprint: str
    stopped: Stop | None
    credits_before: Decimal | None = None
    """What the account had when the run first asked."""
    problems: Mapping[str, int] = field(default_factory=dict)
    """Rows by problem."""
    doubts: Sequence[Request] = ()
    """The requests in doubt."""
    path: str = ""
    """The run's folder."""
    settled: int = 0
    """Rows among the ``unreported`` whose request was settled as sent: somebody vouches for it."""
    accounts: Sequence[AccountReport] = ()
    """Each of them, if several have shared the run."""

    def document(self) -> Document:
        """Show where the run stands."""
        states = ", ".join(f"{n:,} {state.replace('_', ' ')}" for state, n in self.requests.items())
        blocks = [
            Block("run", (f"{self.run}, on the {self.target} gateway", self.headline)),
            Block("outcomes", (counts(self.outcomes, OUTCOMES, OUTCOME_TONES),)),
            Block("requests", (states,)),
        ]
        if self.credits is not None:
            before = (
                f"{amount(self.credits_before)} before, " if self.credits_before is not None else ""
            )
            blocks.append(Block("credits", (f"{before}{amount(self.credits)} after",)))
        if self.accounts:
            blocks.append(Block("accounts", tuple(map(str, self.accounts))))
        blocks += [
            Block("in doubt", (f"request {request.number}: {request.reason}",), "look")
            for request in self.doubts
        ]
        if self.doubts and self.stopped is None:
            evidence = hints.reconcile(self.path, live=self.target == "live")
            blocks.append(Block("what to do", (f"`{evidence}` looks for evidence",)))
        if self.stopped is not None:
            if self.rejected_share is not None:
                blocks.append(Block("so far", (self._so_far(),)))
            blocks.append(Block("STOPPED", (self.stopped.reason,), "bad"))
            blocks.append(Block("what to do", (self.stopped.what_to_do,)))
        return Document(tuple(blocks))

    @property
    def headline(self) -> str:
        """Where it stands, in a sentence."""
        rows = self.outcomes
        accepted = rows.get(Outcome.ACCEPTED, 0) + rows.get(Outcome.SCHEDULED, 0)
        told = (
            (sum(rows.get(word, 0) for word in NEVER_SENT), "not to be sent"),
            (rows.get(Outcome.REJECTED, 0), "rejected"),
            (rows.get(Outcome.REFUSED, 0), "refused"),
            (self.settled, "settled as sent"),
            (sum(rows.get(word, 0) for word in INDEFINITE) - self.settled, "in doubt"),
            (rows.get(Outcome.PENDING, 0), "still to send"),
        )
        rest = "".join(f", {count:,} {word}" for count, word in told if count)
        return f"{accepted:,} of {plural(self.rows, 'row')} accepted{rest}"

    @property
    def rejected_share(self) -> float | None:
        """Of the recipients whose requests were taken, which part was refused; None without any."""
        taken = self._taken
        return self.outcomes.get(Outcome.REJECTED, 0) / taken if taken else None

    @property
    def cost_per_recipient(self) -> Decimal | None:
        """What the account has less, for each recipient that was not refused; None if not known.

        As far as nobody else uses the account.
        """
        paid = self._taken - self.outcomes.get(Outcome.REJECTED, 0)
        if self.credits is None or self.credits_before is None or not paid:
            return None
        return (self.credits_before - self.credits) / paid

    @property
    def _taken(self) -> int:
        return sum(self.outcomes.get(word, 0) for word in _TAKEN)

    def _so_far(self) -> str:
        cost = self.cost_per_recipient
        price = "" if cost is None else f", {cost:,.2f} credits for each of the others"
        return f"{self.rejected_share:.1%} of {plural(self._taken, 'recipient')} rejected{price}"

    @property
    def exit_code(self) -> int:
        """0 done, 3 rows nobody can vouch for, 4 stopped before the end."""
        if sum(self.outcomes.get(word, 0) for word in INDEFINITE) > self.settled:
            return IN_DOUBT
        return STOPPED if self.stopped or self.outcomes.get(Outcome.PENDING, 0) else DONE

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values, under names that do not change."""
        return {
            "run": self.run,
            "target": self.target,
            "rows": self.rows,
            "outcomes": dict(self.outcomes),
            "requests": dict(self.requests),
            "credits": plain(self.credits),
            "fingerprint": self.fingerprint,
            "stopped": None
            if self.stopped is None
            else {"reason": self.stopped.reason, "what_to_do": self.stopped.what_to_do},
            **(
                {"accounts": {one.login: one.to_json() for one in self.accounts}}
                if self.accounts
                else {}
            ),
        }


def by_state(requests: Mapping[int, Request]) -> dict[str, int]:
    """Count requests by state, in the order of `State`."""
    counts = Counter(request.state for request in requests.values())
    return {state.value: counts[state] for state in State if counts[state]}


def last_credits(facts: Sequence[Fact]) -> Decimal | None:
    """Return what the account was last heard to have left; or several together, as they said."""
    return _together(_last_credits, facts)


def first_balance(facts: Sequence[Fact]) -> Decimal | None:
    """Return what the account tool said first; of several accounts, together."""
    return _together(_first_balance, facts)


def accounts_in(facts: Sequence[Fact]) -> list[AccountReport]:
    """Return where each account stands; nothing unless several have shared an execution."""
    return [_account(login, of_account(facts, login)) for login in _sharing(facts)]


def _account(login: str, facts: Sequence[Fact]) -> AccountReport:
    people = {
        (fact.request, fact.attempt): int(fact.data.get("recipients", 0))
        for fact in facts
        if fact.kind is FactKind.SENDING
    }
    taken = [
        people[fact.request, fact.attempt]
        for fact in facts
        if fact.kind is FactKind.ANSWER and fact.reading.event is Event.ACCEPTED
    ]
    return AccountReport(
        login,
        _first_balance(facts),
        _last_credits(facts),
        sum(taken),
        _refusal(facts),
    )


def _refusal(facts: Sequence[Fact]) -> str:
    """Return why the gateway, or its account tool, refused the account in the last execution."""
    refusal = ""
    for fact in facts:
        if fact.kind is FactKind.STARTED:
            refusal = ""
        # Not only the last: answers to several workers come in any order.
        refusal = _speaks_against(fact) or refusal
    return refusal


def _speaks_against(fact: Fact) -> str:
    answer = answer_in(fact)
    if answer is None:
        refused = fact.kind is FactKind.ANSWER and fact.reading.http_status in {401, 403}
        return fact.reading.reason if refused and fact.reading.event is Event.NOT_SENT else ""
    if fact.kind is FactKind.ANSWER:
        scope = spec.sending_status(answer.status).scope
        return fact.reading.reason if scope is spec.Scope.ACCOUNT else ""
    known = spec.account_status(answer.status)
    if known.scope is spec.Scope.ACCOUNT:
        return f"the account tool said {answer.status} {answer.text or known.text}"
    out = answer.credits is not None and answer.credits <= 0
    return "the account has no credits left" if out else ""


def _together(
    credits_of: Callable[[Sequence[Fact]], Decimal | None], facts: Sequence[Fact]
) -> Decimal | None:
    logins = _sharing(facts)
    if not logins:
        return credits_of(facts)
    known = [one for login in logins if (one := credits_of(of_account(facts, login))) is not None]
    return sum(known, Decimal(0)) if known else None


def _sharing(facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the logins of a run in which several have shared an execution."""
    started = (fact for fact in facts if fact.kind is FactKind.STARTED)
    return logins_of(facts) if any(len(logins_in(fact)) > 1 for fact in started) else ()


def _last_credits(facts: Sequence[Fact]) -> Decimal | None:
    return next(filter(_is_amount, map(_credits, reversed(facts))), None)


def _first_balance(facts: Sequence[Fact]) -> Decimal | None:
    balances = (_credits(fact) for fact in facts if fact.kind is FactKind.BALANCE)
    return next(filter(_is_amount, balances), None)


def last_stop(facts: Sequence[Fact]) -> Stop | None:
    """Return why the last execution ended early, if it did and none has begun since."""
    for fact in reversed(facts):
        if fact.kind is FactKind.STOPPED and fact.data.get("reason"):
            return Stop(str(fact.data["reason"]), str(fact.data["what_to_do"]))
        # A verdict may have settled what the stop was about.
        if fact.kind in {FactKind.STOPPED, FactKind.STARTED, FactKind.VERDICT}:
            return None
    return None


def _is_amount(amount: Decimal | None) -> bool:
    return amount is not None


def _credits(fact: Fact) -> Decimal | None:
    answer = answer_in(fact)
    return answer.credits if answer else None
