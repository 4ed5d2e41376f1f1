"""Diagrams of the rows of one campaign: by problem, outcome, time and variant. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch.planning.plan import Plan
from mmsbatch.planning.problems import summarize
from mmsbatch.plots.inputs import (
    REQUESTS,
    RESULTS,
    WORDS,
    ZONE,
    drawing,
    drawn,
    listed,
    local,
    need,
    requests_of,
    results_of,
    span,
)
from mmsbatch.runs.outcomes import Outcome, count

if TYPE_CHECKING:
    from mmsbatch.drawing import Diagram

_SENDABLE: Final = "can be sent"
_PREPARED: Final = "a prepared frame, a plan or results"
_SENT: Final = ("mms_outcome", "mms_request", "mms_sent_at")
_MOST_HOURS: Final = 72
_MOST_DAYS: Final = 92


def problems(prepared: pd.DataFrame | Plan) -> Diagram:
    """Draw rows by problem, worst first, below the rows that can be sent.

    Parameters
    ----------
    prepared
        What `prepare`, `plan` or `results` gave: with ``mms_problem`` and ``mms_repair``.

    Returns
    -------
    mmsbatch.drawing.Diagram
        One bar a problem, labelled with its rows and their share of all rows.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = drawing()
    frame = prepared.rows if isinstance(prepared, Plan) else prepared
    need(frame, "problems", _PREPARED, "mms_problem", "mms_repair")
    found = summarize(frame)
    if not found.rows:
        return drawn(draw.nothing("Rows by problem", "no rows: the frame is empty"))
    title = f"Rows by problem: {found.sendable:,} of {draw.counted(found.rows, 'row')} can be sent"
    counts = {_SENDABLE: found.sendable, **found.problems}
    alt = title + "".join(
        f"{', ' if place else '; '}{rows:,} {draw.spoken(word)}"
        for place, (word, rows) in enumerate(found.problems.items())
    )
    return drawn(draw.bars(title, counts, {_SENDABLE: draw.GOOD}, "row", "rows"), f"{alt}.")


def outcomes(results: pd.DataFrame | str | os.PathLike[str]) -> Diagram:
    """Draw rows by outcome.

    Parameters
    ----------
    results
        What `send`, `resume` or `results` gave: with ``mms_outcome``; or a run's folder.

    Returns
    -------
    mmsbatch.drawing.Diagram
        One bar an outcome that occurs, labelled with its rows and their share of all rows.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = drawing()
    results = results_of(results)
    need(results, "outcomes", RESULTS, "mms_outcome")
    if not len(results):
        return drawn(draw.nothing("Rows by outcome", "no rows: the results are empty"))
    title = f"Rows by outcome: {draw.counted(len(results), 'row')}"
    counts = count([results])
    alt = f"Rows by outcome: {_of_rows(draw, counts, len(results))}."
    return drawn(draw.bars(title, counts, draw.STYLES, "row", "rows"), alt)


def outcomes_over_time(
    results: pd.DataFrame | str | os.PathLike[str], requests: pd.DataFrame | None = None
) -> Diagram:
    """Draw when each request left and what became of its rows.

    Parameters
    ----------
    results
        What `send`, `resume` or `results` gave: with ``mms_outcome``, ``mms_request`` and
        ``mms_sent_at``.
    requests
        The frame of ``requests.parquet``. Results have no time for rows that were certainly not
        sent; with it, those of refused requests are drawn at their last attempt.

    Returns
    -------
    mmsbatch.drawing.Diagram
        A lane for each outcome; in each, one mark a request that has such rows, the larger the
        more of them. Rows without a time are counted below the diagram.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = drawing()
    if requests is None and isinstance(results, str | os.PathLike):
        requests = requests_of(results)
    results = results_of(results)
    need(results, "outcomes_over_time", RESULTS, *_SENT)
    title = "Outcomes by request over time"
    sent = results.loc[results["mms_request"].notna(), list(_SENT)]
    grouped = sent.groupby(["mms_request", "mms_outcome"], observed=True)
    found = grouped.agg(rows=("mms_outcome", "size")).reset_index()
    found["at"] = _times("outcomes_over_time", sent, requests).reindex(found["mms_request"]).array
    timed = found[found["at"].notna()]
    if timed.empty:
        return drawn(draw.nothing(title, "no request has left yet"))
    lanes = [word for word in WORDS if (timed["mms_outcome"] == word).any()]
    made, axes = draw.figure(f"{title}: one mark a request in each lane", 1.6 + 0.55 * len(lanes))
    for lane, word in enumerate(lanes):
        these = timed[timed["mms_outcome"] == word]
        size = 25 + these["rows"].to_numpy(dtype=float)
        draw.marks(axes, local(these["at"]), [lane] * len(these), draw.STYLES[word], size)
    counts = {word: int(timed.loc[timed["mms_outcome"] == word, "rows"].sum()) for word in lanes}
    labels = [f"{draw.spoken(word)}\n{draw.counted(counts[word], 'row')}" for word in lanes]
    axes.set_yticks(range(len(lanes)), labels)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    draw.time_axis(axes, ZONE)
    axes.set_xlabel(f"when the request left ({ZONE} time); a larger mark is more rows")
    left_out = _not_sent(draw, int(found["rows"].sum() - timed["rows"].sum()))
    draw.note(axes, left_out)
    requests_drawn = draw.counted(timed["mms_request"].nunique(), "request")
    alt = (
        f"{title}: {requests_drawn} left {span(local(timed['at']))} ({ZONE} time): "
        f"{_of_rows(draw, counts)}" + (f"; {left_out}" if left_out else "")
    )
    return drawn(made, f"{alt}.")


