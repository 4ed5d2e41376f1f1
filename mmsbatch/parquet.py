"""The tables of a run as Parquet: one file each, or a folder of parts where there are many rows.

Both are read by the same name: pandas, pyarrow, polars and Dask take a folder for its files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch import frames
from mmsbatch.errors import RunError
from mmsbatch.files import replace_file, replace_folder

PART: Final = "mmsbatch.part"
"""The key of a part's place in the file's metadata: ``3 of 20``."""
_UNREADABLE: Final = (OSError, pa.ArrowException)


def write(frame: pd.DataFrame, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a frame as one file; it is the old one or the new one, never half of one.

    Parameters
    ----------
    frame
        Columns of `frames.MMS_TYPES` are cast to their types. A column whose cells Arrow cannot
        hold together (numbers and text mixed) is written as text.
    path
        Written beside, flushed to the disk, then renamed; readable by its owner only.
    metadata
        Added to the file's key-value metadata.

    Raises
    ------
    RunError
        The file cannot be written; an earlier one is untouched.
    """
    write_table(frames.to_arrow(frame), path, metadata)


def write_table(table: pa.Table, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a table as `write` does a frame."""
    replace_file(path, lambda beside: pq.write_table(_saying(table, metadata), beside))


def write_parts(
    tables: Iterable[pa.Table], count: int, path: Path, metadata: Mapping[str, str]
) -> None:
    """Write a table in parts: one as a file, several as a folder of files.

    Parameters
    ----------
    tables
        The parts, in order. Only one at a time is held; those that follow the first are cast to its
        types.
    count
        How many there are.
    path, metadata
        As for `write`; a folder is put in place whole, too.

    Raises
    ------
    RunError
        It cannot be written; an earlier file or folder is untouched.
    """
    if count == 1:
        for table in tables:
            write_table(table, path, metadata)
        return

    def fill(folder: Path) -> None:
        schema: pa.Schema | None = None
        for place, given in enumerate(tables):
            table = given if schema is None else frames.aligned(given, schema)
            schema = schema or table.schema
            said = {**metadata, PART: f"{place + 1} of {count}"}
            pq.write_table(_saying(table, said), folder / part_name(place))

    replace_folder(path, fill)


def part_name(place: int) -> str:
    """Name the file of a part; in the order of names, the parts are in order."""
    return f"part-{place:05}.parquet"


def part_files(path: Path) -> list[Path]:
    """Return the files of a table, in order: itself, or those of its folder.

    Raises
    ------
    RunError
        A part is missing.
    """
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("part-*.parquet"))
    count = max((_count(file) for file in found[:1]), default=1)
    wanted = [path / part_name(place) for place in range(count)]
    if found != wanted:
        missing = [file for file in wanted if file not in found]
        what = f"{missing[0]} is missing" if missing else f"{found[count]} is not of it"
        raise RunError(f"{what}: {path.name} has {count} parts; restore the folder from a copy")
    return found


def _count(file: Path) -> int:
    said = read_metadata(file).get(PART, "")
    count = said.rpartition(" ")[2]
    return int(count) if count.isdecimal() else 1


def read(path: Path, columns: Sequence[str] | None = None) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read a frame back, with its index and dtypes, and the metadata of its (first) file.

    Parameters
    ----------
    path
        A file, or a folder of parts: then all of them below each other.
    columns
        Only these.

    Raises
    ------
    RunError
        A file is missing or not Parquet.
    """
    tables = [read_table(file, columns) for file in part_files(path)]
    frame = frames.from_arrow(tables[0])
    if len(tables) > 1:
        frame = frames.union_of_words([frame, *map(frames.from_arrow, tables[1:])])
    return frame, _said(tables[0].schema)


def read_table(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one file; raises as `read` does."""
    try:
        return pq.ParquetFile(file).read(columns=None if columns is None else list(columns))
    except _UNREADABLE as error:
        raise _unreadable(file, error) from None


def read_metadata(file: Path) -> dict[str, str]:
    """Return what a file says of itself; raises as `read` does."""
    try:
        return _said(pq.read_schema(file))
    except _UNREADABLE as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> RunError:
    return RunError(f"{file} cannot be read ({error}): restore the run's folder from a copy")


def _saying(table: pa.Table, metadata: Mapping[str, str]) -> pa.Table:
    said = {key.encode(): value.encode() for key, value in metadata.items()}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **said})


def _said(schema: pa.Schema) -> dict[str, str]:
    return {
        key.decode(): value.decode()
        for key, value in (schema.metadata or {}).items()
        if key.startswith(b"mmsbatch.")
    }
