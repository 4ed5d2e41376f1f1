"""An SQLite journal read without trust, from the file's bytes to its rows, for who verifies it.

Nothing here goes through the connection that writes: the file is opened read-only, or a copy of it
where its last writer died, so verifying changes nothing.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mmsbatch.errors import RunError
from mmsbatch.journal.journal import Damaged
from mmsbatch.journal.rows import COLUMNS, Row
from mmsbatch.journal.sqlite_reader import SCHEMA_VERSION, LocalJournal, newer, opened

SCHEMA: Final = {
    "objects": [
        (1, "table", "facts", "facts", "text"),
        (2, "index", "sqlite_autoindex_facts_1", "facts", "null"),
    ],
    "columns": [
        ("seq", "INTEGER", 1, None, 1),
        ("at", "VARCHAR(24)", 1, None, 0),
        ("kind", "VARCHAR(16)", 1, None, 0),
        ("request", "INTEGER", 0, None, 0),
        ("attempt", "INTEGER", 0, None, 0),
        ("data", "TEXT", 1, None, 0),
        ("body", "BLOB", 0, None, 0),
        ("hash", "VARCHAR(64)", 1, None, 0),
    ],
    "unique": [("request", "attempt", "kind")],
}
"""What the table of a journal of version 1 means, however it is written: columns (name, type, not
null, default, place in the primary key), and what is unique together."""

_HEADER_BYTES: Final = 100


def check_version(path: Path) -> None:
    """Make sure that the journal is not of a newer version.

    Raises
    ------
    RunError
        It is. (What is no journal at all is for `read_rows` to say.)
    """
    header = _header(path)
    version = struct.unpack(">i", header[60:64])[0] if len(header) == _HEADER_BYTES else 0
    # One byte changed could also read as a newer version; the schema tells the two apart.
    if version > SCHEMA_VERSION and _schema_is_another(path):
        raise newer(version, str(path))


def read_rows(path: Path) -> Iterator[Row]:
    """Read every row of the journal as it stands, once SQLite's own checks hold.

    Raises
    ------
    Damaged
        The file is damaged.
    """
    _check_header(path)
    try:
        with opened(LocalJournal(path.parent)) as connection:
            verdicts = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
            if verdicts != ["ok"]:
                raise Damaged(f"journal.sqlite: SQLite finds it damaged: {verdicts[0]}")
            if _schema(connection) != SCHEMA:
                raise Damaged("journal.sqlite: its table of facts is not the one mmsbatch makes")
            found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM facts ORDER BY seq")  # noqa: S608  (names of this module)
            for row in found:
                yield dict(zip(COLUMNS, row, strict=True))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise Damaged(f"journal.sqlite cannot be read ({error})") from None


def _header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error})") from None


def _check_header(path: Path) -> None:
    """Check the fields of SQLite's file header that `integrity_check` believes or ignores.

    Source: SQLite's "Database File Format", section 1.3.
    """
    header = _header(path)
    if len(header) < _HEADER_BYTES or header[:16] != b"SQLite format 3\0":
        raise Damaged("journal.sqlite is not an SQLite file")
    page_bytes = struct.unpack(">H", header[16:18])[0]
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    in_wal = _wal_bytes(path) > 0  # then the size and the counters may be of before
    fields = {
        "the versions for writing and reading": (header[18], header[19]),
        "the reserved bytes of a page": header[20],
        "the payload fractions": tuple(header[21:24]),
        "the schema format": struct.unpack(">I", header[44:48])[0],
        "the size of the cache": struct.unpack(">I", header[48:52])[0],
        "the settings for vacuuming": (header[52:56], header[64:68]),
        "the text encoding": struct.unpack(">I", header[56:60])[0],
        "the version of the journal": struct.unpack(">I", header[60:64])[0],
        "the application": struct.unpack(">I", header[68:72])[0],
        "the space for later versions": header[72:92],
    }
    expected = {
        "the versions for writing and reading": (header[18],) * 2,
        "the reserved bytes of a page": 0,
        "the payload fractions": (64, 32, 32),
        "the schema format": 4,
        "the size of the cache": 0,
        "the settings for vacuuming": (bytes(4), bytes(4)),
        "the text encoding": 1,
        "the version of the journal": SCHEMA_VERSION,
        "the application": 0,
        "the space for later versions": bytes(20),
    }
    if not in_wal:
        fields["its size in pages"] = struct.unpack(">I", header[28:32])[0] * page_bytes
        expected["its size in pages"] = path.stat().st_size
        fields["the two change counters"] = header[92:96]
        expected["the two change counters"] = header[24:28]
    for name, value in fields.items():
        should = expected[name]
        if value != should:
            raise Damaged(
                f"journal.sqlite: {name} in the file's header should be {should!r}, "
                f"found {value!r} (it was changed, or a newer mmsbatch wrote it)"
            )


def _wal_bytes(path: Path) -> int:
    wal = path.with_name(f"{path.name}-wal")
    return wal.stat().st_size if wal.exists() else 0


def _schema_is_another(path: Path) -> bool:
    try:
        with opened(LocalJournal(path.parent)) as connection:
            return _schema(connection) != SCHEMA
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def _schema(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    objects = connection.execute(
        "SELECT rowid, type, name, tbl_name, typeof(sql) FROM sqlite_schema ORDER BY rowid"
    )
    columns = connection.execute("PRAGMA table_xinfo(facts)").fetchall()
    indexes = connection.execute("PRAGMA index_list(facts)").fetchall()
    return {
        "objects": objects.fetchall(),
        "columns": [tuple(column[1:6]) for column in columns],
        "unique": [
            tuple(row[2] for row in connection.execute(f"PRAGMA index_info({name})"))
            for _, name, unique, _origin, partial in indexes
            if unique and not partial
        ],
    }
