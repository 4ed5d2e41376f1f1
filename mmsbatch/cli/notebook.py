"""The command that runs a notebook, copies the notebooks, and says what one takes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mmsbatch import hints
from mmsbatch.cli.shared import JsonOption, errors, print_result
from mmsbatch.display import Block, Line, plural
from mmsbatch.errors import InputError
from mmsbatch.notebook import run as notebooks


def notebook(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            help="campaign, audit, compare, reconcile, tour, or a file .ipynb.", show_default=False
        ),
    ] = None,
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
    copy: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Put the notebooks into this folder, to open them there."),
    ] = None,
    as_json: JsonOption = False,
    help_: Annotated[
        bool,
        typer.Option("--help", "-h", help="Say this; behind a name, what that notebook takes."),
    ] = False,
) -> None:
    """Run a notebook with checked parameters; the executed copy is kept with its run."""
    with errors(as_json):
        if help_:
            print(_taken_by(name) if name else ctx.get_help())
            raise typer.Exit
        if copy is not None:
            made = notebooks.copy_notebooks(copy)
            there = f"{plural(len(made), 'notebook')} put into {copy}"
            left = sorted(notebooks.shipped().keys() - {path.stem for path in made})
            others = f"; there already, and left as it is: {', '.join(left)}" if left else ""
            named = {"copied": [str(path) for path in made], "left": left}
            print_result(
                as_json, named, f"{there}{others}", Block("next", (Line(hints.jupyter(copy)),))
            )
            raise typer.Exit
        if name is None:
            raise InputError(f"name a notebook: {', '.join(notebooks.shipped())}, or a file")
        bar = sys.stderr.isatty() and not as_json
        done = notebooks.execute(name, parameter or (), out=out, bar=bar)
        stands = [done.report] if done.report else []
        kept = Block("notebook", (Line(done.path),))
        print_result(as_json, done.to_json(), *stands, *done.figures, kept)
    raise typer.Exit(done.exit_code)


def _taken_by(name: str) -> str:
    lines = [f"  -p {parameter}" for parameter in notebooks.declared(name).values()]
    return "\n".join([f"{name} takes, each as -p NAME=VALUE:", *(lines or ["  nothing"])])
