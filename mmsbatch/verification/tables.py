"""Whether a file of a run is the one that was written, and equal to what is rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmsbatch import hints
from mmsbatch.errors import RunError
from mmsbatch.journal.facts import FactKind
from mmsbatch.runs.opened import identity_in
from mmsbatch.verification.inputs import UNREADABLE, RunInputs, digests_of, unreadable
from mmsbatch.verification.journal import CheckFailed

NO_DIGESTS: Final = (
    "the run is of an mmsbatch that recorded no digests of its files: a change that leaves what "
    "they say as it is would not be found"
)

_ROWS_AT_ONCE: Final = 1 << 16


def check_metadata(run: RunInputs, name: str, found: dict[str, str]) -> None:
    """Check what a file says of itself; the package's version is its writer's own."""
    for key, expected in run.folder.metadata(run.plan, identity_in([run.opened])).items():
        if key == "mmsbatch.package_version" or found.get(key) == expected:
            continue
        if key == "mmsbatch.run":
            note = f"{name} was written for a run named {found.get(key)!r}: the folder was renamed"
            run.notes.append(note)
            continue
        if key == "mmsbatch.schema_version" and str(found.get(key)).isdecimal():
            raise RunError(
                f"{run.folder.path / name} was written by a newer mmsbatch (schema version "
                f"{found[key]}): {hints.UPGRADE}"
            )
        raise CheckFailed(f"{name}: its {key} should be {expected}, found {found.get(key)}")


def check_written(run: RunInputs, path: Path) -> None:
    """Check that a derived file is the one last written, and of after the last attempt."""
    again = f"`{hints.results(run.folder.place)}` writes it anew from the plan and the facts"
    if not path.exists():
        raise CheckFailed(
            f"{path.name} is not there (a crash came before it was written?): {again}"
        )
    written = [numbered for numbered in run.of_run if numbered[1].kind is FactKind.WRITTEN]
    if not written:
        if "files" in run.opened.data:
            raise CheckFailed(f"{path.name} was never recorded (a crash came in between?): {again}")
        if NO_DIGESTS not in run.notes:
            run.notes.append(NO_DIGESTS)
        return
    last, fact = written[-1]
    named = {name: one for name, one in fact.data.get("files", {}).items() if _is_of(name, path)}
    found = digests_of(path)
    for name in sorted(named.keys() | found.keys()):
        if found.get(name) != named.get(name):
            raise CheckFailed(
                f"{name} is not the file that fact {last} recorded (SHA-256 {found.get(name)}, "
                f"recorded {named.get(name)}): it was changed, or a crash came before the record: "
                f"{again}"
            )
    if run.out_of_date is not None:
        later, fact = run.out_of_date
        raise CheckFailed(
            f"{path.name} is out of date: it was written before fact {later} ({fact.kind}): {again}"
        )


def _is_of(name: str, path: Path) -> bool:
    """Return whether a recorded file is this one, or one of this folder."""
    return name == path.name or name.startswith(f"{path.name}/")


def check_equal(
    run: RunInputs,
    path: Path,
    rows: int,
    rebuilt: Callable[[int, int], pa.Table],
    at_once: int = _ROWS_AT_ONCE,
) -> int:
    """Check that a file is what is rebuilt, cell by cell; give how many columns it has.

    Parameters
    ----------
    run
        Whose file.
    path
        A Parquet file; never in memory as a whole.
    rows
        How many were rebuilt.
    rebuilt
        Gives these: from which on, and how many.
    at_once
        How many are read at a time.
    """
    name, wanted = path.name, rebuilt(0, 0).column_names
    with _opened(path) as file:
        check_metadata(run, name, _texts(file.schema_arrow.metadata or {}))
        names = file.schema_arrow.names
        if names != wanted:
            raise CheckFailed(
                f"{name}: its columns are {', '.join(names)}; rebuilt are {', '.join(wanted)}"
            )
        _check_rows(name, file.metadata.num_rows, rows)
        first = 0
        for found in _parts(name, file, at_once):
            _check_part(name, first, found, rebuilt(first, len(found)))
            first += len(found)
        _check_rows(name, first, rows)  # what the file says of itself may be wrong
    return len(wanted)


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except UNREADABLE as error:
        raise unreadable(path.name, error) from None


def _parts(name: str, file: pq.ParquetFile, at_once: int) -> Iterator[pa.RecordBatch]:
    try:
        # Threads would cost more than they gain: what is read is compared at once.
        yield from file.iter_batches(at_once, use_threads=False)
    except UNREADABLE as error:
        raise unreadable(name, error) from None


def _check_rows(name: str, found: int, rebuilt: int) -> None:
    if found != rebuilt:
        raise CheckFailed(f"{name}: it has {found} rows, rebuilt are {rebuilt}")


def _check_part(name: str, first: int, found: pa.RecordBatch, rebuilt: pa.Table) -> None:
    for column, values in zip(rebuilt.column_names, found.columns, strict=True):
        place = _first_difference(pa.chunked_array([values]), rebuilt.column(column))
        if place is not None:
            # A cell is a person's: what stands in it is for the file, not for a message.
            raise CheckFailed(
                f"{name}: row {first + place}, column {column} is not what is rebuilt"
            )


def _texts(metadata: dict[bytes, bytes]) -> dict[str, str]:
    return {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in metadata.items()
    }


def _first_difference(found: pa.ChunkedArray, rebuilt: pa.ChunkedArray) -> int | None:
    if found.type == rebuilt.type and found.equals(rebuilt):
        return None
    found, rebuilt = _plain(found), _plain(rebuilt)
    if found.type != rebuilt.type:
        return 0 if len(found) else None
    if found.equals(rebuilt):
        return None
    try:
        same = pc.fill_null(pc.equal(found, rebuilt), False)
        both = pc.and_(pc.is_null(found, nan_is_null=True), pc.is_null(rebuilt, nan_is_null=True))
        place = int(pc.index(pc.or_(same, both), False).as_py())
    except pa.ArrowException:  # nested values have no such kernel
        pairs = zip(found.to_pylist(), rebuilt.to_pylist(), strict=True)
        place = next((n for n, (one, other) in enumerate(pairs) if one != other), -1)
    return None if place < 0 else place


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    # One text is as good as another, whatever the width of its offsets.
    return column.cast(pa.large_string()) if pa.types.is_string(column.type) else column


def column_values(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a column as its values, whatever their encoding."""
    return _plain(table.column(name))
