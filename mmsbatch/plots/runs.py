"""Diagrams of many runs over time: their rows, their cost and their problems. Pure."""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING, Final

import duckdb
import pandas as pd

from mmsbatch.errors import InputError, kind_of
from mmsbatch.plots.inputs import AUDIT, WORDS, ZONE, day, drawing, drawn, listed, local, need

if TYPE_CHECKING:
    from mmsbatch.drawing import Diagram, Style

_TARGETS: Final = ("live", "sandbox")
_OTHER_CAMPAIGNS: Final = "other campaigns"
_OTHER_PROBLEMS: Final = "other problems"
_LONGEST_NAME: Final = 22
_SHARED_SHOWN: Final = 8
"""Characters that all names share and that are shown before what tells them apart."""
_MIX: Final = """
    SELECT run, path, target, opened_at, mms_problem AS problem, count(*) AS rows
    FROM results GROUP BY ALL ORDER BY opened_at, run, path
"""


def runs_over_weeks(audit: pd.DataFrame) -> Diagram:
    """Draw the rows of all runs by outcome, week by week.

    Parameters
    ----------
    audit
        What `mmsbatch.audit` gave: one row a run, with ``opened_at``, ``target`` and a column for
        each outcome.

    Returns
    -------
    mmsbatch.drawing.Diagram
        One column an ISO week, from the first with a run to the last and none left out, with a
        part for each outcome. A run counts in the week in which it was opened.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.
    """
    draw = drawing()
    need(audit, "runs_over_weeks", AUDIT, "opened_at", "target", *WORDS)
    if audit.empty:
        return drawn(draw.nothing("Rows by outcome and week", "no runs"))
    monday, weeks = _weeks(audit)
    words = [word for word in WORDS if audit[word].any()] or [WORDS[0]]
    table = audit[words].groupby(monday).sum().reindex(weeks, fill_value=0)
    targets = audit["target"].value_counts()
    runs = listed(draw.counted(int(n), f"{target} run") for target, n in targets.items())
    made, axes = draw.figure(f"Rows by outcome and week: {runs}", 4.0)
    draw.stacked(axes, table)
    draw.whole_numbers(axes.yaxis)
    names = _week_names(weeks)
    draw.column_names(axes, names)
    axes.set_xlabel(f"ISO week in which the run was opened ({ZONE} time)")
    axes.set_ylabel("rows")
    rows = listed(f"{table[word].sum():,} {draw.spoken(word)}" for word in words)
    totals = table.sum(axis=1)
    alt = f"Rows by outcome of {runs} in {_reach(names)}: {rows}"
    if len(names) > 1:
        alt += f"; most rows in {names[int(totals.argmax())]}: {totals.max():,}"
    return drawn(made, f"{alt}.")


