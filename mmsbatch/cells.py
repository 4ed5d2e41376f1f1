"""The cells that a message names, as text, each different combination once. Pure. Source: §1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmsbatch.errors import CampaignError, nearest

if TYPE_CHECKING:
    import numpy.typing as npt


def check_columns(needed: list[str], given: list[Any]) -> None:
    """Refuse a message that names columns which are not there, or not there once."""
    lines = []
    for column in needed:
        if column not in given:
            there = ", ".join(map(repr, given))
            hint = nearest(column, map(str, given))
            lines.append(f"campaign.message: no column {column!r}; there are {there}.{hint}")
        elif given.count(column) > 1:
            lines.append(f"campaign.message: several columns {column!r}; rename all but one.")
    if lines:
        raise CampaignError("\n".join(lines))


def coded(frame: pd.DataFrame, column: str) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Code a column as text: one code per row (-1: missing or blank), and the different texts.

    Raises
    ------
    CampaignError
        A cell is neither text, a number nor a date.
    """
    cells: Any = frame[column]
    if cells.dtype == object:  # 1, True and 1.0 are one value to factorize, and three texts
        cells = np.array([_text(cell, column) for cell in cells], dtype=object)
    raw_codes, raw_values = pd.factorize(cells)
    texts: dict[str, int] = {}
    # The last place is that of -1, factorize's code for a missing cell.
    again = np.full(len(raw_values) + 1, -1, dtype=np.int64)
    for place, value in enumerate(raw_values):
        text = _text(value, column)
        if text is not None:
            again[place] = texts.setdefault(text, len(texts))
    return again[raw_codes], list(texts)


def _text(cell: Any, column: str) -> str | None:
    """Write a cell as text; None where it is missing or blank."""
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, bytes) or not pd.api.types.is_scalar(cell):
        raise CampaignError(
            f"campaign.message: column {column!r} holds a {type(cell).__name__}; "
            "make it a column of text."
        )
    if pd.isna(cell):
        return None
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def combinations(
    columns: list[npt.NDArray[np.int64]], rows: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number combinations of codes in order of first appearance; name the first row of each."""
    inverse = np.zeros(rows, dtype=np.int64)
    for codes in columns:
        # Numbered anew after each column, so the product never outgrows rows * values.
        width = int(codes.max(initial=-1)) + 2
        inverse = pd.factorize(inverse * width + codes + 1)[0].astype(np.int64)
    if not columns:
        return inverse, np.arange(min(rows, 1))
    return inverse, np.unique(inverse, return_index=True)[1]
