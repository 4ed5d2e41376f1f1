"""A part of a plan: rows that follow each other, whose requests no other part shares. Pure.

A plan of up to a million rows is one part, and one file. A longer one is a folder of such files, so
that whatever is done with it is done part by part and never needs the memory of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mmsbatch import frames, parquet
from mmsbatch.files import TemporaryFolder
from mmsbatch.phones.e164 import FIRST as FIRST_TOKEN
from mmsbatch.phones.e164 import as_integers

PART_ROWS: Final = 1_000_000
"""Rows of a part at most."""

_FOR_SENDING: Final = ("mms_e164", "mms_request")


class PartRows(Protocol):
    """The rows of a part, wherever they are."""

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return all columns, or some."""

    def table(self) -> pa.Table:
        """Return all columns, as they are written to a file."""


@dataclass(frozen=True, eq=False)
class RowsInMemory:
    """Rows of a frame."""

    rows: pd.DataFrame

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return all columns, or some; nothing is copied."""
        return self.rows if columns is None else self.rows[list(columns)]

    def table(self) -> pa.Table:
        """Return all columns as Arrow has them."""
        return frames.to_arrow(self.rows)


@dataclass(frozen=True, eq=False)
class RowsInTable:
    """Rows of an Arrow table, which is written as it is."""

    given: pa.Table

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return all columns, or some."""
        some = self.given if columns is None else self.given.select(list(columns))
        return frames.from_arrow(some)

    def table(self) -> pa.Table:
        """Return the table."""
        return self.given


@dataclass(frozen=True)
class RowsInFile:
    """Rows of a Parquet file, read whenever they are asked for."""

    path: Path
    folder: TemporaryFolder | None = None
    """Where the file is, if it is there for a moment only."""

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read all columns, or some."""
        return frames.from_arrow(parquet.read_table(self.path, columns))

    def table(self) -> pa.Table:
        """Read all columns as they are."""
        return parquet.read_table(self.path)


@dataclass(frozen=True, eq=False)
class Part:
    """Which rows of a part are in which request.

    Parameters
    ----------
    numbers
        Each row's number as an integer (33639980012), 0 if it has none.
    request_of_row
        Each row's request in the plan, 0 if it has none.
    first_row
        Its position in the plan.
    first_request
        The first that no earlier part has.
    """

    numbers: npt.NDArray[np.int64]
    request_of_row: npt.NDArray[np.int32]
    first_row: int
    first_request: int
    _positions: npt.NDArray[np.int32] = field(init=False, repr=False)
    _borders: npt.NDArray[np.int64] = field(init=False, repr=False)

    @classmethod
    def of(cls, rows: PartRows, first_row: int = 0, first_request: int = 1) -> Part:
        """Take what is needed from the rows."""
        frame = rows.frame(_FOR_SENDING)
        requests = frame["mms_request"].fillna(0).to_numpy(dtype=np.int32)
        return cls(as_integers(frame["mms_e164"]), requests, first_row, first_request)

    def __post_init__(self) -> None:
        """Order the rows by their requests."""
        mine = self.request_of_row
        sizes = np.bincount(np.maximum(mine - self.first_request + 1, 0))[1:]
        order = np.argsort(mine, kind="stable").astype(np.int32)
        object.__setattr__(self, "_positions", order[np.count_nonzero(mine == 0) :])
        object.__setattr__(self, "_borders", np.concatenate(([0], np.cumsum(sizes))))

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.numbers)

    @property
    def requests(self) -> range:
        """The requests that its rows are in."""
        return range(self.first_request, self.first_request + len(self._borders) - 1)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """How many rows each of its requests has."""
        return np.diff(self._borders)

    def positions(self, request: int) -> npt.NDArray[np.int64]:
        """Return the rows of one of its requests, by their positions in this part, in order."""
        place = request - self.first_request
        found = self._positions[self._borders[place] : self._borders[place + 1]]
        return found.astype(np.int64)

    def firsts(self) -> npt.NDArray[np.int64]:
        """Return the position of the first row of each request; -1 for one without rows."""
        begins = self._borders[:-1]
        firsts = np.append(self._positions, -1)[begins].astype(np.int64)
        return np.where(self.sizes > 0, firsts, -1)

    def have_people(self) -> npt.NDArray[np.bool_]:
        """Return for each request whether it is for anybody who has not been erased."""
        people = self.numbers[self._positions] < FIRST_TOKEN
        counted = np.concatenate(([0], np.cumsum(people)))
        return np.diff(counted[self._borders]) > 0
