"""A journal in a PostgreSQL database: for processes of several machines.

A run's row in ``mmsbatch.journals`` is locked by whoever writes, so facts stand in one chain,
whichever machine they come from, and their times are the database's. A connection that is lost
while facts are made durable leaves open whether they are: the next connection looks for them by a
mark of their own, behind that same lock, before anything is written again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import import_module, resources
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from mmsbatch import hints
from mmsbatch.errors import RunError
from mmsbatch.journal.address import Address
from mmsbatch.journal.facts import stamp
from mmsbatch.journal.journal import Journal, NumberedFact, Taken, Transaction
from mmsbatch.journal.rows import COLUMNS, FACT_COLUMNS, Row, numbered_facts

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

SCHEMA_VERSION: Final = 1
"""The last of the migrations."""
RECONNECT_S: Final = 90.0
"""How long a database that was lost is tried again: a restart takes less."""
_PAUSE_S: Final = 0.2
_ROWS_A_STATEMENT: Final = 500
_INSERT: Final = (  # what the journal is now goes with the rows, in one round trip
    "WITH is_now AS (UPDATE mmsbatch.journals SET seq = %s, hash = %s WHERE id = %s) "  # noqa: S608
    f"INSERT INTO mmsbatch.facts (journal, recording, {', '.join(COLUMNS)}) VALUES "
)
_VALUES: Final = f"(%s, %s{', %s' * len(COLUMNS)})"
_MIGRATING: Final = 0x6D6D73
"""Of the advisory lock that who makes the tables holds."""
_SESSION: Final = (
    "SET synchronous_commit = on",
    "SET idle_in_transaction_session_timeout = '15s'",  # a cut connection must not hold the lock
    "SET lock_timeout = '60s'",
)
_LOCKED: Final = "55P03"
_AGAIN: Final = ("08", "57P", _LOCKED, "40")
"""SQLSTATE of a connection, of a server that stops or starts, of a lock, of a conflict."""


def connect(address: Address) -> Connection:
    """Connect to a database.

    Raises
    ------
    RunError
        The driver is not installed, or the database cannot be reached.
    """
    psycopg = _driver(address)
    try:
        connection: Connection = psycopg.connect(
            address.url,
            autocommit=True,
            connect_timeout=10,
            application_name="mmsbatch",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=30_000,
        )
        for setting in _SESSION:
            connection.execute(setting)
    except psycopg.Error as error:
        raise unusable(address, error) from None
    return connection


def _driver(address: Address) -> Any:
    """Import PostgreSQL's driver, which is an extra."""
    try:
        return import_module("psycopg")
    except ImportError:
        raise RunError(
            f"a journal in {address.database} needs PostgreSQL's driver: "
            f"`{hints.install('psycopg[binary]')}`"
        ) from None


def prepare_database(address: Address) -> None:
    """Make the tables, or bring them up to date: each numbered file of SQL that is not applied yet.

    Raises
    ------
    RunError
        The database cannot be reached, is of a newer version, or the login may not make tables.
    """
    psycopg = _driver(address)
    connection = connect(address)
    try:
        version = read_version(connection)
        check_version(version, address)
        if version == SCHEMA_VERSION:
            return
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
            connection.execute("CREATE SCHEMA IF NOT EXISTS mmsbatch")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS mmsbatch.migrations "
                "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            version = read_version(connection)
            for number, sql in migrations():
                if number > version:
                    connection.execute(sql.encode())
                    connection.execute("INSERT INTO mmsbatch.migrations VALUES (%s)", (number,))
    except psycopg.Error as error:
        raise unusable(address, error) from None
    finally:
        connection.close()


def migrations() -> Iterator[tuple[int, str]]:
    """Return the migrations by their numbers, in order."""
    folder = resources.files("mmsbatch.journal") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            yield int(file.name[:4]), file.read_text(encoding="utf-8")


def read_version(connection: Connection) -> int:
    """Return the last migration that was applied; 0 if the database has no journals."""
    row = connection.execute("SELECT to_regclass('mmsbatch.migrations')").fetchone()
    if row is None or row[0] is None:
        return 0
    row = connection.execute("SELECT max(version) FROM mmsbatch.migrations").fetchone()
    return int(row[0] or 0) if row else 0


def check_version(version: int, address: Address) -> None:
    """Refuse a database that a newer version has changed."""
    if version > SCHEMA_VERSION:
        raise RunError(
            f"{address.database} was changed by a newer mmsbatch (journal version {version}; this "
            f"one reads up to {SCHEMA_VERSION}): {hints.UPGRADE}"
        )


class PostgresJournal(Journal):
    """The journal of one run.

    Parameters
    ----------
    address
        Of the database.
    number
        Of the run in ``mmsbatch.journals``.
    on_connected
        Is given each new connection, the first one included.

    Raises
    ------
    RunError
        The database cannot be reached.
    """

    def __init__(
        self,
        address: Address,
        number: int,
        on_connected: Callable[[Connection], None] = lambda _connection: None,
    ) -> None:
        super().__init__(f"the journal in {address.database}")
        self._address = address
        self._number = number
        self._on_connected = on_connected
        self._connection: Connection | None = None
        self._connected()

    def _write(self, work: Callable[[Transaction], list[NumberedFact]]) -> list[NumberedFact]:
        psycopg = _driver(self._address)
        give_up_at_s = time.monotonic() + RECONNECT_S
        unsure: tuple[uuid.UUID, list[NumberedFact]] | None = None
        while True:
            moment: _Transaction | None = None
            done: list[NumberedFact] = []
            try:
                connection = self._connected()
                moment = _Transaction(connection, self._number, self.label)
                if unsure and moment.holds(unsure[0]):
                    connection.execute("COMMIT")
                    return unsure[1]
                unsure = None
                done = work(moment)
                connection.execute("COMMIT")
            except psycopg.Error as error:
                self._disconnect()
                if done and moment:
                    unsure = moment.mark, done
                if not _may_pass(error) or time.monotonic() > give_up_at_s:
                    raise unusable(self._address, error) from None
            except RunError as error:
                # From connecting again: whatever was wrong may pass, as it does with a restart.
                self._disconnect()
                if not isinstance(error, Unreachable) or time.monotonic() > give_up_at_s:
                    raise
            except BaseException:
                self._disconnect()
                raise
            else:
                return done
            time.sleep(_PAUSE_S)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = connect(self._address)
            try:
                self._on_connected(self._connection)
            except BaseException as error:
                self._disconnect()
                if isinstance(error, _driver(self._address).Error):
                    raise unusable(self._address, error) from None
                raise
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()


