"""What a plan would cost is said before anything is sent, as far as it is known."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.errors import PlanError
from mmsbatch.sandbox import Sandbox, SandboxOptions


def test_a_first_run_has_no_known_cost(sandbox: Sandbox, run: Path) -> None:
    """Nobody guesses what the gateway charges."""
    found = mms.estimate(planned(450), account_at(sandbox), run=run)
    assert found.to_json() == {
        "recipients": 450,
        "requests": 3,
        "credits": 100_000,
        "credits_needed": None,
        "cost_per_recipient": None,
        "seconds": None,
        "previous_run": None,
        "previous_recipients": None,
    }
    assert sandbox.ledger == ()


def test_an_earlier_run_shows_the_cost_and_what_is_missing(tmp_path: Path) -> None:
    """In the account's own unit."""
    with Sandbox(options=SandboxOptions(cost_per_recipient=3, credits=1500)) as sandbox:
        account = account_at(sandbox)
        mms.send(planned(400), account, run=tmp_path / "first")
        found = mms.estimate(planned(450), account, run=tmp_path / "second")
    told = found.to_json()
    assert told.pop("seconds") > 0
    assert told == {
        "recipients": 450,
        "requests": 3,
        "credits": 300,
        "credits_needed": 1350,
        "cost_per_recipient": 3,
        "previous_run": "first",
        "previous_recipients": 400,
    }
    assert "1,050 are missing" in repr(found)


def test_the_time_needed_follows_the_pace(tmp_path: Path) -> None:
    """Of the gateway as it answered before, of workers, and of what is asked for."""
    with Sandbox() as sandbox:
        account = account_at(sandbox)
        mms.send(planned(400), account, run=tmp_path / "first")

        def seconds(**pace: float) -> float:
            found = mms.estimate(planned(2000), account, run=tmp_path / "b", **pace)  # type: ignore[arg-type]
            assert found.seconds is not None
            return found.seconds

        assert seconds(workers=2) == pytest.approx(seconds() / 2)
        assert seconds(requests_per_minute=2) == 300
        slow = mms.estimate(planned(2000), account, run=tmp_path / "b", requests_per_minute=2)
        assert "time       about 5 min" in repr(slow)


def test_only_what_is_left_of_a_run_is_counted(run: Path) -> None:
    """A run that stopped half-way needs credits for the other half."""
    with Sandbox(faults={2: "status:103"}) as sandbox:
        account, plan = account_at(sandbox), planned(450)
        with pytest.raises(mms.RunStopped):
            mms.send(plan, account, run=run)
        left = mms.estimate(plan, account, run=run)
        assert (left.recipients, left.requests) == (250, 2)
        mms.resume(run, account)
        assert mms.estimate(plan, account, run=run).recipients == 0


def test_a_limit_is_refused_before_sending(sandbox: Sandbox, run: Path) -> None:
    """With the words that send would use."""
    with pytest.raises(PlanError, match="at most 400 are allowed"):
        mms.estimate(planned(450), account_at(sandbox), run=run, limits=mms.Limits(400))


def test_an_account_tool_that_says_nothing_leaves_credits_unknown(
    sandbox: Sandbox, run: Path
) -> None:
    """As before a run, it speaks against nothing."""
    found = mms.estimate(planned(10), account_at(sandbox, "wrong"), run=run)
    assert found.credits is None
    assert "there: not known" in repr(found)
