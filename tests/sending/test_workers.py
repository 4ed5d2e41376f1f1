"""Several requests under way at once, and how fast they follow each other."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, fictional, planned
from mmsbatch.errors import InputError, RunError, RunInDoubt, RunStopped
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.journal.journal import AlreadyClaimed
from mmsbatch.journal.sqlite import SqliteJournal
from mmsbatch.runs.states import Request, State
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.sending import policy, queue


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.0)


def small_requests(requests: int) -> mms.Plan:
    """Plan ten people a request."""
    prepared = mms.prepare(pd.DataFrame({"m": fictional(10 * requests)}), phone="m", fictional=True)
    return mms.plan(prepared, mms.Campaign("noel", mms.Text("Bonjour")), chunk_size=10)


def ledger(sandbox: Sandbox) -> Counter[str]:
    return Counter(f"+{delivery.number}" for delivery in sandbox.ledger)


def counts(run: Path) -> dict[str, int]:
    return dict(mms.status(run).outcomes)


# ----- a run with several workers ----------------------------------------------------------------


@pytest.mark.parametrize("workers", [2, 8, 32])
def test_every_person_is_reached_once(workers: int, sandbox: Sandbox, run: Path) -> None:
    """And each claim equals the ledger, whichever answer came back first."""
    results = mms.send(small_requests(60), account_at(sandbox), run=run, workers=workers)
    assert ledger(sandbox) == Counter(results["mms_e164"])
    assert results["mms_outcome"].eq("accepted").all()


def test_as_many_requests_are_under_way_as_there_are_workers(run: Path) -> None:
    """All workers wait for the gateway at once, and none is left idle."""
    stalled = dict.fromkeys(range(1, 5), "stall")
    with Sandbox(faults=stalled) as sandbox:
        four_arrived = threading.Thread(
            target=lambda: (sandbox.wait_for(4), sandbox.release())  # type: ignore[func-returns-value]
        )
        four_arrived.start()
        mms.send(small_requests(9), account_at(sandbox), run=run, workers=4)
        four_arrived.join()
        assert ledger(sandbox).total() == 90
    with SqliteJournal(run / "journal.sqlite") as journal:
        kinds = [fact.kind for fact in journal.facts() if fact.request]
    assert kinds[:4] == [FactKind.SENDING] * 4


def send_until(state: State, sandbox: Sandbox, run: Path) -> None:
    """Send among three; those that stall are answered once another is in a state that ends it."""

    def let_go(request: Request) -> None:
        if request.state is state:
            sandbox.release()

    account = account_at(sandbox)
    mms.send(small_requests(40), account, run=run, workers=3, on_request=let_go)


def test_a_stop_lets_the_requests_under_way_finish(run: Path) -> None:
    """A refusal that ends the run: no further claim, and every answer under way is recorded."""
    faults = {1: "stall", 2: "stall", 3: "status:200"}
    with Sandbox(faults=faults) as sandbox:
        with pytest.raises(RunStopped, match="200 Vous n'avez pas"):
            send_until(State.REFUSED, sandbox, run)
        assert len(sandbox.requests) == 3
        assert counts(run) == {"accepted": 20, "refused": 10, "pending": 370}
        assert len(mms.resume(run, account_at(sandbox), workers=3)) == 400
        assert ledger(sandbox).total() == len(ledger(sandbox)) == 400


def test_a_doubt_lets_the_requests_under_way_finish(run: Path) -> None:
    """At most one request per worker is in doubt; here one."""
    faults = {1: "stall", 2: "stall", 3: "close:after"}
    with Sandbox(faults=faults) as sandbox:
        with pytest.raises(RunInDoubt, match="10 rows of run noel are in doubt"):
            send_until(State.IN_DOUBT, sandbox, run)
        assert counts(run) == {"accepted": 20, "in_doubt": 10, "pending": 370}


def test_every_worker_may_meet_a_doubt(run: Path) -> None:
    """A gateway that dies takes as many requests as there are workers, and no more."""
    with Sandbox(faults={0: "close:after,delay:100"}) as sandbox:
        with pytest.raises(RunInDoubt):
            mms.send(small_requests(40), account_at(sandbox), run=run, workers=4)
        assert counts(run)["in_doubt"] == 10 * len(sandbox.requests) <= 40
        assert set(ledger(sandbox).values()) == {1}


def test_a_stop_ends_the_pauses_of_the_others(run: Path) -> None:
    """A worker that waits a minute to try again does not try again."""
    with Sandbox(faults={1: "stall,http:429:60", 2: "stall,delay:200,status:200"}) as sandbox:
        both_arrived = threading.Thread(
            target=lambda: (sandbox.wait_for(2), sandbox.release())  # type: ignore[func-returns-value]
        )
        both_arrived.start()
        with pytest.raises(RunStopped, match="200 Vous n'avez pas"):
            mms.send(small_requests(40), account_at(sandbox), run=run, workers=2)
        both_arrived.join()
        assert len(sandbox.requests) == 2


def test_a_refused_message_is_held_back_by_all_workers(run: Path) -> None:
    """Up to `workers` requests with it may be under way; then no more go, and others do."""
    long = "é" * 600  # 1,200 bytes: too long for a gateway that counts bytes
    contacts = pd.DataFrame({"m": fictional(300), "mot": [long] * 200 + ["bon"] * 100})
    prepared = mms.prepare(contacts, phone="m", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("mots", mms.Text("{{ mot }}")), chunk_size=10)
    with Sandbox(options=SandboxOptions(count_bytes=True, latency_ms=30)) as sandbox:
        with pytest.raises(RunStopped, match="111"):
            mms.send(plan, account_at(sandbox), run=run, workers=4)
        tried = [received.message for received in sandbox.requests]
    assert 1 <= tried.count(long) <= 4
    assert tried.count("bon") == 10
    assert counts(run)["accepted"] == 100


def test_each_try_is_a_fact_in_any_worker(run: Path) -> None:
    """A busy server is asked again; each attempt has its own number."""
    # No more faults than one request has tries: any of them may meet them all.
    with Sandbox(faults=dict.fromkeys(range(1, 3), "http:429")) as sandbox:
        mms.send(small_requests(8), account_at(sandbox), run=run, workers=4)
        assert ledger(sandbox).total() == len(ledger(sandbox)) == 80
    attempts = pd.read_parquet(run / "requests.parquet")
    assert len(attempts) == 10
    assert not attempts.duplicated(["request", "attempt"]).any()


def test_the_caller_is_told_in_its_own_thread(sandbox: Sandbox, run: Path) -> None:
    """A progress bar need not be thread-safe."""
    told = []
    mms.send(
        small_requests(20),
        account_at(sandbox),
        run=run,
        workers=4,
        on_request=lambda request: told.append((request.number, threading.current_thread())),
    )
    assert sorted(number for number, _ in told) == list(range(1, 21))
    assert {thread for _, thread in told} == {threading.current_thread()}


def test_an_error_of_the_caller_leaves_nothing_in_doubt(run: Path) -> None:
    """What is under way is finished and recorded before its error passes on."""

    def fail(_request: object) -> None:
        raise ZeroDivisionError

    with Sandbox(options=SandboxOptions(latency_ms=50)) as sandbox:
        with pytest.raises(ZeroDivisionError):
            mms.send(small_requests(20), account_at(sandbox), run=run, workers=4, on_request=fail)
        assert counts(run)["accepted"] == ledger(sandbox).total()
        assert "in_doubt" not in counts(run)


def test_a_run_that_was_broken_off_is_held_until_its_last_answer(run: Path) -> None:
    """In a notebook the process goes on: a request under way is not for another to settle."""

    def broken_off(_request: Request) -> None:
        sandbox.wait_for(4)
        raise KeyboardInterrupt

    with Sandbox(faults=dict.fromkeys(range(2, 5), "stall")) as sandbox:
        account = account_at(sandbox)
        with pytest.raises(KeyboardInterrupt, match="in doubt"):
            mms.send(small_requests(60), account, run=run, workers=3, on_request=broken_off)
        doubt, *_ = mms.status(run).doubts
        with pytest.raises(RunError, match="is being sent by"):
            mms.settle(run, doubt.number, "resend", "it cannot have left")
        sandbox.release()
        for thread in threading.enumerate():
            if thread.name == "mmsbatch-let-go":
                thread.join(30)
        results = mms.resume(run, account)
        assert results["mms_outcome"].eq("accepted").all()
        assert len({sent.number for sent in sandbox.ledger}) == len(sandbox.ledger) == 600


def test_after_an_interrupt_no_worker_takes_what_waits(run: Path) -> None:
    """Each ends what it has under way, and nothing else leaves."""
    all_but_one_stall = dict.fromkeys(range(2, 6), "stall")
    answered: list[int] = []

    def interrupt(request: Request) -> None:
        answered.append(request.number)  # any of the first four may arrive first
        if len(answered) == 1:
            sandbox.wait_for(5)
            signal.raise_signal(signal.SIGINT)
            sandbox.release()

    with Sandbox(faults=all_but_one_stall) as sandbox:
        account = account_at(sandbox)
        with pytest.raises(RunStopped, match="interrupted after the current request"):
            mms.send(small_requests(40), account, run=run, workers=4, on_request=interrupt)
        assert len(sandbox.requests) == 5
        assert counts(run) == {"accepted": 50, "pending": 350}


def test_a_claim_of_somebody_else_is_left_to_them(run: Path) -> None:
    """Who claims asks the journal what is left, whoever has written in it."""
    begun = Fact(FactKind.SENDING, datetime(2026, 12, 1, tzinfo=UTC), request=3, attempt=1)

    def claim_the_third() -> None:
        assert sandbox.wait_for(2)
        with SqliteJournal(run / "journal.sqlite") as journal:
            journal.record(begun)
        sandbox.release()

    with Sandbox(faults={1: "stall", 2: "stall"}) as sandbox:
        other = threading.Thread(target=claim_the_third)
        other.start()
        with pytest.raises(RunInDoubt, match="request 3: its answer is not known"):
            mms.send(small_requests(9), account_at(sandbox), run=run, workers=2)
        other.join()
        assert counts(run) == {"accepted": 80, "in_doubt": 10}
        assert ledger(sandbox).total() == 80


def test_an_answer_that_comes_after_a_verdict_is_kept_and_changes_nothing(run: Path) -> None:
    """As where a worker lost the journal for so long that somebody settled its doubt."""

    def settle_the_second() -> None:
        assert sandbox.wait_for(2)
        verdict = {"verdict": "resend", "note": "somebody said so"}
        with SqliteJournal(run / "journal.sqlite") as journal:
            journal.record(Fact(FactKind.VERDICT, datetime.now(UTC), 2, 1, verdict))
        sandbox.release()

    with Sandbox(faults={2: "stall"}) as sandbox:
        other = threading.Thread(target=settle_the_second)
        other.start()
        mms.send(small_requests(9), account_at(sandbox), run=run)
        other.join()
        assert counts(run) == {"accepted": 90}
    with SqliteJournal(run / "journal.sqlite") as journal:
        facts = [fact for fact in journal.facts() if fact.request == 2]
    assert [fact.kind for fact in facts] == [
        FactKind.SENDING,
        FactKind.VERDICT,
        FactKind.LATE,
        FactKind.SENDING,
        FactKind.ANSWER,
    ]
    assert mms.verify(run).holds


def test_a_worker_that_never_answers_is_taken_for_gone(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After longer than any answer takes its request is in doubt, which stops the others."""
    monkeypatch.setattr(queue, "LOST_AFTER", timedelta(0))
    data = {"worker": "worker 7 of process 1 on elsewhere"}

    def claim_the_third() -> None:
        assert sandbox.wait_for(1)
        with SqliteJournal(run / "journal.sqlite") as journal:
            journal.record(Fact(FactKind.SENDING, datetime.now(UTC), 3, 1, data))
        sandbox.release()

    with Sandbox(faults={1: "stall"}) as sandbox:
        other = threading.Thread(target=claim_the_third)
        other.start()
        with pytest.raises(RunInDoubt, match=r"request 3 in doubt.*worker 7 of process 1"):
            mms.send(small_requests(9), account_at(sandbox), run=run)
        other.join()
        assert counts(run) == {"accepted": 10, "in_doubt": 10, "pending": 70}


