"""``audit``: one row per run, in figures that add up, and what needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from mmsbatch import hints
from mmsbatch.auditing.collection import Collection, open_runs
from mmsbatch.auditing.opening import REQUESTS, RESULTS, OpenedRun, listed, literal
from mmsbatch.auditing.selection import EVERYTHING, Filters
from mmsbatch.display import plural
from mmsbatch.frame_display import DisplayedFrame
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.locations import RunPaths
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.report import Stop
from mmsbatch.runs.states import State
from mmsbatch.times import When

_TIMES: Final = ("opened_at", "first_sent_at", "last_sent_at")
_COUNTS: Final = ("rows", "requests", *map(str, Outcome), "doubts")
COLUMNS: Final = (
    "run",
    "campaign",
    "target",
    *_TIMES,
    *_COUNTS,
    "credits_spent",
    "needs_person",
    "stopped",
    "fingerprint",
    "package_version",
    "path",
)


def audit(
    runs_dir: RunPaths,
    since: When | None = None,
    until: When | None = None,
    campaign: str | None = None,
    outcome: str | None = None,
    target: str | None = None,
) -> pd.DataFrame:
    """Sum every run up.

    Parameters
    ----------
    runs_dir
        A folder of runs, one run's folder, or several of either: paths, or URLs of fsspec.
    since, until
        Runs opened from this day or moment on, and up to it (a day is meant whole; French wall
        time if no zone is given).
    campaign
        Runs of the campaign of this name.
    outcome
        Runs in which a row has this outcome.
    target
        ``sandbox`` or ``live``.

    Returns
    -------
    pandas.DataFrame
        One row per run, oldest first:

        - ``run``, ``campaign``, ``target`` (str);
        - ``opened_at``, ``first_sent_at``, ``last_sent_at`` (datetime64[ms, UTC]): when the run
          was made, when its first and its last request left (missing if none did);
        - ``rows``, ``requests`` (int64): of the plan;
        - one int64 column per outcome; they add up to ``rows``;
        - ``doubts`` (int64): requests in doubt;
        - ``credits_spent`` (Float64, in the account's credits): what the account had less at the
          end of each execution than at its beginning; missing if it was not heard, or if several
          accounts shared the run (its report has each);
        - ``needs_person`` (str): what somebody has to look at, and how; empty: nothing;
        - ``stopped`` (str): why the run ended early; missing if it did not;
        - ``fingerprint``, ``package_version``, ``path`` (str).

    Raises
    ------
    RunError
        There is no run at all.
    InputError
        A filter cannot be read, or no run is of the campaign.

    Warns
    -----
    RunLeftOut
        A folder cannot be read; it is left out and named, with what to do.
    """
    filters = Filters.of(
        since=since, until=until, campaign=campaign, outcome=outcome, target=target
    )
    with open_runs(runs_dir, filters) as collection:
        return summarize(collection, filters)


def summarize(collection: Collection, filters: Filters = EVERYTHING) -> pd.DataFrame:
    """Sum opened runs up, as `audit` does."""
    counted = _counts(collection)
    attempts = _attempts(collection)
    rows = []
    for run in collection.runs:
        counts = counted[run.number]
        if filters.outcome is not None and not counts.outcomes.get(filters.outcome):
            continue
        rows.append(_row(run, counts, attempts[run.number]))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in _TIMES:
        frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("ms")
    words = [name for name in COLUMNS if name not in (*_TIMES, *_COUNTS, "credits_spent")]
    dtypes = dict.fromkeys(words, "str") | dict.fromkeys(_COUNTS, "int64")
    frame = frame.astype({**dtypes, "credits_spent": "Float64"})
    return DisplayedFrame(frame.sort_values(["opened_at", "run", "path"], ignore_index=True))


@dataclass
class _Counts:
    """Rows of one run."""

    outcomes: dict[str, int] = field(default_factory=dict)
    unproved: int = 0
    """Rows unreported whose request nobody settled as sent."""


@dataclass
class _Attempts:
    """Attempts at the requests of one run."""

    doubts: list[int] = field(default_factory=list)
    """The numbers of the requests in doubt."""
    spent: float | None = None
    """Credits; None: the account was not heard."""


def _counts(collection: Collection) -> dict[int, _Counts]:
    """Count rows by outcome in all files at once; look closer only if somebody is needed."""
    counts: dict[int, _Counts] = {}
    for run, rows in collection.by_run(
        RESULTS, "SELECT mms_file, mms_outcome, count(*)", "GROUP BY ALL"
    ):
        found: Counter[str] = Counter()
        for _, word, count in rows:
            found[str(word)] += count
        if why := _wrong(run, found):
            collection.leave_out(run, why)
        else:
            counts[run.number] = _Counts(found)
    unclear = [
        run for run in collection.runs if counts[run.number].outcomes.get(Outcome.UNREPORTED)
    ]
    for run, rows in collection.by_run(
        RESULTS,
        "SELECT mms_file, count(*)",
        # Without an answer, somebody or the credits vouch for the request.
        f"WHERE mms_outcome = {literal(Outcome.UNREPORTED)} AND mms_status IS NOT NULL "
        "GROUP BY ALL",
        unclear,
    ):
        counts[run.number].unproved = sum(count for _, count in rows)
    return counts


def _wrong(run: OpenedRun, found: dict[str, int]) -> str:
    """Return what in the counts cannot be, if anything."""
    total = sum(found.values())
    unknown = sorted(set(found) - set(map(str, Outcome)))
    again = f"`{hints.results(run.place.label)}` makes it anew"
    if total != run.rows:
        return f"results.parquet has {total} rows and the plan {run.rows}: {again}"
    return (
        f"results.parquet has unknown outcomes ({', '.join(unknown)}): {again}" if unknown else ""
    )


def _attempts(collection: Collection) -> dict[int, _Attempts]:
    """Find the requests in doubt, and sum what each execution of each run cost.

    That is the balance at its beginning, less the least after. Summed by execution, because
    accounts are topped up between them; the least and not the last, because answers of several
    workers come out of order.
    """
    began = [
        (url, at_ms)
        for run in collection.runs
        for url in run.urls(REQUESTS)
        for at_ms in _balances(run)
    ]
    beginnings = (
        f"SELECT unnest({listed(url for url, _ in began)}) AS url, "
        f"unnest({[at_ms for _, at_ms in began]}::BIGINT[]) AS at_ms"
    )
    found = {}
    for run, rows in collection.by_run(
        REQUESTS,
        "SELECT mms_file, began.at_ms, min(credits), "
        f"list(DISTINCT request) FILTER (WHERE state = {literal(State.IN_DOUBT)})",
        f"ASOF LEFT JOIN ({beginnings}) AS began "
        "ON mms_file = began.url AND epoch_ms(ended_at) >= began.at_ms GROUP BY ALL",
    ):
        least: dict[int, float] = {}
        for _, at_ms, left, _ in rows:
            if left is not None:
                least[at_ms] = min(left, least.get(at_ms, left))
        spent = [
            balance - min(balance, least.get(at_ms, balance))
            for at_ms, balance in _balances(run).items()
        ]
        found[run.number] = _Attempts(
            doubts=sorted(request for *_, doubts in rows for request in doubts or ()),
            spent=sum(spent) if spent else None,
        )
    return found


def _balances(run: OpenedRun) -> dict[int, float]:
    """Return what the account had when each execution began, by milliseconds since the epoch."""
    return {int(at.timestamp() * 1000): float(balance) for at, balance in run.digest.balances}


def _row(run: OpenedRun, counts: _Counts, attempts: _Attempts) -> dict[str, object]:
    found, opened = run.digest, run.digest.opened
    stopped = _stopped(run, counts)
    return {
        "run": run.place.name,
        "campaign": run.campaign,
        "target": run.target,
        "opened_at": found.opened_at,
        "first_sent_at": found.first_sending_at,
        "last_sent_at": found.last_sending_at,
        "rows": run.rows,
        "requests": int(opened["requests"]),
        **{str(word): counts.outcomes.get(word, 0) for word in Outcome},
        "doubts": len(attempts.doubts),
        "credits_spent": attempts.spent,
        "needs_person": "; ".join(_needs(run, counts, attempts, stopped)),
        "stopped": stopped.reason if stopped else None,
        "fingerprint": opened["fingerprint"],
        "package_version": opened.get("package_version"),
        "path": run.place.label,
    }


def _stopped(run: OpenedRun, counts: _Counts) -> Stop | None:
    label, live = run.place.label, run.target == "live"
    if run.digest.stopped is not None:
        stop = run.digest.stopped
        return Stop(stop.reason, hints.in_run(stop.what_to_do, label, live=live))
    if counts.outcomes.get(Outcome.PENDING) and not _being_written(run):
        return Stop("no process sends this run", hints.resume(label, live=live))
    return None


def _being_written(run: OpenedRun) -> bool:
    return run.place.local is not None and RunFolder(run.place.local).being_written()


def _needs(
    run: OpenedRun,
    counts: _Counts,
    attempts: _Attempts,
    stopped: Stop | None,
) -> Iterator[str]:
    label = run.place.label
    if attempts.doubts:
        requests = ", ".join(map(str, attempts.doubts))
        yield (
            f"{plural(counts.outcomes.get(Outcome.IN_DOUBT, 0), 'row')} in doubt "
            f"(request {requests}): "
            f"`{hints.reconcile(label, live=run.target == 'live')}` looks for evidence"
        )
    if counts.unproved:
        yield (
            f"{plural(counts.unproved, 'row')} unreported (the answer names neither that they were "
            "sent nor refused): ask the vendor"
        )
    if stopped is not None:
        yield f"stopped: {stopped.reason}. {stopped.what_to_do}"
    if pending := counts.outcomes.get(Outcome.PENDING):
        yield f"{plural(pending, 'row')} pending" + ("" if stopped else ": being sent now")
