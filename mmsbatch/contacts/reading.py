"""The verbs: read contacts whole, or batch by batch within bounded memory."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, Protocol, cast

import pandas as pd
import pyarrow as pa

from mmsbatch import hints
from mmsbatch.contacts.delimited import DelimitedFile
from mmsbatch.contacts.encodings import read_bytes
from mmsbatch.contacts.formats import FileKind, choose, same_columns
from mmsbatch.contacts.json_records import JsonFile
from mmsbatch.contacts.sources import Unpacked, content, parts
from mmsbatch.contacts.typed import FeatherFile, ParquetFile, Sheet
from mmsbatch.errors import ContactsError
from mmsbatch.progress import counting

BATCH_ROWS: Final = 1 << 17
"""131,072 rows: a frame of a few columns is some ten megabytes."""

_WORKBOOK_BYTES: Final = 1 << 32


class _Reader(Protocol):
    names: list[str]

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]: ...


def read_contacts(
    source: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    sheet: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    header: int | None = None,
) -> pd.DataFrame:
    """Read contacts from CSV, Excel, Parquet, JSON or Feather; every value as text, nothing lost.

    Parameters
    ----------
    source
        A file, a folder of parts with the same columns (read in the order of their names), either
        of them compressed (``.gz .bz2 .xz .zst``, ``.zip`` of one file), or an fsspec URL.
    columns
        Only these columns, in this order. Parquet then reads nothing else from the file.
    sheet
        A workbook's sheet; may be left out when only one has rows.
    separator, encoding
        Of a CSV; found out when left out.
    header
        The line of a CSV, or the row of a sheet, that has the column names, from 1: for a file
        with a title above them.

    Returns
    -------
    pandas.DataFrame
        One row per row of the source, in order; index 0, 1, 2, …; every column of dtype ``str``;
        empty is missing, and nothing else is. Blank lines of a CSV are no rows.

    Raises
    ------
    ContactsError
        Anything that cannot be read without guessing; names the file and the line, column or sheet.

    See Also
    --------
    contact_batches : the same for files larger than memory.
    """
    tables = _tables(source, columns, sheet, separator, encoding, header)
    return _frame(pa.concat_tables(_counted(source, tables)), 0)


def contact_batches(
    source: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    batch_rows: int = BATCH_ROWS,
    sheet: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    header: int | None = None,
) -> Iterator[pd.DataFrame]:
    """Read contacts as `read_contacts` does, a batch of rows at a time.

    Parameters
    ----------
    source, columns, sheet, separator, encoding, header
        As for `read_contacts`.
    batch_rows
        How many rows a batch has; the last may have fewer.

    Yields
    ------
    pandas.DataFrame
        As of `read_contacts`; the index goes on from batch to batch, so it is the row's position in
        the source. Memory is bounded by the batch and, for Parquet, one row group of the columns
        read; a workbook is read whole.

    Raises
    ------
    ContactsError
        As `read_contacts`, when the batch with the problem is reached: rows before it were already
        yielded.
    """
    if batch_rows < 1:
        raise ContactsError(f"batch_rows={batch_rows}: a batch has at least one row.")
    yield from _batches(_tables(source, columns, sheet, separator, encoding, header), batch_rows)


def counted_batches(
    source: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    batch_rows: int = BATCH_ROWS,
    sheet: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    header: int | None = None,
) -> Generator[pd.DataFrame]:
    """Read contacts as `contact_batches` does, and show how far it is; to be closed."""
    tables = _tables(source, columns, sheet, separator, encoding, header)
    return _batches(_counted(source, tables), batch_rows)


def _batches(tables: Iterable[pa.Table], batch_rows: int) -> Generator[pd.DataFrame]:
    """Make frames of so many rows."""
    waiting: list[pa.Table] = []
    held, start = 0, 0
    for table in tables:
        waiting.append(table)
        held += table.num_rows
        while held >= batch_rows:
            together = pa.concat_tables(waiting)
            yield _frame(together.slice(0, batch_rows), start)
            waiting = [together.slice(batch_rows)]
            held -= batch_rows
            start += batch_rows
    if held:
        yield _frame(pa.concat_tables(waiting), start)


def rows_hint(source: str | os.PathLike[str]) -> int | None:
    """Return how many rows a source has, for a progress bar, if that is cheap.

    Returns
    -------
    int or None
        Exact for Parquet; for CSV from the size of the file and of its first lines; None for
        anything compressed, for workbooks, and for whatever cannot be read.
    """
    total = 0.0
    try:
        for part in parts(source):
            found = content(part)
            if found.packed or found.kind not in {FileKind.TEXT, FileKind.PARQUET}:
                return None
            with found.open() as file:
                if found.kind is FileKind.PARQUET:
                    total += ParquetFile(file, part.label).rows
                else:
                    sample = read_bytes(file, 1 << 16, part.label)
                    lines = max(sample.count(b"\n"), 1)
                    total += part.files.size(part.path) / len(sample) * lines - 1
    except (ContactsError, OSError):
        return None
    return max(round(total), 0)


def _counted(source: str | os.PathLike[str], tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Show how far reading is."""
    with counting(partial(rows_hint, source), "row", "reading") as progress:
        for table in tables:
            progress.update(table.num_rows)
            yield table


