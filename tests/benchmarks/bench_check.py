"""`mmsbatch check` of a long Parquet file to Parquet: peak memory, and how it grows with the rows.

    python tests/benchmarks/bench_check.py [--rows 10_000_000]

Prints the peak resident memory of the whole process at half the rows and at all of them, the growth
beyond what duplicate detection needs (at most 16 bytes a row), and both beside DuckDB doing the
part that plain regular expressions can: digits taken out, national form made, matched, the first
row of each number found, all columns written to Parquet.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 500_000
KEPT_BYTES_PER_ROW = 16


def write_contacts(path: Path, rows: int) -> None:
    """Write fictional contacts: mostly different made-up numbers, in several notations."""
    rng = np.random.default_rng(1)
    schema = pa.schema({"id": pa.string(), "mobile": pa.string(), "nom": pa.string()})
    with pq.ParquetWriter(path, schema) as file:
        for start in range(0, rows, BATCH):
            size = min(BATCH, rows - start)
            digits = rng.integers(600_000_000, 690_000_000, size)
            styles = rng.integers(0, 4, size)
            forms = ("0{}", "+33{}", "{}.0", "06 {}")
            cells = [
                forms[style].format(number) for style, number in zip(styles, digits, strict=True)
            ]
            ids = [str(number) for number in range(start, start + size)]
            file.write_table(pa.table([ids, cells, ["Martin"] * size], schema=schema))


def measured(path: Path, out: Path) -> dict[str, float]:
    """Run the command in a process of its own; return its peak memory and time."""
    code = (
        "import json, resource, sys, time; start = time.perf_counter()\n"
        "from mmsbatch.cli import app\n"
        "try:\n"
        "    app(['check', sys.argv[1], '--phone', 'mobile', '--out', sys.argv[2]])\n"
        "except SystemExit: pass\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps({'peak_mb': peak, 's': time.perf_counter() - start}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, out], capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return figures


_RIVAL = """
    COPY (
        SELECT *, CASE WHEN e164 IS NULL THEN 'not_a_mobile'
            WHEN row_number() OVER (PARTITION BY e164 ORDER BY position) > 1 THEN 'duplicate'
            END AS problem
        FROM (
            SELECT *, CASE WHEN regexp_matches(national, '^0[67][0-9]{8}$')
                THEN '+33' || national[2:] END AS e164
            FROM (
                SELECT *, regexp_replace(regexp_replace(regexp_replace(
                    mobile, '[^0-9+.]', '', 'g'), '\\.0$', ''), '^(\\+33|0033|33)?0?', '0')
                    AS national, file_row_number AS position
                FROM read_parquet('{source}', file_row_number = true)
            )
        )
        ORDER BY position
    ) TO '{out}' (FORMAT parquet)
"""


def rival(path: Path, out: Path) -> dict[str, float]:
    """Run DuckDB in a process of its own; return its peak memory and time."""
    code = (
        "import json, resource, sys, time, duckdb; start = time.perf_counter()\n"
        "duckdb.execute(sys.argv[1])\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps({'peak_mb': peak, 's': time.perf_counter() - start}))\n"
    )
    query = _RIVAL.replace("{source}", str(path)).replace("{out}", str(out))
    done = subprocess.run(
        [sys.executable, "-c", code, query], capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    print(f"cores {os.cpu_count()}, Python {sys.version.split()[0]}, page {resource.getpagesize()}")
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for count in (rows // 2, rows):
            path = Path(folder) / f"{count}.parquet"
            write_contacts(path, count)
            found[count] = measured(path, Path(folder) / "out.parquet")
            figures = found[count]
            print(f"{count:>12,} rows: peak {figures['peak_mb']:.0f} MB, {figures['s']:.1f} s")
            other = rival(path, Path(folder) / "rival.parquet")
            print(
                f"             DuckDB: peak {other['peak_mb']:.0f} MB, {other['s']:.1f} s; check "
                f"takes {figures['s'] / other['s']:.2f} times its time and "
                f"{figures['peak_mb'] / other['peak_mb']:.2f} times its memory"
            )
        half, whole = found[rows // 2]["peak_mb"], found[rows]["peak_mb"]
        needed = KEPT_BYTES_PER_ROW * (rows - rows // 2) / (1 << 20)
        beyond = max(whole - half - needed, 0.0) / half
        print(
            f"growth {whole - half:.0f} MB, of which duplicates may take {needed:.0f} MB: "
            f"beyond that {beyond:.1%}"
        )


if __name__ == "__main__":
    main()
