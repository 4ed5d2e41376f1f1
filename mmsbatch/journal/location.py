"""Where the journal of a run is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from mmsbatch.journal.address import POINTER, Address
from mmsbatch.journal.facts import Fact
from mmsbatch.journal.journal import Journal
from mmsbatch.journal.rows import Row
from mmsbatch.journal.sqlite_location import SqliteLocation
from mmsbatch.journal.sqlite_reader import JOURNAL


class JournalLocation(Protocol):
    """The journal of one run, wherever it is."""

    @property
    def label(self) -> str:
        """Which journal it is, for messages; no secret is in it."""

    def exists(self) -> bool:
        """Return whether there is a journal."""

    def create(self, identity: str) -> Journal:
        """Make an empty journal for a run of this identity, and open it."""

    def discard(self) -> None:
        """Remove a journal whose run could not be made."""

    def open(self) -> Journal:
        """Open the journal for appending.

        Raises
        ------
        RunError
            There is none, it cannot be written, or it is of a newer version.
        """

    def open_for_worker(self) -> AbstractContextManager[Journal]:
        """Open the journal, and be one of those who send while another process drives.

        Raises as `open` does.
        """

    def facts(
        self, first: int | None = None, *, after: int = 0, requests: range | None = None
    ) -> list[Fact]:
        """Read every fact, in the order of recording; nothing is written.

        Parameters
        ----------
        first
            Only so many.
        after
            Only those behind the one of this number.
        requests
            Only those about these requests.

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

    def checked_rows(self) -> Iterator[Row]:
        """Read every row, once the database's own checks hold; raise `Damaged` if they do not."""

    def write(self, rows: Iterable[Row]) -> None:
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

    def writer(self, *, with_workers: bool = False) -> AbstractContextManager[None]:
        """Be the one process that drives the run, settles its doubts or erases people.

        Parameters
        ----------
        with_workers
            Whether others may send meanwhile (`open_for_worker`).

        Raises
        ------
        RunError
            Another process is; names it.
        """

    def being_written(self) -> bool:
        """Return whether a process sends the run now."""


@contextmanager
def folder_held(address: Address, folder: str) -> Iterator[None]:
    """Hold the name of a folder of runs at a URL, by a lock of the database's; waits for it.

    Raises
    ------
    RunError
        The database cannot be reached.
    """
    from mmsbatch.journal import postgres  # noqa: PLC0415

    with postgres.holding(address, folder):
        yield


def journal_of(run: Path, address: Address | None = None) -> JournalLocation:
    """Return where the journal of a run is, by its folder, or is to be made.

    Parameters
    ----------
    run
        The folder.
    address
        Of the database that new journals are made in; without one that is the folder. Of a run that
        is there, its folder says where its journal is.
    """
    pointed = (run / POINTER).exists()
    if not pointed and (address is None or (run / JOURNAL).exists()):
        return SqliteLocation(run)
    from mmsbatch.journal.postgres_location import PostgresLocation  # noqa: PLC0415

    return PostgresLocation(run, address)
