"""A canary: the first few get it, somebody looks, then the others do."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.cli import app
from mmsbatch.errors import PlanError
from mmsbatch.sandbox import Sandbox


def planned(rows: int = 600, **options: Any) -> mms.Plan:
    """Two texts, and a row in ten that cannot be sent."""
    numbers = [number if row % 10 else "" for row, number in enumerate(fictional(rows))]
    contacts = pd.DataFrame({"mobile": numbers, "ville": ["Nice", "Pau"] * (rows // 2)})
    prepared = mms.prepare(contacts, phone="mobile", fictional=True)
    return mms.plan(prepared, mms.Campaign("noel", mms.Text("À {{ ville }}")), **options)


@pytest.mark.parametrize("part_rows", [1_000_000, 250])
def test_the_first_rows_have_requests_of_their_own(part_rows: int) -> None:
    """Whatever they say; all rows are in the plan once, as without a canary."""
    plan, usual = planned(canary=25, part_rows=part_rows), planned(part_rows=part_rows)
    last = plan.last_within(25)
    canary = [number for n in range(1, last + 1) for number in plan.request(n).numbers]
    sendable = plan.rows.loc[plan.rows["mms_request"].notna(), "mms_e164"].tolist()
    assert sorted(canary) == sorted(sendable[:25])
    assert plan.recipients == usual.recipients
    assert Counter(number for one in plan for number in one.numbers) == Counter(sendable)
    assert plan.fingerprint != usual.fingerprint
    assert planned(canary=10_000, part_rows=part_rows).last_within(10_000) > 0


@pytest.mark.parametrize("workers", [1, 4])
def test_a_run_stops_behind_its_canary_and_resumes(
    workers: int, sandbox: Sandbox, run: Path
) -> None:
    plan = planned(canary=25)
    for _ in range(2):  # the same call again sends nobody more
        with pytest.raises(mms.RunStopped, match=r"the canary is sent: the first 25 recipients\."):
            mms.send(plan, account_at(sandbox), run=run, canary=25, workers=workers)
        assert len(sandbox.ledger) == 25
    first = {f"+{one.number}" for one in sandbox.ledger}
    sendable = plan.rows.loc[plan.rows["mms_request"].notna(), "mms_e164"]
    assert first == set(sendable[:25])
    assert "resume" in mms.status(run).to_json()["stopped"]["what_to_do"]
    results = mms.resume(run, account_at(sandbox), workers=workers)
    assert mms.summary(results).outcomes == {"accepted": 540, "invalid": 60}
    assert len({one.number for one in sandbox.ledger}) == len(sandbox.ledger) == 540
    assert mms.verify(run).holds


def test_a_canary_that_was_not_planned_is_refused(sandbox: Sandbox, run: Path) -> None:
    with pytest.raises(PlanError, match=r"no request of the plan ends at recipient 25: plan with"):
        mms.send(planned(), account_at(sandbox), run=run, canary=25)
    with pytest.raises(PlanError, match="must be 1 or more, found 0"):
        planned(canary=0)
    assert not run.exists()


def test_the_command_line_prints_what_goes_on(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)
    (tmp_path / "crm.csv").write_text("mobile\n" + "\n".join(fictional(30)), encoding="utf-8")
    campaign = tmp_path / "noel.toml"
    campaign.write_text('name = "noel"\nkind = "text"\nmessage = "Bonjour"\n', encoding="utf-8")
    run = str(tmp_path / "run")
    words = [str(tmp_path / "crm.csv"), "--campaign", str(campaign), "--canary", "5"]
    assert "--canary 5" in CliRunner().invoke(app, ["plan", *words]).stdout.split("next")[1]
    done = CliRunner().invoke(app, ["send", *words, "--run", run])
    assert done.exit_code == 4, done.output
    assert len(sandbox.ledger) == 5
    told = next(line for line in done.stdout.splitlines() if "mmsbatch resume" in line)
    again = CliRunner().invoke(app, shlex.split(told.split("mmsbatch ")[1].strip("`")))
    assert again.exit_code == 0, again.output
    assert len(sandbox.ledger) == 30
