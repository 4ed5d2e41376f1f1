"""Commands that prove runs, erase people from them, and say who may be kept."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from mmsbatch.cli.answering import answer
from mmsbatch.cli.options import JsonOption, KeyFileOption, RunArgument
from mmsbatch.cli.output import errors, print_result
from mmsbatch.erasure.erase import forget as erase
from mmsbatch.erasure.retention import YEARS
from mmsbatch.erasure.retention import retention as find_old
from mmsbatch.runs.report import DONE
from mmsbatch.times import PARIS, day, utc_now
from mmsbatch.verification.verify import verify as make_verification

BROKEN: Final = 1

PlacesArgument = Annotated[list[Path], typer.Argument(help="Folders of runs, or runs.")]


def verify(run: RunArgument, as_json: JsonOption = False) -> None:
    """Recompute everything from plan and journal; exit code 1 where something does not hold."""
    with errors(as_json):
        found = make_verification(run)
        print_result(as_json, found.to_json(), repr(found))
    raise typer.Exit(DONE if found.holds else BROKEN)


def forget(
    number: Annotated[str, typer.Argument(help="A French mobile number, in any notation.")],
    places: PlacesArgument,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a person from all runs: a keyed hash takes the number's place, counts still hold."""
    with errors(as_json):
        done = erase(number, places, key_file=key_file)
        print_result(as_json, done.to_json(), repr(done))


def retention(
    places: PlacesArgument,
    years: Annotated[int, typer.Option(help="How long people are kept after the last contact.")] = (
        YEARS
    ),
    today: Annotated[str | None, typer.Option(help="YYYY-MM-DD; without it, today.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs that hold people not contacted for years."""
    with answer(as_json) as left_out:
        found = find_old(places, years=years, today=_today(today))
        rows = found.assign(last_contact=[at.isoformat() for at in found["last_contact"]])
        text = found.to_string(index=False) if len(found) else f"nobody is older than {years} years"
        print_result(as_json, {"runs": rows.to_dict("records"), "left_out": left_out}, text)


def _today(given: str | None) -> date:
    return utc_now().astimezone(PARIS).date() if given is None else day(given, "--today")
