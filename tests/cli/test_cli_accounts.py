"""The commands with MMSBATCH_ACCOUNTS set: they take all accounts of the file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from account_helpers import PASSCODES, claims, delivered, ledger, two_accounts
from conftest import SERVICE, fictional
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox of two accounts, and the file that names both."""
    file = tmp_path / "accounts.toml"
    tables = (
        f'[[account]]\nclientcode = "{login}"\npasscode = "{passcode}"\n'
        for login, passcode in PASSCODES.items()
    )
    file.write_text("".join(tables))
    file.chmod(0o600)
    with two_accounts(north=200, faults={3: "process:none,close:after"}) as sandbox:
        monkeypatch.setenv("MMSBATCH_ACCOUNTS", str(file))
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        yield sandbox


def command(*words: str, exit_code: int = 0) -> dict[str, Any]:
    """Run a command, and return what it prints as JSON."""
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == exit_code, done.output
    assert not any(passcode in done.output for passcode in PASSCODES.values())
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_account_lists_each(accounts: Sandbox) -> None:
    """With its credits; --login asks about one."""
    assert command("account")["accounts"] == [
        {"login": login, "status": 300, "status_text": "Compte actif", "active": True,
         "credits": left}
        for login, left in (("north", 200), ("south", 100_000))
    ]  # fmt: skip
    assert command("account", "--login", "south")["credits"] == 100_000
    text = CliRunner().invoke(app, ["account"]).stdout
    assert re.findall(r"^(\w+) at http://\S+: 300 Compte actif$", text, re.MULTILINE) == [
        "north",
        "south",
    ]


def test_an_account_that_is_refused_is_named_and_the_exit_code_says_so(
    accounts: Sandbox, tmp_path: Path
) -> None:
    """The others are listed all the same."""
    file = tmp_path / "accounts.toml"
    file.write_text(file.read_text().replace(PASSCODES["north"], "wrong"))
    told = command("account", exit_code=4)["accounts"]
    assert [(one["login"], one["active"]) for one in told] == [("north", False), ("south", True)]


def test_a_campaign_from_send_to_done(accounts: Sandbox, tmp_path: Path) -> None:
    """`send` leaves one in doubt, `reconcile` releases it, `resume` sends the rest."""
    contacts = tmp_path / "people.csv"
    pd.DataFrame({"mobile": fictional(1500)}).to_csv(contacts, index=False)
    run = tmp_path / "runs" / "noel"
    send = ["send", str(contacts), "--phone", "mobile", "--campaign", str(SERVICE)]
    assert command(*send, "--run", str(run), exit_code=3)["outcomes"]["in_doubt"] == 200
    looked = command("reconcile", str(run), "--release", exit_code=4)
    assert looked["verdict"] == "resend"
    done = CliRunner().invoke(app, ["resume", str(run)])
    assert done.exit_code == 0, done.output
    assert "account north took no more requests, and the others went on" in done.stderr
    assert set(ledger(accounts).values()) == {1}
    assert ledger(accounts).total() == 1500
    assert delivered(accounts)["north"] <= 200
    assert set(claims(run)) == {"north", "south"}
    told = command("status", str(run))["accounts"]
    assert told["north"]["credits"] == 0
    assert told["north"]["refused"] == "the account has no credits left"
    assert told["south"]["refused"] is None
    shown = CliRunner().invoke(app, ["status", str(run)]).stdout
    assert "accounts" in shown
    assert mms.verify(run).holds


def test_a_file_that_others_can_read_sends_nothing(accounts: Sandbox, tmp_path: Path) -> None:
    """Exit code 2, with the command that mends it."""
    (tmp_path / "accounts.toml").chmod(0o644)
    contacts = tmp_path / "people.csv"
    contacts.write_text("mobile\n0639980001\n")
    run = tmp_path / "runs" / "noel"
    words = ["send", str(contacts), "--campaign", str(SERVICE), "--run", str(run)]
    assert "chmod 600" in command(*words, exit_code=2)["error"]["message"]
    assert not run.exists()
    assert not accounts.requests


def test_the_words_take_all_accounts_in_python_too(
    accounts: Sandbox, tmp_path: Path, run: Path
) -> None:
    """As hints print them."""
    prepared = mms.prepare(pd.DataFrame({"m": fictional(100)}), phone="m", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("c", mms.Text("Bonjour")), chunk_size=50)
    found = mms.estimate(plan, "sandbox", run=run)
    assert found.credits == 100_200
    assert found.to_json()["accounts"] == {"north": 200, "south": 100_000}
    assert "north 200, south 100,000" in repr(found)
    mms.send(plan, "sandbox", run=run)
    assert claims(run) == {"north": 1, "south": 1}


def test_a_sandbox_of_several_accounts_is_started(tmp_path: Path) -> None:
    """And speaks to each of them."""
    words = ["sandbox", "--port", "0", "--json", "--account", "north:a:b:500"]
    run = [sys.executable, "-m", "mmsbatch", *words]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        accounts = [
            mms.Account("demo", "demo", url, target="sandbox"),
            mms.Account("north", "a:b", url, target="sandbox"),
        ]
        prepared = mms.prepare(pd.DataFrame({"m": fictional(5)}), phone="m", fictional=True)
        plan = mms.plan(prepared, mms.Campaign("c", mms.Text("Bonjour")))
        found = mms.estimate(plan, accounts=accounts, run=tmp_path / "r")
        process.terminate()
    assert found.credits == 100_500


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["north"], "LOGIN:PASSCODE:CREDITS"),
        (["north:pass"], "LOGIN:PASSCODE:CREDITS"),
        (["north:pass:many"], "LOGIN:PASSCODE:CREDITS"),
        (["north::5"], "LOGIN:PASSCODE:CREDITS"),
        (["north:a:5", "north:b:5"], "north is given twice"),
        (["demo:a:5"], "demo is given twice"),
    ],
)
def test_an_account_that_cannot_be_read_is_named(given: list[str], told: str) -> None:
    """Without what may be its passcode."""
    words = ["sandbox", "--port", "0", *(word for one in given for word in ("--account", one))]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert told in done.stderr
