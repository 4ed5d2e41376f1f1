"""Commands that say what became of one run: status, results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mmsbatch.cli import export
from mmsbatch.cli.shared import (
    JsonOption,
    RunArgument,
    errors,
    print_result,
    print_run,
)
from mmsbatch.display import labelled
from mmsbatch.runs.run import results as results_of
from mmsbatch.runs.run import status as status_of
from mmsbatch.runs.run import write_results


def status(run: RunArgument, as_json: JsonOption = False) -> None:
    """Say where a run stands; nothing is sent or written."""
    with errors(as_json):
        print_run(as_json, status_of(run), run)


def results(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="Also write them here (.parquet, .csv, .xlsx or .json).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild results.parquet and requests.parquet from the plan and the facts."""
    with errors(as_json):
        # An archive, or another user's: what is asked for elsewhere is written there only.
        if out is None or os.access(run, os.W_OK):
            write_results(run)
        if out is not None:
            export.write([results_of(run)], out)
        where = out or run / "results.parquet"
        done = status_of(run)
        print_result(as_json, done.to_json(), f"{done!r}\n{labelled('results', str(where))}")
