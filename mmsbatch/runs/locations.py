"""Where runs lie: folders, folders of runs, URLs. Reads names only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

import fsspec

from mmsbatch.errors import InputError, RunError
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.mirror import file_system, is_url

_RUNS: Final = Path("data", "runs")
_PROJECT: Final = (".git", "pyproject.toml")
"""Either of these makes a folder a project."""
_PACKAGE: Final = Path(__file__).parent.parent


def runs_folder(given: str | Path | None = None) -> Path:
    """Return the folder of runs, the same one from every folder of a project.

    A run is sent once because its folder says what was sent. So a notebook whose kernel is started
    in the project's folder, and one whose kernel is started in ``notebooks/``, must find the same
    runs.

    Parameters
    ----------
    given
        A folder of runs, which is then taken. None: ``data/runs`` in the project, which is the
        nearest folder, from the current one upwards, that holds ``.git`` or ``pyproject.toml``.
        If there is no project: the nearest ``data/runs`` upwards that holds a run, else
        ``data/runs`` in the current folder.

    Returns
    -------
    pathlib.Path
        An absolute path. The folder need not exist.

    Raises
    ------
    InputError
        Runs lie in another ``data/runs`` on the way up, too, so that one name could be sent twice;
        or the folder would be inside of this package.
    """
    if given is not None:
        return Path(given).expanduser().absolute()
    folders = [Path.cwd(), *Path.cwd().parents]
    marked = [folder for folder in folders if any((folder / mark).exists() for mark in _PROJECT)]
    if marked:
        folders = folders[: folders.index(marked[0]) + 1]
    holding = [folder for folder in folders if _holds_runs(folder / _RUNS)]
    home = [*marked, *holding, folders[0]][0]
    others = [str(folder / _RUNS) for folder in holding if folder != home]
    if others:
        raise InputError(
            f"runs lie in {home / _RUNS} and in {', '.join(others)}: a run's name could be sent "
            "twice. Move the runs into one of the two, or say which is meant (in a notebook, the "
            "parameter runs_dir)"
        )
    if home == _PACKAGE or _PACKAGE in home.parents:
        raise InputError(
            f"{home} is inside of the installed package, where no run is kept: copy the notebook "
            "into a folder of yours, or say where runs are kept (the parameter runs_dir)"
        )
    return home / _RUNS


def _holds_runs(folder: Path) -> bool:
    """Return whether a folder of runs has a run in it; one that may not be looked into has none."""
    try:
        return any((path / name).exists() for path in folder.iterdir() for name in JOURNALS)
    except OSError:
        return False


JOURNALS: Final = ("journal.sqlite", "journal.json")
"""The journal, or where it is: one of them is there."""
NEEDED: Final = ("plan.parquet", "campaign.toml")
"""Without a journal and each of these there is no run; all other files can be rebuilt."""
DERIVED: Final = ("results.parquet", "requests.parquet")
_JOURNAL_LOG: Final = "journal.sqlite-wal"

RunPaths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class RunLocation:
    """A run's folder and the files in it."""

    label: str
    """The folder as a person would write it: a path, or a URL."""
    root: str
    """The folder as its file system knows it."""
    sizes: dict[str, int]
    """The size of each file of the run that is there, in bytes."""
    files: Any = field(repr=False)
    """The fsspec file system."""

    @property
    def name(self) -> str:
        """The run's name: the folder's."""
        return PurePosixPath(self.root).name

    @property
    def local(self) -> Path | None:
        """The folder, if it is on this machine."""
        return Path(self.root) if _is_local(self.files) else None

    def path(self, name: str) -> str:
        """Return the path of one of its files, as its file system knows it."""
        return f"{self.root.rstrip('/')}/{name}"

    def files_of(self, table: str) -> tuple[str, ...]:
        """Return the names of a table's files, in order; nothing if it is not there."""
        if table in self.sizes:
            return (table,)
        return tuple(sorted(name for name in self.sizes if name.startswith(f"{table}/")))

    def size(self, name: str) -> int:
        """Return the size of one of its files as it is now, in bytes."""
        return int(self.files.size(self.path(name)))

    def open(self, name: str) -> BinaryIO:
        """Open one of its files for reading."""
        opened: BinaryIO = self.files.open(self.path(name), "rb")
        return opened

    def check_whole(self) -> None:
        """Make sure that what cannot be rebuilt is there.

        Raises
        ------
        RunError
            Something is missing; names it.
        """
        missing = [name for name in NEEDED if not self.files_of(name)]
        if not any(name in self.sizes for name in JOURNALS):
            missing.insert(0, JOURNALS[0])
        if missing:
            raise RunError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: the "
                "folder was copied in part. Copy it again whole, or restore it from a copy"
            )
        empty = [
            name
            for name, size in self.sizes.items()
            if not size and name.partition("/")[0] in (*NEEDED, *JOURNALS)
        ]
        if empty:
            raise RunError(
                f"{' and '.join(empty)} is empty: the folder was copied in part. Copy it again "
                "whole, or restore it from a copy"
            )


class RunLeftOut(UserWarning):
    """A folder could not be read, and is not in the answer: it is named, with what to do."""