def test_an_answer_is_kept_whatever_is_wrong_with_reading_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where it is the package that is wrong: nothing that was sent is lost."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with Sandbox() as sandbox:
        with monkeypatch.context() as patched:
            patched.setattr(queue, "decide", broken)
            with pytest.raises(ZeroDivisionError):
                mms.send(small_requests(9), account_at(sandbox), run=run, workers=2)
        assert counts(run)["accepted"] == ledger(sandbox).total()
        assert mms.resume(run, account_at(sandbox))["mms_outcome"].eq("accepted").all()
        assert ledger(sandbox).total() == len(ledger(sandbox)) == 90


@pytest.mark.parametrize("workers", [0, -1, 257])
def test_a_count_out_of_range_is_refused(workers: int, sandbox: Sandbox, run: Path) -> None:
    """Before anything is made."""
    with pytest.raises(InputError, match=f"workers must be from 1 to 256, found {workers}"):
        mms.send(planned(3), account_at(sandbox), run=run, workers=workers)
    assert not run.exists()


# ----- claims ------------------------------------------------------------------------------------


def test_threads_and_processes_cannot_claim_twice(tmp_path: Path) -> None:
    """Eight threads over two handles of one journal claim the same requests: each goes to one."""
    path, at = tmp_path / "journal.sqlite", datetime(2026, 12, 1, tzinfo=UTC)
    won: list[int] = []
    with SqliteJournal(path, create=True) as first, SqliteJournal(path) as second:

        def claim(journal: SqliteJournal) -> None:
            for request in range(1, 31):
                try:
                    journal.append(FactKind.SENDING, at=at, request=request, attempt=1)
                except AlreadyClaimed:
                    continue
                won.append(request)

        threads = [
            threading.Thread(target=claim, args=(journal,)) for journal in [first, second] * 4
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        claimed = [fact.request for fact in first.facts()]
    assert sorted(won) == sorted(filter(None, claimed)) == list(range(1, 31))


def test_nothing_is_appended_to_a_closed_journal(tmp_path: Path) -> None:
    """A worker that outlives its run cannot claim for it."""
    journal = SqliteJournal(tmp_path / "journal.sqlite", create=True)
    journal.append(FactKind.STARTED, at=datetime(2026, 12, 1, tzinfo=UTC))
    journal.close()
    with pytest.raises(mms.RunError, match="is closed"):
        journal.append(FactKind.SENDING, at=datetime(2026, 12, 1, tzinfo=UTC), request=1, attempt=1)


# ----- pace --------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", [0, -5, float("nan"), float("inf")])
def test_a_pace_that_is_none_is_refused(figure: float, sandbox: Sandbox, run: Path) -> None:
    """Before anything is made."""
    with pytest.raises(InputError, match="requests_per_minute must be above 0"):
        mms.send(planned(3), account_at(sandbox), run=run, requests_per_minute=figure)
    assert not run.exists()


def test_a_run_keeps_its_pace(run: Path) -> None:
    """Each attempt takes its turn, also a second one; four workers share one pace."""
    with Sandbox(faults={2: "http:429"}) as sandbox:
        account = account_at(sandbox)
        mms.send(small_requests(6), account, run=run, workers=4, requests_per_minute=600)
    left = pd.read_parquet(run / "requests.parquet")["sending_at"].sort_values()
    assert len(left) == 7
    # Facts are stamped to the millisecond, which cuts up to one off either end.
    assert left.diff().dropna().min() >= pd.Timedelta(milliseconds=99)
