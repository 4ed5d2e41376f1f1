"""A few workers for calls that wait on a network; one worker is the caller itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from mmsbatch.errors import InputError

MAX_WORKERS: Final = 256
"""More is a slip of the keyboard: each may leave a request in doubt."""

Result = TypeVar("Result")


def check_count(count: int) -> int:
    """Give the count back, or raise InputError where it is out of range."""
    if not 1 <= count <= MAX_WORKERS:
        raise InputError(f"workers must be from 1 to {MAX_WORKERS}, found {count}")
    return count


class Workers(Generic[Result]):
    """Does calls side by side and gives their results as they come; use it as a context manager.

    With one worker a call is done by the thread that asks for its result, so that a
    KeyboardInterrupt breaks off the call itself. More are daemon threads: a second Ctrl-C is not
    made to wait for calls under way, which `concurrent.futures` would.

    Parameters
    ----------
    count
        How many calls may be under way at once, 1 to `MAX_WORKERS`.
    ahead
        How many more may be given, to wait for a worker: who is done with one call need not wait
        for the next to be given. None with one worker, who is the one that gives.

    Raises
    ------
    InputError
        The count is out of range.
    """

    def __init__(self, count: int = 1, *, ahead: int = 0) -> None:
        self._count = check_count(count)
        self._most = count + (ahead if count > 1 else 0)
        self._under_way = 0
        self._own: deque[Callable[[], Result]] = deque()
        self._calls: SimpleQueue[Callable[[], Result] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()
        self._threads: list[Thread] = []

    @property
    def under_way(self) -> int:
        """How many calls were given and have not been taken back."""
        return self._under_way

    @property
    def threads(self) -> list[Thread]:
        """The threads that may still be doing a call."""
        return [thread for thread in self._threads if thread.is_alive()]

    @property
    def full(self) -> bool:
        """Whether as many calls are under way or waiting as may be."""
        return self._under_way >= self._most

    def do(self, call: Callable[[], Result]) -> None:
        """Give a call to a worker."""
        self._under_way += 1
        if self._count == 1:
            self._own.append(call)
            return
        if len(self._threads) < min(self._under_way, self._count):
            thread = Thread(target=self._work, name="mmsbatch-worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._calls.put(call)

    def next_result(self) -> Result:
        """Wait for a call to be done; give its result, or raise what it raised."""
        if self._count == 1:
            self._under_way -= 1
            return self._own.popleft()()
        result, error = self._done.get()
        self._under_way -= 1
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # an error or a result

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                self._done.put((call(), None))
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
            self._calls.put(None)
        if kind is None:
            for thread in self._threads:
                thread.join()
