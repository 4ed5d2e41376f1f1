"""A journal read without a trace: in a read-only folder, on another machine, while it is written.

Every reader of journals opens the file here and turns its rows into facts here.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from mmsbatch import hints
from mmsbatch.errors import RunError
from mmsbatch.journal.facts import Fact
from mmsbatch.journal.rows import FACT_COLUMNS, numbered_facts

JOURNAL: Final = "journal.sqlite"
LOG: Final = "journal.sqlite-wal"
"""Facts that SQLite has not yet put into the journal itself."""
_SHARED_MEMORY: Final = "journal.sqlite-shm"

SCHEMA_VERSION: Final = 1
"""Of the journal; the file's ``user_version``."""

_EVERY: Final = -1
_TRIES: Final = 5


class JournalFiles(Protocol):
    """Where a journal is: on this machine or behind a URL."""

    @property
    def local(self) -> Path | None:
        """The folder, if it is on this machine."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size of each file by its name, in bytes."""

    def open(self, name: str) -> BinaryIO:
        """Open a file of the folder for reading."""


@dataclass(frozen=True)
class LocalJournal:
    """The journal in a folder on this machine."""

    folder: Path

    @property
    def local(self) -> Path:
        """The folder, with links followed: SQLite finds the log beside the file itself."""
        return self.folder.resolve()

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the journal and its log, if they are there."""
        paths = (self.folder / name for name in (JOURNAL, LOG))
        return {path.name: path.stat().st_size for path in paths if path.exists()}

    def open(self, name: str) -> BinaryIO:
        """Open a file of the folder for reading."""
        return (self.folder / name).open("rb")


def read_facts(
    folder: Path, first: int | None = None, *, after: int = 0, requests: range | None = None
) -> list[Fact]:
    """Read the facts of a run on this machine; see `JournalLocation.facts`.

    Raises
    ------
    RunError
        There is no journal, or it cannot be read, is damaged or is of a newer version.
    """
    file = str(folder / JOURNAL)
    for tries_left in reversed(range(_TRIES)):
        before = _last_written(folder)
        try:
            with opened(LocalJournal(folder)) as connection:
                check_version(connection, file)
                where, values = chosen(after, requests)
                query = f"SELECT seq, {FACT_COLUMNS} FROM facts {where} ORDER BY seq LIMIT ?"  # noqa: S608
                limit = _EVERY if first is None else first
                rows = connection.execute(query, (*values, limit)).fetchall()
                return [fact for _, fact in numbered_facts(rows, file)]
        except FileNotFoundError:
            if tries_left and (folder / JOURNAL).exists():
                continue  # its log was there a moment ago
            raise RunError(f"{file} does not exist: {folder} is not a run's folder") from None
        except OSError as error:
            raise RunError(f"{file} cannot be read ({error}): check its permissions") from None
        except (sqlite3.Error, ValueError, TypeError) as error:
            # Nothing is wrong with a file that a process opened or closed in the midst of this.
            if not tries_left or _last_written(folder) == before:
                raise damaged(file, str(folder), error) from None
    raise AssertionError  # pragma: no cover  (the last try returns or raises)


def _last_written(folder: Path) -> list[tuple[str, int, int]]:
    """Return when each of the journal's files was last written, and its size."""
    found = []
    for name in (JOURNAL, LOG, _SHARED_MEMORY):
        with suppress(FileNotFoundError):
            stat = (folder / name).stat()
            found.append((name, stat.st_size, stat.st_mtime_ns))
    return found


def chosen(after: int, requests: range | None) -> tuple[str, tuple[int, ...]]:
    """Return what chooses facts, and its values."""
    if requests is None:
        return "WHERE seq > ?", (after,)
    return "WHERE seq > ? AND request BETWEEN ? AND ?", (after, requests.start, requests.stop - 1)


@contextmanager
def opened(at: JournalFiles) -> Iterator[sqlite3.Connection]:
    """Open a journal for reading; nothing is written beside it.

    Raises
    ------
    OSError, sqlite3.Error
        As they come: what they mean is for the caller to say.
    """
    address = _in_place(at)
    if address is not None:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            if _is_readable(connection):
                yield connection
                return
    # To read the log SQLite makes shared memory of its own: beside copies.
    with tempfile.TemporaryDirectory(prefix="mmsbatch-journal-") as spare:  # 0700
        for name in (JOURNAL, LOG) if at.sizes.get(LOG) else (JOURNAL,):
            with at.open(name) as source, Path(spare, name).open("wb") as copy:
                shutil.copyfileobj(source, copy)
        address = f"{Path(spare, JOURNAL).as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            yield connection


def _in_place(at: JournalFiles) -> str | None:
    """Return the address at which SQLite reads the file where it is and writes nothing, if any."""
    if at.local is None:
        return None
    if JOURNAL not in at.sizes:
        raise FileNotFoundError(at.local / JOURNAL)
    uri = (at.local / JOURNAL).as_uri()
    if LOG in at.sizes and (at.local / _SHARED_MEMORY).exists():
        # A process writes, or was killed. Its shared memory is read and not written, so that all
        # facts of one moment are seen.
        return f"{uri}?mode=ro&readonly_shm=1"
    if not at.sizes.get(LOG):
        # Immutable: SQLite makes no shared memory beside the file, and needs no right to.
        return f"{uri}?mode=ro&immutable=1"
    return None


def _is_readable(connection: sqlite3.Connection) -> bool:
    """Return whether SQLite takes the shared memory as it is: a kill may leave it half-written."""
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        return False
    except sqlite3.DatabaseError:  # damaged: the caller's first question says how
        return True
    return True


def check_version(connection: sqlite3.Connection, file: str) -> None:
    """Refuse a journal that a newer version wrote.

    Raises
    ------
    RunError
        This version cannot read it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise newer(version, file)


def newer(version: int, file: str) -> RunError:
    """Make the error of a journal that a newer version wrote."""
    return RunError(
        f"{file} was written by a newer mmsbatch (journal version {version}; this one reads up to "
        f"{SCHEMA_VERSION}): {hints.UPGRADE}"
    )


def damaged(file: str, run: str, error: Exception) -> RunError:
    """Make the error of a journal that is not whole."""
    return RunError(
        f"{file} is damaged or was copied in part ({error}): copy the folder again whole, or "
        f"restore it from a copy; `{hints.verify(run)}` says more"
    )
