"""Diagrams of what a frame holds: problems, outcomes, latency, credits, weeks. Pure.

Every function takes a frame that exists already and gives a `matplotlib.figure.Figure`, which shows
itself in a notebook and is saved with ``.savefig("name.png")``. Nothing in it depends on colour
alone. matplotlib is in the extra ``notebooks`` and is imported when the first figure is drawn.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mmsbatch import spec
from mmsbatch.errors import InputError, kind_of, nearest
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.problems import summarize
from mmsbatch.runs.outcomes import Outcome, attempts, count
from mmsbatch.runs.run import Run

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.figure import Figure

ZONE: Final = spec.TIME_ZONE
"""Times are drawn as the people concerned read them on their clocks."""

_WORDS: Final = tuple(map(str, Outcome))
_SENDABLE: Final = "can be sent"
_MOST_WEEK_NAMES: Final = 12


def problems(prepared: pd.DataFrame | Plan) -> Figure:
    """Draw rows by problem, worst first, below the rows that can be sent.

    Parameters
    ----------
    prepared
        What `prepare`, `plan` or `results` gave: with ``mms_problem`` and ``mms_repair``.

    Returns
    -------
    matplotlib.figure.Figure
        One bar a problem, labelled with its rows and their share of all rows.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = _drawing()
    frame = prepared.rows if isinstance(prepared, Plan) else prepared
    _need(frame, "problems", "a prepared frame, a plan or results", "mms_problem", "mms_repair")
    found = summarize(frame)
    if not found.rows:
        return _drawn(draw.nothing("Rows by problem", "no rows: the frame is empty"))
    title = f"Rows by problem: {found.sendable:,} of {draw.counted(found.rows, 'row')} can be sent"
    counts = {_SENDABLE: found.sendable, **found.problems}
    return _drawn(draw.bars(title, counts, {_SENDABLE: draw.GOOD}, "row", "rows"))


def outcomes(results: pd.DataFrame | str | os.PathLike[str]) -> Figure:
    """Draw rows by outcome.

    Parameters
    ----------
    results
        What `send`, `resume` or `results` gave: with ``mms_outcome``; or a run's folder.

    Returns
    -------
    matplotlib.figure.Figure
        One bar an outcome that occurs, labelled with its rows and their share of all rows.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = _drawing()
    results = _results(results)
    _need(results, "outcomes", "results", "mms_outcome")
    if not len(results):
        return _drawn(draw.nothing("Rows by outcome", "no rows: the results are empty"))
    title = f"Rows by outcome: {draw.counted(len(results), 'row')}"
    return _drawn(draw.bars(title, count([results]), draw.STYLES, "row", "rows"))


def outcomes_over_time(
    results: pd.DataFrame | str | os.PathLike[str], requests: pd.DataFrame | None = None
) -> Figure:
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
    matplotlib.figure.Figure
        A lane for each outcome; in each, one mark a request that has such rows, the larger the
        more of them. Rows without a time are counted below the diagram.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = _drawing()
    columns = ("mms_outcome", "mms_request", "mms_sent_at")
    if requests is None and isinstance(results, str | os.PathLike):
        requests = _requests(results)
    results = _results(results)
    _need(results, "outcomes_over_time", "results", *columns)
    title = "Outcomes by request over time"
    sent = results.loc[results["mms_request"].notna(), list(columns)]
    grouped = sent.groupby(["mms_request", "mms_outcome"], observed=True)
    found = grouped.agg(rows=("mms_outcome", "size")).reset_index()
    found["at"] = _times(sent, requests).reindex(found["mms_request"]).array
    timed = found[found["at"].notna()]
    if timed.empty:
        return _drawn(draw.nothing(title, "no request has left yet"))
    lanes = [word for word in _WORDS if (timed["mms_outcome"] == word).any()]
    made, axes = draw.figure(f"{title}: one mark a request in each lane", 1.6 + 0.55 * len(lanes))
    for lane, word in enumerate(lanes):
        these = timed[timed["mms_outcome"] == word]
        size = 25 + these["rows"].to_numpy(dtype=float)
        draw.marks(axes, _local(these["at"]), [lane] * len(these), draw.STYLES[word], size)
    labels = [
        f"{draw.spoken(word)}\n{draw.counted(int(rows), 'row')}"
        for word in lanes
        for rows in [timed.loc[timed["mms_outcome"] == word, "rows"].sum()]
    ]
    axes.set_yticks(range(len(lanes)), labels)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    draw.time_axis(axes, ZONE)
    axes.set_xlabel(f"when the request left ({ZONE} time); a larger mark is more rows")
    left_out = int(found["rows"].sum() - timed["rows"].sum())
    draw.note(axes, f"{draw.counted(left_out, 'row')} not drawn: not sent" if left_out else "")
    return _drawn(made)


def latency(requests: pd.DataFrame | str | os.PathLike[str]) -> Figure:
    """Draw how long the gateway took to answer each attempt, in milliseconds.

    Parameters
    ----------
    requests
        The frame of ``requests.parquet``: with ``sending_at`` and ``ended_at``.

    Returns
    -------
    matplotlib.figure.Figure
        One mark an attempt, from just before it left to its end; lines at the median and at the
        95th percentile. Attempts without an end are counted below the diagram.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = _drawing()
    requests = _requests(requests)
    _need(requests, "latency", "requests.parquet", "sending_at", "ended_at")
    taken_ms = (requests["ended_at"] - requests["sending_at"]).dt.total_seconds() * 1000
    ended = taken_ms.notna()
    if not ended.any():
        return _drawn(draw.nothing("Latency", "no attempt has ended yet"))
    taken_ms = taken_ms[ended]
    title = f"Latency of {draw.counted(len(taken_ms), 'attempt')}"
    made, axes = draw.figure(title, 3.6)
    draw.marks(axes, _local(requests.loc[ended, "sending_at"]), taken_ms.tolist(), draw.OTHER)
    for name, share, dashes in (("median", 0.5, "-"), ("95% within", 0.95, "--")):
        value = float(taken_ms.quantile(share))
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
    draw.note(axes, f"{draw.counted(without, 'attempt')} without an end, not drawn" * bool(without))
    return _drawn(made)


