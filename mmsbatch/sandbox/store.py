"""What the sandbox has received, in SQLite: found again by number, words, campaign or status.

In a file it outlives the process, so that links to it do too; in memory it is made when somebody
first looks. A request is one row, and each message that was truly sent another.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from mmsbatch.errors import InputError
from mmsbatch.sandbox.ledger import Batch, Delivery, Media, Received

VERSION: Final = 1
PAGE_SIZE: Final = 50
MOST_COUNTED: Final = 10_000
"""Hits are counted up to here: nobody turns that many pages."""

_SCHEMA: Final = f"""
    CREATE TABLE requests (
        number INTEGER PRIMARY KEY, at TEXT NOT NULL, method TEXT NOT NULL, fault TEXT NOT NULL,
        verdict INTEGER, answered INTEGER, login TEXT NOT NULL, campaign_name TEXT,
        campaign_id TEXT, mail_notif TEXT, kind TEXT, message TEXT, media TEXT NOT NULL,
        scheduled_for TEXT, numbers TEXT NOT NULL, refused TEXT NOT NULL,
        delivered INTEGER NOT NULL, credits_left INTEGER
    );
    CREATE INDEX requests_by_answer ON requests (answered, number);
    CREATE INDEX requests_by_campaign ON requests (campaign_name, number);
    CREATE TABLE raw (number INTEGER PRIMARY KEY, xml BLOB NOT NULL, answer BLOB NOT NULL);
    CREATE TABLE phones (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE);
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY, request INTEGER NOT NULL, phone INTEGER NOT NULL
    );
    CREATE INDEX messages_by_phone ON messages (phone, request);
    CREATE INDEX messages_by_request ON messages (request);
    CREATE TABLE campaigns (
        name TEXT PRIMARY KEY, requests INTEGER NOT NULL, messages INTEGER NOT NULL,
        last INTEGER NOT NULL
    );
    CREATE INDEX campaigns_by_last ON campaigns (last);
    CREATE TABLE cleared (last INTEGER NOT NULL);
    CREATE VIRTUAL TABLE words USING fts5 (
        message, campaign_name, content='', tokenize='unicode61 remove_diacritics 2'
    );
    PRAGMA user_version = {VERSION};
"""
_COLUMNS: Final = (
    "number", "at", "method", "fault", "verdict", "answered", "login", "campaign_name",
    "campaign_id", "mail_notif", "kind", "message", "media", "scheduled_for", "numbers", "refused",
    "delivered", "credits_left",
)  # fmt: skip
_PLACES: Final = ", ".join("?" * len(_COLUMNS))
_PUT: Final = f"INSERT OR REPLACE INTO requests VALUES ({_PLACES})"  # noqa: S608  (of this list)
_HEAD_BYTES: Final = 100
_PHONE = re.compile(r"[\d\s.+()/-]{4,}")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Raw:
    """A request's XML and the bytes of its answer, without credentials."""

    xml: bytes
    answer: bytes


@dataclass(frozen=True)
class Query:
    """What somebody looks for; empty: everything."""

    text: str = ""
    """A number in any notation, or words of messages and campaigns."""
    campaign: str = ""
    status: str = ""
    """A status of the answer, or ``none`` where there was no answer."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Take what stands in an address: ``q``, ``campaign``, ``status``."""
        return cls(given.get("q", ""), given.get("campaign", ""), given.get("status", ""))


@dataclass(frozen=True)
class Found:
    """A page of requests, newest first."""

    requests: tuple[Received, ...]
    total: int
    """At most `MOST_COUNTED` + 1."""
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // PAGE_SIZE))


