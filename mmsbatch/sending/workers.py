"""How many requests are under way at once, and how fast they follow each other."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from mmsbatch import hints
from mmsbatch.errors import InputError

MAX_WORKERS: Final = 256
"""More is a slip of the keyboard: each may leave a request in doubt."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def check_count(count: int) -> int:
    """Return the count back, or raise InputError if it is out of range."""
    if not 1 <= count <= MAX_WORKERS:
        raise InputError(
            f"{hints.option('workers')} must be from 1 to {MAX_WORKERS}, found {count}"
        )
    return count


class Workers(Generic[Item, Result]):
    """Handles items side by side and gives the results as they come; use it as a context manager.

    With one worker an item is handled by the thread that asks for its result, so that a
    KeyboardInterrupt breaks off the handling itself. More are daemon threads: a second Ctrl-C is
    not made to wait for what is under way, which `concurrent.futures` would.

    Parameters
    ----------
    handle
        Handles an item and returns its result.
    count
        How many items may be under way at once, 1 to `MAX_WORKERS`.

    Raises
    ------
    InputError
        The count is out of range.
    """

    def __init__(self, handle: Callable[[Item], Result], count: int = 1) -> None:
        self._handle = handle
        self._count = check_count(count)
        self._under_way = 0
        self._own: deque[Item] = deque()
        self._items: SimpleQueue[Item | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()
        self._threads: list[Thread] = []

    @property
    def under_way(self) -> int:
        """How many items were given and have not been taken back."""
        return self._under_way

    @property
    def threads(self) -> list[Thread]:
        """The threads that may still be handling an item."""
        return [thread for thread in self._threads if thread.is_alive()]

    @property
    def full(self) -> bool:
        """Whether as many items are under way as may be."""
        return self._under_way >= self._count

    def do(self, item: Item) -> None:
        """Return an item to a worker."""
        self._under_way += 1
        if self._count == 1:
            self._own.append(item)
            return
        if len(self._threads) < min(self._under_way, self._count):
            thread = Thread(target=self._work, name="mmsbatch-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._items.put(item)

    def next_result(self) -> Result:
        """Wait for an item to be handled; return its result, or raise what handling it raised."""
        if self._count == 1:
            self._under_way -= 1
            return self._handle(self._own.popleft())
        done, error = self._done.get()
        self._under_way -= 1
        if error is not None:
            raise error
        return done  # type: ignore[return-value]  # an error or a result

    def _work(self) -> None:
        while (item := self._items.get()) is not None:
            try:
                self._done.put((self._handle(item), None))
            except BaseException as error:  # noqa: BLE001  (it is raised by next_result)
                self._done.put((None, error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _ in self._threads:
            self._items.put(None)
        if kind is None:
            for thread in self._threads:
                thread.join()


_MINUTE_S = 60.0


class Pace:
    """Gives out moments at which a request may leave; safe to share between threads.

    Slots are evenly spaced rather than so many at a time: a burst is what a limit is against.

    Parameters
    ----------
    requests_per_minute
        None: as fast as it goes.
    clock
        Gives seconds that never run backwards.

    Raises
    ------
    InputError
        The figure is not above zero.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if requests_per_minute is not None and not 0 < requests_per_minute < math.inf:
            raise InputError(
                f"{hints.option('requests_per_minute')} must be above 0, found "
                f"{requests_per_minute}: leave it out to send as fast as the gateway answers"
            )
        self._interval_s = _MINUTE_S / requests_per_minute if requests_per_minute else 0.0
        self._clock = clock
        self._free_at_s = -math.inf
        self._lock = Lock()

    @property
    def limited(self) -> bool:
        """Whether a request may have to wait for its slot."""
        return self._interval_s > 0

    def take(self) -> float:
        """Take the next slot; return the seconds to wait for it."""
        if not self._interval_s:
            return 0.0
        with self._lock:
            now_s = self._clock()
            slot_s = max(now_s, self._free_at_s)
            self._free_at_s = slot_s + self._interval_s
            return slot_s - now_s