def outcomes_by_hour(
    results: pd.DataFrame | str | os.PathLike[str], requests: pd.DataFrame | None = None
) -> Diagram:
    """Draw rows by outcome and by the hour in Paris in which they left.

    Parameters
    ----------
    results
        What `send`, `resume` or `results` gave: with ``mms_outcome``, ``mms_request`` and
        ``mms_sent_at``; or a run's folder.
    requests
        The frame of ``requests.parquet``. Results have no time for rows that were certainly not
        sent; with it, those of refused requests are drawn at their last attempt. A run's folder
        has it.

    Returns
    -------
    mmsbatch.drawing.Diagram
        One column an hour, from the first with a row to the last and none left out, with a part
        for each outcome; one a day where there would be more than 72 hours, one an ISO week where
        there would be more than 92 days. Rows without a time are counted below the diagram.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = drawing()
    if requests is None and isinstance(results, str | os.PathLike):
        requests = requests_of(results)
    results = results_of(results)
    need(results, "outcomes_by_hour", RESULTS, *_SENT)
    at = results["mms_sent_at"]
    refused = results["mms_outcome"] == Outcome.REFUSED
    if requests is not None and refused.any():
        times = _times("outcomes_by_hour", results.loc[refused, list(_SENT)], requests)
        at = at.where(~refused, results["mms_request"].map(times))
    left = at.notna().to_numpy()
    if not left.any():
        return drawn(draw.nothing("Rows by outcome and hour", "no request has left yet"))
    columns = _Columns.of(at[left])
    unit = columns.unit
    words = results.loc[left, "mms_outcome"].astype("str").to_numpy()
    found = pd.crosstab(columns.places, words)
    found = found.reindex(range(len(columns.names)), fill_value=0)
    table = found[[word for word in WORDS if word in found.columns]]
    rows = draw.counted(int(left.sum()), "row")
    made, axes = draw.figure(f"Rows by outcome and {unit} in which they left: {rows}", 4.0)
    draw.stacked(axes, table)
    draw.column_names(axes, columns.names, columns.below)
    draw.whole_numbers(axes.yaxis)
    axes.set_ylabel("rows")
    axes.set_xlabel(f"{unit} in which the request left ({ZONE} time)")
    left_out = _not_sent(draw, int((~left).sum()))
    draw.note(axes, left_out)
    totals = table.sum(axis=1)
    alt = (
        f"Rows by outcome and {unit}, {span(local(at[left]))} ({ZONE} time): "
        f"{_of_rows(draw, {str(word): int(table[word].sum()) for word in table})}"
        f"; most in the {unit} {columns.name(int(totals.argmax()))}: {totals.max():,}"
    )
    return drawn(made, alt + (f"; {left_out}." if left_out else "."))


def variants(compared: pd.DataFrame) -> Diagram:
    """Draw what the variants of a campaign came to, with how sure that is.

    Parameters
    ----------
    compared
        What `mmsbatch.variants` gave.

    Returns
    -------
    mmsbatch.drawing.Diagram
        One mark a variant with a bar for its 95 % interval; a lone mark for who was held out.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = drawing()
    need(
        compared, "variants", "what mms.variants gave", "variant", "people", "share", "low", "high"
    )
    if compared.empty:
        return drawn(draw.nothing("Share by variant", "nobody is in any variant"))
    people = draw.counted(int(compared["people"].sum()), "person").replace("persons", "people")
    made, axes = draw.figure(
        f"Share by variant, with 95 % intervals: {people}", 1.2 + 0.5 * len(compared)
    )
    rows = range(len(compared))
    share, low, high = (compared[name].to_numpy(float) * 100 for name in ("share", "low", "high"))
    axes.errorbar(
        share,
        rows,
        xerr=[share - low, high - share],
        fmt="o",
        color="black",
        capsize=4,
        linewidth=1,
    )
    for row, (value, upto) in enumerate(zip(share, high, strict=True)):
        axes.annotate(
            f"{value:.1f} %", (upto, row), (6, -3), textcoords="offset points", fontsize=9
        )
    axes.set_yticks(rows, [draw.spoken(str(name)) for name in compared["variant"]])
    axes.set_ylim(len(compared) - 0.5, -0.5)
    axes.margins(x=0.15)
    axes.set_xlabel("per cent")
    shares = listed(
        f"{draw.spoken(str(name))} {value:.1f} % ({least:.1f} to {most:.1f} %)"
        for name, value, least, most in zip(compared["variant"], share, low, high, strict=True)
    )
    return drawn(made, f"Share by variant of {people}, with 95 % intervals: {shares}.")


