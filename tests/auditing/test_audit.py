"""`audit`: figures that add up, drawn from the facts, for any number of runs anywhere."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from audit_runs import COST, contacts, made
from conftest import account_at, fictional
from mmsbatch.cli import app
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.sqlite import SqliteJournal
from mmsbatch.runs.locations import RunLeftOut
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.states import Request
from mmsbatch.sandbox import Sandbox, SandboxOptions

OUTCOMES = [str(word) for word in Outcome]


@pytest.fixture(scope="module")
def made_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three runs: one whole, one with a request in doubt, one out of credits."""
    folder = tmp_path_factory.mktemp("audited")
    made(folder / "lettre-1", at="2026-03-02 09:00", refused=fictional(1, start=1))
    made(folder / "noel", at="2026-04-01 09:00", campaign="noel", faults={2: "close:after"})
    made(folder / "lettre-2", at="2026-05-01 22:30", credits_left=3 * COST)
    return folder


@pytest.fixture
def runs(made_runs: Path, tmp_path: Path) -> Path:
    """Return a copy of the runs, to change."""
    shutil.copytree(made_runs, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def in_memory(made_runs: Path) -> Iterator[str]:
    """Return the runs at a URL that is no folder of this machine."""
    files = fsspec.filesystem("memory")
    files.put(f"{made_runs}/", "/archive/", recursive=True)
    yield "memory://archive"
    files.rm("/archive", recursive=True)


def test_a_row_per_run_whose_outcomes_add_up(runs: Path) -> None:
    """Oldest first; every row of every plan is in exactly one column."""
    found = mms.audit(runs)
    assert ["lettre-1", "noel", "lettre-2"] == found["run"].tolist()
    assert found["rows"].tolist() == found[OUTCOMES].sum(axis=1).tolist() == [7, 7, 7]
    assert [3, 3, 3] == found["requests"].tolist()
    assert [4, 3, 0] == found["accepted"].tolist()
    assert [1, 0, 0] == found["rejected"].tolist()
    assert [0, 2, 0] == found["in_doubt"].tolist()
    assert [0, 1, 0] == found["doubts"].tolist()
    assert [0, 0, 5] == found["pending"].tolist()
    assert {"sandbox"} == set(found["target"])


def test_the_figures_are_those_of_the_run_itself(runs: Path) -> None:
    """An audit and `status` never disagree."""
    for row in mms.audit(runs).to_dict("records"):
        status = mms.status(runs / str(row["run"]))
        assert dict(status.outcomes) == {word: row[word] for word in OUTCOMES if row[word]}
        assert status.fingerprint == row["fingerprint"]


def test_times_are_those_of_the_facts(runs: Path) -> None:
    """When it was made, when the first and the last request left."""
    row = mms.audit(runs / "lettre-1").iloc[0]
    sent = mms.results(runs / "lettre-1")["mms_sent_at"].dropna()
    assert row["opened_at"].date() == date(2026, 3, 2)
    assert row["opened_at"] <= row["first_sent_at"] == sent.min()
    assert row["last_sent_at"] == sent.max()


def test_credits_are_summed_by_execution(tmp_path: Path) -> None:
    """What was bought between two executions is not taken off what they spent."""
    made(tmp_path / "a", credits_left=3 * COST, on_doubt="stop")
    options = SandboxOptions(credits=500, cost_per_recipient=COST)
    with Sandbox(options=options) as sandbox:
        mms.resume(tmp_path / "a", account_at(sandbox), progress=False)
    row = mms.audit(tmp_path / "a").iloc[0]
    assert 5 == row["accepted"]
    heard = [
        float(credits_left)
        for credits_left in pd.read_parquet(tmp_path / "a" / "requests.parquet")["credits"].dropna()
    ]
    assert (3 * COST - heard[0]) + (500 - min(heard[1:])) == row["credits_spent"]


def test_a_run_pays_for_its_own_requests_only(tmp_path: Path) -> None:
    """Another run that begins in the midst of this one does not take its later answers over."""
    plan = mms.plan(
        mms.prepare(contacts(), phone="mobile", fictional=True),
        mms.Campaign("lettre", mms.Text("Bonjour")),
        chunk_size=2,
    )
    options = SandboxOptions(credits=500, cost_per_recipient=COST)
    with Sandbox(options=options) as own, Sandbox(options=options) as other:

        def send_another(request: Request) -> None:
            if request.number == 1:
                mms.send(plan, account_at(other), run=tmp_path / "b", again=True, progress=False)

        mms.send(plan, account_at(own), run=tmp_path / "a", progress=False, on_request=send_another)
        spent = mms.audit(tmp_path).set_index("run")["credits_spent"]
        assert {"a": 500 - own.credits, "b": 500 - other.credits} == spent.to_dict()


def test_credits_are_missing_where_the_account_was_not_heard(tmp_path: Path) -> None:
    """Nobody knows what was spent: that is not nothing."""
    prepared = mms.prepare(contacts(), phone="mobile", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("lettre", mms.Text("Bonjour")))
    with Sandbox() as sandbox:
        account = account_at(sandbox, passcode="another")
        with pytest.raises(mms.RunStopped):
            mms.send(plan, account, run=tmp_path / "run", progress=False)
    assert mms.audit(tmp_path / "run")["credits_spent"].isna().all()


def test_what_needs_a_person_says_what_to_do(runs: Path) -> None:
    """A doubt, an early end; nothing if there is nothing."""
    needs = mms.audit(runs).set_index("run")["needs_person"]
    assert "" == needs["lettre-1"]
    assert needs["noel"].startswith("2 rows in doubt (request 2): `mms.reconcile(")
    assert "stopped:" in needs["lettre-2"]
    assert f"buy credits, then `mms.resume('{runs / 'lettre-2'}', " in needs["lettre-2"]


def test_rows_that_somebody_vouched_for_need_nobody(runs: Path) -> None:
    """A doubt settled as sent is unreported, and yet it is settled."""
    mms.settle(runs / "noel", 2, "sent", "the vendor says so", moved=True)
    row = mms.audit(runs / "noel").iloc[0]
    assert (2, 0, "") == (row["unreported"], row["doubts"], row["needs_person"])


def test_missing_results_are_rebuilt_in_memory(runs: Path) -> None:
    """What a crash left unwritten is drawn from the facts; the folder stays as it was."""
    run = runs / "lettre-1"
    whole = mms.audit(run)
    (run / "results.parquet").unlink()
    (run / "requests.parquet").unlink()
    before = sorted(path.name for path in run.iterdir())
    pd.testing.assert_frame_equal(whole, mms.audit(run))
    assert before == sorted(path.name for path in run.iterdir())


def test_a_crash_before_the_results_were_written_counts_as_in_doubt(tmp_path: Path) -> None:
    """The last fact is an attempt that left: its rows are in doubt, whatever the file says."""
    run = made(tmp_path / "run", credits_left=3 * COST)
    refused = mms.results(run).query("mms_outcome == 'refused'")["mms_request"].iloc[0]
    with SqliteJournal(run / "journal.sqlite") as journal:
        facts = journal.facts()
        attempt = max(fact.attempt or 0 for fact in facts if fact.request == refused)
        journal.append(
            FactKind.SENDING,
            at=datetime(2026, 3, 3, tzinfo=UTC),
            request=int(refused),
            attempt=attempt + 1,
        )
    assert "in_doubt" not in set(pd.read_parquet(run / "results.parquet")["mms_outcome"])
    row = mms.audit(run).iloc[0]
    assert 1 == row["doubts"]
    assert row["in_doubt"] == (mms.results(run)["mms_outcome"] == "in_doubt").sum() > 0


def test_an_audit_changes_nothing(runs: Path) -> None:
    """Archives may be read-only; no log, no lock, no time of change is left behind."""

    def state() -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in runs.rglob("*")
            if path.is_file()
        }

    before = state()
    for folder in [*runs.iterdir(), runs]:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    mms.audit(runs)
    mms.history(fictional(1)[0], runs)
    mms.connect(runs).close()
    assert before == state()
    for folder in [runs, *runs.iterdir()]:
        folder.chmod(stat.S_IRWXU)


