"""The journal of a run: append-only facts in SQLite, durable when `append` returns.

One file in the run's folder. A fact is never changed or removed. Each carries the hash of the one
before, so a journal that was touched by hand shows it. That no attempt is claimed twice is a
uniqueness constraint, not a matter of care.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from mmsbatch import hints
from mmsbatch.errors import RunError
from mmsbatch.runs.journal_reader import SCHEMA_VERSION, check_version, facts_in
from mmsbatch.runs.states import Fact, FactKind, stamp

# seq: 1, 2, 3, … without a gap. at: UTC, ISO 8601, milliseconds. request, attempt: null for a fact
# of the run. data: JSON, keys sorted. body: an answer's bytes as they came. hash: SHA-256 over the
# last one and this. The second of two writers that claim the same attempt fails at the constraint,
# whatever they believe.
_CREATE: Final = (
    "CREATE TABLE facts (\n\tseq INTEGER NOT NULL, \n\tat VARCHAR(24) NOT NULL, "
    "\n\tkind VARCHAR(16) NOT NULL, \n\trequest INTEGER, \n\tattempt INTEGER, "
    "\n\tdata TEXT NOT NULL, \n\tbody BLOB, \n\thash VARCHAR(64) NOT NULL, "
    "\n\tPRIMARY KEY (seq), "
    "\n\tCONSTRAINT one_fact_of_a_kind_per_attempt UNIQUE (request, attempt, kind)\n)"
)
_COLUMNS: Final = ("seq", "at", "kind", "request", "attempt", "data", "body", "hash")
_INSERT: Final = (
    "INSERT INTO facts (seq, at, kind, request, attempt, data, body, hash) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_ONE_MORE: Final = ", (?, ?, ?, ?, ?, ?, ?, ?)"
_LAST: Final = "SELECT seq, hash FROM facts ORDER BY seq DESC LIMIT 1"


class AlreadyClaimed(RunError):  # noqa: N818
    """Another writer has recorded this fact of this attempt. Nothing was sent by this one."""


class Journal:
    """Appends facts and gives them back, from any thread; use it as a context manager.

    Parameters
    ----------
    path
        The SQLite file. It is made, readable by its owner only, when it does not exist and
        `create` is true.

    Raises
    ------
    RunError
        The file cannot be opened, or is of a newer version.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        if not create and not path.exists():
            raise RunError(f"{path} does not exist: {path.parent} is not a run's folder")
        # One connection for all threads: SQLite has one writer at a time anyway.
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._last: tuple[int, str] | None = None
        self.recorded: list[Fact] = []
        """The facts that this object appended, in the order of recording."""
        self._closed = False
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

    def append(
        self,
        kind: FactKind,
        *,
        at: datetime,
        request: int | None = None,
        attempt: int | None = None,
        data: Mapping[str, Any] | None = None,
        body: bytes | None = None,
    ) -> Fact:
        """Record a fact; when this returns, it survives a loss of power.

        Raises
        ------
        AlreadyClaimed
            This attempt of this request already has a fact of this kind.
        RunError
            The fact could not be written: full disk, read-only folder, I/O error.
        """
        fact = Fact(kind, stamp(at), request, attempt, dict(data or {}), body)
        self.record(fact)
        return fact

    def record(self, *facts: Fact) -> None:
        """Record facts behind each other, all of them or none; raises as `append` does."""
        with self._lock:
            if self._closed:
                raise RunError(f"{self.path} is closed: nothing can be recorded any more")
            try:
                self._last = self._write(facts)
            except BaseException as error:
                # Whatever state a failure has left the connection in, the next gets a new one.
                self._disconnect()
                if isinstance(error, sqlite3.IntegrityError):
                    raise _claimed(facts) from None
                if isinstance(error, OSError | sqlite3.Error):
                    raise _unusable(self.path, error) from None
                raise
            self.recorded += facts

    def facts(self) -> list[Fact]:
        """Return every fact, in the order of recording."""
        try:
            with self._lock:
                return facts_in(self._connected(), str(self.path))
        except (OSError, sqlite3.Error) as error:
            raise _unusable(self.path, error) from None

    def close(self) -> None:
        """Let go of the file; nothing can be appended any more."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            # isolation_level=None: each statement is a transaction by itself.
            self._connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
                self._connection.execute(f"PRAGMA {pragma}")
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection, self._last = self._connection, None, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _write(self, facts: Sequence[Fact]) -> tuple[int, str]:
        """Write facts behind the last one; return the number and the hash of the new last one."""
        connection = self._connected()
        last = self._last or _last(connection)
        while True:
            try:
                return _insert(connection, last, facts)
            except sqlite3.IntegrityError:
                # The numbers are a primary key, so the chain cannot fork: if somebody else
                # has written since, these facts come behind theirs.
                before, last = last, _last(connection)
                if last == before:
                    raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _last(connection: sqlite3.Connection) -> tuple[int, str]:
    return connection.execute(_LAST).fetchone() or (0, "")


def _insert(
    connection: sqlite3.Connection, last: tuple[int, str], facts: Sequence[Fact]
) -> tuple[int, str]:
    """Write facts in one statement, which SQLite does as a whole or not at all."""
    seq, previous = last
    values: list[Any] = []
    for fact in facts:
        seq += 1
        row = _row(seq, fact)
        row["hash"] = previous = chained_hash(previous, row)
        values += [row[name] for name in _COLUMNS]
    connection.execute(_INSERT + _ONE_MORE * (len(facts) - 1), values)
    return seq, previous


def chained_hash(previous: str, row: Mapping[str, Any]) -> str:
    """Hash a row of the journal together with the hash of the row before it (hexadecimal)."""
    body = row["body"]
    content = {**row, "body": None if body is None else hashlib.sha256(body).hexdigest()}
    line = json.dumps([previous, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(line.encode()).hexdigest()


def _row(seq: int, fact: Fact) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": fact.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "kind": fact.kind.value,
        "request": fact.request,
        "attempt": fact.attempt,
        "data": json.dumps(fact.data, sort_keys=True, ensure_ascii=False),
        "body": fact.body,
    }


def _claimed(facts: Sequence[Fact]) -> AlreadyClaimed:
    which = " or ".join(
        f"request {fact.request}, attempt {fact.attempt}: {fact.kind.value!r}" for fact in facts
    )
    return AlreadyClaimed(f"{which} is recorded already; another process sends this run")


def _unusable(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} cannot be used ({type(error).__name__}: {error}): make the folder writable and "
        f"free some space on its disk; `{hints.status(path.parent)}` says where the run is"
    )
