"""The bars that are drawn: by tqdm on a terminal, as a widget or as text in a notebook.

A notebook keeps what is shown in it. A bar there is replaced by a line of text when its job ends:
a widget that was saved is shown by no notebook that is opened later.
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from typing import Any, Final, Protocol

from tqdm.std import tqdm
from tqdm.utils import disp_len

_EVERY_S: Final = 0.5
_LEFT: Final = "{desc}: {percentage:3.0f}%|{bar}| "
_FORMS: Final = (
    _LEFT + "{n_fmt}/{total_fmt}{postfix} [{elapsed}<{remaining}, {rate_noinv_fmt}]",
    _LEFT + "{n_fmt}/{total_fmt}{postfix} [{remaining} left]",
    "{desc}: |{bar}| {remaining} left{postfix}",
    _LEFT + "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}]",
    _LEFT + "{n_fmt}/{total_fmt} [{remaining} left]",
    _LEFT + "{remaining} left",
    "{desc}: {percentage:3.0f}%, {remaining} left",
)
"""From the widest to the narrowest."""
_FORMS_WITHOUT_TOTAL: Final = (
    "{desc}: {n_fmt}{unit}{postfix} [{elapsed}, {rate_noinv_fmt}]",
    "{desc}: {n_fmt}{unit} [{elapsed}, {rate_noinv_fmt}]",
    "{desc}: {n_fmt}{unit} [{elapsed}]",
)
_SHORTEST_BAR: Final = 10
_WIDTH_OF_TEXT: Final = 100


class Drawn(Protocol):
    """A bar that somebody sees."""

    def move(self, done: int, note: str) -> None:
        """Say that so many more units are done."""

    def close(self, line: str) -> None:
        """Take the bar away; where things stay, leave the line in its place."""


def draw(job: dict[str, Any], elapsed_s: float, *, terminal: bool) -> Drawn:
    """Draw the bar of a job that has been going on for so long."""
    unit = job["unit"]
    options = {
        **job,
        "desc": job["desc"] or f"{unit}s",
        "unit": f" {unit}s",
        "unit_scale": unit in {"row", "message"},
        "leave": False,
        "dynamic_ncols": True,
    }
    if terminal:
        return _Terminal(_begun(_Fitted(**options, file=sys.stderr, delay=1e-9), elapsed_s))
    if find_spec("ipywidgets") is None:
        return _Text(_begun(_Fitted(**options, gui=True), elapsed_s))
    from tqdm.notebook import tqdm_notebook  # noqa: PLC0415  (imports widgets)

    form = (_FORMS if job["total"] else _FORMS_WITHOUT_TOTAL)[0]
    made = tqdm_notebook(**options, display=False, bar_format=form.replace("|{bar}|", "{bar}"))
    return _Widget(_begun(made, elapsed_s))


def _begun(bar: Any, elapsed_s: float) -> Any:
    """Let a bar have begun before it was drawn."""
    bar.initial = 0
    bar.start_t -= elapsed_s
    return bar


def _display(shown: Any, **options: Any) -> Any:
    """Show something in a notebook; gives what changes it."""
    from IPython.display import display  # noqa: PLC0415  (only there in a notebook)

    return display(shown, **options)  # type: ignore[no-untyped-call]


class _Fitted(tqdm):  # type: ignore[type-arg]
    """A bar that leaves out what has no room, before the bar itself gets too short to see."""

    @staticmethod
    def format_meter(**figures: Any) -> str:  # type: ignore[override]
        """Write the widest form that fits."""
        width = figures["ncols"] or _WIDTH_OF_TEXT
        for form in _FORMS if figures["total"] else _FORMS_WITHOUT_TOTAL:
            wanted = {**figures, "bar_format": form}
            # Without a width tqdm draws bars of ten characters.
            if disp_len(tqdm.format_meter(**{**wanted, "ncols": None})) <= width:
                break
        return tqdm.format_meter(**wanted)


class _Terminal:
    def __init__(self, bar: Any) -> None:
        self._bar = bar
        bar.refresh()

    def move(self, done: int, note: str) -> None:
        """Move it; tqdm itself bears that its terminal goes away."""
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done)

    def close(self, line: str) -> None:  # noqa: ARG002  (a terminal has a history of its own)
        """Leave an empty line."""
        self._bar.close()


class _Widget:
    def __init__(self, bar: Any) -> None:
        self._bar = bar
        bar.refresh()
        self._shown = _display(bar.container, display_id=True)

    def move(self, done: int, note: str) -> None:
        """Move it."""
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done)

    def close(self, line: str) -> None:
        """Put the line in its place."""
        self._shown.update({"text/plain": line}, raw=True)
        self._bar.total = None  # one that is not full would be kept, in red
        self._bar.close()


class _Text:
    """A notebook without widgets."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._written = time.time()
        self._shown = _display({"text/plain": str(bar)}, raw=True, display_id=True)

    def move(self, done: int, note: str) -> None:
        """Write it anew, now and then."""
        self._bar.n += done
        self._bar.set_postfix_str(note, refresh=False)
        now = time.time()
        if now - self._written >= _EVERY_S:
            self._written = now
            self._shown.update({"text/plain": str(self._bar)}, raw=True)

    def close(self, line: str) -> None:
        """Put the line in its place."""
        self._shown.update({"text/plain": line}, raw=True)
