"""Which rows repeat a number that an earlier row has: whole columns, or batch after batch. Pure.

Row and number share one 64-bit key, number first: sorting the keys brings equal numbers together
with the earliest row in front.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

NO_ROW: Final = -1

_ROW_BITS: Final = 33
"""8.6 thousand million rows; the 31 bits left hold any nine-digit number (and 0, unused)."""
_ROW_MASK: Final = np.uint64((1 << _ROW_BITS) - 1)
_SHIFT: Final = np.uint64(_ROW_BITS)
_MOST_RUNS: Final = 8


def first_rows(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Find the first row of each number.

    Parameters
    ----------
    numbers : array of shape (rows,)
        National significant numbers; -1 where there is none.

    Returns
    -------
    array of shape (rows,)
        Position of the earliest row with the same number, for rows that are not it; else -1.
    """
    return Seen().first_rows(numbers)


class Seen:
    """Numbers met so far, over the batches of a long file.

    Keeps 8 bytes for each distinct number, and 16 while two runs of keys are merged.
    """

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.uint64]] = []
        self._rows = 0

    @property
    def rows(self) -> int:
        """Rows met so far, with or without a number."""
        return self._rows

    def __repr__(self) -> str:
        return f"Seen({self._rows} rows, {sum(map(len, self._runs))} numbers)"

    def first_rows(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Find the first row of each number, counting rows from the first batch on.

        Parameters and result are those of the function ``first_rows``.
        """
        found = np.full(len(numbers), NO_ROW, np.int64)
        given = np.flatnonzero(numbers >= 0)
        if len(given):
            rows = given + self._rows
            keys = numbers[given].astype(np.uint64) << _SHIFT | rows.astype(np.uint64)
            keys.sort()
            self._look_up(keys, found)
        self._rows += len(numbers)
        return found

    def _look_up(self, keys: npt.NDArray[np.uint64], found: npt.NDArray[np.int64]) -> None:
        number = keys >> _SHIFT
        new = np.empty(len(keys), bool)
        new[0] = True
        np.not_equal(number[1:], number[:-1], out=new[1:])
        heads = np.flatnonzero(new)
        first, known = keys[heads], np.zeros(len(heads), bool)
        for run in self._runs:
            wanted = first & ~_ROW_MASK
            place = np.searchsorted(run, wanted)
            candidate = run[np.minimum(place, len(run) - 1)]
            here = (candidate & ~_ROW_MASK) == wanted
            first = np.where(here, candidate, first)
            known |= here
        if not new.all() or known.any():
            repeats = ~new
            repeats[heads[known]] = True
            group = np.cumsum(new) - 1
            row = (keys[repeats] & _ROW_MASK).astype(np.int64) - self._rows
            found[row] = (first[group[repeats]] & _ROW_MASK).astype(np.int64)
        self._keep(first[~known])

    def _keep(self, run: npt.NDArray[np.uint64]) -> None:
        """Add a sorted run; runs of like length are merged, so that few have to be searched."""
        if len(run):
            self._runs.append(run)
        while len(self._runs) > 1 and (
            len(self._runs[-2]) <= 2 * len(self._runs[-1]) or len(self._runs) > _MOST_RUNS
        ):
            last = self._runs.pop()
            merged = np.concatenate([self._runs.pop(), last])
            merged.sort()
            self._runs.append(merged)
