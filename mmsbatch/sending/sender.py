"""A worker's loop: claim, post, record, decide; nothing else.

For each request: a fact "sending", durable before the first byte leaves; the POST; a fact of what
came back, durable before the same worker claims another request. If the process ends in between,
the request is in doubt. What may be claimed is asked of the journal in the transaction that claims
it, so one thread, many threads and processes of many machines are the same loop.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from queue import SimpleQueue
from typing import Any

from mmsbatch import times
from mmsbatch.errors import NotSent, RunError
from mmsbatch.gateway import wire
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.gateway.client import GatewayClient, Interrupted
from mmsbatch.journal.facts import Fact, FactKind, stamp
from mmsbatch.journal.journal import Choose, Journal, NumberedFact
from mmsbatch.journal.lock import this_process
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.report import Stop
from mmsbatch.runs.states import Request
from mmsbatch.sending.queue import ASK_AGAIN_S, Queue, Turn, Wait

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Outgoing:
    """A request as it will leave."""

    number: int
    login: str
    """Of the account that it is written for."""
    recipients: int
    xml: bytes = field(repr=False)

    def claim(self, attempt: int, worker: str, at: datetime, *, shared: bool) -> Fact:
        """Return the fact that claims an attempt at it; `shared` by several accounts, with whose.

        With one account the execution says whose it is, and the fact does not repeat it.
        """
        data = {
            "recipients": self.recipients,
            "sha256": hashlib.sha256(self.xml).hexdigest(),
            "worker": worker,
            **({"login": self.login} if shared else {}),
        }
        return Fact(FactKind.SENDING, stamp(at), self.number, attempt, data)


def written(plan: Plan, number: int, clientcode: str) -> Outgoing:
    """Write the XML of a request."""
    planned = plan.request(number)
    xml = wire.encode_request(plan.campaign, planned.content, planned.numbers, clientcode)
    return Outgoing(number, clientcode, len(planned.numbers), xml)


def post(gateway: GatewayClient, outgoing: Outgoing, attempt: int, clock: Clock) -> Fact:
    """Post what was claimed, and return what came back, or why nothing did, as a fact."""
    started_s = time.perf_counter()
    data: dict[str, Any]
    body: bytes | None
    try:
        reply = gateway.send(outgoing.xml)
    except NotSent as error:
        kind, data, body = FactKind.NOT_SENT, {"reason": str(error)}, None
    except Interrupted as error:
        kind, body = FactKind.BROKEN_OFF, error.body
        data = {"reason": str(error), "http_status": error.http_status}
    else:
        kind, body = FactKind.ANSWER, reply.body
        elapsed_ms = round((time.perf_counter() - started_s) * 1000)
        data = {"http_status": reply.http_status, "elapsed_ms": elapsed_ms}
        if reply.retry_after_s is not None:
            data["retry_after_s"] = reply.retry_after_s
    return Fact(kind, stamp(clock()), outgoing.number, attempt, data, body)


@dataclass
class Sender:
    """Sends what may be sent, with one worker or several in this process.

    Parameters
    ----------
    queue, accounts, journal
        What may be sent, with whose account, and where it is recorded.
    name
        Of this process in the facts; each worker adds its own number.
    workers
        How many requests may be under way at once.
    halt
        Once set, no further request is claimed, and those under way are finished.
    on_request
        Called after each request with where it is, always in the thread that runs the sender.
    clock
        Gives the time, in UTC, unless the journal has its own.
    """

    queue: Queue
    accounts: Accounts
    journal: Journal
    name: str = field(default_factory=this_process)
    workers: int = 1
    halt: threading.Event = field(default_factory=threading.Event)
    on_request: Callable[[Request], None] = lambda _request: None
    clock: Clock = lambda: times.utc_now()  # noqa: PLW0108  (looked up when called)

    def __post_init__(self) -> None:
        """Have the workers share the queue."""
        self.gateways = {one.clientcode: GatewayClient(one) for one in self.accounts.each}
        self._changed = threading.Condition()
        self._told: SimpleQueue[Request | BaseException | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.queue.on_request = self._told.put

    def under_way(self) -> list[threading.Thread]:
        """Return the threads that may still be sending after `run` was broken off."""
        return [thread for thread in self._threads if thread.is_alive()]

    def run(self) -> Stop | None:
        """Send; give why it ended early, or nothing."""
        try:
            if self.workers == 1:
                self._work(
                    self.name, self._tell
                )  # in this thread, so that Ctrl-C breaks off the exchange
            else:
                self._run_threads()
        except BaseException:
            self.halt.set()
            raise
        return self.queue.why_stopped()

    def _run_threads(self) -> None:
        """Work in threads, which a second Ctrl-C is not made to wait for."""
        for place in range(1, min(self.workers, len(self.queue.waiting())) + 1):
            thread = threading.Thread(
                target=self._thread,
                args=(f"worker {place} of {self.name}",),
                name="mmsbatch-worker",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()
        errors: list[BaseException] = []
        ended = 0
        while ended < len(self._threads):
            told = self._told.get()
            if not isinstance(told, Request):
                ended += 1
                errors += [told] if told else []
            elif not errors:
                try:
                    self.on_request(told)
                except Exception as error:  # noqa: BLE001  (raised when all have ended)
                    self.halt.set()
                    errors.append(error)
        if errors:
            raise errors[0]

    def _thread(self, worker: str) -> None:
        try:
            self._work(worker, lambda: None)
        except BaseException as error:  # noqa: BLE001  (it is raised by `run`)
            self.halt.set()
            self._told.put(error)
        else:
            self._told.put(None)

    def _tell(self) -> None:
        while not self._told.empty():
            told = self._told.get()
            if isinstance(told, Request):
                self.on_request(told)

    # ----- a worker ------------------------------------------------------------------------------

    def _work(self, worker: str, tell: Callable[[], None]) -> None:
        """Claim, post, record, decide, until nothing more may be claimed."""
        while claimed := self._claim(worker):
            outgoing, attempt = claimed
            gateway = self.gateways[outgoing.login]
            ended = post(gateway, outgoing, attempt, self.clock)
            with self._changed:
                self._record(ended)
                self._changed.notify_all()
            tell()

    def _record(self, ended: Fact) -> None:
        """Record what came of an attempt, before anything else is done."""

        def choose(news: list[NumberedFact], _now: datetime | None) -> Fact:
            self.queue.take_in(news)
            return self.queue.unless_settled(ended)

        self._record_chosen(choose)

    def _claim(self, worker: str) -> tuple[Outgoing, int] | None:
        """Claim an attempt at the next request, once it may leave; None: nothing more may."""
        with self._changed:
            while True:
                if self.halt.is_set():
                    self.queue.interrupt()
                chosen = self.queue.next(self.clock())
                if isinstance(chosen, Turn):
                    if claimed := self._claim_first(worker, chosen):
                        return claimed
                elif isinstance(chosen, Wait):
                    self._changed.wait(min(chosen.seconds, ASK_AGAIN_S))
                    self._take_in_news()
                else:
                    return None

    def _claim_first(self, worker: str, likely: Turn) -> tuple[Outgoing, int] | None:
        """Claim what may be claimed first by all that the journal says now, if anything may."""
        outgoing = self._written(likely)  # before others have to wait for it

        def choose(news: list[NumberedFact], now: datetime | None) -> Fact | None:
            nonlocal outgoing
            self.queue.take_in(news)
            at = now or self.clock()
            turn = self.queue.next(at)
            if not isinstance(turn, Turn):
                return None
            if (turn.number, turn.login) != (outgoing.number, outgoing.login):
                outgoing = self._written(turn)
            attempt = self.queue.requests[turn.number].attempts + 1
            return outgoing.claim(attempt, worker, at, shared=self.accounts.several)

        if self._record_chosen(choose):
            return outgoing, self.queue.requests[outgoing.number].attempts
        return None

    def _written(self, turn: Turn) -> Outgoing:
        return written(self.queue.plan, turn.number, turn.login)

    def _take_in_news(self) -> None:
        try:
            self.queue.take_in(self.journal.since(self.queue.seen))
        except RunError as error:
            self._stop(error)

    def _record_chosen(self, choose: Choose) -> bool:
        """Record what is chosen, and take it in; return whether anything was recorded."""
        try:
            recorded = self.journal.record_chosen(self.queue.seen, choose)
        except RunError as error:
            self._stop(error)
            return False
        self.queue.take_in([recorded] if recorded else [])
        return recorded is not None

    def _stop(self, error: RunError) -> None:
        """Stop without the journal: what it did not take has not left, or is in doubt."""
        self.queue.stop = self.queue.stop or Stop(str(error), "resume")
