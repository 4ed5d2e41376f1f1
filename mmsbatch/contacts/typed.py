"""Parquet and Feather files and workbooks: typed values read as text."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import python_calamine

from mmsbatch import hints
from mmsbatch.contacts.encodings import UNREADABLE
from mmsbatch.contacts.formats import check_names, choose
from mmsbatch.contacts.header import Header
from mmsbatch.errors import ContactsError, nearest

_CERTAIN: Final = {16: 2**11, 32: 2**24, 64: 2**53}
"""Up to here every whole number has a float of its own, by width in bits."""


def cell_text(value: Any) -> str | None:
    """Write one cell of a workbook as text; None when it is empty."""
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, datetime) and value.time() == time():
        text = value.date().isoformat()
    elif isinstance(value, date | time):
        text = value.isoformat()
    elif isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        text = f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    else:
        text = "" if value is None else str(value)
    return text or None


def _number_text(value: float) -> str | None:
    if math.isnan(value):
        return None
    if not value.is_integer():
        return repr(value)
    certain = abs(value) < _CERTAIN[64]
    return str(int(value)) if certain else np.format_float_scientific(value, trim="-")


def column_text(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Write a typed column as text.

    Parameters
    ----------
    column
        Any Arrow type.
    where
        The file and the column's name, for the message.

    Returns
    -------
    pyarrow.ChunkedArray
        Of the same length, type string; the empty text is null.

    Raises
    ------
    ContactsError
        Bytes that are no text, or a type that has no text.
    """
    try:
        text = _as_text(column)
    except (pa.ArrowException, UnicodeError) as error:
        raise ContactsError(
            f"{where}: values of type {column.type} cannot be read as text. "
            "Write the column as text, or leave it out with columns=."
        ) from error
    empty = pc.equal(text, "")
    return pc.if_else(empty, None, text) if pc.any(empty).as_py() else text


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _as_text(pa.chunked_array([c.storage for c in column.chunks], kind.storage_type))
    if pa.types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type))
    if pa.types.is_floating(kind):
        return _float_text(column)
    if pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
        return pa.chunked_array([[_json(value) for value in column.to_pylist()]], pa.string())
    text = column.cast(pa.string())
    if pa.types.is_decimal(kind) and kind.scale > 0:
        text = pc.replace_substring_regex(text, r"(\.[0-9]*?)0+$", r"\1")
        text = pc.replace_substring_regex(text, r"\.$", "")
    if pa.types.is_timestamp(kind):
        text = pc.replace_substring(text, " ", "T", max_replacements=1)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        text = pc.replace_substring_regex(text, r"\.0+(Z|[+-][0-9]+|)$", r"\1")
    if pa.types.is_timestamp(kind) and kind.tz:
        text = pc.replace_substring_regex(text, r"([+-][0-9]{2})([0-9]{2})$", r"\1:\2")
    return text


