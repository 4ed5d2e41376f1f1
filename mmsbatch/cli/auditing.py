"""The commands over many runs: audit, history, diff, verify, forget, retention, moved."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import typer

from mmsbatch import files, hints
from mmsbatch.auditing.diff import diff as make_diff
from mmsbatch.auditing.history import history as find_history
from mmsbatch.auditing.history import read_number
from mmsbatch.auditing.overview import audit as make_audit
from mmsbatch.auditing.sql import connect, query
from mmsbatch.cli import export, terminal
from mmsbatch.cli.shared import (
    JournalOption,
    JsonOption,
    KeyFileOption,
    PlacesArgument,
    RunArgument,
    errors,
    print_result,
)
from mmsbatch.display import Block, Line, Part, Table, frame_table, plural
from mmsbatch.erasure.erase import forget as erase
from mmsbatch.erasure.retention import YEARS
from mmsbatch.erasure.retention import retention as find_old
from mmsbatch.runs.identity import moved as record_moved
from mmsbatch.runs.locations import RunLeftOut
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.report import BAD_INPUT, DONE
from mmsbatch.times import PARIS, day, in_paris, utc_now
from mmsbatch.verification.page import report as report_of
from mmsbatch.verification.verify import verify as make_verification


@contextmanager
def answer(as_json: bool) -> Iterator[list[str]]:
    """Name on stderr what was left out, and end with exit code 2 if something was.

    Yields
    ------
    list of str
        Filled, by the time the answer is printed, with what was left out.
    """
    left_out: list[str] = []

    def told(message: Warning | str, *_where: Any, **_more: Any) -> None:
        if isinstance(message, RunLeftOut):
            left_out.append(str(message))
        terminal.say(str(message), "look")

    with errors(as_json), warnings.catch_warnings():
        warnings.simplefilter("always", RunLeftOut)
        warnings.showwarning = told
        yield left_out
    if left_out:
        raise typer.Exit(BAD_INPUT)


_OutOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Also write the rows to a .csv, .xlsx, .parquet or .json file."
    ),
]
_OUTCOMES = [str(word) for word in Outcome]
_SUMS = ["rows", "requests", *_OUTCOMES, "doubts"]
_MINUTE = "%Y-%m-%d %H:%M"


def audit(
    places: PlacesArgument,
    since: Annotated[
        str | None, typer.Option(help="Runs opened from this day or moment on: 2026-01-01.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Runs opened up to this day (included) or moment.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Runs of this campaign.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help=f"Runs with such a row: {', '.join(_OUTCOMES)}.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="'sandbox' or 'live'.")] = None,
    sql: Annotated[
        str | None,
        typer.Option(help="One SELECT over the views results, requests and runs, instead."),
    ] = None,
    out: _OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up what was sent across runs, and what needs a person."""
    chosen = {
        "since": since,
        "until": until,
        "campaign": campaign,
        "outcome": outcome,
        "target": target,
    }
    with answer(as_json) as left_out:
        if sql is None:
            found = make_audit(places, **chosen)
            document = {**_summary(found), "left_out": left_out}
            shown = _audit_parts(found)
        else:
            with connect(places, **chosen) as connection:
                found = query(connection, sql)
            document = {
                "columns": [str(name) for name in found.columns],
                "rows": export.records(found),
                "left_out": left_out,
            }
            shown = [frame_table(found) if len(found) else "no rows"]
        _write(found, out)
        print_result(as_json, document, *shown)