def _of_rows(draw: ModuleType, counts: Mapping[str, int], total: int | None = None) -> str:
    """Write rows by outcome in a sentence, most first, of all rows if these are given."""
    most_first = sorted(counts.items(), key=lambda item: -item[1])
    (word, rows), *more = most_first
    all_rows = draw.counted(rows, "row") if total is None else f"{rows:,} of {total:,} rows"
    return listed(
        [f"{all_rows} {draw.spoken(word)}"]
        + [f"{rows:,} {draw.spoken(word)}" for word, rows in more]
    )


def _not_sent(draw: ModuleType, rows: int) -> str:
    return f"{draw.counted(rows, 'row')} not drawn: not sent" if rows else ""


def _times(plot: str, sent: pd.DataFrame, requests: pd.DataFrame | None) -> pd.Series:
    """Return when each request left, by its number; missing if that is not known."""
    times = sent.groupby("mms_request")["mms_sent_at"].max()
    if requests is None:
        return times
    need(requests, plot, REQUESTS, "request", "sending_at")
    return times.fillna(requests.groupby("request")["sending_at"].max().reindex(times.index))


@dataclass(frozen=True)
class _Columns:
    """Hours, days or weeks of Paris, from the first with a time to the last."""

    unit: str
    places: npt.NDArray[np.intp]
    """For each time, its column."""
    names: list[str]
    below: list[str]
    """For each column, what it shares with its neighbours."""

    @classmethod
    def of(cls, at: pd.Series) -> _Columns:
        """Take hours, unless they are too many."""
        # Whole hours of UTC are whole hours in Paris, and none occurs twice when clocks are put
        # back.
        hour = pd.DatetimeIndex(at).tz_convert("UTC").floor("h")
        hours = pd.date_range(hour.min(), hour.max(), freq="h")
        if len(hours) <= _MOST_HOURS:
            clocks = hours.tz_convert(ZONE)
            changed = len({one.utcoffset() for one in clocks}) > 1
            below = "%b\n%Y\n%Z" if changed else "%b\n%Y"
            names = [f"{one:%H:%M}" for one in clocks]
            dates = [f"{one.day} {one.strftime(below)}" for one in clocks]
            return cls("hour", hours.get_indexer(hour), names, dates)
        days = local(at).tz_localize(None).to_period("D")
        every = pd.period_range(days.min(), days.max(), freq="D")
        if len(every) <= _MOST_DAYS:
            names = [f"{one.day} {one.strftime('%b')}" for one in every]
            return cls("day", every.get_indexer(days), names, [str(one.year) for one in every])
        weeks = days.asfreq("W-SUN")
        every = pd.period_range(weeks.min(), weeks.max(), freq="W-SUN")
        names = [one.start_time.strftime("%G-W%V") for one in every]
        return cls("ISO week", every.get_indexer(weeks), names, [""] * len(every))

    def name(self, place: int) -> str:
        """Name a column in a sentence."""
        return " ".join([self.names[place], *self.below[place].split()])
