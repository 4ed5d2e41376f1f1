"""Replace a run's files as one step, whatever kills the process in between.

::

    (nothing) ── files are made ──► .erasing ── renamed ──► .erased ── moved one by one ──► (none)
        old            old             old                    new                             new

The renaming is the one step that counts. Before it nothing of the run was touched, and what lies in
``.erasing`` is thrown away by the next attempt. After it only moving is left: each file in
``.erased`` replaces the old one and is gone from there, so that moving can be done again, by
anybody who has neither the number nor the key. While ``.erased`` is there the run is a mixture, so
`RunFolder.check_exists` refuses it to all who read.

The journal is not renamed into place but copied in one transaction of its database: another process
may have it open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

from mmsbatch import files
from mmsbatch.runs.folder import RunFolder


def begin(folder: RunFolder) -> Path:
    """Return an empty folder to make the new files in; it is the owner's only."""
    rmtree(folder.erasing_path, ignore_errors=True)
    folder.erasing_path.mkdir(mode=0o700)
    return folder.erasing_path


def abandon(folder: RunFolder) -> None:
    """Throw away what was made, if it does not count yet."""
    rmtree(folder.erasing_path, ignore_errors=True)


def commit(folder: RunFolder) -> None:
    """Let what was made count, and put it into place."""
    for path in (folder.erasing_path, *_files(folder.erasing_path)):
        if path.is_dir():
            files.sync_folder(path)
        else:
            with path.open("rb") as made:
                os.fsync(made.fileno())
    folder.erasing_path.rename(folder.erased_path)
    files.sync_folder(folder.path)
    finish(folder)


def finish(folder: RunFolder) -> bool:
    """Move what counts into place, or what is left of it; say whether there was anything."""
    if not folder.erased_path.exists():
        return False
    folder.journal.take(folder.erased_path)
    for made in sorted(_files(folder.erased_path)):
        place = folder.path / made.relative_to(folder.erased_path)
        if folder.journal.is_part(made):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        made.replace(place)
        files.sync_folder(place.parent)
    files.sync_folder(folder.path)
    rmtree(folder.erased_path)
    files.sync_folder(folder.path)
    return True


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
