"""How rows become requests: problems merged, repeats found, contents cut to size. Pure (§1.1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch.duplicates import first_rows
from mmsbatch.frames import categorical


class Problems:
    """A column of problems as codes: -1 is none."""

    def __init__(self, codes: npt.NDArray[np.int32], words: list[str]) -> None:
        self.codes = codes
        self.words = words

    @classmethod
    def read(cls, column: pd.Series) -> Problems:
        """Take a column of words; missing is none."""
        category = pd.Categorical(column)
        return cls(category.codes.astype(np.int32), [str(word) for word in category.categories])

    @property
    def none(self) -> npt.NDArray[np.bool_]:
        """Where there is no problem."""
        return np.equal(self.codes, -1)

    def code(self, word: str) -> int:
        """Give a word's code, a new one where it has none yet."""
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)

    def clear(self, word: str) -> None:
        """Take a problem away wherever it stands."""
        self.codes[self.codes == self.code(word)] = -1

    def set(self, word: str, where: npt.NDArray[np.bool_]) -> None:
        """Write a problem, whatever stood there."""
        self.codes[where] = self.code(word)

    def add(self, other: pd.Categorical[str]) -> None:
        """Take another column's problems where there is none yet."""
        theirs = np.array([*map(self.code, other.categories), -1], dtype=np.int32)[other.codes]
        self.codes = np.where(self.none, theirs, self.codes)

    def categorical(self) -> pd.Categorical:
        """Give the column back, with the words that occur."""
        return categorical(self.codes, self.words).remove_unused_categories()


def first_alike(
    numbers: npt.NDArray[np.int64],
    contents: npt.NDArray[np.int64],
    among: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Give the position of the first row with the same number and message; -1 for that one."""
    national = np.where(among, numbers % 10**9, -1)
    if contents.max(initial=0) > 0:
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


def in_order(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Code a column of words by their order of appearance; -1 is missing."""
    category = pd.Categorical(column)
    codes, present = pd.factorize(np.where(category.codes < 0, -1, category.codes))
    if (present < 0).any():  # the missing take part in the order; they are taken out again
        missing = int(np.flatnonzero(present < 0)[0])
        codes = np.where(codes == missing, -1, codes - (codes > missing))
        present = present[present >= 0]
    return codes, [str(category.categories[code]) for code in present]
