"""Arguments of another kind: taken where it is plain what is meant, else named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import SERVICE, account_at, planned
from mmsbatch.sandbox import Sandbox


@pytest.fixture
def sent(run: Path, sandbox: Sandbox) -> Path:
    mms.send(planned(3), account_at(sandbox), run=run, progress=False)
    return run


def test_a_campaigns_path_is_its_campaign() -> None:
    """As text, as a path, or from the home folder."""
    prepared = mms.prepare(pd.DataFrame({"m": ["0639980012"]}), phone="m", fictional=True)
    by_path = mms.plan(prepared, SERVICE)
    assert by_path.fingerprint == mms.plan(prepared, str(SERVICE)).fingerprint
    assert by_path.campaign == mms.load_campaign(SERVICE)


def test_a_runs_folder_is_its_results(sent: Path) -> None:
    """A summary and the plots read them."""
    assert mms.summary(sent).outcomes == {"accepted": 3}
    assert mms.summary(str(sent)).credits is not None
    for plot in (mms.plots.outcomes, mms.plots.latency, mms.plots.credits):
        assert plot(sent).axes
    assert mms.plots.outcomes_over_time(sent).axes


@pytest.mark.parametrize("word", ["sandbox", mms.Account.from_env("sandbox").target])
def test_the_word_sandbox_is_its_account(word: Any, run: Path) -> None:
    """As `Account.from_env` takes it."""
    results = mms.send(planned(2), word, run=run, progress=False)
    assert results["mms_outcome"].tolist() == ["accepted"] * 2
    mms.resume(run, word, progress=False)


def test_the_home_folder_is_meant_by_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    """Everywhere a path is taken."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "crm.csv").write_text("mobile\n0639980012\n0639980013\n")
    (tmp_path / "stop.csv").write_text("mobile\n0639980013\n")
    (tmp_path / "c.toml").write_text(SERVICE.read_text())
    suppressed = mms.read_suppression_list("~/stop.csv")
    people = mms.prepare(mms.read_contacts("~/crm.csv"), fictional=True, suppress=suppressed)
    plan = mms.plan(people, "~/c.toml")
    mms.send(plan, account_at(sandbox), run="~/runs/noel", progress=False)
    assert (tmp_path / "runs" / "noel" / "results.parquet").exists()
    for verb in (mms.status, mms.results, mms.verify, mms.summary, mms.audit, mms.write_results):
        verb("~/runs/noel")
    assert mms.runs_folder("~/runs") == tmp_path / "runs"


UNTYPED: Any = mms
"""Type checkers refuse these calls, as they should."""
PREPARED = mms.prepare(pd.DataFrame({"m": ["0639980012"]}), phone="m", fictional=True)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: UNTYPED.plan(PREPARED, {"name": "x"}),
            r"a campaign is an mms\.Campaign or .*not dict",
        ),
        (lambda: UNTYPED.plan("crm.csv", SERVICE), r"plan takes what mms\.prepare.* gave, not str"),
        (lambda: UNTYPED.send(PREPARED, "sandbox", run="r"), "send takes a plan, not .*Prepared"),
        (lambda: UNTYPED.send(planned(1), "sandbx", run="r"), "'sandbox' or 'live', not 'sandbx'"),
        (lambda: UNTYPED.send(planned(1), 7, run="r"), "'sandbox' or 'live', not int"),
        (
            lambda: UNTYPED.preview(planned(1).campaign),
            r"of a plan, not of .*Campaign",
        ),
        (
            lambda: UNTYPED.summary(planned(1)),
            "a results frame or of a run",
        ),
        (lambda: UNTYPED.status(planned(1)), "a run is given by its folder, not by mmsbatch.Plan"),
        (
            lambda: UNTYPED.plots.outcomes(planned(1)),
            "takes results, or a run",
        ),
        (lambda: UNTYPED.status("a" * 300), "the run's name has 300 characters"),
        (lambda: UNTYPED.send(planned(1), "sandbox", run="a" * 300), "the run's name has 300"),
        (lambda: UNTYPED.prepare([1, 2]), "contacts must be a dataframe, not list"),
    ],
)
def test_another_kind_is_named(
    call: Callable[[], object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of this package, with what is wanted; nothing is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mms.InputError, match=said):
        call()
    assert list(tmp_path.iterdir()) == []
