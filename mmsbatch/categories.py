"""Columns of few different words, from integer codes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def categorical(codes: npt.NDArray[np.integer[Any]], words: Iterable[str]) -> pd.Categorical:
    """Give a category column.

    Parameters
    ----------
    codes
        One per row: the place of its word, -1 for missing.
    words
        Different from each other.
    """
    index = pd.Index(list(words), dtype="str")
    made: pd.Categorical = pd.Categorical.from_codes(codes, categories=index)
    return made
