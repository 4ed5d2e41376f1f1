"""Phone columns read as French mobile numbers. Pure (§1.4)."""

from __future__ import annotations

import pandas as pd

from mmsbatch.phones.cells import texts
from mmsbatch.phones.notation import e164_strings
from mmsbatch.phones.places import detail_name
from mmsbatch.phones.reading import Phones, read_texts
from mmsbatch.phones.words import PROBLEMS, REPAIRS, Problem, repair_words

__all__ = [
    "PROBLEMS",
    "REPAIRS",
    "Phones",
    "Problem",
    "detail_name",
    "e164_strings",
    "read_phones",
    "read_texts",
    "repair_words",
]


def read_phones(column: pd.Series, *, fictional: bool = False) -> Phones:
    """Read a column of any dtype."""
    cells = texts(column)
    phones = read_texts(cells.values, fictional=fictional)
    return phones if cells.rows is None else phones.take(cells.rows)
