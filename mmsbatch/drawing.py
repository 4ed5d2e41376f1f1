"""Bars and marks on a matplotlib figure, told apart without colour. Pure; extra ``notebooks``.

Each style is a colour of the Okabe-Ito palette (distinct for colour-blind people) *and* a hatch
*and* a marker, so that a page printed in black and white says the same. No pyplot: a figure
belongs to whoever asked for it, and needs neither backend nor closing.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

WIDTH: Final = 9.0
"""Inches; a notebook's column."""
_ROOM: Final = 1.32
"""Share of the longest bar that its label needs beside it."""
_FEWEST_COLUMNS: Final = 6
"""Room for as many columns at least: one alone would be a wall."""


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


class ShownFigure(Figure):
    """A figure that shows itself in a notebook, whichever backend the notebook has, or none."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
        return buffer.getvalue()


def figure(title: str, height: float) -> tuple[Figure, Axes]:
    """Open a figure of one diagram; `height` is in inches."""
    made = ShownFigure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    axes = made.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    return made, axes


def nothing(title: str, why: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    made, axes = figure(title, 1.6)
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes)
    return made


def note(axes: Axes, text: str) -> None:
    """Write what the diagram leaves out, under it."""
    if text:
        axes.figure.supxlabel(text, x=0.01, ha="left", fontsize=8)


def bars(
    title: str, counts: Mapping[str, int], styles: Mapping[str, Style], unit: str, axis: str
) -> Figure:
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


def stacked(axes: Axes, table: pd.DataFrame) -> None:
    """Draw a column for each row of `table`, one part for each of its columns, and its total."""
    bottom = pd.Series(0, index=table.index)
    places = range(len(table))
    tallest = max(1, int(table.sum(axis=1).max()))
    for word in table.columns:
        style = STYLES.get(str(word), OTHER)
        heights = table[word]
        axes.bar(
            places,
            heights,
            0.7,
            bottom,
            color=style.colour,
            hatch=style.hatch,
            edgecolor=style.edge,
            label=spoken(str(word)),
        )
        bottom += heights
    axes.bar(places, bottom, 0.7, fill=False, edgecolor="black")
    for place, total in zip(places, bottom, strict=True):
        if total:
            axes.text(place, total, f"{total:,}", ha="center", va="bottom", fontsize=8)
    axes.set_ylim(0, tallest * 1.12)
    axes.set_xlim(-0.7, max(len(table), _FEWEST_COLUMNS) - 0.3)
    whole_numbers(axes.yaxis)
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


def whole_numbers(axis: Any) -> None:
    """Write whole numbers with thousands apart."""
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def counted(count: int, unit: str) -> str:
    """Write a count with its unit."""
    return f"{count:,} {unit}" + ("" if count == 1 else "s")


def spoken(word: str) -> str:
    """Write a word of a column as people say it."""
    return word.replace("_", " ")
