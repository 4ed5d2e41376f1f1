"""The journal of a run: append-only facts in SQLite, durable when `append` returns.

SQLAlchemy Core over one file in the run's folder. A fact is never changed or removed. Each carries
the hash of the one before, so a journal that was touched by hand shows it. That no attempt is
claimed twice is a uniqueness constraint, not a matter of care.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from mmsbatch.errors import RunError
from mmsbatch.group_commit import GroupCommit
from mmsbatch.states import Fact, Kind, stamp

SCHEMA_VERSION: Final = 1

_metadata = sa.MetaData()

_facts = sa.Table(
    "facts",
    _metadata,
    sa.Column("seq", sa.Integer, primary_key=True, comment="1, 2, 3, … without a gap"),
    sa.Column("at", sa.String(24), nullable=False, comment="UTC, ISO 8601, milliseconds"),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("request", sa.Integer, comment="null for a fact of the run"),
    sa.Column("attempt", sa.Integer, comment="from 1; null for a fact of the run"),
    sa.Column("data", sa.Text, nullable=False, comment="JSON, keys sorted"),
    sa.Column("body", sa.LargeBinary, comment="an answer's bytes as they came"),
    sa.Column("hash", sa.String(64), nullable=False, comment="SHA-256 over the last one and this"),
    # The second of two writers that claim the same attempt fails here, whatever they believe.
    sa.UniqueConstraint("request", "attempt", "kind", name="one_fact_of_a_kind_per_attempt"),
)

_DIALECT: Final = sqlite.dialect()
_COLUMNS: Final = [column.name for column in _facts.columns]
_INSERT: Final = str(_facts.insert().compile(dialect=_DIALECT, column_keys=_COLUMNS))
_ONE_MORE: Final = f", ({', '.join('?' * len(_COLUMNS))})"
_LAST: Final = str(
    sa.select(_facts.c.seq, _facts.c.hash)
    .where(_facts.c.seq == sa.select(sa.func.max(_facts.c.seq)).scalar_subquery())
    .compile(dialect=_DIALECT)
)


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
        self._engine = sa.create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _on_connect)
        # One connection writes, for all threads: SQLite has one writer at a time anyway. It is the
        # driver's own, since two facts go with each request, and preparing the same two
        # statements again costs as much as executing them.
        self._writing = Lock()
        self._writer: sa.PoolProxiedConnection | None = None
        self._last: tuple[int, str] | None = None
        self._group = GroupCommit[tuple[Fact, ...]](self._write, own_fault=sqlite3.IntegrityError)
        self.recorded: list[Fact] = []
        """The facts that this object appended, in the order of recording."""
        self._closed = False
        try:
            if create:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
                with self._engine.begin() as connection:
                    _metadata.create_all(connection)
                    connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
            with self._engine.connect() as connection:
                version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        except (OSError, DBAPIError) as error:
            self.close()
            raise _unusable(path, error) from None
        if version > SCHEMA_VERSION:
            self.close()
            raise RunError(
                f"{path} was written by a newer mmsbatch (journal version {version}; this one "
                f"reads up to {SCHEMA_VERSION}): upgrade with `pip install --upgrade mmsbatch`"
            )

    def append(
        self,
        kind: Kind,
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
        try:
            self._group.put(facts)
        except sqlite3.IntegrityError:
            which = " or ".join(
                f"request {fact.request}, attempt {fact.attempt}: {fact.kind.value!r}"
                for fact in facts
            )
            raise AlreadyClaimed(
                f"{which} is recorded already; another process sends this run"
            ) from None
        except (OSError, sqlite3.Error, DBAPIError) as error:
            raise _unusable(self.path, error) from None

    def facts(self, first: int | None = None) -> list[Fact]:
        """Give every fact, or the first so many, in the order of recording."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(
                    sa.select(_facts).order_by(_facts.c.seq).limit(first)
                ).all()
        except (OSError, DBAPIError) as error:
            raise _unusable(self.path, error) from None
        known = set(Kind)
        if unknown := next((row for row in rows if row.kind not in known), None):
            raise RunError(
                f"{self.path}: fact {unknown.seq} is a {unknown.kind!r}, which this mmsbatch does "
                "not know: upgrade with `pip install --upgrade mmsbatch`"
            )
        return [
            Fact(
                Kind(row.kind),
                datetime.fromisoformat(row.at),
                row.request,
                row.attempt,
                json.loads(row.data),
                row.body,
            )
            for row in rows
        ]

    def close(self) -> None:
        """Let go of the file; nothing can be appended any more."""
        with self._writing:
            self._closed = True
            self._drop_writer()
            self._engine.dispose()

    def _write(self, together: list[tuple[Fact, ...]]) -> None:
        """Write facts, all of them or none."""
        facts = [fact for each in together for fact in each]
        with self._writing:
            if self._closed:
                raise RunError(f"{self.path} is closed: nothing can be recorded any more")
            try:
                self._last = self._insert_after_last(facts)
            except BaseException:
                # Whatever state a failure has left the connection in, the next gets a new one.
                self._drop_writer()
                raise
            self.recorded += facts

    def _insert_after_last(self, facts: list[Fact]) -> tuple[int, str]:
        """Write facts behind the last one; give the number and the hash of the new last one."""
        if self._writer is None:
            self._writer = self._engine.raw_connection()
        with closing(self._writer.cursor()) as cursor:
            last = self._last or _last(cursor)
            while True:
                try:
                    return _insert(cursor, last, facts)
                except sqlite3.IntegrityError:
                    # The numbers are a primary key, so the chain cannot fork: where somebody else
                    # has written since, these facts come behind theirs.
                    before, last = last, _last(cursor)
                    if last == before:
                        raise

    def _drop_writer(self) -> None:
        writer, self._writer, self._last = self._writer, None, None
        if writer is not None:
            with suppress(sqlite3.Error, DBAPIError):
                writer.invalidate()
                writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _last(cursor: Any) -> tuple[int, str]:
    return cursor.execute(_LAST).fetchone() or (0, "")


def _insert(cursor: Any, last: tuple[int, str], facts: list[Fact]) -> tuple[int, str]:
    """Write facts in one statement, which SQLite does as a whole or not at all."""
    seq, previous = last
    values: list[Any] = []
    for fact in facts:
        seq += 1
        row = _row(seq, fact)
        row["hash"] = previous = chained_hash(previous, row)
        values += [row[name] for name in _COLUMNS]
    cursor.execute(_INSERT + _ONE_MORE * (len(facts) - 1), values)
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


def _on_connect(connection: Any, _record: Any) -> None:
    # Each statement is a transaction: the driver would open one, and leave it to be committed.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _unusable(path: Path, error: Exception) -> RunError:
    cause = getattr(error, "orig", None) or error
    return RunError(
        f"{path} cannot be used ({type(cause).__name__}: {cause}): make the folder writable and "
        "free some space on its disk, then run the same command again"
    )
