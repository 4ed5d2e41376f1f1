"""How fast `send` is, beside the ideal of a gateway's latency and beside a bare loop of POSTs.

Run ``python tests/benchmarks/bench_send.py [part …]`` with parts of ``latency``, ``postgres``,
``bare``, ``facts`` and ``million``; all of them without. The gateway is the sandbox in a process of
its own. Its own time and the neighbours' on a shared machine are in these figures, so each part
also prints the load and, where that is what counts, the processor time of this process alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import requests

import mmsbatch as mms
from mmsbatch import spec
from mmsbatch.gateway import wire
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.sqlite import SqliteJournal
from mmsbatch.runs.folder import RunFolder

LOGIN = "demo"
RUNS = Path("data/runs")
"""On a disk: where the system's temporary folder is memory, facts would cost nothing."""


@contextmanager
def gateway(latency_ms: int) -> Iterator[tuple[str, int]]:
    """Run the sandbox in a process of its own; return its address and its process."""
    command = [sys.executable, "-m", "mmsbatch", "sandbox", "--port", "0", "--json"]
    command += ["--credits", "100000000", "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"], process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def run_folder() -> Iterator[Path]:
    """Return the name of a run to be made, and remove it afterwards."""
    RUNS.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=RUNS, prefix="bench-"))
    try:
        yield place / "run"
    finally:
        shutil.rmtree(place)


def planned(rows: int) -> mms.Plan:
    """Plan a text for so many made-up numbers; the sandbox reaches nobody."""
    numbers = 33_610_000_000 + np.arange(rows, dtype=np.int64)
    contacts = pd.DataFrame({"id": np.arange(rows), "mobile": pd.array(numbers).astype("str")})
    contacts["mobile"] = "+" + contacts["mobile"]
    return mms.plan(mms.prepare(contacts, phone="mobile"), mms.Campaign("b", mms.Text("Bonjour")))


def at(url: str) -> mms.Account:
    return mms.Account(LOGIN, "demo", url, target="sandbox")


def processor_s(process: int) -> float:
    """Seconds of processor time another process has had (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stolen_s() -> float:
    """Seconds of these cores that a hypervisor gave to others (Linux)."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


@dataclass(frozen=True)
class Cost:
    """What the machine gave while requests were sent: milliseconds of processor per request."""

    here_ms: float
    sandbox_ms: float
    stolen: float
    """Share of the cores that a hypervisor gave to others."""


def cost_of(send: Callable[[], object], count: int, sandbox: int) -> Cost:
    """Send so many requests, and measure what they cost."""
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    start_sandbox_s, start_stolen_s = processor_s(sandbox), stolen_s()
    send()
    cores_s = (time.perf_counter() - start_s) * (os.cpu_count() or 1)
    return Cost(
        (time.process_time() - start_cpu_s) / count * 1000,
        (processor_s(sandbox) - start_sandbox_s) / count * 1000,
        (stolen_s() - start_stolen_s) / cores_s,
    )


def latency(options: argparse.Namespace) -> None:
    """Compare answers per second with the ideal, workers ÷ latency, over 100 requests a worker.

    Between the moment when each worker has had an answer and the last claim: all begin at once,
    and one after the other ends. The whole span, from the first claim to the last answer's fact,
    is printed beside it. The rival is as many threads that post the same ready-made bytes with
    requests and keep nothing: what these cores allow whoever uses requests.
    """
    for _ in range(options.repeats):
        for workers in (1, 8, 32):
            plan = planned(200 * 100 * workers)
            _rated("send", workers, *_sent_by_send(plan, workers))
            _rated("bare threads", workers, *_sent_by_threads(plan, workers))