class _Transaction:
    """See `mmsbatch.journal.journal.Transaction`."""

    def __init__(self, connection: Connection, number: int, label: str) -> None:
        self._connection = connection
        self._number = number
        self._label = label
        self.mark = uuid.uuid4()
        begun = connection.execute(  # in one round trip
            "BEGIN; SELECT seq, hash, clock_timestamp() FROM mmsbatch.journals "  # noqa: S608  (of this package)
            f"WHERE id = {number:d} FOR UPDATE".encode()
        )
        begun.nextset()
        row = begun.fetchone()
        if row is None:
            raise RunError(f"{label} has no such run any more: restore the database")
        self.last: tuple[int, str] = (row[0], row[1])
        self.now: datetime | None = stamp(row[2])

    def holds(self, mark: uuid.UUID) -> bool:
        """Return whether facts were recorded under a mark."""
        found = self._connection.execute(
            "SELECT 1 FROM mmsbatch.facts WHERE journal = %s AND recording = %s LIMIT 1",
            (self._number, mark),
        )
        return found.fetchone() is not None

    def since(self, after: int, known: Sequence[int]) -> list[NumberedFact]:
        rows = self._connection.execute(
            f"SELECT seq, {FACT_COLUMNS} FROM mmsbatch.facts "  # noqa: S608  (of this package)
            "WHERE journal = %s AND seq > %s AND seq <> ALL(%s) ORDER BY seq",
            (self._number, after, list(known)),
        ).fetchall()
        return numbered_facts(rows, self._label)

    def insert(self, rows: Sequence[Row]) -> None:
        import psycopg  # noqa: PLC0415

        for some in _batches(rows):
            query = _INSERT + ", ".join([_VALUES] * len(some))
            values: list[Any] = [some[-1]["seq"], some[-1]["hash"], self._number]
            for row in some:
                values += [self._number, self.mark, *(row[name] for name in COLUMNS)]
            try:
                self._connection.execute(query.encode(), values)
            except psycopg.errors.UniqueViolation:
                raise Taken from None


class Unreachable(RunError):  # noqa: N818  (says more than "Error" would)
    """The database does not answer now; it may later."""


@contextmanager
def reading(address: Address) -> Iterator[Connection]:
    """Read from a database in one moment of it.

    Raises
    ------
    RunError
        It cannot be reached or read.
    """
    psycopg = _driver(address)
    connection = connect(address)
    try:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection
    except psycopg.Error as error:
        raise unusable(address, error) from None
    finally:
        connection.close()


@contextmanager
def writing(address: Address) -> Iterator[Connection]:
    """Write to a database, each statement by itself; raises as `reading` does."""
    psycopg = _driver(address)
    connection = connect(address)
    try:
        yield connection
    except psycopg.Error as error:
        raise unusable(address, error) from None
    finally:
        connection.close()


@contextmanager
def holding(address: Address, name: str) -> Iterator[None]:
    """Hold a name, whatever it names; waits for who holds it, and raises as `reading` does."""
    with writing(address) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, %s))", (name, _MIGRATING))
        yield


def replace(address: Address, number: int, rows: Iterable[Row]) -> None:
    """Put rows in the place of all that a run's journal holds, in one transaction."""
    with writing(address) as connection:
        moment = _Transaction(connection, number, f"the journal in {address.database}")
        connection.execute("DELETE FROM mmsbatch.facts WHERE journal = %s", (number,))
        connection.execute(
            "UPDATE mmsbatch.journals SET seq = 0, hash = '' WHERE id = %s", (number,)
        )
        for some in _batches(rows):
            moment.insert(some)
        connection.execute("COMMIT")


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    given = iter(rows)
    while some := [*islice(given, _ROWS_A_STATEMENT)]:
        yield some


def _may_pass(error: psycopg.Error) -> bool:
    """Return whether the same may succeed on another connection."""
    # Without a code it is the connection itself, or an answer that never came.
    return error.sqlstate is None or error.sqlstate.startswith(_AGAIN)


def unusable(address: Address, error: psycopg.Error) -> RunError:
    """Say what is wrong with a database, and what to do; no secret is repeated."""
    said = " ".join(str(error).split())
    for secret in address.secrets:
        said = said.replace(secret, "…")
    named = f"the journal in {address.database} cannot be used ({type(error).__name__}: {said})"
    if error.sqlstate == _LOCKED:
        return Unreachable(
            f"{named}: another process is sending, settling or erasing this run: wait for it"
        )
    if _may_pass(error):
        return Unreachable(
            f"{named}: make sure that the database runs and can be reached from here"
        )
    code = error.sqlstate or ""
    if code in {"42501", "25006"}:
        return RunError(
            f"{named}: give a login that may write to the schema mmsbatch (and make it, the first "
            "time), on a server that is no read-only copy"
        )
    return RunError(f"{named}: put that right, then run the same again")
