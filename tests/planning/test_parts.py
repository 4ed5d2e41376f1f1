"""A plan in parts says and does what the same rows in memory do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.dataset as ds
import pytest

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.planning.planner import plan_parts
from mmsbatch.planning.prepare import prepare_batches
from mmsbatch.sandbox import Sandbox

CITIES = ("Nice", "Lyon", "Pau")


def contacts(rows: int = 1_000) -> pd.DataFrame:
    """Some repeats across parts, a bad cell now and then, several texts."""
    numbers = fictional(rows)
    numbers[rows // 2] = numbers[3]
    numbers[-1] = numbers[rows // 2 + 1]
    numbers[7] = "0145678901"
    cities = [CITIES[row % 3] for row in range(rows)]
    return pd.DataFrame({"mobile": numbers, "ville": cities, "vide": None})


def campaign(message: str = "À {{ ville }}") -> mms.Campaign:
    return mms.Campaign("essai", mms.Text(message))


def in_memory(rows: int = 1_000, part_rows: int = 300, **options: object) -> mms.Plan:
    prepared = mms.prepare(contacts(rows), phone="mobile", fictional=True)
    return mms.plan(prepared, campaign(), part_rows=part_rows, **options)  # type: ignore[arg-type]


def batches(frame: pd.DataFrame, rows: int) -> Iterator[pd.DataFrame]:
    given = (frame.iloc[first : first + rows] for first in range(0, len(frame), rows))
    return iter(prepare_batches(given, "mobile", fictional=True))


@pytest.mark.parametrize("one_per", ["number", "message"])
def test_rows_that_come_in_parts_give_the_plan_of_all_of_them(one_per: str) -> None:
    """Numbers repeated in another part, texts of another part, requests: all the same."""
    whole = in_memory(one_per=one_per)
    parts = plan_parts(batches(contacts(), 300), campaign(), one_per=one_per)  # type: ignore[arg-type]
    assert len(parts.parts) == len(whole.parts) == 4
    assert parts.fingerprint == whole.fingerprint
    assert parts.to_json() == whole.to_json()
    assert parts.difference(whole) == ""
    added = ["mms_problem", "mms_duplicate_of", "mms_message", "mms_request"]
    for name in added:
        assert parts.rows[name].astype("str").tolist() == whole.rows[name].astype("str").tolist()


def test_no_request_is_of_two_parts() -> None:
    plan = in_memory()
    found = [set(rows.frame()["mms_request"].dropna()) for rows in plan.parts]
    assert sum(map(len, found)) == len(set().union(*found)) == plan.requests
    assert list(plan) == [plan.request(number) for number in range(1, plan.requests + 1)]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_in_parts_is_sent_proved_and_read_by_one_name(
    workers: int, sandbox: Sandbox, run: Path
) -> None:
    plan = in_memory()
    results = mms.send(plan, account_at(sandbox), run=run, workers=workers)
    sent = Counter(f"+{delivery.number}" for delivery in sandbox.ledger)
    assert sent == Counter(results.loc[results["mms_outcome"] == "accepted", "mms_e164"])
    assert len(results) == 1_000
    assert mms.verify(run).holds, mms.verify(run)
    assert mms.status(run).outcomes == mms.summary(results).outcomes
    for name in ("plan.parquet", "results.parquet", "requests.parquet"):
        assert len(list((run / name).glob("*.parquet"))) == 4
    read = pd.read_parquet(run / "results.parquet")
    assert read["mms_e164"].tolist() == results["mms_e164"].tolist()
    assert ds.dataset(run / "requests.parquet").count_rows() == plan.requests
    mms.write_results(run)
    pd.testing.assert_frame_equal(mms.results(run), results, check_categorical=False)
