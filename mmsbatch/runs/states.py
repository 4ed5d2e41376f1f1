"""States and the table between them: where each request is. Pure (§2.2, and §1.1 on cuts).

A state is a conclusion, drawn anew from the facts whenever somebody asks; none is ever stored. The
whole life of a request is the table `TRANSITIONS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from sys import intern
from typing import Final

from mmsbatch import spec
from mmsbatch.errors import RunError
from mmsbatch.gateway.wire import Answer
from mmsbatch.journal.facts import Event, Fact, FactKind
from mmsbatch.times import in_paris


class State(StrEnum):
    """Where a request is."""

    PENDING = "pending"
    """Nothing of it has left; it may be sent."""
    IN_DOUBT = "in_doubt"
    """It was about to leave, and nothing proves what became of it. Never sent again unasked."""
    ACCEPTED = "accepted"
    """The gateway took it (100, 101). What became of each number is in the answer."""
    REFUSED = "refused"
    """The gateway said no: nothing of it was sent."""
    CONFIRMED = "confirmed"
    """Settled as sent, by evidence or a person; no answer says what became of each number."""


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (State.PENDING, Event.SENDING): State.IN_DOUBT,
    (State.IN_DOUBT, Event.NOT_SENT): State.PENDING,
    (State.IN_DOUBT, Event.NOTHING_PROVED): State.IN_DOUBT,
    (State.IN_DOUBT, Event.ACCEPTED): State.ACCEPTED,
    (State.IN_DOUBT, Event.REFUSED): State.REFUSED,
    # The two ways out of a doubt that no answer settled: evidence, or a person's word.
    (State.IN_DOUBT, Event.RELEASED): State.PENDING,
    (State.IN_DOUBT, Event.CONFIRMED): State.CONFIRMED,
    # Refused for a reason outside of the plan (credit, a login, a medium's server), and tried
    # again: nothing of it was sent, so nobody gets it twice.
    (State.REFUSED, Event.SENDING): State.IN_DOUBT,
}
"""Every other pair is a damaged journal."""


@dataclass(frozen=True)
class Request:
    """Where one request is, and from which facts."""

    number: int
    state: State = State.PENDING
    attempts: int = 0
    sending_at: datetime | None = None
    """When the last attempt was about to leave."""
    reason: str = ""
    """In words: why it is where it is."""
    answer: Answer | None = None
    """Of the last attempt; where the gateway answered it."""
    http_status: int | None = None
    login: str = ""
    """Of the account that the last attempt was claimed with, where several share the run."""

    def brief(self) -> Request:
        """Return the same without the numbers that its answer names."""
        if self.answer is None:
            return self
        words = intern(self.answer.text)  # the same of most answers
        answer = replace(self.answer, text=words, ids=(), refused=())
        return replace(self, answer=answer, reason=intern(self.reason))

    @property
    def status(self) -> spec.Status | None:
        """The gateway's status of the last attempt."""
        return spec.sending_status(self.answer.status) if self.answer else None


def step(request: Request, fact: Fact) -> Request:
    """Return where a request is after one more fact about it.

    Raises
    ------
    RunError
        The table has no such step: the journal is damaged.
    """
    if fact.kind is FactKind.LATE:
        return request
    reading = fact.reading
    try:
        state = TRANSITIONS[request.state, reading.event]
    except KeyError:
        raise RunError(
            f"the journal is damaged: request {request.number} is {request.state}, "
            f"so the fact {fact.kind.value!r} of {in_paris(fact.at)} cannot follow. "
            "Restore the run's folder from a copy"
        ) from None
    if reading.event is Event.SENDING:
        return Request(
            request.number,
            state,
            attempts=request.attempts + 1,
            sending_at=fact.at,
            reason=reading.reason,
            login=str(fact.data.get("login", "")),
        )
    if fact.kind is FactKind.VERDICT:  # what came of the attempt itself stays as it was
        return replace(request, state=state, reason=reading.reason)
    return replace(
        request,
        state=state,
        reason=reading.reason,
        answer=reading.answer,
        http_status=reading.http_status,
    )


def fold(
    facts: Iterable[Fact], requests: int | range, *, brief: bool = False
) -> dict[int, Request]:
    """Draw the state of every request from the facts.

    Parameters
    ----------
    facts
        Of one run, in the order they were recorded.
    requests
        How many the plan has, numbered from 1; or those that the facts are about.
    brief
        Whether to keep no numbers that an answer names.

    Raises
    ------
    RunError
        A fact names a request the plan does not have, or cannot follow what came before.
    """
    numbers = range(1, requests + 1) if isinstance(requests, int) else requests
    states = {number: Request(number) for number in numbers}
    for fact in facts:
        if fact.request is None:
            continue
        if fact.request not in states:
            raise RunError(
                f"the journal is damaged: it has a fact about request {fact.request}, and the "
                f"plan has {numbers.stop - 1}. Restore the run's folder from a copy"
            )
        state = step(states[fact.request], fact)
        states[fact.request] = state.brief() if brief else state
    return states


def may_go(request: Request) -> bool:
    """Return whether a request may be sent in a new execution.

    Pending, or refused for a cause outside of the plan: nothing of either was sent.
    """
    if request.state is State.PENDING:
        return True
    status = request.status
    return request.state is State.REFUSED and status is not None and status.passing
