"""What an audit cannot read is named, with what to do, and left out; never silently."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from audit_runs import contacts, made
from conftest import account_at, fictional
from mmsbatch.cli import app
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.sqlite import SqliteJournal
from mmsbatch.runs.locations import RunLeftOut
from mmsbatch.sandbox import Sandbox


@pytest.fixture(scope="module")
def made_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    made(folder / "good")
    made(folder / "bad", campaign="noel")
    return folder


@pytest.fixture
def runs(made_runs: Path, tmp_path: Path) -> Path:
    """Return a good run and one to damage."""
    shutil.copytree(made_runs, tmp_path / "runs")
    return tmp_path / "runs"


def without(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def emptied(name: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        (run / name).write_bytes(b"")

    return damage


def cut(name: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: len(content) * 2 // 3])

    return damage


def overwritten(name: str, at: int, count: int = 4096) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        content = bytearray((run / name).read_bytes())
        content[at : at + count] = b"\xff" * len(content[at : at + count])
        (run / name).write_bytes(content)

    return damage


def of_schema(name: str, **said: str) -> Callable[[Path], None]:
    """Write a file again with other metadata."""

    def damage(run: Path) -> None:
        table = pq.read_table(run / name)
        changed = {f"mmsbatch.{key}": value for key, value in said.items()}
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **changed}), run / name
        )

    return damage


def of_version(run: Path) -> None:
    with sqlite3.connect(run / "journal.sqlite") as journal:
        journal.execute("PRAGMA user_version = 99")
    journal.close()


def told(statement: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        with sqlite3.connect(run / "journal.sqlite") as journal:
            journal.execute(statement)
        journal.close()

    return damage


def fewer_rows(run: Path) -> None:
    pq.write_table(pq.read_table(run / "results.parquet").slice(1), run / "results.parquet")


def another_plan(run: Path) -> None:
    """The facts of another run: copied one over the other."""
    other = made(run.parent / ".other", contacts(start=50))
    shutil.copy(other / "journal.sqlite", run / "journal.sqlite")


def sent_again(run: Path) -> None:
    """A fact that cannot follow, and so results that must be rebuilt and cannot."""
    with SqliteJournal(run / "journal.sqlite") as journal:
        journal.append(FactKind.SENDING, at=datetime(2026, 3, 3, tzinfo=UTC), request=1, attempt=9)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no journal": (without("journal.sqlite"), "journal.sqlite is missing: .* copied in part"),
    "no plan": (without("plan.parquet"), "plan.parquet is missing"),
    "no campaign": (without("campaign.toml"), "campaign.toml is missing"),
    "empty journal": (emptied("journal.sqlite"), "journal.sqlite is empty"),
    "cut journal": (cut("journal.sqlite"), "journal.sqlite was copied in part"),
    "no SQLite": (overwritten("journal.sqlite", 0, 20), "not an SQLite file"),
    "damaged journal": (overwritten("journal.sqlite", 4096), "damaged or was copied in part"),
    "no facts": (told("DELETE FROM facts"), "does not say what was opened"),
    "another kind": (
        told("UPDATE facts SET kind = 'x' WHERE seq = 3"),
        "'x' is not a valid FactKind",
    ),
    "no JSON": (told("UPDATE facts SET data = '{' WHERE seq = 1"), "damaged"),
    "newer journal": (of_version, "newer mmsbatch .*git pull"),
    "newer results": (of_schema("results.parquet", schema_version="2"), "results.* newer mmsbatch"),
    "newer plan": (
        of_schema("plan.parquet", schema_version="10"),
        "plan.parquet .* newer mmsbatch",
    ),
    "cut results": (cut("results.parquet"), "results.parquet is damaged .*mms.write_results"),
    "cut requests": (cut("requests.parquet"), "requests.parquet is damaged"),
    "cut plan": (cut("plan.parquet"), "plan.parquet is damaged .*restore"),
    "damaged results": (overwritten("results.parquet", 4, 3000), "results.parquet is damaged"),
    "fewer rows": (fewer_rows, "6 rows and the plan 7"),
    "another plan": (another_plan, "belongs to another plan"),
    "impossible facts": (sent_again, "cannot follow"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_that_cannot_be_read_is_named_and_left_out(runs: Path, damage: str) -> None:
    """The others are summed up, searched and asked; exit code 2."""
    make, said = DAMAGES[damage]
    make(runs / "bad")
    with pytest.warns(RunLeftOut, match=f"(?s){runs}/bad is left out: .*{said}"):
        found = mms.audit(runs)
    assert ["good"] == found["run"].tolist()
    done = CliRunner().invoke(app, ["audit", str(runs), "--json"])
    assert 2 == done.exit_code
    assert f"{runs}/bad is left out" in done.stderr
    told = json.loads(done.stdout)
    assert ["good"] == [run["run"] for run in told["runs"]]
    assert 1 == len(told["left_out"])


@pytest.mark.parametrize(
    "arguments", [["audit", "--sql", "select run from runs"], ["history", fictional(1)[0]]]
)
def test_every_command_names_what_it_leaves_out(runs: Path, arguments: list[str]) -> None:
    """And answers for the rest."""
    (runs / "bad" / "plan.parquet").unlink()
    done = CliRunner().invoke(app, [*arguments, str(runs)])
    assert 2 == done.exit_code
    assert f"{runs}/bad is left out: plan.parquet is missing" in done.stderr
    assert "good" in done.stdout


def test_a_folder_that_is_not_a_run_is_named(runs: Path) -> None:
    """Among runs; also one that holds runs of its own."""
    (runs / "exports").mkdir()
    shutil.move(runs / "bad", runs / "2025" / "bad")
    with pytest.warns(RunLeftOut) as warned:
        found = mms.audit(runs)
    said = sorted(str(warning.message) for warning in warned)
    assert ["good"] == found["run"].tolist()
    assert 2 == len(said)
    assert "2025 is left out: not a run (no journal.sqlite); if it is a folder of runs" in said[0]
    assert "exports is left out: not a run" in said[1]


def test_a_run_that_is_being_made_is_not_looked_at(runs: Path) -> None:
    """Hidden folders are no runs yet, and files beside runs are not runs."""
    (runs / "bad").rename(runs / ".bad.x1y2")
    (runs / "notes.txt").write_text("to do")
    assert ["good"] == mms.audit(runs)["run"].tolist()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere", "does not exist"),
        ("empty", "no run in"),
        ("good/plan.parquet", "is a file"),
    ],
)
def test_a_place_without_runs_is_an_error(runs: Path, given: str, said: str) -> None:
    """Nothing found would read as: nothing was sent."""
    (runs / "empty").mkdir()
    with pytest.raises(mms.RunError, match=said):
        mms.audit([runs / "good", runs / given])
    done = CliRunner().invoke(app, ["audit", str(runs / given)])
    assert 2 == done.exit_code
    assert said in done.stderr


@pytest.mark.parametrize(
    ("url", "said"), [("memry://runs", "Did you mean 'memory'"), ("memory://no", "does not exist")]
)
def test_a_url_that_leads_nowhere_is_an_error(url: str, said: str) -> None:
    """Mistyped, or empty."""
    with pytest.raises(mms.RunError, match=said):
        mms.audit(url)


def test_an_input_column_that_sql_would_mistake_for_ours_is_named(tmp_path: Path) -> None:
    """Case means nothing in SQL: a count over the wrong column would be believed."""
    # `prepare` refuses such a column; one that somebody added after it went into the run.
    prepared = mms.prepare(contacts(), phone="mobile", fictional=True)
    plan = mms.plan(prepared.assign(MMS_OUTCOME="accepted"), mms.Campaign("lettre", mms.Text("a")))
    with Sandbox() as sandbox:
        mms.send(plan, account_at(sandbox), run=tmp_path / "runs" / "bad")
    made(tmp_path / "runs" / "good")
    with pytest.warns(RunLeftOut, match="input column 'MMS_OUTCOME'"):
        assert ["good"] == mms.audit(tmp_path / "runs")["run"].tolist()


def test_a_log_that_was_not_written_back_is_read(runs: Path) -> None:
    """After a crash the last facts are beside the journal; they count, and stay where they are."""
    run = runs / "good"
    held = sqlite3.connect(run / "journal.sqlite", isolation_level=None)
    held.execute("PRAGMA journal_mode = WAL")
    held.execute("PRAGMA wal_autocheckpoint = 0")
    held.execute(
        "INSERT INTO facts SELECT seq + 1, at, 'stopped', NULL, NULL, "
        """'{"reason": "the power failed", "what_to_do": "resume"}', NULL, hash """
        "FROM facts ORDER BY seq DESC LIMIT 1"
    )
    copy = shutil.copytree(run, runs.parent / "crashed")
    held.close()
    assert (copy / "journal.sqlite-wal").stat().st_size > 0
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert ["the power failed"] == mms.audit(copy)["stopped"].tolist()
    assert before == {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
