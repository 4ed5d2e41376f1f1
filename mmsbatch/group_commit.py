"""Threads that each wait for the disk wait for it together.

A durable write costs the disk's time however little it writes, and a disk does one at a time. So
what other threads bring while one is being done goes into the next as a group, under one wait.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Entry(Generic[Item]):
    """An item on its way; `settled` is held until it is written, failed or to be led."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.failure: BaseException | None = None
        self.settled = Lock()
        self.settled.acquire()


class GroupCommit(Generic[Item]):
    """Writes what threads put, as many together as are waiting, in the order they were put.

    Parameters
    ----------
    write
        Writes all of some items, or raises and has written none. Only ever called by one thread at
        a time.
    own_fault
        What `write` raises where it is the fault of one item: the group is then written one by
        one, so that the others do not share in it.
    """

    def __init__(self, write: Callable[[list[Item]], None], *, own_fault: type[Exception]) -> None:
        self._write = write
        self._own_fault = own_fault
        self._lock = Lock()
        self._waiting: list[_Entry[Item]] = []
        self._led = False

    @property
    def waiting(self) -> int:
        """How many items are to go into the next write."""
        return len(self._waiting)

    def put(self, item: Item) -> None:
        """Return when the item is written; raise what kept it from being."""
        entry = _Entry(item)
        with self._lock:
            self._waiting.append(entry)
            leads, self._led = not self._led, True
        if not leads:
            entry.settled.acquire()
        if not entry.done:
            self._lead()
        if entry.failure is not None:
            try:
                raise entry.failure
            finally:
                entry.failure = None  # its traceback leads back here: nobody would let go of it

    def _lead(self) -> None:
        """Write all that waits by now, this thread's own among it; let another lead the rest."""
        entries: list[_Entry[Item]] = []
        try:
            with self._lock:
                entries, self._waiting = self._waiting, entries
            if not self._try(entries):
                for entry in entries:
                    self._try([entry])
        finally:
            with self._lock:
                self._led = bool(self._waiting)
                following = self._waiting[:1]
            for entry in entries + following:
                entry.settled.release()

    def _try(self, entries: list[_Entry[Item]]) -> bool:
        """Write; say whether that settles it, or one of several is at fault."""
        try:
            self._write([entry.item for entry in entries])
        except BaseException as error:  # noqa: BLE001  (raised by `put`, to each whose item it is)
            if len(entries) > 1 and isinstance(error, self._own_fault):
                return False
            for entry in entries:
                entry.failure = error
        for entry in entries:
            entry.done = True
        return True
