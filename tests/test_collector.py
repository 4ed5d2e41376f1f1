"""What a long loop sets aside from the garbage collector, it gives back."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.collector import what_is_here_set_aside
from mmsbatch.sandbox import Sandbox


def test_it_is_given_back_whatever_happens() -> None:
    """An error included."""
    before = gc.get_freeze_count()

    def fail() -> None:
        with what_is_here_set_aside():
            assert gc.get_freeze_count() > before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.get_freeze_count() <= before


def test_what_another_set_aside_is_left_to_it() -> None:
    """Two sends in one process, or a server that has set all aside for its children."""
    gc.freeze()
    try:
        count = gc.get_freeze_count()
        with what_is_here_set_aside():
            assert gc.get_freeze_count() == count
        assert gc.get_freeze_count() == count
    finally:
        gc.unfreeze()


def test_a_send_gives_it_back(tmp_path: Path) -> None:
    """And while it sends, it is set aside."""
    seen: list[int] = []
    before = gc.get_freeze_count()
    with Sandbox() as sandbox:
        mms.send(
            planned(3),
            account_at(sandbox),
            run=tmp_path / "run",
            on_request=lambda _request: seen.append(gc.get_freeze_count()),
        )
    assert min(seen) > before
    assert gc.get_freeze_count() <= before
