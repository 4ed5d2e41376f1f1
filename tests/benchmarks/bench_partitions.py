"""How much faster `prepare` is over Dask with two worker processes than with one.

Run ``python tests/benchmarks/bench_partitions.py [--rows N] [--partitions N]``. The contacts are
made in the workers, outside of the time that is measured, and kept there; what comes back is how
many rows each problem has. The rival is the same with one worker, in the same run.
"""

from __future__ import annotations

import argparse
import os
import platform
import time

import numpy as np
import pandas as pd
from dask import dataframe as dd
from distributed import Client, LocalCluster, wait

import mmsbatch as mms


def part(place: int, rows: int) -> pd.DataFrame:
    """Make contacts with plainly made-up numbers, of which one in twenty is there twice."""
    chance = np.random.default_rng(place)
    numbers = chance.integers(600_000_000, 700_000_000, rows)
    numbers[::20] = numbers[1::20][: len(numbers[::20])]
    text = pd.Series(numbers).astype("str")
    return pd.DataFrame({"id": np.arange(rows), "mobile": "0" + text})


def seconds(workers: int, options: argparse.Namespace) -> tuple[float, int]:
    """Prepare with so many workers; return the seconds, and how many duplicates were found."""
    rows = options.rows // options.partitions
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        contacts = dd.from_map(part, range(options.partitions), rows=rows).persist()
        wait(contacts)
        client.run(_import)
        started_s = time.perf_counter()
        prepared = mms.prepare(contacts, phone="mobile")
        duplicates = int((prepared["mms_problem"] == "duplicate").sum().compute())  # type: ignore[attr-defined]
        return time.perf_counter() - started_s, duplicates


def _import() -> None:
    """Have a worker import what it will need."""
    mms.prepare(part(0, 100), phone="mobile")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--partitions", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}")
    for _ in range(options.repeats):
        (one_s, found), (two_s, again) = seconds(1, options), seconds(2, options)
        assert found == again
        print(
            f"{options.rows:,} rows in {options.partitions} partitions, {found:,} duplicates: "
            f"1 worker {one_s:.1f} s, 2 workers {two_s:.1f} s: {one_s / two_s:.2f} times",
            flush=True,
        )


if __name__ == "__main__":
    main()
