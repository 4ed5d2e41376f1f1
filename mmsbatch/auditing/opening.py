"""Runs opened for DuckDB: each one's results as of now, from its files or from its facts.

Results that were written after the last fact about a request are read as they are. All others
(a crash came before they were written, or they are missing) are rebuilt from plan and journal, in a
temporary folder: an audit says what the facts say, never what a stale file says, and changes
nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import Final

import duckdb
import pyarrow as pa

from mmsbatch import frames, hints, parquet
from mmsbatch.auditing.journals import JournalSummary
from mmsbatch.auditing.run_files import FileSource, RunFiles, local_file
from mmsbatch.errors import RunError
from mmsbatch.files import TemporaryFolder
from mmsbatch.planning.rows import PREFIX
from mmsbatch.progress import counted
from mmsbatch.runs.folder import SCHEMA_VERSION, RunFolder
from mmsbatch.runs.locations import (
    DERIVED,
    LeftOut,
    RunLocation,
)
from mmsbatch.runs.opened import identity_in
from mmsbatch.runs.run import Run

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
    def is_test(self) -> bool:
        """Whether it was for the sender's own phones."""
        return bool(self.digest.opened.get("test"))

    @property
    def rows(self) -> int:
        """How many rows its plan has."""
        return int(self.digest.opened["rows"])


class Opening:
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
        """Open runs; one that cannot be read is left out."""
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
        for number, (place, found) in enumerate(counted(wanted, "run", "opening")):
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
            with closing(run.result_parts()) as parts:
                of_tables = {
                    RESULTS: map(frames.to_arrow, parts),
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


def literal(text: str) -> str:
    """Write a text as SQL does."""
    return "'" + text.replace("'", "''") + "'"


def listed(urls: Iterable[str]) -> str:
    """Write a list of texts as DuckDB does."""
    return f"[{', '.join(map(literal, urls))}]"
