"""Several accounts, any faults: nobody twice, nobody lost, whatever becomes of the accounts.

Runs are made of seeds: accounts with few or many credits or a wrong passcode, faults at any
request, workers, and resumes with other accounts, until nothing more can go. The sandbox's ledger
is the truth.
"""

from __future__ import annotations

import random
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

import mmsbatch as mms
from account_helpers import ledger, small_requests
from mmsbatch.errors import RunInDoubt, RunStopped
from mmsbatch.reconciliation.reconcile import reconcile
from mmsbatch.sandbox import AnotherAccount, Sandbox, SandboxOptions
from mmsbatch.sending import policy

FAULTS: Final = (
    "status:102", "status:103", "status:200", "status:114", "status:122", "http:403", "http:429",
    "close:after", "process:none,close:after", "process:3,close:after", "http:502", "credits:4",
    "lose-id:1", "process:none,page",
)  # fmt: skip
LOGINS: Final = ("north", "south", "east")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.0)


def check(run: Path, sandbox: Sandbox) -> None:
    """Hold a run against the ledger."""
    sent = ledger(sandbox)
    results = mms.results(run)
    named = results.groupby("mms_outcome", observed=True)["mms_e164"].agg(set)
    accepted: set[str] = named.get("accepted", set())
    vague = named.get("in_doubt", set()) | named.get("unreported", set())
    assert len(results) == 160
    assert results["mms_outcome"].notna().all()
    assert set(sent.values()) <= {1}, "somebody got it twice"
    assert accepted <= set(sent), "claimed, and not sent"
    assert set(sent) <= accepted | vague, "sent, and nobody knows"
    found = mms.verify(run)
    assert found.holds, found.broken


def run_of(seed: int, run: Path) -> None:
    """Send, resume and reconcile as a seed says."""
    chance = random.Random(seed)  # noqa: S311  (reproducible, not secret)
    credits_ = {login: chance.choice([0, 15, 40, 95, 100_000]) for login in LOGINS}
    first, *others = LOGINS
    options = SandboxOptions(
        login=first,
        passcode="pass",  # type: ignore[arg-type]
        credits=credits_[first],
        others={
            login: AnotherAccount(passcode="pass", credits=credits_[login])  # type: ignore[arg-type]
            for login in others
        },
    )
    faults = {n: chance.choice(FAULTS) for n in range(1, 40) if chance.random() < 0.2}
    plan = small_requests(16)
    with Sandbox(options=options, faults=faults) as sandbox, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(6):
            given = [
                mms.Account(login, chance.choice(["pass"] * 6 + ["wrong"]), sandbox.url,
                            target="sandbox")
                for login in chance.sample(LOGINS, chance.choice([1, 2, 2, 3]))
            ]  # fmt: skip
            on_doubt = chance.choice(["stop", "continue"])
            with suppress(RunStopped, RunInDoubt):
                mms.send(
                    plan, accounts=given, run=run, workers=chance.choice([1, 4]),
                    on_doubt=on_doubt, spent_elsewhere=True, progress=False,  # type: ignore[arg-type]
                )  # fmt: skip
            check(run, sandbox)
            if chance.random() < 0.7:
                release, confirm = chance.random() < 0.5, chance.random() < 0.5
                reconcile(run, accounts=given, release=release, confirm=confirm)
                check(run, sandbox)
            if step == 3:
                for login in LOGINS:
                    sandbox.top_up(login, 100_000)


@pytest.mark.parametrize("seed", range(6))
def test_nobody_twice_and_nobody_lost(seed: int, run: Path) -> None:
    """After every step."""
    run_of(seed, run)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(6, 312))
def test_sweep_of_accounts_and_faults(seed: int, run: Path) -> None:
    """Three hundred more."""
    run_of(seed, run)
