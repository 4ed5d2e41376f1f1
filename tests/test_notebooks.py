"""Notebooks are stored without outputs, and run from top to bottom as papermill runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import papermill
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SAMPLES = ROOT / "data" / "samples"

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


def execute(name: str, out: Path, **parameters: str) -> str:
    """Run a notebook as papermill does; give the executed copy's text."""
    papermill.execute_notebook(
        ROOT / "notebooks" / f"{name}.ipynb", out, parameters=parameters, progress_bar=False
    )
    return out.read_text(encoding="utf-8")


def test_the_recurring_campaign_sends_and_the_audit_sees_it(tmp_path: Path) -> None:
    """Parameters in, files out; the executed copies hold no passcode."""
    executed = execute(
        "campaign",
        tmp_path / "executed.ipynb",
        run="weekly",
        contacts=str(SAMPLES / "crm.xlsx"),
        campaign=str(SAMPLES / "noel.toml"),
        runs_dir=str(tmp_path / "runs"),
    )
    results = pd.read_parquet(tmp_path / "runs" / "weekly" / "results.parquet")
    assert len(results) == 1500
    assert results["mms_outcome"].eq("accepted").sum() > 1100
    assert '"status": "failed"' not in executed
    audited = execute("audit", tmp_path / "audit.ipynb", runs_dir=str(tmp_path / "runs"))
    assert "weekly" in audited


def test_the_tour_runs(tmp_path: Path) -> None:
    """What a newcomer opens first."""
    execute(
        "tour",
        tmp_path / "tour.ipynb",
        contacts=str(SAMPLES / "crm.csv"),
        runs_dir=str(tmp_path / "runs"),
    )
    assert (tmp_path / "runs" / "tour" / "results.parquet").exists()
