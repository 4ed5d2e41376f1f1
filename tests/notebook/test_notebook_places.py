"""Notebooks run where people open them, and their runs lie in one place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import ROOT, account_at, planned
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox

EVERY = ["tour", "campaign", "audit", "compare", "reconcile"]
"""In this order: the later ones look at the runs of the earlier ones."""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's client


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are quiet, and import this package wherever they are started."""
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What git keeps of this repository, as somebody has just cloned it."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in (".gitignore", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("mmsbatch", "notebooks", "data/samples"):
        unwanted = shutil.ignore_patterns("__pycache__", "data", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def in_jupyter(path: Path) -> None:
    """Run a notebook as JupyterLab and VS Code do: in the notebook's own folder."""
    notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=120, resources=place).execute()


def with_papermill(path: Path) -> None:
    """Run a notebook with papermill alone, from the current folder."""
    papermill.execute_notebook(path, f"{path.stem}-executed.ipynb", progress_bar=False)


def with_the_command(path: Path) -> None:
    """Run one of the package's notebooks by its name, from the current folder."""
    done = CliRunner().invoke(app, ["notebook", path.stem])
    assert done.exit_code == 0, done.output


def sent_earlier(run: Path) -> None:
    """Make the run that `compare` finds before the one of `campaign`."""
    with Sandbox() as sandbox:
        mms.send(planned(900), account_at(sandbox), run=run)


def run_all(runs: Path, notebooks: Path, execute: Callable[[Path], None]) -> None:
    """Run every notebook as it is, and look where the runs are."""
    sent_earlier(runs / "noel-2025")
    for name in EVERY:
        execute(notebooks / f"{name}.ipynb")
    assert sorted(mms.audit(runs)["run"]) == ["noel-2025", "noel-2026", "tour"]
    assert mms.status(runs / "noel-2026").outcomes["accepted"] == 881


def changed(clone: Path) -> str:
    """Return what git would take into the next commit."""
    words = ["git", "status", "--porcelain", "--untracked-files=all"]
    told = subprocess.run(words, cwd=clone, check=True, capture_output=True, text=True).stdout
    return "".join(f"{line}\n" for line in told.splitlines() if not line.startswith("A  "))


@pytest.mark.full
def test_in_a_clone_they_run_in_their_own_folder(clone: Path) -> None:
    """As JupyterLab opens them; the runs are the clone's, and git sees nothing new."""
    run_all(clone / "data" / "runs", clone / "notebooks", in_jupyter)
    assert not (clone / "notebooks" / "data").exists()
    assert changed(clone) == ""


@pytest.mark.full
def test_a_copy_runs_in_any_folder(tmp_path: Path) -> None:
    """As somebody who was sent the notebooks by mail opens them."""
    copies = tmp_path / "copies"
    shutil.copytree(ROOT / "notebooks", copies)
    run_all(copies / "data" / "runs", copies, in_jupyter)


