"""Diagrams of the attempts at the requests of one run: latency and credits. Pure."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Final

import pandas as pd

from mmsbatch.plots.inputs import REQUESTS, ZONE, drawing, drawn, local, need, requests_of

if TYPE_CHECKING:
    from mmsbatch.drawing import Diagram
_FLAT: Final = 0.5
"""Share of the most credits above which the least are drawn without the axis beginning at 0."""


def latency(requests: pd.DataFrame | str | os.PathLike[str]) -> Diagram:
    """Draw how long the gateway took to answer each attempt, in milliseconds.

    Parameters
    ----------
    requests
        The frame of ``requests.parquet``: with ``sending_at`` and ``ended_at``.

    Returns
    -------
    mmsbatch.drawing.Diagram
        One mark an attempt, from just before it left to its end; lines at the median and at the
        95th percentile. Attempts without an end are counted below the diagram.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = drawing()
    requests = requests_of(requests)
    need(requests, "latency", REQUESTS, "sending_at", "ended_at")
    taken_ms = (requests["ended_at"] - requests["sending_at"]).dt.total_seconds() * 1000
    ended = taken_ms.notna()
    if not ended.any():
        return drawn(draw.nothing("Latency", "no attempt has ended yet"))
    taken_ms = taken_ms[ended]
    title = f"Latency of {draw.counted(len(taken_ms), 'attempt')}"
    made, axes = draw.figure(title, 3.6)
    draw.marks(axes, local(requests.loc[ended, "sending_at"]), taken_ms.tolist(), draw.OTHER)
    lines = (("median", 0.5, "-"), ("95% within", 0.95, "--"))
    values = [float(taken_ms.quantile(share)) for _, share, _ in lines]
    for (name, share, dashes), value in zip(lines, values, strict=True):
        axes.axhline(value, linestyle=dashes, color="black", linewidth=1)
        axes.annotate(
            f" {name} {value:,.0f} ms",
            (1, value),
            xycoords=("axes fraction", "data"),
            va="bottom" if share > 0.5 else "top",  # noqa: PLR2004  (apart where they nearly meet)
            fontsize=9,
            annotation_clip=False,
        )
    axes.set_ylim(0, max(1.0, float(taken_ms.max()) * 1.1))
    draw.whole_numbers(axes.yaxis)
    axes.set_ylabel("milliseconds (ms)")
    draw.time_axis(axes, ZONE)
    axes.set_xlabel(f"when the attempt left ({ZONE} time)")
    without = int((~ended).sum())
    left_out = f"{draw.counted(without, 'attempt')} without an end, not drawn" if without else ""
    draw.note(axes, left_out)
    alt = (
        f"{title}: median {values[0]:,.0f} ms, 95% within {values[1]:,.0f} ms, "
        f"longest {taken_ms.max():,.0f} ms" + (f"; {left_out}" if left_out else "")
    )
    return drawn(made, f"{alt}.")


def credits(requests: pd.DataFrame | str | os.PathLike[str]) -> Diagram:  # noqa: A001  (the gateway's word; used as plots.credits)
    """Draw the credits that the gateway said were left, answer by answer.

    Parameters
    ----------
    requests
        The frame of ``requests.parquet``: with ``ended_at`` and ``credits``.

    Returns
    -------
    mmsbatch.drawing.Diagram
        A line of steps with one mark an answer that told the credits, its first and last amount
        written beside them.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.

    Source: §2 (``Credits``): credits of the account, whatever else it is used for.
    """
    draw = drawing()
    requests = requests_of(requests)
    need(requests, "credits", REQUESTS, "ended_at", "credits")
    heard = requests.loc[requests["credits"].notna() & requests["ended_at"].notna()]
    heard = heard.sort_values("ended_at")
    if heard.empty:
        return drawn(draw.nothing("Credits left", "no answer has told the credits yet"))
    left, at = heard["credits"].astype(float).tolist(), local(heard["ended_at"])
    made, axes = draw.figure(f"Credits left: {draw.number(left[-1])} after the last answer", 3.2)
    axes.step(at, left, where="post", color="black", linewidth=1)
    draw.marks(axes, at, left, draw.OTHER)
    for place, offset in ((0, (0, 7)), (-1, (7, -3)))[: min(len(left), 2)]:
        axes.annotate(
            f"{draw.number(left[place])} credits",
            (at[place], left[place]),
            offset,
            textcoords="offset points",
            fontsize=9,
            annotation_clip=False,
        )
    least, most = min(left), max(left)
    if least > most * _FLAT:
        # A campaign spends a small share of an account: from 0 on, its line would be flat.
        room = max((most - least) * 0.15, 1.0)
        begin = math.floor(least - room)
        axes.set_ylim(begin, most + room)
        draw.note(axes, f"The axis of credits begins at {begin:,}, not at 0.")
    else:
        axes.set_ylim(0, max(1.0, most * 1.15))
    draw.numbers(axes.yaxis)
    axes.set_ylabel("credits left on the account")
    draw.time_axis(axes, ZONE)
    axes.set_xlabel(f"when the answer came ({ZONE} time)")
    if len(left) == 1:
        return drawn(made, f"Credits left: {draw.number(left[0])} after the only answer so far.")
    alt = f"Credits left: {draw.number(left[0])} after the first of {len(left):,} answers"
    return drawn(made, f"{alt}, {draw.number(left[-1])} after the last.")
