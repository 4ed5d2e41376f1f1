"""Who must not be written to: numbers, and keyed hashes of people who were erased. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmsbatch.phones.e164 import tokens

_FRANCE = 33 * 10**9


@dataclass(frozen=True, repr=False)
class Erased:
    """People who were erased from runs: what stands for each, and the key it was made under."""

    tokens: npt.NDArray[np.int64]
    key: bytes


@dataclass(frozen=True, repr=False)
class SuppressionList:
    """People who must not be written to; `read_suppression_list` makes one.

    Parameters
    ----------
    numbers : array of shape (people,), int64
        National significant numbers, as 639980012.
    erased
        People of whom only a keyed hash is known.
    """

    numbers: npt.NDArray[np.int64]
    erased: tuple[Erased, ...] = ()

    def covers(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Say which numbers are on the list.

        Parameters
        ----------
        numbers : array of shape (rows,), int64
            National significant numbers; -1, none, is never on the list.
        """
        found = np.isin(numbers, self.numbers)
        for people in self.erased:
            e164 = np.where(numbers > 0, _FRANCE + numbers, 0)
            found |= np.isin(tokens(e164, people.key), people.tokens)
        return found

    def __len__(self) -> int:
        return len(self.numbers) + sum(len(people.tokens) for people in self.erased)

    def __repr__(self) -> str:
        erased = len(self) - len(self.numbers)
        return f"SuppressionList({len(self.numbers):,} numbers, {erased:,} erased people)"
