"""Plots: words, units and figures are written in them, and nothing depends on colour alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.drawing import RANKED, REST, Diagram
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.sandbox import Sandbox, SandboxOptions

WORDS = list(map(str, Outcome))
NINE = pd.Timestamp("2026-11-23 08:00:00", tz="UTC")
"""Nine o'clock in Paris, a Monday."""


def texts(figure: Figure) -> str:
    """Return every text that is drawn."""
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def results(outcomes: dict[str, int], request: int = 1) -> pd.DataFrame:
    """Make results of one request: rows by outcome."""
    words = [word for word, rows in outcomes.items() for _ in range(rows)]
    sent = [word in {"accepted", "in_doubt", "unreported", "scheduled"} for word in words]
    times = pd.Series([NINE if one else pd.NaT for one in sent], dtype="datetime64[ms, UTC]")
    return pd.DataFrame(
        {
            "mms_outcome": pd.Categorical(words, categories=WORDS),
            "mms_request": pd.array([request] * len(words), dtype="Int32"),
            "mms_sent_at": times,
        }
    )


def attempts(rows: int) -> pd.DataFrame:
    """Make attempts a minute apart; the first takes 100 ms, each next 100 ms more."""
    minutes = pd.to_timedelta(range(rows), unit="min")
    sending = pd.Series(NINE + minutes)
    taken = pd.to_timedelta([100 * (n + 1) for n in range(rows)], unit="ms")
    return pd.DataFrame(
        {
            "request": pd.array(range(1, rows + 1), dtype="Int32"),
            "sending_at": sending.dt.as_unit("ms"),
            "ended_at": (sending + taken).dt.as_unit("ms"),
            "credits": pd.array([99_800 - 200 * n for n in range(rows)], dtype="Float64"),
        }
    )


def audited(*opened_at: str, **outcomes: int) -> pd.DataFrame:
    """Make an audit of runs that came to the same."""
    rows = [
        {"target": "live", "opened_at": pd.Timestamp(at, tz="UTC"), **dict.fromkeys(WORDS, 0)}
        | outcomes
        for at in opened_at
    ]
    frame = pd.DataFrame(rows, columns=["target", "opened_at", *WORDS])
    frame["opened_at"] = pd.to_datetime(frame["opened_at"], utc=True)
    return frame


def test_problems_name_rows_and_shares() -> None:
    """Worst first, under what can be sent; of a prepared frame, a plan and results alike."""
    numbers = ["0639980001"] * 3 + ["", "0139980001", "0139980002", "0139980003"]
    plan = planned(numbers=numbers)
    drawn = texts(mms.plots.problems(plan))
    assert "Rows by problem: 1 of 7 rows can be sent" in drawn
    assert "can be sent" in drawn
    assert " 3 rows (42.9%)" in drawn
    assert drawn.index("landline") < drawn.index("duplicate") < drawn.index("missing")
    assert drawn == texts(mms.plots.problems(plan.rows))


def test_outcomes_name_rows_with_thousands_apart() -> None:
    """A word as people say it, a count with its unit and its share."""
    drawn = texts(mms.plots.outcomes(results({"accepted": 1500, "in_doubt": 500})))
    assert "Rows by outcome: 2,000 rows" in drawn
    assert " 1,500 rows (75.0%)" in drawn
    assert "in doubt" in drawn
    assert "rejected" not in drawn


def test_a_real_run_can_be_drawn(run: Path) -> None:
    """All six, from the very frames that a run gives."""
    options = SandboxOptions(blacklist=frozenset({"0639980007"}))
    with Sandbox(options=options) as sandbox:
        outcomes = mms.send(planned(500), account_at(sandbox), run=run)
    requests = pd.read_parquet(run / "requests.parquet")
    assert "499 rows (99.8%)" in texts(mms.plots.outcomes(outcomes))
    assert "500 of 500 rows can be sent" in texts(mms.plots.problems(outcomes))
    assert "rejected\n1 row" in texts(mms.plots.outcomes_over_time(outcomes, requests))
    assert "Latency of 3 attempts" in texts(mms.plots.latency(requests))
    assert "99,501 after the last answer" in texts(mms.plots.credits(requests))
    assert "1 sandbox run" in texts(mms.plots.runs_over_weeks(mms.audit(run)))


