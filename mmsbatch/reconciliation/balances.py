"""The balances heard during a run, and what each attempt between them can have cost. Pure (§2, §3).

A balance is known if an answer or the account tool said it. One that was said with no request
under way or in doubt can be counted from: an `anchor`. Answers to requests that overlapped come in
any order, and each speaks of the moment when its own request was taken: where they are over, the
account has what the least of them said.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from mmsbatch import spec
from mmsbatch.gateway.wire import Answer, canonical_echo
from mmsbatch.journal.facts import Event, Fact, FactKind, Verdict, interpret_reply, read_account

BY_CREDITS = "credits"
BY_PERSON = "person"

_COSTS_READ = 50
"""Enough to see that a cost is always the same; a year's prices are not wanted."""


@dataclass(frozen=True)
class Balance:
    """What the account had left, as somebody said."""

    position: int
    """Of its fact."""
    at: datetime
    credits: Decimal
    tool: bool
    """Said by the account tool, which may be late; an answer speaks of its own moment."""


@dataclass
class Attempt:
    """One attempt at a request, and how many recipients it took credits for."""

    request: int
    recipients: int
    began: int
    """The position of its first fact."""
    began_at: datetime
    ended: int | None = None
    """The position of the fact by which it was over; none while it is in doubt."""
    heard_at: datetime | None = None
    """When its exchange was over, whatever came of it."""
    charged: int | None = None
    """Recipients; none if that is not known."""
    left: Decimal | None = None
    """Credits that the account had afterwards, if its answer said so."""

    @property
    def last_at(self) -> datetime:
        """When something was last known to happen with it."""
        return self.heard_at or self.began_at


@dataclass
class BalanceHistory:
    """Attempts and balances of a run, in the order of its facts."""

    settle: timedelta
    attempts: list[Attempt] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)

    @classmethod
    def of(cls, facts: Sequence[Fact], settle: timedelta) -> BalanceHistory:
        """Read a run's facts."""
        history = cls(settle)
        current: dict[int, Attempt] = {}
        for position, fact in enumerate(facts):
            answer: Answer | None = None
            if fact.kind in {FactKind.BALANCE, FactKind.EVIDENCE}:
                answer = read_account(fact.body or b"")
            elif fact.kind is FactKind.SENDING and fact.request is not None:
                recipients = int(fact.data.get("recipients", 0))
                current[fact.request] = Attempt(fact.request, recipients, position, fact.at)
                history.attempts.append(current[fact.request])
            elif fact.request is not None:
                answer = _end(current[fact.request], position, fact)
            if answer is not None and answer.credits is not None:
                tool = fact.request is None
                history.balances.append(Balance(position, fact.at, answer.credits, tool))
                if fact.request is not None:
                    current[fact.request].left = answer.credits
        history.balances = list(history._least_where_they_overlapped())
        return history

    def _least_where_they_overlapped(self) -> Iterator[Balance]:
        """Return the balances; at the end of requests that overlapped, the least that they said.

        None at that end if one that may have taken credits said nothing.
        """
        groups = {
            max(one.ended or 0 for one in group): group for group in _overlapping(self.attempts)
        }
        for balance in self.balances:
            group = groups.get(balance.position, [])
            said = [one.left for one in group if one.left is not None]
            if not said:
                yield balance
            elif all(one.left is not None or one.charged == 0 for one in group):
                yield replace(balance, credits=min(said))

    @property
    def doubts(self) -> list[Attempt]:
        """The attempts that are in doubt now."""
        return [one for one in self.attempts if one.ended is None]

    def last_end(self) -> datetime:
        """Return when something was last known to happen with any attempt."""
        return max(one.last_at for one in self.attempts)

    def last_doubt_end(self) -> datetime:
        """Return when something was last known to happen with an attempt in doubt."""
        return max(one.last_at for one in self.doubts)

    def anchor(self) -> Balance | None:
        """Return the last balance with nothing under way or in doubt, if there is one."""
        return next((one for one in reversed(self.balances) if self._is_anchor(one)), None)

    def costs(self) -> list[Fraction]:
        """Return what a recipient cost, latest first, in requests between two anchors."""
        found: list[Fraction] = []
        anchors = (one for one in reversed(self.balances) if self._is_anchor(one))
        for after, before in pairwise(anchors):
            if len(found) >= _COSTS_READ:
                break
            found += self._costs_between(before, after)
        return found

    def _costs_between(self, before: Balance, after: Balance) -> list[Fraction]:
        """Return the cost in each request: the balance fell by its price when it was taken.

        So if several overlapped, falling balances are the order in which they were taken.
        Nothing is learned if one does not say all of it, or the balance has risen.
        """
        between = [
            one
            for one in self.attempts
            if before.position < one.began < after.position and one.charged != 0
        ]
        if len(between) == 1:
            steps = [(after.credits, between[0].charged)]
        else:
            known = [(one.left, one.charged) for one in between if one.left is not None]
            steps = sorted(known, key=lambda step: step[0], reverse=True)
            if len(known) < len(between):
                return []
        found: list[Fraction] = []
        credits_left = before.credits
        for left, charged in steps:
            if charged is None or left > credits_left:
                return []
            found.append(Fraction(credits_left - left) / charged)
            credits_left = left
        return found

    def spent_since(self, anchor: Balance) -> int | None:
        """Count the recipients charged by what is not in doubt; none if that is not known."""
        total = 0
        for one in self.attempts:
            if one.began > anchor.position and one.ended is not None:
                if one.charged is None:
                    return None
                total += one.charged
        return total

    def charges_by_balance(self, anchor: Balance, cost: Fraction) -> list[tuple[Balance, Fraction]]:
        """Return each balance since the anchor with the credits that the doubts had taken by then.

        Left out: balances with another request under way, whose cost may be in or not, and what
        the account tool said too soon after a request.
        """
        told = []
        for balance in self.balances:
            if balance.position <= anchor.position or not self._is_reliable(balance):
                continue
            if any(
                one.ended is not None and one.began < balance.position < one.ended
                for one in self.attempts
            ):
                continue
            spent = sum(
                one.charged or 0
                for one in self.attempts
                if one.began > anchor.position
                and one.ended is not None
                and one.ended <= balance.position
            )
            told.append((balance, Fraction(anchor.credits - balance.credits) - cost * spent))
        return told

    def _is_anchor(self, balance: Balance) -> bool:
        if self._is_busy(balance.position):
            return False
        return self._is_reliable(balance) or self._confirms_an_answer(balance)

    def _is_busy(self, position: int) -> bool:
        """Whether any attempt is under way, or is in doubt."""
        begun = bisect_left(self.attempts, position, key=lambda one: one.began)
        return begun > 0 and self._busy_until[begun - 1] > position

    @cached_property
    def _busy_until(self) -> list[float]:
        """Where, for each attempt, it and all those before it are over."""
        ends = (math.inf if one.ended is None else one.ended for one in self.attempts)
        return list(accumulate(ends, max))

    def _is_reliable(self, balance: Balance) -> bool:
        return not balance.tool or all(
            one.last_at + self.settle <= balance.at
            for one in self.attempts
            if one.began < balance.position
        )

    def _confirms_an_answer(self, balance: Balance) -> bool:
        """Whether the account tool says what the last answer said, with no attempt after that."""
        answers = [one for one in self.balances if not one.tool and one.position < balance.position]
        return (
            bool(answers)
            and answers[-1].credits == balance.credits
            and not self._is_busy(answers[-1].position)
            and not any(
                answers[-1].position < one.began < balance.position for one in self.attempts
            )
        )