def credits(requests: pd.DataFrame | str | os.PathLike[str]) -> Figure:  # noqa: A001  (the gateway's word; used as plots.credits)
    """Draw the credits that the gateway said were left, answer by answer.

    Parameters
    ----------
    requests
        The frame of ``requests.parquet``: with ``ended_at`` and ``credits``.

    Returns
    -------
    matplotlib.figure.Figure
        A line of steps with one mark an answer that told the credits, its first and last amount
        written beside them.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.

    Source: §2 (``Credits``): credits of the account, whatever else it is used for.
    """
    draw = _drawing()
    requests = _requests(requests)
    _need(requests, "credits", "requests.parquet", "ended_at", "credits")
    heard = requests.loc[requests["credits"].notna() & requests["ended_at"].notna()]
    heard = heard.sort_values("ended_at")
    if heard.empty:
        return _drawn(draw.nothing("Credits left", "no answer has told the credits yet"))
    left, at = heard["credits"].astype(float).tolist(), _local(heard["ended_at"])
    made, axes = draw.figure(f"Credits left: {left[-1]:,.10g} after the last answer", 3.2)
    axes.step(at, left, where="post", color="black", linewidth=1)
    draw.marks(axes, at, left, draw.OTHER)
    for place, offset in ((0, (0, 7)), (-1, (7, -3)))[: min(len(left), 2)]:
        axes.annotate(
            f"{left[place]:,.10g} credits",
            (at[place], left[place]),
            offset,
            textcoords="offset points",
            fontsize=9,
            annotation_clip=False,
        )
    axes.set_ylim(0, max(1.0, max(left) * 1.15))
    draw.whole_numbers(axes.yaxis)
    axes.set_ylabel("credits left on the account")
    draw.time_axis(axes, ZONE)
    axes.set_xlabel(f"when the answer came ({ZONE} time)")
    return _drawn(made)


