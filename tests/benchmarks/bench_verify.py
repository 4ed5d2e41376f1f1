"""How fast `verify` is, beside building the same run's results from scratch.

Run ``python tests/benchmarks/bench_verify.py [--rows N] [--ids] [--refused K]``. The run is made
by the writers that `send` uses, with answers in the sandbox's words; no gateway is asked.

Building is `mmsbatch.runs.run.write_results`, once: the plan and the facts are read, the results
and the attempts rebuilt, both files written and their digests taken. ``mmsbatch results`` does this
and then draws its report, which reads and rebuilds once more; that is not counted.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pandas as pd

import mmsbatch as mms
from mmsbatch.gateway import wire
from mmsbatch.gateway.account import Target
from mmsbatch.journal.facts import FactKind
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.run import write_results
from mmsbatch.sandbox.protocol import accepted


def make(rows: int, path: Path, *, ids: bool = False, refused: int = 0) -> None:
    """Make a run of so many rows; the first `refused` of each request are refused, others taken."""
    numbers = 33_610_000_000 + np.arange(rows, dtype=np.int64)
    contacts = pd.DataFrame({"id": np.arange(rows), "mobile": pd.array(numbers).astype("str")})
    contacts["mobile"] = "+" + contacts["mobile"]
    contacts["ville"] = np.where(contacts["id"] % 3 == 0, "Nice", "Lyon")
    plan = mms.plan(mms.prepare(contacts, phone="mobile"), mms.Campaign("b", mms.Text("Bonjour")))
    folder = RunFolder(path)
    folder.create(plan, Target.SANDBOX)
    at = datetime.now(UTC)
    with folder.journal.open() as journal:
        journal.append(FactKind.STARTED, at=at, data={"login": "demo"})
        for request in plan:
            xml = wire.encode_request(plan.campaign, request.content, request.numbers, "demo")
            digest = hashlib.sha256(xml).hexdigest()
            sent = {"recipients": len(request.numbers), "sha256": digest}
            wired = tuple(number[1:] for number in request.numbers)
            taken = wired[refused:]
            answer = accepted(
                100,
                credits_left=1,
                numbers=taken,
                refused=wired[:refused],
                campaign_id=None,
                ids=tuple(str(uuid5(NAMESPACE_OID, one)) for one in taken) if ids else None,
            )
            journal.append(FactKind.SENDING, at=at, request=request.number, attempt=1, data=sent)
            journal.append(
                FactKind.ANSWER,
                at=at,
                request=request.number,
                attempt=1,
                data={"http_status": 200},
                body=answer.to_bytes(),
            )
        journal.append(FactKind.STOPPED, at=at)


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the clock and of processor time; the latter leaves the neighbours out."""
    start, start_cpu = time.perf_counter(), time.process_time()
    what()
    return time.perf_counter() - start, time.process_time() - start_cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ids", action="store_true", help="answers give an ID for each number")
    parser.add_argument("--refused", type=int, default=0, help="numbers refused in each request")
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"pandas {pd.__version__}, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        make(options.rows, run, ids=options.ids, refused=options.refused)
        write_results(run)
        assert mms.verify(run).holds
        ratios, clock_ratios = [], []
        for _ in range(options.repeats):
            building_s, building_cpu_s = timed(lambda: write_results(run))
            verifying_s, verifying_cpu_s = timed(lambda: mms.verify(run))
            ratios.append(verifying_cpu_s / building_cpu_s)
            clock_ratios.append(verifying_s / building_s)
            print(
                f"{options.rows:,} rows: results built in {building_s:.2f} s ({building_cpu_s:.2f} "
                f"of processor), verified in {verifying_s:.2f} s ({verifying_cpu_s:.2f}): "
                f"{ratios[-1]:.2f} times (load {os.getloadavg()[0]:.1f})"
            )
    print(
        f"median of {len(ratios)}, by processor time: {np.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), by the clock: {np.median(clock_ratios):.2f}"
    )


if __name__ == "__main__":
    main()
