"""The plan that was just sent, under another name: refused, unless it is meant."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, fictional, planned
from mmsbatch import times
from mmsbatch.cli import app
from mmsbatch.errors import PlanError
from mmsbatch.sandbox import Sandbox, SandboxOptions


def test_another_name_for_the_same_plan_is_refused(sandbox: Sandbox, run: Path) -> None:
    """It names the run, says how to go on with it, and nothing is made or sent."""
    account = account_at(sandbox)
    mms.send(planned(300), account, run=run, progress=False)
    with pytest.raises(PlanError, match=rf"run {run} has begun this very plan.*again=True"):
        mms.send(planned(300), account, run=run.with_name("noell"), progress=False)
    assert not run.with_name("noell").exists()
    assert len(sandbox.ledger) == 300


def test_it_can_be_meant_and_is_recorded(sandbox: Sandbox, run: Path) -> None:
    """The journal says of which run it is a repeat."""
    account = account_at(sandbox)
    mms.send(planned(3), account, run=run, progress=False)
    other = run.with_name("again")
    mms.send(planned(3), account, run=other, again=True, progress=False)
    assert len(sandbox.ledger) == 6
    assert sorted(mms.audit(run.parent)["run"]) == ["again", "noel"]
    with closing(
        sqlite3.connect(f"file:{other / 'journal.sqlite'}?mode=ro", uri=True)
    ) as connection:
        (opened,) = connection.execute("SELECT data FROM facts WHERE seq = 1").fetchone()
    assert json.loads(opened)["again"] == "noel"


def test_another_plan_the_same_run_and_a_day_later_are_not_asked(
    sandbox: Sandbox, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number more is another plan; the same name goes on; tomorrow is another send."""
    account = account_at(sandbox)
    mms.send(planned(3), account, run=run, progress=False)
    mms.send(planned(4), account, run=run.with_name("four"), progress=False)
    mms.send(planned(3), account, run=run, progress=False)
    begun = datetime.now(UTC)
    monkeypatch.setattr(times, "utc_now", lambda: begun + timedelta(hours=19, minutes=59))
    with pytest.raises(PlanError, match="begun this very plan"):
        mms.send(planned(3), account, run=run.with_name("later"), progress=False)
    monkeypatch.setattr(times, "utc_now", lambda: begun + timedelta(hours=20, minutes=1))
    mms.send(planned(3), account, run=run.with_name("later"), progress=False)
    assert len(sandbox.ledger) == 10


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        ("daily-2026-11-26", "daily-2026-11-27", False),
        ("weekly-2026-W47", "weekly-2026-W48", False),
        ("jour-20261126", "jour-20261127", False),
        ("le-26-11-2026", "le-27-11-2026", False),
        ("mois-2026-11", "mois-2026-12", False),
        ("daily-2026-11-26", "dailly-2026-11-26", True),
        ("daily-2026-11-26", "other-2026-11-27", True),
        ("noel-2026", "noel-2027", True),
        ("noel-1", "noel-2", True),
        ("lot-1000001", "lot-1000002", True),
    ],
)
def test_runs_named_by_another_date_are_not_asked(
    first: str, second: str, asked: bool, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A daily reminder to the same people is another day's; one digit more is not."""
    account = account_at(sandbox)
    mms.send(planned(2), account, run=tmp_path / first, progress=False)
    try:
        mms.send(planned(2), account, run=tmp_path / second, progress=False)
    except PlanError:
        assert asked
    else:
        assert not asked


def test_what_was_tried_on_the_sandbox_is_sent_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody got the trial. Live, the second name is refused, and the hint has its --live."""
    contacts = tmp_path / "people.csv"
    contacts.write_text("mobile\n" + "\n".join(f"06123456{n:02d}" for n in range(10)))
    campaign = tmp_path / "c.toml"
    campaign.write_text('name = "c"\nkind = "text"\nmessage = "Bonjour"\npurpose = "service"\n')
    words = ["send", str(contacts), "--phone", "mobile", "--campaign", str(campaign)]
    runner = CliRunner()
    with Sandbox() as gateway:
        monkeypatch.setenv("MMSBATCH_URL", gateway.url)
        monkeypatch.setenv("MMSBATCH_CLIENTCODE", "demo")
        monkeypatch.setenv("MMSBATCH_PASSCODE", "demo")
        assert runner.invoke(app, [*words, "--run", str(tmp_path / "trial")]).exit_code == 0
        live = [*words, "--live", "--max-recipients", "10", "--run"]
        assert runner.invoke(app, [*live, str(tmp_path / "real")]).exit_code == 0
        refused = runner.invoke(app, [*live, str(tmp_path / "real2")])
        assert refused.exit_code == 2
        assert f"mmsbatch resume {tmp_path / 'real'} --live`" in refused.stderr
        assert "add --again" in refused.stderr
        assert len(gateway.ledger) == 20
        assert runner.invoke(app, [*live, str(tmp_path / "real2"), "--again"]).exit_code == 0


SENDS = """
import sys, pandas as pd, mmsbatch as mms
contacts = pd.DataFrame({"mobile": sys.argv[3].split(",")})
plan = mms.plan(mms.prepare(contacts, phone="mobile", fictional=True),
                mms.Campaign("c", mms.Text("Bonjour")))
account = mms.Account("demo", "demo", sys.argv[2], target="sandbox")
try:
    mms.send(plan, account, run=sys.argv[1], progress=False)
except mms.PlanError:
    sys.exit(2)
"""


def test_processes_that_begin_it_at_once_under_several_names(tmp_path: Path) -> None:
    """One of them sends; the others see it, whatever the order."""
    people = fictional(20)
    with Sandbox(options=SandboxOptions(latency_ms=20)) as sandbox:
        senders = [
            subprocess.Popen(
                [
                    *(sys.executable, "-c", SENDS),
                    *(str(tmp_path / "runs" / f"run{n}"), sandbox.url, ",".join(people)),
                ]
            )
            for n in range(3)
        ]
        codes = sorted(sender.wait() for sender in senders)
        assert codes == [0, 2, 2]
        assert len(sandbox.ledger) == len(people)
