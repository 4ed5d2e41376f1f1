"""The command that looks at this machine before the first send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmsbatch.cli.shared import JsonOption, LiveOption, errors, print_result
from mmsbatch.doctor import examine
from mmsbatch.runs.report import BAD_INPUT, DONE


def doctor(
    live: LiveOption = False,
    runs: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder that runs are to be kept in.")
    ] = Path("data/runs"),
    as_json: JsonOption = False,
) -> None:
    """Look at this machine before the first send: account, clock, disk, settings."""
    with errors(as_json):
        found = examine(live=live, runs=runs)
        print_result(as_json, found.to_json(), found)
        raise typer.Exit(DONE if found.ready else BAD_INPUT)
