"""Printing: in a terminal's width and with colours, plainly everywhere else.

rich knows what a terminal can do (``NO_COLOR``, ``TERM=dumb``, its width), and is imported only
where there is one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TextIO

from mmsbatch.display import Document, Part, Piece, ShowsItself, Tone, is_terminal, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

STYLES: Final[dict[Tone, str]] = {
    "": "",
    "label": "bold",
    "soft": "dim",
    "good": "green",
    "look": "bold yellow",
    "bad": "bold red",
}


def show(*shown: ShowsItself | Part, stream: TextIO | None = None) -> None:
    """Print objects, blocks and lines to stdout, or to a stream, one under the other."""
    stream = stream or sys.stdout
    parts = (one.document().parts if isinstance(one, ShowsItself) else (one,) for one in shown)
    document = Document(tuple(part for some in parts for part in some))
    console = _console(stream)
    if console is None:
        print(document.text(), file=stream)
    else:
        _print(console, document.lines(console.width))


def say(text: str, tone: Tone) -> None:
    """Print what went wrong, or is worth knowing, to stderr; `tone` is that of its first word."""
    console = _console(sys.stderr)
    name = "mmsbatch:"
    told = f"{name} {text}"
    if console is None:
        print(told, file=sys.stderr)
        return
    first, *more = (line for one in told.splitlines() for line in wrapped(one, console.width))
    start = [Piece(name, tone), Piece(first.removeprefix(name))]
    _print(console, (start, *([Piece(line)] for line in more)))


def _console(stream: TextIO) -> Console | None:
    """Return what prints to a terminal; None if there is none."""
    if not is_terminal(stream):
        return None
    from rich.console import Console  # noqa: PLC0415  (only for who has a terminal)

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _print(console: Console, lines: Iterable[list[Piece]]) -> None:
    from rich.text import Text  # noqa: PLC0415

    for line in lines:
        text = Text.assemble(*((piece.text, STYLES[piece.tone]) for piece in line))
        # What is longer than the terminal is a command or a path, which it must not break.
        console.print(text, soft_wrap=True)
