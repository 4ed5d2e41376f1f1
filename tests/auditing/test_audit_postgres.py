"""Runs whose journals are in PostgreSQL, beside others: audited, found in history, erased."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.sandbox import Sandbox, SandboxOptions
from postgres_cluster import Cluster

NUMBER = "06 39 98 00 03"


@pytest.fixture
def runs(tmp_path: Path, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One run with its journal in its folder, one in the database, one that stopped half-way."""
    folder = tmp_path / "runs"
    with Sandbox() as sandbox:
        mms.send(planned(), account_at(sandbox), run=folder / "file")
        monkeypatch.setenv("MMSBATCH_JOURNAL", postgres.url)
        mms.send(planned(), account_at(sandbox), run=folder / "database", again=True)
    with Sandbox(options=SandboxOptions(credits=200)) as sandbox:
        with pytest.raises(mms.RunStopped):
            mms.send(planned(), account_at(sandbox), run=folder / "stopped", again=True)
    return folder


def test_they_are_summed_up_with_the_others(runs: Path) -> None:
    """The same figures, wherever the journal is."""
    found = mms.audit(runs).set_index("run")
    assert found["accepted"].to_dict() == {"database": 500, "file": 500, "stopped": 0}
    figures = found[["rows", "accepted", "rejected", "in_doubt"]].to_dict("index")
    assert figures["database"] == figures["file"]
    assert len(mms.history(NUMBER, runs)) == 3


def test_results_that_are_missing_are_rebuilt_for_an_audit(runs: Path) -> None:
    """From plan and journal, in memory."""
    (runs / "database" / "results.parquet").unlink()
    assert mms.audit(runs).set_index("run").loc["database", "accepted"] == 500


def test_a_person_is_erased_from_them(runs: Path) -> None:
    """In the folder and in the database; what was proved before is proved after."""
    done = mms.forget(NUMBER, runs)
    assert set(done.runs["state"]) == {"erased"}
    assert mms.history(NUMBER, runs).empty
    for name in ("file", "database", "stopped"):
        assert mms.verify(runs / name).holds, name
    assert mms.audit(runs)["accepted"].sum() == 1000


def test_a_database_that_cannot_be_reached_leaves_its_runs_out_by_name(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are summed up."""
    monkeypatch.delenv("MMSBATCH_JOURNAL")
    with pytest.warns(UserWarning, match=r"(database|stopped) is left out: .*MMSBATCH_JOURNAL"):
        found = mms.audit(runs)
    assert list(found["run"]) == ["file"]
