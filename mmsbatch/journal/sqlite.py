"""A journal in an SQLite file in the run's folder: for processes of one machine."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mmsbatch import hints
from mmsbatch.errors import RunError
from mmsbatch.journal.journal import Journal, NumberedFact, Taken, Transaction
from mmsbatch.journal.rows import COLUMNS, FACT_COLUMNS, Row, numbered_facts
from mmsbatch.journal.sqlite_reader import SCHEMA_VERSION, check_version

# The second of two writers that claim the same attempt fails at the constraint, whatever they
# believe.
_CREATE: Final = (
    "CREATE TABLE facts (\n\tseq INTEGER NOT NULL, \n\tat VARCHAR(24) NOT NULL, "
    "\n\tkind VARCHAR(16) NOT NULL, \n\trequest INTEGER, \n\tattempt INTEGER, "
    "\n\tdata TEXT NOT NULL, \n\tbody BLOB, \n\thash VARCHAR(64) NOT NULL, "
    "\n\tPRIMARY KEY (seq), "
    "\n\tCONSTRAINT one_fact_of_a_kind_per_attempt UNIQUE (request, attempt, kind)\n)"
)
INSERT: Final = (
    f"INSERT INTO facts ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"  # noqa: S608  (names of this package)
)
_LAST: Final = "SELECT seq, hash FROM facts ORDER BY seq DESC LIMIT 1"


class SqliteJournal(Journal):
    """A journal in an SQLite file.

    Parameters
    ----------
    path
        The file. It is made, readable by its owner only, when it does not exist and `create` is
        true.

    Raises
    ------
    RunError
        The file cannot be opened, or is of a newer version.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        super().__init__(str(path))
        self._path = path
        if not create and not path.exists():
            raise RunError(f"{path} does not exist: {path.parent} is not a run's folder")
        # One connection for all threads: SQLite has one writer at a time anyway.
        self._connection: sqlite3.Connection | None = None
        try:
            if create:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = self._connected()
            if create:
                connection.execute(_CREATE)
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            check_version(connection, str(path))
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise _unusable(path, error) from None
        except RunError:
            self.close()
            raise

    def _write(self, work: Callable[[Transaction], list[NumberedFact]]) -> list[NumberedFact]:
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            done = work(_Transaction(connection, self.label))
            connection.execute("COMMIT")
        except BaseException as error:
            # Whatever state a failure has left the connection in, the next gets a new one.
            self._disconnect()
            if isinstance(error, OSError | sqlite3.Error):
                raise _unusable(self._path, error) from None
            raise
        return done

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            # isolation_level=None: transactions begin where it is said.
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
                self._connection.execute(f"PRAGMA {pragma}")
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


class _Transaction:
    """See `mmsbatch.journal.journal.Transaction`."""

    now = None

    def __init__(self, connection: sqlite3.Connection, label: str) -> None:
        self._connection = connection
        self._label = label
        self.last: tuple[int, str] = connection.execute(_LAST).fetchone() or (0, "")

    def since(self, after: int, known: Sequence[int]) -> list[NumberedFact]:
        query = f"SELECT seq, {FACT_COLUMNS} FROM facts WHERE seq > ? ORDER BY seq"  # noqa: S608  (of this package)
        rows = self._connection.execute(query, (after,)).fetchall()
        return numbered_facts([row for row in rows if row[0] not in known], self._label)

    def insert(self, rows: Sequence[Row]) -> None:
        try:
            self._connection.executemany(INSERT, rows)
        except sqlite3.IntegrityError:
            raise Taken from None


def _unusable(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} cannot be used ({type(error).__name__}: {error}): make the folder writable and "
        f"free some space on its disk; `{hints.status(path.parent)}` says where the run is"
    )
