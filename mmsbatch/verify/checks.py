"""The checks of `verify`, each a function that says what it found or raises where it breaks.

Pure but for reading the files of one run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmsbatch import outcomes, parquet, wire
from mmsbatch.attempts import attempts
from mmsbatch.campaign_file import load_campaign
from mmsbatch.errors import InputError, MmsbatchError, RunError, UnreadableAnswer
from mmsbatch.folder import RunFolder, digests
from mmsbatch.outcomes import Outcome
from mmsbatch.plan import Plan
from mmsbatch.states import ATTEMPT_KINDS, Fact, Kind, Request, step
from mmsbatch.verify.journal import Broken, Row, check_chain, read_rows

NO_DIGESTS: Final = (
    "the run is of an mmsbatch that recorded no digests of its files: a change that leaves what "
    "they say as it is would not be found"
)


class Scene:
    """What the checks look at; each part is read once, by the check that answers for it."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.requests: dict[int, Request] = {}
        """Where each request is, once `facts` has been checked."""

    @cached_property
    def rows(self) -> list[Row]:
        """The journal's rows."""
        return read_rows(self.folder.journal_path)

    @cached_property
    def facts(self) -> list[Fact]:
        """The same as facts."""
        return check_chain(self.rows)

    @cached_property
    def plan(self) -> Plan:
        """The plan that the two files give."""
        rows, self.plan_metadata = _read(self.folder.plan_path)
        try:
            return Plan(rows, load_campaign(self.folder.campaign_path))
        except InputError as error:
            raise Broken(f"campaign.toml cannot be read: {error}") from None

    plan_metadata: dict[str, str]

    @cached_property
    def results(self) -> pa.Table:
        """The file of results."""
        return _read_table(self.folder.results_path)


def journal(scene: Scene) -> str:
    """Check the file."""
    if scene.folder.journal_path.with_name("journal.sqlite-wal").exists():
        scene.notes.append(
            "journal.sqlite-wal is there: the last process did not end properly, or reads now"
        )
    return f"{len(scene.rows):,} facts in a whole file"


def chain(scene: Scene) -> str:
    """Check the hash of each fact."""
    facts = scene.facts
    first = facts[0]
    if first.kind is not Kind.OPENED or any(fact.kind is Kind.OPENED for fact in facts[1:]):
        raise Broken("journal.sqlite: fact 1, and no other, must say what was opened")
    for fact in facts:
        if fact.kind is Kind.FORGOTTEN:
            scene.notes.append(
                f"on {fact.at:%Y-%m-%d %H:%M} UTC {fact.data.get('rows')} rows of a person were "
                "erased, and the chain of facts was made anew"
            )
    return f"{len(facts):,} facts, the last with hash {scene.rows[-1]['hash'][:12]}…"


def files(scene: Scene) -> str:
    """Check the bytes of the files that never change."""
    recorded = scene.facts[0].data.get("files")
    if recorded is None:
        scene.notes.append(NO_DIGESTS)
        return "no digest was recorded when the run was opened"
    found = _digests(scene.folder.plan_path, scene.folder.campaign_path)
    for name, digest in found.items():
        if recorded.get(name) != digest:
            raise Broken(
                f"{name} was changed: its SHA-256 is {digest}, the run was opened with "
                f"{recorded.get(name)}"
            )
    return "plan.parquet and campaign.toml are the files the run was opened with"


def plan(scene: Scene) -> str:
    """Check that the files give the fingerprint, and the counts, that were recorded."""
    opened = scene.facts[0].data
    made = scene.plan
    try:
        figures = {
            "fingerprint": made.fingerprint,
            "rows": len(made.rows),
            "requests": made.requests,
            "campaign": made.campaign.name,
        }
    except (MmsbatchError, KeyError, ValueError) as error:
        raise Broken(f"plan.parquet is not a plan: {error}") from None
    for name, value in figures.items():
        if opened.get(name) != value:
            raise Broken(
                f"plan.parquet and campaign.toml give {name} {value}; the run was opened with "
                f"{opened.get(name)}"
            )
    _check_metadata(scene, "plan.parquet", scene.plan_metadata)
    return f"{figures['rows']:,} rows, fingerprint {made.fingerprint}"


