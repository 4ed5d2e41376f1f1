"""Files put in place whole, folders made durable, and SHA-256 of files."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Any
from weakref import finalize

import pyarrow as pa

from mmsbatch.errors import RunError


def replace_text(path: Path, text: str) -> None:
    """Put a text in place in one step, as UTF-8; raises as `replace_file` does."""
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def replace_file(path: Path, write_to: Callable[[Path], Any]) -> None:
    """Write a file beside `path`, make it durable, and put it in place in one step.

    Raises
    ------
    RunError
        A step failed: full disk, read-only folder. The earlier file is untouched.
    """
    beside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)  # mkstemp makes it 0600
        beside = Path(name)
        write_to(beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
        beside = None
        sync_folder(path.parent)
    except (OSError, pa.ArrowException) as error:
        raise RunError(
            f"{path} cannot be written ({error}): make the folder writable and free some space "
            "on its disk"
        ) from None
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def replace_folder(path: Path, fill: Callable[[Path], Any]) -> None:
    """Fill a folder beside `path`, make it durable, and put it in the place of what is there.

    Raises
    ------
    RunError
        A step failed: full disk, read-only folder. What was there is untouched.
    """
    beside: Path | None = None
    old: Path | None = None
    try:
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))  # 0700
        fill(beside)
        for made in (*beside.rglob("*"), beside):
            if made.is_dir():
                sync_folder(made)
                continue
            made.chmod(0o600)
            with made.open("rb") as written:
                os.fsync(written.fileno())
        if path.exists():
            # A crash between the two renames leaves nothing under the name, and never a mixture.
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
            path.replace(old / path.name)
        try:
            beside.replace(path)
        except OSError:
            if old is not None:
                (old / path.name).replace(path)
            raise
        beside = None
        sync_folder(path.parent)
    except (OSError, pa.ArrowException) as error:
        raise RunError(
            f"{path} cannot be written ({error}): make the folder writable and free some space "
            "on its disk"
        ) from None
    finally:
        for leftover in (beside, old):
            if leftover is not None:
                rmtree(leftover, ignore_errors=True)


class TemporaryFolder:
    """A folder for its owner only, removed when nothing has this object any more."""

    def __init__(self, prefix: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))  # 0700
        finalize(self, rmtree, self.path, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digests(*files: Path) -> dict[str, str]:
    """Return the SHA-256 (hexadecimal) of each file, under its name; of a folder, of each in it.

    Raises
    ------
    RunError
        A file cannot be read.
    """
    found = {}
    for file in _each_file(files):
        name = file.name if file in files else f"{file.parent.name}/{file.name}"
        try:
            with file.open("rb") as opened:
                found[name] = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise RunError(f"{file} cannot be read ({error})") from None
    return found


def _each_file(given: tuple[Path, ...]) -> Iterator[Path]:
    for path in given:
        if path.is_dir():
            yield from sorted(path.iterdir())
        else:
            yield path


__version__ = version("mmsbatch")