def test_a_url_gives_what_a_folder_gives(made_runs: Path, in_memory: str) -> None:
    """Any file system of fsspec, also where results have to be rebuilt."""
    fsspec.filesystem("memory").rm("/archive/noel/results.parquet")
    here, there = mms.audit(made_runs), mms.audit(in_memory)
    assert f"{in_memory.replace('memory://', 'memory:///')}/noel" == there["path"].iloc[1]
    shown = ["path", "needs_person", "stopped"]
    pd.testing.assert_frame_equal(here.drop(columns=shown), there.drop(columns=shown))
    pd.testing.assert_frame_equal(here, mms.audit(made_runs.as_uri()))


def test_several_places_are_read_each_run_once(runs: Path) -> None:
    """A folder of runs and a run in it: no run counts twice."""
    found = mms.audit([runs, runs / "noel", f"{runs}/../runs"])
    assert 3 == len(found)


def test_a_copy_of_a_run_is_named(runs: Path) -> None:
    """Totals that count a backup are wrong: it is left out, and somebody has to move it away."""
    mms.moved(runs)
    counted = mms.audit(runs)
    shutil.copytree(runs / "noel", runs / "a-backup")  # which comes first in the order of names
    with pytest.warns(RunLeftOut, match=f"a-backup is left out: a copy of {runs / 'noel'}"):
        pd.testing.assert_frame_equal(counted, mms.audit(runs))


