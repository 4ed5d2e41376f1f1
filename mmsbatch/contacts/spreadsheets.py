"""Sheets of Excel and LibreOffice workbooks as text, through calamine."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import python_calamine

from mmsbatch.contacts.headers import check_names, choose
from mmsbatch.contacts.texts import cell_text
from mmsbatch.errors import ContactsError, nearest


class Sheet:
    """One sheet of a workbook: the one named, or the only one that is not empty.

    Parameters
    ----------
    content
        The workbook's bytes.
    label
        The file's name for messages.
    sheet
        A sheet's name.

    Attributes
    ----------
    names : list of str
        The first row that is not empty.

    Raises
    ------
    ContactsError
        A password, a damaged workbook, no such sheet, several sheets, no rows, unusable names.

    Notes
    -----
    Formulas come as the values they were saved with, error values (``#N/A``) as missing. Rows below
    the last value and columns without any value are formatting and left out.
    """

    def __init__(self, content: bytes, label: str, sheet: str | None = None) -> None:
        book = _open(content, label)
        name, self._rows, start = _pick(book, label, sheet)
        self.where = f"{label}, sheet {name!r}"
        width = max(map(_width, self._rows))
        self.names = [cell_text(cell) or "" for cell in self._rows[0][:width]]
        check_names(self.names, f"{self.where}, row {start + 1}")

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of these columns, all text; empty is null."""
        wanted = choose(columns, self.names, self.where)
        places = [self.names.index(name) for name in wanted]
        body = self._rows[1:]
        yield pa.table(
            [pa.array([cell_text(row[at]) for row in body], pa.string()) for at in places],
            names=wanted,
        )


def _open(content: bytes, label: str) -> Any:
    try:
        return python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    except python_calamine.PasswordError as error:
        raise ContactsError(
            f"{label}: is protected by a password. Save it without one, or as CSV."
        ) from error
    except BaseException as error:
        _pass_on_unless_damaged(error)
        raise _damaged(label, error) from error


def _pass_on_unless_damaged(error: BaseException) -> None:
    """Raise what is none of calamine's errors; its panics are no ``Exception``."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def _damaged(label: str, error: BaseException) -> ContactsError:
    return ContactsError(
        f"{label}: is a workbook that cannot be read ({error}). "
        "Open it in Excel or LibreOffice and save it again as .xlsx or CSV."
    )


def _pick(book: Any, label: str, sheet: str | None) -> tuple[str, list[list[Any]], int]:
    """Return a sheet's name, its rows and the position of the first row."""
    names = list(book.sheet_names)
    if sheet is not None and sheet not in names:
        raise ContactsError(
            f"{label}: there is no sheet {sheet!r}.{nearest(sheet, names)} "
            f"The sheets are: {', '.join(names)}."
        )
    filled = []
    for name in [sheet] if sheet is not None else names:
        try:
            page = book.get_sheet_by_name(name)
            rows = page.to_python(skip_empty_area=True)
        except BaseException as error:
            if isinstance(error, python_calamine.WorksheetNotFound) and sheet is None:
                continue  # a chart, a macro sheet
            _pass_on_unless_damaged(error)
            raise _damaged(f"{label}, sheet {name!r}", error) from error
        start = page.start[0] if page.start else 0
        while rows and not _width(rows[-1]):
            rows.pop()
        while rows and not _width(rows[0]):
            rows, start = rows[1:], start + 1
        if rows:
            filled.append((name, rows, start))
    if not filled:
        raise ContactsError(f"{label}: {f'sheet {sheet!r}' if sheet else 'every sheet'} is empty.")
    if len(filled) > 1:
        raise ContactsError(
            f"{label}: several sheets have rows. Say which with sheet=: "
            f"{', '.join(name for name, _, _ in filled)}."
        )
    return filled[0]


def _filled(cell: Any) -> bool:
    return cell is not None and cell != ""


def _width(row: list[Any]) -> int:
    """Return how many cells a row has up to its last value."""
    return next((at for at in range(len(row), 0, -1) if _filled(row[at - 1])), 0)
