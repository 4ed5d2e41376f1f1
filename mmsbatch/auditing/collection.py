"""Many runs opened together in one DuckDB, and asked together; what is left out is named."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection as Sized
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any, Self

import duckdb

from mmsbatch import hints
from mmsbatch.auditing.journals import JournalSummary, digest
from mmsbatch.auditing.opening import OpenedRun, Opening, listed, literal
from mmsbatch.auditing.run_files import RunFiles
from mmsbatch.auditing.selection import EVERYTHING, Filters, originals
from mmsbatch.errors import RunError
from mmsbatch.progress import counted
from mmsbatch.runs.locations import (
    LeftOut,
    RunLeftOut,
    RunLocation,
    RunPaths,
    find,
)
from mmsbatch.times import instant, wall_time


@dataclass(frozen=True)
class Collection:
    """Runs opened together; use it as a context manager."""

    runs: list[OpenedRun]
    left_out: list[LeftOut]
    files: RunFiles
    connection: duckdb.DuckDBPyConnection = field(repr=False)

    def by_run(
        self, name: str, select: str, rest: str, runs: Sequence[OpenedRun] | None = None
    ) -> Iterator[tuple[OpenedRun, list[tuple[Any, ...]]]]:
        """Ask all files of all runs the same, and return the rows of each run, file by file.

        A run whose file cannot be read is left out, and named.

        Parameters
        ----------
        name
            ``results.parquet`` or ``requests.parquet``.
        select
            Begins with ``SELECT mms_file``.
        rest
            What comes after ``FROM``.
        runs
            None: all of them.
        """
        asked = [*(self.runs if runs is None else runs)]
        rows: dict[str, list[tuple[Any, ...]]] = {
            url: [] for run in asked for url in run.urls(name)
        }
        answered = self._ask(select, [*rows], rest, rows)
        for run in [] if answered else [*asked]:
            if not self._ask(select, run.urls(name), rest, rows):
                self.leave_out(
                    run,
                    f"{name} is damaged: `{hints.results(run.place.label)}` makes it anew, or "
                    "restore the run's folder from a copy",
                )
                asked.remove(run)
        for run in asked:
            yield run, [row for url in run.urls(name) for row in rows[url]]

    def first_rows(self, run: OpenedRun) -> dict[str, int]:
        """Return at which row of the run each file of its results begins."""
        if len(run.results) == 1:
            return {run.results[0]: 0}
        counts = dict(
            self.connection.execute(
                "SELECT file_name, num_rows "  # noqa: S608  (quoted by `listed`)
                f"FROM parquet_file_metadata({listed(run.results)})"
            ).fetchall()
        )
        begins = accumulate((counts[url] for url in run.results), initial=0)
        return dict(zip(run.results, begins, strict=False))

    def _ask(
        self,
        select: str,
        urls: Sized[str],
        rest: str,
        rows: dict[str, list[tuple[Any, ...]]],
    ) -> bool:
        if not urls:
            return True
        query = f"{select} FROM read_parquet({listed(urls)}, filename = 'mms_file') {rest}"
        try:
            found = self.connection.execute(query).fetchall()
        except duckdb.Error:
            return False
        for row in found:
            rows[row[0]].append(row)
        return True

    def leave_out(self, run: OpenedRun, why: str) -> None:
        """Leave a run out after all, and say so."""
        self.runs.remove(run)
        self.left_out.append(LeftOut(run.place.label, why))
        warnings.warn(str(self.left_out[-1]), RunLeftOut, stacklevel=4)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.connection.close()


def open_runs(
    given: RunPaths,
    filters: Filters = EVERYTHING,
    *,
    sealed: bool = False,
    strict: bool = False,
    copies: bool = False,
) -> Collection:
    """Open the runs in what was given.

    Parameters
    ----------
    given
        Folders of runs, or runs; paths or URLs of fsspec.
    filters
        Which runs; by outcome is not looked at here.
    sealed
        Every file is read through `RunFiles`, so that nothing else need be readable.
    strict
        A folder that cannot be read is an error.
    copies
        Open also the copies of a run, each as a run; else only the one with the most facts, so
        that nobody is counted twice, and the others are left out.

    Raises
    ------
    RunError
        There is no run at all; with `strict`, one cannot be read.

    Warns
    -----
    RunLeftOut
        For each folder that could not be read, or holds a copy of a run: it is named and left out.
    """
    left_out: list[LeftOut] = []
    digests = list(_digests(given, left_out))
    if not copies:
        digests = list(originals(digests, left_out))
    filters.check_campaign(found.opened["campaign"] for _, found in digests)
    wanted = [pair for pair in digests if filters.takes(pair[1])]
    connection = duckdb.connect()
    try:
        files = RunFiles()
        connection.register_filesystem(files)
        connection.execute("SET TimeZone = 'UTC'")
        opening = Opening(connection, files, sealed=sealed)
        runs = list(opening.runs(wanted, left_out))
        if strict:
            _refuse(left_out)
    except BaseException:
        connection.close()
        raise
    for folder in left_out:
        warnings.warn(str(folder), RunLeftOut, stacklevel=3)
    return Collection(runs, left_out, files, connection)


def _refuse(left_out: Sequence[LeftOut]) -> None:
    for folder in left_out:
        raise RunError(f"{folder.label}: {folder.why}")


def campaign_of(collection: Collection, run: OpenedRun) -> dict[str, Any]:
    """Return what a run's files say of its campaign: name, content, when it was to be sent."""
    found = collection.connection.execute(
        f"SELECT decode(value) FROM parquet_kv_metadata({literal(run.results[0])}) "  # noqa: S608
        "WHERE key = 'mmsbatch.campaign'"
    ).fetchall()
    said: dict[str, Any] = json.loads(found[0][0]) if found else {}
    return said


def scheduled_for(campaign: Mapping[str, Any]) -> datetime | None:
    """Return when a scheduled campaign was to be sent (UTC), as its run's files say (§1.2)."""
    if campaign.get("send_at") is None:
        return None
    return instant(wall_time(campaign["send_at"]))


def _digests(
    given: RunPaths, left_out: list[LeftOut]
) -> Iterator[tuple[RunLocation, JournalSummary]]:
    for place in counted([*find(given)], "run", "reading"):
        if isinstance(place, LeftOut):
            left_out.append(place)
            continue
        try:
            place.check_whole()
            yield place, digest(place)
        except RunError as error:
            left_out.append(LeftOut(place.label, str(error)))
