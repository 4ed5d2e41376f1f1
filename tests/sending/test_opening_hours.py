"""Nothing leaves outside of the opening hours; a run goes on the next morning."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest
import time_machine
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.cli import app
from mmsbatch.errors import PlanError
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.sandbox import Sandbox
from mmsbatch.times import PARIS

CLOSED = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)  # Saturday, 21:00 in Paris
EVENING = datetime(2026, 11, 27, 18, 59, 58, tzinfo=UTC)  # Friday, two seconds before closing time
MORNING = datetime(2026, 11, 28, 7, 0, 1, tzinfo=UTC)


def send(sandbox: Sandbox, run: Path, rows: int = 500, **options: Any) -> Any:
    return mms.send(planned(rows), account_at(sandbox), run=run, hours="default", **options)


def test_a_run_is_not_begun_when_it_is_closed(sandbox: Sandbox, run: Path) -> None:
    told = (
        r"it is Saturday 21:00 in Paris, .* begin on Monday 2026-11-30 at 08:00\. Send it then; or "
        r"let the gateway send it then \(at_opening\)"
    )
    with time_machine.travel(CLOSED, tick=True), pytest.raises(PlanError, match=told):
        send(sandbox, run)
    assert sandbox.ledger == ()
    assert not run.exists()


@pytest.mark.parametrize("workers", [1, 4])
def test_a_run_stops_at_closing_time_and_goes_on_the_next_morning(
    workers: int, sandbox: Sandbox, run: Path
) -> None:
    """Called again, in the evening it sends nothing; nobody gets it twice."""
    post, count = GatewayClient.send, itertools.count(1)

    def post_at_closing_time(client: GatewayClient, xml: bytes) -> Any:
        if next(count) == 4:
            traveller.move_to(EVENING.replace(hour=19, minute=0, second=0))
        return post(client, xml)

    with (
        time_machine.travel(EVENING, tick=False) as traveller,
        mock.patch.object(GatewayClient, "send", post_at_closing_time),
        pytest.raises(mms.RunStopped, match="closing time: it is Friday 20:00 in Paris"),
    ):
        send(sandbox, run, 4_000, workers=workers)
    sent = len(sandbox.ledger)
    assert 800 <= sent < 4_000
    with time_machine.travel(CLOSED, tick=True), pytest.raises(mms.RunStopped):
        send(sandbox, run, 4_000)
    assert len(sandbox.ledger) == sent
    with time_machine.travel(MORNING, tick=True):
        results = send(sandbox, run, 4_000)
    assert mms.summary(results).outcomes == {"accepted": 4_000}
    assert len({one.number for one in sandbox.ledger}) == len(sandbox.ledger) == 4_000
    assert mms.verify(run).holds


def test_the_gateway_can_be_asked_to_send_at_the_opening(sandbox: Sandbox, run: Path) -> None:
    """The same call again, at any time before, repeats nothing."""
    for moment in (CLOSED, CLOSED.replace(hour=21)):
        with time_machine.travel(moment, tick=True):
            results = send(sandbox, run, at_opening=True, confirm=planned().fingerprint)
    assert mms.summary(results).outcomes == {"scheduled": 500}
    assert {one.scheduled_for for one in sandbox.ledger} == {
        datetime(2026, 11, 30, 8, tzinfo=PARIS)
    }
    assert len(sandbox.ledger) == 500


def test_a_scheduled_campaign_must_be_for_an_open_moment(sandbox: Sandbox, run: Path) -> None:
    plan = planned()
    campaigns = {
        when: mms.Campaign("noel", plan.campaign.content, send_at=when)
        for when in ("2026-11-29 10:00:00", "2026-11-30 10:00:00")
    }
    sunday, monday = (mms.plan(_prepared(), campaign) for campaign in campaigns.values())
    with time_machine.travel(CLOSED, tick=True):
        with pytest.raises(PlanError, match="send_at is 2026-11-29 10:00:00, and it is Sunday"):
            mms.send(sunday, account_at(sandbox), run=run, hours="default")
        mms.send(monday, account_at(sandbox), run=run, hours="default")
    assert len(sandbox.ledger) == 3


def _prepared() -> Any:
    numbers = {"mobile": ["0639980001", "0639980002", "0639980003"]}
    return mms.prepare(pd.DataFrame(numbers), phone="mobile", fictional=True)


def test_the_command_line_says_how_to_go_on(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)
    (tmp_path / "crm.csv").write_text("mobile\n0639980001\n", encoding="utf-8")
    campaign = tmp_path / "noel.toml"
    campaign.write_text('name = "noel"\nkind = "text"\nmessage = "Bonjour"\n', encoding="utf-8")
    words = ["send", str(tmp_path / "crm.csv"), "--campaign", str(campaign)]
    words += ["--run", str(tmp_path / "run"), "--hours", "operator"]
    with time_machine.travel(CLOSED.replace(hour=21, minute=30), tick=True):
        closed = CliRunner().invoke(app, words)
        assert closed.exit_code == 2
        assert "or let the gateway send it then (--at-opening)" in closed.stderr
        scheduled = CliRunner().invoke(app, [*words, "--at-opening"])
        assert scheduled.exit_code == 0, scheduled.output
    assert len(sandbox.ledger) == 1