def _float_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write floats; whole numbers below the certain limit as their digits."""
    number = pc.if_else(pc.is_nan(column), None, column)
    wide = number.cast(pa.float64())
    whole = pc.equal(pc.floor(wide), wide)
    certain = pc.less(pc.abs(wide), float(_CERTAIN[column.type.bit_width]))
    digits = pc.if_else(pc.and_(whole, certain), wide, None).cast(pa.int64()).cast(pa.string())
    decimals = pc.if_else(whole, None, number).cast(pa.string())
    text = pc.coalesce(digits, decimals)
    vague = pc.and_(whole, pc.invert(certain))
    if not pc.any(vague).as_py():
        return text
    kind = column.type.to_pandas_dtype()
    exponents = [
        None if value is None else np.format_float_scientific(kind(value), trim="-")
        for value in pc.if_else(vague, wide, None).to_pylist()
    ]
    return pc.coalesce(text, pa.chunked_array([exponents], pa.string()))


def _json(value: Any) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_HEADER_ROWS: Final = 31
"""Rows that are looked at for the header."""


class Sheet:
    """One sheet of a workbook: the one named, or the only one that is not empty.

    Parameters
    ----------
    content
        The workbook's bytes.
    label
        The file's name for messages.
    sheet
        A sheet's name.
    header
        The row of the header, from 1; None for the first that is not empty.

    Attributes
    ----------
    names : list of str
        The first row that is not empty.

    Raises
    ------
    ContactsError
        A password, a damaged workbook, no such sheet, several sheets, no rows, unusable names.

    Notes
    -----
    Formulas come as the values they were saved with, error values (``#N/A``) as missing. Rows below
    the last value and columns without any value are formatting and left out.
    """

    def __init__(
        self, content: bytes, label: str, sheet: str | None = None, header: int | None = None
    ) -> None:
        book = _open(content, label)
        name, self._rows, start = _pick(book, label, sheet)
        self.where = f"{label}, sheet {name!r}"
        if header is not None:
            if not start < header <= start + len(self._rows):
                raise ContactsError(
                    f"{self.where}: row {header} is empty, and cannot be the header."
                )
            self._rows, start = self._rows[header - 1 - start :], header - 1
        width = max(map(_width, self._rows))
        cells = [cell_text(cell) or "" for cell in self._rows[0][:width]]
        below = [
            (start + number, [cell_text(cell) or "" for cell in row])
            for number, row in enumerate(self._rows[1:_HEADER_ROWS], start=2)
        ]
        self._header = Header(cells, f"{self.where}, row {start + 1}", below, "row")
        self.names = self._header.names

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of these columns, all text; empty is null."""
        wanted = choose(columns, self.names, self.where)
        physical = self._header.physical
        places = [physical.index(name) for name in wanted]
        body = self._rows[1:]
        for name in self._header.unnamed:
            at = physical.index(name)
            if any(at < len(row) and _filled(row[at]) for row in body):
                self._header.refuse_value()
        self._header.say_left_out()
        yield pa.table(
            [pa.array([cell_text(row[at]) for row in body], pa.string()) for at in places],
            names=wanted,
        )


def _open(content: bytes, label: str) -> Any:
    try:
        return python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    except python_calamine.PasswordError as error:
        raise ContactsError(
            f"{label}: is protected by a password. Save it without one, or as CSV."
        ) from error
    except BaseException as error:
        _pass_on_unless_damaged(error)
        raise _damaged(label, error) from error


def _pass_on_unless_damaged(error: BaseException) -> None:
    """Raise what is none of calamine's errors; its panics are no ``Exception``."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def _damaged(label: str, error: BaseException) -> ContactsError:
    return ContactsError(
        f"{label}: is a workbook that cannot be read ({error}). "
        "Open it in Excel or LibreOffice and save it again as .xlsx or CSV."
    )


def _pick(book: Any, label: str, sheet: str | None) -> tuple[str, list[list[Any]], int]:
    """Return a sheet's name, its rows and the position of the first row."""
    names = list(book.sheet_names)
    if sheet is not None and sheet not in names:
        raise ContactsError(
            f"{label}: there is no sheet {sheet!r}.{nearest(sheet, names)} "
            f"The sheets are: {', '.join(names)}."
        )
    filled = []
    for name in [sheet] if sheet is not None else names:
        try:
            page = book.get_sheet_by_name(name)
            rows = page.to_python(skip_empty_area=True)
        except BaseException as error:
            if isinstance(error, python_calamine.WorksheetNotFound) and sheet is None:
                continue  # a chart, a macro sheet
            _pass_on_unless_damaged(error)
            raise _damaged(f"{label}, sheet {name!r}", error) from error
        start = page.start[0] if page.start else 0
        while rows and not _width(rows[-1]):
            rows.pop()
        while rows and not _width(rows[0]):
            rows, start = rows[1:], start + 1
        if rows:
            filled.append((name, rows, start))
    if not filled:
        raise ContactsError(f"{label}: {f'sheet {sheet!r}' if sheet else 'every sheet'} is empty.")
    if len(filled) > 1:
        raise ContactsError(
            f"{label}: several sheets have rows. Say which with {hints.option('sheet')}: "
            f"{', '.join(name for name, _, _ in filled)}."
        )
    return filled[0]


def _filled(cell: Any) -> bool:
    return cell is not None and cell != ""


def _width(row: list[Any]) -> int:
    """Return how many cells a row has up to its last value."""
    return next((at for at in range(len(row), 0, -1) if _filled(row[at - 1])), 0)


BATCH_ROWS: Final = 1 << 17


class ParquetFile:
    """One Parquet file.

    Parameters
    ----------
    file
        Its bytes, seekable.
    label
        The file's name for messages.

    Attributes
    ----------
    names : list of str
        The top-level columns.
    rows : int
        How many rows it has.

    Raises
    ------
    ContactsError
        A damaged or encrypted file, unusable names.
    """

    def __init__(self, file: BinaryIO, label: str) -> None:
        self._label = label
        try:
            self._file = pq.ParquetFile(file, page_checksum_verification=True)
            self.names: list[str] = list(self._file.schema_arrow.names)
        except UNREADABLE as error:
            raise _unreadable(label, "a Parquet file", error) from error
        self.rows: int = self._file.metadata.num_rows
        check_names(self.names, label)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of these columns in batches, all text; empty is null."""
        wanted = choose(columns, self.names, self._label)
        try:
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
                yield _texts(batch, wanted, self._label)
        except UNREADABLE as error:
            raise _unreadable(self._label, "a Parquet file", error) from error


class FeatherFile:
    """One Arrow IPC file, which is what Feather is.

    Parameters and errors are those of `ParquetFile`.

    Attributes
    ----------
    names : list of str
        Its columns.
    """

    def __init__(self, file: BinaryIO, label: str) -> None:
        self._label = label
        try:
            self._file = pa.ipc.open_file(file)
        except UNREADABLE as error:
            raise _unreadable(label, "an Arrow (Feather) file", error) from error
        self.names: list[str] = list(self._file.schema.names)
        check_names(self.names, label)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of these columns in the file's own batches, all text; empty is null."""
        wanted = choose(columns, self.names, self._label)
        try:
            for number in range(self._file.num_record_batches):
                yield _texts(self._file.get_batch(number), wanted, self._label)
        except UNREADABLE as error:
            raise _unreadable(self._label, "an Arrow (Feather) file", error) from error


def _texts(batch: pa.RecordBatch, wanted: Sequence[str], label: str) -> pa.Table:
    table = pa.Table.from_batches([batch])
    columns = [column_text(table.column(name), f"{label}: column {name!r}") for name in wanted]
    return pa.table(columns, names=wanted)


def _unreadable(label: str, what: str, error: Exception) -> ContactsError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ContactsError(
        f"{label}: is {what} that cannot be read ({said}). "
        "It was cut off or damaged on its way here: fetch or write it again."
    )