class Store:
    """The received requests and the sent messages.

    Parameters
    ----------
    path
        A file, made if it is not there; None: in memory.

    Raises
    ------
    InputError
        The file cannot be used: of another version, no ledger, cut short, not writable.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        try:
            if path is not None and not path.exists():
                path.touch(0o600)
            _check_whole(path)
            self._db = sqlite3.connect(
                path or ":memory:", check_same_thread=False, isolation_level=None
            )
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                # It has to survive the end of the process, not that of the machine.
                self._db.execute("PRAGMA synchronous = OFF")
                self._open()
            except BaseException:
                self._db.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise InputError(
                f"the ledger {str(path)!r} cannot be used ({error}): choose another file in an "
                "existing folder of yours, or remove this one"
            ) from None

    def _open(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables == 0:
            self._db.executescript(_SCHEMA)
        elif version != VERSION:
            whose = "a newer sandbox" if version > VERSION else "something else"
            raise InputError(
                f"the ledger {str(self.path)!r} was written by {whose} (version {version}, this is "
                f"{VERSION}): choose another file, or upgrade mmsbatch"
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ----- writing -------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write all or nothing of what is written within."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def add_messages(self, batch: Batch) -> None:
        """Enter what one request truly sent."""
        stub = Received(
            batch.request,
            batch.at,
            "POST",
            kind=batch.kind,
            message=batch.message,
            media=batch.media,
            scheduled_for=batch.scheduled_for,
            delivered=len(batch.numbers),
        )
        self._db.execute(_PUT, _row(stub))
        of = [(number,) for number in batch.numbers]
        self._db.executemany("INSERT OR IGNORE INTO phones (number) VALUES (?)", of)
        self._db.executemany(
            "INSERT INTO messages (request, phone) SELECT ?, id FROM phones WHERE number = ?",
            [(batch.request, number) for number in batch.numbers],
        )

    def add_request(self, received: Received, raw: Raw | None) -> None:
        """Enter what a request was and what became of it."""
        self._db.execute(_PUT, _row(received))
        if received.message or received.campaign_name:
            self._db.execute(
                "INSERT INTO words (rowid, message, campaign_name) VALUES (?, ?, ?)",
                (received.request, received.message, received.campaign_name),
            )
        if received.campaign_name:
            self._db.execute(
                "INSERT INTO campaigns VALUES (?, 1, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "requests = requests + 1, messages = messages + excluded.messages, "
                "last = excluded.last",
                (received.campaign_name, received.delivered, received.request),
            )
        if raw is not None:
            values = (received.request, raw.xml, raw.answer)
            self._db.execute("INSERT OR REPLACE INTO raw VALUES (?, ?, ?)", values)

    def clear(self) -> None:
        """Forget everything but how far requests are numbered."""
        last = self.last_request()
        with self.writing():
            for table in ("requests", "raw", "messages", "phones", "campaigns"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608  (of this list)
            self._db.execute("INSERT INTO words (words) VALUES ('delete-all')")
            self._db.execute("INSERT INTO cleared VALUES (?)", (last,))

    # ----- reading -------------------------------------------------------------------------------

    def last_request(self) -> int:
        """Return the highest number that a request has had."""
        (last,) = self._db.execute(
            "SELECT max(coalesce((SELECT max(number) FROM requests), 0), "
            "coalesce((SELECT max(last) FROM cleared), 0))"
        ).fetchone()
        return int(last)

    def totals(self) -> tuple[int, int]:
        """Count requests and messages."""
        (messages,) = self._db.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()
        first, last = self._span()
        return last - first + 1, int(messages)

    def _span(self) -> tuple[int, int]:
        """Return the first and the last request; their numbers follow each other."""
        (first,) = self._db.execute("SELECT coalesce(min(number), 1) FROM requests").fetchone()
        (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM requests").fetchone()
        return int(first), int(last)

    def find(self, query: Query, page: int = 1) -> Found:
        """Return a page of the requests that are looked for."""
        tables, where, values = self._where(query)
        if not where:
            return self._all(page)
        found = f"FROM {tables} WHERE {' AND '.join(where)}"
        counted = f"SELECT 1 {found} LIMIT {MOST_COUNTED + 1}"
        (total,) = self._db.execute(f"SELECT count(*) FROM ({counted})", values).fetchone()  # noqa: S608  (of the words below)
        page = min(page, max(1, -(-total // PAGE_SIZE)))
        order = "words.rowid" if "words" in tables else "number"
        rows = self._db.execute(
            f"SELECT requests.* {found} ORDER BY {order} DESC LIMIT ? OFFSET ?",
            (*values, PAGE_SIZE, (page - 1) * PAGE_SIZE),
        )
        return Found(tuple(map(_received, rows)), int(total), page)

    def _all(self, page: int) -> Found:
        """Return a page of all: their numbers follow each other, so none is skipped over."""
        first, last = self._span()
        total = last - first + 1
        page = min(page, max(1, -(-total // PAGE_SIZE)))
        upto = last - (page - 1) * PAGE_SIZE
        rows = self._db.execute(
            "SELECT * FROM requests WHERE number <= ? ORDER BY number DESC LIMIT ?",
            (upto, PAGE_SIZE),
        )
        return Found(tuple(map(_received, rows)), total, page)

    def _where(self, query: Query) -> tuple[str, list[str], list[Any]]:
        """Return the tables that a query is of, its conditions and their values."""
        tables, where = "requests", list[str]()
        values: list[Any] = []
        text = query.text.strip()
        if text and _PHONE.fullmatch(text):
            where.append(
                "number IN (SELECT request FROM messages JOIN phones ON phones.id = phone "
                "WHERE phones.number IN (?, ?, ?))"
            )
            values += notations(text)
        elif text:
            wanted = " ".join(f'"{word}"*' for word in _WORD.findall(text))
            # The index of words gives its rows in order, so that a page of many is soon full.
            tables = "words CROSS JOIN requests ON requests.number = words.rowid"
            where.append("words MATCH ?")
            values.append(wanted or '""')
        if query.campaign:
            where.append("requests.campaign_name = ?")
            values.append(query.campaign)
        if query.status == "none":
            where.append("answered IS NULL")
        elif query.status:
            where.append("answered = ?")
            values.append(query.status)
        return tables, where, values

    def request(self, number: int) -> tuple[Received, Raw | None] | None:
        """Return one request, with what travelled if that was kept."""
        row = self._db.execute("SELECT * FROM requests WHERE number = ?", (number,)).fetchone()
        if row is None:
            return None
        raw = self._db.execute("SELECT xml, answer FROM raw WHERE number = ?", (number,)).fetchone()
        return _received(row), Raw(*raw) if raw else None

    def phone_of(self, number: str) -> int | None:
        """Return the place of a number in any notation, which stands for it in links."""
        row = self._db.execute(
            "SELECT id FROM phones WHERE number IN (?, ?, ?)", notations(number)
        ).fetchone()
        return None if row is None else int(row[0])

    def phones_of(self, request: int) -> dict[str, int]:
        """Return the places of the numbers that a request sent to."""
        rows = self._db.execute(
            "SELECT phones.number, phone FROM messages JOIN phones ON phones.id = phone "
            "WHERE request = ?",
            (request,),
        )
        return {str(number): int(place) for number, place in rows}

    def conversation(self, phone: int, page: int = 1) -> tuple[str, Found] | None:
        """Return a phone's number, and the requests that sent it something."""
        row = self._db.execute("SELECT number FROM phones WHERE id = ?", (phone,)).fetchone()
        if row is None:
            return None
        (total,) = self._db.execute(
            "SELECT count(DISTINCT request) FROM messages WHERE phone = ?", (phone,)
        ).fetchone()
        rows = self._db.execute(
            "SELECT * FROM requests WHERE number IN (SELECT request FROM messages WHERE phone = ?) "
            "ORDER BY number DESC LIMIT ? OFFSET ?",
            (phone, PAGE_SIZE, (page - 1) * PAGE_SIZE),
        )
        return str(row[0]), Found(tuple(map(_received, rows)), int(total), page)

    def campaigns(self) -> list[tuple[str, int, int]]:
        """Return each campaign with its requests and its messages, the latest first."""
        rows = self._db.execute(
            "SELECT name, requests, messages FROM campaigns ORDER BY last DESC LIMIT 100"
        )
        return [(str(name), int(requests), int(messages)) for name, requests, messages in rows]

    def deliveries(self) -> Iterator[Delivery]:
        """Return every message truly sent, in the order it was."""
        rows = self._db.execute(
            "SELECT request, phones.number, message, kind, media, scheduled_for, at FROM messages "
            "JOIN phones ON phones.id = phone JOIN requests ON requests.number = request "
            "ORDER BY messages.id"
        )
        for request, number, message, kind, media, scheduled_for, at in rows:
            yield Delivery(
                int(request),
                str(number),
                str(message),
                str(kind),
                _media(media),
                _time(scheduled_for),
                datetime.fromisoformat(at),
            )


