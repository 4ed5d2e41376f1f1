"""Every run in some folders of this machine, for what must leave none out. Reads names only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmsbatch.auditing.places import LeftOut, find
from mmsbatch.errors import RunError
from mmsbatch.folder import RunFolder

Given = str | Path | Iterable[str | Path]


def every_run(given: Given) -> tuple[list[RunFolder], list[LeftOut]]:
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
