"""Runs that are copied and harmed: what the tests of `verify` share."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import mmsbatch as mms
from mmsbatch.journal.rows import chained_hash
from mmsbatch.runs.folder import RunFolder


def copy(run: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(run, to)
    return to


def broken(run: Path) -> str:
    """Return which check breaks first, and where."""
    found = mms.verify(run).broken
    return f"{found.name}: {found.found}" if found else ""


def mms_rows(run: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(run / "journal.sqlite") as connection:
        rows = connection.execute("SELECT * FROM facts ORDER BY seq").fetchall()
    connection.close()
    return rows


COLUMNS = ("seq", "at", "kind", "request", "attempt", "data", "body")


def forge(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change facts and make the chain anew over them, as somebody who knows it would."""
    rows = [dict(zip(COLUMNS, row, strict=False)) for row in mms_rows(run)]
    previous = ""
    with sqlite3.connect(run / "journal.sqlite") as connection:
        for row in rows:
            change(row)
            previous = chained_hash(previous, row)
            connection.execute(
                "UPDATE facts SET at=?, data=?, body=?, hash=? WHERE seq=?",
                (row["at"], row["data"], row["body"], previous, row["seq"]),
            )
    connection.close()


def rewrite(path: Path, column: str, change: Callable[[pa.ChunkedArray], Any]) -> None:
    """Change a column of a Parquet file, and leave the rest and its metadata alone."""
    table = pq.read_table(path)
    place = table.column_names.index(column)
    made = pa.chunked_array([change(table.column(place))]).cast(table.schema.field(place).type)
    pq.write_table(table.set_column(place, table.schema.field(place), made), path)


def record(run: Path) -> None:
    """Record the derived files as they are now: only what they say can be wrong then."""
    folder = RunFolder(run)
    with folder.journal.open() as journal:
        folder.record_written(journal.facts())


def replaced(value: Any, place: int) -> Callable[[pa.ChunkedArray], Any]:
    def change(column: pa.ChunkedArray) -> Any:
        cells = column.to_pylist()
        cells[place] = value
        return pa.array(cells)

    return change
