"""Workers in other processes: engines repeat their tasks, and nobody gets a message twice."""

from __future__ import annotations

import importlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import dask
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import mmsbatch as mms
from conftest import account_at, fictional, planned
from crash_points import Points
from mmsbatch.errors import InputError, RunError, RunInDoubt, RunStopped
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.runs.folder import RunFolder
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.sending import remote
from postgres_cluster import Cluster


def ledger(sandbox: Sandbox) -> Counter[str]:
    return Counter(f"+{delivery.number}" for delivery in sandbox.ledger)


def small_requests(requests: int) -> mms.Plan:
    """Plan ten people a request."""
    prepared = mms.prepare(pd.DataFrame({"m": fictional(10 * requests)}), phone="m", fictional=True)
    return mms.plan(prepared, mms.Campaign("noel", mms.Text("Bonjour")), chunk_size=10)


def threads(sandbox: Sandbox, run: Path, workers: int = 3, **options: Any) -> pd.DataFrame:
    """Send with tasks in threads of this process: each is a worker with a journal of its own."""
    with ThreadPoolExecutor(workers) as executor:
        return mms.send(
            options.pop("plan", None) or small_requests(40),
            account_at(sandbox),
            run=run,
            workers=workers,
            executor=executor,
            **options,
        )


# ----- any executor, either database -------------------------------------------------------------


@pytest.mark.parametrize("database", ["file", "postgres"])
def test_processes_share_the_requests(
    database: str, sandbox: Sandbox, run: Path, processes: Executor, postgres: Cluster
) -> None:
    """Each person once; the facts say which worker sent what; the run proves itself."""
    journal = postgres.url if database == "postgres" else None
    results = mms.send(
        small_requests(60), account_at(sandbox), run=run, workers=2, executor=processes,
        journal=journal,
    )  # fmt: skip
    assert ledger(sandbox) == Counter(results["mms_e164"])
    assert results["mms_outcome"].eq("accepted").all()
    facts = RunFolder.at(run, journal).facts()
    joined = {fact.data["worker"] for fact in facts if fact.kind is FactKind.JOINED}
    claimed = {fact.data["worker"] for fact in facts if fact.kind is FactKind.SENDING}
    assert claimed <= joined
    assert len(joined) == 2
    assert mms.verify(run, journal=journal).holds


def test_the_caller_is_told_of_every_request(sandbox: Sandbox, run: Path) -> None:
    """In its own thread, whoever sent it."""
    told = []
    threads(sandbox, run, on_request=lambda one: told.append((one.number, threading.get_ident())))
    assert sorted(number for number, _ in told) == list(range(1, 41))
    assert {ident for _, ident in told} == {threading.get_ident()}


def claims_after(run: Path, ends: Callable[[Fact], bool]) -> int:
    """Count the claims that the journal has behind the fact that has to end them."""
    facts = RunFolder(run).facts()
    (place,) = [place for place, fact in enumerate(facts) if ends(fact)]
    return sum(fact.kind is FactKind.SENDING for fact in facts[place:])


def test_a_refusal_stops_all_workers(run: Path) -> None:
    """Each hears of it in the journal, before it claims another request."""
    with Sandbox(faults={4: "status:200"}, options=SandboxOptions(latency_ms=20)) as sandbox:
        with pytest.raises(RunStopped, match="200 Vous n'avez pas"):
            threads(sandbox, run)
    assert claims_after(run, lambda fact: b"Status=200" in (fact.body or b"")) == 0


def test_a_doubt_stops_all_workers(run: Path) -> None:
    """At most one request a worker is in doubt."""
    faults = {3: "close:after"}
    with Sandbox(faults=faults, options=SandboxOptions(latency_ms=20)) as sandbox:
        with pytest.raises(RunInDoubt, match="10 rows of run noel are in doubt"):
            threads(sandbox, run)
    assert claims_after(run, lambda fact: fact.kind is FactKind.BROKEN_OFF) == 0


def test_workers_keep_one_pace(sandbox: Sandbox, run: Path) -> None:
    """Over the whole run, wherever they are."""
    threads(sandbox, run, plan=small_requests(6), requests_per_minute=600)
    left = pd.read_parquet(run / "requests.parquet")["sending_at"].sort_values()
    assert left.diff().dropna().min() >= pd.Timedelta(milliseconds=99)


