"""Every hint is complete: pasted as it stands, it runs, on the command line and in Python."""

from __future__ import annotations

import ast
import inspect
import shlex
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from mmsbatch import hints
from mmsbatch.cli import app
from mmsbatch.cli.app import COMMANDS
from mmsbatch.gateway.account import Target
from mmsbatch.reconciliation.reconcile import PATIENCE, Patience
from mmsbatch.sandbox import Sandbox

PACKAGE = Path(mms.__file__).parent
THE_SANDBOX_ITSELF = "mmsbatch sandbox"
"""By this word a sandbox gateway says what it is."""
FAULTS = {2: "close:after"}

Make = Callable[[Path, bool], str]

HINTS: dict[str, list[Make]] = {
    "resume": [
        lambda run, live: hints.resume(run, live=live),
        lambda run, live: hints.resume(run, live=live, moved=True),
        lambda run, live: hints.resume(run, live=live, spent_elsewhere=True),
    ],
    "reconcile": [
        lambda run, live: hints.reconcile(run, live=live),
        lambda run, live: hints.reconcile(run, live=live, settle="release"),
        lambda run, live: hints.reconcile(run, live=live, settle="confirm", moved=True),
    ],
    "settle": [
        lambda run, _: hints.settle(run, 2, "sent"),
        lambda run, _: hints.settle(run, 2, "resend"),
    ],
    "status": [lambda run, _: hints.status(run)],
    "results": [
        lambda run, _: hints.results(run),
        lambda run, _: hints.results(run, str(run.parent / "out put.csv")),
    ],
    "verify": [lambda run, _: hints.verify(run)],
    "audit": [lambda run, _: hints.audit(run.parent)],
    "moved": [lambda run, _: hints.moved(run.parent)],
    "forget": [lambda run, _: hints.forget("0612345699", run.parent)],
    "in_run": [
        lambda run, live: hints.in_run("buy credits, then resume", run, live=live),
        lambda run, live: hints.in_run(f"{hints.RECONCILE} looks", run, live=live),
        lambda run, live: hints.in_run(hints.SPENT_ELSEWHERE, run, live=live),
        lambda run, live: hints.in_run("run the same command again", run, live=live),
    ],
}
"""Each function that makes a hint about a run, called with its folder and whether it is live."""

OTHERS = {
    *("commands", "option", "program", "send", "sandbox", "send_saved", "show", "trial"),
    *("after_init", "jupyter", "schema", "install"),
    *("schedule", "install_schedule"),  # tried in cli/test_schedule.py
}
"""The other functions of the module; those that make hints have tests of their own below."""


@pytest.fixture(params=[True, False], ids=["live", "sandbox"])
def stage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, bool]]:
    """Make a run with a request in doubt, in a folder whose name has to be quoted."""
    live: bool = request.param
    run = tmp_path / "l'été 2026" / "noël"
    contacts = pd.DataFrame({"mobile": [f"0612345{n:03d}" for n in range(500)]})
    campaign = mms.Campaign("c", mms.Text("Bonjour"), purpose="service")
    at_once = Patience(settle_s=600.0, pause_s=0.0)
    monkeypatch.setitem(PATIENCE, Target.LIVE, at_once)  # readings of an account: 5 s apart
    plan = mms.plan(mms.prepare(contacts, phone="mobile"), campaign)
    with Sandbox(faults=FAULTS) as gateway:
        monkeypatch.setenv("MMSBATCH_URL", gateway.url)
        monkeypatch.setenv("MMSBATCH_CLIENTCODE", "demo")
        monkeypatch.setenv("MMSBATCH_PASSCODE", "demo")
        account = mms.Account.from_env("live" if live else "sandbox")
        with pytest.raises(mms.RunInDoubt):
            mms.send(plan, account, run=run, max_recipients=500, progress=False)
        yield run, live


def test_every_function_that_makes_a_hint_is_tried_here() -> None:
    """A new one without a line above is noticed."""
    made = {
        name
        for name, function in inspect.getmembers(hints, inspect.isfunction)
        if function.__module__ == hints.__name__ and not name.startswith("_")
    }
    assert made == HINTS.keys() | OTHERS


def commands_in(hint: str) -> list[str]:
    """Return what is between backticks, or the whole of it."""
    return hint.split("`")[1::2] or [hint]