def facts(scene: Scene) -> str:
    """Check that each fact may follow those before it."""
    states = {number: Request(number) for number in range(1, scene.plan.requests + 1)}
    seen: set[tuple[int, int | None, Kind]] = set()
    started = False
    for place, fact in enumerate(scene.facts, start=1):
        started = started or fact.kind is Kind.STARTED
        if fact.request is None:
            if fact.kind in {*ATTEMPT_KINDS, Kind.VERDICT}:
                raise Broken(f"fact {place} ({fact.kind}) names no request")
            continue
        if fact.request not in states:
            raise Broken(f"fact {place}: there is no request {fact.request} in the plan")
        key = (fact.request, fact.attempt, fact.kind)
        if key in seen or not started:
            why = "is recorded twice" if key in seen else "comes before any sender started"
            raise Broken(f"fact {place}: {fact.kind} of request {fact.request} {why}")
        seen.add(key)
        try:
            after = step(states[fact.request], fact)
        except (MmsbatchError, UnreadableAnswer) as error:
            raise Broken(f"fact {place}: {error}") from None
        if fact.attempt != after.attempts:
            raise Broken(
                f"fact {place}: {fact.kind} of request {fact.request} is of attempt "
                f"{after.attempts}, and says {fact.attempt}"
            )
        states[fact.request] = after
    scene.requests = states
    return f"{len(seen):,} facts about {len(states):,} requests follow each other as they may"


def requests(scene: Scene) -> str:
    """Check that what left is what the plan gives."""
    login, count = "", 0
    for place, fact in enumerate(scene.facts, start=1):
        if fact.kind is Kind.STARTED:
            login = str(fact.data.get("login", ""))
        if fact.kind is not Kind.SENDING or fact.request is None:
            continue
        numbers = scene.plan.numbers[scene.plan.positions(fact.request)].tolist()
        if fact.data.get("recipients") != len(numbers):
            raise Broken(
                f"fact {place}: request {fact.request} left with {fact.data.get('recipients')} "
                f"recipients, the plan gives it {len(numbers)}"
            )
        message = scene.plan.message_of(fact.request)
        xml = wire.encode_request(scene.plan.campaign, message, [*map(str, numbers)], login)
        expected = hashlib.sha256(xml).hexdigest()
        if fact.data.get("sha256") != expected:
            raise Broken(
                f"fact {place}: request {fact.request} left with SHA-256 "
                f"{fact.data.get('sha256')}, the plan gives {expected}"
            )
        count += 1
    return f"{count:,} attempts left with the bytes that the plan gives"


def results(scene: Scene) -> str:
    """Check the results, as a file and cell by cell."""
    _check_written(scene, scene.folder.results_path)
    rebuilt = parquet.to_arrow(outcomes.results(scene.plan, scene.requests))
    _check_equal(scene, "results.parquet", scene.results, rebuilt)
    return f"results.parquet is what is rebuilt, in {rebuilt.num_columns} columns"


def attempts_file(scene: Scene) -> str:
    """Check the attempts likewise."""
    _check_written(scene, scene.folder.requests_path)
    rebuilt = parquet.to_arrow(attempts(scene.facts))
    found = _read_table(scene.folder.requests_path)
    _check_equal(scene, "requests.parquet", found, rebuilt)
    return f"requests.parquet is what is rebuilt: {plural(rebuilt.num_rows)}"


def plural(count: int) -> str:
    """Write how many attempts there are."""
    return f"{count:,} attempt" + ("" if count == 1 else "s")


def conservation(scene: Scene) -> str:
    """Count the outcomes in the file of results itself."""
    column = _cells(scene.results, "mms_outcome")
    counts = {row["values"]: row["counts"] for row in pc.value_counts(column).to_pylist()}
    strange = sorted(str(word) for word in counts if word not in set(Outcome))
    if strange:
        position = pc.index(pc.is_in(column, pa.array(list(map(str, Outcome)))), False).as_py()
        raise Broken(f"results.parquet: row {position} has no known outcome ({strange[0]})")
    total, wanted = sum(counts.values()), len(scene.plan.rows)
    if total != wanted:
        raise Broken(f"results.parquet: {total} rows have an outcome, the plan has {wanted} rows")
    parts = ", ".join(f"{counts[word]:,} {word}" for word in Outcome if word in counts)
    return f"{wanted:,} rows = {parts}"


