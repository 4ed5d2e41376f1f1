"""Several accounts share a run: each has credits, refusals and a stop of its own."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mmsbatch as mms
from account_helpers import (
    PASSCODES,
    account,
    both,
    claims,
    delivered,
    facts,
    ledger,
    small_requests,
    two_accounts,
)
from changed_runs import broken, forge
from conftest import account_at, planned
from mmsbatch.errors import AccountError, RunInDoubt, RunStopped
from mmsbatch.journal.facts import FactKind
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.states import fold
from mmsbatch.sandbox import Sandbox
from mmsbatch.sending.balance import CreditsMissing
from mmsbatch.sending.execution import AccountLeftOut
from mmsbatch.sending.queue import Queue, Rules, Turn
from mmsbatch.sending.sender import Sender
from mmsbatch.sending.sharing import Shares
from postgres_cluster import Cluster

SEVERAL = pytest.mark.parametrize("workers", [1, 4])


def test_the_requests_are_shared_evenly(run: Path) -> None:
    """Each person once; each claim says whose it is; the run proves itself."""
    with two_accounts() as sandbox:
        results = mms.send(small_requests(21), accounts=both(sandbox), run=run)
        assert claims(run) == {"north": 11, "south": 10}
        assert delivered(sandbox) == {"north": 110, "south": 100}
        assert ledger(sandbox) == Counter(results["mms_e164"])
    assert results["mms_outcome"].eq("accepted").all()
    (started,) = facts(run, FactKind.STARTED)
    assert (started.data["logins"], started.data.get("login")) == (["north", "south"], None)
    assert mms.verify(run).holds


def test_workers_share_them_evenly_too(run: Path) -> None:
    """They come to the same conclusions from the same facts."""
    with two_accounts(latency_ms=5) as sandbox:
        results = mms.send(small_requests(40), accounts=both(sandbox), run=run, workers=4)
        assert claims(run) == {"north": 20, "south": 20}
        assert ledger(sandbox) == Counter(results["mms_e164"])
    assert mms.verify(run).holds


@pytest.mark.parametrize("as_list", [True, False])
def test_the_facts_of_one_account_are_what_they_were(run: Path, as_list: bool) -> None:
    """Nothing new is in them, so that journals keep their form."""
    with two_accounts() as sandbox:
        one = account(sandbox, "south")
        given: dict[str, Any] = {"accounts": [one]} if as_list else {"account": one}
        mms.send(small_requests(2), run=run, **given)
    (started,) = facts(run, FactKind.STARTED)
    assert started.data["login"] == "south"
    assert set(started.data) == {"pid", "host", "login", "url", "execution", "inodes"}
    assert {key for fact in facts(run, FactKind.SENDING) for key in fact.data} == {
        "recipients",
        "sha256",
        "worker",
    }
    assert [set(fact.data) for fact in facts(run, FactKind.BALANCE)] == [{"http_status"}]
    assert "accounts" not in mms.status(run).to_json()


# ----- one that cannot go on ---------------------------------------------------------------------


@SEVERAL
def test_one_runs_out_of_credit_and_the_other_sends_the_rest(run: Path, workers: int) -> None:
    """What it was refused for want of credits goes with the other, once."""
    with two_accounts(north=55) as sandbox:
        with pytest.warns(AccountLeftOut, match=r"account north took no more .* buy credits"):
            results = mms.send(small_requests(40), accounts=both(sandbox), run=run, workers=workers)
        assert ledger(sandbox) == Counter(results["mms_e164"])
        assert set(ledger(sandbox).values()) == {1}
        assert delivered(sandbox) == {"north": 50, "south": 350}
        assert {one.verdict for one in sandbox.requests} == {100, 104}
    assert results["mms_outcome"].eq("accepted").all()
    assert mms.verify(run).holds
    told = mms.status(run).to_json()
    assert told["stopped"] is None
    assert "104" in told["accounts"]["north"].pop("refused")
    assert told["accounts"]["north"]["recipients"] == 50
    assert told["accounts"]["south"]["recipients"] == 350
    if workers == 1:  # answers to several come in any order
        assert told["credits"] == 5 + 99_650
        assert told["accounts"] == {
            "north": {"credits_before": 55, "credits": 5, "recipients": 50},
            "south": {
                "credits_before": 100_000, "credits": 99_650, "recipients": 350, "refused": None
            },
        }  # fmt: skip


def test_an_audit_does_not_mix_what_two_accounts_spent(run: Path) -> None:
    """What each had less is in the run's report; the files of attempts do not say whose."""
    with two_accounts(cost=3) as sandbox:
        mms.send(small_requests(4), accounts=both(sandbox), run=run)
        mms.send(small_requests(3), account(sandbox, "south"), run=run.with_name("one"))
    audited = mms.audit(run.parent).set_index("run")["credits_spent"]
    assert audited.isna()[run.name]
    assert audited["one"] == 90


