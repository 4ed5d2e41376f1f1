"""The account as a witness: credits that are gone, and that no run beside this one has spent."""

from __future__ import annotations

import json
import shlex
import warnings
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, fictional, half_sent, planned
from mmsbatch.cli import app
from mmsbatch.errors import RunStopped
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.sending.balance import CreditsMissing

PEOPLE = 1000
COST = 3


@pytest.fixture
def priced() -> Sandbox:
    """A sandbox at which a recipient costs something."""
    return Sandbox(options=SandboxOptions(credits=100_000, cost_per_recipient=COST))


def state(run: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def go_back(run: Path, to: dict[Path, bytes]) -> None:
    """Be the machine of before, as a snapshot is: the same inodes, the old bytes."""
    for path in [path for path in run.rglob("*") if path.is_file()]:
        if path in to:
            path.write_bytes(to[path])
        else:
            path.unlink()


def test_a_snapshot_that_goes_on_is_stopped(priced: Sandbox, run: Path) -> None:
    """The same run was finished elsewhere: what is pending here has been paid for."""
    with priced as gateway:
        account = account_at(gateway)
        half_sent(planned(PEOPLE), run, account)
        snapshot = state(run)
        mms.resume(run, account, progress=False)
        go_back(run, snapshot)
        for _ in range(2):  # not only when it is asked first
            with pytest.raises(RunStopped, match=r"97,000 credits, .* heard of 98,800 at") as told:
                mms.resume(run, account, progress=False)
            assert "1,800 are gone that no run beside it has spent" in str(told.value)
            assert f"`mms.resume('{run}', " in str(told.value)
            assert "spent_elsewhere=True" in str(told.value)
        assert Counter(one.number for one in gateway.ledger).most_common(1)[0][1] == 1
        assert len(gateway.ledger) == PEOPLE


def test_a_snapshot_is_told_though_some_numbers_are_refused(run: Path) -> None:
    """They cost nothing, so the difference is a little less than what is pending."""
    refused = frozenset(number[1:] for number in fictional(PEOPLE)[-20:])
    options = SandboxOptions(credits=100_000, cost_per_recipient=COST, blacklist=refused)
    with Sandbox(options=options) as gateway:
        account = account_at(gateway)
        half_sent(planned(PEOPLE), run, account)
        snapshot = state(run)
        mms.resume(run, account, progress=False)
        go_back(run, snapshot)
        with pytest.raises(RunStopped, match="is the same run sent from a copy"):
            mms.resume(run, account, progress=False)


def test_a_word_goes_on_and_is_asked_once(priced: Sandbox, run: Path) -> None:
    """A person knows that a colleague has spent as much; the next execution is not asked again."""
    with priced as gateway:
        account = account_at(gateway)
        half_sent(planned(PEOPLE), run, account)
        mms.send(planned(PEOPLE, "Autre"), account, run=run.parents[1] / "far" / "run")
        with pytest.raises(RunStopped, match="are gone"):
            mms.resume(run, account, progress=False)
        mms.resume(run, account, spent_elsewhere=True, progress=False)
        mms.resume(run, account, progress=False)
        assert mms.status(run).outcomes == {"accepted": PEOPLE}


def test_a_colleague_who_spends_less_is_said_and_stops_nothing(priced: Sandbox, run: Path) -> None:
    """Both figures are named, before anything leaves."""
    with priced as gateway:
        account = account_at(gateway)
        half_sent(planned(PEOPLE), run, account)
        mms.send(planned(100, "Autre"), account, run=run.parents[1] / "far" / "run")
        with pytest.warns(CreditsMissing, match=r"has 98,500 credits, .* of 98,800.* 300 are gone"):
            mms.resume(run, account, progress=False)
        assert mms.status(run).outcomes == {"accepted": PEOPLE}


@pytest.mark.parametrize("workers", [1, 4])
def test_what_the_runs_beside_it_spent_is_not_missing(
    priced: Sandbox, run: Path, workers: int
) -> None:
    """A weekly campaign goes on after a large one: nothing is said."""
    with priced as gateway, warnings.catch_warnings():
        warnings.simplefilter("error")
        account = account_at(gateway)
        half_sent(planned(PEOPLE), run, account)
        beside = run.with_name("large")
        mms.send(planned(PEOPLE, "Autre"), account, run=beside, workers=workers, progress=False)
        mms.resume(run, account, workers=workers, progress=False)
        assert mms.status(run).outcomes == {"accepted": PEOPLE}


@pytest.mark.parametrize("fault", ["close:after", "close:before"])
def test_a_request_in_doubt_may_have_cost_something(run: Path, fault: str) -> None:
    """What it may have taken is not called missing."""
    options = SandboxOptions(credits=100_000, cost_per_recipient=COST)
    with (
        Sandbox(options=options, faults={2: fault}) as gateway,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        account = account_at(gateway)
        with pytest.raises(mms.RunInDoubt):
            mms.send(planned(PEOPLE), account, run=run, progress=False)
        with pytest.raises(mms.RunInDoubt, match="200 rows"):
            mms.resume(run, account, progress=False)
        assert mms.status(run).outcomes == {"accepted": 800, "in_doubt": 200}


def test_another_account_and_a_top_up_say_nothing(run: Path) -> None:
    """Its credits are not those that the run left; and more than before is no difference."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Sandbox(options=SandboxOptions(credits=5000, cost_per_recipient=COST)) as gateway:
            half_sent(planned(PEOPLE), run, account_at(gateway))
        with Sandbox(options=SandboxOptions(credits=3000, cost_per_recipient=COST)) as other:
            half_sent(planned(PEOPLE), run, account_at(other), 1)
        with Sandbox(options=SandboxOptions(credits=9000, cost_per_recipient=COST)) as third:
            mms.resume(run, account_at(third), progress=False)


def test_the_command_stops_with_exit_code_4(
    run: Path, monkeypatch: pytest.MonkeyPatch, priced: Sandbox
) -> None:
    """And what it prints goes on."""
    with priced as gateway:
        monkeypatch.setenv("MMSBATCH_URL", gateway.url)
        account = account_at(gateway)
        half_sent(planned(PEOPLE), run, account)
        mms.send(planned(PEOPLE, "Autre"), account, run=run.parents[1] / "far" / "run")
        done = CliRunner().invoke(app, ["resume", str(run), "--json"])
        told = json.loads(done.stdout)["stopped"]["what_to_do"]
        assert done.exit_code == 4
        assert told.endswith(f"`mmsbatch resume {run} --spent-elsewhere`")
        assert CliRunner().invoke(app, shlex.split(told.split("`")[1])[1:]).exit_code == 0
