"""Commands that prove runs, erase people from them, and say who may be kept."""

from __future__ import annotations

from typing import Final

import typer

from mmsbatch import report
from mmsbatch.cli.app import app
from mmsbatch.cli.options import JsonOption, RunArgument
from mmsbatch.cli.output import errors, print_result
from mmsbatch.verify import verify as make_verification

BROKEN: Final = 1


@app.command()
def verify(run: RunArgument, as_json: JsonOption = False) -> None:
    """Recompute everything from plan and journal; exit code 1 where something does not hold."""
    with errors(as_json):
        found = make_verification(run)
        print_result(as_json, found.to_json(), repr(found))
    raise typer.Exit(report.DONE if found.holds else BROKEN)
