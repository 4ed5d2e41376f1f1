"""Threads wait for the disk together: each item is written once, and fails for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mmsbatch.group_commit import GroupCommit


class Bad(Exception):  # noqa: N818  (what an item is)
    """An item that cannot be written, whatever goes with it."""


class Disk:
    """Keeps what is written; the first write can be held up, so that the others gather."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.free = threading.Event()
        self.writing = threading.Event()
        self.full = False

    def write(self, items: list[int]) -> None:
        """Write, unless the disk is full or an item is negative."""
        self.writing.set()
        assert self.free.wait(10)
        if self.full:
            raise OSError("no space left")
        if min(items) < 0:
            raise Bad
        self.written.append(items)


@contextmanager
def gathered(group: GroupCommit[int], disk: Disk, items: list[int]) -> Iterator[dict[int, object]]:
    """Put item 0 and, while that is being written, the others; give what became of each."""
    became: dict[int, object] = {}

    def put(item: int) -> None:
        try:
            group.put(item)
            became[item] = "written"
        except (Bad, OSError) as error:
            became[item] = type(error)

    first = threading.Thread(target=put, args=(0,))
    first.start()
    assert disk.writing.wait(10)
    others = [threading.Thread(target=put, args=(item,)) for item in items]
    for count, thread in enumerate(others, 1):
        thread.start()
        until(lambda count=count: group.waiting == count)  # type: ignore[misc]  # bound at once
    yield became
    disk.free.set()
    for thread in [first, *others]:
        thread.join(10)


def until(true: Callable[[], bool]) -> None:
    """Let the other threads go on until something is so."""
    last = time.monotonic() + 10
    while not true():
        assert time.monotonic() < last
        time.sleep(0)


def test_what_comes_during_a_write_goes_into_the_next_together() -> None:
    """In the order it came, under one wait."""
    disk = Disk()
    group = GroupCommit(disk.write, own_fault=Bad)
    with gathered(group, disk, [1, 2, 3]) as became:
        assert became == {}
    assert disk.written == [[0], [1, 2, 3]]
    assert became == dict.fromkeys(range(4), "written")


def test_an_item_at_fault_fails_alone() -> None:
    """The others of its group are written, each by itself, in their order."""
    disk = Disk()
    group = GroupCommit(disk.write, own_fault=Bad)
    with gathered(group, disk, [1, -2, 3]) as became:
        pass
    assert disk.written == [[0], [1], [3]]
    assert became == {0: "written", 1: "written", -2: Bad, 3: "written"}


def test_a_failure_of_the_disk_is_everybodys() -> None:
    """Nobody is told that an item is written which is not; afterwards all goes on."""
    disk = Disk()
    group = GroupCommit(disk.write, own_fault=Bad)
    with gathered(group, disk, [1, 2]) as became:
        disk.full = True
    assert disk.written == []
    assert became == dict.fromkeys(range(3), OSError)
    disk.full = False
    group.put(4)
    assert disk.written == [[4]]


def test_an_interrupt_is_passed_on_and_holds_nobody_up() -> None:
    """Ctrl-C in the middle of a write: the item is not written, and the next one can be."""
    disk = Disk()
    disk.free.set()

    def write(items: list[int]) -> None:
        if items == [1]:
            raise KeyboardInterrupt
        disk.write(items)

    group = GroupCommit(write, own_fault=Bad)
    with pytest.raises(KeyboardInterrupt):
        group.put(1)
    group.put(2)
    assert disk.written == [[2]]


def test_many_threads_write_each_item_once() -> None:
    """Whoever leads, and whoever is led."""
    disk = Disk()
    disk.free.set()

    one_at_a_time = threading.Lock()

    def write(items: list[int]) -> None:
        assert one_at_a_time.acquire(blocking=False)
        time.sleep(0)  # let others run into it
        disk.write(items)
        one_at_a_time.release()

    group = GroupCommit(write, own_fault=Bad)

    def put(first: int) -> None:
        for item in range(first, first + 200):
            group.put(item)

    threads = [threading.Thread(target=put, args=(first,)) for first in range(0, 3200, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    found = [item for items in disk.written for item in items]
    assert sorted(found) == list(range(3200))
    for first in range(0, 3200, 200):  # of one thread, each waits for the one before
        own = [item for item in found if first <= item < first + 200]
        assert own == sorted(own)
