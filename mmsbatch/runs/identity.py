"""That a run is sent from one folder only: its identity, and the files it was begun in.

A run has a random identity, in its journal and in its Parquet files. A copy of the folder has the
same one, and its journal is as good as the original's: sent from both, people get the message
twice. So the journal knows its files by their inodes. A copy, a backup that was restored and a
move to another disk or machine make new inodes; a folder that is renamed, a container that is
started again and a link to the folder do not. An older journal that is written into the file of
a newer one keeps the inode: it does not know the executions whose marks are in ``executions/``.

This cannot be told where a file system makes inodes up anew whenever it is mounted: FAT and exFAT,
SMB without ``serverino``, sshfs, rclone, s3fs and other FUSE file systems, overlayfs in the layer
of a container. There a run is refused after it was mounted again, until a person says ``moved``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from mmsbatch import hints, times
from mmsbatch.errors import MmsbatchError, RunError
from mmsbatch.journal.facts import Fact, FactKind, stamp
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.locations import RunPaths, every_run
from mmsbatch.runs.opened import identity_in, target_of


def identity_of(opened: Fact) -> str:
    """Return a run's identity, by its first fact; before there was one, by when it was opened."""
    return identity_in([opened]) or f"{opened.at.isoformat()} {opened.data.get('fingerprint')}"


def twins(folder: RunFolder, opened: Fact) -> list[RunFolder]:
    """Return the other folders beside a run that have its identity: copies of it, or it of them."""
    mine = identity_of(opened)
    return [other for other in folder.siblings() if mine in _identities(other)]


def check_same_files(folder: RunFolder, facts: Sequence[Fact], *, moved: bool) -> Fact | None:
    """Make sure that a run is sent or settled in the files that it was begun in.

    Parameters
    ----------
    folder, facts
        Of the run.
    moved
        A person's word that the folder these files were copied from is gone.

    Returns
    -------
    Fact or None
        What is to be recorded, if the files are others and `moved` was said.

    Raises
    ------
    RunError
        The files are others; or a copy is beside them, or the journal is an older one, whatever
        was said.
    """
    live = target_of([*facts]) == "live"
    # A journal in a database has no copies: whichever folder it is sent from, it is one journal.
    if folder.journal.inodes() and (copies := twins(folder, facts[0])):
        names = ", ".join(str(copy.path) for copy in copies)
        raise RunError(
            f"{folder.place} and {names} are copies of one run: sent from both, people get the "
            "message twice. Find out which of them was sent last "
            f"(`{hints.status(folder.place)}`, `{hints.status(copies[0].path)}`), and move the "
            "other out of this folder of runs"
        )
    if began := unknown_execution(folder, facts):
        raise RunError(
            f"{folder.place}: the journal is older than the run: an execution that began at "
            f"{times.in_paris(began)} is not in it, so it does not know whom that one reached. "
            "Restore the newer journal.sqlite; where that is lost, nobody can tell who would get "
            "the message twice"
        )
    if not are_other_files(folder, facts):
        return None
    if not moved:
        known = last_with_inodes(facts) or facts[0]
        raise RunError(
            f"{folder.place} is in other files than at {times.in_paris(known.at)}: it was copied, "
            "restored from a backup or moved to another disk since. If the folder it comes from "
            "is sent too, or was sent after the copy was made, people get the message twice. Once "
            "it is certain that it is gone and that nothing was sent since: "
            f"`{hints.resume(folder.place, live=live, moved=True)}`, or for all runs beside it "
            f"`{hints.moved(folder.path.parent)}`"
        )
    return Fact(FactKind.MOVED, stamp(times.utc_now()), data={"inodes": folder.journal.inodes()})


def mark_execution(folder: RunFolder, execution: str) -> None:
    """Leave the mark of an execution in the folder, once its first fact is in the journal.

    Raises
    ------
    RunError
        The folder cannot be written.
    """
    try:
        folder.executions_path.mkdir(mode=0o700, exist_ok=True)
        (folder.executions_path / execution).touch(mode=0o600)
    except OSError as error:
        raise RunError(f"{folder.executions_path} cannot be written ({error})") from None
    folder.put("executions")


def are_other_files(folder: RunFolder, facts: Sequence[Fact]) -> bool:
    """Return whether the files are others than those that the run was last in."""
    known = last_with_inodes(facts)
    return known is not None and known.data["inodes"] != folder.journal.inodes()


def last_with_inodes(facts: Sequence[Fact]) -> Fact | None:
    """Return the last fact that says in which files the run was."""
    return next((fact for fact in reversed(facts) if "inodes" in fact.data), None)


def unknown_execution(folder: RunFolder, facts: Sequence[Fact]) -> datetime | None:
    """Return when the first execution began whose mark is there and whose fact is not."""
    known = {fact.data.get("execution") for fact in facts if fact.kind is FactKind.STARTED}
    marks = folder.executions_path.glob("*") if folder.executions_path.is_dir() else ()
    began = [mark.stat().st_mtime for mark in marks if mark.name not in known]
    return datetime.fromtimestamp(min(began), UTC) if began else None


def _identities(folder: RunFolder) -> Iterator[str]:
    """Yield a run's identity; nothing if its journal cannot be read."""
    try:
        yield from (identity_of(fact) for fact in folder.facts(first=1))
    except MmsbatchError:
        return


def moved(places: RunPaths) -> list[str]:
    """Say of runs that they were moved to where they are, and are gone from where they were.

    Parameters
    ----------
    places
        Runs, or folders of runs.

    Returns
    -------
    list of str
        The folders of the runs of which it was recorded; those that are still in the files that
        they were last in need it not.

    Raises
    ------
    RunError
        There is no run, one cannot be written, or two are copies of one run. The message says of
        which run; it was recorded of those before it.
    """
    recorded = []
    for folder in every_run(places)[0]:
        with folder.writer(), folder.journal.open() as journal:
            facts = journal.facts()
            fact = check_same_files(folder, facts, moved=True)
            if fact is not None:
                journal.record(fact)
                recorded.append(str(folder.path))
    return recorded