@dataclass(frozen=True)
class LeftOut:
    """A folder that could not be looked into, and why."""

    label: str
    why: str

    def __str__(self) -> str:
        return f"{self.label} is left out: {self.why}"


def find(given: RunPaths) -> Iterator[RunLocation | LeftOut]:
    """Find the runs in what was given, each once, in the order of their names.

    A folder whose name begins with a dot is a run that is being made, or never was: not looked at.

    Raises
    ------
    RunError
        Something given does not exist or is no folder, or there is no run in it at all.
    """
    seen = set()
    for one in _each(given):
        found = list(_within(os.fspath(one)))
        if not found:
            raise RunError(f"no run in {one}: give a folder of runs, or a run's folder")
        for place in found:
            if place.label not in seen:
                seen.add(place.label)
                yield place


def is_empty(given: RunPaths) -> bool:
    """Return whether folders are there, and nothing is in any of them.

    Raises
    ------
    RunError
        One does not exist, is no folder or cannot be read.
    """
    folders = (os.fspath(one) for one in _each(given))
    return not any(_listed(*_file_system(folder), folder) for folder in folders)


def _each(given: RunPaths) -> list[str | os.PathLike[str]]:
    return [given] if isinstance(given, str | os.PathLike) else list(given)


def _within(given: str) -> Iterator[RunLocation | LeftOut]:
    files, root = _file_system(given)
    names = _listed(files, root, given)
    if _is_run(names):
        yield _place(files, root, names)
        return
    for path in sorted(path for path, size in names.values() if size is None):
        name = PurePosixPath(path).name
        if name.startswith("."):
            continue
        inner = _listed(files, path, _label(files, path))
        if _is_run(inner):
            yield _place(files, path, inner)
        else:
            yield LeftOut(_label(files, path), _no_run(inner))


Names = dict[str, tuple[str, int | None]]
"""By name: the path, and the size of a file or None for a folder."""


def _listed(files: Any, root: str, label: str) -> Names:
    try:
        there, folder = files.exists(root), files.isdir(root)
        entries = files.ls(root, detail=True) if folder else []
    except Exception as error:  # noqa: BLE001  (every file system has errors of its own)
        raise RunError(
            f"{label} cannot be listed ({type(error).__name__}: {error}): check its permissions, "
            "the network and the credentials"
        ) from None
    if not there:
        raise RunError(f"{label} does not exist: give a folder of runs, or a run's folder")
    if not folder:
        raise RunError(f"{label} is a file: give the folder of the run that it is in")
    return {
        PurePosixPath(entry["name"]).name: (
            entry["name"],
            None if entry["type"] == "directory" else int(entry["size"] or 0),
        )
        for entry in entries
        if entry["name"].rstrip("/") != root.rstrip("/")
    }


def _is_run(names: Names) -> bool:
    """Tell a run, whole or not, by the files that only runs have."""
    return any(name in names for name in (*JOURNALS, *NEEDED, *DERIVED))


def _no_run(names: Names) -> str:
    if any(size is None for _, size in names.values()):
        return "not a run (no journal.sqlite); if it is a folder of runs, give it by itself"
    return "not a run (no journal.sqlite): move it elsewhere, or restore what should be in it"


def _place(files: Any, root: str, names: Names) -> RunLocation:
    known = (*JOURNALS, *NEEDED, *DERIVED, _JOURNAL_LOG)
    sizes: dict[str, int] = {}
    for name in known:
        path, size = names.get(name, ("", 0))
        if size is not None:
            sizes |= {name: size} if path else {}
            continue
        parts = _listed(files, path, _label(files, path))
        sizes |= {f"{name}/{part}": size or 0 for part, (_, size) in parts.items()}
    return RunLocation(_label(files, root), root, sizes, files)


def _label(files: Any, root: str) -> str:
    return root if _is_local(files) else str(files.unstrip_protocol(root))


def _is_local(files: Any) -> bool:
    protocol = files.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def _file_system(given: str) -> tuple[Any, str]:
    if not is_url(given):
        return fsspec.filesystem("file"), str(Path(given).expanduser().resolve())
    files, root = file_system(given)
    return files, str(Path(root).resolve()) if _is_local(files) else root


def every_run(given: RunPaths) -> tuple[list[RunFolder], list[LeftOut]]:
    """Find the runs in what was given, each once, in the order of their names.

    Returns
    -------
    tuple
        The runs, and the folders beside them that are none.

    Raises
    ------
    RunError
        Something given does not exist, holds no run or is not on this machine, or a run was copied
        in part.
    """
    runs: dict[Path, RunFolder] = {}
    others: list[LeftOut] = []
    for place in find(given):
        if isinstance(place, LeftOut):
            others.append(place)
            continue
        if place.local is None:
            raise RunError(f"{place.label} is not on this machine: run the command where it is")
        try:
            place.check_whole()
        except RunError as error:
            raise RunError(f"{place.label}: {error}") from None
        runs[place.local.resolve()] = RunFolder(place.local)
    if not runs:
        raise RunError(f"no run in {given}: give a folder of runs, or a run's folder")
    return list(runs.values()), others