def postgres(options: argparse.Namespace) -> None:
    """The same with the journal in PostgreSQL, beside the journal in a file and bare threads."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from postgres_cluster import cluster  # noqa: PLC0415

    plan = planned(200 * 100 * 8)
    with cluster() as server:
        for _ in range(options.repeats):
            _rated("send, PostgreSQL", 8, *_sent_by_send(plan, 8, server.url))
            _rated("send, SQLite", 8, *_sent_by_send(plan, 8))
            _rated("bare threads", 8, *_sent_by_threads(plan, 8))


def _rated(who: str, workers: int, starts: list[float], ends: list[float], spent: Cost) -> None:
    """Print answers per second of starts and ends in seconds, each in order."""
    count = len(ends)
    first, last = ends[workers - 1], starts[-1]
    rate, ideal_rate = sum(first < end <= last for end in ends) / (last - first), workers / 0.1
    took_s, ideal_s = ends[-1] - starts[0], count * 0.1 / workers
    print(
        f"100 ms, {workers:>2} workers, {who}: {rate:.1f} answers a second, "
        f"{rate / ideal_rate:.1%} of the ideal {ideal_rate:.0f}; {count} requests in "
        f"{took_s:.2f} s, {ideal_s / took_s:.1%} of {ideal_s:.0f} s; processor per request "
        f"{spent.here_ms:.1f} ms here, {spent.sandbox_ms:.1f} ms in the sandbox "
        f"({spent.stolen:.1%} of the cores stolen, {load()})",
        flush=True,
    )


def _sent_by_send(
    plan: mms.Plan, workers: int, journal: str | None = None
) -> tuple[list[float], list[float], Cost]:
    with gateway(100) as (url, sandbox), run_folder() as run:
        send = partial(mms.send, plan, at(url), run=run, workers=workers, journal=journal)
        spent = cost_of(send, plan.requests, sandbox)
        facts = RunFolder.at(run, journal).facts()
    starts = [fact.at.timestamp() for fact in facts if fact.kind is FactKind.SENDING]
    ends = [fact.at.timestamp() for fact in facts if fact.kind is FactKind.ANSWER]
    return starts, ends, spent


def _sent_by_threads(plan: mms.Plan, workers: int) -> tuple[list[float], list[float], Cost]:
    bodies = bare_bodies(plan)
    starts: list[float] = []
    ends: list[float] = []
    with gateway(100) as (url, sandbox):

        def post(body: bytes) -> None:
            starts.append(time.perf_counter())
            post_bare(url, body)
            ends.append(time.perf_counter())

        with ThreadPoolExecutor(workers) as threads:
            spent = cost_of(lambda: list(threads.map(post, bodies)), len(bodies), sandbox)
    return starts, ends, spent


def post_bare(url: str, body: bytes) -> None:
    """Post as whoever keeps nothing would."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    requests.post(url + spec.SEND_PATH, data=body, headers=headers, timeout=60)


def bare_bodies(plan: mms.Plan) -> list[bytes]:
    return [
        wire.encode_form(
            wire.encode_request(plan.campaign, request.content, request.numbers, LOGIN),
            LOGIN,
            "demo",
        )
        for request in plan
    ]


def bare(options: argparse.Namespace) -> None:
    """Compare with a loop that posts the same ready-made bytes and keeps nothing."""
    plan = planned(100_000)
    bodies = bare_bodies(plan)
    ratios = []
    for _ in range(options.repeats):
        with gateway(0) as (url, _):
            start, start_cpu = time.perf_counter(), time.process_time()
            for body in bodies:
                post_bare(url, body)
            bare_s, bare_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
        with gateway(0) as (url, _), run_folder() as run:
            start, start_cpu = time.perf_counter(), time.process_time()
            mms.send(plan, at(url), run=run)
            ours_s, ours_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
        ratios.append(ours_s / bare_s)
        print(
            f"100,000 rows without latency: send {ours_s:.2f} s ({ours_cpu_s:.2f} s of processor), "
            f"bare loop {bare_s:.2f} s ({bare_cpu_s:.2f} s): {ratios[-1]:.2f} times ({load()})"
        )
    print(f"median of {len(ratios)}: {np.median(ratios):.2f} times the bare loop")


def facts(options: argparse.Namespace) -> None:
    """Measure the two facts of a request, with an answer of 200 numbers, against 50 ms."""
    del options
    count, body = 300, b"x" * 11_000
    with run_folder() as run:
        run.mkdir()
        took_ms = []
        with SqliteJournal(run / "journal.sqlite", create=True) as journal:
            for number in range(1, count + 1):
                start = time.perf_counter()
                for kind, answer in ((FactKind.SENDING, None), (FactKind.ANSWER, body)):
                    journal.append(
                        kind,
                        at=datetime.now(UTC),
                        request=number,
                        attempt=1,
                        data={"recipients": 200, "sha256": "0" * 64},
                        body=answer,
                    )
                took_ms.append((time.perf_counter() - start) * 1000)
    mean, median = np.mean(took_ms), np.median(took_ms)
    print(
        f"facts of a request: mean {mean:.2f} ms, median {median:.2f} ms: "
        f"{mean / 50:.1%} and {median / 50:.1%} of 50 ms ({load()})"
    )


def million(options: argparse.Namespace) -> None:
    """Send a million rows; peak memory is this process's, plan and results included."""
    plan = planned(options.rows)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with gateway(0) as (url, _), run_folder() as run:
        start, start_cpu = time.perf_counter(), time.process_time()
        results = mms.send(plan, at(url), run=run, workers=options.workers)
        took_s, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    accepted = int(results["mms_outcome"].eq("accepted").sum())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{accepted:,} of {options.rows:,} rows accepted in {took_s:.0f} s ({cpu_s:.0f} s of "
        f"processor), {options.workers} workers: peak {peak_mb:,.0f} MB, of which preparing and "
        f"planning {before_mb:,.0f} MB ({load()})"
    )


PARTS = {"latency": latency, "postgres": postgres, "bare": bare, "facts": facts, "million": million}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all without")
    parser.add_argument("--repeats", type=int, default=3, help="of `latency` and `bare`")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of `million`")
    parser.add_argument("--workers", type=int, default=1, help="of `million`")
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"pandas {pd.__version__}, requests {requests.__version__}, {load()}"
    )
    for part in options.parts or PARTS:
        PARTS[part](options)


if __name__ == "__main__":
    main()