def cost_over_weeks(audit: pd.DataFrame) -> Diagram:
    """Draw the credits that runs spent, by campaign, week by week; live and sandbox runs apart.

    Parameters
    ----------
    audit
        What `mmsbatch.audit` gave: one row a run, with ``opened_at``, ``target``, ``campaign`` and
        ``credits_spent``.

    Returns
    -------
    mmsbatch.drawing.Diagram
        A diagram for the live runs and one for those on the sandbox, if there are such. In each,
        one column an ISO week, from the first with a run to the last and none left out, with a
        part for each of the five campaigns that cost most and one for all others, and what they
        come to together. A run counts in the week in which it was opened. A week with runs whose
        cost is not known has a question mark; they are counted below the diagram.

    Raises
    ------
    InputError
        A column is missing, or matplotlib is not installed.

    Source: §2 (``Credits``): what a run spent is the account's, whatever else it is used for.
    """
    draw = drawing()
    need(audit, "cost_over_weeks", AUDIT, "opened_at", "target", "campaign", "credits_spent")
    title = "Credits spent by week"
    if audit.empty:
        return drawn(draw.nothing(title, "no runs"))
    known = audit["credits_spent"].notna()
    if not known.any():
        return drawn(draw.nothing(title, "no run's cost is known"))
    monday, weeks = _weeks(audit)
    names = _week_names(weeks)
    costs = audit["credits_spent"].astype("float64")
    campaign, styles = _most_first(draw, costs, audit["campaign"].astype("str"), _OTHER_CAMPAIGNS)
    targets = [target for target in _TARGETS if (known & (audit["target"] == target)).any()]
    sums = [
        f"{draw.number(costs[known & (audit['target'] == target)].sum())} by "
        f"{draw.counted(int((known & (audit['target'] == target)).sum()), f'{target} run')}"
        for target in targets
    ]
    short = dict(zip(styles, _short(list(styles)), strict=True))
    marked = True
    made, panels = draw.panels(f"{title}: {listed(sums)}", 1.1 + 2.7 * len(targets), len(targets))
    for axes, target in zip(panels, targets, strict=True):
        these = audit["target"] == target
        heard = these & known
        table = pd.crosstab(monday[heard], campaign[heard], costs[heard], aggfunc="sum")
        words = [word for word in styles if word in table.columns]
        table = table.reindex(index=weeks, columns=words).fillna(0.0)
        runs = these.groupby(monday).sum().reindex(weeks, fill_value=0)
        unknown = (these & ~known).groupby(monday).sum().reindex(weeks, fill_value=0)
        totals = [
            " + ".join([draw.number(total)] * (n > lost) + ["?"] * (lost > 0))
            for total, n, lost in zip(table.sum(axis=1), runs, unknown, strict=True)
        ]
        marked &= draw.stacked(axes, table, styles, totals, short.__getitem__)
        draw.numbers(axes.yaxis)
        axes.set_ylabel(f"credits, {target} runs")
    draw.column_names(panels[-1], names)
    panels[-1].set_xlabel(f"ISO week in which the run was opened ({ZONE} time)")
    left_out = _unknown(draw, audit.loc[~known, "target"])
    draw.note(panels[-1], f"{'?: ' * marked}{left_out}" if left_out else "")
    alt = f"{title} in {_reach(names)}: {listed(sums)}"
    most = costs.groupby(audit["campaign"].astype("str")).sum()
    if len(most) > 1:
        alt += f"; the campaign that cost most is {most.idxmax()}, {draw.number(most.max())}"
    return drawn(made, alt + (f"; {left_out}." if left_out else "."))


def problems_over_time(runs: duckdb.DuckDBPyConnection) -> Diagram:
    """Draw the share of each run's rows that have a problem, by problem, run after run.

    Parameters
    ----------
    runs
        What `mmsbatch.connect` gave. Its filters say which runs:
        ``mms.plots.problems_over_time(mms.connect("data/runs", target="live"))``.

    Returns
    -------
    mmsbatch.drawing.Diagram
        One column a run, in the order in which they were opened, with a part for each of the five
        most frequent problems and one for all others, in per cent of the run's rows.

    Raises
    ------
    InputError
        It is not such a connection or is closed, or matplotlib is not installed.
    """
    draw = drawing()
    found = _problems(runs)
    rows = found.groupby("path", sort=False)["rows"].sum()
    if rows.empty:
        return drawn(draw.nothing("Rows with a problem, run by run", "no runs"))
    opened = found.drop_duplicates("path")
    bad = found[found["problem"].notna()]
    problem, styles = _most_first(draw, bad["rows"], bad["problem"], _OTHER_PROBLEMS)
    counts = pd.crosstab(bad["path"], problem, bad["rows"], aggfunc="sum").fillna(0)
    counts = counts.reindex(index=rows.index, columns=[*styles], fill_value=0)
    share = counts.div(rows, axis="index") * 100
    totals = [f"{percent:.1f}%" for percent in share.sum(axis=1)]
    names = opened["run"].tolist()
    alone = len(names) == 1
    change = totals[0] if alone else f"{totals[0]} in the first, {totals[-1]} in the last"
    made, axes = draw.figure(f"Rows with a problem, run by run: {change}", 4.0)
    draw.stacked(axes, share, styles, totals)
    draw.numbers(axes.yaxis, "%")
    sandbox = opened["target"] == "sandbox"
    sandbox &= not sandbox.all()
    draw.column_names(
        axes,
        [name + " (sandbox)" * tried for name, tried in zip(_short(names), sandbox, strict=True)],
    )
    axes.set_ylabel("share of the run's rows")
    moments = local(opened["opened_at"])
    days = list(dict.fromkeys(day(moments[place]) for place in (0, -1)))
    axes.set_xlabel(
        f"run, in the order in which they were opened: {' to '.join(days)} ({ZONE} time)"
    )
    alt = f"Rows with a problem: {totals[0]} in the run {names[0]}"
    if not alone:
        alt = (
            f"Rows with a problem in {len(names):,} runs, in the order in which they were opened: "
            f"{totals[0]} in the first ({names[0]}), {totals[-1]} in the last ({names[-1]})"
        )
    if styles:
        shares = counts.sum() / rows.sum()
        alt += "; of all rows, " + listed(f"{shares[w]:.1%} {draw.spoken(w)}" for w in styles)
    return drawn(made, f"{alt}.")