def _overlapping(attempts: Sequence[Attempt]) -> Iterator[list[Attempt]]:
    """Group attempts that were under way at the same time; none is in two groups.

    Those in doubt are left out: nobody knows until when they were.
    """
    group: list[Attempt] = []
    until = 0
    for one in attempts:
        if one.ended is None:
            continue
        if group and one.began > until:
            yield group
            group = []
        group.append(one)
        until = max(until, one.ended)
    if group:
        yield group


def _end(attempt: Attempt, position: int, fact: Fact) -> Answer | None:
    """Enter what a fact says of an attempt; return the answer, if it holds one."""
    if fact.kind is FactKind.VERDICT:
        attempt.ended = position
        attempt.charged = _settled_charge(attempt, fact.data)
        return None
    attempt.heard_at = fact.at
    if fact.kind is FactKind.NOT_SENT:
        attempt.ended, attempt.charged = position, 0
    if fact.kind is not FactKind.ANSWER:
        return None
    reading = interpret_reply(fact.data.get("http_status"), fact.body or b"")
    if reading.event is not Event.NOTHING_PROVED:
        attempt.ended = position
        attempt.charged = (
            0 if reading.event is not Event.ACCEPTED else _charge(attempt, reading.answer)
        )
    return reading.answer


def _charge(attempt: Attempt, answer: Answer | None) -> int | None:
    """Count the numbers an answer names as taken, if it accounts for every recipient."""
    if answer is None or answer.status == spec.SCHEDULED:
        return None
    named = {canonical_echo(number) for number, _ in answer.contacted} - {None}
    whole = len(named) + len(set(answer.refused)) == attempt.recipients
    return len(named) if whole else None


def _settled_charge(attempt: Attempt, data: Any) -> int | None:
    if data.get("by") != BY_CREDITS:
        return None  # a person says whether to send again, not what was charged
    return attempt.recipients if data.get("verdict") == Verdict.SENT else 0
