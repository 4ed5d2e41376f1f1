"""`mmsbatch notebook`: what papermill lets pass is refused, and the executed copy is kept."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

import mmsbatch as mms
from conftest import SERVICE, fictional
from mmsbatch.cli import app
from mmsbatch.notebook.parameters import REQUIRED, declared, given, refuse_credentials, without
from mmsbatch.sandbox import Sandbox, SandboxOptions

PASSCODE = "p@ss/word 7"
PARAMETERS = """\
# what the tests give
run: str | None = "tests"  # a name; date = in it
date: str | None = None
target: str = "sandbox"
count: int = 2
limit: int | None = 10
share: "float | None" = None
sure: bool = False
phone: str | list[str] | None = None
runs_dir: str = "runs"
"""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's client


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands run in a folder of their own."""
    monkeypatch.chdir(tmp_path)


def written(path: Path, *cells: str, parameters: str = PARAMETERS) -> str:
    """Write a notebook with a parameters cell; return its path."""
    tags = [["parameters"], *([] for _ in cells)]
    blank: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
    whole = {
        "cells": [
            {**blank, "id": f"cell-{place}", "source": source, "metadata": {"tags": tag}}
            for place, (source, tag) in enumerate(zip([parameters, *cells], tags, strict=True))
        ],
        "metadata": {"kernelspec": {"name": "python3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(whole))
    return str(path)


def call(name: str, *words: str, out: str | None = None, as_json: bool = False) -> Result:
    line = ["notebook", name, *(part for word in words for part in ("-p", word))]
    line += ["--out", out] if out else []
    return CliRunner().invoke(app, [*line, "--json"] if as_json else line)


def outputs(path: Path) -> str:
    """Return what the cells of an executed notebook printed."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    streams = [one for cell in cells for one in cell.get("outputs", ()) if "text" in one]
    return "".join("".join(one["text"]) for one in streams)


# ----- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("run=weekly", "weekly"),
        ("run=None", None),
        ("target=None", "None"),
        ("date=2026-11-23", "2026-11-23"),
        ("count=-3", -3),
        ("limit=None", None),
        ("limit=2000", 2000),
        ("share=1", 1.0),
        ("share=2e-1", 0.2),
        ("sure=TRUE", True),
        ("sure=false", False),
        ("phone=mobile", "mobile"),
        ("phone=['mobile', 'tel']", ["mobile", "tel"]),
        ("runs_dir=a=b", "a=b"),
    ],
)
def test_a_value_is_read_as_the_type_that_is_declared(word: str, value: object) -> None:
    """None only where it may be; text stays text, with every = after the first."""
    read = given([word], declared(PARAMETERS), "test.ipynb")
    assert {word.partition("=")[0]: value} == read
    assert type(value) is type(next(iter(read.values())))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["limit=many"], "limit must be None or a whole number; found 'many'"),
        (["limit=3.0"], "limit must be None or a whole number"),
        (["limit=1_000"], "limit must be None or a whole number"),
        (["count=None"], "count must be a whole number; found 'None'"),
        (["count=٣"], "count must be a whole number"),
        (["share=nan"], "share must be None or a number"),
        (["share=12%"], "share must be None or a number"),
        (["sure=1"], "sure must be true or false"),
        (["date="], "date must be None or a text; found ''; leave it out"),
        (["runs_dri=x"], "no parameter 'runs_dri'. Did you mean 'runs_dir'? It takes run, date,"),
        (["Limit=3"], "no parameter 'Limit'. Did you mean 'limit'?"),
        (["limit"], "-p takes name=value; found 'limit'"),
        (["limit=3", "limit=3"], "limit is given twice"),
        (["run=x/y"], "a run's name is a folder's"),
        (["run=weekly-{date:%G-W%V}"], "needs a date"),
        (["run=weekly-{dte:%G-W%V}", "date=2026-11-23"], "Did you mean 'date'?"),
    ],
)
def test_what_papermill_would_let_pass_is_an_error_before_anything_runs(
    words: list[str], said: str, tmp_path: Path
) -> None:
    """Exit code 2, no kernel and no file."""
    notebook = written(tmp_path / "own.ipynb")
    result = call(notebook, *words)
    assert 2 == result.exit_code
    assert said in result.stderr
    assert ["own.ipynb"] == [path.name for path in tmp_path.iterdir()]


def test_the_campaign_notebook_refuses_a_misspelt_limit(tmp_path: Path) -> None:
    """The one mistake that would reach more people than meant."""
    result = call("campaign", "max_recipient=10")
    assert (2, []) == (result.exit_code, list(tmp_path.iterdir()))
    assert "campaign.ipynb has no parameter 'max_recipient'. Did you mean 'max_recipients'?" in (
        result.stderr
    )
    assert 2 == call("campaign", "max_recipients=many").exit_code


def test_a_parameters_cell_is_read_as_python() -> None:
    """Annotations of every spelling, defaults that are computed or missing."""
    cell = """
from typing import Optional
needed: int
maybe: Optional[float] = None
plain = "text"
number = 3
open_ = None
where: Path = Path("x")
long: str = (
    "a = b"  # c = d
)
"""
    found = declared(cell)
    types = {name: one.types for name, one in found.items()}
    everything = types["open_"]
    assert types == {
        "needed": ("int",),
        "maybe": ("None", "float"),
        "plain": ("str",),
        "number": ("int",),
        "open_": everything,
        "where": everything,
        "long": ("str",),
    }
    assert ("None", "bool", "int") == everything[:3]
    assert REQUIRED is found["needed"].default
    assert "a = b" == found["long"].default
    with pytest.raises(mms.InputError, match="needs its parameter needed"):
        given([], found, "test.ipynb")


# ----- credentials -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        "passcode=abc",
        "PASSCODE=abc",
        "my_password=abc",
        "clientcode=abc",
        "MMSBATCH_URL=abc",
        "api_token=abc",
        "client_secret=abc",
        f"message={PASSCODE}",
        f"message=look: {PASSCODE}!",
        f"{PASSCODE}",
        "contacts=sftp://me:abc@crm.example.com/export.csv",
    ],
)
def test_a_credential_is_refused_and_not_shown(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, by its value, or inside of an address; the message names the environment."""
    monkeypatch.setenv("MMSBATCH_PASSCODE", PASSCODE)
    result = call("campaign", word)
    assert 2 == result.exit_code
    assert "The account comes from the environment" in result.stderr
    assert PASSCODE not in result.output
    assert "abc" not in result.output


def test_a_short_passcode_is_no_part_of_every_word() -> None:
    """Who tries things out with the sandbox's `demo` may still write about a demonstration."""
    refuse_credentials(["run=demo-2026", "contacts=https://example.com/a@b.csv"], ["demo", ""])
    with pytest.raises(mms.InputError, match="passcode"):
        refuse_credentials(["message=demo"], ["demo"])


def test_a_secret_is_taken_out_of_texts_and_not_of_pictures() -> None:
    """In base64, a short passcode may stand by chance."""
    shown = {"data": {"text/plain": ["a demo"], "image/svg+xml": "demo", "image/png": "Xdemo"}}
    hidden = {"data": {"text/plain": ["a ••••"], "image/svg+xml": "••••", "image/png": "Xdemo"}}
    assert hidden == without(["demo"], shown)
    assert shown == without([], shown)


# ----- which notebook, and where its copy goes ---------------------------------------------------


def test_a_notebook_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    """One of the package's own by name, any other by its file."""
    assert "Did you mean 'campaign'?" in call("campain").stderr
    assert "own.ipynb is no notebook" in call("own.ipynb").stderr
    (tmp_path / "own.ipynb").write_text("print('no notebook')")
    assert "cannot be read as a notebook" in call("own.ipynb").stderr


def test_a_copy_needs_a_place_that_is_free(tmp_path: Path) -> None:
    """An existing file is not written over; without runs_dir a place must be given."""
    notebook = written(tmp_path / "own.ipynb", parameters="x: int = 1")
    assert "give --out FILE.ipynb" in call(notebook).stderr
    assert "is not written over" in call(notebook, out=notebook).stderr
    assert "ends in .ipynb" in call(notebook, out="out.html").stderr
    assert "there is no folder none" in call(notebook, out="none/out.ipynb").stderr
    assert ["own.ipynb"] == [path.name for path in tmp_path.iterdir()]


def test_without_the_extra_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that only sends needs no papermill; it is an extra."""
    monkeypatch.setitem(sys.modules, "papermill", None)
    result = call(written(tmp_path / "own.ipynb"))
    assert 2 == result.exit_code
    assert f"`{sys.executable} -m pip install jupyter papermill matplotlib`" in result.stderr


# ----- with a kernel -----------------------------------------------------------------------------

LEAK = """
import os, sys
from urllib.parse import quote_plus
passcode = os.environ["MMSBATCH_PASSCODE"]
print("ran in", sys.executable, type(limit).__name__, limit)
print(passcode, quote_plus(passcode), file=sys.stderr)
{"shown": passcode}
"""
FAIL = """
class RunInDoubt(Exception): ...
raise RunInDoubt(f"200 rows are in doubt, says {passcode}")
"""


def test_no_secret_is_in_the_copy_and_the_kernel_is_this_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a cell prints or raises, and whatever is installed as the kernel `python3`."""
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "x", "language": "python"}
    (tmp_path / "jupyter" / "kernels" / "python3").mkdir(parents=True)
    (tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MMSBATCH_PASSCODE", PASSCODE)
    result = call(written(tmp_path / "own.ipynb", LEAK, FAIL), "limit=7", as_json=True)
    assert 3 == result.exit_code  # the error's name decides
    error = json.loads(result.stdout)["error"]
    assert "RunInDoubt" == error["type"]
    assert "200 rows are in doubt, says ••••" in error["message"]
    assert "runs/.failed/tests-own-1.ipynb" in error["message"]
    copy = tmp_path / "runs" / ".failed" / "tests-own-1.ipynb"
    text = copy.read_text(encoding="utf-8")
    assert 0o600 == stat.S_IMODE(copy.stat().st_mode)
    assert f"ran in {sys.executable} int 7\n" in outputs(copy)
    assert (
        str(copy.relative_to(tmp_path)) == json.loads(text)["metadata"]["papermill"]["output_path"]
    )
    for secret in (PASSCODE, "p%40ss"):
        assert secret not in text
        assert secret not in result.output
    assert [copy] == [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]


def test_a_week_is_one_run_and_every_execution_leaves_its_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The campaign's own notebook: sent once in a week, two copies, and the run still holds."""
    contacts = tmp_path / "export.csv"
    contacts.write_text("\n".join(["id;mobile", *(f"1;{number}" for number in fictional(250))]))
    words = ["run=weekly-{date:%G-W%V}", f"contacts={contacts}", f"campaign={SERVICE}"]
    with Sandbox(options=SandboxOptions(passcode=SecretStr(PASSCODE))) as sandbox:
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        monkeypatch.setenv("MMSBATCH_PASSCODE", PASSCODE)
        first = call("campaign", *words, "date=2026-11-23", as_json=True)
        assert (0, 2) == (first.exit_code, len(sandbox.requests))
        again = call("campaign", *words, "date=2026-11-26", "not_after=2020-01-01")
        assert (0, 2) == (again.exit_code, len(sandbox.requests))
        late = call("campaign", *words, "date=2026-11-30", "not_after=2020-01-01")
        assert (2, 2) == (late.exit_code, len(sandbox.requests))
    run = Path("data", "runs")
    copies = [run / "weekly-2026-W48" / "notebooks" / f"campaign-{n}.ipynb" for n in (1, 2)]
    assert {
        "notebook": "campaign",
        "executed": str(copies[0]),
        "run": mms.status(run / "weekly-2026-W48").to_json(),
    } == json.loads(first.stdout)
    assert str(copies[1]) in again.stdout
    failed = run / ".failed" / "weekly-2026-W49-campaign-1.ipynb"
    assert "nothing was sent" in late.stderr
    assert str(failed) in late.stderr
    assert mms.verify(run / "weekly-2026-W48").holds
    assert ["weekly-2026-W48"] == list(mms.audit(run)["run"])
    for copy in (*copies, failed):
        assert 0o600 == stat.S_IMODE(copy.stat().st_mode)
        assert PASSCODE not in copy.read_text(encoding="utf-8")
    assert PASSCODE not in first.output + again.output + late.output


def test_the_first_signal_ends_the_cell_and_the_notebook_goes_on(tmp_path: Path) -> None:
    """As a run ends after its request: what the cells behind show is still wanted."""
    os.mkfifo(tmp_path / "ready")
    waits = """
import signal
try:
    open("ready", "w").close()
    signal.pause()
except KeyboardInterrupt:
    told = "interrupted"
"""
    notebook = written(tmp_path / "own.ipynb", waits, "print(told)", parameters="")
    command = [sys.executable, "-m", "mmsbatch", "notebook", notebook]
    with subprocess.Popen(
        [*command, "--out", "out.ipynb"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        (tmp_path / "ready").read_text()  # until the cell runs
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert 0 == process.returncode
    assert "mmsbatch: stopping after the current request; again to break it off\n" == told
    assert "interrupted\n" == outputs(tmp_path / "out.ipynb")


def test_a_kernel_that_dies_is_an_error_with_the_cells_before_it(tmp_path: Path) -> None:
    """Out of memory, say: no error of a cell, and the run says what became of it."""
    notebook = written(tmp_path / "own.ipynb", "print('before')", "import os; os._exit(1)")
    result = call(notebook, "target=live")
    assert 4 == result.exit_code
    assert "own failed with DeadKernelError: Kernel died. Its run was not begun" in result.stderr
    assert "before\n" == outputs(tmp_path / "runs" / ".failed" / "tests-own-1.ipynb")


SENDS_ELSEWHERE = """
import mmsbatch as mms, pandas as pd
people = mms.prepare(pd.DataFrame({"mobile": ["0639980012"]}), phone="mobile", fictional=True)
plan = mms.plan(people, mms.Campaign("own", mms.Text("Bonjour")))
print(len(mms.send(plan, mms.Account.from_env(target), run=f"{runs_dir}/{run}-north")))
"""


def test_that_nothing_was_sent_is_said_only_where_it_is_known(tmp_path: Path) -> None:
    """Somebody's own notebook may send as a run of its own naming, and fail after it."""
    notebook = written(tmp_path / "own.ipynb", SENDS_ELSEWHERE, "1 / 0")
    result = call(notebook)
    assert {"accepted": 1} == mms.status(tmp_path / "runs" / "tests-north").outcomes
    assert 4 == result.exit_code
    assert "nothing was sent" not in result.stderr
    assert "`mmsbatch audit runs` tells" in result.stderr


def test_a_copy_goes_to_another_filesystem(tmp_path: Path) -> None:
    """A rename does not reach there; on a machine with one filesystem this shows less."""
    memory = Path("/dev/shm")  # noqa: S108  (a folder is made in it)
    apart = memory.is_dir() and memory.stat().st_dev != tmp_path.stat().st_dev
    with tempfile.TemporaryDirectory(dir=memory if apart else None) as folder:
        out = Path(folder) / "own.ipynb"
        result = call(written(tmp_path / "own.ipynb", "print(6 * 7)"), out=str(out))
        assert (0, "42\n") == (result.exit_code, outputs(out))
        assert str(out) in result.stdout
        assert 0o600 == stat.S_IMODE(out.stat().st_mode)
        assert [out] == list(out.parent.iterdir())


def test_papermill_by_itself_takes_the_same_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is a convenience; a scheduler that has papermill needs nothing else."""
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    import papermill  # noqa: PLC0415

    notebook = written(tmp_path / "own.ipynb", "print(run, limit)")
    values: dict[str, Any] = {"run": "alone", "limit": 3}
    papermill.execute_notebook(notebook, "out.ipynb", values, progress_bar=False)
    assert "alone 3\n" == outputs(tmp_path / "out.ipynb")
