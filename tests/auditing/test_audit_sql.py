"""SQL over runs: the views hold what they say, and nothing else can be read or written."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from audit_runs import contacts, made
from conftest import fictional
from mmsbatch.auditing.sql import query
from mmsbatch.cli import app


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two runs, whose contacts have different columns, some named like the views' own."""
    folder = tmp_path_factory.mktemp("asked")
    made(folder / "a", contacts(id=range(7), run="CRM", Path="x"), refused=fictional(1))
    made(
        folder / "b",
        contacts(ville="Nice", id=[f"C{place}" for place in range(7)], filename="export.csv"),
        campaign="noel",
        faults={2: "close:after"},
    )
    return folder


def asked(runs: Path, statement: str) -> pd.DataFrame:
    with mms.connect(runs) as connection:
        return query(connection, statement)


def test_results_are_the_rows_of_all_runs(runs: Path) -> None:
    """With the run's own columns, the row's place, and a type that holds both runs' columns."""
    found = asked(runs, "select * from results order by run, row_position")
    assert ["a"] * 7 + ["b"] * 7 == found["run"].tolist()
    assert [*range(7)] * 2 == found["row_position"].tolist()
    for run, rows in found.groupby("run"):
        expected = mms.results(runs / str(run))
        assert expected["mms_outcome"].tolist() == rows["mms_outcome"].tolist()
        assert expected["mms_e164"].dropna().tolist() == rows["mms_e164"].dropna().tolist()
    assert "0" == found["id"].iloc[0]
    assert "C0" == found["id"].iloc[7]
    assert found["ville"].isna().sum() == 7
    assert {"sandbox"} == set(found["target"])


def test_a_contacts_column_never_hides_the_views_own(runs: Path) -> None:
    """It is called contact_… instead; other names stay."""
    found = asked(runs, "select * from results where run = 'a'")
    assert {"CRM"} == set(found["contact_run"])
    assert {"x"} == set(found["contact_Path"])
    assert {str(runs / "a")} == set(found["path"])
    assert {"export.csv"} == set(
        asked(runs, "select filename from results where run = 'b'")["filename"]
    )


def test_runs_are_what_audit_gives(runs: Path) -> None:
    """Cell by cell."""
    found = asked(runs, "from runs")
    expected = mms.audit(runs)
    assert expected.columns.tolist() == found.columns.tolist()
    assert expected["in_doubt"].tolist() == found["in_doubt"].tolist()
    assert expected["opened_at"].tolist() == found["opened_at"].tolist()


def test_requests_are_the_attempts_of_all_runs(runs: Path) -> None:
    """With the run's own columns."""
    found = asked(runs, "select run, request, state from requests order by all")
    assert [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)] == list(
        zip(found["run"], found["request"], strict=True)
    )
    assert "in_doubt" == found["state"].iloc[4]


def test_stale_results_are_rebuilt_for_sql_too(tmp_path: Path) -> None:
    """The views show what the facts say."""
    run = made(tmp_path / "run")
    (run / "results.parquet").unlink()
    assert 5 == len(asked(run, "from results where mms_outcome = 'accepted'"))


def test_filters_choose_the_runs_of_all_views(runs: Path) -> None:
    """By outcome too, which is known only from the results; where none is left, all are empty."""
    with mms.connect(runs, outcome="in_doubt") as connection:
        for view in ("results", "requests", "runs"):
            assert [("b",)] == connection.execute(f"select distinct run from {view}").fetchall()
    with mms.connect(runs, target="live") as connection:
        for view in ("results", "requests", "runs"):
            assert [(0,)] == connection.execute(f"select count(run) from {view}").fetchall()


def test_a_connection_is_duckdbs_own(runs: Path) -> None:
    """For notebooks: relations, frames, Arrow."""
    with mms.connect(runs) as connection:
        frame = connection.sql("select run, count(*) as n from results group by 1 order by 1").df()
    assert [7, 7] == frame["n"].tolist()


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to '{runs}/out.csv'",
        "copy results to '{runs}/a/results.parquet' (format parquet)",
        "copy results to 'mmsrun://0/results.parquet' (format parquet, use_tmp_file false)",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('{runs}/a/campaign.toml')",
        "select * from read_parquet('{runs}/a/plan.parquet')",
        "select * from '{runs}/a/results.parquet'",
        "select * from glob('{runs}/*')",
        "attach '{runs}/other.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "reset lock_configuration",
        "pragma enable_profiling",
        "insert into runs select * from runs",
        "delete from results",
        "export database '{runs}/out'",
    ],
)
def test_nothing_else_can_be_read_and_nothing_written(runs: Path, statement: str) -> None:
    """Whatever a statement says, on the connection itself."""
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    with mms.connect(runs) as connection, pytest.raises(duckdb.Error):
        connection.execute(statement.format(runs=runs)).fetchall()
    assert before == {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}


def test_a_frame_of_the_notebook_cannot_be_mistaken_for_a_view(runs: Path) -> None:
    """A variable of that name in the caller changes nothing."""
    results = pd.DataFrame({"mms_outcome": ["accepted"] * 99})
    assert 14 == asked(runs, "select count(*) as n from results")["n"].iloc[0] != len(results)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("select 1; select 2", "one SELECT"),
        ("copy runs to 'x.csv'", "one SELECT"),
        ("create table t as select 1", "one SELECT"),
        ("", "one SELECT"),
        ("selct 1", "cannot be carried out"),
        ("select nothing from runs", "nothing"),
        ("select * from read_csv('/etc/passwd')", "disabled"),
    ],
)
def test_bad_sql_is_bad_input(runs: Path, statement: str, said: str) -> None:
    """Exit code 2, and what DuckDB says."""
    done = CliRunner().invoke(app, ["audit", str(runs), "--sql", statement])
    assert 2 == done.exit_code
    assert said in done.stderr
    assert "" == done.stdout


def test_sql_on_the_command_line(runs: Path, tmp_path: Path) -> None:
    """As a table, as JSON, as a file."""
    statement = "with n as (select run, count(*) as n from results group by 1) from n order by run"
    arguments = ["audit", str(runs), "--sql", statement]
    done = CliRunner().invoke(app, arguments)
    assert ["run", "n", "a", "7", "b", "7"] == done.stdout.split()
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert {
        "columns": ["run", "n"],
        "rows": [{"run": "a", "n": 7}, {"run": "b", "n": 7}],
        "left_out": [],
    } == json.loads(done.stdout)
    out = tmp_path / "n.parquet"
    assert 0 == CliRunner().invoke(app, [*arguments, "--out", str(out)]).exit_code
    assert [7, 7] == pd.read_parquet(out)["n"].tolist()


def test_answers_and_times_can_be_json_too(runs: Path) -> None:
    """Bytes, times, lists, missing cells."""
    statement = "select answer, sending_at, [1, 2] as l, null as n from requests where run = 'a'"
    done = CliRunner().invoke(app, ["audit", str(runs), "--sql", statement, "--json"])
    row = json.loads(done.stdout)["rows"][0]
    assert row["answer"].startswith("Status=100")
    assert row["sending_at"].startswith("2026-03-02T09:00:0")
    assert ([1, 2], None) == (row["l"], row["n"])