def evidence(scene: Scene) -> str:
    """Look for every accepted row's number in the bytes of its request's last answer."""
    claimed = pc.is_in(
        _cells(scene.results, "mms_outcome"), pa.array([Outcome.ACCEPTED, Outcome.SCHEDULED])
    )
    positions = np.flatnonzero(np.asarray(claimed))
    bodies = {
        fact.request: (place, fact.body or b"")
        for place, fact in enumerate(scene.facts, start=1)
        if fact.kind is Kind.ANSWER
    }
    requests_of = np.asarray(_cells(scene.results, "mms_request").fill_null(0))[positions]
    order = np.argsort(requests_of, kind="stable")
    borders = np.flatnonzero(np.diff(requests_of[order], prepend=-1))
    for group in np.split(order, borders[1:]) if len(order) else ():
        number = int(requests_of[group[0]])
        place, body = bodies.get(number, (0, b""))
        rows = positions[group]
        _check_named(number, place, body, rows, scene.plan.numbers[rows])
    return f"{len(positions):,} rows that were taken are named in {len(borders):,} answers"


CHECKS: Final[tuple[tuple[str, tuple[str, ...], Callable[[Scene], str]], ...]] = (
    ("journal", (), journal),
    ("chain", ("journal",), chain),
    ("files", ("chain",), files),
    ("plan", ("chain", "files"), plan),
    ("facts", ("plan",), facts),
    ("requests", ("facts",), requests),
    ("results", ("facts",), results),
    ("attempts", ("facts",), attempts_file),
    ("conservation", ("results",), conservation),
    ("evidence", ("results",), evidence),
)
"""Name, what it rests on, and the look itself; in this order."""


# ----- helpers -----------------------------------------------------------------------------------


