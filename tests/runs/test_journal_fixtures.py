"""Runs that earlier versions left, read by this one: what they said then is what they say now.

Made by ``tests/journals/make_journals.py`` with the real sender, a folder for each version.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any, Final

import pytest

from conftest import TESTS

JOURNALS: Final = TESTS / "journals"
RUNS: Final = sorted(path.with_suffix("") for path in JOURNALS.glob("*/*.json"))

sys.path.insert(0, str(JOURNALS))
from make_journals import expectations, finished  # noqa: E402  (beside the journals)


@pytest.fixture(params=RUNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Return a run in a folder of its own, private as a run's is, and what it said."""
    source: Path = request.param
    run = tmp_path / f"{source.name}-made"
    shutil.copytree(source, run)
    run.chmod(0o700)
    for file in run.iterdir():
        file.chmod(0o600)
    return run, json.loads(source.with_suffix(".json").read_text(encoding="utf-8"))


def test_there_are_journals() -> None:
    """Of every way a run can stand."""
    names = {path.name for path in RUNS}
    assert {
        "done",
        "in-doubt",
        "page",
        "out-of-credit",
        "refused-login",
        "retried",
        "unreported",
        "settled",
        "released",
        "killed",
    } == names


def test_a_kept_run_says_what_it_said(kept: tuple[Path, dict[str, Any]]) -> None:
    """Outcome by outcome, from plan and facts."""
    run, told = kept
    del told["after_resuming"]
    assert told == expectations(run)


def test_a_kept_run_can_be_finished(kept: tuple[Path, dict[str, Any]]) -> None:
    """Resuming serves who is left, and leaves alone who is in doubt."""
    run, told = kept
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of rows unreported, which one run has
        assert told["after_resuming"] == finished(run)


def test_no_passcode_was_kept() -> None:
    """Not even a wrong one."""
    for file in JOURNALS.glob("*/*/*"):
        assert b"wr0ng" not in file.read_bytes()
