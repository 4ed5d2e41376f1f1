"""The answer of a command over many runs, some of which may have been left out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from mmsbatch.cli.output import errors
from mmsbatch.runs.locations import RunLeftOut
from mmsbatch.runs.report import BAD_INPUT


@contextmanager
def answer(as_json: bool) -> Iterator[list[str]]:
    """Name on stderr what was left out, and end with exit code 2 where something was.

    Yields
    ------
    list of str
        Filled, by the time the answer is printed, with what was left out.
    """
    left_out: list[str] = []

    def told(message: Warning | str, *_where: Any, **_more: Any) -> None:
        if isinstance(message, RunLeftOut):
            left_out.append(str(message))
        print(f"mmsbatch: {message}", file=sys.stderr)

    with errors(as_json), warnings.catch_warnings():
        warnings.simplefilter("always", RunLeftOut)
        warnings.showwarning = told
        yield left_out
    if left_out:
        raise typer.Exit(BAD_INPUT)
