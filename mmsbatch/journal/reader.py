"""Questions to the journal of a run that may lie anywhere, answered without reading all of it.

Journals of a hundred runs hold hundreds of megabytes of answers; who sums up reads few of them.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol

from mmsbatch.errors import RunError
from mmsbatch.journal.address import POINTER, Pointer
from mmsbatch.journal.facts import Fact
from mmsbatch.journal.rows import FACT_COLUMNS, fact_of, numbered_facts
from mmsbatch.journal.sqlite_reader import (
    JOURNAL,
    LOG,
    JournalFiles,
    check_version,
    damaged,
    opened,
)

_HEADER_BYTES: Final = 100


class RunFiles(JournalFiles, Protocol):
    """The files of a run, wherever they are."""

    @property
    def label(self) -> str:
        """The folder as a person would write it."""

    def size(self, name: str) -> int:
        """Return the size of a file as it is now, in bytes."""


class _Connection(Protocol):
    def execute(self, query: Any, /) -> Any:
        """Run a query, and give its rows."""


class Reader:
    """A journal that is open for questions.

    Parameters
    ----------
    connection
        To its database.
    journal
        Which it is, for errors.
    before
        SQL that makes ``facts`` the facts of this run.
    """

    def __init__(self, connection: _Connection, journal: str, before: str = "") -> None:
        self._connection = connection
        self._journal = journal
        self._before = before

    def count(self) -> int:
        """Return how many facts there are."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM facts").fetchone()[0])

    def facts(self) -> list[Fact]:
        """Return every fact, with the answers."""
        rows = self._rows(f"SELECT seq, {FACT_COLUMNS} FROM facts ORDER BY seq").fetchall()  # noqa: S608
        return [fact for _, fact in numbered_facts(rows, self._journal)]

    def select(self, where: str) -> Iterator[tuple[int, Fact]]:
        """Return facts under their numbers; of those about requests, not what was answered.

        Parameters
        ----------
        where
            What follows ``WHERE``, over the columns of `mmsbatch.journal.rows.COLUMNS`.
        """
        columns = FACT_COLUMNS.replace("body", "CASE WHEN request IS NULL THEN body END")
        rows = self._rows(f"SELECT seq, {columns} FROM facts WHERE {where}")  # noqa: S608
        return ((seq, fact_of(row)) for seq, *row in rows)

    def _rows(self, query: str) -> Any:
        return self._connection.execute(self._before + query)


@contextmanager
def reading(at: RunFiles) -> Iterator[Reader]:
    """Open a journal for questions; nothing is written.

    Raises
    ------
    RunError
        It is damaged, was copied in part, cannot be reached or is of a newer version.
    """
    if POINTER in at.sizes and JOURNAL not in at.sizes:
        with _in_database(at) as reader:
            yield reader
        return
    try:
        _check_size(at)
        with opened(at) as connection:
            check_version(connection, JOURNAL)
            yield Reader(connection, JOURNAL)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise damaged(JOURNAL, at.label, error) from None
    except OSError as error:
        raise RunError(f"{JOURNAL} cannot be read ({error}): check its permissions") from None


@contextmanager
def _in_database(at: RunFiles) -> Iterator[Reader]:
    from mmsbatch.journal import postgres_location  # noqa: PLC0415

    with at.open(POINTER) as file:
        pointer = Pointer.parse(file.read(), f"{at.label}/{POINTER}")
    with postgres_location.reading(pointer, None, at.label) as (connection, number):
        before = f"WITH facts AS (SELECT * FROM mmsbatch.facts WHERE journal = {number}) "  # noqa: S608
        yield Reader(connection, f"the journal in {pointer.database}", before)


def _check_size(at: RunFiles) -> None:
    """Compare the size with the one in the file's own header: SQLite itself overlooks a cut."""
    with at.open(JOURNAL) as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[:16] != b"SQLite format 3\0":
        raise RunError("journal.sqlite is not an SQLite file: restore the run's folder from a copy")
    if at.sizes.get(LOG):  # then the header may be of before
        return
    page_bytes = struct.unpack(">H", header[16:18])[0]
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    should = struct.unpack(">I", header[28:32])[0] * page_bytes
    with suppress(OSError):
        size = at.size(JOURNAL)
        if size < should:
            raise RunError(
                f"journal.sqlite was copied in part ({size} of {should} bytes): copy the folder "
                "again whole, or restore it from a copy"
            )
