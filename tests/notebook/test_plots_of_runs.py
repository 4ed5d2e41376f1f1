"""Plots over many runs: what they cost week by week, and the problems of their exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from test_plots import NINE, audited, heights, texts, ticks

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.drawing import Diagram
from mmsbatch.sandbox import Sandbox


def costs(*runs: tuple[str, str, str, float | None]) -> pd.DataFrame:
    """Make an audit of runs: (opened at, target, campaign, credits spent)."""
    frame = audited(*(at for at, *_ in runs))
    frame["target"] = [target for _, target, *_ in runs]
    frame["campaign"] = [campaign for *_, campaign, _ in runs]
    frame["credits_spent"] = pd.array([spent for *_, spent in runs], dtype="Float64")
    return frame


def test_costs_are_by_campaign_and_week_live_and_sandbox_apart() -> None:
    """Sunday 23:30 UTC is Monday in Paris; each column has what it comes to together."""
    figure = mms.plots.cost_over_weeks(
        costs(
            ("2026-11-22 22:30", "live", "noel_2026", 1200),
            ("2026-11-22 23:30", "live", "noel_2026", 300.5),
            ("2026-11-24 08:00", "live", "soldes", 100),
            ("2026-11-24 08:00", "sandbox", "soldes", 7),
        )
    )
    assert {"noel_2026": [1200, 300.5], "soldes": [0, 100]} == heights(figure, 0)
    assert {"soldes": [0, 7]} == heights(figure, 1)
    assert ["2026-W47", "2026-W48"] == ticks(figure)
    assert "400.5" in texts(figure)
    assert "1,600.5 by 3 live runs and 7 by 1 sandbox run" in texts(figure)


def test_a_cost_that_is_not_known_is_not_0() -> None:
    """Its week has a question mark, and it is counted below."""
    figure = mms.plots.cost_over_weeks(
        costs(
            ("2026-11-23 08:00", "live", "noel", 1200),
            ("2026-11-24 08:00", "live", "noel", None),
            ("2026-12-01 08:00", "live", "noel", None),
            ("2026-12-01 08:00", "sandbox", "noel", None),
        )
    )
    assert 1 == len(figure.axes)
    drawn = texts(figure).splitlines()
    assert {"1,200 + ?", "?"} <= set(drawn)
    left_out = "the cost of 2 live runs and 1 sandbox run is not known, not drawn"
    assert f"?: {left_out}" in drawn
    assert left_out in figure.alt


def test_most_campaigns_are_drawn_together() -> None:
    """The five that cost most have a part of their own."""
    figure = mms.plots.cost_over_weeks(
        costs(*(("2026-11-23 08:00", "live", f"c{n}", 10 + n) for n in range(8)))
    )
    parts = heights(figure)
    assert ["c7", "c6", "c5", "c4", "c3", "other campaigns"] == list(parts)
    assert [10 + 11 + 12] == parts["other campaigns"]


# ----- problems ----------------------------------------------------------------------------------


def test_problems_are_shares_of_each_runs_rows_in_the_order_of_opening(tmp_path: Path) -> None:
    """Of real runs, of which the later one has the worse export."""
    with Sandbox() as sandbox:
        for name, numbers in (
            ("z-first", ["0639980001", "0639980002", "0639980003", ""]),
            ("a-second", ["0639980004", "0139980001", "0139980002", ""]),
        ):
            plan = planned(numbers=numbers)
            mms.send(plan, account_at(sandbox), run=tmp_path / name, progress=False)
    figure = mms.plots.problems_over_time(mms.connect(tmp_path))
    assert ["z-first", "a-second"] == ticks(figure)
    assert {"landline": [0, 50], "missing": [25, 25]} == heights(figure)
    assert "25.0% in the first, 75.0% in the last" in texts(figure)
    assert "25.0% landline and 25.0% missing" in figure.alt


def mixed(*runs: tuple[str, dict[str | None, int]]) -> duckdb.DuckDBPyConnection:
    """Make the view of runs a day apart: rows by problem."""
    rows = [
        (name, name, "live", NINE + pd.Timedelta(days=day), problem)
        for day, (name, counts) in enumerate(runs)
        for problem, count in counts.items()
        for _ in range(count)
    ]
    columns = ["run", "path", "target", "opened_at", "mms_problem"]
    frame = pd.DataFrame(rows, columns=columns).astype({"mms_problem": "str"})
    connection = duckdb.connect()
    connection.register("results", pa.Table.from_pandas(frame, preserve_index=False))
    return connection


def test_rare_problems_are_drawn_together() -> None:
    """A run without problems is a column of 0 %, not one left out."""
    words = ["landline", "missing", "malformed", "foreign", "m2m", "premium", "duplicate"]
    worse: dict[str | None, int] = {word: 20 - n for n, word in enumerate(words)}
    figure = mms.plots.problems_over_time(
        mixed(("clean", {None: 50}), ("worse", {**worse, None: 200 - sum(worse.values())}))
    )
    parts = heights(figure)
    assert [*words[:5], "other problems"] == list(parts)
    assert pytest.approx([0, (15 + 14) / 2]) == parts["other problems"]
    assert "0.0% in the first" in texts(figure)


def test_names_of_runs_stay_apart_when_they_are_shortened() -> None:
    """What tells long names apart may be in their middle."""
    names = [f"weekly-2026-W{week}-every-customer-of-the-shop" for week in (48, 49)]
    drawn = ticks(mms.plots.problems_over_time(mixed((names[0], {None: 1}), (names[1], {None: 1}))))
    assert 2 == len(set(drawn))
    assert all(f"W{week}" in name for week, name in zip((48, 49), drawn, strict=True))
    assert max(map(len, drawn)) < len(names[0])


@pytest.mark.parametrize("given", ["data/runs", pd.DataFrame()], ids=["path", "frame"])
def test_runs_for_problems_are_given_by_their_connection(given: Any) -> None:
    """With the call to write instead."""
    with pytest.raises(mms.InputError, match=r"problems_over_time\(mms\.connect\("):
        mms.plots.problems_over_time(given)


def test_another_connection_is_refused() -> None:
    """One without the views, and one that is closed."""
    other = duckdb.connect()
    with pytest.raises(mms.InputError, match=r"results does not exist.*give it what mms\.connect"):
        mms.plots.problems_over_time(other)
    other.close()
    with pytest.raises(mms.InputError, match=r"closed.*give it what mms\.connect"):
        mms.plots.problems_over_time(other)


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: mms.plots.cost_over_weeks(costs()), "no runs"),
        (
            lambda: mms.plots.cost_over_weeks(costs(("2026-11-23", "live", "noel", None))),
            "no run's cost is known",
        ),
        (lambda: mms.plots.problems_over_time(mixed()), "no runs"),
    ],
    ids=["cost", "unknown_cost", "problems"],
)
def test_nothing_to_draw_is_said(draw: Callable[[], Diagram], said: str) -> None:
    """A notebook that runs every week meets a first week."""
    assert said in texts(draw())