def test_one_that_has_nothing_is_not_tried(run: Path) -> None:
    """The account tool said so."""
    with two_accounts(north=0) as sandbox:
        with pytest.warns(AccountLeftOut, match="account north .*: the account has no credits"):
            mms.send(small_requests(4), accounts=both(sandbox), run=run)
        assert {one.login for one in sandbox.requests} == {"south"}
    assert mms.status(run).outcomes == {"accepted": 40}


def test_a_wrong_passcode_is_tried_once_and_not_for_a_request(run: Path) -> None:
    """More might lock the account; nothing shows the passcode."""
    wrong = "Wr0ng-Pa55code"
    with two_accounts() as sandbox:
        accounts = [account(sandbox, "north", wrong), account(sandbox, "south")]
        with pytest.warns(AccountLeftOut, match="account north .*said 102") as warned:
            mms.send(small_requests(4), accounts=accounts, run=run)
        assert {one.login for one in sandbox.requests} == {"south"}
    assert mms.status(run).outcomes == {"accepted": 40}
    assert mms.verify(run).holds
    said = [str(one.message) for one in warned] + [repr(mms.Accounts(tuple(accounts)))]
    kept = b"".join(file.read_bytes() for file in run.rglob("*") if file.is_file())
    for passcode in (wrong, *PASSCODES.values()):
        assert passcode not in "".join(said)
        assert passcode.encode() not in kept


@pytest.mark.parametrize("fault", ["status:102", "status:107", "status:200", "http:403"])
@SEVERAL
def test_a_refusal_that_is_the_accounts_own_leaves_it_out(
    run: Path, fault: str, workers: int
) -> None:
    """Nothing of the request was sent, so the other may take it."""
    with two_accounts(faults={1: f"{fault},process:none"}) as sandbox:
        with pytest.warns(AccountLeftOut):
            mms.send(small_requests(12), accounts=both(sandbox), run=run, workers=workers)
        first, *others = sandbox.requests
        assert set(ledger(sandbox).values()) == {1}
        assert ledger(sandbox).total() == 120
        if workers == 1:
            assert first.login not in {one.login for one in others}
            assert first.numbers == others[0].numbers
    assert mms.status(run).outcomes == {"accepted": 120}


@pytest.mark.parametrize(
    ("fault", "reason"), [("status:105", "105"), ("status:121", "121"), ("http:404", "404")]
)
def test_a_refusal_that_concerns_the_run_stops_all(run: Path, fault: str, reason: str) -> None:
    """Another account's request would be refused likewise."""
    with two_accounts(faults={2: f"{fault},process:none"}) as sandbox:
        with pytest.raises(RunStopped, match=reason):
            mms.send(small_requests(6), accounts=both(sandbox), run=run)
        assert len(sandbox.requests) == 2


def test_a_message_that_is_refused_is_not_tried_with_another_account(run: Path) -> None:
    """It would be refused for itself again."""
    with two_accounts(faults={1: "status:111,process:none"}) as sandbox:
        with pytest.raises(RunStopped, match="111"):
            mms.send(small_requests(6), accounts=both(sandbox), run=run)
        assert len(sandbox.requests) == 1


@pytest.mark.parametrize("fault", ["close:after", "http:502", "process:none,close:after"])
def test_a_doubt_is_never_sent_with_another_account(run: Path, fault: str) -> None:
    """Whatever the option, and however often the run goes on."""
    with two_accounts(faults={1: fault}) as sandbox:
        with pytest.raises(RunInDoubt):
            mms.send(small_requests(6), accounts=both(sandbox), run=run, on_doubt="continue")
        for given in (both(sandbox), [account(sandbox, "south")]):
            with pytest.raises(RunInDoubt):
                mms.resume(run, accounts=given)
        assert len(sandbox.requests) == 6
        assert max(ledger(sandbox).values()) == 1
    assert mms.status(run).outcomes == {"accepted": 50, "in_doubt": 10}


