"""The journal of a run in a PostgreSQL database, as its run knows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmsbatch import hints, times
from mmsbatch.errors import RunError
from mmsbatch.journal import postgres, sqlite_location
from mmsbatch.journal.address import POINTER, Address, Pointer
from mmsbatch.journal.facts import Fact
from mmsbatch.journal.journal import Damaged
from mmsbatch.journal.lock import this_process
from mmsbatch.journal.postgres import PostgresJournal
from mmsbatch.journal.rows import COLUMNS, FACT_COLUMNS, Row, numbered_facts

if TYPE_CHECKING:
    from mmsbatch.journal.postgres import Connection

_WRITER: Final = 0x6D6D7301
_WORKERS: Final = 0x6D6D7302
"""Classes of advisory locks; the other half of a key is the run's number."""


@dataclass(frozen=True)
class PostgresLocation:
    """See `mmsbatch.journal.location.JournalLocation`."""

    folder: Path
    given: Address | None

    @property
    def label(self) -> str:
        """The database."""
        return f"the journal in {self._pointer.database}"

    @property
    def _pointer(self) -> Pointer:
        return Pointer.read(self.folder)

    @property
    def _address(self) -> Address:
        return self._pointer.address(self.given, str(self.folder))

    def exists(self) -> bool:
        """Return whether the folder says which journal it is."""
        return (self.folder / POINTER).exists()

    def create(self, identity: str) -> PostgresJournal:
        """Make the run's row, and note in the folder which it is."""
        assert self.given is not None  # noqa: S101  (`journal_of` has seen to it)
        postgres.prepare_database(self.given)
        Pointer(identity, self.given.database).write(self.folder)
        with postgres.writing(self.given) as connection:
            connection.execute("INSERT INTO mmsbatch.journals (identity) VALUES (%s)", (identity,))
        return self.open()

    def discard(self) -> None:
        """Remove a journal that was made for nothing."""
        if self.exists():
            self._replace([])
            with postgres.writing(self._address) as connection:
                connection.execute(
                    "DELETE FROM mmsbatch.journals WHERE identity = %s", (self._pointer.identity,)
                )

    def open(self) -> PostgresJournal:
        """Connect to the database."""
        return PostgresJournal(self._address, self._number())

    def open_for_worker(self) -> PostgresJournal:
        """Connect to the database, and be one of those who send while another process drives."""
        number = self._number()

        def join(connection: Connection) -> None:
            # Also when a lost connection is made anew: waits while somebody settles or erases.
            connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", (_WORKERS, _key(number)))

        return PostgresJournal(self._address, number, join)

    def facts(
        self, first: int | None = None, *, after: int = 0, requests: range | None = None
    ) -> list[Fact]:
        """Read facts."""
        about = "" if requests is None else "AND request BETWEEN %(first)s AND %(last)s "
        query = (
            f"SELECT seq, {FACT_COLUMNS} FROM mmsbatch.facts "  # noqa: S608
            f"WHERE journal = %(journal)s AND seq > %(after)s {about}ORDER BY seq LIMIT %(limit)s"
        )
        values = {"after": after, "limit": first}
        if requests is not None:
            values |= {"first": requests.start, "last": requests.stop - 1}
        with self._reading() as (connection, number):
            rows = connection.execute(query.encode(), {**values, "journal": number}).fetchall()
        return [fact for _, fact in numbered_facts(rows, self.label)]

    def inodes(self) -> dict[str, int]:
        """Return nothing: a copy of the folder has the same journal."""
        return {}

    def check_version(self) -> None:
        """Refuse a database of a newer version."""
        with self._reading():
            pass

    def remarks(self) -> list[str]:
        """Say nothing."""
        return []

    def checked_rows(self) -> Iterator[Row]:
        """Read every row; at the end see that the last is the one that the run's own row names."""
        query = f"SELECT {', '.join(COLUMNS)} FROM mmsbatch.facts WHERE journal = %s ORDER BY seq"  # noqa: S608
        with self._reading() as (connection, number):
            end: tuple[int, str] = (0, "")
            with connection.cursor("facts") as cursor:  # of the server: some rows at a time
                for found in cursor.execute(query.encode(), (number,)):
                    row = dict(zip(COLUMNS, found, strict=True))
                    end = (row["seq"], row["hash"])
                    yield row
            last = connection.execute(
                "SELECT seq, hash FROM mmsbatch.journals WHERE id = %s", (number,)
            ).fetchone()
        if last != end:
            raise Damaged(
                f"{self.label}: its last fact is {end[0]}, recorded is {last and last[0]}"
            )

    def write(self, rows: Iterable[Row]) -> None:
        """Never asked for: `forget` makes the new journal in a folder of its own."""
        raise NotImplementedError

    def take(self, folder: Path) -> None:
        """Put another journal's rows in the place of these, in one transaction."""
        made = sqlite_location.SqliteLocation(folder)
        if made.exists():
            self._replace(made.checked_rows())
            made.remove()

    def is_part(self, path: Path) -> bool:
        """Return whether a file is of a journal that was made to be taken."""
        return sqlite_location.SqliteLocation(self.folder).is_part(path)

    @contextmanager
    def writer(self, *, with_workers: bool = False) -> Iterator[None]:
        """Hold a lock of the database's, which lets go of a connection that ends."""
        number = self._number()
        with postgres.writing(self._address) as connection:
            if not _try(connection, "pg_try_advisory_lock", _WRITER, number):
                raise self._busy(connection, number)
            # Workers of an execution whose driver has ended may still be sending.
            if not _try(connection, "pg_try_advisory_lock", _WORKERS, number):
                raise self._busy(connection, number)
            if with_workers:
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_WORKERS, _key(number)))
            since = times.in_paris(times.utc_now())
            sign = "UPDATE mmsbatch.journals SET writer = %s WHERE id = %s"
            connection.execute(sign, (f"{this_process()} since {since}", number))
            try:
                yield
            finally:
                with suppress(Exception):  # whatever ended the run is more worth telling
                    connection.execute(sign, (None, number))

    def being_written(self) -> bool:
        """Return whether a process holds one of the locks."""
        with self._reading() as (connection, number):
            found = connection.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid IN (%s, %s) "
                "AND objid = %s AND database = (SELECT oid FROM pg_database "
                "WHERE datname = current_database())",
                (_WRITER, _WORKERS, _key(number)),
            )
            return found.fetchone() is not None

    def _busy(self, connection: Connection, number: int) -> RunError:
        row = connection.execute(
            "SELECT writer FROM mmsbatch.journals WHERE id = %s", (number,)
        ).fetchone()
        holder = (row and row[0]) or "another process"
        return RunError(
            f"{self.folder} is being sent by {holder}: wait for it, or stop it; "
            f"`{hints.status(self.folder)}` says how far it is"
        )

    def _number(self) -> int:
        with self._reading() as (_, number):
            return number

    def _reading(self) -> AbstractContextManager[tuple[Connection, int]]:
        return reading(self._pointer, self.given, str(self.folder))

    def _replace(self, rows: Iterable[Row]) -> None:
        postgres.replace(self._address, self._number(), rows)


