"""What a long loop sets aside from the garbage collector, it gives back."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.collector import what_is_here_set_aside
from mmsbatch.sandbox import Sandbox


def set_aside(thing: object) -> bool:
    """Whether the collector passes over an object that it knows of.

    Objects and not their count: what is set aside may still end, in any thread and at any time.
    """
    return gc.is_tracked(thing) and not any(each is thing for each in gc.get_objects())


def cycle() -> list[object]:
    """Make an object that the collector knows of."""
    made: list[object] = []
    made.append(made)
    return made


def test_it_is_given_back_whatever_happens() -> None:
    """An error included."""
    thing = cycle()

    def fail() -> None:
        with what_is_here_set_aside():
            assert set_aside(thing)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not set_aside(thing)


def test_what_another_set_aside_is_left_to_it() -> None:
    """Two sends in one process, or a server that has set all aside for its children."""
    theirs = cycle()
    gc.freeze()
    try:
        since = cycle()
        with what_is_here_set_aside():
            assert set_aside(theirs)
            assert not set_aside(since)
        assert set_aside(theirs)
    finally:
        gc.unfreeze()


def test_a_send_gives_it_back(tmp_path: Path) -> None:
    """And while it sends, it is set aside."""
    thing = cycle()
    seen: list[bool] = []
    with Sandbox() as sandbox:
        mms.send(
            planned(3),
            account_at(sandbox),
            run=tmp_path / "run",
            on_request=lambda _request: seen.append(set_aside(thing)),
        )
    assert seen
    assert all(seen)
    assert not set_aside(thing)
