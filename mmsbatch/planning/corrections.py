"""Cells that need a person: listed to be corrected by hand, and taken back, keyed by row.

A row has the number that a spreadsheet shows beside it: 2 for the first below a header. What comes
back is held against the contacts as they are now: a cell that reads otherwise is an error, so that
a correction never lands on somebody else.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pandas as pd

from mmsbatch.contacts.reading import read_contacts
from mmsbatch.errors import ContactsError
from mmsbatch.phones.problems import PROBLEMS

CORRECTED: Final = "corrected"
COLUMNS: Final = ("row", "column", "cell", "problem", "meaning", "what_to_do", CORRECTED)
NEED_A_PERSON: Final = tuple(
    word for word, told in PROBLEMS.items() if not told.what_to_do.startswith("nothing")
)
"""The problems that are the cell's own; the others are decided elsewhere."""


def cells_to_correct(
    prepared: pd.DataFrame, phone_columns: Iterable[Any], *, first: int = 0, header: int = 1
) -> pd.DataFrame:
    """Return the cells that need a person.

    Parameters
    ----------
    prepared
        What `prepare` gave, or a part of it.
    phone_columns
        Where the numbers were read.
    first
        The position of the part's first row.
    header
        The row of the contacts' header in the spreadsheet.

    Returns
    -------
    pandas.DataFrame
        One row for each: ``row`` (int64) in the spreadsheet, ``column``, ``cell`` as text,
        ``problem``, ``meaning``, ``what_to_do`` and ``corrected`` (str), which is empty.
    """
    words = prepared["mms_problem"].astype("str")
    places = np.flatnonzero(words.isin(NEED_A_PERSON))
    (main, *_) = [*phone_columns, ""]
    columns = (
        prepared["mms_phone_column"].astype("object").fillna(main)
        if "mms_phone_column" in prepared.columns
        else pd.Series(main, index=prepared.index, dtype="object")
    )
    needing, columns = prepared.iloc[places], columns.iloc[places]
    read = {name: needing[name].tolist() for name in columns.unique() if name in needing.columns}
    rows = []
    for i, (place, column, word) in enumerate(
        zip(places, columns, words.iloc[places], strict=True)
    ):
        cell = read[column][i] if column in read else ""
        told = PROBLEMS[word]
        row = first + place + 1 + header
        rows.append((row, str(column), text_of(cell), word, told.meaning, told.what_to_do, ""))
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    texts = {name: "str" for name in COLUMNS if name != "row"}
    return found.astype({**texts, "row": "int64"})


def text_of(cell: Any) -> str:
    """Write a cell as a person reads it; empty if it is missing."""
    if isinstance(cell, str):
        return cell
    if pd.isna(cell):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


class _Correction(NamedTuple):
    position: int
    column: str
    cell: str
    corrected: str


@dataclass(frozen=True)
class Corrections:
    """What a person has corrected, by row."""

    label: str
    """The file's name for messages."""
    header: int
    made: tuple[_Correction, ...]

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, header: int = 1) -> Self:
        """Read a file that `cells_to_correct` was written to; rows without a correction are left.

        Parameters
        ----------
        path
            As for `read_contacts`.
        header
            The row of the contacts' header.

        Raises
        ------
        ContactsError
            The file is none, corrects a row twice, or names a row that there cannot be.
        """
        label = Path(os.fspath(path)).name
        frame = read_contacts(path)
        if missing := [name for name in ("row", "column", "cell", CORRECTED) if name not in frame]:
            raise ContactsError(
                f"{label} has no column {missing[0]!r}: give the file that --problems wrote, with "
                f"its column {CORRECTED!r} filled in"
            )
        made: dict[tuple[int, str], _Correction] = {}
        texts = {name: frame[name].map(text_of) for name in ("row", "column", "cell", CORRECTED)}
        for line, (row, column, cell, corrected) in enumerate(zip(*texts.values(), strict=True), 2):
            if not corrected.strip():
                continue
            if not row.isdecimal() or int(row) <= header:
                raise ContactsError(f"{label}, row {line}: {row!r} is no row of the contacts")
            key = int(row), column
            if key in made:
                raise ContactsError(f"{label}, row {line}: row {row} is corrected twice")
            # A CSV has ' before what a spreadsheet would take for a formula.
            made[key] = _Correction(
                int(row) - 1 - header, column, cell.removeprefix("'"), corrected
            )
        return cls(label, header, tuple(sorted(made.values())))

    def applied(self, batches: Iterable[pd.DataFrame]) -> Generator[pd.DataFrame]:
        """Return the contacts with the corrections in their cells.

        Raises
        ------
        ContactsError
            The contacts have changed since: a cell reads otherwise, or is no longer there.
        """
        waiting, first = list(self.made), 0
        last: pd.DataFrame | None = None  # held back until it is known whether rows follow it
        for batch in batches:
            upto = first + len(batch)
            here = [one for one in waiting if one.position < upto]
            waiting = waiting[len(here) :]
            if last is not None:
                yield last
            last = self._corrected(batch, here, first) if here else batch
            first = upto
        if waiting:
            self._refuse(waiting[0], f"there is no such row: the contacts end with {first:,} rows")
        if last is not None:
            yield last

    def _corrected(self, batch: pd.DataFrame, here: list[_Correction], first: int) -> pd.DataFrame:
        changed: dict[str, Any] = {}
        for one in here:
            if one.column not in batch.columns:
                self._refuse(one, "there is no such column")
            cells = changed.setdefault(one.column, batch[one.column].to_numpy(dtype=object).copy())
            if text_of(cells[one.position - first]).strip() != one.cell.strip():
                self._refuse(one, "that cell reads otherwise now")
            cells[one.position - first] = one.corrected
        columns = {name: pd.Series(cells, batch.index) for name, cells in changed.items()}
        return batch.assign(**columns)

    def _refuse(self, one: _Correction, why: str) -> None:
        where = f"{self.label}: row {one.position + 1 + self.header}, column {one.column!r}"
        raise ContactsError(
            f"{where}: {why}. The contacts have changed since they were checked: check them again, "
            "and correct what that names"
        )