def test_odd_names_of_folders_are_names(runs: Path) -> None:
    """Brackets, stars and quotes mean nothing."""
    (runs / "noel").rename(runs / "l'été [1]*")
    found = mms.audit(runs)
    assert 3 == found.set_index("run").loc["l'été [1]*", "accepted"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"campaign": "noel"}, ["noel"]),
        ({"outcome": "rejected"}, ["lettre-1"]),
        ({"target": "live"}, []),
        ({"since": "2026-04-01"}, ["noel", "lettre-2"]),
        ({"until": "2026-03-31"}, ["lettre-1"]),
        ({"since": date(2026, 4, 1), "until": datetime(2026, 4, 2)}, ["noel"]),  # noqa: DTZ001
        # 22:30 UTC is after midnight in Paris.
        ({"since": "2026-05-02"}, ["lettre-2"]),
        ({"until": "2026-05-01"}, ["lettre-1", "noel"]),
        ({"since": "2026-05-01T22:30:00Z"}, ["lettre-2"]),
        # A week is Monday to Sunday: in Paris the last was opened on the Saturday of W18.
        ({"since": "2026-W18"}, ["lettre-2"]),
        ({"since": "2026-W14"}, ["noel", "lettre-2"]),
        ({"until": "2026-W18"}, ["lettre-1", "noel", "lettre-2"]),
        ({"until": "2026-W17"}, ["lettre-1", "noel"]),
        ({"since": "2026-W19"}, []),
        ({"campaign": "lettre", "outcome": "accepted", "until": "2026-04-30"}, ["lettre-1"]),
    ],
)
def test_filters(runs: Path, chosen: dict[str, str], expected: list[str]) -> None:
    """By time, campaign, outcome and target, and by several at once."""
    found = mms.audit(runs, **chosen)
    assert expected == found["run"].tolist()
    assert found["rows"].sum() == found[OUTCOMES].sum().sum()


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"campaign": "noël"}, "Did you mean 'noel'?"),
        ({"outcome": "acepted"}, "Did you mean 'accepted'?"),
        ({"target": "production"}, "one of sandbox, live"),
        ({"since": "1/5/2026"}, "since must be a day, a week or a time that exists"),
        ({"since": "2026-05-01", "until": "2026-04-01"}, "no run can be between"),
    ],
)
def test_a_filter_that_is_mistyped_is_an_error(
    runs: Path, chosen: dict[str, str], said: str
) -> None:
    """An empty answer would read as: nothing was sent."""
    with pytest.raises(mms.InputError, match=said.replace("?", "[?]")):
        mms.audit(runs, **chosen)


def test_json_on_the_command_line(runs: Path) -> None:
    """One document, whose totals are the sums."""
    done = CliRunner().invoke(app, ["audit", str(runs), "--json"])
    assert 0 == done.exit_code
    told = json.loads(done.stdout)
    assert ["lettre-1", "noel", "lettre-2"] == [run["run"] for run in told["runs"]]
    assert {"accepted": 4, "rejected": 1, "invalid": 1, "duplicate": 1} == told["runs"][0][
        "outcomes"
    ]
    for word in [*OUTCOMES, "rows", "requests"]:
        assert told["totals"][word] == mms.audit(runs)[word].sum()
    assert 3 == told["totals"]["runs"]


def test_text_on_the_command_line_says_who_is_needed(runs: Path) -> None:
    """The table, its total, and what to do."""
    done = CliRunner().invoke(app, ["audit", str(runs), "--until", "2026-04-02"])
    assert 0 == done.exit_code
    assert "total" in done.stdout
    assert "mmsbatch reconcile" in done.stdout
    assert "lettre-2" not in done.stdout


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".json"])
def test_an_audit_can_be_written(runs: Path, tmp_path: Path, ending: str) -> None:
    """As a file of each kind, with the same rows."""
    out = tmp_path / f"audit{ending}"
    assert 0 == CliRunner().invoke(app, ["audit", str(runs), "--out", str(out)]).exit_code
    read = {
        ".csv": lambda: pd.read_csv(out, sep=";"),
        ".parquet": lambda: pd.read_parquet(out),
        ".json": lambda: pd.read_json(out),
    }[ending]()
    assert mms.audit(runs)["accepted"].tolist() == read["accepted"].tolist()


def test_no_formula_leaves_the_crm_by_a_csv(tmp_path: Path) -> None:
    """Neither in a cell nor in a column's name."""
    run = made(tmp_path / "run", contacts().assign(**{"=cmd()": "@SUM(1)"}))
    out = tmp_path / "out.csv"
    query = 'select "=cmd()", mms_e164, 1 as "+1" from results'
    done = CliRunner().invoke(app, ["audit", str(run), "--sql", query, "--out", str(out)])
    assert 0 == done.exit_code
    for cell in out.read_text(encoding="utf-8-sig").replace("\n", ";").split(";"):
        assert not cell.startswith(("=", "+", "-", "@")), cell
