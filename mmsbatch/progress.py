"""How far a long job is, for whoever looks: a bar, or now and then a line. Writes to stderr only.

A bar is for a terminal and for a notebook with a person before it, and for work of more than a
second. Everywhere else (cron, a pipe, papermill) there are lines without control characters, at
most one in half a minute: log lines of level INFO, so that nothing is written unless it is wanted,
or plain ones if progress was asked for. Nobody's number is in any of them.

There is one bar at a time: a job within a job that is shown shows nothing.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from mmsbatch import times
from mmsbatch.display import is_terminal

if TYPE_CHECKING:
    from mmsbatch.bars import Drawn

T = TypeVar("T")

BAR_AFTER_S: Final = 1.0
LINE_EVERY_S: Final = 30.0
_MINUTE_S: Final = 60

Total = int | None | Callable[[], int | None]
"""Units in all; None if that is not known. A function gives it about, and is asked when needed."""

_log = logging.getLogger("mmsbatch")
_under_way: Final = ContextVar("mmsbatch_under_way", default=False)


class Progress(Protocol):
    """What a long job tells of itself."""

    def update(self, done: int = 1, note: str = "") -> None:
        """Say that so many more units are done, and what else is worth knowing."""


@contextmanager
def counting(
    total: Total,
    unit: str,
    doing: str = "",
    *,
    shown: bool | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Progress]:
    """Show how far a job is while it goes on.

    Parameters
    ----------
    total
        Units in all; None if that is not known. A function gives them about; it is asked once, and
        only if something is shown.
    unit
        What is counted, in the singular: ``"request"``, ``"row"``.
    doing
        What is done, in a word: ``"reading"``.
    shown
        None: a bar where somebody looks, else log lines. True: plain lines where no bar can be.
        False: nothing.
    clock
        Gives seconds; tqdm's own is this one too.

    Yields
    ------
    Progress
        To be told after each unit, or after several.

    Notes
    -----
    In a generator, see that it is closed (`contextlib.closing`): a bar is taken away when its
    ``with`` ends, and a generator that somebody keeps ends late.
    """
    if shown is False or _under_way.get():
        yield _Nothing()
        return
    told: _Bar | _Lines
    if somebody_looks():
        told = _Bar(total, unit, doing, clock)
    else:
        told = _Lines(total, unit, doing, clock, write=_plain if shown else _log.info)
    _under_way.set(True)
    try:
        yield told
        told.finished = True
    finally:
        _under_way.set(False)
        told.close()


def counted(items: Iterable[T], unit: str, doing: str) -> Iterator[T]:
    """Give things one by one, and show how far it is; of one thing alone, show what is within.

    Parameters
    ----------
    items
        With a length, if that is known.
    unit, doing
        As in `counting`.
    """
    total = len(items) if isinstance(items, Sized) else None
    if total == 1:
        yield from items
        return
    with counting(total, unit, doing) as progress:
        for item in items:
            yield item
            progress.update()


@contextmanager
def silence(wanted: bool) -> Iterator[None]:
    """Show nothing of what is done within, if that is wanted."""
    before = _under_way.get()
    _under_way.set(before or wanted)
    try:
        yield
    finally:
        _under_way.set(before)


def somebody_looks() -> bool:
    """Whether stderr is a terminal, or this is a notebook that a person has open."""
    return is_terminal(sys.stderr) or _notebook_of_a_person()


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
class _Told:
    """What is known of a job."""

    total: Total
    unit: str
    doing: str
    clock: Callable[[], float]
    done: int = 0
    note: str = ""
    finished: bool = False
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        self._began = self.clock()

    @property
    def elapsed_s(self) -> float:
        """How long it has been going on."""
        return self.clock() - self._began

    def figures(self) -> str:
        """Say how far it is."""
        total = self.total
        if callable(total):  # about
            total = None if self.finished else total()
        one = "" if (self.done if total is None else total) == 1 else "s"
        of = "" if total is None or (self.finished and self.done == total) else f" of {total:,}"
        doing = f"{self.doing}: " if self.doing else ""
        return f"{doing}{self.done:,}{of} {self.unit}{one}" + (
            f", {self.note}" if self.note else ""
        )


@dataclass
class _Bar(_Told):
    """A bar, drawn when the job turns out to take long: no sooner is what draws it imported."""

    _drawn: Drawn | None = None

    def update(self, done: int = 1, note: str = "") -> None:
        """Move the bar."""
        self.done += done
        self.note = note or self.note
        if self._drawn is not None:
            self._drawn.move(done, self.note)
        elif (elapsed_s := self.elapsed_s) >= BAR_AFTER_S:
            from mmsbatch.bars import draw  # noqa: PLC0415  (only for who sees a bar)

            total = self.total() if callable(self.total) else self.total
            job = {"desc": self.doing, "unit": self.unit, "total": total, "initial": self.done}
            job["postfix"] = self.note
            self._drawn = draw(job, elapsed_s, terminal=is_terminal(sys.stderr))

    def close(self) -> None:
        """Take the bar away; in a notebook, leave what was done, in words."""
        if self._drawn is not None:
            elapsed_s = self.elapsed_s
            took = f"{elapsed_s:.0f} s" if elapsed_s < _MINUTE_S else times.duration(elapsed_s)
            self._drawn.close(f"{self.figures()}, {took}")


@dataclass
class _Lines(_Told):
    """At most one line in `LINE_EVERY_S`, and none for what is done before that."""

    write: Callable[[str], object] = _log.info
    _last: float = 0.0

    def update(self, done: int = 1, note: str = "") -> None:
        """Write a line if the last one is long ago."""
        self.done += done
        elapsed_s = self.elapsed_s
        if elapsed_s - self._last < LINE_EVERY_S:
            return
        self._last = elapsed_s
        self.note = note
        if callable(self.total):
            self.total = self.total()
        with suppress(OSError, ValueError):  # a pipe that has gone away stops no campaign
            self.write(f"{self.figures()}{self._end(elapsed_s)}")

    def close(self) -> None:
        """Say nothing of the end."""

    def _end(self, elapsed_s: float) -> str:
        """Say when it will be over, should it go on like this."""
        if not self.done or not isinstance(self.total, int) or self.done >= self.total:
            return ""
        left_s = elapsed_s / self.done * (self.total - self.done)
        end = datetime.now().astimezone() + timedelta(seconds=left_s)
        return f", done at about {end:%Y-%m-%d %H:%M} ({times.duration(left_s)} left)"


def _plain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  (asked for, if no bar can be)