@SEVERAL
def test_when_none_can_go_on_the_stop_names_each(run: Path, workers: int) -> None:
    """Topped up, the run goes on and repeats nothing."""
    with two_accounts(north=35, south=25) as sandbox:
        plan = small_requests(20)
        with pytest.raises(RunStopped, match=r"no account can go on: .*") as told:
            mms.send(plan, accounts=both(sandbox), run=run, workers=workers)
        for login in ("north", "south"):
            assert f"{login}: the gateway refused request" in str(told.value)
        assert str(told.value).count("buy credits, then") == 1
        found = mms.status(run).outcomes
        assert found["accepted"] == 50
        assert found["pending"] + found["refused"] == 150
        sandbox.top_up("south", 1000)
        with pytest.warns(AccountLeftOut, match="account north"):
            mms.resume(run, accounts=both(sandbox), workers=workers)
        assert set(ledger(sandbox).values()) == {1}
        assert ledger(sandbox).total() == 200
    assert mms.verify(run).holds


def test_advice_that_differs_is_given_for_each(run: Path) -> None:
    """One needs credits, the other a passcode."""
    with two_accounts(north=0) as sandbox:
        accounts = [account(sandbox, "north"), account(sandbox, "south", "wrong")]
        with pytest.raises(RunStopped, match=r"north: buy credits.*south: check the login"):
            mms.send(small_requests(4), accounts=accounts, run=run)
        assert not sandbox.requests


# ----- over the whole run ------------------------------------------------------------------------


@SEVERAL
def test_all_of_them_keep_one_pace(run: Path, workers: int) -> None:
    """Not one each."""
    with two_accounts() as sandbox:
        mms.send(small_requests(6), accounts=both(sandbox), run=run, workers=workers,
                 requests_per_minute=600)  # fmt: skip
    left = pd.read_parquet(run / "requests.parquet")["sending_at"].sort_values()
    assert left.diff().dropna().min() >= pd.Timedelta(milliseconds=99)
    assert claims(run) == {"north": 3, "south": 3}


@SEVERAL
def test_all_of_them_keep_one_budget(run: Path, workers: int) -> None:
    """In an execution and over two; each learns its price from what it heard itself."""
    with two_accounts(cost=3) as sandbox:
        for _ in range(2):
            with pytest.raises(RunStopped, match=r"about 330 credits \(3 a recipient\).*300"):
                mms.send(small_requests(20), accounts=both(sandbox), run=run, workers=workers,
                         limits=mms.Limits(max_credits=300))  # fmt: skip
        assert ledger(sandbox).total() == 100
        assert claims(run) == {"north": 5, "south": 5}


@SEVERAL
def test_what_is_not_known_to_cost_anything_is_bought_once(run: Path, workers: int) -> None:
    """Not once by each worker, nor with each account."""
    with two_accounts(cost=3, latency_ms=20) as sandbox:
        with pytest.raises(RunStopped, match=r"about 60 credits \(3 a recipient\).*30"):
            mms.send(small_requests(8), accounts=both(sandbox), run=run, workers=workers,
                     limits=mms.Limits(max_credits=30))  # fmt: skip
        assert ledger(sandbox).total() == 10


def test_a_budget_is_the_sum_of_what_each_has_spent_at_its_price() -> None:
    """Ten at 2 credits and ten at 5 are 70; what an account that is not here took counts too."""
    shares = Shares(["a", "b"], 90, {"a": Decimal(2), "b": Decimal(5)})
    shares.claim("a", 10)
    shares.claim("b", 10)
    assert shares.limit("a", 10) is None  # 90
    assert shares.limit("b", 4) is None  # 90
    assert shares.limit("b", 5) is not None  # 95
    shares.begin_with("gone", 1)
    assert shares.limit("a", 10) is not None  # 95, at the price of the dearest
    assert shares.limit("a", 7) is None  # 89


def test_a_price_that_is_not_known_is_taken_to_be_the_dearest() -> None:
    """Until the account itself has been heard."""
    shares = Shares(["a", "b", "c"], 60, {"a": Decimal(2), "c": Decimal(5)})
    shares.claim("a", 10)
    assert shares.limit("b", 8) is None  # 60
    assert shares.limit("b", 9) is not None  # 65
    assert Shares(["a", "b"], 60).limit("b", 1000) is None  # of none is anything known


