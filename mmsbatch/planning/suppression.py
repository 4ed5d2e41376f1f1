"""Who must not be written to: numbers from files, and the people erased from runs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import files
from mmsbatch.contacts.reading import read_contacts
from mmsbatch.errors import ContactsError, InputError
from mmsbatch.phones.column import guess_column, read_phones
from mmsbatch.phones.e164 import KEY_BYTES, seal, tokens
from mmsbatch.phones.in_text import mask
from mmsbatch.phones.problems import PROBLEM_CODE, PROBLEMS
from mmsbatch.phones.reading import Phones

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
        As for `forget`, where the key is not in the folder of the runs.

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
        elif _holds_runs(folder := Path(source)):
            erased += _erased(folder, key_file)
        else:
            numbers.append(_read(os.fspath(source), phone))
    return SuppressionList(np.unique(np.concatenate(numbers)), tuple(erased))


def _holds_runs(folder: Path) -> bool:
    if (folder / "journal.sqlite").exists():
        raise InputError(
            f"{folder} is a run: give the folder that it lies in, {folder.parent}, whose list says "
            "who was erased"
        )
    own = (LIST_NAME, KEY_NAME)
    return any((folder / name).exists() for name in own) or any(folder.glob("*/journal.sqlite"))


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


KEY_NAME: Final = ".forget-key"
LIST_NAME: Final = ".forgotten"
_MARK_DIGITS: Final = 8


def read_key(home: Path, key_file: str | Path | None = None, *, create: bool = False) -> bytes:
    """Read the key of the runs in a folder.

    Parameters
    ----------
    home
        The folder of the runs.
    key_file
        Where the key is; without it, in that folder.
    create
        Make one there where there is none; its file is readable by its owner only. A file that was
        named must exist.

    Raises
    ------
    InputError
        The file cannot be read or written, or holds no key.
    """
    path = Path(key_file) if key_file else home / KEY_NAME
    try:
        if create and not key_file and not path.exists():
            # Linked into place: another process has made one meanwhile, or this one is whole.
            beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, secrets.token_bytes(KEY_BYTES))
                os.fsync(handle)
            finally:
                os.close(handle)
            try:
                os.link(beside, path)
            except FileExistsError:
                pass
            finally:
                beside.unlink()
            files.sync_folder(path.parent)
        key = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: the key cannot be used ({error}): give --key-file") from None
    if len(key) != KEY_BYTES:
        raise InputError(
            f"{path} is no key: {KEY_BYTES} bytes are needed, found {len(key)}. Restore the file, "
            "or give --key-file"
        )
    return key


@dataclass(frozen=True)
class Forgotten:
    """Who was erased from the runs in a folder."""

    path: Path
    """The list's file."""
    marks: dict[int, str]
    """By token, the mark of the key it was made under; empty where none is on record."""

    def under(self, key: bytes) -> list[int]:
        """Give the tokens that a key can know again.

        Raises
        ------
        InputError
            Some were made under another key.
        """
        other = sum(mark not in {"", _mark(key)} for mark in self.marks.values())
        if other:
            raise InputError(
                f"{self.path}: {other} of {len(self.marks)} people were erased under another key "
                "than the one given, so they would not be known again. Restore that key from a "
                "copy; where it is lost for good, nobody can know them, and their lines can go"
            )
        return [*self.marks]


def forgotten(home: Path) -> Forgotten:
    """Read who was erased from the runs in a folder: a token a line, and the mark of its key.

    Raises
    ------
    InputError
        The list cannot be read.
    """
    path = home / LIST_NAME
    try:
        lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        fields = (line.split() for line in lines if line.strip())
        return Forgotten(path, {int(first): " ".join(rest) for first, *rest in fields})
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}, the list of people who were erased, cannot be read ({error}): restore it "
            "from a copy"
        ) from None


def remember(home: Path, token: int, key: bytes) -> None:
    """Add a token to the list, durably."""
    known = forgotten(home)
    marks = {**known.marks, token: _mark(key)}
    lines = "".join(f"+{one} {mark}".rstrip() + "\n" for one, mark in sorted(marks.items()))
    files.replace_file(known.path, lambda path: path.write_text(lines, encoding="ascii"))


def _mark(key: bytes) -> str:
    """Tell one key from another; it says nothing else about either."""
    return seal("key", key)[:_MARK_DIGITS]
