"""A run at a URL: its files are fetched when they are first looked at, and put there when made.

The copies lie in a temporary folder of this process. What makes two processes that begin a run
under one name one run is a file that is created there only if it does not exist.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any

from mmsbatch.errors import RunError, nearest
from mmsbatch.files import TemporaryFolder


def is_url(given: object) -> bool:
    """Return whether a place is given by a URL."""
    return "://" in str(given)


def file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path in it.

    Raises
    ------
    RunError
        No file system is known by that name, or its package is not installed.
    """
    import fsspec  # noqa: PLC0415  (a run on this machine starts without it)

    protocol = url.partition("://")[0]
    try:
        files, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise RunError(
            f"{url}: reading {protocol}:// needs one more package ({error}): install it with pip"
        ) from None
    except ValueError:
        known = sorted(fsspec.available_protocols())
        raise RunError(
            f"{url}: {protocol}:// is not known.{nearest(protocol, known)} "
            "Give a folder, or a URL such as s3://"
        ) from None
    return files, root


class Mirror:
    """The files of one run at a URL.

    Parameters
    ----------
    url
        Of the run's folder.

    Raises
    ------
    RunError
        As from `file_system`; every method raises it when the URL cannot be read or written.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._files, root = file_system(self.url)
        self._root = root.rstrip("/")
        self._folder = TemporaryFolder("mmsbatch-run-")
        self.path = self._folder.path / PurePosixPath(self._root).name
        """Where the copies are."""

    def exists(self, name: str = "") -> bool:
        """Return whether a file or a folder is there; without a name, the run's folder."""
        with self._reached():
            self._files.invalidate_cache()
            return bool(self._files.exists(self._at(name)))

    def names(self) -> set[str]:
        """Return the names of what is in the folder."""
        with self._reached():
            self._files.invalidate_cache()
            if not self._files.exists(self._root):
                return set()
            return {PurePosixPath(path).name for path in self._files.ls(self._root, detail=False)}

    def fetch(self, name: str) -> None:
        """Copy a file or a folder here, if it is there and not here yet."""
        here = self.path / name
        if here.exists() or not self.exists(name):
            return
        self.path.mkdir(mode=0o700, exist_ok=True)
        with self._reached():
            folder = self._files.isdir(self._at(name))
            self._files.get(self._at(name) + "/" * folder, str(here), recursive=folder)
            for path in here.iterdir() if folder else ():  # when an execution began is its mark's
                with suppress(NotImplementedError):
                    at_s = self._files.modified(f"{self._at(name)}/{path.name}").timestamp()
                    os.utime(path, (at_s, at_s))

    def put(self, name: str) -> None:
        """Copy a file or a folder there, over what it replaces."""
        here = self.path / name
        with self._reached():
            for path in sorted(here.iterdir()) if here.is_dir() else [here]:
                self._files.put_file(str(path), self._at(str(path.relative_to(self.path))))

    def put_first(self, name: str) -> bool:
        """Copy a file there; return False if there is one already, which then stays."""
        with self._reached():
            try:
                content = (self.path / name).read_bytes()
                self._files.pipe_file(self._at(name), content, mode="create")
            except FileExistsError:
                return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file there."""
        with self._reached():
            self._files.rm_file(self._at(name))

    def beside(self) -> list[str]:
        """Return the URLs of the other folders beside this one."""
        parent = str(PurePosixPath(self._root).parent)
        with self._reached():
            self._files.invalidate_cache()
            entries = self._files.ls(parent, detail=True) if self._files.exists(parent) else []
        names = [PurePosixPath(one["name"]).name for one in entries if one["type"] == "directory"]
        above = self.url.rpartition("/")[0]
        return [f"{above}/{name}" for name in sorted(names) if name != self.path.name]

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  (every file system has errors of its own)
            raise RunError(
                f"{self.url} cannot be read or written ({type(error).__name__}: {error}): check "
                "its permissions, the network and the credentials"
            ) from None
