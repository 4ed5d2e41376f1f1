"""A journal in a run's folder, as its run knows it: how it is made, read, opened and held."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmsbatch import hints
from mmsbatch.errors import RunError
from mmsbatch.journal import lock, sqlite_checks
from mmsbatch.journal.facts import Fact
from mmsbatch.journal.mounts import network_file_system
from mmsbatch.journal.rows import Row
from mmsbatch.journal.sqlite import INSERT, SqliteJournal
from mmsbatch.journal.sqlite_reader import JOURNAL, LOG, read_facts

LOCK: Final = "writer.lock"
WORKERS: Final = "workers.lock"
"""Held by each worker process of an execution that has some."""


@dataclass(frozen=True)
class SqliteLocation:
    """See `mmsbatch.journal.location.JournalLocation`."""

    folder: Path

    @property
    def label(self) -> str:
        """The file."""
        return str(self.folder / JOURNAL)

    def exists(self) -> bool:
        """Return whether the file is there."""
        return (self.folder / JOURNAL).exists()

    def create(self, _identity: str) -> SqliteJournal:
        """Make the file, and the one that is locked by who writes."""
        if kind := network_file_system(self.folder):
            raise RunError(
                f"it is on a network file system ({kind}), whose locks SQLite cannot rely on, so "
                "two machines could send the same request. Take a folder on a disk of this "
                "machine, or keep the journal in PostgreSQL "
                f"({hints.option('journal', 'postgresql+psycopg://…')})"
            )
        (self.folder / LOCK).touch(mode=0o600)
        return SqliteJournal(self.folder / JOURNAL, create=True)

    def discard(self) -> None:
        """Do nothing: it goes with its folder."""

    def open(self) -> SqliteJournal:
        """Open the file for appending."""
        return SqliteJournal(self.folder / JOURNAL)

    @contextmanager
    def open_for_worker(self) -> Iterator[SqliteJournal]:
        """Open the file, and be one of those who send while another process drives."""
        with lock.shared(self.folder / WORKERS), self.open() as journal:
            yield journal

    def facts(
        self, first: int | None = None, *, after: int = 0, requests: range | None = None
    ) -> list[Fact]:
        """Read facts; nothing is written beside the file."""
        return read_facts(self.folder, first, after=after, requests=requests)

    def inodes(self) -> dict[str, int]:
        """Return the inodes of the files that are made with a run and never replaced."""
        files = (self.folder / name for name in (JOURNAL, LOCK))
        return {path.name: path.stat().st_ino for path in files if path.exists()}

    def check_version(self) -> None:
        """Refuse a journal of a newer version."""
        sqlite_checks.check_version(self.folder / JOURNAL)

    def remarks(self) -> list[str]:
        """Say so if a log is there."""
        if not (self.folder / LOG).exists():
            return []
        return [f"{LOG} is there: the last process did not end properly, or reads now"]

    def checked_rows(self) -> Iterator[Row]:
        """Read every row, once SQLite's own checks hold."""
        return sqlite_checks.read_rows(self.folder / JOURNAL)

    def write(self, rows: Iterable[Row]) -> None:
        """Make a journal that holds these rows, and nothing else in any of its pages."""
        SqliteJournal(self.folder / JOURNAL, create=True).close()
        with closing(sqlite3.connect(self.label, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, rows)
            connection.execute("COMMIT")

    def take(self, folder: Path) -> None:
        """Copy another journal's pages over this one's; the log keeps nothing of what was."""
        made = folder / JOURNAL
        if not made.exists():
            return
        try:
            with (
                closing(sqlite3.connect(made)) as source,
                closing(sqlite3.connect(self.label, timeout=30.0)) as target,
            ):
                target.execute("PRAGMA synchronous=FULL")
                target.execute("PRAGMA secure_delete=ON")
                source.backup(target)
                busy = target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise RunError(
                f"{self.label} cannot be replaced ({error}): erase the person again when it can"
            ) from None
        if busy:
            raise RunError(
                f"{self.label} is being read by another process: erase the person again when "
                "that has ended"
            )
        self.__class__(folder).remove()

    def remove(self) -> None:
        """Remove the file; whatever is beside it goes with its folder."""
        (self.folder / JOURNAL).unlink()

    def is_part(self, path: Path) -> bool:
        """Return whether a file is the journal, its log or its shared memory."""
        return path.name.startswith(JOURNAL)

    @contextmanager
    def writer(self, *, with_workers: bool = False) -> Iterator[None]:
        """Be the one process that writes; see `lock.run_held`."""
        with lock.run_held(self.folder / LOCK), ExitStack() as others:
            if (self.folder / WORKERS).exists():
                # Workers of an execution whose driver has ended may still be sending.
                others.enter_context(lock.alone(self.folder / WORKERS))
            if with_workers:
                others.close()
            yield

    def being_written(self) -> bool:
        """Return whether a process holds the lock now."""
        return lock.is_held(self.folder / LOCK) or lock.is_held(self.folder / WORKERS, by_any=True)
