"""`verify` compares what a file of a run says with what is rebuilt: values, never their encoding.

Each test writes a file anew and records it, so that its digest is no help.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import mmsbatch as mms
from changed_runs import broken, copy, record, replaced, rewrite
from conftest import account_at, fictional
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.sqlite import SqliteJournal
from mmsbatch.runs.run import write_results
from mmsbatch.sandbox import Sandbox

ROWS = 70_000
"""More than are compared at a time."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a long run that is cheap: nearly all rows are duplicates."""
    contacts = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "mobile": [*fictional(3), *fictional(1) * (ROWS - 3)],
            "points": np.where(np.arange(ROWS) % 3 == 0, np.nan, 0.5),
            "note": pd.array(["x", None] * (ROWS // 2), dtype="str"),
        }
    )
    prepared = mms.prepare(contacts, phone="mobile", fictional=True)
    folder = tmp_path_factory.mktemp("runs") / "noel"
    with Sandbox() as sandbox:
        plan = mms.plan(prepared, mms.Campaign("noel", mms.Text("Bonjour")))
        mms.send(plan, account_at(sandbox), run=folder)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """Return a copy that may be harmed."""
    return copy(made, tmp_path / "noel")


def written(run: Path, name: str, change: Callable[[pa.Table], pa.Table], **options: Any) -> str:
    """Write a file anew and record it; give what breaks."""
    pq.write_table(change(pq.read_table(run / name)), run / name, **options)
    record(run)
    return broken(run)


def cast(column: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index(column)
        return table.set_column(place, column, table.column(place).cast(kind))

    return change


@pytest.mark.parametrize("row", [0, ROWS - 1])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", -1),
        ("points", 0.25),
        ("points", "other"),
        ("note", ""),
        ("note", "other"),
        ("mms_e164", None),
        ("mms_rejected", True),
        ("mms_status", 101),
        ("mms_status", "other"),
        ("mms_duplicate_of", 1),
    ],
)
def test_a_changed_cell_is_named_in_any_part_of_the_file(
    run: Path, column: str, value: object, row: int
) -> None:
    """A value for another, one for a missing one (`other`: whatever stands there), and back."""
    path = run / "results.parquet"
    if value == "other":
        old = pq.read_table(path).column(column)[row].as_py()
        values = {"points": 1.5, "note": "y", "mms_status": 102}
        value = None if old is not None else values[column]
    rewrite(path, column, replaced(value, row))
    record(run)
    assert f"results: results.parquet: row {row}, column {column} is not what is rebuilt" == broken(
        run
    )


@pytest.mark.parametrize(
    ("column", "kind"),
    [("mms_status", pa.int64()), ("id", pa.float64()), ("mms_sent_at", pa.timestamp("us", "UTC"))],
)
def test_another_dtype_of_the_same_values_is_found(
    run: Path, column: str, kind: pa.DataType
) -> None:
    """Whoever reads the column gets other objects."""
    found = written(run, "results.parquet", cast(column, kind))
    assert f"results: results.parquet: row 0, column {column} is not what is rebuilt" == found


def test_rows_in_another_order_are_found(run: Path) -> None:
    """The same rows, two of them exchanged: named by the first of the two."""
    order = [*range(ROWS - 2), ROWS - 1, ROWS - 2]
    found = written(run, "results.parquet", lambda table: table.take(order))
    assert f"results: results.parquet: row {ROWS - 2}, column id is not what is rebuilt" == found


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda table: table.drop_columns("mms_status"), "its columns are id, mobile"),
        (lambda table: table.append_column("more", table.column("id")), "its columns are id, mob"),
        (lambda table: table.select(table.column_names[::-1]), "its columns are mms_sent_at"),
        (lambda table: table.slice(0, ROWS - 1), "it has 69999 rows, rebuilt are 70000"),
        (lambda table: pa.concat_tables([table, table.slice(0, 1)]), "it has 70001 rows"),
    ],
)
def test_a_table_of_another_shape_is_found(
    run: Path, change: Callable[[pa.Table], pa.Table], why: str
) -> None:
    """Columns and rows that are missing, added or elsewhere."""
    assert f"results: results.parquet: {why}" in written(run, "results.parquet", change)


def test_rows_that_only_the_footer_counts_are_missed(run: Path) -> None:
    """A file of one row fewer than it says it has is not taken at its word."""
    path = run / "results.parquet"
    pq.write_table(pq.read_table(path).slice(0, ROWS - 1), path)
    data = path.read_bytes()
    # The third field of the footer, an integer, before the fourth, a list (of row groups).
    said, wanted = (b"\x16" + _zigzag(count) + b"\x19" for count in (ROWS - 1, ROWS))
    assert 1 == data.count(said)
    path.write_bytes(data.replace(said, wanted))
    record(run)
    assert "results: results.parquet: it has 69999 rows, rebuilt are 70000" == broken(run)


