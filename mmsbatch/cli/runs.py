"""Commands that say what became of one run: status, results."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Annotated

import typer

from mmsbatch import hints
from mmsbatch.cli import export
from mmsbatch.cli.shared import (
    JournalOption,
    JsonOption,
    RunArgument,
    errors,
    print_result,
    print_run,
)
from mmsbatch.display import Block, Line
from mmsbatch.runs.mirror import is_url
from mmsbatch.runs.run import Run, write_results
from mmsbatch.runs.run import status as status_of
from mmsbatch.sending.stop import stop as stop_run


def status(run: RunArgument, journal: JournalOption = None, as_json: JsonOption = False) -> None:
    """Say where a run stands; nothing is sent or written."""
    with errors(as_json):
        print_run(as_json, status_of(run, journal=journal), run)


def stop(run: RunArgument, journal: JournalOption = None, as_json: JsonOption = False) -> None:
    """Let nothing more leave of a run that is being sent; requests under way are finished."""
    with errors(as_json):
        stop_run(run, journal=journal)
        said = f"{run}: nothing more leaves; `{hints.status(run)}` says where it is"
        print_result(as_json, {"run": str(run), "stopping": True}, said)


def results(
    run: RunArgument,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Also write them here (.parquet, .csv, .xlsx or .json); or a URL."
        ),
    ] = None,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild results.parquet and requests.parquet from the plan and the facts."""
    with errors(as_json):
        # An archive, or another user's: what is asked for elsewhere is written there only.
        if out is None or (not is_url(run) and os.access(run, os.W_OK)):
            write_results(run, journal=journal)
        if out is not None:
            with closing(Run.load(run, journal).result_parts()) as parts:
                export.write(parts, out)
        where = out or f"{run}/results.parquet"
        done = status_of(run, journal=journal)
        print_result(as_json, done.to_json(), done, Block("results", (Line(where),)))
