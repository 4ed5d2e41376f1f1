"""What to run next: complete, so that it can be pasted, in the language that the reader works in.

On the command line a hint is a command and an option is ``--not-after``; in Python it is a call and
``not_after``. Every hint of the package is made here, and a test runs each of them.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

THE_RUN: Final = "RUN_FOLDER"
"""Stands in a recorded advice for the run's folder."""

UPGRADE: Final = "take a newer mmsbatch (in its clone `git pull`, then install it again)"

_RESUME: Final = re.compile(r"\bresume\b(?=$|[ ;,.])")
RECONCILE: Final = f"`mmsbatch reconcile {THE_RUN}`"
"""As it is recorded; `in_run` completes it."""
SPENT_ELSEWHERE: Final = "resume as spent_elsewhere"
"""Part of an advice that is recorded; `in_run` completes it."""
AS_FAR_AS_CREDITS: Final = "resume as_far_as_credits"
"""Likewise."""
_AGAIN: Final = re.compile(r"\brun the same command (?:again)?")
"""As earlier versions recorded it."""


class _Language:
    """Whether hints are commands; one answer for the process, its threads included."""

    commands = False


@contextmanager
def commands() -> Iterator[None]:
    """Write hints as commands: what runs was called from the command line."""
    before = _Language.commands
    _Language.commands = True
    try:
        yield
    finally:
        _Language.commands = before


def program() -> str:
    """Return the words that start the command line: with `uv run` if that started this process."""
    return "uv run mmsbatch" if os.environ.get("UV_RUN_RECURSION_DEPTH") else "mmsbatch"


def install(*packages: str) -> str:
    """Install packages that only a part of this one needs; no index has this one."""
    uses_uv = os.environ.get("UV_RUN_RECURSION_DEPTH")
    pip = "uv pip" if uses_uv else f"{shlex.quote(sys.executable)} -m pip"
    return f"{pip} install {shlex.join(packages)}"


def option(name: str, value: object = None) -> str:
    """Return an option by its Python name: ``--max-change 0.2`` or ``max_change=0.2``."""
    if _Language.commands:
        flag = f"--{name.replace('_', '-')}"
        return flag if value is None or value is True else f"{flag} {shlex.quote(str(value))}"
    return name if value is None else f"{name}={_python(value)}"


def resume(
    run: str | Path,
    *,
    live: bool,
    moved: bool = False,
    spent_elsewhere: bool = False,
    as_far_as_credits: bool = False,
) -> str:
    """Go on with a run."""
    return _over_account(
        "resume",
        run,
        live,
        moved=moved,
        spent_elsewhere=spent_elsewhere,
        as_far_as_credits=as_far_as_credits,
    )


def reconcile(run: str | Path, *, live: bool, moved: bool = False, settle: str = "") -> str:
    """Look for evidence of what became of requests in doubt.

    Parameters
    ----------
    run
        Its folder.
    live
        Whether it was begun on the live gateway.
    moved
        Whether to say that it was moved.
    settle
        ``"release"`` or ``"confirm"``: settle by the evidence.
    """
    word = "confirm_sent" if settle == "confirm" and _Language.commands else settle
    return _over_account("reconcile", run, live, moved=moved, **({word: True} if word else {}))


def settle(run: str | Path, request: int, verdict: str) -> str:
    """Record a person's word on a request in doubt."""
    note = "how you know"
    if _Language.commands:
        words = f"--request {request} --verdict {verdict} --note {shlex.quote(note)}"
        return f"{program()} reconcile {_quoted(run)} {words}"
    return f"mms.settle({_python(run)}, {request}, {verdict!r}, note={note!r})"


def status(run: str | Path) -> str:
    """Say where a run is."""
    return _over("status", run)


def results(run: str | os.PathLike[str], out: str = "") -> str:
    """Write a run's results anew, or export them."""
    if _Language.commands:
        return f"{program()} results {_quoted(run)}" + (f" --out {shlex.quote(out)}" if out else "")
    call = f"mms.results({_python(run)})"
    return f"{call}.to_csv({out!r})" if out else f"mms.write_results({_python(run)})"


def verify(run: str | Path) -> str:
    """Prove a run."""
    return _over("verify", run)


def audit(places: str | Path) -> str:
    """Sum up what was sent across runs."""
    return _over("audit", places)


def moved(places: str | Path) -> str:
    """Say that the runs in a folder were moved there."""
    return _over("moved", places)


def forget(number: str, *places: str | Path, key_file: str | Path | None = None) -> str:
    """Erase a person from runs."""
    if _Language.commands:
        words = [shlex.quote(number), *map(_quoted, places), option("erase")]
        words += [] if key_file is None else [option("key_file", key_file)]
        return f"{program()} forget {' '.join(words)}"
    key = "" if key_file is None else f", {option('key_file', key_file)}"
    return f"mms.forget({number!r}, {[str(place) for place in places]!r}{key})"


def send(words: list[str], run: str, *, live: bool, fingerprint: str) -> str:
    """Send what was planned with these words, on the command line."""
    confirmed = ["--live", "--confirm", fingerprint[:12]] if live else []
    return f"{program()} send {shlex.join([*words, '--run', run, *confirmed])}"


