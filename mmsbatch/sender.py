"""The loop: claim, post, record, decide; nothing else.

For each request: a fact "sending", durable before the first byte leaves; the POST; a fact of what
came back, durable before it is read. Whatever ends the process in between leaves the request in
doubt, by definition. Workers each do this for one request at a time; which request is next, and
whether there is a next one, is for the one thread that runs the sender to say.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final

from mmsbatch import deadline, wire
from mmsbatch.deadline import Deadline
from mmsbatch.errors import CampaignError, NotSent, RunError, RunInDoubt, RunStopped
from mmsbatch.forgotten import FIRST as FIRST_TOKEN
from mmsbatch.gateway import Gateway, Interrupted, Reply
from mmsbatch.journal import Journal
from mmsbatch.limits import Budget
from mmsbatch.pace import Pace
from mmsbatch.plan import Plan
from mmsbatch.policy import (
    Decision,
    HoldBack,
    OnDoubt,
    Stop,
    TryAgain,
    decide,
    held_back_by,
    may_go,
)
from mmsbatch.states import Fact, Kind, Request, State, step
from mmsbatch.workers import Workers

INTERRUPTED: Final = Stop("interrupted after the current request", "resume when you are ready")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Sender:
    """Sends what may be sent of a plan.

    Parameters
    ----------
    plan, gateway, journal
        What, through what, and where it is recorded.
    requests
        Where each request is (`mmsbatch.states.fold`); kept up to date while sending.
    on_doubt
        ``"stop"`` (at most one request per worker is ever in doubt) or ``"continue"``.
    workers
        How many requests may be under way at once.
    pace
        How fast they may follow each other.
    budget
        What they may cost.
    not_after
        When the last of them may leave.
    halt
        Once set, no further request is claimed, and those under way are finished: set from outside
        to interrupt, and by the sender itself where it stops.
    on_request
        Called after each request with where it is, always in the thread that runs the sender.
    clock
        Gives the time, in UTC.
    """

    plan: Plan
    gateway: Gateway
    journal: Journal
    requests: dict[int, Request]
    on_doubt: OnDoubt = "stop"
    workers: int = 1
    pace: Pace = field(default_factory=Pace)
    budget: Budget = field(default_factory=Budget)
    not_after: Deadline | None = None
    halt: threading.Event = field(default_factory=threading.Event)
    on_request: Callable[[Request], None] = lambda _request: None
    clock: Callable[[], datetime] = _utc_now

    def __post_init__(self) -> None:
        """Look up which messages were refused for themselves before."""
        reasons = {number: held_back_by(request) for number, request in self.requests.items()}
        self._held = {
            self.plan.message_of(number): held for number, held in reasons.items() if held
        }
        gone = {State.ACCEPTED, State.IN_DOUBT, State.CONFIRMED}
        self.budget.commit(
            sum(
                self._recipients(number)
                for number, request in self.requests.items()
                if request.state in gone
            )
        )
        self._refused_before: int | None = None
        self._workers: Workers[tuple[int, Decision | None]] | None = None

    def waiting(self) -> list[int]:
        """Give the requests that may be sent, in order."""
        return [
            number
            for number, request in self.requests.items()
            if may_go(request)
            and self._has_people(number)
            and self.plan.message_of(number) not in self._held
        ]

    def recipients_left(self) -> int:
        """Count the people that the waiting requests are for."""
        return sum(map(self._recipients, self.waiting()))

    def under_way(self) -> list[threading.Thread]:
        """Give the threads that may still be sending after `run` was broken off."""
        return self._workers.threads if self._workers else []

    def in_doubt(self) -> str:
        """List the requests in doubt; empty where there are none."""
        doubts = [n for n, request in self.requests.items() if request.state is State.IN_DOUBT]
        return _listed(doubts) if doubts else ""

    def cannot_go_on(self, error: RunError) -> RunStopped | RunInDoubt:
        """Say of a failure to write what it means: a request not claimed has not left.

        One whose answer is not on record is in doubt.
        """
        if doubts := self.in_doubt():
            return RunInDoubt(f"{doubts} in doubt, and the run cannot go on: {error}")
        return RunStopped(f"the run cannot go on, with nothing in doubt: {error}")

    def too_late(self) -> Stop | None:
        """Stop where the time for sending has passed."""
        passed = self.not_after.passed(self.clock()) if self.not_after else ""
        return Stop(passed, deadline.WHAT_TO_DO) if passed else None

    def run(self) -> Stop | None:
        """Send; give why it ended early, or nothing."""
        with Workers[tuple[int, Decision | None]](self.workers, ahead=self.workers // 2) as workers:
            self._workers = workers
            try:
                stop = self._give_out(workers)
            except BaseException as error:
                self.halt.set()  # what was given out and not claimed yet never is
                while isinstance(error, Exception) and workers.under_way:
                    with suppress(Exception):
                        workers.next_result()
                raise
        first = next(iter(self._held.values()), None)
        return stop or (Stop(first.reason, first.what_to_do) if first else None)

    def _give_out(self, workers: Workers[tuple[int, Decision | None]]) -> Stop | None:
        """Give requests to workers, and act on what is decided after each."""
        waiting = deque(self.waiting())
        stop: Stop | None = None
        while True:
            while stop is None and waiting and self._has_room(workers):
                number = waiting.popleft()
                if self.plan.message_of(number) in self._held:
                    continue
                recipients = self._recipients(number)
                stop = INTERRUPTED if self.halt.is_set() else self.budget.stop(recipients)
                if stop is None:
                    self.budget.commit(recipients)
                    workers.do(partial(self._send, number))
            if not workers.under_way:
                return stop
            number, decision = workers.next_result()
            if decision is None:
                self.budget.commit(-self._recipients(number))
                continue
            self._take_in(number, decision)
            # A worker that stops halts the others, who then say no more than that.
            if isinstance(decision, Stop) and stop in {None, INTERRUPTED}:
                stop = decision
            self.on_request(self.requests[number])

    def _has_room(self, workers: Workers[tuple[int, Decision | None]]) -> bool:
        # What has no known price is bought one at a time.
        return not workers.under_way if self.budget.unknown else not workers.full

    def _take_in(self, number: int, decision: Decision) -> None:
        request = self.requests[number]
        if request.state is State.ACCEPTED:
            self.budget.learn(request.answer)
        elif request.state is not State.IN_DOUBT:
            self.budget.commit(-self._recipients(number))
        self._refused_before = None
        if isinstance(decision, HoldBack):
            self._refused_before = request.answer.status if request.answer else None

    def _has_people(self, number: int) -> bool:
        """Say whether a request is for anybody who has not been erased."""
        return bool((self.plan.numbers[self.plan.positions(number)] < FIRST_TOKEN).any())

    def _recipients(self, number: int) -> int:
        return len(self.plan.positions(number))

    # ----- in a worker ---------------------------------------------------------------------------

    def _send(self, number: int) -> tuple[int, Decision | None]:
        """Make attempts at one request until something else is to be done.

        None at all where its message was refused since the request was given out.
        """
        if self.plan.message_of(number) in self._held:
            return number, None
        try:
            decision = self._attempts(number)
        except RunError as error:  # a fact could not be recorded
            # Not claimed: it has not left. Its answer not on record: it is in doubt.
            decision = Stop(str(error), "run the same command again")
        # At once, not when the decision is taken in: another call may be waiting for this worker.
        if isinstance(decision, Stop):
            self.halt.set()
        elif isinstance(decision, HoldBack):
            self._held[self.plan.message_of(number)] = decision
        return number, decision

    def _attempts(self, number: int) -> Decision:
        tries = 0
        while True:
            tries += 1
            if self.halt.wait(self.pace.take()):
                return INTERRUPTED
            try:
                self.plan.campaign.check_schedule(self.clock())
            except CampaignError as error:
                return Stop(str(error), "send what is left in a new run with a later send_at")
            if late := self.too_late():
                return late
            retry_after_s = self._attempt(number)
            decision = decide(
                self.requests[number],
                tries=tries,
                refused_before=self._refused_before,
                retry_after_s=retry_after_s,
                on_doubt=self.on_doubt,
            )
            if not isinstance(decision, TryAgain):
                return decision
            # Jitter, so that clients that failed together do not come back together.
            pause_s = decision.after_s * random.uniform(1.0, 1.25)  # noqa: S311
            if self.halt.wait(pause_s):
                return INTERRUPTED

    def _attempt(self, number: int) -> float | None:
        """Make one attempt; give the seconds the server asks to wait, if it asks."""
        planned = self.plan.request(number)
        xml = wire.encode_request(
            self.plan.campaign,
            planned.message,
            planned.numbers,
            self.gateway.account.clientcode,
        )
        attempt = self.requests[number].attempts + 1
        self._record(
            Kind.SENDING,
            number,
            attempt,
            data={
                "recipients": len(planned.numbers),
                "sha256": hashlib.sha256(xml).hexdigest(),
            },
        )
        started_s = time.perf_counter()
        try:
            reply = self.gateway.send(xml)
        except NotSent as error:
            self._record(Kind.NOT_SENT, number, attempt, data={"reason": str(error)})
            return None
        except Interrupted as error:
            data: dict[str, object] = {"reason": str(error), "http_status": error.http_status}
            self._record(Kind.BROKEN_OFF, number, attempt, data=data, body=error.body)
            return None
        self._record(
            Kind.ANSWER, number, attempt, data=_reply_data(reply, started_s), body=reply.body
        )
        return reply.retry_after_s

    def _record(
        self,
        kind: Kind,
        number: int,
        attempt: int,
        *,
        data: dict[str, object],
        body: bytes | None = None,
    ) -> None:
        fact: Fact = self.journal.append(
            kind, at=self.clock(), request=number, attempt=attempt, data=data, body=body
        )
        self.requests[number] = step(self.requests[number], fact)


def _listed(numbers: list[int], most: int = 10) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"request{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _reply_data(reply: Reply, started_s: float) -> dict[str, object]:
    data: dict[str, object] = {
        "http_status": reply.http_status,
        "elapsed_ms": round((time.perf_counter() - started_s) * 1000),
    }
    if reply.retry_after_s is not None:
        data["retry_after_s"] = reply.retry_after_s
    return data
