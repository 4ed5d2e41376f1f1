"""The oracle of reconciliation: what credits may settle, and every case in which they may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, fictional, planned
from mmsbatch import policy, runs
from mmsbatch.errors import InputError, RunInDoubt, RunStopped
from mmsbatch.evidence import Shown
from mmsbatch.folder import RunFolder
from mmsbatch.gateway import Gateway, Reply
from mmsbatch.journal import Journal
from mmsbatch.reconcile import Patience, Reconciliation, reconcile, settle
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.states import Fact, Kind

COST = 3
ALL, PART = 200, 70

TRUTHS = {"none": ("process:none", 0), "all": ("process:all", ALL), "part": ("process:70", PART)}
EXPECTED = {"none": Shown.NOT_SENT, "all": Shown.ALL_SENT, "part": Shown.PARTLY_SENT}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.0)


@dataclass
class Scene:
    """A run of 500 people whose second request of 200 is in doubt, at a gateway of ours."""

    sandbox: Sandbox
    run: Path

    @property
    def account(self) -> mms.Account:
        return account_at(self.sandbox)

    def send(self, plan: mms.Plan | None = None, run: Path | None = None, **how: Any) -> None:
        with suppress(RunInDoubt, RunStopped):
            mms.send(plan or planned(500), self.account, run=run or self.run, **how)

    def look(self, **asked: Any) -> Reconciliation:
        return reconcile(self.run, self.account, **asked)

    def facts(self) -> list[Fact]:
        with Journal(RunFolder(self.run).journal_path) as journal:
            return journal.facts()


Stage = Callable[..., Scene]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Make a scene: which of its requests meet which fault."""
    running: list[Sandbox] = []

    def make(faults: dict[int, str], *, cost: int = COST, **options: Any) -> Scene:
        options = {"credits": 100_000, "cost_per_recipient": cost, **options}
        sandbox = Sandbox(options=SandboxOptions(**options), faults=faults).start()
        running.append(sandbox)
        return Scene(sandbox, tmp_path / "runs" / "noel")

    yield make
    for sandbox in running:
        sandbox.stop()


def lost(truth: str, ending: str = "close:after") -> str:
    return f"{TRUTHS[truth][0]},{ending}"


def counts(scene: Scene) -> dict[str, int]:
    return dict(mms.status(scene.run).outcomes)


def failed(done: Reconciliation) -> list[str]:
    assert done.finding is not None
    return [check.name for check in done.finding.checks if not check.holds]


def shown(done: Reconciliation) -> Shown:
    assert done.finding is not None
    return done.finding.shown


def of_kind(scene: Scene, kind: Kind) -> list[Fact]:
    return [fact for fact in scene.facts() if fact.kind is kind]


# ----- pure cases: the finding is the truth ------------------------------------------------------


@pytest.mark.parametrize("on_doubt", ["stop", "continue"])
@pytest.mark.parametrize("ending", ["close:after", "reset:after", "http:504"])
@pytest.mark.parametrize("truth", TRUTHS)
def test_with_nobody_else_about_the_finding_is_the_truth(
    stage: Stage, truth: str, ending: str, on_doubt: str
) -> None:
    """Also where later requests have moved the balance on: what they cost is taken off."""
    scene = stage({2: lost(truth, ending)})
    scene.send(on_doubt=on_doubt)
    done = scene.look()
    assert done.finding is not None
    assert EXPECTED[truth] is done.finding.shown, done
    assert TRUTHS[truth][1] * COST == done.finding.difference
    assert ((2,), 200) == (done.finding.requests, done.finding.recipients)
    assert (None, 3) == (done.verdict, done.report.exit_code)


def test_after_resuming_the_doubt_is_still_decided(stage: Stage) -> None:
    """The account tool was asked in between, and said the same story."""
    scene = stage({2: lost("all")})
    scene.send()
    scene.send()
    assert {"accepted": 300, "in_doubt": 200} == counts(scene)
    assert Shown.ALL_SENT is shown(scene.look())


def test_nothing_in_doubt_asks_nobody(stage: Stage) -> None:
    """And writes nothing."""
    scene = stage({})
    scene.send()
    before = scene.facts()
    done = scene.look(release=True, confirm=True)
    assert (None, None, 0) == (done.finding, done.verdict, done.report.exit_code)
    assert before == scene.facts()
    assert "no request of this run is in doubt" in repr(done)
