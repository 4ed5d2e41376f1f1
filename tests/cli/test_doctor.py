"""What keeps a machine from sending is found before anything is sent, each with what to do."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from mmsbatch import doctor
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox, SandboxOptions


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMSBATCH_GATEWAY", str(tmp_path / "gateway.toml"))
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return tmp_path


def at(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)


def found(*words: str, code: int = 0) -> dict[str, dict[str, str]]:
    """Return the findings by name."""
    done = CliRunner().invoke(app, ["doctor", *words, "--json"])
    assert done.exit_code == code, done.output
    return {one["name"]: one for one in json.loads(done.stdout)["findings"]}


def test_a_machine_that_is_ready_is_said_to_be(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, and nothing is written."""
    at(sandbox, monkeypatch)
    told = found()
    assert {one["word"] for one in told.values()} == {"good"}
    assert told["account"]["found"] == "demo: 300 Compte actif, 100,000 credits"
    assert sandbox.requests == ()
    assert not Path("data").exists()
    shown = CliRunner().invoke(app, ["doctor"]).stdout
    assert "good time zone in Paris it is" in " ".join(shown.split())


def finding(told: dict[str, dict[str, str]], name: str) -> tuple[str, str]:
    assert told[name]["what_to_do"]
    return told[name]["word"], told[name]["found"]


def test_an_account_that_cannot_send_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(options=SandboxOptions(credits=0)) as empty:
        at(empty, monkeypatch)
        word, told = finding(found(code=2), "account")
        assert (word, "0 credits" in told) == ("bad", True)
        monkeypatch.setenv("MMSBATCH_PASSCODE", "wrong")
        assert finding(found(code=2), "account")[0] == "bad"
    assert finding(found(code=2), "account")[0] == "bad"  # nobody answers there now
    monkeypatch.delenv("MMSBATCH_URL")
    monkeypatch.delenv("MMSBATCH_CLIENTCODE")
    word, told = finding(found("--live", code=2), "account")
    assert (word, "MMSBATCH_CLIENTCODE" in told) == ("bad", True)


def test_a_clock_that_is_wrong_is_bad(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the date that the gateway's server says."""
    at(sandbox, monkeypatch)
    monkeypatch.setattr(doctor, "clock_of", lambda _: datetime(2020, 1, 1, tzinfo=UTC))
    word, told = finding(found(code=2), "clock")
    assert (word, "before the gateway's server" in told) == ("bad", True)


def test_settings_disk_folder_and_proxy_are_looked_at(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    at(sandbox, monkeypatch)
    (place / "gateway.toml").write_text("[sandbox]\nencoding = 'ebcdic'\n", encoding="utf-8")
    assert finding(found(code=2), "settings")[0] == "bad"
    (place / "gateway.toml").write_text("[sandbox]\nencoding = 'cp1252'\n", encoding="utf-8")
    assert found()["settings"]["found"] == "encoding cp1252"
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    assert finding(found(), "proxy")[0] == "look"
    full = SimpleNamespace(total=9, used=9, free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert finding(found(), "disk")[0] == "look"
    monkeypatch.setattr(doctor, "network_file_system", lambda _: "nfs4")
    word, told = finding(found(code=2), "runs")
    assert (word, "nfs4" in told) == ("bad", True)
    if os.geteuid():
        (place / "closed").mkdir(mode=0o500)
        assert finding(found("--runs", "closed/runs", code=2), "runs")[0] == "bad"


def test_people_are_not_written_to_before_a_trial(monkeypatch: Any) -> None:
    """How the gateway reads accents is not known, and the hours are those for people."""
    monkeypatch.setenv("MMSBATCH_HOURS", "default")
    told = found("--live", code=2)
    word, settings = finding(told, "settings")
    assert (word, "accents" in settings) == ("look", True)
    assert told["hours"]["word"] in {"good", "look"}
