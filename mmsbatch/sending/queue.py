"""What may be sent next, and whether anything may: said by the facts alone.

Every worker of an execution has a queue, or shares one with those of its process. All of them take
in the same facts in the same order, so they come to the same conclusions wherever they are. Pure.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from mmsbatch.errors import CampaignError
from mmsbatch.gateway.client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from mmsbatch.hints import RECONCILE
from mmsbatch.hours import OpeningHours
from mmsbatch.journal.facts import ATTEMPT_KINDS, Fact, FactKind, answer_in
from mmsbatch.journal.journal import NumberedFact
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.report import Stop
from mmsbatch.runs.states import Request, State, may_go, step
from mmsbatch.sending.policy import (
    AccountStop,
    Decision,
    HoldBack,
    OnDoubt,
    TryAgain,
    decide,
    held_back_by,
)
from mmsbatch.sending.sharing import Shares
from mmsbatch.times import TOO_LATE_ADVICE, Deadline

LOST_AFTER = timedelta(seconds=CONNECT_TIMEOUT_S + READ_TIMEOUT_S + 60)
"""A worker that has not recorded an answer by then has no connection to the journal, or is gone."""
ASK_AGAIN_S = 1.0
"""Longest wait before the journal is asked again: others may have stopped the run meanwhile."""


@dataclass(frozen=True)
class Rules:
    """What all workers of an execution keep to."""

    on_doubt: OnDoubt = "stop"
    requests_per_minute: float | None = None
    """Over all workers; None: as fast as the gateway answers."""
    max_credits: Decimal | float | None = None
    """Over all accounts."""
    logins: tuple[str, ...] = ()
    """Of the accounts, in order."""
    costs: Mapping[str, Decimal] = field(default_factory=dict)
    """Credits per recipient by login, where known from before."""
    not_after: Deadline | None = None
    upto: int | None = None
    """The last request that may be sent in this execution; None: all."""
    hours: OpeningHours | None = None
    """When requests may leave; None: at any time."""
    lost_after: timedelta = timedelta()
    """When a worker must be gone that has recorded no answer, if later than usual."""

    @property
    def interval(self) -> timedelta:
        """Between two requests."""
        return timedelta(minutes=1 / self.requests_per_minute if self.requests_per_minute else 0)


@dataclass(frozen=True)
class Turn:
    """A request that may be claimed, and with which account."""

    number: int
    login: str


@dataclass(frozen=True)
class Wait:
    """Nothing may be claimed for so long; it may be asked again earlier."""

    seconds: float


INTERRUPTED = Stop("interrupted after the current request", "resume")


class Queue:
    """The requests of a plan that may be sent in one execution.

    Parameters
    ----------
    plan
        What is sent.
    requests
        Where each request is (`mmsbatch.runs.states.fold`), before this execution. The dictionary
        is kept up to date.
    seen
        How many facts that is.
    rules
        What is kept to.
    execution
        Its own word.
    on_request
        Is given each request whose attempt has ended.
    """

    def __init__(
        self,
        plan: Plan,
        requests: dict[int, Request],
        seen: int,
        rules: Rules,
        execution: str = "",
        on_request: Callable[[Request], None] = lambda _request: None,
    ) -> None:
        self.plan = plan
        self.requests = requests
        self.seen = seen
        self.rules = rules
        self.execution = execution
        self.on_request = on_request
        self.stop: Stop | None = None
        """Why nothing more may be claimed."""
        gone = {State.ACCEPTED, State.IN_DOUBT, State.CONFIRMED}
        dearest = len(plan.campaign.kinds) > 1
        self.accounts = Shares(rules.logins, rules.max_credits, rules.costs, dearest=dearest)
        for number, request in requests.items():
            if request.state in gone:
                self.accounts.begin_with(request.login, self.recipients(number))
        held = {number: held_back_by(request) for number, request in requests.items()}
        self._held = {plan.content_of(number): why for number, why in held.items() if why}
        self._in_order = self.waiting()  # a heap, since a sorted list is one
        self._open = set(self._in_order)
        self._under_way: dict[int, Fact] = {}
        self._tries: Counter[tuple[int, str]] = Counter()
        self._places: dict[Any, str] = {}
        self._asked: Stop | None = None
        self._refused_before: int | None = None
        self._paused_at = datetime.min.replace(tzinfo=UTC)
        self._pause = timedelta()

    # ----- what there is -------------------------------------------------------------------------

    def waiting(self) -> list[int]:
        """Return the requests that may be sent in an execution, in order."""
        return [
            number
            for number, request in self.requests.items()
            if may_go(request) and self._has_people(number) and not self._is_held(number)
        ]

    def recipients(self, number: int) -> int:
        """Count the people whom a request is for."""
        return self.plan.recipients_of(number)

    def recipients_left(self) -> int:
        """Count the people whom the waiting requests are for."""
        return sum(map(self.recipients, self.waiting()))

    def in_doubt(self) -> str:
        """List the requests in doubt; empty if there are none."""
        doubts = [n for n, request in self.requests.items() if request.state is State.IN_DOUBT]
        return _listed(doubts) if doubts else ""

    # ----- what may be claimed -------------------------------------------------------------------

    def next(self, now: datetime) -> Turn | Wait | None:
        """Return which request may be claimed now, and with which account.

        Returns
        -------
        Turn, Wait or None
            A request; how long to wait for one; None: nothing more, for which `stop` may have a
            reason.
        """
        number = None if self.stop else self._first_open()
        if number is None:
            return None
        self.stop = (
            self._asked
            or self.accounts.why_stopped()
            or self.too_late(now)
            or self._closed(now)
            or self._canary_sent(number)
            or self._schedule_passed(now)
            or self._lost(now)
        )
        login = self.accounts.next()
        if self.stop or login is None:
            return None
        left = self._paused_at + self._pause - now
        if timedelta() < left <= self._pause:  # more is left only where the clock was set back
            return Wait(left.total_seconds())
        if self.accounts.unknown and self._under_way:  # bought one at a time
            return Wait(ASK_AGAIN_S)
        self.stop = self.accounts.limit(login, self.recipients(number))
        return None if self.stop else Turn(number, login)

    def interrupt(self) -> None:
        """Let nothing more be claimed, because this process was asked to end."""
        self._asked = INTERRUPTED

    def why_stopped(self) -> Stop | None:
        """Say why not all was sent; None if all was."""
        if self.stop is None and self._first_open() is not None:
            self.stop = self._asked
        first = next(iter(self._held.values()), None)
        return self.stop or (Stop(first.reason, first.what_to_do) if first else None)

    def too_late(self, now: datetime) -> Stop | None:
        """Stop if the time for sending has passed."""
        passed = self.rules.not_after.passed(now) if self.rules.not_after else ""
        return Stop(passed, TOO_LATE_ADVICE) if passed else None

    def _canary_sent(self, number: int) -> Stop | None:
        upto = self.rules.upto
        if upto is None or number <= upto:
            return None
        sent = sum(map(self.recipients, range(1, upto + 1)))
        return Stop(f"the canary is sent: the first {sent:,} recipients", "resume")

    def _closed(self, now: datetime) -> Stop | None:
        """Stop outside of the opening hours; what the gateway is told to send later may leave."""
        scheduled = self.plan.campaign.send_at is not None
        hours = None if scheduled else self.rules.hours
        why = hours.why_closed(now) if hours else ""
        return Stop(f"closing time: {why}", "resume") if why else None

    def _schedule_passed(self, now: datetime) -> Stop | None:
        try:
            self.plan.campaign.check_schedule(now)
        except CampaignError as error:
            return Stop(str(error), "send what is left in a new run with a later send_at")
        return None

    def _lost(self, now: datetime) -> Stop | None:
        """Take the requests whose workers must be gone as in doubt; stop if nothing follows one."""
        lost_after = max(LOST_AFTER, self.rules.lost_after)
        lost = [n for n, claim in self._under_way.items() if now - claim.at > lost_after]
        return self._give_up(lost)

    def _give_up(self, lost: list[int]) -> Stop | None:
        for number in lost:
            del self._under_way[number]
        if not lost or self.rules.on_doubt == "continue":
            return None
        return Stop(
            f"{_listed(lost)} in doubt: {self.requests[lost[0]].reason}",
            f"{RECONCILE} looks for evidence of what became of it; "
            "resuming sends the others and leaves it alone",
        )

    def _joined(self, fact: Fact) -> None:
        """Take a place over: what its earlier worker had under way is in doubt."""
        place, worker = fact.data.get("place"), str(fact.data.get("worker"))
        earlier = self._places.get(place)
        self._places[place] = worker
        gone = [
            number
            for number, claim in self._under_way.items()
            if earlier and claim.data.get("worker") == earlier
        ]
        self.stop = self.stop or self._give_up(gone)

    def _first_open(self) -> int | None:
        while self._in_order:
            number = self._in_order[0]
            if number in self._open and not self._is_held(number):
                return number
            heapq.heappop(self._in_order)
        return None

    def unless_settled(self, ended: Fact) -> Fact:
        """Return what came of an attempt, as a late fact if the attempt was settled meanwhile.

        That happens where its worker lost the journal for so long that it was taken for gone.
        """
        assert ended.request is not None  # noqa: S101  (it is of an attempt)
        request = self.requests[ended.request]
        if request.state is State.IN_DOUBT and request.attempts == ended.attempt:
            return ended
        return replace(ended, kind=FactKind.LATE, data={**ended.data, "kind": ended.kind.value})

    # ----- what happened -------------------------------------------------------------------------

    def take_in(self, facts: Iterable[NumberedFact]) -> None:
        """Draw the conclusions of facts, in the order of recording; known ones are passed over."""
        for seq, fact in facts:
            if seq > self.seen:
                self.seen = seq
                if fact.request is None:
                    self._happened_to_run(fact)
                else:
                    self._happened(fact.request, fact)

    def _happened_to_run(self, fact: Fact) -> None:
        if fact.kind is FactKind.BALANCE:
            self.accounts.hear(str(fact.data.get("login", "")), answer_in(fact))
        elif fact.kind is FactKind.STOP:
            self._asked = self._asked or Stop(f"stopped by {fact.data.get('by')}", "resume")
        elif fact.kind is FactKind.STARTED and fact.data.get("execution") != self.execution:
            self.stop = self.stop or Stop("another execution has taken over", "resume")
        elif fact.kind is FactKind.STOPPED:
            self.stop = self.stop or Stop("its execution has ended", "resume")
        elif fact.kind is FactKind.JOINED:
            self._joined(fact)

    def _happened(self, number: int, fact: Fact) -> None:
        request = step(self.requests[number], fact)
        self.requests[number] = request.brief()
        if fact.kind is FactKind.SENDING:
            self._tries[number, request.login] += 1
            self._under_way[number] = fact
            self._open.discard(number)
            self.accounts.claim(request.login, self.recipients(number))
            self._pause_for(self.rules.interval, fact.at)
        elif fact.kind in ATTEMPT_KINDS:
            self._under_way.pop(number, None)
            self._ended(request, fact)
        elif request.state is State.PENDING and number not in self._open:
            self._reopen(number)  # settled meanwhile: it may be sent again

    def _ended(self, request: Request, fact: Fact) -> None:
        budget = self.accounts.budget(request.login)
        if request.state is State.ACCEPTED:
            budget.learn(request.answer)
        elif request.state is not State.IN_DOUBT:
            budget.commit(-self.recipients(request.number))
        decision = decide(
            request,
            tries=self._tries[request.number, request.login],
            refused_before=self._refused_before,
            retry_after_s=fact.data.get("retry_after_s"),
            on_doubt=self.rules.on_doubt,
        )
        self._act(request, decision, fact.at)
        self.on_request(request)

    def _act(self, request: Request, decision: Decision, at: datetime) -> None:
        self._refused_before = None
        if isinstance(decision, AccountStop):
            self.accounts.end(request.login, decision)
            self.stop = self.stop or self.accounts.why_stopped()
            self._reopen(request.number)  # nothing of it was sent: another account may take it
        elif isinstance(decision, Stop):
            self.stop = self.stop or decision
        elif isinstance(decision, HoldBack):
            self._refused_before = request.answer.status if request.answer else None
            self._held[self.plan.content_of(request.number)] = decision
        elif isinstance(decision, TryAgain):
            # What has failed for one fails for all: none leaves before the pause is over.
            # Jitter, so that runs that failed together do not come back together.
            pause_s = decision.after_s * random.uniform(1.0, 1.25)  # noqa: S311
            self._pause_for(timedelta(seconds=pause_s), at)
            self._reopen(request.number)

    def _reopen(self, number: int) -> None:
        self._open.add(number)
        heapq.heappush(self._in_order, number)

    def _pause_for(self, pause: timedelta, at: datetime) -> None:
        """Let nothing leave for so long from a moment on, or longer if that was said before."""
        if at + pause >= self._paused_at + self._pause:
            self._paused_at, self._pause = at, pause

    # ----- messages ------------------------------------------------------------------------------

    def _is_held(self, number: int) -> bool:
        """Return whether a request's message was refused for itself."""
        return self.plan.content_of(number) in self._held

    def _has_people(self, number: int) -> bool:
        """Return whether a request is for anybody who has not been erased."""
        return self.plan.has_people(number)


def _listed(numbers: list[int], most: int = 10) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"request{'s' if len(numbers) > 1 else ''} {shown}{more}"
