"""The command that runs a notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mmsbatch.cli.shared import JsonOption, errors, print_result
from mmsbatch.display import labelled
from mmsbatch.notebook import run as notebooks


def notebook(
    name: Annotated[
        str, typer.Argument(help="campaign, audit, compare, reconcile, tour, or a file .ipynb.")
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", "-p", help="A parameter of the notebook, NAME=VALUE; several times."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The executed copy; without it, it goes into the run's folder, or into "
            ".notebooks beside the runs."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a notebook with checked parameters; the executed copy is kept with its run."""
    with errors(as_json):
        bar = sys.stderr.isatty() and not as_json
        done = notebooks.execute(name, parameter or (), out=out, bar=bar)
        stands = f"{done.report!r}\n" if done.report else ""
        print_result(as_json, done.to_json(), f"{stands}{labelled('notebook', str(done.path))}")
    raise typer.Exit(done.exit_code)
