"""A helper process that forks senders and lets them die, and the tests' side of it.

The helper has imported everything and runs no Python thread of its own, so that a fork is a
sender ready to go, within milliseconds. One JSON line on its stdin is a task; one line on its
stdout says what became of each sender.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import mmsbatch as mms
from conftest import planned
from crash_points import Points

_TIME_LIMIT_S: Final = 120.0
"""A sender that takes longer hangs."""

plan_of = lru_cache(planned)


@dataclass(frozen=True)
class Task:
    """What the senders of one task do, and how they end."""

    verb: str
    """``send`` or ``resume``."""
    run: str
    url: str
    """Of the sandbox."""
    rows: int = 1000
    workers: int = 1
    processes: int = 1
    """So many senders, let go at the same moment."""
    traced: bool = False
    """Note the moments passed; needed for `point`."""
    point: str = ""
    """The moment (`crash_points`) at which the sender kills itself."""
    nth: int = 1
    """Which time that it comes, from 1."""
    kill_after_s: float | None = None
    """Seconds after which the sender is killed from outside."""


@dataclass(frozen=True)
class End:
    """How one sender ended."""

    killed: bool = False
    error: str = ""
    """The name of the exception, if any."""
    message: str = ""
    pid: int = 0
    trace: tuple[str, ...] = ()


# ----- the tests' side ---------------------------------------------------------------------------


class Driver:
    """The helper process; one is enough for a whole session (`driver`)."""

    def __init__(self) -> None:
        # One thread for linear algebra: a fork copies no other.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._helper = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def do(self, task: Task) -> list[End]:
        """Have a task done; give how each of its senders ended."""
        assert self._helper.stdin is not None
        assert self._helper.stdout is not None
        self._helper.stdin.write(json.dumps(vars(task)) + "\n")
        self._helper.stdin.flush()
        ends = json.loads(self._helper.stdout.readline())
        return [End(**{**end, "trace": tuple(end["trace"])}) for end in ends]

    def close(self) -> None:
        """End the helper."""
        self._helper.communicate()


@lru_cache(maxsize=1)
def driver() -> Driver:
    """Return the session's helper, started when first asked for."""
    made = Driver()
    atexit.register(made.close)
    return made


# ----- the helper's side -------------------------------------------------------------------------


def _send(task: Task, plan: mms.Plan) -> None:
    account = mms.Account("demo", "demo", task.url, target="sandbox")
    options: dict[str, Any] = {"workers": task.workers} if task.workers > 1 else {}
    if task.verb == "resume":
        mms.resume(task.run, account, **options)
    else:
        mms.send(plan, account, run=task.run, **options)


def _live(task: Task, plan: mms.Plan, report: int, start: int) -> None:
    """Be a sender: send, and write to `report` how it went. A killed one writes nothing."""
    points = Points(task.point, task.nth)
    if task.traced or task.point:
        points.install()
    os.read(start, 1)  # the pipe's end is the starting gun
    end = End(pid=os.getpid())
    try:
        _send(task, plan)
    except mms.MmsbatchError as error:
        end = End(error=type(error).__name__, message=str(error), pid=os.getpid())
    except BaseException as error:  # noqa: BLE001  (whatever it is, the test must see it)
        end = End(error=type(error).__name__, message=traceback.format_exc(), pid=os.getpid())
    said = json.dumps({**vars(end), "trace": points.trace}).encode()
    while said:
        said = said[os.write(report, said) :]


def _fork(task: Task, plan: mms.Plan, gun: tuple[int, int]) -> tuple[int, int]:
    """Fork a sender that waits for the gun; return its pid and where it reports."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            os.close(gun[1])
            _live(task, plan, writing, gun[0])
        finally:
            os._exit(0)  # not sys.exit: the helper's pipes and exit handlers are not the child's
    os.close(writing)
    return pid, reading


def _wait(pid: int, report: int, kill_after_s: float | None) -> dict[str, Any]:
    limit_s = _TIME_LIMIT_S if kill_after_s is None else kill_after_s
    in_time = bool(select.select([report], [], [], limit_s)[0])
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    said = b"".join(iter(lambda: os.read(report, 1 << 16), b""))
    os.close(report)
    os.waitpid(pid, 0)
    if said:
        return dict(json.loads(said))
    hung = not in_time and kill_after_s is None
    return vars(End(killed=not hung, error="hung" if hung else "", pid=pid))


def _carry_out(task: Task) -> list[dict[str, Any]]:
    plan = plan_of(task.rows)
    gun = os.pipe()
    senders = [_fork(task, plan, gun) for _ in range(task.processes)]
    for end in gun:
        os.close(end)
    return [_wait(pid, report, task.kill_after_s) for pid, report in senders]


def _serve() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_carry_out(Task(**json.loads(line)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    _serve()
