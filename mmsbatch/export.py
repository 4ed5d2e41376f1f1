"""Frames written where the user asks: Parquet, or a CSV that is safe in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow.parquet as pq

from mmsbatch import parquet
from mmsbatch._version import __version__
from mmsbatch.errors import InputError

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write(frames: Iterable[pd.DataFrame], path: Path) -> None:
    """Write frames of the same columns as one file, which replaces an earlier one whole or not.

    Parameters
    ----------
    frames
        One after the other; only one is held at a time. Their index is not written.
    path
        ``.parquet``; or ``.csv``: UTF-8 with a byte order mark and ``;``, as spreadsheets expect
        here. In a CSV a text that a spreadsheet would run as a formula gets ``'`` before it.

    Raises
    ------
    InputError
        The ending is another one, or the file cannot be written.
    """
    writers = {".parquet": _write_parquet, ".csv": _write_csv}
    writer = writers.get(path.suffix)
    if writer is None:
        raise InputError(f"--out {path}: the file must end in .parquet or .csv")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: the folder {path.parent} does not exist: make it first")
    parquet.replace_file(path, lambda beside: writer(frames, beside))


def _write_parquet(frames: Iterable[pd.DataFrame], path: Path) -> None:
    tables = (parquet.to_arrow(frame, index=False) for frame in frames)
    first = next(tables)
    metadata = {**(first.schema.metadata or {}), "mmsbatch.package_version": __version__}
    schema = first.schema.with_metadata(metadata)
    with pq.ParquetWriter(path, schema) as file:
        for table in chain([first], tables):
            file.write_table(table.cast(schema))


def _write_csv(frames: Iterable[pd.DataFrame], path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        for place, frame in enumerate(frames):
            safe = _without_formulas(frame)
            safe.to_csv(file, sep=";", index=False, header=place == 0, lineterminator="\r\n")


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
        text = column.astype(object)
        runs = text.map(lambda cell: isinstance(cell, str) and cell.startswith(_FORMULA))
        if runs.any():
            safe[name] = text.where(~runs, "'" + text.astype(str))
    return safe
