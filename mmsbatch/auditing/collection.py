"""Many runs opened together: each one's results as of now, in one DuckDB; what is left out, named.

Results that were written after the last fact about a request are read as they are. All others
(a crash came before they were written, or they are missing) are rebuilt from plan and journal, in a
temporary folder: an audit says what the facts say, never what a stale file says, and changes
nothing.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Collection as Sized
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from shutil import copyfileobj
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from mmsbatch import frames, hints, parquet
from mmsbatch.auditing.journals import JournalSummary, digest
from mmsbatch.auditing.run_files import FileSource, RunFiles, local_file
from mmsbatch.auditing.selection import EVERYTHING, Filters, originals
from mmsbatch.errors import RunError
from mmsbatch.files import TemporaryFolder
from mmsbatch.planning.rows import PREFIX
from mmsbatch.runs.folder import SCHEMA_VERSION, RunFolder, identity_in
from mmsbatch.runs.locations import (
    DERIVED,
    LeftOut,
    RunLeftOut,
    RunLocation,
    RunPaths,
    find,
)
from mmsbatch.runs.run import Run
from mmsbatch.times import instant, wall_time

RESULTS: Final = "results.parquet"
REQUESTS: Final = "requests.parquet"
_PLAN: Final = "plan.parquet"


@dataclass(frozen=True)
class OpenedRun:
    """One run, and where DuckDB finds its derived files."""

    number: int
    """Its place among the runs opened together, from 0."""
    place: RunLocation
    digest: JournalSummary
    results: tuple[str, ...]
    requests: tuple[str, ...]
    """Each is one file, or the files of a folder in order."""

    def urls(self, name: str) -> tuple[str, ...]:
        """Return where DuckDB finds one of the two."""
        return self.results if name == RESULTS else self.requests

    @property
    def campaign(self) -> str:
        """The campaign's name."""
        return str(self.digest.opened["campaign"])

    @property
    def target(self) -> str:
        """``sandbox`` or ``live``."""
        return str(self.digest.opened["target"])

    @property
    def rows(self) -> int:
        """How many rows its plan has."""
        return int(self.digest.opened["rows"])


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
        opening = _Opening(connection, files, sealed=sealed)
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


def literal(text: str) -> str:
    """Write a text as SQL does."""
    return "'" + text.replace("'", "''") + "'"


def listed(urls: Iterable[str]) -> str:
    """Write a list of texts as DuckDB does."""
    return f"[{', '.join(map(literal, urls))}]"


def _digests(
    given: RunPaths, left_out: list[LeftOut]
) -> Iterator[tuple[RunLocation, JournalSummary]]:
    for place in find(given):
        if isinstance(place, LeftOut):
            left_out.append(place)
            continue
        try:
            place.check_whole()
            yield place, digest(place)
        except RunError as error:
            left_out.append(LeftOut(place.label, str(error)))


