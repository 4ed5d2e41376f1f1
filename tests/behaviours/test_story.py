"""The story as a user lives it: consent, a personal text, a stop, a copy, and both resumed."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import mmsbatch as mms
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox


def call(*words: object) -> Result:
    """Run a command as from a shell."""
    return CliRunner().invoke(app, [*map(str, words)])


def test_nobody_stands_twice_in_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped half way, restored on a server, resumed on both, then sent under another name."""
    export, campaign = mms.sample("crm.csv"), mms.sample("soldes.toml")
    runs, server = tmp_path / "runs", tmp_path / "server" / "runs"
    send = ("send", export, "--phone", "mobile", "--campaign", campaign, "--run")
    with Sandbox(faults={400: "credits:0"}) as gateway:
        monkeypatch.setenv("MMSBATCH_URL", gateway.url)
        planned = json.loads(call(*("plan", *send[1:-1]), "--json").stdout)
        stopped = call(*send, runs / "soldes")
        assert stopped.exit_code == 4
        assert "buy credits, then `mmsbatch resume" in stopped.stdout

        shutil.copytree(runs, server)
        gateway.credits += 100_000
        assert call("resume", server / "soldes").exit_code == 2
        assert call("resume", runs / "soldes").exit_code == 0
        assert call("resume", server / "soldes").exit_code == 2
        again = call(*send, runs / "soldees")
        assert again.exit_code == 2
        assert f"run {runs / 'soldes'} has begun this very plan" in again.stderr
        ledger = Counter(f"+{delivery.number}" for delivery in gateway.ledger)

    assert set(ledger.values()) == {1}
    assert len(ledger) == planned["recipients"]
    results = mms.results(runs / "soldes")
    assert set(ledger) == set(results.loc[results["mms_outcome"] == "accepted", "mms_e164"])
    said_no = results.loc[results["optin_sms"] == "non", "mms_e164"].dropna()
    assert not set(said_no) & set(ledger)
    agreed = results.loc[results["mms_e164"].isin(set(ledger)), "optin_sms"]
    assert pd.Series(agreed).isin(["Oui", "oui", "1"]).any()
    assert mms.verify(runs / "soldes").holds
