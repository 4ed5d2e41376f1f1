"""What the facts of a run come to: where each request is, without holding every answer.

An answer names two hundred numbers, and a long run has a hundred thousand answers. Of a plan in
several parts, only the last of them are kept whole; whoever needs the others reads a part's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.journal.location import JournalLocation
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.states import Request, fold

_AT_ONCE: Final = 2_000
"""Facts: some 20 MB."""
_RECENT: Final = 200
"""Facts about requests: enough answers to learn a price from, and to know the balance."""


@dataclass(frozen=True)
class Known:
    """What is known of a run as of a fact."""

    requests: dict[int, Request]
    """Where each is; if not `whole`, without the numbers that its answer names."""
    facts: list[Fact]
    """All of them; if not `whole`, those of the run itself and the last about requests."""
    seen: int
    """How many facts there are."""
    whole: bool = True

    @classmethod
    def of(cls, facts: list[Fact], plan: Plan) -> Self:
        """Take all the facts of a run."""
        return cls(fold(facts, plan.requests), facts, len(facts))

    @classmethod
    def read(cls, journal: JournalLocation, plan: Plan, upto: int | None = None) -> Self:
        """Read what is known from a journal, or from its first so many facts."""
        if len(plan.parts) == 1:
            return cls.of(journal.facts(upto), plan)
        of_run: list[tuple[int, Fact]] = []
        recent: deque[tuple[int, Fact]] = deque(maxlen=_RECENT)
        seen = 0

        def told() -> Iterator[Fact]:
            nonlocal seen
            for fact in each(journal, upto):
                seen += 1
                of_itself = fact.request is None or fact.kind is FactKind.VERDICT
                (of_run if of_itself else recent).append((seen, fact))
                yield fact

        requests = fold(told(), plan.requests, brief=True)
        facts = sorted([*of_run, *recent], key=lambda numbered: numbered[0])
        return cls(requests, [fact for _, fact in facts], seen, whole=False)


def each(journal: JournalLocation, upto: int | None = None) -> Iterable[Fact]:
    """Read the facts, or the first so many, some at a time."""
    read = 0
    while facts := journal.facts(
        _AT_ONCE if upto is None else min(_AT_ONCE, upto - read), after=read
    ):
        yield from facts
        read += len(facts)
