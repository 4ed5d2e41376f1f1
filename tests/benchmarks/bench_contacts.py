"""How fast contacts are read, and in how much memory. Run ``python tests/benchmarks/bench_contacts.py``.

Prints ratios to ``pandas.read_csv(dtype=str)`` on the same file in the same run, each the best of
several; and the peak memory of reading by batches, measured in a process of its own. The files are
the sample export repeated.
"""  # noqa: E501

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch.contacts.reading import contact_batches, read_contacts

SAMPLE: Final = Path(__file__).parents[2] / "data" / "samples"


def write_csv(path: Path, rows: int) -> None:
    """Write the sample's lines until there are this many."""
    header, body = (SAMPLE / "crm.csv").read_bytes().split(b"\r\n", 1)
    with path.open("wb") as file:
        file.write(header + b"\r\n")
        for _ in range(rows // 1500):
            file.write(body)


def write_parquet(path: Path, rows: int) -> None:
    """Write the sample's rows until there are this many, in row groups of 150,000."""
    table = pa.concat_tables([pq.read_table(SAMPLE / "crm.parquet")] * 100)
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(rows // table.num_rows):
            writer.write_table(table)


def best(work: Callable[[], Any], times: int) -> float:
    """Return the shortest of several runs, in seconds."""
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spans.append(time.perf_counter() - start)
    return min(spans)


def peak_mb(path: Path, columns: list[str] | None) -> float:
    """Return the peak memory of reading a file by batches in a process of its own, in MB."""
    asked = ["--batches", str(path), *(columns or [])]
    done = subprocess.run([sys.executable, __file__, *asked], check=True, capture_output=True)
    return float(done.stdout)


def show(what: str, seconds: float, reference: float) -> None:
    """Print one ratio."""
    print(f"{what:<44} {seconds:6.2f} s   {seconds / reference:5.2f} of pandas")


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--parquet-rows", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--batches", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.batches:
        path, *columns = options.batches
        for _ in contact_batches(path, columns=columns or None):
            pass
        # Not getrusage: its maximum is inherited from the process that started this one.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        print(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6)
        return
    print(f"{os.cpu_count()} cores, {options.rows:,} rows of 14 columns")
    with tempfile.TemporaryDirectory() as folder:
        path, utf8 = Path(folder, "crm.csv"), Path(folder, "utf8.csv")
        write_csv(path, options.rows)
        utf8.write_text(path.read_text("cp1252"), "utf-8", newline="")
        for file, encoding in ((path, "cp1252"), (utf8, "utf-8")):
            reference = best(
                lambda file=file, encoding=encoding: pd.read_csv(  # type: ignore[misc]
                    file, sep=";", encoding=encoding, dtype=str
                ),
                options.times,
            )
            show(f"pandas.read_csv(dtype=str), {encoding}", reference, reference)
            ours = best(lambda file=file: read_contacts(file), options.times)  # type: ignore[misc]
            show(f"read_contacts, {encoding} found out", ours, reference)
            one = best(
                lambda file=file: read_contacts(file, columns=["mobile"]),  # type: ignore[misc]
                options.times,
            )
            show("read_contacts, one column", one, reference)
        print(f"{'peak of contact_batches, CSV':<44} {peak_mb(path, None):6.0f} MB")
        for rows in (options.parquet_rows // 2, options.parquet_rows):
            big = Path(folder, "crm.parquet")
            write_parquet(big, rows)
            what = f"peak of contact_batches, Parquet, {rows:,} rows"
            print(f"{what:<52} {peak_mb(big, None):6.0f} MB")
            print(f"{'… two columns':<52} {peak_mb(big, ['id', 'mobile']):6.0f} MB")


if __name__ == "__main__":
    main()
