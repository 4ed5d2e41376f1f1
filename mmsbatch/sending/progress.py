"""How far a long job is, for whoever looks: a bar, or now and then a line. Writes to stderr only.

A bar is for a terminal and for a notebook with a person before it, and for work of more than a
second. Everywhere else (cron, a pipe, papermill) there are lines without control characters, at
most one in half a minute: log lines of level INFO, so that nothing is written unless it is wanted,
or plain ones if progress was asked for. Nobody's number is in any of them.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from mmsbatch import times
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.states import Request

BAR_AFTER_S: Final = 1.0
LINE_EVERY_S: Final = 30.0

_log = logging.getLogger("mmsbatch")


class Progress(Protocol):
    """What a long job tells of itself."""

    def update(self, done: int = 1, note: str = "") -> None:
        """Say that so many more units are done, and what else is worth knowing."""


@contextmanager
def counting(
    total: int | None,
    unit: str,
    *,
    shown: bool | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Show how far a job is while it goes on.

    Parameters
    ----------
    total
        Units in all; None if that is not known.
    unit
        What is counted, in the singular: ``"request"``, ``"row"``.
    shown
        None: a bar where somebody looks, else log lines. True: plain lines where no bar can be.
        False: nothing.
    clock
        Gives seconds.

    Yields
    ------
    Progress
        To be told after each unit, or after several.
    """
    if shown is False:
        yield _Nothing()
    elif somebody_looks():
        from tqdm.auto import tqdm  # noqa: PLC0415  (asyncio and all: only for who sees a bar)

        bar = tqdm(
            total=total,
            unit=unit,
            unit_scale=unit == "row",
            delay=BAR_AFTER_S,
            leave=False,
            file=sys.stderr,
            dynamic_ncols=True,
        )
        with bar:
            yield _Bar(bar)
    else:
        write = _log.info if shown is None else _plain
        yield _Lines(total, unit, write, clock)


@contextmanager
def sending(
    plan: Plan,
    waiting: Sequence[int],
    *,
    shown: bool | None = None,
    then: Callable[[Request], None] | None = None,
) -> Iterator[Callable[[Request], None]]:
    """Show requests, rows and credits while requests are sent.

    Parameters
    ----------
    plan
        What is sent.
    waiting
        The requests that are to be sent now.
    shown
        As in `counting`.
    then
        Called after each request, whatever is shown.

    Yields
    ------
    Callable
        To be called with each request after it.
    """
    rows_left = sum(plan.recipients_of(number) for number in waiting)
    rows_done = 0
    credits_left = ""
    with counting(len(waiting), "request", shown=shown) as progress:

        def on_request(request: Request) -> None:
            nonlocal rows_done, credits_left
            rows_done += plan.recipients_of(request.number)
            if request.answer is not None and request.answer.credits is not None:
                whose = f" on {request.login}" if request.login else ""
                credits_left = f", {request.answer.credits:,} credits left{whose}"
            progress.update(1, f"{rows_done:,} of {rows_left:,} rows{credits_left}")
            if then is not None:
                then(request)

        yield on_request


def somebody_looks() -> bool:
    """Whether stderr is a terminal, or this is a notebook that a person has open."""
    try:
        if sys.stderr.isatty():
            return True
    except (AttributeError, ValueError):  # none at all, or closed
        return False
    return _notebook_of_a_person()


def _notebook_of_a_person() -> bool:
    """Tell a person's notebook from one that papermill runs: only a person can be asked things."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return False
    request: dict[str, Any] = shell.get_parent() or {}
    return bool(request.get("content", {}).get("allow_stdin"))


class _Nothing:
    def update(self, done: int = 1, note: str = "") -> None:
        """Say nothing."""


@dataclass
class _Bar:
    bar: Any

    def update(self, done: int = 1, note: str = "") -> None:
        """Move the bar; tqdm itself bears that its terminal goes away."""
        if note:
            self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(done)


@dataclass
class _Lines:
    """At most one line in `LINE_EVERY_S`, and none for what is done before that."""

    total: int | None
    unit: str
    write: Callable[[str], None]
    clock: Callable[[], float]
    done: int = 0
    _began: float = field(init=False)
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        self._began = self._last = self.clock()

    def update(self, done: int = 1, note: str = "") -> None:
        """Write a line if the last one is long ago."""
        self.done += done
        now = self.clock()
        if now - self._last < LINE_EVERY_S:
            return
        self._last = now
        of = "" if self.total is None else f" of {self.total:,}"
        more = f", {note}" if note else ""
        with suppress(OSError, ValueError):  # a pipe that has gone away stops no campaign
            self.write(f"{self.done:,}{of} {self.unit}s{more}{self._end(now)}")

    def _end(self, now: float) -> str:
        """Say when it will be over, should it go on like this."""
        if not self.done or self.total is None or self.done >= self.total:
            return ""
        left_s = (now - self._began) / self.done * (self.total - self.done)
        end = datetime.now().astimezone() + timedelta(seconds=left_s)
        return f", done at about {end:%Y-%m-%d %H:%M} ({times.duration(left_s)} left)"


def _plain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  (asked for, if no bar can be)
