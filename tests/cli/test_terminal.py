"""What a terminal shows: its width is kept to, colours if it has them, nothing of it in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.sandbox import Sandbox

ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


@pytest.fixture(scope="module")
def in_doubt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with a request in doubt, whose report names a command."""
    folder = tmp_path_factory.mktemp("a folder of runs with a rather long name") / "noel-2026"
    with (
        Sandbox(faults={2: "close:after"}) as sandbox,
        pytest.raises(mms.RunInDoubt),
    ):
        mms.send(planned(450), account_at(sandbox), run=folder)
    return folder


def in_terminal(width: int, *arguments: str, **environment: str) -> str:
    """Run mmsbatch with a terminal of so many columns as its output; return what is on it."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    subprocess.run(
        [sys.executable, "-m", "mmsbatch", *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
        env={**known, "TERM": "xterm-256color", **environment},
    )
    os.close(writer)
    shown = b""
    # A terminal whose other end is closed is at its end: EIO on Linux, nothing elsewhere.
    try:
        while more := os.read(reader, 65536):
            shown += more
    except OSError:
        pass
    finally:
        os.close(reader)
    return shown.decode().replace("\r\n", "\n")


def plain(shown: str) -> str:
    """Return what is on a terminal without its colours."""
    return ESCAPE.sub("", shown)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_fit_and_break_between_words(in_doubt: Path, width: int) -> None:
    """Only a command or a path is longer than the terminal, and is not broken."""
    shown = plain(in_terminal(width, "status", str(in_doubt)))
    for line in shown.splitlines():
        assert len(line) <= width or str(in_doubt) in line
    words = " ".join(shown.split())
    assert "200 of 450 rows accepted, 200 in doubt, 50 still to send" in words
    assert f"`mmsbatch reconcile '{in_doubt}'`" in shown or f"reconcile '{in_doubt}'" in shown


def test_a_piped_report_has_no_colours_and_one_line_a_row(in_doubt: Path) -> None:
    """What a program reads does not depend on a width."""
    piped = subprocess.run(
        [sys.executable, "-m", "mmsbatch", "status", str(in_doubt)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "40"},
    ).stdout
    assert "\x1b" not in piped
    assert "taken by the gateway\n" in piped
    assert any(len(line) > 80 for line in piped.splitlines())


def test_outcomes_are_coloured_and_the_same_without_colours(in_doubt: Path) -> None:
    """Green and red are a comfort: the words are there with NO_COLOR too."""
    coloured = in_terminal(100, "status", str(in_doubt))
    sober = in_terminal(100, "status", str(in_doubt), NO_COLOR="1")
    assert re.search(r"\x1b\[32maccepted", coloured)
    assert re.search(r"\x1b\[1;31min_doubt", coloured)
    assert not {"31", "32", "33"} & set(";".join(ESCAPE.findall(sober)).split(";"))
    assert plain(coloured) == plain(sober)


def test_an_error_is_told_whole(in_doubt: Path) -> None:
    """On a narrow terminal too, in red."""
    shown = in_terminal(40, "verify", str(in_doubt / "nope"))
    assert "\x1b[1;31mmmsbatch:" in shown
    assert "nope does not exist" in " ".join(plain(shown).split())


@pytest.mark.parametrize("arguments", [("--help",), ("send", "-h")])
def test_help_is_in_panels_in_a_wide_terminal_only(arguments: tuple[str, ...]) -> None:
    """Each group has its name on its frame; 40 columns have no room for frames."""
    wide, narrow = (plain(in_terminal(width, *arguments)) for width in (100, 40))
    for shown in (wide, narrow):
        assert "..." not in shown.replace("[ARGS]...", "")
    assert re.search(r"╭─ \w+ ─+╮", wide)
    assert "╭" not in narrow
    assert max(map(len, wide.splitlines())) <= 100
    groups = re.findall(r"╭─ (\w+) ─", wide)
    assert groups == [line[:-1] for line in narrow.splitlines() if re.fullmatch(r"\w+:", line)]
