"""Repeated numbers in a table longer than memory: found on disk, by DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mmsbatch.planning.grouping import NO_ROW

_MEMORY: Final = "400MB"
"""What does not fit waits on disk."""
_FIND: Final = """
    CREATE TABLE repeats AS
    SELECT position, first
    FROM (SELECT position, min(position) OVER (PARTITION BY number, text) AS first FROM numbers)
    WHERE first <> position
"""


class Duplicates:
    """The first row of each number, over the parts of a table.

    Parameters
    ----------
    folder
        For the numbers, 24 bytes a row, and for as much again while they are sorted.
    by_text
        Whether rows are repeats only if their text is the same too.
    """

    def __init__(self, folder: Path, *, by_text: bool) -> None:
        self._by_text = by_text
        self._database = duckdb.connect(
            folder / "numbers.duckdb",
            config={"memory_limit": _MEMORY, "temp_directory": str(folder / "numbers.tmp")},
        )
        self._database.execute("CREATE TABLE numbers (position BIGINT, number BIGINT, text BIGINT)")

    def add(
        self,
        first_row: int,
        numbers: npt.NDArray[np.int64],
        texts: npt.NDArray[np.int64],
        among: npt.NDArray[np.bool_],
    ) -> None:
        """Take in a part.

        Parameters
        ----------
        first_row
            Its position in the table.
        numbers, texts
            Of each of its rows; texts are codes.
        among
            The rows to look at.
        """
        rows = np.flatnonzero(among)
        table = pa.table(
            {
                "position": rows + first_row,
                "number": numbers[rows],
                "text": texts[rows] if self._by_text else np.zeros(len(rows), np.int64),
            }
        )
        self._database.register("part", table)
        self._database.execute("INSERT INTO numbers SELECT * FROM part")
        self._database.unregister("part")

    def find(self) -> None:
        """Look for repeats, once all parts are in."""
        self._database.execute(_FIND)

    def of(self, first_row: int, rows: int) -> npt.NDArray[np.int64]:
        """Return, for each row of a part, the first with its number; -1 for that one."""
        found = self._database.execute(
            "SELECT * FROM repeats WHERE position >= ? AND position < ?",
            (first_row, first_row + rows),
        ).fetchnumpy()
        earlier = np.full(rows, NO_ROW, np.int64)
        earlier[np.asarray(found["position"]) - first_row] = found["first"]
        return earlier

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._database.close()
