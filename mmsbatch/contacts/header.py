"""Where the header of a table is, and which of its columns are nothing but separators. Pure."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from mmsbatch import hints
from mmsbatch.contacts.formats import check_names, is_value
from mmsbatch.errors import ContactsError

_ROWS_LOOKED_AT: Final = 30
_PLACEHOLDER: Final = "\x00unnamed column {}"
"""A name that no file has: a NUL is refused in text."""


class ColumnsLeftOut(UserWarning):
    """Columns without a name and without a single value were left out."""


class Header:
    """The names of a table's columns.

    Parameters
    ----------
    cells
        The header's cells, in order. One without a name is left out if it has no value in any row.
    where
        The file, and the line or the sheet and row, for messages.
    below
        The rows that follow, for the message when these are no names: ``(line or row, cells)``.
    what
        ``"line"`` or ``"row"``.

    Attributes
    ----------
    names : list of str
        Of the columns that have one.
    physical : list of str
        Of all columns; placeholders for those without a name.

    Raises
    ------
    ContactsError
        Names that are doubled or look like values, with the line that seems to be the header.
    """

    def __init__(
        self,
        cells: Sequence[str],
        where: str,
        below: Iterable[tuple[int, Sequence[str]]] = (),
        what: str = "line",
    ) -> None:
        self._cells, self._where = list(cells), where
        self._likely = _likely_header(cells, below)
        self._what = what
        self.physical = [
            name if name.strip() else _PLACEHOLDER.format(place)
            for place, name in enumerate(cells, start=1)
        ]
        self.names = [name for name in cells if name.strip()]
        self._check(self.names or cells)

    @property
    def unnamed(self) -> list[str]:
        """The placeholders."""
        named = set(self.names)
        return [name for name in self.physical if name not in named]

    def advice(self) -> str:
        """Say which line looks like the header, if another one does."""
        if self._likely is None:
            return ""
        option = hints.option("header", self._likely)
        return f" The header seems to be in {self._what} {self._likely}: pass {option}."

    def refuse_value(self) -> None:
        """Refuse a column without a name, because a row has a value in it.

        Raises
        ------
        ContactsError
            Names the column by its position, from 1.
        """
        self._check(self._cells)

    def _check(self, names: Sequence[str]) -> None:
        try:
            check_names(names, self._where)
        except ContactsError as error:
            raise ContactsError(f"{error}{self.advice()}") from None

    def say_left_out(self) -> None:
        """Warn that columns were left out."""
        if self.unnamed:
            positions = [place for place, name in enumerate(self._cells, 1) if not name.strip()]
            listed = ", ".join(map(str, positions))
            are = "columns {} have" if len(positions) > 1 else "column {} has"
            warnings.warn(
                f"{self._where}: {are.format(listed)} neither a name nor a single value: left out",
                ColumnsLeftOut,
                stacklevel=5,
            )


def _likely_header(first: Sequence[str], below: Iterable[tuple[int, Sequence[str]]]) -> int | None:
    """Return the line of the first row that has a name in each column, if it is not the first."""
    rows = [row for _, row in zip(range(_ROWS_LOOKED_AT), below, strict=False)]
    widths = Counter(_filled(cells) for _, cells in rows if _filled(cells) > 1)
    if not widths:
        return None
    usual = max(widths, key=lambda width: (widths[width], width))
    for line, cells in rows:
        named = [cell.strip() for cell in cells if cell.strip()]
        if len(named) < max(usual, 2) or len(set(named)) < len(named):
            continue
        if _filled(first) < len(named) and not any(map(is_value, named)):
            return line
        return None
    return None


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)