def _digests(*paths: Path) -> dict[str, str]:
    try:
        return digests(*paths)
    except MmsbatchError as error:
        raise Broken(str(error)) from None


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    try:
        return parquet.read(path)
    except (MmsbatchError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Broken(f"{path.name}: {error}") from None


def _read_table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise Broken(f"{path.name} cannot be read ({error})") from None


def _check_metadata(scene: Scene, name: str, found: dict[str, str]) -> None:
    """Check what a file says of itself; the package's version is its writer's own."""
    for key, expected in scene.folder.metadata(scene.plan).items():
        if key == "mmsbatch.package_version" or found.get(key) == expected:
            continue
        if key == "mmsbatch.run":
            note = f"{name} was written for a run named {found.get(key)!r}: the folder was renamed"
            scene.notes.append(note)
            continue
        if key == "mmsbatch.schema_version" and str(found.get(key)).isdecimal():
            raise RunError(
                f"{scene.folder.path / name} was written by a newer mmsbatch (schema version "
                f"{found[key]}): upgrade with `pip install --upgrade mmsbatch`"
            )
        raise Broken(f"{name}: its {key} should be {expected}, found {found.get(key)}")


def _check_written(scene: Scene, path: Path) -> None:
    """Check that a derived file is the one last written, and of after the last attempt."""
    again = f"`mmsbatch results {scene.folder.path}` writes it anew from the plan and the facts"
    if not path.exists():
        raise Broken(f"{path.name} is not there (a crash came before it was written?): {again}")
    places = [n for n, fact in enumerate(scene.facts) if fact.kind is Kind.WRITTEN]
    if not places:
        if "files" in scene.facts[0].data:
            raise Broken(f"{path.name} was never recorded (a crash came in between?): {again}")
        if NO_DIGESTS not in scene.notes:
            scene.notes.append(NO_DIGESTS)
        return
    last = places[-1]
    recorded = scene.facts[last].data.get("files", {}).get(path.name)
    found = _digests(path)[path.name]
    later = [n for n, fact in enumerate(scene.facts) if n > last and fact.request is not None]
    if found != recorded:
        raise Broken(
            f"{path.name} is not the file that fact {last + 1} recorded (SHA-256 {found}, recorded "
            f"{recorded}): it was changed, or a crash came before the record: {again}"
        )
    if later:
        raise Broken(
            f"{path.name} is out of date: it was written before fact {later[0] + 1} "
            f"({scene.facts[later[0]].kind}): {again}"
        )


def _check_equal(scene: Scene, name: str, found: pa.Table, rebuilt: pa.Table) -> None:
    metadata = {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in (found.schema.metadata or {}).items()
    }
    _check_metadata(scene, name, metadata)
    if found.column_names != rebuilt.column_names:
        raise Broken(
            f"{name}: its columns are {', '.join(found.column_names)}; "
            f"rebuilt are {', '.join(rebuilt.column_names)}"
        )
    if found.num_rows != rebuilt.num_rows:
        raise Broken(f"{name}: it has {found.num_rows} rows, rebuilt are {rebuilt.num_rows}")
    for column in found.column_names:
        place = _first_difference(found.column(column), rebuilt.column(column))
        if place is not None:
            # A cell is a person's: what stands in it is for the file, not for a message.
            raise Broken(f"{name}: row {place}, column {column} is not what is rebuilt")


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


def _cells(table: pa.Table, name: str) -> pa.ChunkedArray:
    return _plain(table.column(name))


# ----- evidence, by another path than `wire` -----------------------------------------------------

_TAKEN: Final = re.compile(rb"(?:^|[\r\n>])[ \t]*Status[ \t]*=[ \t]*10[01][ \t]*(?:[\r\n<]|\Z)")
_NAMED: Final = re.compile(rb"<MOBILEPHONE>\s*(?:\+?33|0)([67][0-9]{8})\s*</MOBILEPHONE>")
_REFUSED_LINE: Final = re.compile(rb"UnvalidNums[ \t]*=([^\r\n<]*)")
_REFUSED: Final = re.compile(rb"(?:\+?33|(?<![0-9])0)([67][0-9]{8})(?![0-9])")
# Of people who were erased: see `mmsbatch.forget`.
_TOKEN_NAMED: Final = re.compile(rb"<MOBILEPHONE>\s*\+?(999[0-9]{15})\s*</MOBILEPHONE>")
_TOKEN: Final = re.compile(rb"(?<![0-9])(999[0-9]{15})(?![0-9])")


def _check_named(
    number: int,
    place: int,
    body: bytes,
    rows: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
) -> None:
    if not _TAKEN.search(body):
        raise Broken(
            f"results.parquet: row {rows[0]} is claimed as taken, and fact {place} (the answer to "
            f"request {number}) has no status 100 or 101"
        )
    named = _numbers(_NAMED.findall(body), _TOKEN_NAMED.findall(body) if b"999" in body else [])
    line = b"|".join(_REFUSED_LINE.findall(body))
    refused = _numbers(_REFUSED.findall(line), _TOKEN.findall(line))
    if not len(refused) and np.array_equal(named, numbers):  # all of them, in the order they left
        return
    proved = np.isin(numbers, named) & ~np.isin(numbers, refused)
    if not proved.all():
        raise Broken(
            f"results.parquet: row {rows[int(proved.argmin())]} is claimed as taken, and fact "
            f"{place} (the answer to request {number}) does not name its number as taken"
        )


_NATIONAL_DIGITS: Final = 9
_NONE: Final = np.zeros(0, dtype=np.int64)
_PLACES: Final = 10 ** np.arange(_NATIONAL_DIGITS - 1, -1, -1, dtype=np.int64)


def _numbers(national: list[bytes], tokens: list[bytes]) -> npt.NDArray[np.int64]:
    if not national and not tokens:
        return _NONE
    digits = np.frombuffer(b"".join(national), dtype=np.uint8).reshape(-1, _NATIONAL_DIGITS)
    numbers = 33_000_000_000 + (digits - np.uint8(ord("0"))) @ _PLACES
    return np.concatenate((numbers, np.array(list(map(int, tokens)), dtype=np.int64)))