class _Opening:
    """Turns runs into files that DuckDB can read."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, files: RunFiles, *, sealed: bool
    ) -> None:
        self._connection = connection
        self._files = files
        self._sealed = sealed

    def runs(
        self, wanted: Sequence[tuple[RunLocation, JournalSummary]], left_out: list[LeftOut]
    ) -> Iterator[OpenedRun]:
        urls: dict[tuple[str, str], str] = {
            (place.label, name): self._url(number, place, name)
            for number, (place, _) in enumerate(wanted)
            for table in (_PLAN, *DERIVED)
            for name in place.files_of(table)
        }
        metadata, unreadable = self._metadata(list(urls.values()))
        # Of the plan only if the results will be made of it: footers take time.
        read = {
            place.label: place.files_of(
                RESULTS if found.up_to_date and place.files_of(RESULTS) else _PLAN
            )[0]
            for place, found in wanted
        }
        columns_of = (urls[label, name] for label, name in read.items())
        shadowed = self._shadowed([url for url in columns_of if url in metadata])
        for number, (place, found) in enumerate(wanted):
            own = {
                name: urls[place.label, name] for name in place.sizes if (place.label, name) in urls
            }
            try:
                for name, url in own.items():
                    _check_file(name, metadata.get(url), unreadable.get(url), found, place)
                    _check_shadowed(name, shadowed.get(url), place)
                tables = {
                    table: tuple(own[name] for name in place.files_of(table)) for table in DERIVED
                }
                if not found.up_to_date or not all(tables.values()):
                    tables = self._rebuilt(number, place)
                yield OpenedRun(number, place, found, tables[RESULTS], tables[REQUESTS])
            except RunError as error:
                left_out.append(LeftOut(place.label, str(error)))

    def _url(self, number: int, place: RunLocation, name: str) -> str:
        """Return a file's path, or the name under which it is read if DuckDB could not."""
        path = place.path(name)
        # DuckDB would take these for a pattern.
        if place.local is not None and not self._sealed and not set("*?[{") & set(path):
            return path
        source = FileSource(lambda: place.open(name), place.sizes[name])
        return self._files.put_source(f"{number}/{name}", source)

    def _metadata(self, urls: list[str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
        """Read what the files say of themselves: all at once, and one by one if that fails."""
        if not urls:
            return {}, {}
        try:
            return self._said(urls), {}
        except duckdb.Error:
            said: dict[str, dict[str, str]] = {}
            unreadable: dict[str, str] = {}
            for url in urls:
                try:
                    said |= self._said([url])
                except duckdb.Error as error:
                    unreadable[url] = str(error).splitlines()[0]
            return said, unreadable

    def _said(self, urls: list[str]) -> dict[str, dict[str, str]]:
        said: dict[str, dict[str, str]] = {url: {} for url in urls}
        rows = self._connection.execute(
            "SELECT file_name, decode(key), decode(value) "  # noqa: S608  (quoted by `listed`)
            f"FROM parquet_kv_metadata({listed(urls)}) "
            "WHERE key IN ('mmsbatch.schema_version', 'mmsbatch.fingerprint')"
        ).fetchall()
        for url, key, value in rows:
            said[url][key] = value
        return said

    def _shadowed(self, urls: list[str]) -> dict[str, str]:
        """Find input columns that SQL, where case means nothing, would take for one of ours."""
        if not urls:
            return {}
        rows = self._connection.execute(
            f"SELECT file_name, min(name) FROM parquet_schema({listed(urls)}) "  # noqa: S608
            f"WHERE lower(name) LIKE '{PREFIX}%' AND name <> lower(name) GROUP BY file_name"
        ).fetchall()
        return dict(rows)

    def _rebuilt(self, number: int, place: RunLocation) -> dict[str, tuple[str, ...]]:
        """Build a run's tables from its plan and journal; they lie in a temporary folder."""
        made = TemporaryFolder("mmsbatch-audit-")
        with _folder(place) as folder:
            run = Run.read(folder, folder.load_plan())
            metadata = folder.metadata(run.plan, identity_in(run.facts))
            of_tables = {
                RESULTS: map(frames.to_arrow, run.result_parts()),
                REQUESTS: run.attempt_parts(),
            }
            return {
                name: tuple(
                    self._put(f"{number}/rebuilt/{part}-{name}", table, metadata, made)
                    for part, table in enumerate(tables)
                )
                for name, tables in of_tables.items()
            }

    def _put(
        self, name: str, table: pa.Table, metadata: Mapping[str, str], folder: TemporaryFolder
    ) -> str:
        path = folder.path / name.replace("/", "-")
        parquet.write_table(table, path, metadata)
        return self._files.put_source(name, local_file(path, folder))


def _check_file(
    name: str,
    said: dict[str, str] | None,
    unreadable: str | None,
    found: JournalSummary,
    place: RunLocation,
) -> None:
    if said is None:
        what_to_do = (
            "restore the run's folder from a copy"
            if name == _PLAN
            else f"`{hints.results(place.label)}` makes it anew"
        )
        raise RunError(f"{name} is damaged or was copied in part ({unreadable}): {what_to_do}")
    version = said.get("mmsbatch.schema_version", "")
    if version.isdecimal() and int(version) > int(SCHEMA_VERSION):
        raise RunError(
            f"{name} was written by a newer mmsbatch (schema version {version}; this one reads "
            f"up to {SCHEMA_VERSION}): {hints.UPGRADE}"
        )
    fingerprint = found.opened["fingerprint"]
    if said.get("mmsbatch.fingerprint") != fingerprint:
        raise RunError(
            f"{name} belongs to another plan than the journal (fingerprint "
            f"{said.get('mmsbatch.fingerprint')}, the journal has {fingerprint}): restore the "
            "run's folder from a copy"
        )


def _check_shadowed(name: str, column: str | None, place: RunLocation) -> None:
    if column is not None:
        raise RunError(
            f"{name} has an input column {column!r}, which SQL cannot tell from "
            f"{column.lower()!r}: read it with `{hints.results(place.label, 'results.csv')}`, and "
            "rename the column in the next export"
        )


@contextmanager
def _folder(place: RunLocation) -> Iterator[RunFolder]:
    """Return the folder of a run on this machine; of one elsewhere, a copy for the moment."""
    if place.local is not None:
        yield RunFolder(place.local)
        return
    with tempfile.TemporaryDirectory(prefix="mmsbatch-audit-") as copied:  # 0700
        folder = Path(copied) / place.name
        folder.mkdir()
        derived = {name for table in DERIVED for name in place.files_of(table)}
        for name in place.sizes.keys() - derived:
            (folder / name).parent.mkdir(exist_ok=True)
            with place.open(name) as source, (folder / name).open("wb") as copy:
                copyfileobj(source, copy)
        yield RunFolder(folder)
