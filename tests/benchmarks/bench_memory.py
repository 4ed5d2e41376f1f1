"""How much memory each verb needs, from a Parquet file to results and proof.

Run ``python tests/benchmarks/bench_memory.py [--rows N …]``. Each verb is a command in a process of
its own; printed are its highest resident memory, as the kernel counts it, and its time. The gateway
is the sandbox in another process, with books that forget what they are told: it would else need
more memory than all that is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmsbatch.sandbox import Sandbox
from mmsbatch.sandbox.books import Books

_AT_ONCE = 500_000
_CAMPAIGN = """
name = "many"
kind = "text"
message = "Bonjour"
"""


def write_contacts(path: Path, rows: int) -> None:
    """Write an export of three columns; every hundredth number is repeated."""
    schema = pa.schema({"id": pa.int64(), "mobile": pa.string(), "ville": pa.string()})
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, _AT_ONCE):
            ids = np.arange(first, min(first + _AT_ONCE, rows), dtype=np.int64)
            numbers = 33_610_000_000 + np.where(ids % 100 == 0, ids // 2, ids)
            mobiles = pc.binary_join_element_wise("+", pa.array(numbers).cast(pa.string()), "")
            cities = pa.array(["Nice", "Lyon", "Pau"]).take(pa.array(ids % 3))
            writer.write_table(pa.table([pa.array(ids), mobiles, cities], schema=schema))


def serve() -> None:
    """Be the gateway until the standard input ends."""

    def forget(*_told: object) -> None:
        """Keep nothing."""

    with mock.patch.object(Books, "send", forget), mock.patch.object(Books, "log", forget):
        _serve()


def _serve() -> None:
    with Sandbox() as sandbox:
        sandbox.credits = 10**9
        print(sandbox.url, flush=True)
        sys.stdin.read()


@contextmanager
def gateway() -> Iterator[str]:
    command = [sys.executable, __file__, "--gateway"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def measured(words: Sequence[str], url: str) -> tuple[float, float]:
    """Run a command; return its highest resident memory (MB) and its seconds."""
    environment = {
        **os.environ,
        "MMSBATCH_URL": url,
        "MMSBATCH_CLIENTCODE": "demo",
        "MMSBATCH_PASSCODE": "demo",
    }
    begun_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mmsbatch", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"mmsbatch {' '.join(words)} ended with {process.returncode}: {said.decode()}")
    return usage.ru_maxrss / 1024, time.perf_counter() - begun_s


def measure(rows: int, place: Path, url: str, workers: int) -> dict[str, float]:
    """Print and return what each verb needs for so many rows."""
    contacts, campaign, run = place / "crm.parquet", place / "many.toml", place / "runs" / "many"
    write_contacts(contacts, rows)
    campaign.write_text(_CAMPAIGN, encoding="utf-8")
    source = [str(contacts), "--phone", "mobile"]
    verbs = {
        "check": ["check", *source, "--out", str(place / "checked.parquet")],
        "plan": ["plan", *source, "--campaign", str(campaign)],
        "send": [
            *["send", *source, "--campaign", str(campaign), "--run", str(run)],
            *["--workers", str(workers)],
        ],
        "status": ["status", str(run)],
        "results": ["results", str(run)],
        "verify": ["verify", str(run)],
        "audit": ["audit", str(run.parent)],
        "forget": ["forget", "+33610000007", str(run)],
    }
    peaks = {}
    for verb, words in verbs.items():
        peaks[verb], took_s = measured(words, url)
        per_million_s = took_s / rows * 1e6
        print(
            f"{rows:>11,} rows, {verb:<8} {peaks[verb]:7.0f} MB, {took_s:7.1f} s "
            f"({per_million_s:.1f} s a million)",
            flush=True,
        )
    return peaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[5_000_000, 10_000_000, 20_000_000])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--gateway", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.gateway:
        serve()
        return
    print(f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}")
    found = {}
    with gateway() as url:
        for rows in options.rows:
            with tempfile.TemporaryDirectory(dir="data") as folder:
                found[rows] = measure(rows, Path(folder), url, options.workers)
    print(json.dumps({rows: max(peaks.values()) for rows, peaks in found.items()}))


if __name__ == "__main__":
    main()