@pytest.mark.parametrize("name", HINTS)
def test_a_command_runs_as_it_is_pasted(name: str, stage: tuple[Path, bool]) -> None:
    """No option is missing or unknown: it does what it says, and is not refused."""
    run, live = stage
    for make in HINTS[name]:
        with hints.commands():
            told = make(run, live)
        for command in commands_in(told):
            program, *words = shlex.split(command)
            done = CliRunner().invoke(app, words)
            assert program == "mmsbatch"
            if done.exit_code == 2:  # a second verdict finds no doubt any more
                assert "not in doubt" in done.stderr, (command, done.stderr)
            else:
                assert done.exit_code in {0, 1, 3, 4}, (command, done.output)


@pytest.mark.parametrize("name", HINTS)
def test_a_call_runs_as_it_is_pasted(name: str, stage: tuple[Path, bool]) -> None:
    """In a notebook in which `import mmsbatch as mms` was run."""
    run, live = stage
    for make in HINTS[name]:
        for call in commands_in(make(run, live)):
            assert call.startswith("mms.")
            refused = _refused(call)
            assert not refused or "not in doubt" in refused  # a second verdict finds no doubt


def _refused(call: str) -> str:
    """Run a call; return why it was refused, if it was."""
    try:
        eval(call, {"mms": mms})  # noqa: S307  (made by this package)
    except (mms.RunInDoubt, mms.RunStopped):
        return ""
    except mms.InputError as error:
        return str(error)
    return ""


def test_the_command_that_sends_what_was_planned(tmp_path: Path) -> None:
    """`plan` ends with it."""
    people = tmp_path / "les gens.csv"
    people.write_text("mobile\n0639980012\n0639980013\n")
    campaign = tmp_path / "c.toml"
    campaign.write_text('name = "Noël 2026"\nkind = "text"\nmessage = "Bonjour"\n')
    words = ["plan", str(people), "--campaign", str(campaign), "--phone", "mobile"]
    shown = CliRunner().invoke(app, [*words, "--separator", ";"])
    command = shown.stdout.splitlines()[-1].removeprefix("next").strip()
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path)
        done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert mms.status(tmp_path / "data" / "runs" / "Noël-2026").outcomes == {"accepted": 2}


def test_the_live_command_that_sends_what_was_planned(stage: tuple[Path, bool]) -> None:
    """With the word and the fingerprint: nothing has to be looked up."""
    run, live = stage
    people = run.parent / "gens.csv"
    people.write_text("mobile\n0612345678\n0612345679\n")
    campaign = run.parent / "c.toml"
    campaign.write_text('name = "c"\nkind = "text"\nmessage = "Bonjour"\npurpose = "service"\n')
    words = ["plan", str(people), "--campaign", str(campaign), *(["--live"] if live else [])]
    shown = CliRunner().invoke(app, words)
    command = shown.stdout.splitlines()[-1].removeprefix("next").strip()
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(run.parent)
        done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert mms.status(run.parent / "data" / "runs" / "c").target == ("live" if live else "sandbox")


def test_the_sandbox_is_a_command_that_exists() -> None:
    """It runs until Ctrl-C, so only its options are read."""
    done = CliRunner().invoke(app, [*shlex.split(hints.sandbox())[1:], "--help"])
    assert done.exit_code == 0


@pytest.mark.parametrize("on_the_command_line", [True, False])
def test_an_option_is_named_as_it_is_written(on_the_command_line: bool) -> None:
    """A flag and its value, or a keyword and its value."""
    with hints.commands() if on_the_command_line else nullcontext():
        names = [
            hints.option("not_after"),
            hints.option("phone", "a b"),
            hints.option("again", True),
        ]
    written = ["--not-after", "--phone 'a b'", "--again"]
    assert names == (written if on_the_command_line else ["not_after", "phone='a b'", "again=True"])


def texts_of(path: Path) -> Iterator[str]:
    """Return the texts in a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_no_other_module_makes_a_hint() -> None:
    """One that is written where it is needed is soon incomplete."""
    verbs = [f"mmsbatch {name}" for name in COMMANDS] + [f"mms.{name}(" for name in HINTS]
    found = [
        (path.name, text)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "hints.py"
        for text in texts_of(path)
        if any(verb in text for verb in verbs) and text != THE_SANDBOX_ITSELF
    ]
    assert not found