def history(
    number: Annotated[str, typer.Argument(help="A French mobile, in any notation.")],
    places: PlacesArgument,
    out: _OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """List everything ever sent to one person, or not sent, and why."""
    with answer(as_json) as left_out:
        found = find_history(number, places)
        document = {
            "number": read_number(number),
            "rows": export.records(found),
            "left_out": left_out,
        }
        _write(found, out)
        print_result(as_json, document, *_history_parts(read_number(number), found))


def diff(
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help="The earlier run's folder.")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help="The later run's folder.")],
    within_days: Annotated[
        float, typer.Option(min=0, help="Contacted twice: by both within so many days.")
    ] = 7,
    out: _OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs: new, gone, other outcomes and reasons, contacted twice."""
    with answer(as_json):
        found = make_diff(run_a, run_b, within_days)
        _write(found.people, out)
        print_result(as_json, found.to_json(), found)


def _write(found: pd.DataFrame, out: str | None) -> None:
    if out is not None:
        export.write([found], out)


# ----- as JSON -----------------------------------------------------------------------------------


def _summary(found: pd.DataFrame) -> dict[str, Any]:
    spent = found["credits_spent"].sum(min_count=1)
    return {
        "runs": [_run(row) for row in export.records(found)],
        "totals": {
            "runs": len(found),
            **{word: int(found[word].sum()) for word in _SUMS},
            "credits_spent": None if pd.isna(spent) else float(spent),
        },
    }


def _run(row: dict[str, Any]) -> dict[str, Any]:
    outcomes = {word: row[word] for word in _OUTCOMES if row[word]}
    rest = {name: value for name, value in row.items() if name not in _OUTCOMES}
    return {**rest, "outcomes": outcomes}


# ----- as text -----------------------------------------------------------------------------------


def _audit_parts(found: pd.DataFrame) -> list[Part]:
    """Return what each run came to, one line a run, and which of them need a person."""
    if found.empty:
        return ["no run is like that"]
    waiting = found[found["needs_person"] != ""]
    blocks = [
        Block("NEEDS YOU", (run, *needs.split("; ")), "bad")
        for run, needs in zip(waiting["run"], waiting["needs_person"], strict=True)
    ]
    return [_run_lines(found), *blocks]


def _history_parts(number: str, found: pd.DataFrame) -> list[Part]:
    blocks = [
        Block(in_paris(row["sent_at"] or row["opened_at"])[:10], tuple(_lines(row)))
        for row in found.astype(object).where(found.notna(), None).to_dict("records")
    ]
    return [f"{number}: {plural(len(found), 'row')}", *blocks]


def _lines(row: Mapping[Hashable, Any]) -> Iterator[str]:
    why = row["problem"] or (f"status {row['status']}" if row["status"] else "")
    yield f"{row['outcome']}{f' ({why})' if why else ''}, campaign {row['campaign']}"
    request = f", request {row['request']}" if row["request"] else ""
    given = f", ID {row['id']}" if row["id"] else ""
    yield f"run {row['run']} ({row['target']}){request}, row {row['row_position']}{given}"
    if row["sent_at"]:
        later = row["scheduled_for"]
        yield f"sent at {in_paris(row['sent_at'])}" + (
            f", to be delivered at {in_paris(later)}" if later else ""
        )
    if row["message"]:
        yield f"{row['kind']}: {row['message']}" + (f" {row['media']}" if row["media"] else "")


def _run_lines(found: pd.DataFrame) -> Table:
    """Return what each run came to, one line a run, and the totals."""
    words = [str(word) for word in Outcome if found[str(word)].any()]
    shown = found[["run", "campaign", "target", "rows", "requests"]].copy()
    shown.insert(0, "opened (Paris)", found["opened_at"].dt.tz_convert(PARIS).dt.strftime(_MINUTE))
    shown["outcomes"] = [_outcomes(row, words) for row in found.to_dict("records")]
    sums = found[["rows", "requests", *words]].sum()
    total = ["total", "", "", "", sums["rows"], sums["requests"], _outcomes(dict(sums), words)]
    shown.loc[len(shown)] = total
    return frame_table(shown)


def _outcomes(counts: dict[Any, Any], words: list[str]) -> str:
    return ", ".join(f"{counts[word]:,} {word}" for word in words if counts[word])


BROKEN: Final = 1


def verify(run: RunArgument, journal: JournalOption = None, as_json: JsonOption = False) -> None:
    """Recompute everything from plan and journal; exit code 1 where something does not hold."""
    with errors(as_json):
        found = make_verification(run, journal=journal)
        print_result(as_json, found.to_json(), found)
    raise typer.Exit(DONE if found.holds else BROKEN)


def forget(
    number: Annotated[str, typer.Argument(help="A French mobile number, in any notation.")],
    places: PlacesArgument,
    really: Annotated[
        bool,
        typer.Option("--erase", help="Erase. Without it, only what would be erased is shown."),
    ] = False,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a person from all runs: a keyed hash takes the number's place, counts still hold."""
    with errors(as_json):
        done = erase(number, places, key_file=key_file, dry_run=not really)
        again = hints.forget(number, *places, key_file=key_file)
        next_step = () if really else (Block("next", (Line(again),)),)
        print_result(as_json, done.to_json(), done, *next_step)


def retention(
    places: PlacesArgument,
    years: Annotated[int, typer.Option(help="How long people are kept after the last contact.")] = (
        YEARS
    ),
    today: Annotated[str | None, typer.Option(help="YYYY-MM-DD; without it, today.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs that hold people not contacted for years."""
    with answer(as_json) as left_out:
        found = find_old(places, years=years, today=_today(today))
        rows = found.assign(last_contact=[at.isoformat() for at in found["last_contact"]])
        shown = found.assign(last_contact=[in_paris(at) for at in found["last_contact"]])
        told = frame_table(shown) if len(found) else f"nobody is older than {years} years"
        print_result(as_json, {"runs": rows.to_dict("records"), "left_out": left_out}, told)


def _today(given: str | None) -> date:
    return utc_now().astimezone(PARIS).date() if given is None else day(given, "today")


def moved(places: PlacesArgument, as_json: JsonOption = False) -> None:
    """Say that runs were moved to where they are, and are gone from where they were."""
    with errors(as_json):
        recorded = record_moved(places)
        lines = recorded or ["every run is in the files that it was last in: nothing to say"]
        print_result(as_json, {"moved": recorded}, Block("moved", tuple(lines)))


def report(
    run: RunArgument,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as one page, to be sent around."),
    ] = None,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in one page what became of a run: outcomes, problems, cost, doubts and the proof."""
    with errors(as_json):
        made = report_of(run, journal=journal)
        if html is not None:
            files.replace_text(html, made.html())
        print_result(as_json, made.to_json(), made)
