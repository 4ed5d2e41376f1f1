"""Which column of a frame holds the phones, when nobody said. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from mmsbatch.errors import ContactsError
from mmsbatch.phones.cells import texts
from mmsbatch.phones.reading import read_texts
from mmsbatch.phones.words import PROBLEM_CODE, REPAIR_BIT, SENDABLE

_SAMPLE: Final = 2_000
"""Cells of a column that are looked at, evenly spread."""
_MOSTLY: Final = 0.5
_SOME: Final = 0.02
_NUMBERS: Final = ("landline", "premium", "overseas", "foreign", "m2m", "range_not_open")


def guess_column(contacts: pd.DataFrame) -> str:
    """Find the one column that looks like phones.

    Such a column holds phone numbers in most of its cells that are not empty, and French mobiles
    in some: a column of landlines is left aside.

    Raises
    ------
    ContactsError
        None or several look like phones; names them with the share of mobiles in each.
    """
    mobiles: dict[str, float] = {}
    phones: dict[str, float] = {}
    for name in contacts.columns:
        mobiles[name], phones[name] = _shares(contacts[name])
    likely = [name for name in phones if phones[name] >= _MOSTLY and mobiles[name] >= _SOME]
    if len(likely) == 1:
        return likely[0]
    shown = likely or [name for name in mobiles if mobiles[name] >= _SOME]
    shown.sort(key=lambda name: -mobiles[name])
    listed = ", ".join(f"{name!r} ({mobiles[name]:.0%} mobiles)" for name in shown)
    if likely:
        raise ContactsError(
            f"several columns look like phones: {listed}; say which with phone='…', "
            "or phone=[…] for the first that can be sent to in each row"
        )
    columns = ", ".join(map(repr, contacts.columns)) or "(none)"
    raise ContactsError(
        "no column looks like phones; "
        + (f"nearest are {listed}; " if shown else "")
        + f"say which with phone='…'. The columns are: {columns}"
    )


def _shares(column: pd.Series) -> tuple[float, float]:
    """Share of mobiles, and of phone numbers, among the cells that are not empty."""
    column = column.dropna()
    if not len(column) or pd.api.types.is_bool_dtype(column.dtype):
        return 0.0, 0.0
    column = column.iloc[np.linspace(0, len(column) - 1, min(len(column), _SAMPLE)).astype(int)]
    cells = texts(column)
    found = read_texts(cells.values, fictional=True)
    if cells.rows is not None:
        found = found.take(cells.rows)
    given = found.problems != PROBLEM_CODE["missing"]
    mobile = found.problems == SENDABLE
    other = np.isin(found.problems, [PROBLEM_CODE[word] for word in _NUMBERS])
    if not given.any():
        return 0.0, 0.0
    # Nine digits alone are phones when they are all mobiles; company numbers have nine as well.
    bare = mobile & (found.repairs & REPAIR_BIT["leading_zero_restored"] > 0)
    if bare.sum() > mobile.sum() / 2 and other.sum() > mobile.sum():
        return 0.0, 0.0
    return float(mobile.sum() / given.sum()), float((mobile | other).sum() / given.sum())
