"""A journal that facts are appended to: by any thread, any process, any machine that reaches it.

Who writes is alone with the journal until the facts are durable, so the chain of hashes has no
fork, and who asks what may be claimed claims it before anybody else can ask. That no attempt is
claimed twice is besides a uniqueness constraint of the database, not a matter of care.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from types import TracebackType
from typing import Any, Protocol, Self

from mmsbatch.errors import RunError
from mmsbatch.journal.facts import Fact, FactKind, stamp
from mmsbatch.journal.rows import Row, rows_of

NumberedFact = tuple[int, Fact]
"""A fact under its number in the journal, from 1."""

Choose = Callable[[list[NumberedFact], datetime | None], Fact | None]
"""Chooses a fact, given what was recorded since, and the journal's own time if it has one;
None: nothing now."""


class AlreadyClaimed(RunError):  # noqa: N818
    """Another writer has recorded this fact of this attempt. Nothing was sent by this one."""


class Damaged(Exception):  # noqa: N818  (a finding of who verifies, not a failure)
    """A journal is not as its database should have kept it."""


class Taken(Exception):  # noqa: N818
    """The database has a fact of this kind of this attempt."""


class Transaction(Protocol):
    """A moment in which nobody else writes to the journal."""

    @property
    def last(self) -> tuple[int, str]:
        """The number and the hash of the last fact; 0 and nothing if there is none."""

    @property
    def now(self) -> datetime | None:
        """The journal's own time, where writers on several machines share it."""

    def since(self, after: int, known: Sequence[int]) -> list[NumberedFact]:
        """Read the facts behind a number, but not those known."""

    def insert(self, rows: Sequence[Row]) -> None:
        """Write rows behind the last one; raise `Taken` if one of them is there."""


class Journal(ABC):
    """Appends facts and gives them back, from any thread; use it as a context manager."""

    def __init__(self, label: str) -> None:
        self.label = label
        """Which journal it is, for messages; no secret is in it."""
        self._lock = Lock()
        self._closed = False
        self._own: dict[int, Fact] = {}

    def append(
        self,
        kind: FactKind,
        *,
        at: datetime,
        request: int | None = None,
        attempt: int | None = None,
        data: Mapping[str, Any] | None = None,
        body: bytes | None = None,
    ) -> None:
        """Record a fact; when this returns, it survives a loss of power.

        Raises
        ------
        AlreadyClaimed
            This attempt of this request already has a fact of this kind.
        RunError
            The fact could not be written: full disk, read-only folder, I/O error.
        """
        self.record(Fact(kind, stamp(at), request, attempt, dict(data or {}), body))

    def record(self, *facts: Fact) -> None:
        """Record facts behind each other, all of them or none; raises as `append` does."""
        self._alone(lambda _: facts)

    def record_chosen(self, after: int, choose: Choose) -> NumberedFact | None:
        """Record the fact that is chosen by what the journal says now.

        Parameters
        ----------
        after
            The last fact that the caller knows of.
        choose
            Is given those behind it. What it chooses is durable before anybody else is asked; it
            may be asked again, if the database did not take what it chose.

        Returns
        -------
        (int, Fact) or None
            What was recorded; None if nothing was chosen.

        Raises
        ------
        RunError
            As from `append`.
        """

        def chosen(moment: Transaction) -> list[Fact]:
            fact = choose(self._news(moment, after), moment.now)
            return [] if fact is None else [fact]

        recorded = self._alone(chosen)
        return recorded[0] if recorded else None

    def since(self, after: int) -> list[NumberedFact]:
        """Return the facts behind a number, in the order of recording."""
        found: list[NumberedFact] = []

        def read(moment: Transaction) -> list[Fact]:
            found[:] = self._news(moment, after)
            return []

        self._alone(read)
        return found

    def facts(self) -> list[Fact]:
        """Return every fact, in the order of recording."""
        return [fact for _, fact in self.since(0)]

    def close(self) -> None:
        """Let go of the database; nothing can be appended any more."""
        with self._lock:
            self._closed = True
            self._disconnect()

    @abstractmethod
    def _write(self, work: Callable[[Transaction], list[NumberedFact]]) -> list[NumberedFact]:
        """Do some work in a transaction that is alone with the journal, and make it durable."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Let go of the connection."""

    def _alone(self, choose: Callable[[Transaction], Sequence[Fact]]) -> list[NumberedFact]:
        """Append what is chosen while nobody else writes; return it, numbered."""
        with self._lock:
            if self._closed:
                raise RunError(f"{self.label} is closed: nothing can be recorded any more")
            recorded = self._write(lambda moment: self._append(moment, choose(moment)))
            self._own.update(recorded)
        return recorded

    def _append(self, moment: Transaction, facts: Sequence[Fact]) -> list[NumberedFact]:
        if not facts:
            return []
        rows = rows_of(facts, moment.last)
        try:
            moment.insert(rows)
        except Taken:
            raise _already_claimed(facts) from None
        return [(row["seq"], fact) for row, fact in zip(rows, facts, strict=True)]

    def _news(self, moment: Transaction, after: int) -> list[NumberedFact]:
        """Return the facts behind a number; those this object recorded need not be read again."""
        self._own = {seq: fact for seq, fact in self._own.items() if seq > after}
        found = list(self._own.items())
        if len(found) < moment.last[0] - after:
            found = sorted([*found, *moment.since(after, list(self._own))], key=_number)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _number(numbered: NumberedFact) -> int:
    return numbered[0]


def _already_claimed(facts: Sequence[Fact]) -> AlreadyClaimed:
    """Make the error of facts that another writer has recorded."""
    which = " or ".join(
        f"request {fact.request}, attempt {fact.attempt}: {fact.kind.value!r}" for fact in facts
    )
    return AlreadyClaimed(f"{which} is recorded already; another process sends this run")