def read_ledger(path: str | Path) -> tuple[Delivery, ...]:
    """Read every message from a ledger, of a sandbox that runs or has ended."""
    store = Store(Path(path))
    try:
        return tuple(store.deliveries())
    finally:
        store.close()


def _check_whole(path: Path | None) -> None:
    """Refuse a file that is shorter than its head says: a copy that was cut off."""
    if path is None:
        return
    with path.open("rb") as opened:
        head = opened.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES:
        return
    page, pages = int.from_bytes(head[16:18]), int.from_bytes(head[28:32])
    page = 65_536 if page == 1 else page
    if head.startswith(b"SQLite") and path.stat().st_size < page * pages:
        raise sqlite3.DatabaseError("it was cut short")


def notations(number: str) -> tuple[str, str, str]:
    """Return a number as the gateway takes it, in its three notations (§1.4)."""
    digits = re.sub(r"\D", "", number)
    digits = digits.removeprefix("00")
    national = digits[2:] if digits.startswith("33") else digits.removeprefix("0")
    national = national.removeprefix("0")  # +33 (0)6
    return f"33{national}", f"+33{national}", f"0{national}"


def _row(received: Received) -> tuple[Any, ...]:
    values = {name: getattr(received, name, None) for name in _COLUMNS}
    values |= {
        "number": received.request,
        "at": received.at.isoformat(),
        "media": json.dumps([tuple(medium) for medium in received.media]),
        "scheduled_for": received.scheduled_for and received.scheduled_for.isoformat(),
        "numbers": json.dumps(received.numbers),
        "refused": json.dumps(received.refused),
    }
    return tuple(values.values())


def _received(row: Iterable[Any]) -> Received:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Received(
        request=values.pop("number"),
        at=datetime.fromisoformat(values.pop("at")),
        media=_media(values.pop("media")),
        scheduled_for=_time(values.pop("scheduled_for")),
        numbers=tuple(json.loads(values.pop("numbers"))),
        refused=tuple(json.loads(values.pop("refused"))),
        **values,
    )


def _media(text: str) -> tuple[Media, ...]:
    return tuple(Media(*medium) for medium in json.loads(text))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
