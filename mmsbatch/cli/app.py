"""The Typer application that each module here adds its commands to."""

from __future__ import annotations

from typing import Annotated

import typer

from mmsbatch._version import __version__

app = typer.Typer(
    name="mmsbatch",
    help="Check French mobile numbers, send MMS in requests of 200, prove every row's outcome.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a passcode
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