def test_workers_keep_one_budget(run: Path) -> None:
    """What is not known to cost anything is bought one at a time, over all of them."""
    with Sandbox(options=SandboxOptions(cost_per_recipient=2)) as sandbox:
        with pytest.raises(RunStopped, match="max_credits"):
            threads(sandbox, run, limits=mms.Limits(max_credits=100))
        assert ledger(sandbox).total() == 50


def test_ctrl_c_stops_workers_elsewhere(run: Path) -> None:
    """After the requests under way."""
    told: list[object] = []

    def interrupt(request: object) -> None:
        if not told:  # a second one would break it off
            signal.raise_signal(signal.SIGINT)
        told.append(request)

    with Sandbox(options=SandboxOptions(latency_ms=100)) as sandbox:
        with pytest.raises(RunStopped, match="interrupted after the current request"):
            threads(sandbox, run, on_request=interrupt)
        sent = ledger(sandbox)
    assert mms.status(run).outcomes == {"accepted": sent.total(), "pending": 400 - sent.total()}


def test_a_stop_reaches_workers_whose_driver_is_another(run: Path) -> None:
    """`stop` needs nothing but the run's folder."""

    def stop(_request: object) -> None:
        if not stopped:
            mms.stop(run)
            stopped.append(True)

    stopped: list[bool] = []
    with Sandbox(options=SandboxOptions(latency_ms=100)) as sandbox:
        with pytest.raises(RunStopped, match=r"stopped by \w+ on "):
            threads(sandbox, run, on_request=stop)
    assert mms.status(run).outcomes["pending"] > 0


# ----- tasks that are run again ------------------------------------------------------------------


class Twice(Executor):
    """Runs each task a second time, as an engine does when it has lost the worker of the first."""

    def submit(self, fn: Any, /, *args: Any, **options: Any) -> Future[Any]:
        """Run it twice at once, and give what the second gives."""
        first = threading.Thread(target=fn, args=args, kwargs=options)
        first.start()
        done: Future[Any] = Future()
        done.set_running_or_notify_cancel()
        try:
            done.set_result(fn(*args, **options))
        except Exception as error:  # noqa: BLE001
            done.set_exception(error)
        first.join()
        return done


@pytest.mark.parametrize("on_doubt", ["stop", "continue"])
def test_a_task_that_is_run_twice_sends_nothing_twice(
    on_doubt: Any, sandbox: Sandbox, run: Path
) -> None:
    """The journal decides, not the task."""
    try:
        mms.send(small_requests(40), account_at(sandbox), run=run, workers=1, executor=Twice(),
                 on_doubt=on_doubt)  # fmt: skip
    except (RunStopped, RunInDoubt):
        assert on_doubt == "stop"
    assert set(ledger(sandbox).values()) <= {1}
    assert mms.resume(run, account_at(sandbox))["mms_outcome"].eq("accepted").all()
    assert set(ledger(sandbox).values()) == {1}
    assert ledger(sandbox).total() == 400


def half_sent_by_threads(sandbox: Sandbox, run: Path) -> None:
    """Stop a run among several workers."""
    told: list[object] = []

    def stop(request: object) -> None:
        if not told:
            mms.stop(run)
        told.append(request)

    with pytest.raises(RunStopped, match="stopped by"):
        threads(sandbox, run, on_request=stop)


def test_a_task_of_an_execution_that_has_ended_sends_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine may come back to it a day later."""
    tasks: list[remote.Task] = []
    work = remote.work

    def noted(task: remote.Task, place: int) -> Any:
        tasks.append(task)
        return work(task, place)

    monkeypatch.setattr(remote, "work", noted)
    with Sandbox(options=SandboxOptions(latency_ms=100)) as sandbox:
        half_sent_by_threads(sandbox, run)
        sent = len(sandbox.requests)
        ended = work(tasks[0], 1)
        assert ended is not None
        assert len(sandbox.requests) == sent < 40


# ----- Dask: real workers that are killed --------------------------------------------------------


@contextmanager
def dask_client(workers: int) -> Iterator[Client]:
    """A cluster of worker processes; one that is killed is started anew."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1000}),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, silence_logs=50,
            dashboard_address="127.0.0.1:0",
        ) as started,
        Client(started) as client,
    ):  # fmt: skip
        yield client


