"""The checks of `verify`, each a function that says what it found or raises where it breaks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmsbatch import frames
from mmsbatch.display import plural
from mmsbatch.errors import MmsbatchError, UnreadableAnswer
from mmsbatch.gateway import wire
from mmsbatch.journal.facts import ATTEMPT_KINDS, FactKind, logins_in
from mmsbatch.runs import outcomes
from mmsbatch.runs.attempts import attempts
from mmsbatch.runs.identity import are_other_files, twins, unknown_execution
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.states import Request, step
from mmsbatch.times import in_paris
from mmsbatch.verification.evidence import evidence
from mmsbatch.verification.inputs import RunInputs, digests_of, read_table
from mmsbatch.verification.journal import CheckFailed
from mmsbatch.verification.tables import (
    NO_DIGESTS,
    check_equal,
    check_metadata,
    check_written,
    column_values,
)

_ATTEMPTS_AT_ONCE: Final = 1 << 10
_BETWEEN: Final = "</MOBILEPHONE><MOBILEPHONE>"


def journal(run: RunInputs) -> str:
    """Check the file."""
    run.notes += run.folder.journal.remarks()
    return f"{sum(1 for _ in run.rows()):,} facts, nothing damaged"


def chain(run: RunInputs) -> str:
    """Check the hash of each fact."""
    count = run.follow_chain()
    opened = [place for place, fact in run.of_run if fact.kind is FactKind.OPENED]
    if opened != [1]:
        raise CheckFailed("journal.sqlite: fact 1, and no other, must say what was opened")
    for _, fact in run.of_run:
        if fact.kind is FactKind.FORGOTTEN:
            run.notes.append(
                f"on {in_paris(fact.at)} a person was erased "
                f"(rows: {fact.data.get('rows')}), and the chain of facts was made anew"
            )
    return f"{count:,} facts, the last with hash {run.last_hash[:12]}…"


def files(run: RunInputs) -> str:
    """Check the bytes of the files that never change."""
    recorded = run.opened.data.get("files")
    if recorded is None:
        run.notes.append(NO_DIGESTS)
        return "no digest was recorded when the run was opened"
    found = digests_of(run.folder.plan_path, run.folder.campaign_path)
    for name, digest in found.items():
        if name not in recorded and run.in_parts:
            raise CheckFailed(f"{name} is not a file that the run was opened with: take it away")
        if recorded.get(name) != digest:
            raise CheckFailed(
                f"{name} was changed: its SHA-256 is {digest}, the run was opened with "
                f"{recorded.get(name)}"
            )
    if missing := sorted(recorded.keys() - found.keys()):
        raise CheckFailed(f"{missing[0]} is missing: restore the run's folder from a copy")
    return "plan.parquet and campaign.toml are the files the run was opened with"


def plan(run: RunInputs) -> str:
    """Check that the files give the fingerprint, and the counts, that were recorded."""
    opened = run.opened.data
    try:
        made = run.plan
        figures = {
            "fingerprint": made.fingerprint,
            "rows": made.size,
            "requests": made.requests,
            "campaign": made.campaign.name,
        }
    except (MmsbatchError, KeyError, ValueError) as error:
        raise CheckFailed(f"plan.parquet is not a plan: {error}") from None
    for name, value in figures.items():
        if opened.get(name) != value:
            raise CheckFailed(
                f"plan.parquet and campaign.toml give {name} {value}; the run was opened with "
                f"{opened.get(name)}"
            )
    check_metadata(run, "plan.parquet", run.plan_metadata)
    return f"{figures['rows']:,} rows, fingerprint {made.fingerprint}"


def facts(run: RunInputs) -> str:
    """Check that each fact may follow those before it."""
    states = {number: Request(number) for number in range(1, run.plan.requests + 1)}
    seen: set[tuple[int, int | None, FactKind]] = set()
    started = False
    for place, fact in enumerate(run.facts, start=1):
        started = started or fact.kind is FactKind.STARTED
        if fact.request is None:
            if fact.kind in {*ATTEMPT_KINDS, FactKind.VERDICT}:
                raise CheckFailed(f"fact {place} ({fact.kind}) names no request")
            continue
        if fact.request not in states:
            raise CheckFailed(f"fact {place}: there is no request {fact.request} in the plan")
        key = (fact.request, fact.attempt, fact.kind)
        if key in seen or not started:
            why = "is recorded twice" if key in seen else "comes before any sender started"
            raise CheckFailed(f"fact {place}: {fact.kind} of request {fact.request} {why}")
        seen.add(key)
        try:
            after = step(states[fact.request], fact)
        except (MmsbatchError, UnreadableAnswer) as error:
            raise CheckFailed(f"fact {place}: {error}") from None
        if fact.attempt != after.attempts:
            raise CheckFailed(
                f"fact {place}: {fact.kind} of request {fact.request} is of attempt "
                f"{after.attempts}, and says {fact.attempt}"
            )
        states[fact.request] = after.brief() if run.in_parts else after
    run.requests = states
    return f"{len(seen):,} facts about {len(states):,} requests follow each other as they may"


def requests(run: RunInputs) -> str:
    """Check that what left is what the plan gives."""
    logins: tuple[str, ...] = ()
    count = 0
    for place, fact in enumerate(run.facts, start=1):
        if fact.kind is FactKind.STARTED:
            logins = logins_in(fact)
        if fact.kind is not FactKind.SENDING or fact.request is None:
            continue
        # Its own where several accounts share the run; else its execution's, if that has one.
        login = str(fact.data.get("login", "".join(logins[:1])))
        if len(logins) > 1 and fact.data.get("login") not in logins:
            raise CheckFailed(
                f"fact {place}: request {fact.request} left with the account "
                f"{fact.data.get('login')}, and the execution had {', '.join(logins)}"
            )
        numbers = run.plan.numbers_of(fact.request).tolist()
        if fact.data.get("recipients") != len(numbers):
            raise CheckFailed(
                f"fact {place}: request {fact.request} left with {fact.data.get('recipients')} "
                f"recipients, the plan gives it {len(numbers)}"
            )
        content = run.plan.content_of(fact.request)
        # Its numbers are put in here: what `wire` would do to each is done already.
        around = wire.encode_request(run.plan.campaign, content, ["0"], login)
        listed = _BETWEEN.join(map(str, numbers)).encode()
        xml = around.replace(b"<MOBILEPHONE>0</", b"<MOBILEPHONE>%s</" % listed, 1)
        expected = hashlib.sha256(xml).hexdigest()
        if fact.data.get("sha256") != expected:
            raise CheckFailed(
                f"fact {place}: request {fact.request} left with SHA-256 "
                f"{fact.data.get('sha256')}, the plan gives {expected}"
            )
        count += 1
    return f"{count:,} attempts left with the bytes that the plan gives"


def results(run: RunInputs) -> str:
    """Check the results, as a file and cell by cell."""
    check_written(run, run.folder.results_path)
    columns = 0
    for one in run.parts():
        results = outcomes.part_results(one.rows.frame(), one.part, one.requests, one.named)
        rebuilt = frames.to_arrow(results)
        columns = check_equal(run, one.results, rebuilt.num_rows, rebuilt.slice)
    return f"results.parquet is what is rebuilt, in {columns} columns"


def attempts_file(run: RunInputs) -> str:
    """Check the attempts likewise."""
    check_written(run, run.folder.requests_path)
    count = 0
    for one in run.parts():
        frame = attempts(one.facts)
        some = run.in_parts or frame["answer"].notna().any()
        rebuilt = partial(_attempts, frame, pa.binary() if some else pa.null())
        check_equal(run, one.attempts, len(frame), rebuilt, _ATTEMPTS_AT_ONCE)
        count += len(frame)
    return f"requests.parquet is what is rebuilt: {plural(count, 'attempt')}"


def _attempts(frame: pd.DataFrame, answers: pa.DataType, first: int, count: int) -> pa.Table:
    """Return some of the attempts: answers are long and many, never all of them a second time."""
    table = frames.to_arrow(frame.iloc[first : first + count])
    place = table.column_names.index("answer")
    return table.set_column(place, "answer", table.column(place).cast(answers))


def conservation(run: RunInputs) -> str:
    """Count the outcomes in the file of results itself."""
    counts: Counter[str] = Counter()
    for one in run.parts():
        column = column_values(read_table(one.results, ["mms_outcome"]), "mms_outcome")
        found = {row["values"]: row["counts"] for row in pc.value_counts(column).to_pylist()}
        strange = sorted(str(word) for word in found if word not in set(Outcome))
        if strange:
            known = pc.is_in(column, pa.array(list(map(str, Outcome))))
            position = one.part.first_row + pc.index(known, False).as_py()
            raise CheckFailed(
                f"results.parquet: row {position} has no known outcome ({strange[0]})"
            )
        counts.update(found)
    total, wanted = sum(counts.values()), run.plan.size
    if total != wanted:
        raise CheckFailed(
            f"results.parquet: {total} rows have an outcome, the plan has {wanted} rows"
        )
    parts = ", ".join(f"{counts[word]:,} {word}" for word in Outcome if word in counts)
    return f"{wanted:,} rows = {parts}"


def one_folder(run: RunInputs) -> str:
    """Check that the run is not also in a folder beside this one, nor its journal an older one."""
    if run.folder.journal.inodes() and (copies := twins(run.folder, run.opened)):
        names = ", ".join(str(copy.path) for copy in copies)
        raise CheckFailed(
            f"{names}: a copy of this run is in the same folder of runs, so its people would be "
            "counted twice: move one of them elsewhere"
        )
    of_run = [fact for _, fact in run.of_run]
    if began := unknown_execution(run.folder, of_run):
        raise CheckFailed(
            f"the journal is older than the run: an execution that began at {in_paris(began)} is "
            "not in it: restore the newer journal.sqlite"
        )
    if are_other_files(run.folder, of_run):
        run.notes.append(
            "these are not the files that the run was last in: a copy, a backup that was restored, "
            "or one that was moved to another disk"
        )
    return "no other folder beside it holds this run"


CHECKS: Final[tuple[tuple[str, tuple[str, ...], Callable[[RunInputs], str]], ...]] = (
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
    ("one folder", ("chain",), one_folder),
)
"""Name, what it rests on, and the look itself; in this order."""
