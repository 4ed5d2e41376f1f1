"""Notebooks are stored without outputs, and run from top to bottom as papermill runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import nbclient
import nbformat
import pandas as pd
import papermill
import pytest
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import ROOT, fictional, planned
from mmsbatch.cli import app
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.sqlite import SqliteJournal
from mmsbatch.notebook.parameters import declared
from mmsbatch.sandbox import Sandbox, SandboxOptions

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SAMPLES = ROOT / "data" / "samples"
PASSCODE = "Ge7-heim"

RAW_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?:\+?33|0)?[\s.-]*6[\s.-]?39[\s.-]?98(?:[\s.-]?\d\d){2}(?!\w)"
)
"""The block that all these people are in, in any notation; not a piece of a hash."""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's client


@pytest.fixture(autouse=True)
def quiet_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_has_no_outputs(path: Path) -> None:
    """An output may hold somebody's phone number."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert sum("parameters" in cell["metadata"].get("tags", []) for cell in code) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_parameter_says_its_type_and_what_it_is(path: Path) -> None:
    """`mmsbatch notebook` checks the one and shows the other."""
    for name, parameter in papermill.inspect_notebook(path).items():
        assert parameter["inferred_type_name"] != "None", name
        assert parameter["help"], name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_papermill_sees_every_parameter(path: Path) -> None:
    """Its own pattern reads them, so that `--help-notebook` lists them and no name is unknown."""
    cell = next(
        cell
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["metadata"].get("tags") == ["parameters"]
    )
    assert papermill.inspect_notebook(path).keys() == declared("".join(cell["source"])).keys()


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=() if path.stem == "campaign" else pytest.mark.full)
        for path in NOTEBOOKS
    ],
    ids=lambda path: path.stem,
)
def test_a_misspelt_parameter_is_refused_under_plain_papermill(path: Path, tmp_path: Path) -> None:
    """By the notebook itself, before anything is read; the nearest name is given."""
    first = next(iter(papermill.inspect_notebook(path)))
    words = [sys.executable, "-m", "papermill", str(path), "out.ipynb", "-p", f"{first}x", "y"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"this notebook has no parameter '{first}x'. Did you mean '{first}'?" in done.stderr
    assert not (tmp_path / "data").exists()


def test_an_expected_error_is_short_and_the_traceback_is_a_word_away(tmp_path: Path) -> None:
    """What a person has to do stands alone; `%tb` gives the frames."""
    cells = ["import mmsbatch as mms", "mms.read_contacts('nowhere.csv')", "%tb"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])  # type: ignore[no-untyped-call]
    where = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", allow_errors=True, resources=where
    )
    client.execute()
    short, whole = ("\n".join(cell.outputs[0]["traceback"]) for cell in notebook.cells[1:])
    assert short.splitlines() == [
        "ContactsError: nowhere.csv: there is no such file.",
        "(%tb shows where it came from)",
    ]
    assert "in read_contacts" in whole


def execute(name: str, out: Path, **parameters: object) -> str:
    """Run a notebook as papermill does; return the executed copy's text."""
    papermill.execute_notebook(
        ROOT / "notebooks" / f"{name}.ipynb", out, parameters=parameters, progress_bar=False
    )
    return out.read_text(encoding="utf-8")


TOMORROW = """
from datetime import datetime, timedelta
import time_machine
time_machine.travel(datetime.now() + timedelta(days=1)).start()
open("tomorrow.txt", "w").write(str(datetime.now().date()))
"""


def test_the_tour_runs_and_again_the_day_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a newcomer opens first: its figures are printed, and nobody gets anything twice."""
    words = ["notebook", "tour", "-p", f"runs_dir={tmp_path / 'runs'}"]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.output
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "tomorrow.py").write_text(TOMORROW, encoding="utf-8")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    second = CliRunner().invoke(app, words)
    assert second.exit_code == 0, second.output
    for done in (first, second):
        assert "881  accepted" in done.stdout
    copies = sorted((tmp_path / "runs" / ".notebooks").glob("tour-*.ipynb"))
    assert len(copies) == 2
    executed = "".join(copy.read_text(encoding="utf-8") for copy in copies)
    assert "Warning" not in executed
    assert (tmp_path / "tomorrow.txt").read_text() > str(datetime.now().astimezone().date())
    results = pd.read_parquet(tmp_path / "runs" / "tour" / "results.parquet")
    assert dict(results["mms_outcome"].value_counts()[lambda count: count > 0]) == {
        "accepted": 881,
        "suppressed": 370,
        "invalid": 223,
        "duplicate": 26,
    }
    assert not RAW_NUMBER.findall(executed)


# ----- a campaign that recurs --------------------------------------------------------------------


class Weeks:
    """Weekly executions of the campaign against one gateway that outlives them."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.executed: list[Path] = []
        self._seen = 0

    def execute(self, name: str, **parameters: object) -> None:
        """Run a notebook; the executed copy is kept, whatever becomes of it."""
        out = self.folder / f"executed-{len(self.executed)}.ipynb"
        self.executed.append(out)
        execute(name, out, runs_dir=str(self.folder / "runs"), **parameters)

    def send(self, day: str, start: int) -> None:
        """Run the campaign of the week of this day, for 1,000 people from the start-th on."""
        contacts = self.folder / f"contacts-{start}.csv"
        pd.DataFrame({"mobile": fictional(1000, start)}).to_csv(contacts, index=False)
        self.execute(
            "campaign",
            run="weekly-{date:%G-W%V}",
            date=day,
            contacts=str(contacts),
            campaign="weekly",
            message="Bonjour",
        )

    def reached(self) -> Counter[str]:
        """Count how often each number was sent to since the last time this was asked."""
        sent = self.sandbox.ledger[self._seen :]
        self._seen += len(sent)
        return Counter(f"0{delivery.number.removeprefix('33')}" for delivery in sent)


