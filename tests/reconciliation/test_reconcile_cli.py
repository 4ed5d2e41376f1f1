"""`mmsbatch reconcile` as its users call it: what it prints, how it exits, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A gateway that loses the answer to the second request of whoever comes."""
    fault = getattr(request, "param", "process:none,close:after")
    with Sandbox(faults={2: fault}) as running:
        monkeypatch.setenv("MMSBATCH_URL", running.url)
        yield running


@pytest.fixture
def doubtful(sandbox: Sandbox, run: Path) -> Path:
    """A run whose second of three requests is in doubt."""
    with suppress(mms.RunInDoubt):
        mms.send(planned(500), account_at(sandbox), run=run)
    return run


def test_a_look_prints_the_finding_the_evidence_and_the_next_command(doubtful: Path) -> None:
    """Exit code 3: the rows are still in doubt."""
    result = call("reconcile", doubtful)
    assert 3 == result.exit_code
    for words in (
        "in doubt   request 2: 200 recipients",
        "finding    not sent: no credits were taken",
        "yes  1 credits a recipient, as this run shows",
        f"next       `mmsbatch reconcile {doubtful} --release`, then `mmsbatch resume {doubtful}`",
    ):
        assert words in result.stdout


def test_release_and_resume_finish_the_run(doubtful: Path, sandbox: Sandbox) -> None:
    """4 while there is something to send, 0 when it is done; nobody gets it twice."""
    released = call("reconcile", doubtful, "--release", "--json")
    assert 4 == released.exit_code
    figures = json.loads(released.stdout)
    assert ("resend", [2], f"mmsbatch resume {doubtful}") == (
        figures["verdict"],
        figures["settled"],
        figures["what_to_do"],
    )
    assert ("not_sent", 99_800, 99_800) == tuple(
        figures["finding"][name] for name in ("shown", "balance_before", "balance_now")
    )
    assert {"accepted": 200, "pending": 300} == figures["run"]["outcomes"]
    assert figures["run"] == json.loads(call("status", doubtful, "--json").stdout)
    assert 0 == call("resume", doubtful).exit_code
    assert 500 == len({delivery.number for delivery in sandbox.ledger}) == len(sandbox.ledger)


@pytest.mark.parametrize("sandbox", ["close:after"], indirect=True)
def test_confirm_sent_finishes_a_run_that_was_all_sent(doubtful: Path, sandbox: Sandbox) -> None:
    """Exit code 0: every sendable row has an outcome somebody vouches for."""
    assert 3 == call("resume", doubtful).exit_code
    assert "--confirm-sent" in call("reconcile", doubtful).stdout
    confirmed = call("reconcile", doubtful, "--confirm-sent")
    assert 0 == confirmed.exit_code
    assert "settled    request 2: settled as sent" in confirmed.stdout
    assert 0 == call("status", doubtful).exit_code
    assert 0 == call("resume", doubtful).exit_code
    assert 500 == len(sandbox.ledger)


@pytest.mark.parametrize("sandbox", ["process:70,close:after"], indirect=True)
def test_a_part_needs_a_person(doubtful: Path, sandbox: Sandbox) -> None:
    """Neither flag settles it; the verdict, with a note, does."""
    both = call("reconcile", doubtful, "--release", "--confirm-sent")
    assert 3 == both.exit_code
    assert "partly sent: the credits of 70 of 200 recipients" in both.stdout
    for verdict in ("sent", "resend"):
        said = f"--request 2 --verdict {verdict} --note 'how you know'"
        assert f"`mmsbatch reconcile {doubtful} {said}`" in both.stdout
    words = ("--verdict", "sent", "--request", "2", "--note", "seen in the back office", "--json")
    settled = call("reconcile", doubtful, *words)
    assert (4, None) == (settled.exit_code, json.loads(settled.stdout)["finding"])
    assert 0 == call("resume", doubtful).exit_code
    assert 370 == len(sandbox.ledger)


def test_with_nothing_in_doubt_it_says_so(sandbox: Sandbox, run: Path) -> None:
    """And exits as the run stands."""
    mms.send(planned(100), account_at(sandbox), run=run)
    result = call("reconcile", run, "--release")
    assert 0 == result.exit_code
    assert "no request of this run is in doubt" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--verdict", "sent"], "--verdict needs --request N and --note"),
        (["--verdict", "sent", "--request", "2"], "--verdict needs --request N and --note"),
        (["--verdict", "sent", "--note", "x"], "--verdict needs --request N and --note"),
        (["--request", "2"], "--request needs --verdict"),
        (["--request", "2", "--note", "x"], "--request and --note need --verdict"),
        (["--note", "x", "--release"], "--note needs --verdict"),
        (
            ["--verdict", "resend", "--request", "2", "--note", "x", "--release"],
            "give one or the other",
        ),
        (
            ["--verdict", "sent", "--request", "2", "--note", "x", "--confirm-sent"],
            "give one or the other",
        ),
        (["--verdict", "sen", "--request", "2", "--note", "x"], "Did you mean 'sent'?"),
        (["--verdict", "sent", "--request", "2", "--note", " "], "a verdict needs a note"),
        (["--verdict", "sent", "--request", "1", "--note", "x"], "request 1 is accepted"),
        (["--verdict", "sent", "--request", "9", "--note", "x"], "there is no request 9"),
    ],
)
def test_what_does_not_go_together_is_refused(
    doubtful: Path, words: list[str], message: str
) -> None:
    """Exit code 2, a message that says what to do, and nothing recorded."""
    before = (doubtful / "results.parquet").read_bytes()
    result = call("reconcile", doubtful, *words)
    assert (2, "") == (result.exit_code, result.stdout)
    assert message in result.stderr
    assert 200 == mms.status(doubtful).outcomes["in_doubt"]
    assert before == (doubtful / "results.parquet").read_bytes()


def test_a_sandbox_run_is_not_reconciled_live(
    doubtful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its credits are another account's."""
    monkeypatch.setenv("MMSBATCH_CLIENTCODE", "demo")
    monkeypatch.setenv("MMSBATCH_PASSCODE", "demo")
    result = call("reconcile", doubtful, "--live")
    assert 2 == result.exit_code
    assert f"To go on with it: `mmsbatch resume {doubtful}`" in result.stderr
    assert f"To send the same to people: --run {doubtful}-live" in result.stderr


def test_a_folder_without_a_run_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    """Exit code 2."""
    result = call("reconcile", tmp_path / "nothing")
    assert 2 == result.exit_code
    assert "does not exist" in result.stderr