def show(saved: str | Path) -> str:
    """Show a plan that was saved."""
    return f"{program()} show {_quoted(saved)}"


def jupyter(folder: str | Path) -> str:
    """Open a folder of notebooks."""
    return f"jupyter lab {_quoted(folder)}"


def after_init(campaign: str | Path, contacts: str) -> tuple[str, str]:
    """Check contacts, and plan a campaign that was just written."""
    words = [contacts, "--phone", "mobile"]
    return (
        f"{program()} check {shlex.join(words)}",
        f"{program()} plan {shlex.join([*words, '--campaign', str(campaign)])}",
    )


def schema(place: str | Path) -> str:
    """Write the JSON Schema of campaign files to a place."""
    return f"{program()} schema > {shlex.quote(str(place))}"


def send_saved(saved: str | Path, run: str, *, live: bool, fingerprint: str) -> str:
    """Send exactly a plan that was saved and confirmed."""
    words = ["--plan", str(saved), "--confirm", fingerprint[:12], "--run", run]
    return f"{program()} send {shlex.join([*words, *(['--live'] if live else [])])}"


def trial(number: str, run: str, *, live: bool) -> str:
    """Say what was seen of a trial; nothing is sent again."""
    words = ["--to", number, "--run", run, "--accents", "right", "--lines", "two"]
    return f"{program()} trial {shlex.join([*words, *(['--live'] if live else [])])}"


def schedule(words: list[str]) -> str:
    """Print, or write into a folder, the recipe by which a campaign recurs."""
    return f"{program()} schedule {shlex.join(words)}"


def install_schedule(kind: str, recipe: str, files: list[str], out: str | Path | None) -> str:
    """Install a recipe; nothing that is installed already is lost.

    Parameters
    ----------
    kind
        ``"cron"``, ``"systemd"``, ``"user"`` (the account's own systemd) or ``"airflow"``.
    recipe
        The command that prints it.
    files
        The names of its files; systemd's timer is among them.
    out
        The folder that they were written into; None: they were printed.
    """
    name = files[0].rpartition(".")[0]
    there = [] if out is None else [_quoted(Path(out) / file) for file in files]
    units = there or [f"{name}/{file}" for file in files]
    first = "" if there else f"{recipe} --out {name} && "
    if kind == "cron":
        printed = f"cat {there[0]}" if there else recipe
        return f"(crontab -l 2>/dev/null; {printed}) | crontab -"
    if kind == "airflow":
        return f'{first}cp {units[0]} "${{AIRFLOW_HOME:-$HOME/airflow}}/dags/"'
    as_root, scope, folder = ("sudo ", "", "/etc/systemd/system")
    if kind == "user":
        as_root, scope, folder = ("", " --user", "~/.config/systemd/user")
    linger = " && loginctl enable-linger" if kind == "user" else ""
    return (
        f"{first}{as_root}install -D -m 644 -t {folder} {' '.join(units)} && "
        f"{as_root}systemctl{scope} daemon-reload && "
        f"{as_root}systemctl{scope} enable --now {name}.timer{linger}"
    )


def sandbox(port: int | None = None) -> str:
    """Start a sandbox gateway of its own; in another terminal, since it runs until Ctrl-C."""
    return f"{program()} sandbox --port {port or 8025}"


def in_run(advice: str, run: str | Path, *, live: bool) -> str:
    """Complete an advice that was recorded in a run, or that a status of the gateway has.

    ``resume`` becomes the command or call that resumes this run, and so on.
    """
    again = f"`{resume(run, live=live)}`"
    text = advice.replace(RECONCILE, f"`{reconcile(run, live=live)}`")
    text = text.replace(SPENT_ELSEWHERE, f"`{resume(run, live=live, spent_elsewhere=True)}`")
    begins, as_far, ends = text.partition(AS_FAR_AS_CREDITS)
    if "`" not in text:
        begins = _RESUME.sub(lambda _: again, begins)
    if as_far:
        as_far = f"`{resume(run, live=live, as_far_as_credits=True)}`"
    text = _AGAIN.sub(lambda _: f"run {again}", begins + as_far + ends)
    text = text.replace("not_after (--not-after)", "not_after").replace(
        "not_after", option("not_after")
    )
    return text.replace(THE_RUN, str(run))


def _over(verb: str, where: str | Path) -> str:
    if _Language.commands:
        return f"{program()} {verb} {_quoted(where)}"
    return f"mms.{verb}({_python(where)})"


def _over_account(verb: str, run: str | Path, live: bool, **words: bool) -> str:
    given = [name for name, said in words.items() if said]
    if _Language.commands:
        flags = [option(name) for name in (["live"] if live else []) + given]
        return " ".join([program(), verb, _quoted(run), *flags])
    options = "".join(f", {name}=True" for name in given)
    # The word, not one account of the environment: there may be several.
    return f"mms.{verb}({_python(run)}, {'live' if live else 'sandbox'!r}{options})"


def _quoted(path: str | os.PathLike[str]) -> str:
    return shlex.quote(str(path))


def _python(value: Any) -> str:
    return repr(str(value)) if isinstance(value, os.PathLike) else repr(value)
