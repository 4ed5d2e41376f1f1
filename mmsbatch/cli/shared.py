"""Options and printing that commands share. Light: --help and status import it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from mmsbatch import hints
from mmsbatch.cli import terminal
from mmsbatch.cli.completion import columns, runs
from mmsbatch.display import Block, Line, Part, ShowsItself
from mmsbatch.errors import BrokenOff, InDoubt, InputError, MmsbatchError
from mmsbatch.runs.report import BAD_INPUT, IN_DOUBT, STOPPED, RunReport
from mmsbatch.sending.workers import MAX_WORKERS

ContactsArgument = Annotated[
    str,
    typer.Argument(
        help="CSV, Excel, Parquet, JSON or Feather: a file, a folder of parts, or a URL."
    ),
]
PhoneOption = Annotated[
    list[str] | None,
    typer.Option(
        autocompletion=columns,
        help="The column with the mobile numbers; several times: the first that can be "
        "sent to. Without it: the one column that looks like phones.",
    ),
]
CampaignOption = Annotated[Path, typer.Option(help="The campaign's TOML file.")]
RunOption = Annotated[
    str,
    typer.Option(metavar="DIR", help="The run's folder, or its URL; its name is the run's name."),
]
WithinOption = Annotated[
    int | None,
    typer.Option(
        "--not-contacted-within",
        metavar="DAYS",
        help="Leave out who was contacted on one of the last so many days, by any run beside it.",
    ),
]
RejectedOption = Annotated[
    int | None,
    typer.Option(
        "--rejected-before",
        metavar="TIMES",
        help="Leave out numbers that the gateway refused in so many runs beside it.",
    ),
]
CanaryOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Send to the first N recipients, and stop: look at what came of it, then resume.",
    ),
]
CorrectedOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Take the corrections in a file that check --problems wrote."
    ),
]
AllowPrivateOption = Annotated[
    bool,
    typer.Option(
        "--allow-private", help="Fetch media also from servers that are not on the internet."
    ),
]
PastRunsOption = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="The runs that these two look at; without it those beside --run, or data/runs.",
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's folder, or its URL.", autocompletion=runs),
]
PlacesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="DIR...", help="Folders of runs, or runs; or their URLs.", autocompletion=runs
    ),
]
LiveOption = Annotated[
    bool,
    typer.Option(
        "--live",
        help="People, not the sandbox. The account is taken from "
        "MMSBATCH_CLIENTCODE and MMSBATCH_PASSCODE, or from the file that MMSBATCH_ACCOUNTS names.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
SpentElsewhereOption = Annotated[
    bool,
    typer.Option(
        "--spent-elsewhere",
        help="Go on although credits are gone that no run beside it has spent: something else has.",
    ),
]
AsFarOption = Annotated[
    bool,
    typer.Option("--as-far-as-credits", help="Send although the credits do not pay for all of it."),
]
MovedOption = Annotated[
    bool,
    typer.Option(
        "--moved",
        help="The run's folder was moved here, and is gone from where it was: nobody sends it "
        "there any more.",
    ),
]
SheetOption = Annotated[str | None, typer.Option(help="The sheet of an Excel workbook.")]
SeparatorOption = Annotated[str | None, typer.Option(help="Of a CSV; found out without it.")]
EncodingOption = Annotated[str | None, typer.Option(help="Of a CSV; found out without it.")]
HeaderOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="The line of a CSV, or the row of a sheet, that has the column names, from 1."
    ),
]
OnePerOption = Annotated[
    str | None,
    typer.Option(
        help="'number': one message for one number, whatever the text. 'message': one for each "
        "number and text. Without it, as the campaign file says, else 'number'."
    ),
]
ConsentOption = Annotated[
    str | None,
    typer.Option(
        autocompletion=columns,
        help="The column that says who has agreed to be written to. Without it, as the campaign "
        "file says.",
    ),
]
ConsentYesOption = Annotated[
    list[str] | None,
    typer.Option(help="A word that means yes in that column; several times: all of them."),
]
ConsentNoOption = Annotated[
    list[str] | None,
    typer.Option(help="A word that means no in that column; several times: all of them."),
]
SuppressOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Who must not be written to: a file of numbers, or a folder of runs for whom "
        "`forget` erased from them. Several times: all of them."
    ),
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option(help="32 random bytes; without it .forget-key in the folder of the runs."),
]
OnDoubtOption = Annotated[
    str, typer.Option(help="After a request in doubt: 'stop', or 'continue' with the next.")
]
WorkersOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=MAX_WORKERS,
        help="Requests under way at once; up to 200 rows for each can be left in doubt.",
    ),
]
PaceOption = Annotated[
    float | None, typer.Option(help="No more requests than this a minute, evenly spaced.")
]
JournalOption = Annotated[
    str | None,
    typer.Option(
        help="The PostgreSQL database that the run's journal is in: postgresql+psycopg://…. "
        "Better in MMSBATCH_JOURNAL, since others see a command line.",
    ),
]
MaxCreditsOption = Annotated[
    float | None, typer.Option(min=0, help="Stop before the run spends more credits.")
]


def print_run(as_json: bool, done: RunReport, run: str) -> None:
    """Print where a run stands and where its files are, and end with its exit code."""
    files = Block("files", (Line(f"{run}/results.parquet"), Line(f"{run}/requests.parquet")))
    print_result(as_json, done.to_json(), done, files)
    raise typer.Exit(done.exit_code)


def print_result(as_json: bool, document: dict[str, Any], *shown: ShowsItself | Part) -> None:
    """Print what is shown, or the document as the only thing on stdout."""
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        terminal.show(*shown)


@contextmanager
def errors(as_json: bool) -> Iterator[None]:
    """Turn an error into a line on stderr and its exit code."""
    try:
        with hints.commands(), warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _Said()
            yield
    except MmsbatchError as error:
        if as_json:
            document = {"error": {"type": type(error).__name__, "message": str(error)}}
            print(json.dumps(document, ensure_ascii=False))
        terminal.say(str(error), "bad")
        raise typer.Exit(_exit_code(error)) from None
    except KeyboardInterrupt as error:
        if not error.args:  # nothing was under way
            raise
        terminal.say(str(error), "bad")
        in_doubt = not isinstance(error, BrokenOff) or error.in_doubt
        raise typer.Exit(IN_DOUBT if in_doubt else STOPPED) from None


class _Said:
    """Prints each warning once, as a line without the place in the code that it comes from."""

    def __init__(self) -> None:
        self._lines: set[str] = set()

    def __call__(self, message: Warning | str, *_where: Any, **_more: Any) -> None:
        """Print a warning; `warnings.showwarning`."""
        if (line := str(message)) not in self._lines:
            self._lines.add(line)
            terminal.say(line, "look")


def _exit_code(error: MmsbatchError) -> int:
    if isinstance(error, InDoubt):
        return IN_DOUBT
    return BAD_INPUT if isinstance(error, InputError) else STOPPED
