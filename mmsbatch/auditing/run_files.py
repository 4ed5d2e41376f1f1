"""Files of many runs under names of their own, for DuckDB: nothing else can be read through them.

DuckDB's own lists of allowed paths also allow writing. Through this file system a query can read
the files that were put into it, wherever they are (on this machine, at a URL, in memory), and
nothing can be written, whatever the query says.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from mmsbatch.files import TemporaryFolder

PROTOCOL: Final = "mmsrun"


@dataclass(frozen=True)
class FileSource:
    """How one file is read."""

    open: Callable[[], BinaryIO]
    size: int


def in_memory(content: bytes) -> FileSource:
    """Return a file that exists only here."""
    return FileSource(lambda: io.BytesIO(content), len(content))


def local_file(path: Path, folder: TemporaryFolder) -> FileSource:
    """Return a file of a temporary folder, which is there as long as this is."""
    # Opened by fsspec, whose files close themselves when DuckDB drops them.
    return FileSource(lambda: LocalFileSystem().open(folder.path / path.name), path.stat().st_size)


class RunFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A read-only file system of the files that were put into it."""

    protocol = PROTOCOL
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[str, FileSource] = {}
        self._since = datetime.now(UTC).replace(tzinfo=None)

    def put_source(self, name: str, source: FileSource) -> str:
        """Add a file; gives the URL at which DuckDB finds it."""
        self._sources[name] = source
        return f"{PROTOCOL}://{name}"

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Return how long a file is."""
        name = self._strip_protocol(path)
        return {"name": name, "size": self._source(path).size, "type": "file"}

    def ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        """List one file: there are no folders."""
        found = self.info(path)
        return [found if detail else found["name"]]

    def glob(self, path: str, **_options: Any) -> list[str]:
        """Return the name itself: patterns are not meant here."""
        return [path] if self._strip_protocol(path) in self._sources else []

    def modified(self, _path: str) -> datetime:
        """Return one time for all: the files do not change while they are here."""
        return self._since

    def _open(self, path: str, mode: str = "rb", **_options: Any) -> BinaryIO:
        if mode != "rb":
            raise PermissionError("files of runs are read-only")
        return self._source(path).open()

    def _source(self, path: str) -> FileSource:
        try:
            return self._sources[self._strip_protocol(path)]
        except KeyError:
            raise FileNotFoundError(path) from None