@pytest.fixture
def weeks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Weeks]:
    """A gateway that does not answer the thirteenth request, the third one of the third week."""
    options = SandboxOptions(passcode=PASSCODE)  # type: ignore[arg-type]  # pydantic makes it secret
    with Sandbox(options=options, faults={13: "stall"}) as sandbox:
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        monkeypatch.setenv("MMSBATCH_PASSCODE", PASSCODE)
        yield Weeks(tmp_path, sandbox)
        sandbox.release()


def kill_sender(run: Path, sandbox: Sandbox, requests: int) -> None:
    """Kill the process that sends a run, once so many requests have arrived."""
    assert sandbox.wait_for(requests, 60)
    with SqliteJournal(run / "journal.sqlite") as journal:
        (started,) = (fact for fact in journal.facts() if fact.kind is FactKind.STARTED)
    os.kill(started.data["pid"], signal.SIGKILL)


def test_a_campaign_recurs_for_three_weeks(weeks: Weeks) -> None:
    """Week 1, and again; week 2; a crash in week 3, and everything after it."""
    everybody = Counter(fictional(1000))
    weeks.send("2026-11-23", start=0)
    assert weeks.reached() == everybody
    weeks.send("2026-11-25", start=0)
    assert weeks.reached() == Counter()

    weeks.send("2026-11-30", start=500)
    assert weeks.reached() == Counter(fictional(1000, 500))

    run = weeks.folder / "runs" / "weekly-2026-W50"
    killer = threading.Thread(target=kill_sender, args=(run, weeks.sandbox, 13))
    killer.start()
    with pytest.raises(DeadKernelError):
        weeks.send("2026-12-07", start=0)
    killer.join()
    with pytest.raises(PapermillExecutionError) as doubt:
        weeks.send("2026-12-08", start=0)
    assert doubt.value.ename == "RunInDoubt"
    weeks.execute("reconcile", run=run.name, confirm=True)
    weeks.send("2026-12-09", start=0)
    assert weeks.reached() == everybody
    outcomes = mms.results(run)["mms_outcome"].value_counts()
    assert (outcomes["accepted"], outcomes["unreported"]) == (800, 200)

    assert_nothing_leaked(weeks.executed)
    assert [(run.parent / name).is_dir() for name in week_names()] == [True, True, True]


def week_names() -> list[str]:
    return [f"weekly-2026-W{week}" for week in (48, 49, 50)]


def assert_nothing_leaked(executed: list[Path]) -> None:
    """Neither the passcode nor anybody's number is in an executed copy, tracebacks included."""
    for path in executed:
        text = path.read_text(encoding="utf-8")
        assert PASSCODE not in text, path
        assert not RAW_NUMBER.findall(text), path


def test_the_audit_and_the_comparison_of_two_weeks(weeks: Weeks) -> None:
    """An auditor opens the executed copies a year later."""
    account = mms.Account("demo", PASSCODE, weeks.sandbox.url, target="sandbox")
    for week, start in ((48, 0), (49, 500)):
        run = weeks.folder / "runs" / f"weekly-2026-W{week}"
        mms.send(planned(numbers=fictional(1000, start)), account, run=run, again=True)
    weeks.execute("audit")
    weeks.execute("compare", run="weekly-2026-W49")
    audit, compare = weeks.executed[-2:]
    assert "weekly-2026-W48" in audit.read_text(encoding="utf-8")
    assert "weekly-2026-W48" in compare.read_text(encoding="utf-8")
    assert_nothing_leaked(weeks.executed)


def test_a_campaign_beyond_its_limits_fails_before_it_sends(weeks: Weeks) -> None:
    """And the executed copy says which limit, and what to do."""
    with pytest.raises(PapermillExecutionError) as refused:
        weeks.execute(
            "campaign",
            run="noel",
            contacts=str(SAMPLES / "crm.csv"),
            campaign=str(SAMPLES / "noel.toml"),
            max_problem_share=0.1,
        )
    assert refused.value.ename == "PlanError"
    assert "max_problem_share" in refused.value.evalue
    assert weeks.reached() == Counter()
