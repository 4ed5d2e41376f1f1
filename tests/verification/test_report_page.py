"""A run in one page: the figures are the run's own, numbers are masked, nothing is loaded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.cli import app
from mmsbatch.errors import RunInDoubt
from mmsbatch.sandbox import Sandbox


@pytest.fixture
def doubtful(run: Path) -> Path:
    """A run of 500 whose second request was in doubt, and then settled by a person."""
    with Sandbox(faults={2: "close:after"}) as sandbox:
        account = account_at(sandbox)
        with pytest.raises(RunInDoubt):
            mms.send(planned(500), account, run=run)
        mms.settle(run, 2, "sent", "the back office shows it")
        mms.resume(run, account)
    return run


def test_the_page_says_what_the_run_says(doubtful: Path) -> None:
    made = mms.report(doubtful)
    told = made.to_json()
    assert told["outcomes"] == mms.status(doubtful).outcomes
    assert told["holds"]
    assert sum(hour["recipients"] for hour in told["hours"]) == 500
    assert sum(hour["requests"] for hour in told["hours"]) == 3
    (settled,) = [line for line in made.evidence if "request 2 settled as sent" in line]
    assert "the back office shows it" in settled
    shown = repr(made)
    for word in ("outcomes", "left", "evidence", "preview", "holds", "(Paris)"):
        assert word in shown


def test_the_page_is_whole_and_shows_no_number(doubtful: Path, tmp_path: Path) -> None:
    """A manager opens it without installing anything, and it asks nothing of anybody."""
    out = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["report", str(doubtful), "--html", str(out)])
    assert done.exit_code == 0, done.output
    text = out.read_text("utf-8")
    tree: Any = html.fromstring(text)
    assert [] == [e for e in tree.iter("script", "img", "link") if e.get("src") or e.get("href")]
    assert not re.search(r"063998\d{4}|33639980\d{3}", re.sub(r"[ .]", "", done.stdout))
    assert "+33 6 39 98 •• ••" in text
    assert json.loads(CliRunner().invoke(app, ["report", str(doubtful), "--json"]).stdout)["holds"]


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(tmp_path / "nowhere")])
    assert (done.exit_code, "nowhere" in done.stderr) == (2, True)
