"""Erase a person from runs: the number becomes a keyed hash, all else that is theirs is removed.

In every run: rows with the number keep their ``mms_`` columns with a token in place of the number
(`mmsbatch.phones.e164`), and lose all columns of the contacts; a message written for this person
alone becomes ``(erased)``; cells of other rows that hold the number, in any notation, are emptied;
the number in raw answers, notes and text files becomes the token. Counts, outcomes, duplicates and
requests stay as they were, and `verify` holds afterwards. A row that had not left yet never will:
it becomes ``suppressed``.

The order of things, over all runs given: lock each; finish what an interrupted erasure left; check
each, and make its new files beside the old ones; only then put them into place, run by run
(`mmsbatch.erasure.replacement`). A failure or a kill before that leaves all runs as they were;
after it, running the same command again does the rest.

What cannot be erased from here: blocks of a disk that the old files were on, copies and backups,
exports elsewhere, the gateway's own records, and the gateway's ID of the message (``mms_id``), by
which the vendor may know the number. Executed notebooks are searched for the number as text;
whatever else they show of the person must be looked for by a person.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mmsbatch import hints, parquet
from mmsbatch.erasure import replacement
from mmsbatch.erasure.forgetting import Forgetting
from mmsbatch.erasure.other_files import half_made, remove_leftovers, texts_in
from mmsbatch.erasure.rewriting import ErasedPlan, erase, rewritten
from mmsbatch.errors import InputError, RunError
from mmsbatch.files import __version__, digests
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.rows import Row
from mmsbatch.phones.column import read_phones
from mmsbatch.phones.e164 import KEY_BYTES, seal
from mmsbatch.phones.e164 import token as make_token
from mmsbatch.phones.in_text import Notation
from mmsbatch.planning.contents import TEXTS, plan_columns
from mmsbatch.planning.part import PartRows, RowsInFile, RowsInTable
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.suppression import KEY_NAME, read_key, remember
from mmsbatch.progress import counted
from mmsbatch.runs import outcomes
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.locations import RunPaths, every_run
from mmsbatch.runs.opened import identity_in, target_of
from mmsbatch.runs.run import Run
from mmsbatch.runs.states import State, may_go
from mmsbatch.times import utc_now
from mmsbatch.verification.checks import CHECKS
from mmsbatch.verification.inputs import RunInputs
from mmsbatch.verification.journal import CheckFailed, read_rows

ERASED: Final = "erased"
ALREADY: Final = "already erased"
NOT_IN_IT: Final = "not in it"


def forget(
    number: str,
    runs_dir: RunPaths,
    *,
    key_file: str | Path | None = None,
    dry_run: bool = False,
) -> Forgetting:
    """Erase a person from runs, and remember under a keyed hash that they are not to be written to.

    Parameters
    ----------
    number
        A French mobile number in any notation.
    runs_dir
        A folder of runs, one run's folder, or several of either.
    key_file
        32 random bytes; ``.forget-key`` in the folder of the runs, made on first use. Whoever has
        it can try all numbers against the tokens, so it is as confidential as they were. Without
        it nothing is harmed, but the same person gets another token, and is not known again.
    dry_run
        Say what would be erased, and change nothing.

    Returns
    -------
    Forgetting

    Raises
    ------
    InputError
        The number or the key cannot be used, or there is no run. Nothing was changed.
    RunError
        A run is being sent, does not verify, or a request with this person is not finished yet; or
        a file could not be replaced. The message says which, and whether to run it again.
    """
    own = _number(number)
    folders, others = every_run(runs_dir)
    home = _home(folders)
    path = Path(key_file).expanduser() if key_file else home / KEY_NAME
    # A dry run makes no key; whatever it shows under one of the moment is thrown away.
    fresh = dry_run and not key_file and not path.exists()
    key = os.urandom(KEY_BYTES) if fresh else read_key(home, key_file, create=not dry_run)
    erasure = _Erasure(own, make_token(own, key), key)
    with ExitStack() as locks:
        for folder in folders:
            locks.enter_context(folder.writer())
            replacement.finish(folder)
        try:
            found = [erasure.prepare(folder) for folder in counted(folders, "run", "erasing")]
            if dry_run:
                for folder in folders:
                    replacement.abandon(folder)
            else:
                remember(home, erasure.token, key)
        except BaseException:
            for folder in folders:
                replacement.abandon(folder)
            raise
        for folder, one in zip(folders, found, strict=True):
            if one.changes and not dry_run:
                replacement.commit(folder)
    frame = pd.DataFrame([one.row for one in found])
    left = [note for one in found for note in one.left]
    left += [f"{path}: a run that was never made; remove it" for path in half_made(home)]
    left += [f"{other.label}: not searched, {other.why}" for other in others]
    token = "" if dry_run else f"+{erasure.token}"
    return Forgetting(token, frame, tuple(left), path, dry_run)


# ----- one run -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _RunErasure:
    """What is to be changed in one run; the new files lie beside the old ones."""

    row: dict[str, str | int]
    changes: bool
    left: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class _Erasure:
    """One person's erasure."""

    number: int
    token: int
    key: bytes

    def prepare(self, folder: RunFolder) -> _RunErasure:
        """Check a run, and make its new files."""
        notation = Notation(self.number)
        replacement.abandon(folder)
        remove_leftovers(folder)
        run = _checked(folder)
        unsent = self._unsent(run, notation)
        rows = cells = 0
        known = False
        for place, part in enumerate(run.plan.parts):
            done = self._erased(run.plan, place, part.table(), notation, unsent)
            rows, cells = rows + done.rows, cells + done.cells
            known = known or bool((run.plan.part(place).numbers == self.token).any())
        facts = [
            row["seq"]
            for row in counted(run.rows(), "fact", "searching")
            if notation.is_in(row["data"]) or notation.is_in_bytes(row["body"] or b"")
        ]
        texts, left = texts_in(folder, notation)
        if any(map(notation.is_in, run.plan.campaign.texts)):
            left.append(f"{folder.campaign_path}: the message that everybody got holds the number")
        changes = bool(rows or cells or facts or texts or _contents_hold(run.plan, notation))
        state = ERASED if changes else ALREADY if known else NOT_IN_IT
        if changes:
            self._make(folder, run, notation, texts, unsent, rows)
        row: dict[str, str | int] = {
            "run": folder.name,
            "state": state,
            "rows": rows,
            "cells": cells,
            "facts": len(facts),
            "files": len(texts),
        }
        return _RunErasure(row, changes, tuple(left))

    def _erased(
        self,
        plan: Plan,
        place: int,
        table: pa.Table,
        notation: Notation,
        unsent: npt.NDArray[np.int64],
    ) -> ErasedPlan:
        """Erase the person from a part of a plan."""
        part = plan.part(place)
        positions = part.first_row + np.arange(len(part))
        return erase(
            table,
            part.numbers == self.number,
            notation,
            self.token,
            unsent=np.isin(positions, unsent),
            own=plan.campaign.texts,
        )

    def _unsent(self, run: RunInputs, notation: Notation) -> npt.NDArray[np.int64]:
        """Return the rows that have not left and shall not; refuse if a request may leave again."""
        plan, unsent = run.plan, [np.empty(0, np.int64)]
        for number, request in run.requests.items():
            positions = plan.positions(number)
            concerned = positions[plan.numbers_of(number) == self.number]
            texts = map(str, plan.content_of(number))
            written = any(map(notation.is_in, texts)) and len(positions) > len(concerned)
            if not len(concerned) and not written:
                continue
            if request.state is State.IN_DOUBT or (written and may_go(request)):
                live = target_of([run.opened]) == "live"
                finish = hints.reconcile if request.state is State.IN_DOUBT else hints.resume
                raise RunError(
                    f"{run.folder.path}: request {number} is {request.state} and names this "
                    f"person: finish it first (`{finish(run.folder.path, live=live)}`), then "
                    "erase the person again. No run was changed"
                )
            # Facts about a request cannot lose it: one that was tried, and is for this person
            # alone, keeps the token, which no sender sends to.
            if may_go(request) and not (request.attempts and len(concerned) == len(positions)):
                unsent.append(concerned)
        return np.concatenate(unsent)

    def _make(
        self,
        folder: RunFolder,
        run: RunInputs,
        notation: Notation,
        texts: dict[Path, bytes],
        unsent: npt.NDArray[np.int64],
        rows: int,
    ) -> None:
        """Make the files anew, as the verbs that made the old ones do."""
        made = RunFolder(replacement.begin(folder))
        before, identity = run.plan, identity_in([run.opened])
        with TemporaryDirectory(dir=made.path) as spare:
            after = self._plan_without(before, notation, unsent, Path(spare))
            metadata = folder.metadata(after, identity)
            first_written = run.plan_metadata["mmsbatch.package_version"]
            parquet.write_parts(
                (part.table() for part in after.parts),
                len(after.parts),
                made.plan_path,
                metadata | {"mmsbatch.package_version": first_written},
            )
            opened = {
                "fingerprint": after.fingerprint,
                "requests": after.requests,
                "files": digests(folder.campaign_path) | digests(made.plan_path),
            }
            plans = (before, after)
            made.journal.write(
                rewritten(
                    counted(run.rows(), "fact", "erasing"),
                    plans,
                    notation,
                    self.token,
                    opened,
                    self.key,
                )
            )
            ended = Run.read(made, after)
            _check_same(Run.read(folder, before), ended, unsent)
            ended.write_files(metadata)
        shutil.copy(folder.campaign_path, made.campaign_path)
        with made.journal.open() as appending:
            appending.append(
                FactKind.FORGOTTEN,
                at=utc_now(),
                data={
                    "token": f"+{self.token}",
                    "rows": rows,
                    "facts": _changed(run.rows(), read_rows(made)),
                    "sealed": {
                        "fingerprint": seal(before.fingerprint, self.key),
                        "last_hash": seal(run.last_hash, self.key),
                    },
                    "package_version": __version__,
                },
            )
        made.record_written(ended.facts)
        _check_whole(made)
        for path, content in texts.items():
            place = made.path / path.relative_to(folder.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(notation.replaced_bytes(content, self.token))
            place.chmod(path.stat().st_mode & 0o777)

    def _plan_without(
        self, before: Plan, notation: Notation, unsent: npt.NDArray[np.int64], spare: Path
    ) -> Plan:
        """Return the plan without the person; of several parts, in files."""
        parts: list[PartRows] = []
        for place, part in enumerate(before.parts):
            table = self._erased(before, place, part.table(), notation, unsent).table
            if len(before.parts) == 1:
                parts.append(RowsInTable(table))
            else:
                parts.append(RowsInFile(spare / parquet.part_name(place)))
                parquet.write_table(table, spare / parquet.part_name(place), {})
        return Plan(parts, before.campaign)


def _checked(folder: RunFolder) -> RunInputs:
    """Make sure that plan and journal hold: what is damaged must not be made to look whole."""
    folder.check_exists()
    folder.journal.check_version()
    run = RunInputs(folder)
    underived = CHECKS[: [name for name, _, _ in CHECKS].index("results")]  # made anew in any case
    for _, _, look in counted(underived, "check", "proving"):
        try:
            look(run)
        except CheckFailed as broken:
            raise RunError(
                f"{folder.path} does not verify ({broken}): restore it from a copy, or remove it "
                "as a whole. No run was changed"
            ) from None
    return run


def _check_whole(made: RunFolder) -> None:
    """Make sure that what was made holds, before anything is replaced by it."""
    run = RunInputs(made)
    try:
        for _, _, look in counted(CHECKS, "check", "proving"):
            look(run)
    except CheckFailed as broken:
        raise RunError(
            f"{made.path.parent}: without the person the run would not verify ({broken}), so no "
            "run was changed: report a bug"
        ) from None


def _check_same(before: Run, after: Run, unsent: npt.NDArray[np.int64]) -> None:
    """Make sure that nobody's outcome has changed but that of rows that had not left."""
    first_row = 0
    needed = ["mms_problem"]
    for old, new in zip(before.result_parts(needed), after.result_parts(needed), strict=True):
        gone = np.isin(first_row + np.arange(len(old)), unsent)
        then = old["mms_outcome"].astype(str).mask(gone, outcomes.Outcome.SUPPRESSED.value)
        same = (then.to_numpy() == new["mms_outcome"].astype(str).to_numpy()).all()
        ids = old["mms_id"].fillna("").to_numpy() == new["mms_id"].fillna("").to_numpy()
        if not (same and ids.all()):
            raise RunError(
                f"{before.folder.path}: the results would say something else of others once the "
                "person is erased, so no run was changed: report a bug, with the answer's form"
            )
        first_row += len(old)


def _changed(before: Iterable[Row], after: Iterable[Row]) -> list[int]:
    return [
        old["seq"]
        for old, new in zip(before, after, strict=True)
        if (old["data"], old["body"]) != (new["data"], new["body"])
    ]


def _contents_hold(plan: Plan, notation: Notation) -> bool:
    columns = [name for name in plan_columns(plan.campaign) if name in TEXTS]
    return any(
        notation.is_in(str(word))
        for part in plan.parts
        for _, column in part.frame(columns).items()
        for word in pd.Categorical(column).categories
        if word not in plan.campaign.texts
    )


# ----- files and places --------------------------------------------------------------------------


def _home(folders: list[RunFolder]) -> Path:
    """Return the one folder that the runs lie in."""
    homes = sorted({folder.path.resolve().parent for folder in folders})
    if len(homes) > 1:
        raise InputError(
            f"the runs lie in several folders ({', '.join(map(str, homes))}), each with a key and "
            "a list of its own: run the command for one at a time"
        )
    return homes[0]


def _number(number: str) -> int:
    phones = read_phones(pd.Series([number], dtype="str"), fictional=True)
    if phones.problems[0] >= 0 or phones.numbers[0] <= 0:
        raise InputError("that is not one French mobile number, so no row can hold it")
    return 33_000_000_000 + int(phones.numbers[0])
