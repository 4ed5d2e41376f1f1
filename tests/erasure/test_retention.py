"""`retention` follows people over all runs, by the last message to them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
import time_machine
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, fictional, planned
from mmsbatch.cli import app
from mmsbatch.runs.locations import RunLeftOut
from mmsbatch.sandbox import Sandbox


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make three runs: 2021 to five people, 2022 to five others, 2024 to two of the first."""
    folder = tmp_path_factory.mktemp("runs")
    people = fictional(10)
    sent = {
        "a-2021": (2021, [*people[:5], people[0]]),
        "b-2022": (2022, people[5:]),
        "c-2024": (2024, people[:2]),
    }
    for name, (year, numbers) in sent.items():
        with time_machine.travel(datetime(year, 6, 15, 9, 30, tzinfo=UTC), tick=False):
            with Sandbox() as sandbox:
                mms.send(planned(numbers=numbers), account_at(sandbox), run=folder / name)
    return folder


def told(found: pd.DataFrame) -> list[tuple[str, int, int]]:
    return list(found[["run", "people", "of"]].itertuples(index=False, name=None))


def test_a_later_message_counts_for_an_earlier_run(runs: Path) -> None:
    """Two of the five of 2021 were written to in 2024: three are to be erased."""
    found = mms.retention(runs, today=date(2024, 7, 1))
    assert [("a-2021", 3, 5)] == told(found)
    assert pd.Timestamp("2021-06-15T09:30Z") == found["last_contact"].item()
    assert "datetime64[ms, UTC]" == str(found["last_contact"].dtype)


def test_people_are_followed_only_over_the_runs_given(runs: Path) -> None:
    """Hence: give all there are."""
    assert [("a-2021", 5, 5)] == told(mms.retention(runs / "a-2021", today=date(2024, 7, 1)))


@pytest.mark.parametrize(
    ("today", "years", "expected"),
    [
        (date(2024, 6, 15), 3, []),
        (date(2024, 6, 16), 3, [("a-2021", 3, 5)]),
        (date(2025, 6, 16), 3, [("a-2021", 3, 5), ("b-2022", 5, 5)]),
        (date(2024, 2, 29), 1, [("a-2021", 3, 5), ("b-2022", 5, 5)]),
        (date(2027, 6, 16), 3, [("a-2021", 5, 5), ("b-2022", 5, 5), ("c-2024", 2, 2)]),
        (date(2040, 1, 1), 30, []),
    ],
)
def test_the_border_is_a_day(
    runs: Path, today: date, years: int, expected: list[tuple[str, int, int]]
) -> None:
    """Three years to the day are kept, a day more is not; leap days do no harm."""
    found = told(mms.retention(runs, years=years, today=today))
    assert expected == sorted(found)


def test_whoever_was_erased_is_nobody(runs: Path, tmp_path: Path) -> None:
    """No run holds them any more."""
    with time_machine.travel(datetime(2021, 1, 1, tzinfo=UTC), tick=False), Sandbox() as sandbox:
        mms.send(planned(2), account_at(sandbox), run=tmp_path / "r" / "old")
    mms.forget(fictional(1)[0], tmp_path / "r")
    found = mms.retention(tmp_path / "r", today=date(2026, 1, 1))
    assert [("old", 1, 1)] == told(found)


def test_years_and_runs_must_be_there(runs: Path, tmp_path: Path) -> None:
    """A mistake is not an empty list."""
    with pytest.raises(mms.InputError, match="at least 1, found 0"):
        mms.retention(runs, years=0, today=date(2024, 7, 1))
    with pytest.raises(mms.RunError, match="no run in"):
        mms.retention(tmp_path, today=date(2024, 7, 1))


def test_no_run_is_left_out_silently(runs: Path, tmp_path: Path) -> None:
    """One copied in part stops it; what is no run at all is named, and the exit code is not 0."""
    copy = tmp_path / "runs"
    shutil.copytree(runs, copy)
    (copy / "reports").mkdir()
    with pytest.warns(RunLeftOut, match="reports is left out: not a run"):
        found = mms.retention(copy, today=date(2024, 7, 1))
    assert [("a-2021", 3, 5)] == told(found)
    done = CliRunner().invoke(app, ["retention", str(copy), "--today", "2024-07-01", "--json"])
    document = json.loads(done.stdout)
    assert (2, ["a-2021"]) == (done.exit_code, [row["run"] for row in document["runs"]])
    assert "reports is left out" in document["left_out"][0]
    (copy / "a-2021" / "journal.sqlite").unlink()
    with pytest.raises(mms.RunError, match=r"a-2021: journal\.sqlite is missing"):
        mms.retention(copy, today=date(2024, 7, 1))


def test_the_command_takes_the_day(runs: Path) -> None:
    """From the clock where none is given; a day that is none is refused."""
    call = ["retention", str(runs), "--json"]
    done = CliRunner().invoke(app, [*call, "--today", "2024-07-01"])
    assert (0, ["a-2021"]) == (
        done.exit_code,
        [row["run"] for row in json.loads(done.stdout)["runs"]],
    )
    with time_machine.travel(datetime(2025, 6, 16, tzinfo=UTC), tick=False):
        done = CliRunner().invoke(app, call)
    assert ["a-2021", "b-2022"] == [row["run"] for row in json.loads(done.stdout)["runs"]]
    assert 2 == CliRunner().invoke(app, [*call, "--today", "tomorrow"]).exit_code
    of_a_week = CliRunner().invoke(app, [*call, "--today", "2024-W27"])
    assert ["a-2021"] == [row["run"] for row in json.loads(of_a_week.stdout)["runs"]]
