"""Across runs: what was sent, to how many, with which outcomes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from mmsbatch import runs
from mmsbatch.errors import RunError
from mmsbatch.folder import RunFolder
from mmsbatch.journal import Journal
from mmsbatch.outcomes import Outcome
from mmsbatch.report import plain
from mmsbatch.states import Kind


def audit(runs_dir: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Sum every run up.

    Parameters
    ----------
    runs_dir
        A folder of runs, one run's folder, or several of either.

    Returns
    -------
    pandas.DataFrame
        One row per run, oldest first: ``run``, ``campaign``, ``target`` (str), ``opened_at``
        (datetime64[ms, UTC]), ``rows``, ``requests`` (int64), one int64 column per outcome (they
        add up to ``rows``), ``credits_spent`` (Float64; missing where the balance was not heard
        twice), ``fingerprint``, ``package_version``, ``stopped`` (str; missing where the run is
        done).

    Raises
    ------
    RunError
        There is no run at all.

    Warns
    -----
    UserWarning
        A run cannot be read; it is left out and named.
    """
    given = [runs_dir] if isinstance(runs_dir, str | Path) else list(runs_dir)
    folders = [folder for place in given for folder in _runs_in(Path(place))]
    if not folders:
        raise RunError(f"no run in {', '.join(map(str, given))}: give a folder of runs")
    rows = []
    for folder in folders:
        try:
            rows.append(_row(folder))
        except RunError as error:
            warnings.warn(f"{folder.path} is left out: {error}", stacklevel=2)
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    frame["opened_at"] = pd.to_datetime(frame["opened_at"], utc=True).dt.as_unit("ms")
    frame["credits_spent"] = frame["credits_spent"].astype("Float64")
    return frame.sort_values(["opened_at", "run"], ignore_index=True)


_COLUMNS = [
    "run",
    "campaign",
    "target",
    "opened_at",
    "rows",
    "requests",
    *map(str, Outcome),
    "credits_spent",
    "fingerprint",
    "package_version",
    "stopped",
]


def _runs_in(place: Path) -> Iterator[RunFolder]:
    if RunFolder(place).exists():
        yield RunFolder(place)
        return
    for journal in sorted(place.glob("*/journal.sqlite")):
        yield RunFolder(journal.parent)


def _row(folder: RunFolder) -> dict[str, object]:
    report = runs.status(folder.path)
    with Journal(folder.journal_path) as journal:
        opened = next(fact for fact in journal.facts() if fact.kind is Kind.OPENED)
    heard = report.credits is not None and report.credits_before is not None
    return {
        "run": report.run,
        "campaign": opened.data["campaign"],
        "target": report.target,
        "opened_at": opened.at,
        "rows": report.rows,
        "requests": sum(report.requests.values()),
        **{str(word): report.outcomes.get(word, 0) for word in Outcome},
        "credits_spent": plain(report.credits_before - report.credits)  # type: ignore[operator]
        if heard
        else None,
        "fingerprint": report.fingerprint,
        "package_version": opened.data["package_version"],
        "stopped": report.stopped.reason if report.stopped else None,
    }
