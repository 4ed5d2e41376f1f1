"""Prove a run from its folder alone: everything is recomputed from the plan and the journal.

What is looked at, in this order (each a `Check`):

==============  ==================================================================================
journal         ``journal.sqlite`` is whole: SQLite's own checks, its header, its table; of a
                journal in PostgreSQL, its last fact is the one that the run's row names
chain           the facts are numbered without a gap, and each hash follows from the one before
files           ``plan.parquet`` and ``campaign.toml`` have the SHA-256 the run was opened with
plan            they give the fingerprint in the file's metadata and in the journal, and the counts
facts           each fact may follow those before it; no attempt is recorded twice
requests        each request that left has the SHA-256 of the XML that the plan gives, and as many
                recipients
results         ``results.parquet`` is the file last recorded, and equal to what is rebuilt; the
                lists of answers are read here by other means than `mmsbatch.gateway.wire` if they
                are as the gateway writes them, so that the file is a second reading to compare with
attempts        the same of ``requests.parquet``
conservation    every row has one outcome, and they add up to the rows of the plan
evidence        every ``accepted`` or ``scheduled`` row is named in its answer's bytes, read here by
                other means than `mmsbatch.gateway.wire`
one folder      no folder beside it is a copy of the run, and its journal is not an older one
==============  ==================================================================================

A derived file that is merely out of date (a crash came before it was rewritten) does not hold
either: whoever reads it is misled. The check says so, and ``mmsbatch results DIR`` settles it.

One byte changed anywhere in the five files is found, except where SQLite gives the byte no meaning:

- in the header of ``journal.sqlite``, the schema cookie and the version of SQLite that wrote last
  (bytes 40-43 and 96-99);
- in its pages, the space between and behind the records.

Not covered: what PostgreSQL keeps besides the facts, ``journal.json``, ``writer.lock``,
``journal.sqlite-wal`` (there only after a crash: a damaged end of it cannot be told from a write
that was cut short) and files that are not a run's, such as executed notebooks; these are named in
the notes. Whoever can write to the folder can also forge all of it consistently: a copy of the
fingerprint or of the last hash kept elsewhere shows that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmsbatch.display import Block, Document, ShowsItself, Table, Tone
from mmsbatch.errors import RunError
from mmsbatch.progress import counted
from mmsbatch.runs.folder import RunFolder
from mmsbatch.verification.checks import CHECKS
from mmsbatch.verification.inputs import RunInputs
from mmsbatch.verification.journal import CheckFailed


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    holds: bool | None
    """None: not looked at, since what it rests on does not hold."""
    found: str
    """In words: what was found, and where."""


_SAID: Final = {True: "yes", False: "NO", None: "-"}
_MEANT: Final[dict[bool | None, Tone]] = {True: "good", False: "bad", None: ""}


@dataclass(frozen=True, repr=False)
class Verification(ShowsItself):
    """What was looked at in a run's folder, in order, and whether each holds."""

    run: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    """What was not verified, or could not be."""

    @property
    def holds(self) -> bool:
        """Whether everything does."""
        return all(check.holds for check in self.checks)

    @property
    def broken(self) -> Check | None:
        """The first thing that does not hold."""
        return next((check for check in self.checks if check.holds is False), None)

    def document(self) -> Document:
        """Show which checks hold, what was not verified, and the first that does not hold."""
        rows = tuple((_SAID[check.holds], check.name, check.found) for check in self.checks)
        tones = tuple(_MEANT[check.holds] for check in self.checks)
        holds = Table(rows, numbers=(), tones=tones)
        blocks = [Block("run", (self.run,)), Block("holds", (holds,))]
        if self.notes:
            blocks.append(Block("notes", self.notes))
        if self.broken:
            blocks.append(Block("BROKEN", (self.broken.found,), "bad"))
        return Document(tuple(blocks))

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values, under names that do not change."""
        broken = self.broken
        return {
            "run": self.run,
            "holds": self.holds,
            "broken": {"check": broken.name, "found": broken.found} if broken else None,
            "checks": [
                {"name": check.name, "holds": check.holds, "found": check.found}
                for check in self.checks
            ],
            "notes": list(self.notes),
        }


def verify(run: str | Path, *, journal: str | None = None) -> Verification:
    """Recompute everything a run's folder says, and name the first place that does not hold.

    Parameters
    ----------
    run
        The run's folder. Nothing in it is changed.

    Returns
    -------
    Verification
        ``holds``, ``broken`` (the first `Check` that does not), ``checks`` in order, ``notes``.

    Raises
    ------
    RunError
        The folder holds no run, one of a newer version, or one that is being sent or changed.
    """
    folder = RunFolder.at(run, journal)
    folder.check_exists()
    folder.journal.check_version()
    if folder.being_written():
        raise RunError(f"{folder.place} is being sent: verify it when that has ended")
    inputs = RunInputs(folder)
    checks: list[Check] = []
    held: set[str] = set()
    for name, needs, look in counted(CHECKS, "check", "proving"):
        missing = [need for need in needs if need not in held]
        if missing:
            checks.append(Check(name, None, f"not looked at: {missing[0]} does not hold"))
            continue
        check = _looked(name, look, inputs)
        checks.append(check)
        if check.holds:
            held.add(name)
    return Verification(folder.name, tuple(checks), (*inputs.notes, *_other_files(folder)))


_FILES: Final = frozenset(
    {
        "plan.parquet",
        "campaign.toml",
        "journal.json",
        "journal.sqlite",
        "journal.sqlite-wal",
        "journal.sqlite-shm",
        "results.parquet",
        "requests.parquet",
        "writer.lock",
        "workers.lock",
        "executions",
    }
)


def _looked(name: str, look: Callable[[RunInputs], str], inputs: RunInputs) -> Check:
    try:
        return Check(name, holds=True, found=look(inputs))
    except CheckFailed as broken:
        return Check(name, holds=False, found=str(broken))


def _other_files(folder: RunFolder) -> list[str]:
    names = sorted(folder.names() - _FILES)
    return [f"{name} is not one of a run's files: not verified" for name in names]