@pytest.mark.full
def test_papermill_runs_them_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a scheduler does, which has a folder of its own."""
    monkeypatch.chdir(tmp_path)
    run_all(tmp_path / "data" / "runs", ROOT / "notebooks", with_papermill)


@pytest.mark.full
@pytest.mark.skipif(not shutil.which("uv"), reason="needs uv, which builds the wheel")
def test_the_wheel_runs_them_by_name_from_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `pip install`; the installed package stays as it is."""
    words = ["uv", "build", "--wheel", "-q", "--offline", "--out-dir", str(tmp_path / "dist")]
    subprocess.run(words, cwd=ROOT, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    installed = tmp_path / "installed"
    shutil.unpack_archive(wheel, installed, "zip")
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    before = sorted(installed.rglob("*"))
    empty = tmp_path / "empty"
    empty.mkdir()

    def from_the_wheel(path: Path) -> None:
        words = [sys.executable, "-m", "mmsbatch", "notebook", path.stem]
        done = subprocess.run(words, cwd=empty, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    where = [sys.executable, "-c", "import mmsbatch as mms; print(mms.sample('crm.csv'))"]
    told = subprocess.run(where, cwd=empty, check=True, capture_output=True, text=True).stdout
    assert Path(told.strip()) == installed / "mmsbatch" / "_samples" / "crm.csv"
    runs = empty / "data" / "runs"
    run_all(runs, ROOT / "notebooks", from_the_wheel)
    assert (runs / "noel-2026" / "notebooks" / "campaign-1.ipynb").is_file()
    assert (runs / ".notebooks" / "audit-1.ipynb").is_file()
    assert [path.name for path in empty.iterdir()] == ["data"]
    assert sorted(installed.rglob("*")) == before


# ----- one name, one run -------------------------------------------------------------------------


@pytest.mark.full
def test_one_name_sends_once_from_two_folders_of_a_clone(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command in the clone's folder, then the notebook in its own."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        monkeypatch.chdir(clone)
        with_the_command(Path("campaign"))
        sent = len(sandbox.requests)
        assert sent > 0
        in_jupyter(clone / "notebooks" / "campaign.ipynb")
        assert len(sandbox.requests) == sent


@pytest.mark.parametrize("mark", [".git", "pyproject.toml"])
def test_a_project_has_one_folder_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    """From each of its folders, whether there are runs yet or not."""
    (tmp_path / mark).touch()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "a", deep):
        monkeypatch.chdir(folder)
        assert mms.runs_folder() == tmp_path / "data" / "runs"


def test_without_a_project_runs_above_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is only named data/runs is somebody else's."""
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    (tmp_path / "data" / "runs" / "other").mkdir(parents=True)
    assert mms.runs_folder() == below / "data" / "runs"
    sent_earlier(tmp_path / "data" / "runs" / "noel-2025")
    assert mms.runs_folder() == tmp_path / "data" / "runs"


@pytest.mark.parametrize("mark", ["pyproject.toml", "data"])
def test_runs_in_two_places_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    """In a project or not: a name could be a run in each."""
    below = tmp_path / "notebooks"
    sent_earlier(below / "data" / "runs" / "noel-2025")
    if mark == "data":
        sent_earlier(tmp_path / "data" / "runs" / "noel-2024")
    else:
        (tmp_path / mark).touch()
    monkeypatch.chdir(below)
    with pytest.raises(mms.InputError, match="could be sent twice") as refused:
        mms.runs_folder()
    for folder in (tmp_path, below):
        assert str(folder / "data" / "runs") in str(refused.value)


def test_a_folder_that_is_given_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the current folder, as any path."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert mms.runs_folder("runs") == tmp_path / "below" / "runs"
    assert mms.runs_folder(tmp_path) == tmp_path


def test_no_run_is_kept_in_the_package(tmp_path: Path) -> None:
    """Where somebody opens the notebooks that pip has installed."""
    installed = tmp_path / "mmsbatch"
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mmsbatch", installed, ignore=unwanted)
    shutil.copytree(ROOT / "notebooks", installed / "_notebooks")
    told = subprocess.run(
        [sys.executable, "-c", "import mmsbatch as mms; mms.runs_folder()"],
        cwd=installed / "_notebooks",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "copy the notebook into a folder of yours" in told.stderr


# ----- the samples -------------------------------------------------------------------------------


def test_a_sample_that_is_not_there_is_named_with_the_nearest() -> None:
    """And the samples that are there."""
    with pytest.raises(mms.InputError, match=r"Did you mean 'crm\.csv'") as refused:
        mms.sample("crm.cvs")
    assert "soldes.toml" in str(refused.value)


def test_the_samples_reach_nobody_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign that was forgotten is not the sample's."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["notebook", "campaign", "-p", "target=live"])
    assert done.exit_code == 2
    assert "the samples are for the sandbox" in done.stderr


@pytest.mark.parametrize(
    ("path", "kept_out"),
    [
        ("data/runs/noel/plan.parquet", True),
        ("notebooks/data/runs/noel/plan.parquet", True),
        ("a/b/data/runs/.forget-key", True),
        ("notebooks/runs/.failed/noel-campaign-1.ipynb", True),
        ("notebooks/runs/.notebooks/audit-1.ipynb", True),
        ("checked.csv", True),
        ("data/samples/crm.csv", False),
        ("notebooks/tour.ipynb", False),
    ],
)
def test_git_keeps_peoples_numbers_out(clone: Path, path: str, kept_out: bool) -> None:
    """`git add .` after a notebook, wherever its kernel was."""
    done = subprocess.run(["git", "check-ignore", "-q", "--no-index", path], cwd=clone, check=False)
    assert kept_out == (done.returncode == 0)
