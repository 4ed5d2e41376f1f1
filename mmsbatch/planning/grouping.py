"""Repeated numbers found, and contents cut into requests. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd


def first_alike(
    numbers: npt.NDArray[np.int64],
    contents: npt.NDArray[np.int64] | None,
    among: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Return the position of the first row with the same number; -1 for that one.

    Parameters
    ----------
    numbers
        With their country's prefix.
    contents
        Codes of the rows' messages, which must be the same too; None: whatever they are.
    among
        The rows to look at; the others get -1.
    """
    national = np.where(among, numbers % 10**9, -1)
    if contents is not None and contents.max(initial=0) > 0:
        # 10**9 is more than the national numbers there are, so each pair has one code.
        codes, _ = pd.factorize(contents[among] * 10**9 + national[among])
        national[among] = codes
    return first_rows(national)


def cut(
    contents: npt.NDArray[np.int64], sendable: npt.NDArray[np.bool_], size: int
) -> npt.NDArray[np.int32]:
    """Number the requests: contents in order of appearance, then `size` rows at a time."""
    groups = contents[sendable]
    members = np.bincount(groups)
    order = np.argsort(groups, kind="stable")
    rank = np.empty(len(groups), dtype=np.int64)
    rank[order] = np.arange(len(groups)) - np.repeat(np.cumsum(members) - members, members)
    requests = -(-members // size)
    before = np.cumsum(requests) - requests
    request = np.ones(len(contents), dtype=np.int32)
    request[sendable] = before[groups] + rank // size + 1
    return request


def cut_after(
    contents: npt.NDArray[np.int64], sendable: npt.NDArray[np.bool_], size: int, first: int
) -> npt.NDArray[np.int32]:
    """Cut as `cut` does, the first so many rows into requests of their own before all others."""
    before = sendable & (np.cumsum(sendable) <= first)
    request = cut(contents, before, size)
    rest = sendable & ~before
    last = int(request[before].max(initial=0))
    return np.where(rest, cut(contents, rest, size) + np.int32(last), request)


def in_order(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Code a column of words by their order of appearance; -1 is missing."""
    category = pd.Categorical(column)
    codes, present = pd.factorize(np.where(category.codes < 0, -1, category.codes))
    if (present < 0).any():  # the missing take part in the order; they are taken out again
        missing = int(np.flatnonzero(present < 0)[0])
        codes = np.where(codes == missing, -1, codes - (codes > missing))
        present = present[present >= 0]
    return codes, [str(category.categories[code]) for code in present]


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
    found = np.full(len(numbers), NO_ROW, np.int64)
    keys = _sorted_keys(numbers, 0)
    repeats = _repeats(keys)
    if len(repeats):
        # A group of equal numbers is a run of neighbours; the key before its repeats is its first.
        starts = np.flatnonzero(np.diff(repeats, prepend=-2) != 1)
        heads = np.repeat(repeats[starts] - 1, np.diff(starts, append=len(repeats)))
        found[_rows(keys[repeats])] = _rows(keys[heads])
    return found


def _sorted_keys(numbers: npt.NDArray[np.int64], first_row: int) -> npt.NDArray[np.uint64]:
    keys = numbers.view(np.uint64) << _SHIFT
    keys |= np.arange(first_row, first_row + len(numbers), dtype=np.uint64)
    given = numbers >= 0
    keys = keys if given.all() else keys[given]
    keys.sort()
    return keys


def _repeats(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Places of sorted keys whose number is that of the key before."""
    numbers = keys >> _SHIFT
    return np.flatnonzero(numbers[1:] == numbers[:-1]) + 1


def _rows(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    return (keys & _ROW_MASK).view(np.int64)


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

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return sum(run.nbytes for run in self._runs)

    def __repr__(self) -> str:
        return f"Seen({self._rows} rows, {sum(map(len, self._runs))} numbers)"

    def first_rows(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Find the first row of each number, counting rows from the first batch on.

        Parameters and result are those of the function ``first_rows``.
        """
        found = np.full(len(numbers), NO_ROW, np.int64)
        keys = _sorted_keys(numbers, self._rows)
        if len(keys):
            self._look_up(keys, found)
        self._rows += len(numbers)
        return found

    def _look_up(self, keys: npt.NDArray[np.uint64], found: npt.NDArray[np.int64]) -> None:
        repeats = _repeats(keys)
        firsts = np.delete(keys, repeats)
        earliest = firsts.copy()
        known = np.zeros(len(firsts), bool)
        wanted = firsts & ~_ROW_MASK
        for run in self._runs:
            place = np.searchsorted(run, wanted)
            candidate = run[np.minimum(place, len(run) - 1)]
            here = (candidate & ~_ROW_MASK) == wanted
            np.copyto(earliest, candidate, where=here)
            known |= here
        found[_rows(firsts[known]) - self._rows] = _rows(earliest[known])
        group = np.searchsorted(firsts, keys[repeats]) - 1
        found[_rows(keys[repeats]) - self._rows] = _rows(earliest[group])
        self._keep(firsts[~known])

    def _keep(self, run: npt.NDArray[np.uint64]) -> None:
        """Add a sorted run; runs of like length are merged, so that few have to be searched."""
        if len(run):
            self._runs.append(run)
        while len(self._runs) > 1 and (
            len(self._runs[-2]) <= 2 * len(self._runs[-1]) or len(self._runs) > _MOST_RUNS
        ):
            last = self._runs.pop()
            merged = np.concatenate([self._runs.pop(), last])
            merged.sort(kind="stable")  # which merges two sorted runs in one pass
            self._runs.append(merged)
