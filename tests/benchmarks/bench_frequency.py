"""How fast contacts are held against what earlier runs say of them.

Run ``python tests/benchmarks/bench_frequency.py [--runs N] [--rows N]``: 100 runs of 100,000 rows
against 1,000,000 contacts without further words. The rival is DuckDB grouping the same files.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from bench_verify import make

import mmsbatch as mms
from mmsbatch.frames import categorical
from mmsbatch.runs.run import write_results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(dir="data") as folder:
        runs = Path(folder)
        for number in range(options.runs):
            make(options.rows, runs / f"run-{number:03}")
            write_results(runs / f"run-{number:03}")
        numbers = 33_610_000_000 + np.arange(options.contacts, dtype=np.int64)
        contacts = pd.DataFrame({"mobile": "+" + pd.array(numbers).astype("str")})
        prepared = mms.prepare(contacts, phone="mobile")
        campaign = mms.Campaign("b", mms.Text("Bonjour"))

        def took_s(what: str, begun_s: float) -> float:
            took = time.perf_counter() - begun_s
            print(f"{what}: {took:.2f} s", flush=True)
            return took

        begun_s = time.perf_counter()
        duckdb.execute(
            f"SELECT mms_e164, max(mms_sent_at) FROM '{runs}/*/results.parquet' GROUP BY 1"
        ).fetchnumpy()
        rival_s = took_s("DuckDB, last contact of each number", begun_s)
        begun_s = time.perf_counter()
        past = mms.past_contacts(runs, target="sandbox")
        past_s = took_s(f"past_contacts, {options.runs * options.rows:,} rows", begun_s)
        begun_s = time.perf_counter()
        plain = mms.plan(prepared, campaign)
        plain_s = took_s(f"plan of {options.contacts:,} contacts", begun_s)
        rule = mms.Frequency(past=past, rejected_before=1, as_of=date(2026, 11, 23))
        begun_s = time.perf_counter()
        held = mms.plan(prepared, campaign, frequency=rule)
        held_s = took_s("the same, held against the past", begun_s)
        assert held.recipients == plain.recipients
        names = categorical(np.arange(options.contacts) % 500, [f"P{n}" for n in range(500)])
        split = mms.Split(
            {"A": mms.Text("Bonjour {{ prenom }}"), "B": mms.Text("Salut")}, hold_out=10
        )
        begun_s = time.perf_counter()
        several = mms.plan(
            prepared.assign(prenom=names), mms.Campaign("b", split=split), frequency=rule
        )
        whole_s = past_s + took_s("the same, split and rendered for 500 names", begun_s)
        sending_s = several.requests / 10 * 0.05
        print(
            f"read, held, split and rendered: {whole_s / sending_s:.2f} times what one in ten of "
            f"{several.requests:,} requests takes at 50 ms ({sending_s:.1f} s)"
        )
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"past {past_s / rival_s:.2f} times DuckDB's time; plan {held_s / plain_s:.2f} times "
            f"itself without; {peak_mb:.0f} MB at most"
        )


if __name__ == "__main__":
    main()
