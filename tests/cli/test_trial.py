"""The first contact: what a phone shows is written down, and every later command goes by it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import mmsbatch as mms
from conftest import fictional
from mmsbatch.cli import app, trial
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.trial import TEXT

TO = "06 39 98 00 01"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in (("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)
    monkeypatch.setenv("MMSBATCH_GATEWAY", str(tmp_path / "gateway.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gateway(
    monkeypatch: pytest.MonkeyPatch, faults: dict[int, str] | None = None, **options: Any
) -> Sandbox:
    sandbox = Sandbox(faults=faults or {}, options=SandboxOptions(**options))
    monkeypatch.setenv("MMSBATCH_URL", sandbox.__enter__().url)
    return sandbox


def call(*words: str, **options: Any) -> Result:
    return CliRunner().invoke(app, [*words], **options)


@pytest.mark.parametrize(
    ("options", "accents", "lines"),
    [
        ({}, "right", "two"),
        ({"charset": "cp1252", "newline": "literal"}, "wrong", "one"),
        ({"charset": "cp1252", "newline": "lf"}, "wrong", "two"),
    ],
)
def test_a_second_trial_shows_the_text_as_it_is(
    options: dict[str, Any], accents: str, lines: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so does a campaign after it, whose file says nothing of all this."""
    with gateway(monkeypatch, **options) as sandbox:
        first = call("trial", "--to", TO, "--accents", accents, "--lines", lines)
        assert first.exit_code == 0, first.output
        assert (sandbox.ledger[0].message == TEXT) is (accents == "right")
        second = call(
            "trial", "--to", TO, "--run", "second", "--accents", "right", "--lines", "two"
        )
        assert second.exit_code == 0, second.output
        assert sandbox.ledger[1].message == TEXT
        (place / "crm.csv").write_text(f"mobile\n{fictional(1, 5)[0]}\n", encoding="utf-8")
        campaign = 'name = "c"\nkind = "text"\nmessage = "Été\\nœuf"\n'
        (place / "c.toml").write_text(campaign, encoding="utf-8")
        done = call("send", "crm.csv", "--campaign", "c.toml", "--run", "third")
        assert done.exit_code == 0, done.output
        assert sandbox.ledger[2].message == "Été\nœuf"
        assert len(sandbox.ledger) == 3
    assert mms.verify("third").holds


def test_without_an_answer_it_says_what_to_look_for(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it prints to run next sends nothing again."""
    with gateway(monkeypatch) as sandbox:
        told = call("trial", "--to", TO)
        assert told.exit_code == 0, told.output
        assert "wrong: other characters stand in their place" in told.output
        assert not (place / "gateway.toml").exists()
        line = next(line for line in told.output.splitlines() if line.startswith("next"))
        again = call(*shlex.split(line.split("mmsbatch ")[1]))
        assert again.exit_code == 0, again.output
        assert len(sandbox.ledger) == 1
    assert (place / "gateway.toml").read_text(encoding="utf-8").splitlines()[2:] == [
        "[sandbox]",
        'encoding = "utf-8"',
        'newline = "lf"',
    ]


def test_it_says_the_same_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    with gateway(monkeypatch):
        words = ["trial", "--to", TO, "--accents", "wrong", "--lines", "backslash", "--json"]
        said = json.loads(call(*words).stdout)
    assert said["readings"] == {"encoding": "cp1252", "newline": "lf"}
    assert said["outcomes"] == {"accepted": 1}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "0145678901"], "--to is not one French mobile number (landline): give your own"),
        (["--to", TO, "--accents", "good"], "--accents must be right, wrong, found 'good'"),
        (["--to", TO, "--lines", "too"], "--lines must be two, one, backslash, found 'too'. Did"),
    ],
)
def test_what_is_no_answer_is_refused(
    words: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway(monkeypatch) as sandbox:
        done = call("trial", *words)
        assert (done.exit_code, sandbox.ledger) == (2, ())
    assert told in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[live", "gateway.toml cannot be read"),
        (
            '[sandbox]\nencodin = "utf-8"',
            "unknown key 'encodin'; there are encoding, newline",
        ),
        ('[sandbox]\nnewline = "crlf"', "newline must be 'lf' or 'literal', found 'crlf'"),
        ("[sandbox]\nprefixes = [8]", "prefixes must be a list of"),
        ("[sandbox]\nread_timeout_s = 0", "read_timeout_s must be above 0 and at most 600"),
        ("[people]", "'people' is no table of it"),
    ],
)
def test_a_file_that_says_something_else_is_named(text: str, told: str, place: Path) -> None:
    (place / "gateway.toml").write_text(text, encoding="utf-8")
    (place / "c.toml").write_text('name = "c"\nkind = "text"\nmessage = "m"\n', encoding="utf-8")
    done = call("plan", "crm.csv", "--campaign", "c.toml")
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_person_is_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is none is asked for again."""
    monkeypatch.setattr(trial, "_can_be_asked", lambda: True)
    with gateway(monkeypatch, charset="cp1252"):
        done = call("trial", "--to", TO, input="blue\nwrong\ntwo\n")
    assert done.exit_code == 0, done.output
    assert 'encoding = "cp1252"' in (place / "gateway.toml").read_text(encoding="utf-8")


def test_what_a_person_has_set_is_found_and_kept(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time-outs and prefixes by hand, in every later command; a trial leaves them alone."""
    (place / "gateway.toml").write_text(
        '[sandbox]\nprefixes = ["6"]\nread_timeout_s = 0.5\n', encoding="utf-8"
    )
    (place / "crm.csv").write_text("mobile\n0639980001\n0712345678\n", encoding="utf-8")
    (place / "c.toml").write_text('name = "c"\nkind = "text"\nmessage = "m"\n', encoding="utf-8")
    words = ["send", "crm.csv", "--campaign", "c.toml", "--run", "first"]
    with gateway(monkeypatch, faults={1: "stall"}) as sandbox:
        done = call(*words)
        sandbox.release()
    assert done.exit_code == 3, done.output
    assert "did not come within" in done.output or "timed out" in done.output
    assert mms.status("first").outcomes == {"in_doubt": 1, "invalid": 1}
    assert mms.verify("first").holds
    with gateway(monkeypatch) as sandbox:
        assert call("trial", "--to", TO, "--accents", "right", "--lines", "two").exit_code == 0
    kept = (place / "gateway.toml").read_text(encoding="utf-8")
    assert 'prefixes = ["6"]\nread_timeout_s = 0.5\nencoding = "utf-8"' in kept
