"""Replace a run's files as one step, whatever kills the process in between.

::

    (nothing) ── files are made ──► .erasing ── renamed ──► .erased ── moved one by one ──► (none)
        old            old             old                    new                             new

The renaming is the one step that counts. Before it nothing of the run was touched, and what lies in
``.erasing`` is thrown away by the next attempt. After it only moving is left: each file in
``.erased`` replaces the old one and is gone from there, so that moving can be done again, by
anybody who has neither the number nor the key. While ``.erased`` is there the run is a mixture, so
`RunFolder.check_exists` refuses it to all who read.

The journal is not renamed into place but copied in one of SQLite's own transactions: another
process may have it open, and renaming would leave it with a log of another file.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from typing import Any

from mmsbatch import files
from mmsbatch.errors import RunError
from mmsbatch.gateway import wire
from mmsbatch.phones.in_text import Notation
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.journal import Journal
from mmsbatch.verification.journal import Row


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
    for made in sorted(_files(folder.erased_path)):
        place = folder.path / made.relative_to(folder.erased_path)
        if made.name.startswith("journal.sqlite-"):
            continue  # SQLite's own, of looking into the one below: gone with the folder
        if place == folder.journal_path:
            install(made, place)
            made.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.replace(place)
            files.sync_folder(place.parent)
    files.sync_folder(folder.path)
    rmtree(folder.erased_path)
    files.sync_folder(folder.path)
    return True


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def write(rows: Sequence[Row], path: Path) -> None:
    """Make a journal that holds these rows, and nothing else in any of its pages."""
    Journal(path, create=True).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO facts (seq, at, kind, request, attempt, data, body, hash) "
            "VALUES (:seq, :at, :kind, :request, :attempt, :data, :body, :hash)",
            rows,
        )
        connection.execute("COMMIT")


def install(made: Path, place: Path) -> None:
    """Copy a journal's pages over another's, in one transaction; the log keeps nothing of it.

    Done again after a crash, it does the same.

    Raises
    ------
    RunError
        Another process reads the journal and does not let go of it.
    """
    try:
        with (
            closing(sqlite3.connect(made)) as source,
            closing(sqlite3.connect(place, timeout=30.0)) as target,
        ):
            target.execute("PRAGMA synchronous=FULL")
            target.execute("PRAGMA secure_delete=ON")
            source.backup(target)
            busy = target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        raise RunError(
            f"{place} cannot be replaced ({error}): erase the person again when it can"
        ) from None
    if busy:
        raise RunError(
            f"{place} is being read by another process: erase the person again when that has ended"
        )


def _digest(plans: tuple[Plan, Plan], request: int, login: str, recorded: str) -> str:
    before, after = (
        wire.encode_request(
            plan.campaign,
            plan.message_of(request),
            [*map(str, plan.numbers[plan.positions(request)].tolist())],
            login,
        )
        for plan in plans
    )
    return recorded if before == after else hashlib.sha256(after).hexdigest()


def _replaced(value: Any, notation: Notation, token: int) -> Any:
    if isinstance(value, str):
        return notation.replaced(value, token)
    if isinstance(value, dict):
        return {name: _replaced(inner, notation, token) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, notation, token) for inner in value]
    return token if value in notation.figures and not isinstance(value, bool) else value
