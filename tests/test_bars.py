"""Bars as they are drawn: on terminals of several widths, and in a notebook."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from mmsbatch.progress import counted, counting

END = "(end)"
NOTE = "40,000 of 176,200 rows, 99,600 credits left"


def drawn(monkeypatch: pytest.MonkeyPatch, columns: int, total: int | None, unit: str) -> list[str]:
    """Return what a job of some seconds draws on a terminal so wide, frame by frame."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    with (
        open(theirs, "w", encoding="utf-8") as terminal,  # noqa: PTH123  (a descriptor)
        time_machine.travel("2026-11-23 09:00:00+00:00", tick=False) as clock,
        monkeypatch.context() as patched,
    ):
        patched.setattr(sys, "stderr", terminal)
        with counting(total, unit, "sending") as progress:
            for _ in range(3):
                clock.shift(timedelta(seconds=2))
                progress.update(220, NOTE)
        terminal.write(END)
        terminal.flush()
        shown = ""
        while not shown.endswith(END):
            shown += os.read(ours, 1 << 16).decode()
    os.close(ours)
    return re.split(r"[\r\n]", shown.removesuffix(END))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param(40, r"sending:  50%\|█[^|]*\| 00:04 left", id="narrow"),
        pytest.param(80, rf"sending: \|█[^|]*\| 00:04 left, {NOTE}", id="usual"),
        pytest.param(
            120,
            rf"sending:  50%\|█[^|]*\| 440/881, {NOTE} \[00:04<00:04, 110\.\d+ requests/s\]",
            id="wide",
        ),
    ],
)
def test_a_bar_leaves_out_what_has_no_room(
    monkeypatch: pytest.MonkeyPatch, columns: int, expected: str
) -> None:
    """The bar keeps ten characters, no line is longer than the terminal, and nothing is left."""
    frames = drawn(monkeypatch, columns, 881, "request")
    half = next(frame for frame in frames if "00:04" in frame)
    assert re.fullmatch(expected, half)
    assert len(re.findall(r"\|(.*)\|", half)[0]) >= 10
    assert max(len(frame.rstrip()) for frame in frames) <= columns
    assert ["", ""] == [frames[-1], frames[-2].strip()]


def test_without_a_total_there_are_a_count_and_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it will take is not known then."""
    assert "sending: 440 rows [00:04, 110 rows/s]" in drawn(monkeypatch, 40, None, "row")


def test_a_job_within_a_job_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outer one goes on; of one thing alone, the bars of what is done with it are shown."""
    shown: dict[int, list[str]] = {}
    for runs in (1, 2):
        frames: list[str] = []

        def work(frames: list[str] = frames) -> None:
            frames += drawn(monkeypatch, 80, 881, "request")

        for _ in counted(range(runs), "run", "erasing"):
            work()
        shown[runs] = [frame for frame in frames if frame.strip()]
    assert shown[1]
    assert [] == shown[2]


# ----- in a notebook ------------------------------------------------------------------------------


WIDGET = "application/vnd.jupyter.widget-view+json"
JOB = """
import itertools
from mmsbatch.progress import counting
seconds = itertools.count(step={step})
try:
    with counting(5, "request", "sending", clock=lambda: next(seconds)) as progress:
        for number in range({done}):
            progress.update(note=f"{{number + 1}} of 9 rows")
        if {done} < 5:
            raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
"""


@dataclass
class Shown:
    """What a cell left in a notebook, by the names of displays."""

    first: dict[str, dict[str, Any]] = field(default_factory=dict)
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(kernel: BlockingKernelClient, code: str, *, person: bool = True) -> Shown:
    """Run a cell, as JupyterLab does for a person or as papermill does."""
    shown = Shown()

    def on_output(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] in {"display_data", "update_display_data"}:
            name = content["transient"]["display_id"]
            shown.first.setdefault(name, content["data"])
            shown.last[name] = content["data"]
        elif message["msg_type"] in {"stream", "error", "execute_result"}:
            shown.others.append(content)

    kernel.execute_interactive(
        code, allow_stdin=person, output_hook=on_output, stdin_hook=print, timeout=60
    )
    return shown


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        pytest.param(5, "sending: 5 requests, 5 of 9 rows, ", id="done"),
        pytest.param(3, "sending: 3 of 5 requests, 3 of 9 rows, ", id="interrupted"),
    ],
)
def test_a_notebook_keeps_a_line_and_no_bar(
    kernel: BlockingKernelClient, done: int, expected: str
) -> None:
    """While it goes on there is a widget, which a notebook opened later could not show."""
    shown = run(kernel, JOB.format(step=2, done=done))
    ((name, first),) = shown.first.items()
    assert WIDGET in first
    assert ["text/plain"] == [*shown.last[name]]
    assert re.fullmatch(re.escape(expected) + r"\d+ s", shown.last[name]["text/plain"])
    assert [] == shown.others


def test_what_is_quickly_done_leaves_nothing_in_a_notebook(kernel: BlockingKernelClient) -> None:
    """Neither a bar nor a line."""
    assert Shown() == run(kernel, JOB.format(step=0, done=5))


def test_papermill_has_no_bar(kernel: BlockingKernelClient) -> None:
    """Nobody can be asked anything there: nobody looks."""
    assert Shown() == run(kernel, JOB.format(step=2, done=5), person=False)


def test_a_notebook_without_widgets_has_text(kernel: BlockingKernelClient) -> None:
    """And no word about what is missing."""
    hidden = "import sys; kept = sys.modules.get('ipywidgets'); sys.modules['ipywidgets'] = None"
    run(kernel, hidden)
    try:
        shown = run(kernel, JOB.format(step=2, done=5))
    finally:
        run(kernel, "sys.modules['ipywidgets'] = kept")
    ((name, first),) = shown.first.items()
    assert ["text/plain"] == [*first]
    assert re.match(r"sending:  20%\|█[^|]*\| 1/5, 1 of 9 rows", first["text/plain"])
    assert shown.last[name]["text/plain"].startswith("sending: 5 requests, 5 of 9 rows, ")
    assert [] == shown.others
