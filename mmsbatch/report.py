"""Where a run stands, in figures and words: drawn from plan and facts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from mmsbatch.display import Block, Document, ShowsItself, amount, counts, plain
from mmsbatch.outcomes import INDEFINITE, OUTCOMES, Outcome
from mmsbatch.policy import Stop
from mmsbatch.states import Fact, Kind, Request, State, read_account, read_reply

DONE: Final = 0
BAD_INPUT: Final = 2
IN_DOUBT: Final = 3
STOPPED: Final = 4


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
    """What the account was last heard to have left."""
    fingerprint: str
    stopped: Stop | None
    credits_before: Decimal | None = None
    """What the account had when the run first asked."""
    problems: Mapping[str, int] = field(default_factory=dict)
    """Rows by problem."""
    doubts: Sequence[Request] = ()
    """The requests in doubt."""
    settled: int = 0
    """Rows among the ``unreported`` whose request was settled as sent: somebody vouches for it."""

    def document(self) -> Document:
        """Say where the run stands."""
        states = ", ".join(f"{n:,} {state.replace('_', ' ')}" for state, n in self.requests.items())
        blocks = [
            Block("run", (f"{self.run}, on the {self.target} gateway",)),
            Block("outcomes", (counts(self.outcomes, OUTCOMES),)),
            Block("requests", (states,)),
        ]
        if self.credits is not None:
            before = (
                f"{amount(self.credits_before)} before, " if self.credits_before is not None else ""
            )
            blocks.append(Block("credits", (f"{before}{amount(self.credits)} after",)))
        blocks += [
            Block("in doubt", (f"request {request.number}: {request.reason}",))
            for request in self.doubts
        ]
        if self.stopped is not None:
            blocks.append(Block("STOPPED", (self.stopped.reason,)))
            blocks.append(Block("what to do", (self.stopped.what_to_do,)))
        return Document(tuple(blocks))

    @property
    def exit_code(self) -> int:
        """0 done, 3 rows nobody can vouch for, 4 stopped before the end."""
        if sum(self.outcomes.get(word, 0) for word in INDEFINITE) > self.settled:
            return IN_DOUBT
        return STOPPED if self.stopped or self.outcomes.get(Outcome.PENDING, 0) else DONE

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain values, under names that do not change."""
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
        }


def by_state(requests: Mapping[int, Request]) -> dict[str, int]:
    """Count requests by state, in the order of `State`."""
    counts = Counter(request.state for request in requests.values())
    return {state.value: counts[state] for state in State if counts[state]}


def last_credits(facts: Sequence[Fact]) -> Decimal | None:
    """Give what the account was last heard to have left."""
    return next(filter(_is_amount, map(_credits, reversed(facts))), None)


def first_balance(facts: Sequence[Fact]) -> Decimal | None:
    """Give what the account tool said first."""
    balances = (_credits(fact) for fact in facts if fact.kind is Kind.BALANCE)
    return next(filter(_is_amount, balances), None)


def last_stop(facts: Sequence[Fact]) -> Stop | None:
    """Give why the last execution ended early, if it did and none has begun since."""
    for fact in reversed(facts):
        if fact.kind is Kind.STOPPED and fact.data.get("reason"):
            return Stop(str(fact.data["reason"]), str(fact.data["what_to_do"]))
        # A verdict may have settled what the stop was about.
        if fact.kind in {Kind.STOPPED, Kind.STARTED, Kind.VERDICT}:
            return None
    return None


def _is_amount(amount: Decimal | None) -> bool:
    return amount is not None


def _credits(fact: Fact) -> Decimal | None:
    if fact.kind is Kind.BALANCE:
        answer = read_account(fact.body or b"")
    elif fact.kind is Kind.ANSWER:
        answer = read_reply(fact.data.get("http_status"), fact.body or b"").answer
    else:
        return None
    return answer.credits if answer else None
