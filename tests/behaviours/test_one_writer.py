"""Several processes start the same run at once: one sends, and every other one says who does.

The whole sweep::

    uv run pytest --full -s tests/behaviours/test_one_writer.py
"""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import pytest

import mmsbatch as mms
from conftest import account_at, quick
from crash_checks import settle
from crash_driver import Task, driver, plan_of
from mmsbatch.sandbox import Sandbox, SandboxOptions

ROWS: Final = 400
_FIRST: Final = re.compile(r" is being sent by process (\d+) on (\S+) since 2\d{3}-")


def started(run: Path) -> list[dict[str, Any]]:
    """Return what the processes that began to send wrote into the journal."""
    with closing(sqlite3.connect(run / "journal.sqlite")) as journal:
        rows = journal.execute("SELECT data FROM facts WHERE kind = 'started' ORDER BY seq")
        return [json.loads(data) for (data,) in rows]


def race(processes: int, verb: str, run: Path) -> Counter[str]:
    """Start a run in many processes at once; give how many sent, found it done, were refused."""
    plan = plan_of(ROWS)
    with Sandbox(options=SandboxOptions(latency_ms=20, credits=10_000)) as sandbox:
        before = 0
        if verb == "resume":  # on a run that somebody began and could not finish
            sandbox.credits = ROWS // 2
            with suppress(mms.RunStopped):
                mms.send(plan, account_at(sandbox), run=run)
            sandbox.credits = 10_000
            before = len(started(run))
        ends = driver().do(Task(verb, str(run), sandbox.url, rows=ROWS, processes=processes))
        settle()
        sent = Counter(delivery.number for delivery in sandbox.ledger)
    assert {end.error for end in ends} <= {"", "RunError"}, ends
    (sender,) = started(run)[before:]
    assert {f"33{number[1:]}": 1 for number in plan.rows["mobile"]} == sent
    told = Counter[str]()
    for end in ends:
        if end.pid == sender["pid"]:
            assert "" == end.error, end.message
            told["sent"] += 1
        elif end.error:
            first = _FIRST.search(end.message)
            assert first is not None, end.message
            # The sender, or one that came after it and found it done.
            assert first[1] in {str(other.pid) for other in ends if not other.error}
            assert socket.gethostname() == first[2]
            told["refused"] += 1
        else:
            told["done"] += 1
    assert 1 == told["sent"]
    assert processes == told.total()
    assert [run.name] == [path.name for path in run.parent.iterdir()]
    return told


@pytest.mark.parametrize("verb", ["send", "resume"])
@pytest.mark.parametrize("processes", quick(2, 5, 8, among=[2, 3, 4, 5, 6, 8]))
def test_one_of_many_processes_sends(verb: str, processes: int, tmp_path: Path) -> None:
    """The others are refused by name of the first, or find it done; no number goes twice."""
    race(processes, verb, tmp_path / "runs" / "noel")


@pytest.mark.full
def test_sweep_of_three_hundred_races(tmp_path: Path) -> None:
    """2 to 8 processes, runs begun and not, 300 times."""
    told = Counter[str]()
    for trial in range(300):
        verb = ("send", "resume")[trial % 2]
        told += race(2 + trial % 7, verb, tmp_path / str(trial) / "noel")
    print(  # noqa: T201  (the sweep's result)
        f"300 races of 2 to 8 processes: sent {told['sent']}, refused by name of the first "
        f"{told['refused']}, found it done {told['done']}, numbers sent twice 0"
    )
    assert 300 == told["sent"]
