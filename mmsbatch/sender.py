"""The loop: claim, post, record, decide; nothing else.

For each request: a fact "sending", durable before the first byte leaves; the POST; a fact of what
came back, durable before it is read. Whatever ends the process in between leaves the request in
doubt, by definition.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from mmsbatch import wire
from mmsbatch.errors import CampaignError, NotSent
from mmsbatch.gateway import Gateway, Interrupted, Reply
from mmsbatch.journal import Journal
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
from mmsbatch.states import Fact, Kind, Request, step

INTERRUPTED: Final = Stop("interrupted after the current request", "resume when you are ready")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Sender:
    """Sends what may be sent of a plan, one request after the other.

    Parameters
    ----------
    plan, gateway, journal
        What, through what, and where it is recorded.
    requests
        Where each request is (`mmsbatch.states.fold`); kept up to date while sending.
    on_doubt
        ``"stop"`` (at most one request is ever in doubt) or ``"continue"``.
    interrupted
        Set from outside to stop after the current request.
    on_request
        Called after each request with where it is.
    clock
        Gives the time, in UTC.
    """

    plan: Plan
    gateway: Gateway
    journal: Journal
    requests: dict[int, Request]
    on_doubt: OnDoubt = "stop"
    interrupted: threading.Event = field(default_factory=threading.Event)
    on_request: Callable[[Request], None] = lambda _request: None
    clock: Callable[[], datetime] = _utc_now

    def has_work(self) -> bool:
        """Say whether any request may be sent at all."""
        return bool(self._waiting(self._held()))

    def run(self) -> Stop | None:
        """Send; give why it ended early, or nothing.

        Raises
        ------
        RunError
            A fact could not be written. Before a POST: nothing of that request left. After it:
            the request is in doubt.
        """
        held = self._held()
        refused_before: int | None = None
        for number in self._waiting(held):
            message = self.plan.message_of(number)
            if message in held:
                continue
            if self.interrupted.is_set():
                return INTERRUPTED
            try:
                self.plan.campaign.check_schedule(self.clock())
            except CampaignError as error:
                return Stop(str(error), "send what is left in a new run with a later send_at")
            decision = self._send(number, refused_before)
            self.on_request(self.requests[number])
            if isinstance(decision, Stop):
                return decision
            refused_before = None
            if isinstance(decision, HoldBack):
                held[message] = decision
                answer = self.requests[number].answer
                refused_before = answer.status if answer else None
        first = next(iter(held.values()), None)
        return Stop(first.reason, first.what_to_do) if first else None

    def _held(self) -> dict[str, HoldBack]:
        """Give the messages that were refused for themselves, and why."""
        reasons = {number: held_back_by(request) for number, request in self.requests.items()}
        return {self.plan.message_of(number): held for number, held in reasons.items() if held}

    def _waiting(self, held: Mapping[str, HoldBack]) -> list[int]:
        return [
            number
            for number, request in self.requests.items()
            if may_go(request) and self.plan.message_of(number) not in held
        ]

    def _send(self, number: int, refused_before: int | None) -> Decision:
        """Make attempts at one request until something else is to be done."""
        tries = 0
        while True:
            tries += 1
            retry_after_s = self._attempt(number)
            decision = decide(
                self.requests[number],
                tries=tries,
                refused_before=refused_before,
                retry_after_s=retry_after_s,
                on_doubt=self.on_doubt,
            )
            if not isinstance(decision, TryAgain):
                return decision
            # Jitter, so that clients that failed together do not come back together.
            pause_s = decision.after_s * random.uniform(1.0, 1.25)  # noqa: S311
            if self.interrupted.wait(pause_s):
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


def _reply_data(reply: Reply, started_s: float) -> dict[str, object]:
    data: dict[str, object] = {
        "http_status": reply.http_status,
        "elapsed_ms": round((time.perf_counter() - started_s) * 1000),
    }
    if reply.retry_after_s is not None:
        data["retry_after_s"] = reply.retry_after_s
    return data
