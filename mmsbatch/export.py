"""Frames written where the user asks: Parquet, or a CSV that is safe in a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mmsbatch import parquet
from mmsbatch._version import __version__
from mmsbatch.errors import InputError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame, by the file's ending; an existing file is replaced whole or not at all.

    Parameters
    ----------
    frame
        Any columns.
    path
        ``.parquet``; or ``.csv``: UTF-8 with a byte order mark and ``;``, as spreadsheets expect
        here. In a CSV a text that a spreadsheet would run as a formula gets ``'`` before it.

    Raises
    ------
    InputError
        The ending is another one, or the file cannot be written.
    """
    if path.suffix == ".parquet":
        parquet.write(frame, path, {"mmsbatch.package_version": __version__})
    elif path.suffix == ".csv":
        safe = _without_formulas(frame)
        parquet.replace_file(
            path, lambda beside: safe.to_csv(beside, sep=";", index=False, encoding="utf-8-sig")
        )
    else:
        raise InputError(f"--out {path}: the file must end in .parquet or .csv")


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