def pids(client: Client) -> list[int]:
    return list(client.run(os.getpid).values())


LATENCY_MS: Final = 100


class Killer(threading.Thread):
    """Kills workers of a cluster at random times while a run goes on."""

    def __init__(
        self, client: Client, sandbox: Sandbox, kills: int, within_s: float, seed: int
    ) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._sandbox = sandbox
        self._chance = random.Random(seed)  # noqa: S311  (reproducible, not secret)
        self._times = sorted(self._chance.uniform(0.0, within_s) for _ in range(kills))
        self.killed = 0
        self.ended = threading.Event()

    def run(self) -> None:
        """Wait for each moment, and kill one of those that live then."""
        self._sandbox.wait_for(1)
        began_s = time.monotonic()
        for moment in self._times:
            if self.ended.wait(max(0.0, moment - (time.monotonic() - began_s))):
                return
            workers = [pid for pid in self._alive() if pid]
            if workers:
                os.kill(self._chance.choice(workers), signal.SIGKILL)
                self.killed += 1

    def _alive(self) -> list[int]:
        assert self._client.cluster is not None
        nannies = self._client.cluster.workers.values()
        return [nanny.pid for nanny in nannies if nanny.process and nanny.process.is_alive()]


def check(run: Path, journal: str, sandbox: Sandbox, most_in_doubt: int) -> int:
    """Hold a run against the ledger; return how many of its rows are in doubt."""
    sent = ledger(sandbox)
    results = mms.results(run, journal=journal)
    accepted = set(results.loc[results["mms_outcome"] == "accepted", "mms_e164"])
    doubts = set(results.loc[results["mms_outcome"] == "in_doubt", "mms_e164"])
    assert set(sent.values()) <= {1}, "somebody got it twice"
    assert accepted <= set(sent), "claimed, and not sent"
    assert set(sent) <= accepted | doubts, "sent, and nobody knows"
    assert len(doubts) <= most_in_doubt
    for doubt in mms.status(run, journal=journal).doubts:
        assert " of process " in doubt.reason or "broke" in doubt.reason, doubt.reason
    return len(doubts)


def killed_runs(kills: int, rows: int, per_run: int, tmp_path: Path, journal: str) -> str:
    """Kill workers until there were enough kills; say what was found."""
    done = doubts = 0
    while done < kills:
        run = tmp_path / f"run-{done}" / "noel"
        # A cluster of its own: a worker that is killed while it starts is not started again.
        slow = SandboxOptions(latency_ms=LATENCY_MS)
        with dask_client(4) as client, Sandbox(options=slow) as sandbox:
            within_s = rows / 200 / 4 * LATENCY_MS / 1000
            killer = Killer(client, sandbox, min(per_run, kills - done), within_s, done)
            killer.start()
            try:
                mms.send(
                    planned(rows, numbers=_numbers(rows)), account_at(sandbox), run=run, workers=4,
                    executor=client.get_executor(), journal=journal, on_doubt="continue",
                )  # fmt: skip
            except (RunInDoubt, RunStopped):
                pass
            finally:
                killer.ended.set()
                killer.join()
            done += max(killer.killed, 1)
            doubts += check(run, journal, sandbox, 200 * killer.killed)
        assert mms.verify(run, journal=journal).holds
    return f"{done} kills, {doubts} rows in doubt, nobody twice"


def _numbers(rows: int) -> list[str]:
    """Numbers that are plainly made up, where there are more than those reserved for fiction."""
    if rows <= 10_000:
        return fictional(rows)
    return [f"06123{number:05d}" for number in range(rows)]


@pytest.mark.full
def test_dask_workers_that_are_killed_send_nobody_twice(tmp_path: Path, postgres: Cluster) -> None:
    """The tasks are run again on others, and the journal tells them what is left."""
    print(killed_runs(4, 10_000, 4, tmp_path, postgres.url))  # noqa: T201  (the sweep's result)


