"""The command line holds contacts against the runs beside the one that is planned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from conftest import fictional
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox


@pytest.fixture(autouse=True)
def place(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)
    monkeypatch.chdir(tmp_path)
    for name, rows in (("one.csv", 3), ("two.csv", 5)):
        (tmp_path / name).write_text("mobile\n" + "\n".join(fictional(rows)), encoding="utf-8")
    for name in ("noel", "soldes"):
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\nkind = "text"\nmessage = "Bonjour"\n', encoding="utf-8"
        )
    return tmp_path


def call(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_who_was_contacted_lately_is_left_out(sandbox: Sandbox) -> None:
    """What the plan prints as the next command sends just that; again, it repeats nothing."""
    call("send", "one.csv", "--campaign", "noel.toml", "--run", "data/runs/noel")
    words = ["two.csv", "--campaign", "soldes.toml", "--not-contacted-within", "7"]
    plan = call("plan", *words)
    assert plan["problems"] == {"too_soon": 3}
    shown = CliRunner().invoke(app, ["plan", *words]).stdout
    assert "--not-contacted-within 7" in shown.split("next")[1]
    for _ in range(2):
        done = call("send", *words, "--run", "data/runs/soldes")
        assert done["outcomes"] == {"accepted": 2, "suppressed": 3}
        assert done["fingerprint"] == plan["fingerprint"]
    assert len(sandbox.ledger) == 5


def test_runs_elsewhere_are_looked_at_if_asked_for() -> None:
    call("send", "one.csv", "--campaign", "noel.toml", "--run", "elsewhere/noel")
    words = ["two.csv", "--campaign", "soldes.toml", "--not-contacted-within", "7"]
    (Path("data/runs")).mkdir(parents=True)
    assert call("plan", *words)["problems"] == {}
    assert call("plan", *words, "--past-runs", "elsewhere")["problems"] == {"too_soon": 3}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--not-contacted-within", "0"], "must be 1 or more, found 0"),
        (["--rejected-before", "1", "--past-runs", "none"], "none does not exist"),
        (["--past-runs", "none"], "--past-runs needs --not-contacted-within or --rejected-before"),
    ],
)
def test_a_rule_that_is_none_is_refused(words: list[str], told: str) -> None:
    Path("data/runs").mkdir(parents=True)
    said = call("plan", "two.csv", "--campaign", "soldes.toml", *words, code=2)
    assert told in said["error"]["message"]
