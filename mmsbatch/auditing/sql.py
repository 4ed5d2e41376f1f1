"""Views over all runs for SQL, behind a connection that can read them and nothing else.

=========  ========================================================================================
view       rows and columns
=========  ========================================================================================
results    one per row of each run: ``run``, ``path``, ``campaign``, ``target``, ``opened_at``,
           ``row_position`` (from 0), then the columns of its ``results.parquet``: the contacts'
           own, and ``mms_…``
requests   one per attempt at a request: ``run``, ``path``, ``campaign``, ``target``,
           ``opened_at``, then the columns of ``requests.parquet``
runs       one per run: what `mmsbatch.audit` gives
=========  ========================================================================================

``path`` tells runs of one name in several folders apart. A column that only some runs have is null
for the others; one that has another type in another run gets the type that holds both. A contacts'
column named like one of the views' own is called ``contact_…`` instead. Times are UTC.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch import frames
from mmsbatch.auditing.collection import Collection, open_runs
from mmsbatch.auditing.opening import REQUESTS, RESULTS, listed
from mmsbatch.auditing.overview import summarize
from mmsbatch.auditing.run_files import in_memory
from mmsbatch.auditing.selection import Filters
from mmsbatch.errors import InputError
from mmsbatch.runs.attempts import attempts
from mmsbatch.runs.locations import RunPaths
from mmsbatch.times import When

VIEWS: Final = ("results", "requests", "runs")
_OWN: Final = ("run", "path", "campaign", "target", "opened_at", "row_position")
_SEALS: Final = (
    "SET temp_directory = ''",  # nothing of a person is spilled to a disk
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def connect(
    runs_dir: RunPaths,
    since: When | None = None,
    until: When | None = None,
    campaign: str | None = None,
    outcome: str | None = None,
    target: str | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open runs for SQL.

    Parameters
    ----------
    runs_dir, since, until, campaign, outcome, target
        As `mmsbatch.audit` takes them.

    Returns
    -------
    duckdb.DuckDBPyConnection
        With the views ``results``, ``requests`` and ``runs``: see `mmsbatch.auditing.sql`. It reads
        the runs as they were when it was opened. No statement can write to them, read another
        file, or change that.

    Raises
    ------
    RunError
        There is no run at all.
    InputError
        A filter cannot be read, or no run is of the campaign.

    Warns
    -----
    RunLeftOut
        A folder cannot be read; it is left out and named.

    Examples
    --------
    >>> mms.connect("data/runs").sql(
    ...     "select campaign, mms_outcome, count(*) from results group by all"
    ... )  # doctest: +SKIP
    """
    filters = Filters.of(
        since=since, until=until, campaign=campaign, outcome=outcome, target=target
    )
    collection = open_runs(runs_dir, filters, sealed=True)
    try:
        _make_views(collection, filters)
    except BaseException:
        collection.connection.close()
        raise
    return collection.connection


def query(connection: duckdb.DuckDBPyConnection, statement: str) -> pd.DataFrame:
    """Answer one statement that reads.

    Raises
    ------
    InputError
        It is not one SELECT, or DuckDB cannot carry it out; says why.
    """
    try:
        found = duckdb.extract_statements(statement)
        if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
            raise InputError(
                "the SQL must be one SELECT (or WITH … SELECT) over the views "
                f"{', '.join(VIEWS)}; it is read-only"
            )
        relation = connection.sql(statement)
        table = pa.table({}) if relation is None else relation.to_arrow_table()
    except duckdb.Error as error:
        raise InputError(f"the SQL cannot be carried out: {str(error).strip()}") from None
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _make_views(collection: Collection, filters: Filters) -> None:
    connection = collection.connection
    summary = summarize(collection, filters)
    wanted = set(summary["path"])
    runs = [run for run in collection.runs if run.place.label in wanted]
    connection.register("runs", pa.Table.from_pandas(summary, preserve_index=False))
    urls = {
        name: [url for run in runs for url in run.urls(name)] or [_empty(collection, name)]
        for name in (RESULTS, REQUESTS)
    }
    begins = {url: row for run in runs for url, row in collection.first_rows(run).items()}
    files = [(url, run) for name in urls for run in runs for url in run.urls(name)]
    of_files = pa.table(
        {
            "mms_file": pa.array([url for url, _ in files], pa.string()),
            "mms_path": pa.array([run.place.label for _, run in files], pa.string()),
            "mms_first": pa.array([begins.get(url, 0) for url, _ in files], pa.int64()),
        }
    )
    connection.register("mms_files", of_files)
    connection.execute(f"SET allowed_paths = {listed(url for name in urls for url in urls[name])}")
    for seal in _SEALS:
        connection.execute(seal)
    for name, view, row in (
        (RESULTS, "results", "mms_first + file_row_number AS row_position, "),
        (REQUESTS, "requests", ""),
    ):
        source = (
            f"read_parquet({listed(urls[name])}, filename = 'mms_file', union_by_name = true, "
            "file_row_number = true)"
        )
        columns = [found[0] for found in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
        connection.execute(
            f"CREATE VIEW {view} AS SELECT r.run, r.path, r.campaign, r.target, r.opened_at, "  # noqa: S608
            f"{row}f.* EXCLUDE (mms_file, file_row_number){_renamed(columns)} FROM {source} f "
            "JOIN mms_files USING (mms_file) JOIN runs r ON r.path = mms_path"
        )


def _empty(collection: Collection, name: str) -> str:
    """Return a file without rows, so that the views have their columns if no run is wanted."""
    table = frames.to_arrow(attempts([]))
    if name == RESULTS:
        table = pa.schema(frames.MMS_TYPES.items()).empty_table()
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return collection.files.put_source(f"none/{name}", in_memory(buffer.getvalue()))


def _renamed(columns: list[str]) -> str:
    """Return the contacts' columns that are named like the views' own other names."""
    clashes = list(_clashes(columns))
    return f" RENAME ({', '.join(clashes)})" if clashes else ""


def _clashes(columns: list[str]) -> Iterator[str]:
    taken = {name.casefold() for name in columns}
    for name in columns:
        if name.casefold() in _OWN:
            other = f"contact_{name}"
            while other.casefold() in taken:
                other += "_"
            taken.add(other.casefold())
            yield f"{_quoted(name)} AS {_quoted(other)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