def runs_over_weeks(audit: pd.DataFrame) -> Figure:
    """Draw the rows of all runs by outcome, week by week.

    Parameters
    ----------
    audit
        What `mmsbatch.audit` gave: one row a run, with ``opened_at``, ``target`` and a column for
        each outcome.

    Returns
    -------
    matplotlib.figure.Figure
        One column an ISO week, from the first with a run to the last and none left out, with a
        part for each outcome. A run counts in the week in which it was opened.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = _drawing()
    _need(audit, "runs_over_weeks", "what mms.audit gave", "opened_at", "target", *_WORDS)
    if audit.empty:
        return _drawn(draw.nothing("Rows by outcome and week", "no runs"))
    monday = _local(audit["opened_at"]).tz_localize(None).to_period("W-SUN")
    words = [word for word in _WORDS if audit[word].any()] or [_WORDS[0]]
    weeks = pd.period_range(monday.min(), monday.max(), freq="W-SUN")
    table = audit[words].groupby(monday).sum().reindex(weeks, fill_value=0)
    targets = audit["target"].value_counts()
    runs = " and ".join(draw.counted(int(n), f"{target} run") for target, n in targets.items())
    made, axes = draw.figure(f"Rows by outcome and week: {runs}", 4.0)
    draw.stacked(axes, table)
    step = -(-len(weeks) // _MOST_WEEK_NAMES)
    axes.set_xticks(
        range(0, len(weeks), step),
        [week.start_time.strftime("%G-W%V") for week in weeks[::step]],
        rotation=0 if len(weeks) <= 8 else 30,  # noqa: PLR2004  (what fits side by side)
        ha="center" if len(weeks) <= 8 else "right",  # noqa: PLR2004
    )
    axes.set_xlabel(f"ISO week in which the run was opened ({ZONE} time)")
    axes.set_ylabel("rows")
    return _drawn(made)


def variants(compared: pd.DataFrame) -> Figure:
    """Draw what the variants of a campaign came to, with how sure that is.

    Parameters
    ----------
    compared
        What `mmsbatch.variants` gave.

    Returns
    -------
    matplotlib.figure.Figure
        One mark a variant with a bar for its 95 % interval; a lone mark for who was held out.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = _drawing()
    _need(
        compared, "variants", "what mms.variants gave", "variant", "people", "share", "low", "high"
    )
    if compared.empty:
        return _drawn(draw.nothing("Share by variant", "nobody is in any variant"))
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
    return _drawn(made)


def _drawing() -> ModuleType:
    try:
        from mmsbatch import drawing  # noqa: PLC0415  (matplotlib: only for who draws)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise InputError(
            'plots need matplotlib, which is not installed: pip install "mmsbatch[notebooks]"'
        ) from None
    return drawing


def _drawn(made: Any) -> Figure:
    """Return a type to what came from a module that is imported late."""
    figure: Figure = made
    return figure


def _results(given: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
    """Take results, or a run's folder."""
    return Run.load(given).results if isinstance(given, str | os.PathLike) else given


def _requests(given: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
    """Take the frame of ``requests.parquet``, or a run's folder."""
    return attempts(Run.load(given).facts) if isinstance(given, str | os.PathLike) else given


def _need(frame: pd.DataFrame, plot: str, wanted: str, *columns: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"plots.{plot} takes {wanted}, or a run's folder, not {kind_of(frame)}")
    for column in columns:
        if column not in frame.columns:
            hint = nearest(column, map(str, frame.columns))
            raise InputError(
                f"plots.{plot} needs the column {column!r}, which this frame has not: give it "
                f"{wanted}.{hint}"
            )


def _times(sent: pd.DataFrame, requests: pd.DataFrame | None) -> pd.Series:
    """Return when each request left, by its number; missing if that is not known."""
    times = sent.groupby("mms_request")["mms_sent_at"].max()
    if requests is None:
        return times
    _need(requests, "outcomes_over_time", "requests.parquet", "request", "sending_at")
    return times.fillna(requests.groupby("request")["sending_at"].max().reindex(times.index))


def _local(times: pd.Series) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times).tz_convert(ZONE)
