"""The loop: claim, post, record, decide; nothing else.

For each request: a fact "sending", durable before the first byte leaves; the POST; a fact of what
came back, durable before the same worker claims another request. If the process ends in between,
the request is in doubt. Each worker does this for one request at a time. One thread, which runs
the sender, decides which request is next and whether there is a next one.
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
from datetime import datetime
from typing import Any, Final

from mmsbatch import hints, times
from mmsbatch.errors import CampaignError, NotSent, RunError, RunInDoubt, RunStopped
from mmsbatch.gateway import wire
from mmsbatch.gateway.account import Target
from mmsbatch.gateway.client import GatewayClient, Interrupted
from mmsbatch.phones.e164 import FIRST as FIRST_TOKEN
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.journal import Journal
from mmsbatch.runs.report import Stop
from mmsbatch.runs.states import Fact, FactKind, Request, State, may_go, stamp, step
from mmsbatch.sending.limits import Budget
from mmsbatch.sending.policy import Decision, HoldBack, OnDoubt, TryAgain, decide, held_back_by
from mmsbatch.sending.workers import Pace, Workers
from mmsbatch.times import TOO_LATE_ADVICE, Deadline

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Claim:
    """An attempt to be made: its XML may leave once its fact is in the journal."""

    fact: Fact
    xml: bytes = field(repr=False)


@dataclass(frozen=True)
class Ended:
    """An attempt that was made: its fact goes into the journal before anything else is done."""

    fact: Fact
    retry_after_s: float | None = None
    """Seconds the server asks to wait, if it asks."""


def claim(plan: Plan, number: int, attempt: int, clientcode: str, clock: Clock) -> Claim:
    """Write the XML of a request, and the fact that claims this attempt at it."""
    planned = plan.request(number)
    xml = wire.encode_request(plan.campaign, planned.message, planned.numbers, clientcode)
    data = {"recipients": len(planned.numbers), "sha256": hashlib.sha256(xml).hexdigest()}
    return Claim(Fact(FactKind.SENDING, stamp(clock()), number, attempt, data), xml)


def post(gateway: GatewayClient, claimed: Claim, clock: Clock) -> Ended:
    """Post what was claimed, and return what came back, or why nothing did, as a fact."""
    started_s = time.perf_counter()
    retry_after_s: float | None = None
    data: dict[str, Any]
    body: bytes | None
    try:
        reply = gateway.send(claimed.xml)
    except NotSent as error:
        kind, data, body = FactKind.NOT_SENT, {"reason": str(error)}, None
    except Interrupted as error:
        kind, body = FactKind.BROKEN_OFF, error.body
        data = {"reason": str(error), "http_status": error.http_status}
    else:
        kind, body, retry_after_s = FactKind.ANSWER, reply.body, reply.retry_after_s
        elapsed_ms = round((time.perf_counter() - started_s) * 1000)
        data = {"http_status": reply.http_status, "elapsed_ms": elapsed_ms}
        if retry_after_s is not None:
            data["retry_after_s"] = retry_after_s
    request, attempt = claimed.fact.request, claimed.fact.attempt
    return Ended(Fact(kind, stamp(clock()), request, attempt, data, body), retry_after_s)


INTERRUPTED: Final = Stop("interrupted after the current request", "resume")


@dataclass
class Sender:
    """Sends what may be sent of a plan.

    Parameters
    ----------
    plan, gateway, journal
        What, through what, and where it is recorded.
    requests
        Where each request is (`mmsbatch.runs.states.fold`); kept up to date while sending.
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
        to interrupt, and by the sender itself when it stops.
    on_request
        Called after each request with where it is, always in the thread that runs the sender.
    clock
        Gives the time, in UTC.
    """

    plan: Plan
    gateway: GatewayClient
    journal: Journal
    requests: dict[int, Request]
    on_doubt: OnDoubt = "stop"
    workers: int = 1
    pace: Pace = field(default_factory=Pace)
    budget: Budget = field(default_factory=Budget)
    not_after: Deadline | None = None
    halt: threading.Event = field(default_factory=threading.Event)
    on_request: Callable[[Request], None] = lambda _request: None
    clock: Callable[[], datetime] = lambda: times.utc_now()  # noqa: PLW0108  (looked up when called)

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
        self._workers: Workers[int, tuple[int, Decision | None]] | None = None

    def waiting(self) -> list[int]:
        """Return the requests that may be sent, in order."""
        return [
            number
            for number, request in self.requests.items()
            if may_go(request) and self._has_people(number) and not self._is_held(number)
        ]

    def recipients_left(self) -> int:
        """Count the people that the waiting requests are for."""
        return sum(map(self._recipients, self.waiting()))

    def under_way(self) -> list[threading.Thread]:
        """Return the threads that may still be sending after `run` was broken off."""
        return self._workers.threads if self._workers else []

    def in_doubt(self) -> str:
        """List the requests in doubt; empty if there are none."""
        doubts = [n for n, request in self.requests.items() if request.state is State.IN_DOUBT]
        return _listed(doubts) if doubts else ""

    def cannot_go_on(self, error: RunError) -> RunStopped | RunInDoubt:
        """Say of a failure to write what it means: a request not claimed has not left.

        One whose answer is not on record is in doubt.
        """
        live = self.gateway.account.target is Target.LIVE
        again = f"Then: `{hints.resume(self.journal.path.parent, live=live)}`"
        if doubts := self.in_doubt():
            return RunInDoubt(f"{doubts} in doubt, and the run cannot go on: {error}. {again}")
        return RunStopped(f"the run cannot go on, with nothing in doubt: {error}. {again}")

    def too_late(self) -> Stop | None:
        """Stop if the time for sending has passed."""
        passed = self.not_after.passed(self.clock()) if self.not_after else ""
        return Stop(passed, TOO_LATE_ADVICE) if passed else None

    def run(self) -> Stop | None:
        """Send; give why it ended early, or nothing."""
        with Workers(self._send, self.workers) as workers:
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

    def _give_out(self, workers: Workers[int, tuple[int, Decision | None]]) -> Stop | None:
        """Hand requests to workers, and act on what is decided after each."""
        waiting = deque(self.waiting())
        stop: Stop | None = None
        while True:
            while stop is None and waiting and self._has_room(workers):
                number = waiting.popleft()
                if self._is_held(number):
                    continue
                recipients = self._recipients(number)
                stop = INTERRUPTED if self.halt.is_set() else self.budget.stop(recipients)
                if stop is None:
                    self.budget.commit(recipients)
                    workers.do(number)
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

    def _has_room(self, workers: Workers[int, tuple[int, Decision | None]]) -> bool:
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

    def _is_held(self, number: int) -> bool:
        """Return whether a request's message was refused for itself."""
        return self.plan.message_of(number) in self._held

    def _has_people(self, number: int) -> bool:
        """Return whether a request is for anybody who has not been erased."""
        return bool((self.plan.numbers[self.plan.positions(number)] < FIRST_TOKEN).any())

    def _recipients(self, number: int) -> int:
        return len(self.plan.positions(number))

    # ----- in a worker ---------------------------------------------------------------------------

    def _send(self, number: int) -> tuple[int, Decision | None]:
        """Claim, post, record, decide; once more if the decision is to try again.

        The decision is None if the message was refused since the request was given out.
        """
        tries = 0
        while not self._is_held(number):
            tries += 1
            decision = self._attempt(number, tries)
            if isinstance(decision, TryAgain):
                # Jitter, so that clients that failed together do not come back together.
                pause_s = decision.after_s * random.uniform(1.0, 1.25)  # noqa: S311
                if not self.halt.wait(pause_s):
                    continue
                decision = INTERRUPTED
            # At once, not when the decision is taken in: another worker may be about to claim.
            if isinstance(decision, Stop):
                self.halt.set()
            elif isinstance(decision, HoldBack):
                self._held[self.plan.message_of(number)] = decision
            return number, decision
        return number, None

    def _attempt(self, number: int, tries: int) -> Decision:
        """Make one attempt at a request."""
        if self.halt.wait(self.pace.take()):
            return INTERRUPTED
        if stop := self._out_of_time():
            return stop
        attempt = self.requests[number].attempts + 1
        claimed = claim(self.plan, number, attempt, self.gateway.account.clientcode, self.clock)
        try:
            self._record(claimed.fact)
        except RunError as error:  # not claimed: it has not left
            return _not_recorded(error)
        ended = post(self.gateway, claimed, self.clock)
        try:
            self._record(ended.fact)
        except RunError as error:  # its answer is not on record: it is in doubt
            return _not_recorded(error)
        return decide(
            self.requests[number],
            tries=tries,
            refused_before=self._refused_before,
            retry_after_s=ended.retry_after_s,
            on_doubt=self.on_doubt,
        )

    def _out_of_time(self) -> Stop | None:
        try:
            self.plan.campaign.check_schedule(self.clock())
        except CampaignError as error:
            return Stop(str(error), "send what is left in a new run with a later send_at")
        return self.too_late()

    def _record(self, fact: Fact) -> None:
        """Record a fact of an attempt, and note where it leaves its request."""
        self.journal.record(fact)
        assert fact.request is not None  # noqa: S101  (it is of an attempt)
        self.requests[fact.request] = step(self.requests[fact.request], fact)


def _not_recorded(error: RunError) -> Stop:
    return Stop(str(error), "resume")


def _listed(numbers: list[int], most: int = 10) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"request{'s' if len(numbers) > 1 else ''} {shown}{more}"
