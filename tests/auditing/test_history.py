"""`history`: everything ever sent to one person, or not, across runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from audit_runs import contacts, made
from conftest import fictional
from mmsbatch.cli import app

ALI = "+33639980001"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return runs in which Ali was refused, in doubt, greeted by name, scheduled, and left out."""
    folder = tmp_path_factory.mktemp("told")
    made(folder / "a", at="2026-01-05 09:00", refused=[ALI])
    made(folder / "b", contacts(ville="Nice"), at="2026-02-05 09:00", faults={1: "close:after"})
    made(
        folder / "c",
        contacts(prenom=["Zoé", "Ali", "Inès", "Noé", "Léa", "Zoé", "Luc"]),
        mms.Image("Bonne fête, {{ prenom }} !", "http://www.example.com/fete.jpg"),
        at="2026-03-05 09:00",
        campaign="fête",
        send_at="2026-03-07 10:00:00",
    )
    made(folder / "d", contacts(start=100), at="2026-04-05 09:00")
    frame = contacts(id=[f"C{place}" for place in range(7)]).iloc[[1, 2, 1]]
    made(folder / "e", frame, at="2026-05-05 09:00", faults={1: "status:111"})
    return folder


def test_every_row_of_every_run_oldest_first(runs: Path) -> None:
    """Sent, refused, in doubt, scheduled, duplicate: all of it, and the evidence."""
    found = mms.history(ALI, runs)
    assert ["a", "b", "c", "e", "e"] == found["run"].tolist()
    expected = ["rejected", "in_doubt", "scheduled", "refused", "duplicate"]
    assert expected == found["outcome"].tolist()
    assert [1, 1, 1, 0, 2] == found["row_position"].tolist()
    assert [100, None, 101, 111, None] == found["status"].astype(object).where(
        found["status"].notna(), None
    ).tolist()
    assert "duplicate" == found["problem"].iloc[-1]
    assert 0 == found["duplicate_of"].iloc[-1]


def test_what_was_in_it_and_when(runs: Path) -> None:
    """The text this person got, the media, when it left and when it was to be delivered."""
    row = mms.history(ALI, runs).iloc[2]
    assert "Bonne fête, Ali !" == row["message"]
    assert ("image", "http://www.example.com/fete.jpg") == (row["kind"], row["media"])
    assert "2026-03-05" == f"{row['sent_at']:%Y-%m-%d}"
    assert pd.Timestamp("2026-03-07 09:00", tz="UTC") == row["scheduled_for"]
    assert isinstance(row["id"], str)
    assert mms.results(runs / "c").iloc[1]["mms_id"] == row["id"]


@pytest.mark.parametrize(
    "number",
    [
        "0639980001",
        "06 39 98 00 01",
        "+33 (0)6.39.98.00.01",
        "0033639980001",
        639980001,
        "33639980001",
    ],
)
def test_any_notation_finds_the_same(runs: Path, number: str | int) -> None:
    """Whoever complains writes the number in a way of their own."""
    pd.testing.assert_frame_equal(mms.history(ALI, runs), mms.history(number, runs))


@pytest.mark.parametrize(
    "number", ["0199000001", "", "Ali", "06 39 98 00", "0639980001/0639980002"]
)
def test_what_is_no_mobile_is_an_error(runs: Path, number: str) -> None:
    """Nothing found would read as: nothing was sent."""
    with pytest.raises(mms.InputError, match="not a French mobile"):
        mms.history(number, runs)


def test_somebody_unknown_has_no_rows(runs: Path) -> None:
    """An empty frame of the same columns and types."""
    found = mms.history(fictional(1, start=900)[0], runs)
    assert 0 == len(found)
    assert (found.dtypes == mms.history(ALI, runs).dtypes).all()


def test_results_that_were_not_written_are_found(runs: Path, tmp_path: Path) -> None:
    """The facts know what a missing file does not say."""
    copy = shutil.copytree(runs / "b", tmp_path / "b")
    (copy / "results.parquet").unlink()
    assert ["in_doubt"] == mms.history(ALI, copy)["outcome"].tolist()


def test_the_other_columns_are_not_asked_for(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contacts' columns stay unread: ten million rows are searched by one column."""
    asked: list[str] = []

    class Connection:
        def __init__(self) -> None:
            self.inner = real()

        def execute(self, query: str) -> object:
            asked.append(query)
            return self.inner.execute(query)

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

    real = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", Connection)
    mms.history(ALI, runs)
    over_results = [query for query in asked if "mms_e164" in query]
    assert 1 == len(over_results)
    assert "*" not in over_results[0]


def test_on_the_command_line(runs: Path, tmp_path: Path) -> None:
    """As text, as JSON, as a file."""
    out = tmp_path / "ali.csv"
    done = CliRunner().invoke(app, ["history", "06 39 98 00 01", str(runs), "--out", str(out)])
    assert 0 == done.exit_code
    assert "+33639980001: 5 rows" in done.stdout
    assert "Bonne fête, Ali !" in done.stdout
    assert "refused (status 111)" in done.stdout
    assert 5 == len(pd.read_csv(out, sep=";"))
    done = CliRunner().invoke(app, ["history", "0639980001", str(runs), "--json"])
    told = json.loads(done.stdout)
    assert ALI == told["number"]
    assert ["a", "b", "c", "e", "e"] == [row["run"] for row in told["rows"]]
    assert None is told["rows"][1]["status"]


def test_a_number_that_is_none_is_bad_input(runs: Path) -> None:
    """Exit code 2, and why."""
    done = CliRunner().invoke(app, ["history", "0199000001", str(runs)])
    assert 2 == done.exit_code
    assert "landline" in done.stderr


def test_arguments_the_other_way_round_are_said(runs: Path) -> None:
    """Not that a folder is no French mobile."""
    with pytest.raises(mms.InputError, match="the number first, then the folder of runs"):
        mms.history(str(runs), "06 39 98 00 12")
    with pytest.raises(mms.InputError, match="not a French mobile"):
        mms.history("01 99 00 00 01", runs)
