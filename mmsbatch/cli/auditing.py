"""Commands across runs: what was sent, to one person, between two runs, and SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from mmsbatch.auditing.diff import diff as make_diff
from mmsbatch.auditing.history import history as find_history
from mmsbatch.auditing.history import read_number
from mmsbatch.auditing.overview import audit as make_audit
from mmsbatch.auditing.sql import connect, query
from mmsbatch.cli import export
from mmsbatch.cli.answering import answer
from mmsbatch.cli.options import JsonOption
from mmsbatch.cli.output import print_result
from mmsbatch.display import Block, Document, plural
from mmsbatch.runs.outcomes import Outcome

_PlacesArgument = Annotated[
    list[str], typer.Argument(metavar="DIR...", help="Folders of runs, or runs; paths or URLs.")
]
_OutOption = Annotated[
    Path | None, typer.Option(help="Also write the rows to a .csv, .parquet or .json file.")
]
_OUTCOMES = [str(word) for word in Outcome]
_SUMS = ["rows", "requests", *_OUTCOMES, "doubts"]
_TIMES = ["opened_at", "first_sent_at", "last_sent_at"]


def audit(
    places: _PlacesArgument,
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
            text = _audit_text(found)
        else:
            with connect(places, **chosen) as connection:
                found = query(connection, sql)
            document = {
                "columns": [str(name) for name in found.columns],
                "rows": export.records(found),
                "left_out": left_out,
            }
            text = found.to_string(index=False) if len(found) else "no rows"
        _write(found, out)
        print_result(as_json, document, text)


def history(
    number: Annotated[str, typer.Argument(help="A French mobile, in any notation.")],
    places: _PlacesArgument,
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
        print_result(as_json, document, _history_text(read_number(number), found))


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
        print_result(as_json, found.to_json(), found.document().text())


def _write(found: pd.DataFrame, out: Path | None) -> None:
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


def _audit_text(found: pd.DataFrame) -> str:
    if found.empty:
        return "no run is like that"
    waiting = found[found["needs_person"] != ""]
    blocks = [
        Block("NEEDS YOU", (run, *needs.split("; ")))
        for run, needs in zip(waiting["run"], waiting["needs_person"], strict=True)
    ]
    return Document((_run_lines(found), *blocks)).text()


def _history_text(number: str, found: pd.DataFrame) -> str:
    times = plural(len(found), "row")
    blocks = [
        Block(f"{row['sent_at'] or row['opened_at']}"[:10], tuple(_lines(row)))
        for row in export.records(found)
    ]
    return Document((f"{number}: {times}", *blocks)).text()


def _lines(row: dict[str, Any]) -> Iterator[str]:
    why = row["problem"] or (f"status {row['status']}" if row["status"] else "")
    yield f"{row['outcome']}{f' ({why})' if why else ''}, campaign {row['campaign']}"
    request = f", request {row['request']}" if row["request"] else ""
    given = f", ID {row['id']}" if row["id"] else ""
    yield f"run {row['run']} ({row['target']}){request}, row {row['row_position']}{given}"
    if row["sent_at"]:
        yield f"sent at {row['sent_at']}" + (
            f", to be delivered at {row['scheduled_for']}" if row["scheduled_for"] else ""
        )
    if row["message"]:
        yield f"{row['kind']}: {row['message']}" + (f" {row['media']}" if row["media"] else "")


def _run_lines(found: pd.DataFrame) -> str:
    """Say what each run came to, one line a run, and the totals."""
    words = [str(word) for word in Outcome if found[str(word)].any()]
    shown = found[["run", "campaign", "target", "rows", "requests", *words]].copy()
    shown.insert(0, "opened", found["opened_at"].dt.strftime("%Y-%m-%d %H:%M"))
    numbers = shown.select_dtypes("number").columns
    shown.loc[len(shown)] = ["total", "", "", "", *shown[numbers].sum()]
    return shown.to_string(index=False, formatters=dict.fromkeys(numbers, "{:,}".format))