def test_outcomes_over_time_have_one_mark_a_request() -> None:
    """In each lane as many marks as requests have such rows; what has no time is counted."""
    frame = pd.concat(
        [
            results({"accepted": 190, "rejected": 10}, 1),
            results({"accepted": 200}, 2),
            results({"refused": 200}, 3),
        ],
        ignore_index=True,
    )
    figure = mms.plots.outcomes_over_time(frame)
    marks = [len(np.asarray(lane.get_offsets())) for lane in figure.axes[0].collections]
    assert [2, 1] == marks
    drawn = texts(figure)
    assert "accepted\n390 rows" in drawn
    assert "200 rows not drawn: not sent" in drawn
    assert "Europe/Paris" in drawn


def test_refused_requests_have_a_time_where_attempts_are_given() -> None:
    """Results say when rows were sent; only attempts say when they were refused."""
    frame = results({"refused": 200}, 1)
    drawn = texts(mms.plots.outcomes_over_time(frame, attempts(1)))
    assert "refused\n200 rows" in drawn
    assert "not drawn" not in drawn


def test_latency_is_in_milliseconds() -> None:
    """Of 100, 200 … 2,000 ms; an attempt without an end is said to be missing."""
    frame = attempts(20)
    frame.loc[20] = frame.loc[19]
    frame.loc[20, "ended_at"] = pd.NaT
    drawn = texts(mms.plots.latency(frame))
    assert "median 1,050 ms" in drawn
    assert "95% within 1,905 ms" in drawn
    assert "milliseconds (ms)" in drawn
    assert "1 attempt without an end, not drawn" in drawn


def test_credits_name_the_first_and_the_last_amount() -> None:
    """In the order of the answers, whatever the order of the rows."""
    drawn = texts(mms.plots.credits(attempts(3).iloc[::-1]))
    assert "99,800 credits" in drawn
    assert "Credits left: 99,400 after the last answer" in drawn


def test_weeks_are_iso_weeks_of_paris_and_none_is_left_out() -> None:
    """Sunday 23:30 UTC is Monday in Paris; a week without a run is an empty column."""
    frame = audited("2026-11-22 23:30", "2026-12-07 08:00", accepted=1000, rejected=10)
    figure = mms.plots.runs_over_weeks(frame)
    drawn = texts(figure)
    assert ["2026-W48", "2026-W49", "2026-W50"] == [
        label.get_text() for label in figure.axes[0].get_xticklabels()
    ]
    assert "1,010" in drawn
    assert "2 live runs" in drawn


def test_a_year_of_weeks_stays_readable() -> None:
    """Not every week is named."""
    weeks = pd.date_range("2026-01-05", periods=60, freq="7D").strftime("%Y-%m-%d")
    figure = mms.plots.runs_over_weeks(audited(*weeks, accepted=10))
    assert 12 == len(figure.axes[0].get_xticks())


