"""Who must not be written to: a list of numbers, and the people whom `forget` erased."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from mmsbatch import files, hints
from mmsbatch.errors import InputError
from mmsbatch.phones.e164 import KEY_BYTES, seal, tokens

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
        """Return which numbers are on the list.

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
        Make one there if there is none; its file is readable by its owner only. A file that was
        named must exist.

    Raises
    ------
    InputError
        The file cannot be read or written, or holds no key.
    """
    path = Path(key_file).expanduser() if key_file else home / KEY_NAME
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
        raise InputError(
            f"{path}: the key cannot be used ({error}): give {hints.option('key_file')}"
        ) from None
    if len(key) != KEY_BYTES:
        raise InputError(
            f"{path} is no key: {KEY_BYTES} bytes are needed, found {len(key)}. Restore the file, "
            f"or give {hints.option('key_file')}"
        )
    return key


@dataclass(frozen=True)
class Forgotten:
    """Who was erased from the runs in a folder."""

    path: Path
    """The list's file."""
    marks: dict[int, str]
    """By token, the mark of the key it was made under; empty if none is on record."""

    def under(self, key: bytes) -> list[int]:
        """Return the tokens that a key can know again.

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
    files.replace_text(known.path, lines)


def _mark(key: bytes) -> str:
    """Tell one key from another; it says nothing else about either."""
    return seal("key", key)[:_MARK_DIGITS]