def test_too_few_credits_in_all_are_told_before_anything_leaves(run: Path) -> None:
    """As with one account, where the price is known; the sum counts, not one of them."""
    with two_accounts(north=500, south=500) as sandbox:
        mms.send(small_requests(4), accounts=both(sandbox), run=run.with_name("before"))
        with pytest.raises(RunStopped, match="about 960 of 1000 recipients: north has 480"):
            mms.send(small_requests(100), accounts=both(sandbox), run=run)
        assert len(sandbox.requests) == 4
        mms.send(small_requests(96), accounts=both(sandbox), run=run.with_name("enough"))
        assert (sandbox.credits_of("north"), sandbox.credits_of("south")) == (0, 0)


# ----- runs that go on ---------------------------------------------------------------------------


def test_a_run_goes_on_with_other_accounts_than_before(run: Path) -> None:
    """One, then both, then the other: every request is verified with the one it left with."""
    told = itertools.count(1)

    def stop(_request: object) -> None:
        if next(told) in {3, 8}:
            mms.stop(run)

    with two_accounts() as sandbox:
        plan = small_requests(12)
        with pytest.raises(RunStopped):
            mms.send(plan, account(sandbox, "north"), run=run, on_request=stop)
        with pytest.raises(RunStopped):
            mms.resume(run, accounts=both(sandbox), on_request=stop)
        mms.resume(run, account(sandbox, "south"))
        assert set(ledger(sandbox).values()) == {1}
        assert ledger(sandbox).total() == 120
        assert [one.login for one in sandbox.requests[:3]] == ["north"] * 3
        assert {one.login for one in sandbox.requests[3:8]} == {"north", "south"}
        assert {one.login for one in sandbox.requests[8:]} == {"south"}
    assert mms.verify(run).holds


def test_verify_finds_a_claim_that_names_another_account(run: Path) -> None:
    """Of the run or not, though the chain of facts was made anew."""
    with two_accounts() as sandbox:
        mms.send(small_requests(2), accounts=both(sandbox), run=run)

    def named(login: str) -> Callable[[dict[str, Any]], None]:
        def change(row: dict[str, Any]) -> None:
            if row["kind"] == "sending" and row["request"] == 1:
                row["data"] = json.dumps({**json.loads(row["data"]), "login": login})

        return change

    forge(run, named("south"))
    assert "requests: fact" in broken(run)
    assert "SHA-256" in broken(run)
    forge(run, named("east"))
    assert "left with the account east, and the execution had north, south" in broken(run)
    forge(run, named("north"))
    assert broken(run).partition(":")[0] in {"", "results", "attempts", "files"}


def test_a_person_is_erased_from_a_run_of_several_accounts(run: Path) -> None:
    """Each request's hash is made anew with its own account."""
    with two_accounts() as sandbox:
        results = mms.send(small_requests(4), accounts=both(sandbox), run=run)
    for row in (5, 15):  # one that north sent, and one that south did
        mms.forget(str(results["mms_e164"].iloc[row]), run.parent)
    assert mms.verify(run).holds
    assert claims(run) == {"north": 2, "south": 2}


def test_credits_that_are_gone_are_added_up(run: Path) -> None:
    """A copy of the machine shares what is pending among the accounts, as this one does."""
    with two_accounts(cost=3) as sandbox:
        with pytest.raises(KeyboardInterrupt):
            mms.send(small_requests(40), accounts=both(sandbox), run=run, on_request=_interrupt(10))
        kept = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        mms.resume(run, accounts=both(sandbox))
        for path in [path for path in run.rglob("*") if path.is_file()]:
            path.write_bytes(kept[path]) if path in kept else path.unlink()  # the machine of before
        with pytest.raises(RunStopped, match=r"account north has .*account south has .*copy"):
            mms.resume(run, accounts=both(sandbox))
        assert ledger(sandbox).total() == 400


def test_credits_that_one_account_lost_are_told(run: Path, tmp_path: Path) -> None:
    """A colleague has used it: no reason to stop, and the other account is not named."""
    with two_accounts(north=50_000, cost=3) as sandbox:
        with pytest.raises(KeyboardInterrupt):
            mms.send(small_requests(40), accounts=both(sandbox), run=run, on_request=_interrupt(10))
        far = tmp_path / "far" / "run"
        mms.send(small_requests(1), account(sandbox, "south"), run=far)
        with pytest.warns(CreditsMissing, match="account south has") as told:
            mms.resume(run, accounts=both(sandbox))
        assert "north" not in str(told[0].message)
    assert mms.status(run).outcomes == {"accepted": 400}