def test_no_two_outcomes_look_alike_in_black_and_white() -> None:
    """Each has a hatch or a fill of its own in bars, and a marker of its own among marks."""
    bars = mms.plots.outcomes(results(dict.fromkeys(WORDS, 5))).axes[0].patches
    filled = [bar for bar in bars if bar.get_fill()]
    looks = {(bar.get_hatch(), bar.get_hatch() or bar.get_facecolor()) for bar in filled}
    assert len(WORDS) == len(filled) == len(looks)
    lanes = mms.plots.outcomes_over_time(
        pd.concat([results({word: 5}, n) for n, word in enumerate(WORDS, 1)]), attempts(10)
    )
    shapes = {str(lane.get_paths()[0]) for lane in lanes.axes[0].collections}
    assert len(WORDS) == len(shapes)


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: mms.plots.outcomes(results({})), "no rows: the results are empty"),
        (
            lambda: mms.plots.problems(
                pd.DataFrame({"mms_problem": [], "mms_repair": []}, dtype="str")
            ),
            "no rows: the frame is empty",
        ),
        (lambda: mms.plots.outcomes_over_time(results({})), "no request has left yet"),
        (lambda: mms.plots.latency(attempts(0)), "no attempt has ended yet"),
        (lambda: mms.plots.credits(attempts(0)), "no answer has told the credits yet"),
        (lambda: mms.plots.runs_over_weeks(audited()), "no runs"),
        (lambda: mms.plots.outcomes_by_hour(results({})), "no request has left yet"),
    ],
    ids=[
        "outcomes",
        "problems",
        "over_time",
        "latency",
        "credits",
        "weeks",
        "hours",
    ],
)
def test_an_empty_frame_gives_a_figure_that_says_so(draw: Callable[[], Diagram], said: str) -> None:
    """A notebook that runs every week meets a first week."""
    figure = draw()
    assert said in texts(figure)
    assert figure._repr_png_()[0].startswith(b"\x89PNG")


def test_a_frame_of_another_kind_is_refused_by_its_column() -> None:
    """With what to give instead."""
    with pytest.raises(mms.InputError, match=r"plots\.latency needs the column 'sending_at'"):
        mms.plots.latency(results({"accepted": 1}))


