"""The command that prints the recipe by which a campaign recurs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mmsbatch import hints
from mmsbatch.cli import terminal
from mmsbatch.cli.completion import columns
from mmsbatch.cli.shared import (
    JsonOption,
    KeyFileOption,
    LiveOption,
    SuppressOption,
    errors,
    print_result,
)
from mmsbatch.display import Block, Line
from mmsbatch.errors import InputError
from mmsbatch.hours import read_hours
from mmsbatch.scheduling.machine import Machine
from mmsbatch.scheduling.making import Wanted, schedule_for
from mmsbatch.scheduling.notes import notes
from mmsbatch.times import PARIS, utc_now


def schedule(
    ctx: typer.Context,
    campaign: Annotated[
        Path, typer.Argument(metavar="CAMPAIGN.toml", help="The campaign's TOML file.")
    ],
    contacts: Annotated[
        str, typer.Option(help="CSV, Excel, Parquet, JSON or Feather, read anew by each run.")
    ],
    kind: Annotated[
        str, typer.Option("--as", metavar="cron|systemd|airflow", help="Who is to run it.")
    ],
    phone: Annotated[
        str | None,
        typer.Option(
            autocompletion=columns,
            help="The column with the mobile numbers. Without it: the one that looks like phones.",
        ),
    ] = None,
    suppress: SuppressOption = None,
    key_file: KeyFileOption = None,
    live: LiveOption = False,
    max_recipients: Annotated[
        int | None,
        typer.Option(min=1, help="Refuse a run with more recipients; without it, 2000."),
    ] = None,
    at: Annotated[
        str,
        typer.Option(metavar="TIME", help="Days of the week and a time in Paris: 'Mon,Thu 14:30'."),
    ] = "Mon 10:00",
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder it runs in; without it, the current one."),
    ] = None,
    environ: Annotated[
        Path | None,
        typer.Option(
            "--env",
            metavar="FILE",
            help="The credentials; without it /etc/mmsbatch/env, or ~/.config/mmsbatch/env with "
            "--user.",
        ),
    ] = None,
    mail: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Who is mailed of a run that did not end well."),
    ] = None,
    as_user: Annotated[
        bool, typer.Option("--user", help="For your own systemd, not the machine's.")
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The runs' name, with a place for the day; without it CAMPAIGN-{date:%G-W%V}, or "
            "CAMPAIGN-{date:%Y-%m-%d} where there are several days.",
        ),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder of the runs; without it data/runs."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the recipe's files into this folder."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the recipe by which cron, systemd or Airflow send a campaign every week."""
    with errors(as_json):
        wanted = Wanted(
            campaign=campaign,
            kind=kind,
            contacts=contacts,
            at=at,
            phone=phone,
            suppress=suppress,
            key_file=key_file,
            run=run,
            home=home,
            runs=runs,
            environ=environ,
            mail=mail,
            max_recipients=max_recipients,
            live=live,
            as_user=as_user,
        )
        made = schedule_for(wanted)
        said = [
            *notes(
                made,
                kind,
                Machine.here(),
                today=utc_now().astimezone(PARIS).date(),
                hours=read_hours(None, made.campaign.purpose, live=True),
            )
        ]
        files = made.schedule.files(kind)
        if out is not None:
            _write(files, out)
        way = hints.install_schedule(
            "user" if as_user else kind, hints.schedule(_words(ctx)), [*files], out
        )
        for note in said:
            terminal.say(note, "look")
        document = {
            "as": kind,
            "files": files,
            "folder": None if out is None else str(out),
            "notes": said,
            "install": way,
        }
        print_result(as_json, document, _shown(files, out))
        if not as_json:
            terminal.show(Block("install", (Line(way),)), stream=sys.stderr)


def _words(ctx: typer.Context) -> list[str]:
    """Return what was given, as it would be written in a command that prints or writes."""
    words: list[str] = []
    for param in ctx.command.params:
        value: Any = ctx.params.get(str(param.name))
        if param.name in {"out", "as_json"} or value is None or value is False:
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            words += [] if param.param_type_name == "argument" else [param.opts[0]]
            words += [] if one is True else [str(one)]
    return words


def _shown(files: Mapping[str, str], out: Path | None) -> Block | Line:
    """Return the files' text, each below its name where there are several; or where they are."""
    if out is not None:
        return Block("written", tuple(Line(out / name) for name in files))
    if len(files) == 1:
        return Line("".join(files.values()).rstrip("\n"))
    texts = (f"# ----- {name}\n{text}" for name, text in files.items())
    return Line("\n".join(texts).rstrip("\n"))


def _write(files: Mapping[str, str], out: Path) -> None:
    """Write the files, or none of them if one of that name is there."""
    taken = [str(out / name) for name in files if (out / name).exists()]
    if taken:
        raise InputError(
            f"{' and '.join(taken)} {'exists' if len(taken) == 1 else 'exist'}, and nothing is "
            "written over: give another --out, or remove it"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with (out / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise InputError(f"--out {out} cannot be written to: {error}") from None
