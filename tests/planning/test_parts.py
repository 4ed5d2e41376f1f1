"""A plan in parts says and does what the same rows in memory do."""

from __future__ import annotations

import gc
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest
from dask import dataframe as dd

import mmsbatch as mms
from conftest import account_at, fictional, half_sent
from mmsbatch.errors import PlanError, RunError
from mmsbatch.planning import plan_file
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
    for name, rows in (("results.parquet", 1_000), ("requests.parquet", plan.requests)):
        table = str(run / name)
        assert len(pd.read_parquet(table)) == rows
        assert ds.dataset(table).count_rows() == rows
        assert pl.read_parquet(table).height == rows
        assert len(dd.read_parquet(table)) == rows
        assert duckdb.execute(f"SELECT count(*) FROM '{table}'").fetchone() == (rows,)
    assert pd.read_parquet(run / "results.parquet")["mms_e164"].equals(results["mms_e164"])
    mms.write_results(run)
    pd.testing.assert_frame_equal(mms.results(run), results, check_categorical=False)


def test_a_run_in_parts_goes_on_where_it_stopped(sandbox: Sandbox, run: Path) -> None:
    half_sent(in_memory(), run, account_at(sandbox), requests=3)
    assert mms.status(run).outcomes["pending"] > 0
    results = mms.resume(run, account_at(sandbox))
    sent = Counter(f"+{delivery.number}" for delivery in sandbox.ledger)
    assert max(sent.values()) == 1
    assert mms.summary(results).outcomes["accepted"] == len(sent) == 997
    assert mms.verify(run).holds
    again = mms.send(in_memory(), account_at(sandbox), run=run)
    pd.testing.assert_frame_equal(again, results)


def test_a_person_is_erased_from_every_part(sandbox: Sandbox, run: Path) -> None:
    """Number 3 is sent to in the first part, and repeated in the second."""
    plan = in_memory()
    before = mms.send(plan, account_at(sandbox), run=run)
    done = mms.forget("06 39 98 00 03", run.parent)
    assert done.runs["rows"].tolist() == [2]
    after = mms.results(run)
    assert after["mms_outcome"].tolist() == before["mms_outcome"].tolist()
    assert not (after["mms_e164"] == "+33639980003").any()
    assert mms.verify(run).holds, mms.verify(run)
    held = [path for path in run.rglob("*") if path.is_file()]
    assert not any(b"639980003" in path.read_bytes() for path in held)


def test_an_audit_counts_all_parts(sandbox: Sandbox, run: Path) -> None:
    mms.send(in_memory(), account_at(sandbox), run=run)
    (row,) = mms.audit(run.parent).to_dict("records")
    assert (row["rows"], row["accepted"], row["duplicate"]) == (1_000, 997, 2)
    found = mms.history("0639980003", run.parent)
    assert sorted(found["row_position"]) == [3, 500]
    with mms.connect(run.parent) as connection:
        rows = connection.execute(
            "SELECT row_position FROM results WHERE mms_e164 = '+33639980777'"
        )
        assert rows.fetchall() == [(777,)]
    (run / "results.parquet" / "part-00002.parquet").unlink()  # it is derived: rebuilt
    mms.write_results(run)
    assert mms.audit(run.parent)["accepted"].tolist() == [997]


def test_two_runs_in_parts_are_compared(sandbox: Sandbox, run: Path) -> None:
    mms.send(in_memory(), account_at(sandbox), run=run)
    other = run.with_name("later")
    prepared = mms.prepare(contacts(1_001), phone="mobile", fictional=True)
    mms.send(mms.plan(prepared, campaign(), part_rows=400), account_at(sandbox), run=other)
    counts = mms.diff(run, other).counts
    assert counts["contacted_twice"] > 990
    assert counts["gone"] == 0


@pytest.mark.parametrize("what", ["missing", "another", "cut"])
def test_a_part_that_is_not_as_it_was_written_is_named(
    what: str, sandbox: Sandbox, run: Path
) -> None:
    mms.send(in_memory(), account_at(sandbox), run=run)
    second, third = (run / "plan.parquet" / f"part-0000{place}.parquet" for place in (1, 2))
    if what == "missing":
        second.unlink()
    elif what == "another":
        second.write_bytes(third.read_bytes())
    else:
        second.write_bytes(second.read_bytes()[:500])
    named = {"missing": "part-00001.parquet is missing", "another": "was changed", "cut": "1.parq"}
    with pytest.raises(RunError, match=named[what]):
        mms.results(run)
    broken = mms.verify(run).broken
    assert broken is not None
    assert "plan.parquet/part-00001.parquet" in broken.found
    assert len(sandbox.ledger) == 997


def test_a_file_is_planned_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As what is read whole; here a part is of three hundred rows."""
    frame = contacts().drop(columns="vide")
    frame["accord"] = ["oui"] * 900 + ["non"] + ["oui"] * 99
    numbers = frame["mobile"].tolist()
    numbers[10] = numbers[900]  # whose no counts for every row of the number
    frame["mobile"] = numbers
    file = tmp_path / "crm.csv"
    frame.to_csv(file, index=False)
    agreed = mms.Consent("accord")
    prepared = mms.prepare(mms.read_contacts(file), "mobile", fictional=True, consent=agreed)
    whole = mms.plan(prepared, campaign(), part_rows=300)
    monkeypatch.setattr(plan_file, "PART_ROWS", 300)
    parts = mms.plan_file(file, campaign(), "mobile", fictional=True, consent=agreed)
    assert parts.fingerprint == whole.fingerprint
    assert parts.summary.problems["no_consent"] == 2
    assert str(mms.preview(parts)) == str(mms.preview(whole))


def test_the_files_of_a_plan_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    plan = plan_parts(batches(contacts(), 300), campaign())
    assert len(list(tmp_path.glob("*/part-*.parquet"))) == 4
    del plan
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_parts_that_cannot_be_planned_are_refused() -> None:
    with pytest.raises(PlanError, match="no rows to plan"):
        plan_parts([], campaign())
    with pytest.raises(PlanError, match="part_rows must be from 1 to 1,000,000, found 0"):
        in_memory(part_rows=0)
    with pytest.raises(PlanError, match="call mmsbatch"):
        plan_parts([contacts()], campaign())
    with_consent = mms.Campaign("essai", mms.Text("Bonjour"), consent=mms.Consent("accord"))
    with pytest.raises(PlanError, match="not prepared with the campaign's consent column 'accord'"):
        plan_parts(batches(contacts(), 300), with_consent)


def test_a_folder_that_cannot_be_replaced_stays(
    sandbox: Sandbox, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both renames fail in turn; a file that is written meanwhile fails too."""
    mms.send(in_memory(), account_at(sandbox), run=run)
    before = {path: path.read_bytes() for path in run.rglob("part-*.parquet")}
    replace = Path.replace
    for failing in (run / "results.parquet", "results.parquet"):

        def refuse(path: Path, target: Path, failing: object = failing) -> Path:
            if target == failing or (failing == target.name and path == run / failing):
                monkeypatch.setattr(Path, "replace", replace)  # what follows succeeds
                raise OSError("full")
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(RunError, match=r"results.parquet cannot be written \(full\)"):
            mms.write_results(run)
        assert {path: path.read_bytes() for path in run.rglob("part-*")} == before
    assert mms.verify(run).holds
