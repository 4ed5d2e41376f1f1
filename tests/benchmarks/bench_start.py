"""How fast the command line and the package start, beside `import pandas`.

Run ``python tests/benchmarks/bench_start.py [--times N]``. Each is a process of its own; they take
turns, so that a neighbour counts for all of them, and the median of each is compared.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import pandas as pd

import mmsbatch as mms
from mmsbatch.sandbox import Sandbox

BESIDE = "import pandas"


def make(run: Path) -> None:
    """Send three requests to a sandbox: the run whose status is asked."""
    contacts = pd.DataFrame(
        {"mobile": [f"06 39 98 {n // 100:02} {n % 100:02}" for n in range(600)]}
    )
    campaign = mms.Campaign("start", mms.Text("Bonjour"))
    plan = mms.plan(mms.prepare(contacts, phone="mobile", fictional=True), campaign)
    with Sandbox() as sandbox:
        account = mms.Account("demo", "demo", sandbox.url, target="sandbox")
        mms.send(plan, account, run=run, progress=False)


def seconds(command: list[str]) -> float:
    """Time one process from its start to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Take turns, and print each median and its ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=15)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "start"
        make(run)
        script = str(Path(sys.executable).with_name("mmsbatch"))
        commands = {
            BESIDE: [sys.executable, "-c", "import pandas"],
            "mmsbatch --help": [script, "--help"],
            "import mmsbatch": [sys.executable, "-c", "import mmsbatch"],
            "mmsbatch status": [script, "status", str(run)],
        }
        for command in commands.values():
            seconds(command)  # compiled, and in the system's cache
        turns = [{name: seconds(one) for name, one in commands.items()} for _ in range(times)]
    beside = median(turn[BESIDE] for turn in turns)
    for name in commands:
        taken = median(turn[name] for turn in turns)
        print(f"{name:18}{taken:7.3f} s  {taken / beside:5.2f} of {BESIDE}")


if __name__ == "__main__":
    main()
