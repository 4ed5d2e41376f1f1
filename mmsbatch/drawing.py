"""Bars and marks on a matplotlib figure, told apart without colour. Pure; extra ``notebooks``.

Each style is a colour of the Okabe-Ito palette (distinct for colour-blind people) *and* a hatch
*and* a marker, so that a page printed in black and white says the same. Each figure says in one
sentence what it shows, for who does not see it. No pyplot: a figure belongs to whoever asked for
it, and needs neither backend nor closing.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

WIDTH: Final = 9.0
"""Inches; a notebook's column."""
_ROOM: Final = 1.32
"""Share of the longest bar that its label needs beside it."""
_FEWEST_COLUMNS: Final = 6
"""Room for as many columns at least: one alone would be a wall."""
_CHARACTERS: Final = 84
"""Characters that fit side by side under or over the columns, beside the legend."""
_MOST_NAMES: Final = 12
"""Names of columns that fit under them, written at a slant."""
_MOST_TOTALS: Final = 45
"""Totals that fit over the columns, written upright."""
_SHORT_AXIS: Final = 2
_NO_ROOM: Final = 1.05
_DAY_S: Final = 24 * 60 * 60
_COLOURS: Final = 64
"""Colours of a figure in a notebook: enough for smooth letters, and a third of the bytes."""


@dataclass(frozen=True)
class Style:
    """How one word is drawn."""

    colour: str
    hatch: str = ""
    marker: str = "o"
    edge: str = "black"


STYLES: Final[Mapping[str, Style]] = {
    "accepted": Style("#009E73"),
    "scheduled": Style("#56B4E9", "///", "^"),
    "rejected": Style("#E69F00", "\\\\\\", "v"),
    "unreported": Style("#CC79A7", "...", "D"),
    "refused": Style("#D55E00", "xxx", "X"),
    "in_doubt": Style("#F0E442", "++", "*"),
    "pending": Style("#FFFFFF", "", "s"),
    "invalid": Style("#BBBBBB", "---", "p"),
    "duplicate": Style("#0072B2", "ooo", "h", "white"),
    "suppressed": Style("#000000", "", "P"),
}
"""Outcomes; a word that is not one of them is drawn as `OTHER`."""
OTHER: Final = Style("#E69F00", "//", "o")
GOOD: Final = Style("#009E73")
RANKED: Final = (
    Style("#56B4E9"),
    Style("#E69F00", "\\\\\\"),
    Style("#009E73", "..."),
    Style("#F0E442", "xx"),
    Style("#CC79A7", "///"),
)
"""Words that have no style of their own, the most frequent first."""
REST: Final = Style("#FFFFFF")
"""All words after the ranked ones."""


class Diagram(Figure):
    """A matplotlib figure with a sentence that says what it shows; it shows itself in a notebook.

    It does so whichever backend the notebook has, or none.

    Attributes
    ----------
    alt
        What the figure shows, with its key figures: one sentence, for who does not see it.
    """

    alt: str = ""

    def __repr__(self) -> str:
        return self.alt or super().__repr__()

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        drawn, palette = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png", dpi=100, bbox_inches="tight")
        image = Image.open(drawn).convert("RGB")
        image.quantize(_COLOURS, dither=Image.Dither.NONE).save(palette, "PNG", optimize=True)
        return palette.getvalue(), {"alt": self.alt}

    def _repr_mimebundle_(self, **_wanted: object) -> tuple[dict[str, str], dict[str, Any]]:
        """Show the image with its sentence, wherever the notebook is read.

        JupyterLab, VS Code and nbconvert's pages take HTML first, and JupyterLab (4.6) and most
        pages (7.17) read no ``alt`` beside an image. LaTeX, Spyder and the Qt console take the
        image. Both together have fewer bytes than the one image as matplotlib writes it.
        """
        png, described = self._repr_png_()
        coded = base64.b64encode(png).decode("ascii")
        image = f'<img alt="{html.escape(self.alt)}" src="data:image/png;base64,{coded}">'
        shown = {"text/plain": repr(self), "text/html": image, "image/png": coded}
        return shown, {"image/png": described}


def figure(title: str, height: float) -> tuple[Diagram, Axes]:
    """Open a figure of one diagram; `height` is in inches."""
    made, (axes,) = panels(title, height, 1)
    return made, axes


def panels(title: str, height: float, count: int) -> tuple[Diagram, list[Axes]]:
    """Open a figure of diagrams one under the other, which share the horizontal axis."""
    made = Diagram(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    found = made.subplots(count, 1, sharex=True, squeeze=False)
    several: list[Axes] = [row[0] for row in found]
    several[0].set_title(title, loc="left", fontsize=11, fontweight="bold")
    for axes in several:
        axes.spines[["top", "right"]].set_visible(False)
    return made, several


def nothing(title: str, why: str) -> Diagram:
    """Return a figure that says why there is nothing to draw."""
    made, axes = figure(title, 1.6)
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes)
    made.alt = f"{title}: {why}."
    return made


def note(axes: Axes, text: str) -> None:
    """Write under the diagram what it leaves out, or how it is to be read."""
    if text:
        axes.figure.supxlabel(text, x=0.01, ha="left", fontsize=8)


