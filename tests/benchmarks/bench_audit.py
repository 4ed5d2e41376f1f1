"""Audits over many runs: the summary beside a bare DuckDB aggregation, and one person's history.

    python tests/benchmarks/bench_audit.py [--runs 100] [--rows 100_000]

The runs are made by the writers that `send` uses, with answers in the sandbox's words, under
``data/runs``, and removed afterwards. A few are made; the others are copies with a first fact of
their own, so that they count as runs of their own.

Every figure is of a process of its own that has imported this package: the median of some looks,
and the peak of the process's memory. Both sides read the same files, in the system's cache by then.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

import mmsbatch as mms
from mmsbatch.gateway import wire
from mmsbatch.gateway.account import Target
from mmsbatch.journal.facts import FactKind
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.run import write_results
from mmsbatch.sandbox.protocol import accepted

ROOT = Path(__file__).parents[2]
MADE = 4
"""Runs that are made; the others are copies of them."""
REFUSED_EVERY = 97
UNHEARD_REQUEST = 3
LOOKS = 3
TURNS = 3
BEGINNING = datetime(2026, 1, 5, 9, tzinfo=UTC)


def contacts(rows: int, seed: int) -> pd.DataFrame:
    """Make contacts: made-up numbers in no order, one in fifty of them dirty."""
    rng = np.random.default_rng(seed)
    numbers = 610_000_000 + rng.permutation(rows * 3)[:rows]
    mobile = pd.Series(numbers).astype("str").radd("0")
    mobile[::50] = "0199000001"
    mobile.iloc[1] = person(rows)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "nom": pd.Series(rng.integers(0, 5_000, rows)).astype("str").radd("Martin "),
            "mobile": mobile,
        }
    )


def person(rows: int) -> str:
    """Return somebody who is in every run."""
    return f"0{610_000_000 + rows * 3 + 7}"


def make(path: Path, rows: int, seed: int) -> None:
    """Make a run: most accepted, some rejected, one request in doubt."""
    prepared = mms.prepare(contacts(rows, seed), phone="mobile")
    plan = mms.plan(prepared, mms.Campaign(f"campagne-{seed}", mms.Text("Bonjour")))
    folder = RunFolder(path)
    folder.create(plan, Target.SANDBOX)
    at, credits_left = BEGINNING, 10 * rows
    with folder.journal.open() as journal:
        journal.append(FactKind.STARTED, at=at, data={"login": "demo"})
        balance = f"Status=300\nStatusText=Compte actif\nCredits={credits_left}\n".encode()
        journal.append(FactKind.BALANCE, at=at, data={"http_status": 200}, body=balance)
        for request in plan:
            at += timedelta(milliseconds=300)
            xml = wire.encode_request(plan.campaign, request.content, request.numbers, "demo")
            sent = {
                "recipients": len(request.numbers),
                "sha256": hashlib.sha256(xml).hexdigest(),
            }
            number = request.number
            journal.append(FactKind.SENDING, at=at, request=number, attempt=1, data=sent)
            if number == UNHEARD_REQUEST:
                journal.append(
                    FactKind.BROKEN_OFF, at=at, request=number, attempt=1, data={"reason": "reset"}
                )
                continue
            wired = tuple(number[1:] for number in request.numbers)
            refused = wired[REFUSED_EVERY::REFUSED_EVERY]
            credits_left -= len(wired) - len(refused)
            answer = accepted(
                100,
                credits_left=credits_left,
                numbers=tuple(number for number in wired if number not in refused),
                refused=refused,
                campaign_id=None,
            )
            body, said = answer.to_bytes(), {"http_status": 200}
            journal.append(FactKind.ANSWER, at=at, request=number, attempt=1, data=said, body=body)
        journal.append(FactKind.STOPPED, at=at)
    write_results(path)


def copy(made: Path, path: Path, number: int) -> None:
    """Copy a run, with a first fact of its own."""
    shutil.copytree(made, path)
    journal = sqlite3.connect(path / "journal.sqlite")
    with journal:
        at = (BEGINNING + timedelta(days=number)).isoformat(timespec="milliseconds")
        own = hashlib.sha256(path.name.encode()).hexdigest()
        journal.execute(
            "UPDATE facts SET at = ?, hash = ? WHERE seq = 1", (at.replace("+00:00", "Z"), own)
        )
    journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal.close()


def make_runs(folder: Path, count: int, rows: int) -> None:
    for number in range(count):
        path = folder / f"run-{number:03d}"
        if number < MADE:
            make(path, rows, number)
        else:
            copy(folder / f"run-{number % MADE:03d}", path, number)


# ----- in a process of its own -------------------------------------------------------------------

_MEASURE = """
import glob, json, re, statistics, sys, time
import duckdb
import mmsbatch as mms

folder, number, looks = sys.argv[1], sys.argv[2], int(sys.argv[3])
files = sorted(glob.glob(folder + "/*/results.parquet"))


def look():
    {look}


seconds = []
for _ in range(looks):
    start = time.perf_counter()
    found = look()
    seconds.append(time.perf_counter() - start)
# Not ru_maxrss: a process inherits that of the one that started it.
peak = int(re.search("VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps({{"s": statistics.median(seconds), "peak_mb": peak, "found": found}}))
"""

BARE = (
    "return len(duckdb.connect().execute("
    "'SELECT filename, mms_outcome, count(*) FROM read_parquet($files, filename = true) "
    "GROUP BY ALL', {'files': files}).fetchall())"
)
BARE_FILTER = (
    "return len(duckdb.connect().execute("
    "'SELECT filename, mms_outcome, mms_request "
    "FROM read_parquet($files, filename = true) WHERE mms_e164 = $number', "
    "{'files': files, 'number': '+33' + number[1:]}).fetchall())"
)
AUDIT = "return int(mms.audit(folder)['rows'].sum())"
HISTORY = "return len(mms.history(number, folder))"


def measured(look: str, folder: Path, rows: int) -> dict[str, float]:
    """Do it in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _MEASURE.format(look=look),
            str(folder),
            person(rows),
            str(LOOKS),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare(what: str, look: str, bare: str, folder: Path, rows: int) -> int:
    """Measure one thing beside DuckDB alone, in turns (machines have other work); print it."""
    turns = [(measured(bare, folder, rows), measured(look, folder, rows)) for _ in range(TURNS)]
    alone, ours = min(turns, key=lambda turn: turn[1]["s"])
    ratio = statistics.median(ours["s"] / alone["s"] for alone, ours in turns)
    print(
        f"{what}: {ratio:.2f} times DuckDB alone (median of {TURNS}); at best {ours['s']:.2f} s "
        f"beside {alone['s']:.2f} s; at most {max(turn[1]['peak_mb'] for turn in turns):.0f} MB "
        f"beside {max(turn[0]['peak_mb'] for turn in turns):.0f} MB"
    )
    return int(ours["found"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rows", type=int, default=100_000, help="Of each run.")
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"pandas {pd.__version__}, load {os.getloadavg()[0]:.1f}"
    )
    place = ROOT / "data" / "runs"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".bench-") as made:
        folder = Path(made) / "runs"
        make_runs(folder, options.runs, options.rows)
        total = options.runs * options.rows
        print(f"{total:,} rows in {options.runs} runs")
        assert total == compare("summary", AUDIT, BARE, folder, options.rows)
        if hasattr(mms, "history"):
            found = compare("history of one person", HISTORY, BARE_FILTER, folder, options.rows)
            assert options.runs == found


if __name__ == "__main__":
    main()