def test_no_figure_is_kept_and_nothing_needs_pyplot() -> None:
    """In a process of its own: pyplot would choose a backend and keep every figure."""
    code = (
        "import sys, mmsbatch as mms; assert 'matplotlib' not in sys.modules;"
        "import pandas as pd;"
        "f = mms.plots.outcomes(pd.DataFrame({'mms_outcome': pd.Categorical(['accepted'])}));"
        "f._repr_png_(); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout


def test_without_matplotlib_the_error_says_what_to_install() -> None:
    """The extra has it."""
    code = (
        "import sys; sys.modules['matplotlib'] = None; import mmsbatch as mms, pandas as pd\n"
        "try: mms.plots.outcomes(pd.DataFrame())\n"
        "except mms.InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"`{sys.executable} -m pip install matplotlib`" in done.stdout


# ----- hours -------------------------------------------------------------------------------------


def left_at(*moments: str, outcome: str = "accepted") -> pd.DataFrame:
    """Make results of rows that left at these moments (UTC)."""
    frame = results({outcome: len(moments)})
    frame["mms_sent_at"] = pd.to_datetime(list(moments), utc=True).as_unit("ms")
    return frame


def ticks(figure: Figure) -> list[str]:
    """Return the names under the columns, each on one line."""
    return [" ".join(label.get_text().split()) for label in figure.axes[-1].get_xticklabels()]


def heights(figure: Figure, panel: int = 0) -> dict[str, list[float]]:
    """Return how high each part of each column is."""
    return {
        str(part.get_label()): [float(bar.get_height()) for bar in part]
        for part in figure.axes[panel].containers
        if not str(part.get_label()).startswith("_")
    }


def test_hours_are_those_of_paris_and_none_is_left_out() -> None:
    """Summer and winter time; an hour in which nothing left is an empty column."""
    frame = pd.concat(
        [
            left_at("2026-11-23 08:00", "2026-11-23 08:59"),
            left_at("2026-11-23 10:00", outcome="in_doubt"),
            results({"invalid": 7}),
        ],
        ignore_index=True,
    )
    figure = mms.plots.outcomes_by_hour(frame)
    assert ["09:00 23 Nov 2026", "10:00", "11:00"] == ticks(figure)
    assert {"accepted": [2, 0, 0], "in doubt": [0, 0, 1]} == heights(figure)
    assert "7 rows not drawn: not sent" in texts(figure)
    assert "10:00 23 Jun 2026" == ticks(mms.plots.outcomes_by_hour(left_at("2026-06-23 08:00")))[0]


def test_the_hour_that_occurs_twice_is_two_columns() -> None:
    """Clocks are put back at three o'clock in summer, which is two o'clock in winter."""
    figure = mms.plots.outcomes_by_hour(left_at("2026-10-25 00:30", "2026-10-25 01:30"))
    assert ["02:00 25 Oct 2026 CEST", "02:00 25 Oct 2026 CET"] == ticks(figure)
    assert {"accepted": [1, 1]} == heights(figure)


@pytest.mark.parametrize(
    ("last", "unit", "columns"),
    [
        ("2026-11-04 07:00", "hour", 72),
        ("2026-11-04 08:00", "day", 4),
        ("2027-01-31 08:00", "day", 92),
        ("2027-02-01 08:00", "ISO week", 15),
    ],
)
def test_a_long_span_is_drawn_by_day_or_week(last: str, unit: str, columns: int) -> None:
    """A run that was gone on with months later; the diagram says which."""
    figure = mms.plots.outcomes_by_hour(left_at("2026-11-01 08:00", last))
    assert columns == len(heights(figure)["accepted"])
    assert 2 == sum(heights(figure)["accepted"])
    assert f"{unit} in which the request left (Europe/Paris time)" in texts(figure)


def test_refused_rows_are_in_the_hour_of_their_attempt(run: Path) -> None:
    """From a run's folder, or with its requests; results alone have no time for them."""
    with Sandbox(faults={1: "status:102"}) as sandbox:
        with pytest.raises(mms.RunStopped):
            mms.send(planned(250), account_at(sandbox), run=run)
    alone = mms.plots.outcomes_by_hour(mms.results(run))
    assert "no request has left yet" in texts(alone)
    assert {"refused": [200.0]} == heights(mms.plots.outcomes_by_hour(run))


# ----- axes --------------------------------------------------------------------------------------


def test_the_axis_of_credits_shows_the_change_and_says_where_it_begins() -> None:
    """A campaign spends a small share of an account."""
    figure = mms.plots.credits(attempts(3))
    low, high = figure.axes[0].get_ylim()
    assert (99_800 - 99_400) > (high - low) / 2
    assert f"The axis of credits begins at {low:,.10g}, not at 0." in texts(figure)
    spent = attempts(3).assign(credits=[900.0, 500.0, 100.0])
    figure = mms.plots.credits(spent)
    assert 0 == figure.axes[0].get_ylim()[0]
    assert "not at 0" not in texts(figure)


def test_a_single_moment_has_no_years_around_it() -> None:
    """Its axis is a minute long."""
    figure = mms.plots.credits(attempts(1))
    begin, end = figure.axes[0].get_xlim()
    assert 1 / 24 / 60 == pytest.approx(end - begin)


def test_ranked_words_do_not_look_alike_in_black_and_white() -> None:
    """Each has a hatch of its own; two have none, and one of these is white."""
    looks = {(style.hatch, style.colour == "#FFFFFF") for style in (*RANKED, REST)}
    assert len(RANKED) + 1 == len(looks)


def test_totals_are_written_only_where_they_fit() -> None:
    """No two of them overlap, however many columns there are."""
    for columns in (1, 8, 20, 45, 46, 120):
        weeks = pd.date_range("2026-01-05", periods=columns, freq="7D").strftime("%Y-%m-%d")
        figure = mms.plots.runs_over_weeks(audited(*weeks, accepted=123_456))
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.axes[0].texts]
        assert all(a.x1 <= b.x0 for a, b in pairwise(boxes)), columns
        assert (columns if columns <= 45 else 0) == len(boxes)
        assert all(box.y1 <= figure.axes[0].get_window_extent().y1 for box in boxes)


def test_times_without_their_zone_are_refused() -> None:
    """As a CSV gives them back."""
    frame = attempts(2).astype({"sending_at": "str"})
    with pytest.raises(mms.InputError, match="times with their zone in the column 'sending_at'"):
        mms.plots.latency(frame)
