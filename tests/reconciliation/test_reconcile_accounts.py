"""Doubts of several accounts: each is looked at with what its own account said, no other."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import mmsbatch as mms
from account_helpers import account, both, facts, ledger, small_requests, two_accounts
from mmsbatch.errors import RunInDoubt
from mmsbatch.gateway.client import GatewayClient, HttpReply
from mmsbatch.journal.facts import FactKind
from mmsbatch.reconciliation.finding import Conclusion
from mmsbatch.reconciliation.reconcile import reconcile
from mmsbatch.reconciliation.reconciliation import Reconciliation
from mmsbatch.sandbox import Sandbox

LOST = {"none": "process:none,close:after", "all": "process:all,close:after"}
TRUTH = {"none": Conclusion.NOT_SENT, "all": Conclusion.ALL_SENT}


def doubtful(sandbox: Sandbox, run: Path, requests: int = 8) -> None:
    """Send with both; what is in doubt stays behind."""
    with pytest.raises(RunInDoubt):
        mms.send(
            small_requests(requests), accounts=both(sandbox), run=run, on_doubt="continue"
        )  # fmt: skip


def failed(done: Reconciliation) -> list[str]:
    assert done.finding is not None
    return [check.name for check in done.finding.checks if not check.holds]


@pytest.mark.parametrize("truth", LOST)
@pytest.mark.parametrize("request_number", [3, 4])
def test_the_finding_is_the_truth_whoever_sent_it(
    run: Path, truth: str, request_number: int
) -> None:
    """The other account's balance, which falls too, is not looked at."""
    with two_accounts(5_000, 70_000, {request_number: LOST[truth]}, cost=3) as sandbox:
        doubtful(sandbox, run)
        done = reconcile(run, accounts=both(sandbox), release=True, confirm=True)
        assert done.finding is not None
        assert done.finding.shown is TRUTH[truth]
        assert done.settled == (request_number,)
        assert not done.looks
        mms.resume(run, accounts=both(sandbox))
        assert set(ledger(sandbox).values()) == {1}
        assert ledger(sandbox).total() == 80
    (evidence,) = facts(run, FactKind.EVIDENCE)
    assert evidence.data["login"] == ("north" if request_number == 3 else "south")
    assert mms.verify(run).holds


def test_only_the_account_of_the_doubt_is_asked(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another one has says nothing of it."""
    with two_accounts(faults={4: LOST["none"]}) as sandbox:
        doubtful(sandbox, run)
        asked: list[str] = []
        account_info = GatewayClient.account_info

        def noted(client: GatewayClient, login: str | None = None) -> HttpReply:
            asked.append(client.account.clientcode)
            return account_info(client, login)

        monkeypatch.setattr(GatewayClient, "account_info", noted)
        reconcile(run, accounts=both(sandbox))
    assert set(asked) == {"south"}


def test_each_account_settles_its_own(run: Path) -> None:
    """One has sent it, the other has not: both are found, in one look."""
    with two_accounts(5_000, 70_000, {3: LOST["none"], 6: LOST["all"]}, cost=3) as sandbox:
        doubtful(sandbox, run)
        done = reconcile(run, accounts=both(sandbox), release=True, confirm=True)
        assert {look.login: look.finding.shown for look in done.looks} == {
            "north": Conclusion.NOT_SENT,
            "south": Conclusion.ALL_SENT,
        }
        assert done.settled == (3, 6)
        told = done.to_json()["accounts"]
        assert told["north"]["verdict"] == "resend"
        assert told["south"]["verdict"] == "sent"
        assert "north" in repr(done)
        assert "south" in repr(done)
        mms.resume(run, accounts=both(sandbox))
        assert set(ledger(sandbox).values()) == {1}
        assert ledger(sandbox).total() == 80
    assert mms.status(run).outcomes == {"accepted": 70, "unreported": 10}
    assert mms.verify(run).holds


def test_without_the_account_of_the_doubt_nothing_is_decided(run: Path) -> None:
    """However well the other's balance would fit."""
    with two_accounts(faults={4: LOST["none"]}, cost=3) as sandbox:
        doubtful(sandbox, run)
        done = reconcile(run, account(sandbox, "north"), release=True)
        assert "same_account" in failed(done)
        assert done.verdict is None
        assert done.finding is not None
        assert "sent by south, and that account was not given" in done.finding.reason
    (evidence,) = facts(run, FactKind.EVIDENCE)
    assert evidence.body is None


def test_somebody_else_at_the_account_of_the_doubt_is_seen(run: Path) -> None:
    """Who spends at the other account is none of its business."""
    with two_accounts(faults={4: LOST["none"]}, cost=3) as sandbox:
        doubtful(sandbox, run)
        sandbox.top_up("north", 7)
        assert not failed(reconcile(run, accounts=both(sandbox)))
        sandbox.top_up("south", sandbox.credits_of("south") - 1000)
        assert failed(reconcile(run, accounts=both(sandbox)))


def test_a_run_beside_it_of_the_other_account_is_none_of_its_business(run: Path) -> None:
    """And one that shares the account of the doubt is, as is one with both."""
    with two_accounts(faults={4: LOST["none"]}, cost=3) as sandbox:
        doubtful(sandbox, run)
        north, south = both(sandbox)
        mms.send(small_requests(1, 11), north, run=run.with_name("a"))
        assert not failed(reconcile(run, accounts=[north, south]))
        mms.send(small_requests(1, 13), accounts=[north, south], run=run.with_name("c"))
        assert not failed(reconcile(run, accounts=[north, south]))  # it went with north
        mms.send(small_requests(2, 12), accounts=[north, south], run=run.with_name("b"))
        assert "no_other_run" in failed(reconcile(run, accounts=[north, south]))


def test_a_doubt_of_before_is_told_after_a_run_went_on_with_another_account(run: Path) -> None:
    """An execution without the account of the doubt decides nothing: that is left to a person."""
    with two_accounts(faults={4: LOST["none"]}, cost=3) as sandbox:
        told = itertools.count(1)

        def stop(_request: object) -> None:
            if next(told) == 6:
                mms.stop(run)

        with pytest.raises(RunInDoubt):
            mms.send(
                small_requests(8), accounts=both(sandbox), run=run, on_doubt="continue",
                on_request=stop,
            )  # fmt: skip
        with pytest.raises(RunInDoubt):
            mms.resume(run, account(sandbox, "north"))
        assert failed(reconcile(run, accounts=both(sandbox))) == ["same_account"]
