"""The column names of a contacts file: usable, and those asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mmsbatch.errors import ContactsError, nearest

_VALUE: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|(?=(?:.*[0-9]){9})[+0-9 .()/\u00a0\u202f-]+")
"""An e-mail address or nine digits and more: a value, so the header is missing."""


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse names that are missing, doubled, or values.

    Parameters
    ----------
    names
        The header's cells, in order.
    where
        The file, and the line or sheet, for the message.

    Raises
    ------
    ContactsError
        Naming the position of the column, counted from 1.
    """
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name.strip():
            title = sum(not other.strip() for other in names) * 2 > len(names)
            advice = (
                "Is this a title above the header? Delete it."
                if title
                else "Name it in the header, or delete the column."
            )
            raise ContactsError(f"{where}: column {position} of {len(names)} has no name. {advice}")
        if _VALUE.fullmatch(name.strip()):
            raise ContactsError(
                f"{where}: column {position} is named by what looks like a value, so the header "
                "seems to be missing. Add a first line with the column names."
            )
        if name in seen:
            raise ContactsError(
                f"{where}: columns {seen[name]} and {position} are both named {name!r}. "
                "Rename one of them."
            )
        seen[name] = position


def choose(columns: Sequence[str] | None, names: Sequence[str], where: str) -> list[str]:
    """Return the columns asked for, in that order; all of them for None.

    Raises
    ------
    ContactsError
        A column that is not there (with the nearest name and all of them), or none asked for.
    """
    if columns is None:
        return list(names)
    wanted = [columns] if isinstance(columns, str) else list(columns)
    if not wanted:
        raise ContactsError("columns=[] asks for nothing. Leave it out to read every column.")
    for name in wanted:
        if name not in names:
            raise ContactsError(
                f"{where}: there is no column {name!r}.{nearest(str(name), names)} "
                f"The columns are: {', '.join(names)}."
            )
    check_names(wanted, "columns=")
    return wanted


def same_columns(names: Sequence[str], first: Sequence[str], where: str, origin: str) -> None:
    """Refuse a part whose columns are not those of the first part; their order may differ."""
    missing = [name for name in first if name not in names]
    added = [name for name in names if name not in first]
    if missing or added:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(added)} added"] if added else []
        raise ContactsError(
            f"{where}: its columns are not those of {origin} ({'; '.join(said)}). "
            "Every part of a folder has the same columns: correct it, or move it out."
        )