def _problems(runs: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Count the rows of each run by problem, the run opened first first; missing: no problem."""
    wanted = 'what mms.connect gave: mms.plots.problems_over_time(mms.connect("data/runs"))'
    if not isinstance(runs, duckdb.DuckDBPyConnection):
        raise InputError(f"plots.problems_over_time takes {wanted}, not {kind_of(runs)}")
    try:
        found: pd.DataFrame = runs.sql(_MIX).to_arrow_table().to_pandas()
    except duckdb.Error as error:
        raise InputError(
            f"plots.problems_over_time cannot ask this connection ({str(error).splitlines()[0]}): "
            f"give it {wanted}"
        ) from None
    return found


def _most_first(
    draw: ModuleType, weights: pd.Series, words: pd.Series, rest: str
) -> tuple[pd.Series, dict[str, Style]]:
    """Order words by their weight, call those beyond the first few `rest`, and style them."""
    order = weights.groupby(words).sum().sort_index().sort_values(ascending=False, kind="stable")
    styles: dict[str, Style] = draw.ranked(list(order.index), rest)
    return words.where(words.isin([*styles]), rest), styles


def _unknown(draw: ModuleType, targets: pd.Series) -> str:
    """Say of how many runs the cost is not known."""
    counts = [draw.counted(int(n), f"{target} run") for target, n in targets.value_counts().items()]
    return f"the cost of {listed(counts)} is not known, not drawn" if counts else ""


def _weeks(audit: pd.DataFrame) -> tuple[pd.Series, pd.PeriodIndex]:
    """Return the week of each run, and every week from the first to the last."""
    week = local(audit["opened_at"]).tz_localize(None).to_period("W-SUN")
    every = pd.period_range(week.min(), week.max(), freq="W-SUN", name="week")
    return pd.Series(week, index=audit.index, name="week"), every


def _week_names(weeks: pd.PeriodIndex) -> list[str]:
    return [week.start_time.strftime("%G-W%V") for week in weeks]


def _reach(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _short(names: list[str]) -> list[str]:
    """Shorten long names in their middle, or by what all share; never so that two become one."""
    short = [name if len(name) <= _LONGEST_NAME else f"{name[:12]}…{name[-9:]}" for name in names]
    if len(set(short)) == len(set(names)):
        return short
    begin, end = (
        len(os.path.commonprefix(texts))  # noqa: RUF071  (of characters, as wanted)
        for texts in (names, [name[::-1] for name in names])
    )
    begin = max(0, begin - _SHARED_SHOWN)
    own = [f"{'…' * (begin > 0)}{name[begin : len(name) - end]}{'…' * (end > 0)}" for name in names]
    return own if len(set(own)) == len(set(names)) else names