@pytest.mark.full
def test_sweep_of_killed_dask_workers(tmp_path: Path, postgres: Cluster) -> None:
    """Two hundred kills over runs of 20,000 rows."""
    print(killed_runs(200, 20_000, 5, tmp_path, postgres.url))  # noqa: T201  (the sweep's result)


def _import() -> None:
    """Have a worker import what its task will need."""
    importlib.import_module("mmsbatch.sending.remote")


def _die_at(point: str, nth: int) -> None:
    Points(point, nth).install()


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("within fact sending", marks=pytest.mark.full),
        pytest.param("after fact sending", marks=pytest.mark.full),
        "after body",
    ],
)
def test_a_dask_worker_that_dies_at_the_worst_moment(
    point: str, run: Path, postgres: Cluster
) -> None:
    """In the midst of a claim's commit, right behind it, or when the request has left."""
    # Slow enough that neither worker has sent all before the other has begun.
    with dask_client(2) as client, Sandbox(options=SandboxOptions(latency_ms=100)) as sandbox:
        first = min(client.run(_import))
        client.run(_die_at, point, 2, workers=[first])
        results: pd.DataFrame | None = None
        try:
            results = mms.send(
                small_requests(40), account_at(sandbox), run=run, workers=2,
                executor=client.get_executor(), journal=postgres.url, on_doubt="continue",
            )  # fmt: skip
        except RunInDoubt:
            assert point != "within fact sending"  # not committed: nothing of it is there
        assert (point == "within fact sending") == (results is not None)
        in_doubt = check(run, postgres.url, sandbox, 10)
        assert in_doubt == (0 if point == "within fact sending" else 10)


# ----- bad input ---------------------------------------------------------------------------------


def test_what_is_no_executor_is_refused(sandbox: Sandbox, run: Path) -> None:
    """Nothing is made."""
    with pytest.raises(InputError, match=r"client\.get_executor\(\).*not str"):
        mms.send(planned(), account_at(sandbox), run=run, executor="dask")  # type: ignore[arg-type]
    assert not run.exists()


def test_an_executor_that_has_gone_sends_nothing(sandbox: Sandbox, run: Path) -> None:
    """A client that was closed, or a pool that was shut down."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RunStopped, match="no worker can be started"):
        mms.send(planned(), account_at(sandbox), run=run, executor=executor)
    assert not sandbox.requests
    assert mms.resume(run, account_at(sandbox))["mms_outcome"].eq("accepted").all()


def test_a_file_is_not_shared_with_another_machine(
    sandbox: Sandbox, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why, and what can be."""
    task = remote.Task

    def elsewhere(**given: Any) -> remote.Task:
        return replace(task(**given), host="another-machine")

    monkeypatch.setattr("mmsbatch.sending.execution.Task", elsewhere)
    with pytest.raises(RunStopped, match=r"is a file of another-machine.*in PostgreSQL"):
        threads(sandbox, run)
    assert not sandbox.requests


def test_a_folder_that_a_worker_cannot_read_is_named(
    sandbox: Sandbox, run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As where the machines share no disk."""
    task = remote.Task

    def moved(**given: Any) -> remote.Task:
        return replace(task(**given), run=str(tmp_path / "elsewhere"))

    monkeypatch.setattr("mmsbatch.sending.execution.Task", moved)
    with pytest.raises(RunStopped, match=r"elsewhere holds no run on .*all of them share"):
        threads(sandbox, run)
    assert not sandbox.requests


def test_workers_whose_driver_has_gone_are_waited_for(run: Path) -> None:
    """Nobody else may send or settle while they do; a stop reaches them."""
    with Sandbox(options=SandboxOptions(latency_ms=100)) as sandbox:
        half_sent_by_threads(sandbox, run)
        with RunFolder(run).journal.open_for_worker():
            with pytest.raises(RunError, match="workers whose driver has ended"):
                mms.resume(run, account_at(sandbox))
            mms.stop(run)
        assert mms.resume(run, account_at(sandbox))["mms_outcome"].eq("accepted").all()