def bars(
    title: str, counts: Mapping[str, int], styles: Mapping[str, Style], unit: str, axis: str
) -> Diagram:
    """Draw a horizontal bar for each word, the first on top, its count and share beside it."""
    made, axes = figure(title, 1.2 + 0.42 * len(counts))
    total = sum(counts.values())
    for place, (word, count) in enumerate(counts.items()):
        style = styles.get(word, OTHER)
        axes.barh(place, count, 0.7, color=style.colour, hatch=style.hatch, edgecolor=style.edge)
        axes.barh(place, count, 0.7, fill=False, edgecolor="black")
        label = f" {counted(count, unit)} ({count / total:.1%})"
        axes.text(count, place, label, va="center", fontsize=9)
    axes.set_yticks(range(len(counts)), [spoken(word) for word in counts])
    axes.invert_yaxis()
    axes.set_xlim(0, max(counts.values()) * _ROOM)
    whole_numbers(axes.xaxis)
    axes.set_xlabel(axis)
    return made


def stacked(
    axes: Axes,
    table: pd.DataFrame,
    styles: Mapping[str, Style] = STYLES,
    totals: Sequence[str] | None = None,
    named: Callable[[str], str] | None = None,
) -> bool:
    """Draw a column for each row of `table`, one part for each of its columns, and its total.

    Parameters
    ----------
    styles
        How each column of `table` is drawn.
    totals
        What is written over each column; None: the sum of its parts.
    named
        How the legend writes a column of `table`; None: as people say a word.

    Returns
    -------
    bool
        Whether the totals fit, and are written.
    """
    bottom = pd.Series(0, index=table.index)
    places = range(len(table))
    width, line = (0.9, 0.5) if len(table) > _MOST_TOTALS else (0.7, 1.0)
    for word in table.columns:
        style = styles.get(str(word), OTHER)
        heights = table[word]
        axes.bar(
            places,
            heights,
            width,
            bottom,
            color=style.colour,
            hatch=style.hatch,
            edgecolor=style.edge,
            linewidth=line,
            label=(named or spoken)(str(word)),
        )
        bottom += heights
    axes.bar(places, bottom, width, fill=False, edgecolor="black", linewidth=line)
    if totals is None:
        totals = [f"{total:,}" if total else "" for total in bottom]
    room = _write_totals(axes, bottom.tolist(), totals)
    axes.set_ylim(0, (float(bottom.max()) or 1.0) * (room or _NO_ROOM))
    axes.set_xlim(-0.7, max(len(table), _FEWEST_COLUMNS) - 0.3)
    # In the order in which they are stacked, beside the columns.
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1],
        labels[::-1],
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        frameon=False,
        handleheight=1.6,
        handlelength=2.2,
    )
    return bool(room)


def _write_totals(axes: Axes, heights: Sequence[float], totals: Sequence[str]) -> float:
    """Write what stands over each column; return how many times higher that is, 0: no room."""
    longest = max(map(len, totals), default=0)
    upright = (longest + 1) * max(len(totals), _FEWEST_COLUMNS) > _CHARACTERS
    if upright and len(totals) > _MOST_TOTALS:
        return 0.0
    for place, (height, total) in enumerate(zip(heights, totals, strict=True)):
        axes.annotate(
            total,
            (place, height),
            (0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            rotation=90 if upright else 0,
        )
    return 1.12 + 0.035 * longest if upright else 1.12


def column_names(axes: Axes, names: Sequence[str], below: Sequence[str] = ()) -> None:
    """Write the names of columns under them, as many as fit, at a slant if they are long.

    Parameters
    ----------
    below
        What several columns share, their day for instance: written under the first that shows it.
    """
    step = -(-len(names) // _MOST_NAMES)
    shown = list(names[::step])
    widest = max(map(len, shown), default=0)
    slanted = (widest + 2) * max(len(shown), _FEWEST_COLUMNS) > _CHARACTERS
    for place, shared in enumerate(below[::step]):
        if not place or shared != below[(place - 1) * step]:
            shown[place] += f"\n{shared}"
    axes.set_xticks(
        range(0, len(names), step),
        shown,
        rotation=30 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor" if slanted else "default",
    )


def ranked(words: Sequence[str], rest: str) -> dict[str, Style]:
    """Return a style for each of the words, the first ones apart; all others are `rest`."""
    styles = dict(zip(words, RANKED, strict=False))
    return {**styles, rest: REST} if len(words) > len(RANKED) else styles


def marks(axes: Axes, x: Sequence[Any], y: Sequence[Any], style: Style, size: Any = 40) -> None:
    """Draw a mark for each place."""
    axes.scatter(
        x, y, s=size, c=style.colour, marker=style.marker, edgecolors="black", linewidths=0.7
    )


def time_axis(axes: Axes, zone: str) -> None:
    """Write times on the horizontal axis, as short as they can be."""
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]
    # Ticks below a minute say their hour and minute too: "40.5" alone has no unit.
    formatter.formats = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S.%f"]
    formatter.zero_formats = ["", "%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M"]
    formatter.offset_formats = ["", "%Y", "%b %Y", "%d %b %Y", "%d %b %Y", "%d %b %Y"]
    axes.xaxis.set_major_formatter(formatter)
    axes.margins(x=0.05)
    begin, end = axes.dataLim.intervalx
    if begin == end:  # one moment: without this, years around it
        axes.set_xlim(begin - 30 / _DAY_S, end + 30 / _DAY_S)


def whole_numbers(axis: Any) -> None:
    """Write whole numbers with thousands apart."""
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def numbers(axis: Any, suffix: str = "") -> None:
    """Write numbers with thousands apart; whole ones, unless the axis is too short for them."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(MaxNLocator(nbins=6, integer=high - low >= _SHORT_AXIS))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value) + suffix))


def number(value: float) -> str:
    """Write a number with thousands apart, and no more decimals than it has."""
    return f"{value:,.10g}"


def counted(count: int, unit: str) -> str:
    """Write a count with its unit."""
    return f"{count:,} {unit}" + ("" if count == 1 else "s")


def spoken(word: str) -> str:
    """Write a word of a column as people say it."""
    return word.replace("_", " ")
