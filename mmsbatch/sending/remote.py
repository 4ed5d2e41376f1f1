"""Workers in other processes, on this machine or others: the same loop over the same journal.

Engines repeat tasks: Dask runs again what a lost worker was doing, and what it had finished. So a
task is never what decides that something is sent. It takes one of the execution's places and asks
the journal; whoever had that place before is taken for gone, and what it had under way is in doubt.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mmsbatch import hints, times
from mmsbatch.errors import InputError, MmsbatchError, RunError, kind_of
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.journal.address import Address
from mmsbatch.journal.facts import Fact, FactKind, stamp
from mmsbatch.journal.journal import Journal, NumberedFact
from mmsbatch.journal.lock import this_process
from mmsbatch.runs.folder import RunFolder, token
from mmsbatch.runs.known import Known
from mmsbatch.runs.report import Stop
from mmsbatch.runs.states import Request
from mmsbatch.sending.queue import Queue, Rules
from mmsbatch.sending.sender import Sender

_FOLLOW_S: Final = 0.2
"""How often the journal is asked what the workers have done."""


@dataclass(frozen=True)
class Task:
    """What a worker in another process needs to know; it can be pickled."""

    run: str
    """The run's folder, which every worker must be able to read."""
    address: Address | None = field(repr=False)
    accounts: Accounts = field(repr=False)
    rules: Rules
    execution: str
    began_after: int
    """How many facts there were before the execution."""
    host: str
    """Where the process is that drives it."""


def check_executor(executor: object) -> None:
    """Raise InputError if work cannot be submitted to it."""
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise InputError(
            f"executor must be one of concurrent.futures, such as client.get_executor() of a Dask "
            f"client, not {kind_of(executor)}"
        )


def work(task: Task, place: int) -> Stop | None:
    """Be one worker of an execution: claim, post, record, decide, until nothing more may be sent.

    Parameters
    ----------
    task
        The same for all workers.
    place
        Which worker of the execution this is, from 1.

    Returns
    -------
    Stop or None
        Why nothing more may be sent, if it is not that all is done.

    Raises
    ------
    RunError
        The run's folder or its journal cannot be used from here. Nothing was sent.
    """
    folder = _reachable(task)
    plan = folder.load_plan()
    with folder.journal.open_for_worker() as journal:
        folder.check_opened_for(plan, folder.facts(first=1))
        begun = Known.read(folder.journal, plan, task.began_after)
        queue = Queue(plan, begun.requests, task.began_after, task.rules, task.execution)
        # The same process may take a place again, so its name alone is not enough.
        name = f"worker {place} ({token()[:6]}) of {this_process()}"

        def join(news: list[NumberedFact], now: datetime | None) -> Fact | None:
            queue.take_in(news)
            if queue.stop:
                return None
            data = {"place": place, "worker": name, "execution": task.execution}
            return Fact(FactKind.JOINED, stamp(now or times.utc_now()), data=data)

        if joined := journal.record_chosen(queue.seen, join):
            queue.take_in([joined])
            return Sender(queue, task.accounts, journal, name=name).run()
        return queue.stop


def _reachable(task: Task) -> RunFolder:
    """Return the run's folder, if this process may send from it."""
    folder = RunFolder.of(task.run, task.address)
    here = socket.gethostname()
    if not folder.exists():
        raise RunError(
            f"{task.run} holds no run on {here}: workers on other machines need a folder that all "
            "of them share"
        )
    if here != task.host and folder.journal.inodes():
        raise RunError(
            f"the journal of {task.run} is a file of {task.host}, and a file cannot be shared with "
            f"{here}: begin the run with its journal in PostgreSQL "
            f"({hints.option('journal', 'postgresql+psycopg://…')})"
        )
    return folder


@dataclass
class RemoteWorkers:
    """Has workers in other processes send, and follows them in the journal.

    Parameters
    ----------
    executor
        Of `concurrent.futures`, or whatever else has its ``submit``.
    task
        What the workers need to know.
    workers
        How many there are.
    queue, journal
        Of the process that drives the execution; nothing is claimed through them.
    halt
        Once set, the workers are stopped.
    on_request
        Called after each request, in the thread that runs this.
    """

    executor: Executor
    task: Task
    workers: int
    queue: Queue
    journal: Journal
    halt: threading.Event
    on_request: Callable[[Request], None]

    def run(self) -> Stop | None:
        """Send; give why it ended early, or nothing."""
        self.queue.on_request = self.on_request
        try:
            futures = [
                self.executor.submit(work, self.task, place) for place in range(1, self.workers + 1)
            ]
        except Exception as error:  # noqa: BLE001  (whatever the engine raises)
            raise RunError(
                f"no worker can be started ({type(error).__name__}: {error}): is the client still "
                "connected to its cluster? Nothing was sent by this execution"
            ) from None
        try:
            self._follow(set(futures))
        except BaseException:
            self._ask_to_stop()
            raise
        self.queue.take_in(self.journal.since(self.queue.seen))
        ends = [_end(future, place) for place, future in enumerate(futures, start=1)]
        return self.queue.why_stopped() or next(filter(None, ends), None)

    def _follow(self, left: set[Future[Stop | None]]) -> None:
        """Take in what the workers record, until all of them have ended."""
        stopped = False
        while left:
            left = wait(left, timeout=_FOLLOW_S).not_done
            self.queue.take_in(self.journal.since(self.queue.seen))
            if self.halt.is_set() and not stopped:
                stopped = True
                self.queue.interrupt()
                self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        self.journal.append(FactKind.STOP, at=times.utc_now(), data={"by": this_process()})


def _end(future: Future[Stop | None], place: int) -> Stop | None:
    """Return why a worker ended."""
    try:
        return future.result()
    except MmsbatchError as error:
        return Stop(f"worker {place}: {error}", "resume")
    except BaseException as error:  # noqa: BLE001  (whatever the engine raises)
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        return Stop(f"worker {place} was lost ({said})", "resume")