def _interrupt(after: int) -> Callable[[object], None]:
    told = itertools.count(1)

    def interrupt(_request: object) -> None:
        if next(told) == after:
            raise KeyboardInterrupt

    return interrupt


# ----- workers in other processes ----------------------------------------------------------------


def test_what_the_journal_says_decides_whose_a_request_is(run: Path) -> None:
    """A worker that had written it for another account before it heard writes it anew."""
    plan = small_requests(2)
    with two_accounts() as sandbox:
        accounts = mms.Accounts(tuple(both(sandbox)))
        folder = RunFolder(run)
        assert folder.create(plan, accounts.target)
        with folder.journal.open() as journal:
            rules = Rules(logins=accounts.logins)
            queue = Queue(plan, fold([], plan.requests), 1, rules, "me")
            sender = Sender(queue, accounts, journal)
            claimed = sender._claim_first("worker", Turn(1, "south"))
            assert claimed is not None
            assert (claimed[0].number, claimed[0].login) == (1, "north")
            assert b"<CLIENT>NORTH</CLIENT>" in claimed[0].xml
        assert claims(run) == {"north": 1}


def test_processes_share_requests_and_accounts(
    run: Path, postgres: Cluster, processes: Executor
) -> None:
    """One account runs out of credit while two processes send: nobody twice, nobody lost."""
    with two_accounts(north=155, latency_ms=5) as sandbox:
        with pytest.warns(AccountLeftOut, match="account north"):
            results = mms.send(
                small_requests(60), accounts=both(sandbox), run=run, workers=2,
                executor=processes, journal=postgres.url,
            )  # fmt: skip
        assert ledger(sandbox) == Counter(results["mms_e164"])
        assert set(ledger(sandbox).values()) == {1}
        assert delivered(sandbox) == {"north": 150, "south": 450}
    assert results["mms_outcome"].eq("accepted").all()
    refused = claims(run, postgres.url).total() - 60
    assert 1 <= refused <= 2  # at most one a worker
    assert mms.verify(run, journal=postgres.url).holds
    kept = repr(RunFolder.at(run, postgres.url).facts())
    assert not [passcode for passcode in PASSCODES.values() if passcode in kept]


# ----- bad input ---------------------------------------------------------------------------------


def test_accounts_that_cannot_share_a_run_are_refused(run: Path) -> None:
    """Nothing is made, nothing is sent; what is wrong is named."""
    with two_accounts() as sandbox, two_accounts() as other:
        north, south = both(sandbox)
        live = mms.Account("south", "pass", sandbox.url)
        refused: list[tuple[dict[str, Any], str]] = [
            ({"accounts": [north, account(other, "south")]}, f"two gateways.*{other.url}"),
            ({"accounts": [north, live]}, "two targets.*north is sandbox and south is live"),
            ({"accounts": [north, south, north]}, "account north is given twice"),
            ({"accounts": [north, account_like(north, "NORTH")]}, "account NORTH is given twice"),
            ({"accounts": []}, "no account in accounts"),
            ({"accounts": "live"}, r"a list of mms\.Account, not str"),
            ({"accounts": [north, "south"]}, "one of them is str"),
            ({"accounts": [north], "account": south}, "both are given"),
            ({}, "neither is given"),
            ({"account": [north, south]}, r"several as accounts=\[…\]"),
        ]
        for given, told in refused:
            for verb in (
                lambda given: mms.send(planned(10), run=run, **given),
                lambda given: mms.resume(run, **given),
                lambda given: mms.reconcile(run, **given),
                lambda given: mms.estimate(planned(10), run=run, **given),
            ):
                with pytest.raises(AccountError, match=told):
                    verb(given)
        assert not run.exists()
        assert not sandbox.requests
        assert not other.requests


def account_like(one: mms.Account, login: str) -> mms.Account:
    """The same with another login."""
    return mms.Account(login, one.passcode, one.url, target=one.target)


def test_accounts_of_another_target_do_not_go_on_with_a_run(run: Path, sandbox: Sandbox) -> None:
    """As one account does not."""
    mms.send(small_requests(1), account_at(sandbox), run=run)
    live = [mms.Account(login, "pass", sandbox.url) for login in ("north", "south")]
    with pytest.raises(AccountError, match="was begun on the sandbox target"):
        mms.resume(run, accounts=live)
