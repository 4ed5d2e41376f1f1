"""The key that erased numbers are hashed under, and the list of who was erased."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from mmsbatch import parquet
from mmsbatch.errors import InputError
from mmsbatch.forgotten import KEY_BYTES

KEY_NAME: Final = ".forget-key"
LIST_NAME: Final = ".forgotten"


def read_key(path: Path, *, create: bool = False) -> bytes:
    """Read the key, or make one; its file is readable by its owner only.

    Raises
    ------
    InputError
        The file cannot be read or written, or holds no key.
    """
    try:
        if create and not path.exists():
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
            parquet.sync_folder(path.parent)
        key = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: the key cannot be used ({error}): give --key-file") from None
    if len(key) != KEY_BYTES:
        raise InputError(
            f"{path} is no key: {KEY_BYTES} bytes are needed, found {len(key)}. Restore the file, "
            "or give --key-file"
        )
    return key


def forgotten(home: Path) -> set[int]:
    """Give the tokens of everybody who was erased from the runs in a folder."""
    path = home / LIST_NAME
    if not path.exists():
        return set()
    return {int(line) for line in path.read_text(encoding="ascii").split()}


def remember(home: Path, token: int) -> None:
    """Add a token to the list, durably."""
    known = forgotten(home)
    if token not in known:
        lines = "".join(f"+{one}\n" for one in sorted({*known, token}))
        parquet.replace_file(
            home / LIST_NAME, lambda path: path.write_text(lines, encoding="ascii")
        )