@contextmanager
def reading(
    pointer: Pointer, given: Address | None, folder: str
) -> Iterator[tuple[Connection, int]]:
    """Read from the database that a run's folder points to, in one moment of it.

    Parameters
    ----------
    pointer, given
        What the folder says, and the address that was given, if any.
    folder
        For errors.

    Yields
    ------
    (connection, int)
        And the run's number in ``mmsbatch.journals``.

    Raises
    ------
    RunError
        It cannot be reached, is of a newer version, or does not have this run.
    """
    address = pointer.address(given, folder)
    with postgres.reading(address) as connection:
        version = postgres.read_version(connection)
        postgres.check_version(version, address)
        row = None
        if version:
            row = connection.execute(
                "SELECT id FROM mmsbatch.journals WHERE identity = %s", (pointer.identity,)
            ).fetchone()
        if row is None:
            raise RunError(
                f"{pointer.database} has no journal of the run in {folder} (identity "
                f"{pointer.identity}): restore the database from a copy, or give the address of "
                "the one that the run was begun in"
            )
        yield connection, int(row[0])


def _try(connection: Connection, function: str, kind: int, number: int) -> bool:
    row = connection.execute(f"SELECT {function}(%s, %s)".encode(), (kind, _key(number))).fetchone()
    return bool(row and row[0])


def _key(number: int) -> int:
    """Return a run's number as the half of a key of an advisory lock: 32 bits, signed."""
    return number % (1 << 31)