def _tables(
    source: str | os.PathLike[str],
    columns: Sequence[str] | None,
    sheet: str | None,
    separator: str | None,
    encoding: str | None,
    header: int | None,
) -> Iterator[pa.Table]:
    """Yield the text of every part; the columns in the order of the first."""
    first: Unpacked | None = None
    names: list[str] = []
    wanted: list[str] = []
    rows = 0
    for part in parts(source):
        found = content(part)
        _check_options(found, sheet, separator, encoding, header)
        reader = _reader(found, sheet, separator, encoding, header)
        if first is None:
            first, names = found, reader.names
            wanted = choose(columns, names, part.label)
        elif found.kind is not first.kind:
            raise ContactsError(
                f"{part.label}: is {found.kind}, but {first.part.label} is {first.kind}. "
                "Every part of a folder has the same format: convert it, or move it out."
            )
        same_columns(reader.names, names, part.label, first.part.label)
        for table in reader.tables(wanted):
            rows += table.num_rows
            if table.num_rows:
                yield table
    if not rows:
        raise ContactsError(
            f"{os.fspath(source)}: has column names ({', '.join(names)}) but no rows. "
            "Export the contacts again."
        )


def _reader(
    found: Unpacked,
    sheet: str | None,
    separator: str | None,
    encoding: str | None,
    header: int | None,
) -> _Reader:
    label = found.part.label
    if found.kind is FileKind.TEXT:
        return DelimitedFile(found.open, label, separator, encoding, header)
    if found.kind is FileKind.WORKBOOK:
        with found.open() as file:
            return Sheet(read_bytes(file, _WORKBOOK_BYTES, label), label, sheet, header)
    if found.kind is FileKind.JSON:
        return JsonFile(found.open, label)
    file = found.open()
    return FeatherFile(file, label) if found.kind is FileKind.FEATHER else ParquetFile(file, label)


def _check_options(
    found: Unpacked,
    sheet: str | None,
    separator: str | None,
    encoding: str | None,
    header: int | None,
) -> None:
    """Refuse an option that has no meaning for this kind of file."""
    of_text = found.kind is FileKind.TEXT
    of_sheet = found.kind is FileKind.WORKBOOK
    given = {
        "sheet": (sheet, of_sheet),
        "separator": (separator, of_text),
        "encoding": (encoding, of_text),
        "header": (header, of_text or of_sheet),
    }
    for option, (value, means_something) in given.items():
        if value is not None and not means_something:
            raise ContactsError(
                f"{found.part.label}: is {found.kind}, where {hints.option(option)} means nothing. "
                "Leave it out."
            )


def _frame(table: pa.Table, start: int) -> pd.DataFrame:
    """Make a frame of text whose index begins at this position."""
    frame = cast("pd.DataFrame", table.to_pandas())
    frame.index = pd.RangeIndex(start, start + len(frame))
    return frame
