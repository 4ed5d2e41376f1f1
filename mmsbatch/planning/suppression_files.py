"""Suppression lists read: files of numbers, and the people erased from folders of runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch.contacts.reading import read_contacts
from mmsbatch.errors import ContactsError, InputError
from mmsbatch.phones.column import guess_column, read_phones
from mmsbatch.phones.in_text import mask
from mmsbatch.phones.problems import PROBLEM_CODE, PROBLEMS
from mmsbatch.phones.reading import Phones
from mmsbatch.planning.suppression import (
    KEY_NAME,
    LIST_NAME,
    Erased,
    SuppressionList,
    forgotten,
    read_key,
)

Source = str | os.PathLike[str] | pd.Series

_MAYBE_A_MOBILE: Final = [PROBLEM_CODE[w] for w in ("malformed", "several_numbers", "digits_lost")]
_SHOWN: Final = 3


def read_suppression_list(
    *sources: Source, phone: str | None = None, key_file: str | Path | None = None
) -> SuppressionList:
    """Read who must not be written to, from one source or several.

    Parameters
    ----------
    sources
        Each one of

        - a file of mobile numbers in any notation, or whatever else `read_contacts` reads;
        - a folder of runs: everybody whom `forget` erased from them;
        - a column of numbers.
    phone
        The column of the files that holds the numbers. Without it, their only column, or the one
        that looks like phones.
    key_file
        As for `forget`, if the key is not in the folder of the runs.

    Returns
    -------
    SuppressionList
        For ``prepare(…, suppress=…)``. Numbers that are no French mobiles are not on it: no
        message can reach them.

    Raises
    ------
    InputError
        A source cannot be read whole, holds a cell that may be a mobile and cannot be read as one,
        or is empty; names the source and the rows. A list that is read in part would let people
        be written to who must not be.
    """
    if not sources:
        raise InputError("no suppression list was given: name a file, a folder of runs or a column")
    numbers: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    erased: list[Erased] = []
    for source in sources:
        if isinstance(source, pd.Series):
            numbers.append(_numbers(source, f"the column {source.name!r}"))
        elif _holds_runs(folder := Path(source).expanduser()):
            erased += _erased(folder, key_file)
        else:
            numbers.append(_read(os.fspath(source), phone))
    return SuppressionList(np.unique(np.concatenate(numbers)), tuple(erased))


def _holds_runs(folder: Path) -> bool:
    if any(folder.glob("journal.*")):
        raise InputError(
            f"{folder} is a run: give the folder that it lies in, {folder.parent}, whose list says "
            "who was erased"
        )
    own = (LIST_NAME, KEY_NAME)
    return any((folder / name).exists() for name in own) or any(folder.glob("*/journal.*"))


def _erased(folder: Path, key_file: str | Path | None) -> Iterator[Erased]:
    known = forgotten(folder)
    if known.marks:
        key = read_key(folder, key_file)
        yield Erased(np.array(known.under(key), dtype=np.int64), key)


def _read(source: str, phone: str | None) -> npt.NDArray[np.int64]:
    try:
        frame = read_contacts(source, columns=None if phone is None else [phone])
    except ContactsError as error:
        raise ContactsError(f"a suppression list cannot be read: {error}") from None
    try:
        column = frame.columns[0] if len(frame.columns) == 1 else guess_column(frame)
    except ContactsError as error:
        raise ContactsError(
            f"the suppression list {source}: {error}, or leave only the numbers in the file"
        ) from None
    return _numbers(frame[column], f"the suppression list {source}, column {column!r}")


def _numbers(column: pd.Series, where: str) -> npt.NDArray[np.int64]:
    phones = read_phones(column, fictional=True)
    unread = np.flatnonzero(np.isin(phones.problems, _MAYBE_A_MOBILE))
    if len(unread):
        named = "; ".join(_named(column, phones, row) for row in unread[:_SHOWN].tolist())
        more = f" and {len(unread) - _SHOWN} more" if len(unread) > _SHOWN else ""
        raise ContactsError(
            f"{where}: {named}{more} cannot be read, so whoever is meant would still be written "
            "to. Correct the cells, or delete the rows that mean nobody"
        )
    return phones.numbers[phones.numbers > 0]


def _named(column: pd.Series, phones: Phones, row: int) -> str:
    word = list(PROBLEMS)[phones.problems[row]]
    return f"row position {row} ({word}: {mask(str(column.iloc[row]))!r})"