def _zigzag(value: int) -> bytes:
    """Write a positive integer as Parquet's footer does (Thrift's compact protocol)."""
    left, out = 2 * value, bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])


def _dictionary_reversed(table: pa.Table) -> pa.Table:
    place = table.column_names.index("mms_outcome")
    column = table.column(place).combine_chunks()
    codes = pc.subtract(pa.scalar(len(column.dictionary) - 1, pa.int32()), column.indices)
    made = pa.DictionaryArray.from_arrays(codes, column.dictionary[::-1])
    return table.set_column(place, table.schema.field(place), made)


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (_dictionary_reversed, {}),
        (cast("mms_outcome", pa.string()), {}),
        (cast("mms_e164", pa.large_string()), {}),
        (lambda table: table, {"row_group_size": 999, "compression": "zstd"}),
        (lambda table: table, {"use_dictionary": False, "data_page_version": "2.0"}),
    ],
)
def test_the_same_cells_encoded_otherwise_are_the_same(
    run: Path, change: Callable[[pa.Table], pa.Table], options: dict[str, Any]
) -> None:
    """Codes, widths, row groups and pages say nothing to whoever reads the file."""
    assert "" == written(run, "results.parquet", change, **options)


def test_missing_and_not_a_number_are_one(run: Path) -> None:
    """As they are to pandas: the contacts' NaN is written as missing."""

    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index("points")
        return table.set_column(place, "points", pc.fill_null(table.column(place), np.nan))

    assert "" == written(run, "results.parquet", change)


# ----- attempts ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def often(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run whose one request left at the 1,100th attempt: only that one has an answer."""
    run = copy(made, tmp_path_factory.mktemp("runs") / "noel")
    facts = {}
    with SqliteJournal(run / "journal.sqlite") as journal:
        facts = {fact.kind: fact for fact in journal.facts()}
    (run / "journal.sqlite").unlink()
    at = facts[FactKind.SENDING].at
    with SqliteJournal(run / "journal.sqlite", create=True) as journal:
        for kind in (FactKind.OPENED, FactKind.STARTED):
            journal.append(kind, at=at, data=facts[kind].data)
        for attempt in range(1, 1101):
            data = facts[FactKind.SENDING].data
            journal.append(FactKind.SENDING, at=at, request=1, attempt=attempt, data=data)
            if attempt < 1100:
                why = {"reason": "no net"}
                journal.append(FactKind.NOT_SENT, at=at, request=1, attempt=attempt, data=why)
        answer = facts[FactKind.ANSWER]
        journal.append(
            FactKind.ANSWER, at=at, request=1, attempt=1100, data=answer.data, body=answer.body
        )
    write_results(run)
    return run


def test_attempts_are_compared_to_the_last(often: Path, tmp_path: Path) -> None:
    """As they were written they hold; then the answer of the last one is another."""
    run = copy(often, tmp_path / "noel")
    assert "" == broken(run)
    rewrite(run / "requests.parquet", "answer", replaced(b"Status=100\n", 1099))
    record(run)
    assert "attempts: requests.parquet: row 1099, column answer is not what is rebuilt" == broken(
        run
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [("answer", b""), ("status", 100), ("state", "accepted"), ("reason", "other")],
)
def test_a_changed_attempt_is_named(
    often: Path, tmp_path: Path, column: str, value: object
) -> None:
    """An answer where there was none is one of the changes."""
    run = copy(often, tmp_path / "noel")
    rewrite(run / "requests.parquet", column, replaced(value, 7))
    record(run)
    assert f"attempts: requests.parquet: row 7, column {column} is not what is rebuilt" == broken(
        run
    )


def test_no_attempt_with_an_answer_is_compared_too(tmp_path: Path) -> None:
    """Then the column of answers has no type of its own."""
    contacts = pd.DataFrame({"mobile": fictional(2)})
    plan = mms.plan(
        mms.prepare(contacts, phone="mobile", fictional=True),
        mms.Campaign("noel", mms.Text("Bonjour")),
    )
    run = tmp_path / "noel"
    with Sandbox(faults={1: "reset:before"}) as sandbox, pytest.raises(mms.RunInDoubt):
        mms.send(plan, account_at(sandbox), run=run)
    assert "" == broken(run)
    rewrite(run / "requests.parquet", "state", replaced("accepted", 0))
    record(run)
    assert "attempts: requests.parquet: row 0, column state is not what is rebuilt" == broken(run)
