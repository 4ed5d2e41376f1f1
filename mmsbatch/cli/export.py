"""Frames written where the user asks: Parquet, JSON, or a CSV or workbook safe to be opened."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, time
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch import files, frames
from mmsbatch.errors import InputError
from mmsbatch.files import __version__
from mmsbatch.runs.mirror import Mirror, is_url

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write(parts: Iterable[pd.DataFrame], out: str | Path) -> None:
    """Write parts of the same columns as one file, which replaces an earlier one whole or not.

    Parameters
    ----------
    parts
        One after the other; only one is held at a time. Their index is not written.
    out
        A file, or a URL of fsspec. ``.parquet``; ``.json``: one list with an object per row; or
        ``.csv``: UTF-8 with a byte order mark and ``;``, as spreadsheets expect here. In a CSV a
        text that a spreadsheet would run as a formula gets ``'`` before it, the names of columns
        included. ``.xlsx``: texts are text, phone numbers and what begins like a formula included,
        times are UTC as text.

    Raises
    ------
    InputError
        The ending is another one, a sheet cannot hold it, or the file cannot be written.
    """
    if is_url(out):
        above, name = os.path.split(out)
        place = Mirror(above)
        place.path.mkdir()
        write(parts, place.path / name)
        place.put(name)
        return
    path = Path(out)
    writers = {
        ".parquet": _write_parquet,
        ".csv": _write_csv,
        ".json": _write_json,
        ".xlsx": _write_workbook,
    }
    writer = writers.get(path.suffix)
    if writer is None:
        raise InputError(f"--out {path}: the file must end in .parquet, .csv, .xlsx or .json")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: the folder {path.parent} does not exist: make it first")
    files.replace_file(path, lambda beside: writer(parts, beside))


def _write_parquet(parts: Iterable[pd.DataFrame], path: Path) -> None:
    tables = (frames.to_arrow(frame, index=False) for frame in parts)
    first = next(tables)
    metadata = {**(first.schema.metadata or {}), "mmsbatch.package_version": __version__}
    schema = first.schema.with_metadata(metadata)
    # A dictionary of texts that hardly repeat takes half of the time and gives a larger file.
    words = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    with (
        pq.ParquetWriter(path, schema, use_dictionary=words) as file,
        ThreadPoolExecutor(1) as writer,
    ):
        written: Future[None] | None = None
        for table in chain([first], tables):  # the next part is made while one is written
            if written is not None:
                written.result()
            written = writer.submit(file.write_table, table.cast(schema))
        if written is not None:
            written.result()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain values for JSON: missing is None, times are ISO 8601, bytes are text."""
    named = {str(name): map(_plain, frame.iloc[:, at]) for at, name in enumerate(frame.columns)}
    if not named:
        return [{} for _ in range(len(frame))]
    return [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]


def _plain(cell: Any) -> Any:
    match cell:
        case bytes():
            plain: Any = _text(cell)
        case np.ndarray() | list() | tuple():
            plain = [_plain(one) for one in cell]
        case dict():
            plain = {str(name): _plain(value) for name, value in cell.items()}
        case _ if pd.isna(cell):
            plain = None
        case np.generic():
            plain = cell.item()
        case date() | time():
            plain = cell.isoformat()
        case Decimal():
            plain = float(cell)
        case _:
            plain = cell if isinstance(cell, str | int | float) else str(cell)
    return plain


def _text(cell: bytes) -> str:
    return cell.decode(errors="backslashreplace")


def _write_json(parts: Iterable[pd.DataFrame], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        between = "["
        for row in (row for frame in parts for row in records(frame)):
            file.write(f"{between}\n{json.dumps(row, ensure_ascii=False)}")
            between = ","
        file.write("[]\n" if between == "[" else "\n]\n")


def _write_csv(parts: Iterable[pd.DataFrame], path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        for place, frame in enumerate(parts):
            safe = _without_formulas(frame)
            safe.to_csv(file, sep=";", index=False, header=place == 0, lineterminator="\r\n")


_SHEET_ROWS: Final = 1_048_576
_CELL_CHARACTERS: Final = 32_767
"""A sheet's limits (Excel)."""


def _write_workbook(parts: Iterable[pd.DataFrame], path: Path) -> None:
    # Here, because few write a workbook and it takes a tenth of a second to import.
    from openpyxl import Workbook  # noqa: PLC0415
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet("mmsbatch")

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if len(value) > _CELL_CHARACTERS:
            raise InputError(
                f"--out: a text of {len(value):,} characters is more than a cell holds "
                f"({_CELL_CHARACTERS:,}): write .csv or .parquet"
            )
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\ufffd", value))
        made.data_type = "s"  # never a formula
        return made

    try:
        rows = 1
        for place, frame in enumerate(parts):
            rows += len(frame)
            _check_rows(rows)
            if place == 0:
                sheet.append([cell(str(name)) for name in frame.columns])
            for record in records(frame):
                sheet.append([cell(_in_a_cell(value)) for value in record.values()])
    except BaseException:
        sheet.close()  # its writer is a generator in the midst of an element
        raise
    book.save(path)


def _check_rows(rows: int) -> None:
    if rows > _SHEET_ROWS:
        raise InputError(
            f"--out: more rows than the {_SHEET_ROWS - 1:,} that a sheet holds: write .csv or "
            ".parquet"
        )


def _in_a_cell(value: Any) -> Any:
    """Return a value as a cell can hold it: long whole numbers as text, lists as JSON."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and abs(value) < _EXACT_IN_A_SHEET:
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


_EXACT_IN_A_SHEET: Final = 10**15
"""A sheet keeps 15 digits of a number."""


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    safe = pd.DataFrame(frame.copy(deep=False))
    for name in safe.columns:
        column = safe[name]
        if not (
            isinstance(column.dtype, pd.CategoricalDtype)
            or pd.api.types.is_string_dtype(column.dtype)
            or column.dtype == object
        ):
            continue
        text = column.astype(object).map(
            lambda cell: _text(cell) if isinstance(cell, bytes) else cell
        )
        safe[name] = text
        runs = text.map(lambda cell: isinstance(cell, str) and cell.startswith(_FORMULA))
        if runs.any():
            safe[name] = text.where(~runs, "'" + text.astype(str))
    safe.columns = [f"'{name}" if str(name).startswith(_FORMULA) else name for name in safe.columns]
    return safe
