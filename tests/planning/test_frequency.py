"""Who was contacted lately, or refused before, is not written to: across campaigns and accounts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import time_machine

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.errors import PlanError, RunError
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.times import PARIS

MONDAY = date(2026, 11, 23)


def planned(numbers: list[str], name: str = "noel", **options: Any) -> mms.Plan:
    prepared = mms.prepare(pd.DataFrame({"mobile": numbers}), phone="mobile", fictional=True)
    return mms.plan(prepared, mms.Campaign(name, mms.Text("Bonjour")), **options)


def sent_at(moment: datetime, numbers: list[str], run: Path, **options: Any) -> pd.DataFrame:
    with time_machine.travel(moment, tick=True), Sandbox(**options) as sandbox:
        return mms.send(planned(numbers, run.name), account_at(sandbox), run=run)


def problems(plan: mms.Plan) -> list[str]:
    return plan.rows["mms_problem"].astype("object").fillna("").tolist()


def rule(runs: Path, **options: Any) -> mms.Frequency:
    past = mms.past_contacts(runs, target="sandbox", besides=options.pop("besides", None))
    return mms.Frequency(past=past, **{"as_of": MONDAY, **options})


@pytest.mark.parametrize(
    ("moment", "days", "soon"),
    [
        # Monday is day 1: the last seven days begin on Tuesday, at midnight in Paris.
        (datetime(2026, 11, 16, 22, 59, 59, tzinfo=UTC), 7, False),
        (datetime(2026, 11, 16, 23, 0, 1, tzinfo=UTC), 7, True),
        (datetime(2026, 11, 22, 22, 59, tzinfo=UTC), 1, False),
        (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), 1, True),
        # Over the end of summer time, when midnight in Paris was at another hour.
        (datetime(2026, 10, 24, 21, 59, tzinfo=UTC), 30, False),
        (datetime(2026, 10, 24, 22, 1, tzinfo=UTC), 30, True),
    ],
)
def test_the_days_are_those_of_paris(
    moment: datetime, days: int, soon: bool, tmp_path: Path
) -> None:
    sent_at(moment, fictional(2), tmp_path / "w47")
    plan = planned(fictional(3), frequency=rule(tmp_path, not_contacted_within=days))
    assert problems(plan) == ["too_soon", "too_soon", ""] if soon else ["", "", ""]
    assert len(plan.rows["mms_last_contact"].dropna()) == 2
    day = moment.astimezone(PARIS).date()
    assert plan.rows["mms_last_contact"].iloc[0] == f"w47, {day}"


def test_doubts_count_as_contacts_and_refusals_do_not(tmp_path: Path) -> None:
    """In doubt: perhaps it has reached them."""
    moment = datetime(2026, 11, 22, 9, tzinfo=UTC)
    with pytest.raises(mms.RunInDoubt):
        sent_at(moment, fictional(2), tmp_path / "doubt", faults={1: "close:after"})
    with pytest.raises(mms.RunStopped):
        sent_at(moment, fictional(2, 2), tmp_path / "refused", faults={1: "status:111"})
    numbers = fictional(4)
    plan = planned(numbers, frequency=rule(tmp_path, not_contacted_within=7))
    assert problems(plan) == ["too_soon", "too_soon", "", ""]
    assert plan.to_json()["problems"] == {"too_soon": 2}


def test_a_number_that_was_refused_twice_is_left_out(tmp_path: Path) -> None:
    moment = datetime(2026, 10, 1, 9, tzinfo=UTC)
    numbers = fictional(3)
    for run in ("w40", "w41"):
        sent_at(
            moment,
            numbers,
            tmp_path / run,
            options=SandboxOptions(blacklist=frozenset({numbers[1]})),
        )
    assert problems(planned(numbers, frequency=rule(tmp_path, rejected_before=3))) == [""] * 3
    plan = planned(numbers, frequency=rule(tmp_path, rejected_before=2))
    assert problems(plan) == ["", "rejected_before", ""]


def test_only_runs_of_the_same_target_count(tmp_path: Path) -> None:
    """What a sandbox was sent has reached nobody."""
    sent_at(datetime(2026, 11, 22, 9, tzinfo=UTC), fictional(2), tmp_path / "w47")
    assert len(mms.past_contacts(tmp_path, target="sandbox")) == 2
    assert len(mms.past_contacts(tmp_path)) == 0


def test_the_run_itself_is_not_its_own_past(tmp_path: Path) -> None:
    """Planned again half-way, it is the same plan; people before it are still left out."""
    sent_at(datetime(2026, 11, 22, 9, tzinfo=UTC), fictional(2), tmp_path / "w47")
    numbers, run = fictional(400), tmp_path / "noel"
    frequency = rule(tmp_path, not_contacted_within=7, besides=run)
    plan = planned(numbers, frequency=frequency)
    with (
        time_machine.travel(datetime(2026, 11, 23, 9, tzinfo=UTC), tick=True),
        Sandbox() as sandbox,
    ):
        results = mms.send(plan, account_at(sandbox), run=run)
        again = planned(numbers, frequency=rule(tmp_path, not_contacted_within=7, besides=run))
        assert again.fingerprint == plan.fingerprint
        mms.send(again, account_at(sandbox), run=run)
        assert len(sandbox.ledger) == 398
    assert mms.summary(results).outcomes == {"accepted": 398, "suppressed": 2}
    assert mms.verify(run).holds
    with pytest.raises(PlanError, match=r"no row can be sent: 400 rows, 400 too_soon$"):
        planned(numbers, frequency=rule(tmp_path, not_contacted_within=7))


def test_parts_are_held_against_the_past_too(tmp_path: Path) -> None:
    sent_at(datetime(2026, 11, 22, 9, tzinfo=UTC), fictional(40), tmp_path / "w47")
    frequency = rule(tmp_path, not_contacted_within=7)
    whole = planned(fictional(100), frequency=frequency)
    parts = planned(fictional(100), frequency=frequency, part_rows=30)
    assert problems(parts) == problems(whole) == ["too_soon"] * 40 + [""] * 60
    assert len(parts.parts) == 4


def test_a_past_that_cannot_be_read_is_no_past(tmp_path: Path) -> None:
    """Who is left out of it would be written to too often."""
    assert len(mms.past_contacts(tmp_path)) == 0  # nothing was sent yet
    sent_at(datetime(2026, 11, 22, 9, tzinfo=UTC), fictional(2), tmp_path / "w47")
    (tmp_path / "w47" / "plan.parquet").write_bytes(b"cut")
    with pytest.raises(RunError, match=r"w47: plan\.parquet"):
        mms.past_contacts(tmp_path)
    with pytest.raises(RunError, match="does not exist"):
        mms.past_contacts(tmp_path / "none")


def test_rules_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="must be 1 or more, found 0"):
        rule(tmp_path, not_contacted_within=0)
    with pytest.raises(PlanError, match="must be 1 or more, found -1"):
        rule(tmp_path, rejected_before=-1)
    with pytest.raises(PlanError, match="or no rule"):
        rule(tmp_path)
    with pytest.raises(PlanError, match=r"past is what mms\.past_contacts"):
        mms.Frequency(past=tmp_path, rejected_before=1, as_of=MONDAY)  # type: ignore[arg-type]
