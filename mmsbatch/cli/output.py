"""What every command prints: text or one JSON document, progress, an error and its exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import typer

from mmsbatch.display import labelled
from mmsbatch.errors import InDoubt, InputError, MmsbatchError
from mmsbatch.runs.report import BAD_INPUT, IN_DOUBT, STOPPED, RunReport
from mmsbatch.sending.progress import Progress, counting


def bar(total: int | None, unit: str) -> AbstractContextManager[Progress]:
    """Show how far a job is: a bar on a terminal, log lines elsewhere."""
    return counting(total, unit)


def print_run(as_json: bool, done: RunReport, run: Path) -> None:
    """Print where a run stands and where its files are, and end with its exit code."""
    files = labelled("files", str(run / "results.parquet"), str(run / "requests.parquet"))
    print_result(as_json, done.to_json(), f"{done!r}\n{files}")
    raise typer.Exit(done.exit_code)


def print_result(as_json: bool, document: dict[str, Any], text: str) -> None:
    """Print the text, or the document as the only thing on stdout."""
    print(json.dumps(document, ensure_ascii=False) if as_json else text)


@contextmanager
def errors(as_json: bool) -> Iterator[None]:
    """Turn an error into a line on stderr and its exit code."""
    try:
        yield
    except MmsbatchError as error:
        if as_json:
            document = {"error": {"type": type(error).__name__, "message": str(error)}}
            print(json.dumps(document, ensure_ascii=False))
        print(f"mmsbatch: {error}", file=sys.stderr)
        raise typer.Exit(_exit_code(error)) from None
    except KeyboardInterrupt as error:
        if not error.args:  # nothing was under way
            raise
        print(f"mmsbatch: {error}", file=sys.stderr)
        raise typer.Exit(IN_DOUBT) from None


def _exit_code(error: MmsbatchError) -> int:
    if isinstance(error, InDoubt):
        return IN_DOUBT
    return BAD_INPUT if isinstance(error, InputError) else STOPPED
