"""Frames as Parquet files with a stated schema, replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch import columns
from mmsbatch.errors import RunError

_WORD = pa.dictionary(pa.int32(), pa.string())

MMS_TYPES: Mapping[str, pa.DataType] = {
    "mms_e164": pa.string(),
    "mms_problem": _WORD,
    "mms_repair": _WORD,
    "mms_detail": _WORD,
    "mms_phone_column": _WORD,
    "mms_duplicate_of": pa.int64(),
    "mms_message": _WORD,
    "mms_request": pa.int32(),
    "mms_outcome": _WORD,
    "mms_id": pa.string(),
    "mms_rejected": pa.bool_(),
    "mms_status": pa.int32(),
    "mms_status_text": _WORD,
    "mms_campaign_id": _WORD,
    "mms_sent_at": pa.timestamp("ms", tz="UTC"),
}
"""The Arrow type of every column this package adds; other columns keep their own."""


def write(frame: pd.DataFrame, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a frame; the file is the old one or the new one, never half of one.

    Parameters
    ----------
    frame
        Columns of `MMS_TYPES` are cast to their types. A column whose cells Arrow cannot hold
        together (numbers and text mixed) is written as text.
    path
        Written beside, flushed to the disk, then renamed; readable by its owner only.
    metadata
        Added to the file's key-value metadata.

    Raises
    ------
    RunError
        The file cannot be written; an earlier one is untouched.
    """
    table = to_arrow(frame)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
    replace_file(path, lambda beside: pq.write_table(table, beside))


def to_arrow(frame: pd.DataFrame, *, index: bool = True) -> pa.Table:
    """Give a frame as an Arrow table, with the types of `MMS_TYPES`; the index if wanted.

    The meaning of each column of ours is in its field's metadata, under ``description``.
    """
    plain = pd.DataFrame(frame)
    preserve = None if index else False  # None: a range costs nothing, another becomes columns
    try:
        table = pa.Table.from_pandas(plain, preserve_index=preserve)
    except (pa.ArrowException, ValueError, TypeError):
        table = pa.Table.from_pandas(_holdable(plain), preserve_index=preserve)
    for place, column in enumerate(table.schema):
        wanted = MMS_TYPES.get(column.name)
        if wanted is not None and column.type != wanted:
            table = table.set_column(
                place, pa.field(column.name, wanted), table.column(place).cast(wanted)
            )
    return table.cast(_described(table.schema))


def read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read a frame back, with its index and dtypes, and the file's metadata.

    Raises
    ------
    RunError
        The file is missing or not Parquet.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise RunError(
            f"{path} cannot be read ({error}): restore the run's folder from a copy"
        ) from None
    metadata = {
        key.decode(): value.decode()
        for key, value in (table.schema.metadata or {}).items()
        if key.startswith(b"mmsbatch.")
    }
    return _with_words(table.to_pandas()), metadata


def replace_file(path: Path, write_to: Callable[[Path], Any]) -> None:
    """Write a file beside `path`, make it durable, and put it in place in one step.

    Raises
    ------
    RunError
        A step failed: full disk, read-only folder. The earlier file is untouched.
    """
    beside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)  # mkstemp makes it 0600
        beside = Path(name)
        write_to(beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
        beside = None
        sync_folder(path.parent)
    except (OSError, pa.ArrowException) as error:
        raise RunError(
            f"{path} cannot be written ({error}): make the folder writable and free some space "
            "on its disk, then run the same command again"
        ) from None
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _described(schema: pa.Schema) -> pa.Schema:
    """Write the meaning of each column of ours beside it."""
    meanings = columns.meanings(schema.names)
    for place, field in enumerate(schema):
        if field.name in meanings:
            described = field.with_metadata({columns.DESCRIPTION: meanings[field.name]})
            schema = schema.set(place, described)
    return schema


def _with_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Let the gateway's words be words where it said none: results are read as they were made.

    pandas cannot tell the type of categories from an empty list of them.
    """
    for name in ("mms_status_text", "mms_campaign_id"):
        dtype = frame[name].dtype if name in frame.columns else None
        if isinstance(dtype, pd.CategoricalDtype) and dtype.categories.empty:
            frame[name] = frame[name].cat.set_categories(pd.Index([], dtype="str"))
    return frame


def _holdable(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn into text what Arrow cannot hold: mixed columns and labels; drop such an index."""
    held = frame.copy(deep=False)
    held.columns = held.columns.map(str)
    for name in held.columns:
        try:
            pa.array(held[name], from_pandas=True)
        except (pa.ArrowException, ValueError, TypeError):
            text = held[name].map(str, na_action="ignore")
            held[name] = text.astype("str")
    try:
        pa.Table.from_pandas(held[[]])
    except (pa.ArrowException, ValueError, TypeError):
        held.index = pd.Index(held.index.map(str), name=held.index.name)
    names = [name for name in held.index.names if name is not None]
    if set(names) & set(held.columns):
        held.index = held.index.set_names([None] * held.index.nlevels)
    return held
