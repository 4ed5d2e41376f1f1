"""A sender killed at any moment: nothing twice, nothing lost, no claim that the ledger denies.

Every kill is a SIGKILL of a real process; the gateway is the sandbox of this one. The moments are
those of `crash_points`. The whole sweep::

    uv run pytest --full -s tests/behaviours/test_crash.py
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, quick
from crash_checks import Tally
from crash_driver import Task, driver, plan_of
from mmsbatch.sandbox import Sandbox, SandboxOptions

ROWS: Final = 1000
REQUESTS: Final = 5

OF_A_REQUEST: Final = {
    # moment: rows in doubt, whether the gateway got the request
    "before fact sending": (0, False),
    "within fact sending": (0, False),
    "after fact sending": (200, False),
    "before connecting": (200, False),
    "after connecting": (200, False),
    "within head": (200, False),
    "after head": (200, False),
    "within body": (200, False),
    "after body": (200, True),
    "after first bytes of answer": (200, True),
    "within answer": (200, True),
    "before fact answer": (200, True),
    "within fact answer": (200, True),
    "after fact answer": (0, True),
}
"""What is in doubt after a kill at each moment of a request, and what became of it in truth."""

OF_A_RUN: Final = {
    # moment: how often it comes
    "before making the folder": 1,
    "after making the folder": 1,
    "within plan.parquet": 1,
    "before replacing plan.parquet": 1,
    "after replacing plan.parquet": 1,
    "before replacing campaign.toml": 1,
    "after replacing campaign.toml": 1,
    "before fact opened": 1,
    "within fact opened": 1,
    "after fact opened": 1,
    "before naming the folder": 1,
    "after naming the folder": 1,
    # The folder of runs while the run is made, then the run.
    "before locking": 2,
    "after locking": 2,
    "before signing the lock": 1,
    "after signing the lock": 1,
    "before fact started": 1,
    "within fact started": 1,
    "after fact started": 1,
    "before fact balance": 1,
    "within fact balance": 1,
    "after fact balance": 1,
    "before fact stopped": 1,
    "within fact stopped": 1,
    "after fact stopped": 1,
    "before fact written": 1,
    "within fact written": 1,
    "after fact written": 1,
    "within results.parquet": 1,
    "before replacing results.parquet": 1,
    "after replacing results.parquet": 1,
    "within requests.parquet": 1,
    "before replacing requests.parquet": 1,
    "after replacing requests.parquet": 1,
}
"""The moments around the requests: no row is in doubt after any of them."""


def kill_at(moment: str, nth: int, run: Path, tally: Tally, rows: int = ROWS) -> pd.DataFrame:
    """Kill a sender at a moment, finish its run, compare the ledger; return the results."""
    plan = plan_of(rows)
    with Sandbox() as sandbox:
        task = Task("send", str(run), sandbox.url, rows=rows, point=moment, nth=nth)
        (end,) = driver().do(task)
        assert end.killed, f"never came to {moment!r} ({nth}.): {end}"
        tally.count_kill(run)
        results = tally.recover(run, sandbox, plan, f"{moment} ({nth}.)")
        sent = len(sandbox.ledger)
    in_doubt, reached = OF_A_REQUEST.get(moment, (0, True))
    assert in_doubt == (results["mms_outcome"] == "in_doubt").sum()
    assert set(results.loc[results["mms_outcome"] == "in_doubt", "mms_request"]) <= {nth}
    # What never reached the gateway and was claimed is in doubt for good: the price of certainty.
    assert sent == rows - (0 if reached else in_doubt)
    return results


@pytest.mark.parametrize("moment", OF_A_REQUEST)
def test_a_kill_within_a_request(moment: str, tmp_path: Path) -> None:
    """Its rows are in doubt from the durable claim to the durable answer, and others never are."""
    tally = Tally()
    kill_at(moment, 2, tmp_path / "noel", tally, rows=600)
    tally.check()


@pytest.mark.parametrize(
    "moment",
    [
        "after making the folder",
        "within plan.parquet",
        "within fact opened",
        "before naming the folder",
        "after naming the folder",
        "after locking",
        "before fact started",
        "after fact balance",
        "within fact stopped",
        "before replacing results.parquet",
        "within requests.parquet",
        "before fact written",
    ],
)
def test_a_kill_between_the_requests(moment: str, tmp_path: Path) -> None:
    """While the folder is made, at the lock, while results are written: nothing is in doubt."""
    tally = Tally()
    kill_at(moment, 1, tmp_path / "noel", tally, rows=400)
    tally.check()


@pytest.mark.parametrize(
    ("moment", "whose"),
    [
        ("within results.parquet", "old"),
        ("before replacing results.parquet", "old"),
        ("after replacing results.parquet", "new"),
    ],
)
def test_results_are_the_old_or_the_new_ones(moment: str, whose: str, tmp_path: Path) -> None:
    """A kill while they are replaced leaves a file that can be read, whole."""
    run = tmp_path / "noel"
    plan = plan_of(400)
    with Sandbox(options=SandboxOptions(credits=200)) as sandbox:
        with pytest.raises(mms.RunStopped):
            mms.send(plan, account_at(sandbox), run=run)
        sandbox.credits = 1000
        (end,) = driver().do(Task("resume", str(run), sandbox.url, rows=400, point=moment))
        assert end.killed
        counts = pd.read_parquet(run / "results.parquet")["mms_outcome"].value_counts()
        expected = {"old": {"accepted": 200, "refused": 200}, "new": {"accepted": 400}}
        assert expected[whose] == counts[counts > 0].to_dict()
        Tally().recover(run, sandbox, plan, moment)


def test_whoever_resumes_is_told_what_to_do(tmp_path: Path) -> None:
    """A killed sender explained nothing: the next one names the request, why, and the command."""
    run = tmp_path / "noel"
    with Sandbox() as sandbox:
        task = Task("send", str(run), sandbox.url, rows=400, point="after body", nth=2)
        (end,) = driver().do(task)
        assert end.killed
        said = f"200 rows .* request 2: its answer is not known.* `mms.reconcile.'{run}'"
        with pytest.raises(mms.RunInDoubt, match=said):
            mms.resume(run, account_at(sandbox))


def test_every_moment_has_a_name_here(tmp_path: Path) -> None:
    """The tables above and the moments of a whole send are the same: no step goes untried."""
    with Sandbox() as sandbox:
        (end,) = driver().do(Task("send", str(tmp_path / "noel"), sandbox.url, traced=True))
    assert "" == end.error
    trace = pd.Series(end.trace)
    counts = trace[trace != "after fsync"].value_counts().to_dict()
    assert OF_A_RUN | dict.fromkeys(OF_A_REQUEST, REQUESTS) == counts


def whole_send_s(run: Path, rows: int, workers: int) -> float:
    """Measure how long a send takes here and now when nobody kills it."""
    with Sandbox() as sandbox:
        began_s = time.perf_counter()
        driver().do(Task("send", str(run), sandbox.url, rows=rows, workers=workers))
        return time.perf_counter() - began_s


def random_kills(
    kills: int, tmp_path: Path, seed: int, *, workers: int = 1, most_per_run: int = 5
) -> Tally:
    """Kill senders at random times, each run a few times over, until there were enough."""
    chance = random.Random(seed)  # noqa: S311  (reproducible, not secret)
    tally = Tally()
    rows = ROWS * workers  # so that each worker has several, one after the other
    plan = plan_of(rows)
    sent_s = min(whole_send_s(tmp_path / str(trial) / "run", rows, workers) for trial in range(2))
    while tally.kills < kills:
        options = SandboxOptions(latency_ms=chance.choice([0, 10, 40]))
        run = tmp_path / f"{chance.getrandbits(64):x}" / "run"
        whole_s = sent_s + REQUESTS * options.latency_ms / 1000
        with Sandbox(options=options) as sandbox:
            in_doubt = 0
            for _ in range(min(chance.randint(1, most_per_run), kills - tally.kills)):
                after_s = chance.uniform(0.005, whole_s)
                task = Task("send", str(run), sandbox.url, rows=rows, workers=workers)
                (end,) = driver().do(replace(task, kill_after_s=after_s))
                assert end.killed or end.error in {"", "RunInDoubt"}, end
                if end.killed:
                    in_doubt = tally.count_kill(run, in_doubt)
            tally.recover(run, sandbox, plan, f"seed {seed}, {run.name}")
    return tally


def test_kills_at_random_times(tmp_path: Path) -> None:
    """Wherever the clock happens to hit."""
    tally = random_kills(8, tmp_path, seed=20261224)
    print(f"random times: {tally}")  # noqa: T201  (the sweep's result)
    tally.check()


def test_kills_of_several_workers(tmp_path: Path) -> None:
    """Each of them leaves one request in doubt at most."""
    tally = random_kills(6, tmp_path, seed=20261225, workers=3)
    print(f"random times, 3 workers: {tally}")  # noqa: T201  (the sweep's result)
    tally.check(workers=3)


@pytest.mark.parametrize("nth", quick(3, among=[1, 3]))
@pytest.mark.parametrize("moment", ["before", "within", "after"])
@pytest.mark.parametrize("fact", ["sending", "answer"])
def test_a_kill_around_a_fact_of_several_workers(
    fact: str, moment: str, nth: int, tmp_path: Path
) -> None:
    """It is on record, or it is not: what the others have under way is in doubt, and no more."""
    rows = 2 * ROWS
    run, tally, plan = tmp_path / "noel", Tally(), plan_of(rows)
    with Sandbox(options=SandboxOptions(latency_ms=20)) as sandbox:
        point = f"{moment} fact {fact}"
        task = Task("send", str(run), sandbox.url, rows=rows, workers=2, point=point, nth=nth)
        (end,) = driver().do(task)
        assert end.killed, end
        tally.count_kill(run)
        tally.recover(run, sandbox, plan, point)
    tally.check(workers=2)


# ----- the whole sweep ---------------------------------------------------------------------------


@pytest.mark.full
def test_sweep_of_every_moment_of_every_request(tmp_path: Path) -> None:
    """SIGKILL at each named moment, for each request of 1,000 rows, then resume."""
    tally = Tally()
    moments = [(moment, nth) for moment in OF_A_REQUEST for nth in range(1, REQUESTS + 1)]
    moments += [(moment, 1) for moment in OF_A_RUN]
    for place, (moment, nth) in enumerate(moments):
        kill_at(moment, nth, tmp_path / f"{place}" / "run", tally)
    print(f"named moments: {tally}")  # noqa: T201  (the sweep's result)
    tally.check()


@pytest.mark.full
@pytest.mark.parametrize("part", range(100))
def test_sweep_of_two_thousand_random_times(part: int, tmp_path: Path) -> None:
    """SIGKILL whenever, up to five times a run, then resume; twenty kills a part."""
    tally = random_kills(20, tmp_path, seed=part)
    print(f"random times, part {part}: {tally}")  # noqa: T201  (the sweep's result)
    tally.check()


@pytest.mark.full
@pytest.mark.parametrize("part", range(20))
@pytest.mark.parametrize("workers", [2, 4, 8])
def test_sweep_of_random_times_with_workers(workers: int, part: int, tmp_path: Path) -> None:
    """SIGKILL whenever, with several requests under way; ten kills a part."""
    tally = random_kills(10, tmp_path, seed=100 * workers + part, workers=workers)
    print(f"random times, {workers} workers, part {part}: {tally}")  # noqa: T201  (the sweep's result)
    tally.check(workers=workers)
