"""The command for the first contact with a gateway: trial."""

from __future__ import annotations

import sys
from typing import Annotated, Literal, cast

import typer

from mmsbatch import hints, times
from mmsbatch import trial as trials
from mmsbatch.cli import terminal
from mmsbatch.cli.inputs import accounts_from
from mmsbatch.cli.shared import JsonOption, LiveOption, errors, print_result
from mmsbatch.display import Block, Line
from mmsbatch.errors import InputError, nearest
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.journal.facts import read_account
from mmsbatch.runs.names import run_path


def trial(
    to: Annotated[str, typer.Option(metavar="NUMBER", help="Your own mobile number.")],
    live: LiveOption = False,
    run: Annotated[
        str, typer.Option(metavar="DIR", help="The run's folder; the same one again sends nothing.")
    ] = "data/runs/trial-{date:%Y-%m-%d}",
    accents: Annotated[
        str | None, typer.Option(help="What you saw: right or wrong. Without it you are asked.")
    ] = None,
    lines: Annotated[str | None, typer.Option(help="What you saw: two, one or backslash.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Send one text to your own phone, and write down what it shows of the gateway."""
    with errors(as_json):
        answers = _word("accents", accents, trials.ACCENTS), _word("lines", lines, trials.LINES)
        accounts = accounts_from(live)
        gateway = GatewayClient(accounts.first)
        gateway.check_sandbox()
        said = read_account(gateway.account_info().body)
        today = times.utc_now().astimezone(times.PARIS).date()
        place = run_path(run, today if "{" in run else None)
        made = trials.send_trial(to, accounts, place, live=live)
        credits_ = "unknown" if said is None or said.credits is None else f"{said.credits:,}"
        before = Block("account", (f"{credits_} credits before",))
        text = Block("text", tuple(trials.TEXT.splitlines()))
        shown = (before, made.report, text)
        if made.report.exit_code:
            print_result(as_json, made.report.to_json(), *shown)
            raise typer.Exit(made.report.exit_code)
        if None in answers and (as_json or not _can_be_asked()):
            told = _what_to_look_for(to, place, live=live)
            print_result(as_json, made.report.to_json(), *shown, *told)
            return
        if not as_json:
            terminal.show(*shown)
        seen = [
            answer or _ask(name, words)
            for answer, (name, words) in zip(answers, _QUESTIONS.items(), strict=True)
        ]
        path, readings = trials.conclude(
            made.campaign,
            cast("Literal['right', 'wrong']", seen[0]),
            cast("Literal['two', 'one', 'backslash']", seen[1]),
            live=live,
        )
        words = ", ".join(f"{key} {value}" for key, value in readings.items())
        print_result(
            as_json,
            {**made.report.to_json(), "readings": readings, "file": str(path)},
            Block("found", (f"{words}; every later command reads it in {path}",)),
        )


_QUESTIONS = {"accents": trials.ACCENTS, "lines": trials.LINES}


def _word(option: str, given: str | None, known: dict[str, str]) -> str | None:
    if given is not None and given not in known:
        raise InputError(
            f"--{option} must be {', '.join(known)}, found {given!r}.{nearest(given, known)}"
        )
    return given


def _can_be_asked() -> bool:
    return sys.stdin.isatty()


def _ask(name: str, words: dict[str, str]) -> str:
    for word, meaning in words.items():
        print(f"  {word:<10}{meaning}")
    while True:
        answer = str(typer.prompt(f"{name}: which of these is it")).strip()
        if answer in words:
            return answer


def _what_to_look_for(to: str, run: str, *, live: bool) -> tuple[Block, Block]:
    looks = [
        f"{word}: {meaning}" for words in _QUESTIONS.values() for word, meaning in words.items()
    ]
    again = hints.trial(to, run, live=live)
    return Block("look for", tuple(looks)), Block("next", (Line(again),))
