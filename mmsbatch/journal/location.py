"""Where the journal of a run is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from mmsbatch.journal.facts import Fact
from mmsbatch.journal.journal import Journal
from mmsbatch.journal.rows import Row
from mmsbatch.journal.sqlite_location import SqliteLocation


class JournalLocation(Protocol):
    """The journal of one run, wherever it is."""

    @property
    def label(self) -> str:
        """Which journal it is, for messages; no secret is in it."""

    def exists(self) -> bool:
        """Return whether there is a journal."""

    def create(self) -> Journal:
        """Make an empty journal, and open it."""

    def open(self) -> Journal:
        """Open the journal for appending.

        Raises
        ------
        RunError
            There is none, it cannot be written, or it is of a newer version.
        """

    def facts(self, first: int | None = None) -> list[Fact]:
        """Read every fact, or the first so many, in the order of recording; nothing is written.

        Raises
        ------
        RunError
            There is no journal, or it cannot be read, is damaged or is of a newer version.
        """

    def inodes(self) -> dict[str, int]:
        """Return what tells a journal from a copy of it; empty if there can be no copy."""

    def check_version(self) -> None:
        """Raise RunError if the journal is of a newer version."""

    def remarks(self) -> list[str]:
        """Return what is worth knowing of it that makes nothing wrong."""

    def checked_rows(self) -> list[Row]:
        """Read every row, once the database's own checks hold; raise `Damaged` if they do not."""

    def write(self, rows: Sequence[Row]) -> None:
        """Make a journal that holds these rows, and nothing else."""

    def take(self, folder: Path) -> None:
        """Take over the journal that `write` made for another folder, in one transaction.

        Done again after a crash, it does the same.

        Raises
        ------
        RunError
            It cannot be replaced now.
        """

    def is_part(self, path: Path) -> bool:
        """Return whether a file is the journal, or the database's own beside it."""

    def writer(self) -> AbstractContextManager[None]:
        """Be the one process that sends the run or settles its doubts.

        Raises
        ------
        RunError
            Another process is; names it.
        """

    def being_written(self) -> bool:
        """Return whether a process sends the run now."""


def journal_of(run: Path) -> JournalLocation:
    """Return where the journal of a run is, by its folder."""
    return SqliteLocation(run)
