"""A run's name from a template and a date that is passed in: one week, one run, once."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import mmsbatch as mms
from conftest import SERVICE, account_at, fictional, planned
from mmsbatch.cli import app
from mmsbatch.runs.names import run_path
from mmsbatch.sandbox import Sandbox

WEEKLY = "weekly-{date:%G-W%V}"


@pytest.mark.parametrize(
    ("template", "day", "name"),
    [
        (WEEKLY, "2026-11-23", "weekly-2026-W48"),
        (WEEKLY, date(2026, 11, 29), "weekly-2026-W48"),
        (WEEKLY, "2026-W48", "weekly-2026-W48"),
        ("day-{date}", "2026-W48", "day-2026-11-23"),
        (WEEKLY, "2027-01-03", "weekly-2026-W53"),
        ("{date:%Y-%m} fidélité", "2026-11-23", "2026-11 fidélité"),
        ("day-{date}", "2026-11-23", "day-2026-11-23"),
        ("{date:%Y}.{date:%Y-%j}", "2026-11-23", "2026.2026-327"),
        ("noel-2026", None, "noel-2026"),
    ],
)
def test_a_template_and_a_date_give_a_name(
    template: str, day: date | str | None, name: str
) -> None:
    """ISO weeks, months, days; a name without a place for a date is itself."""
    assert name == mms.run_name(template, day)


@pytest.mark.parametrize(
    ("template", "day", "said"),
    [
        (WEEKLY, None, r"needs a date: give one, such as date='2026-11-23'"),
        ("noel-2026", "2026-11-23", r"has no place for it: write 'weekly-\{date"),
        ("weekly-{dat:%G-W%V}", "2026-11-23", r"Did you mean 'date'\?"),
        ("weekly-{date.year}", "2026-11-23", r"only \{date\} and .* found \{date.year\}"),
        ("weekly-{date!r}", "2026-11-23", r"only \{date\}"),
        ("weekly-{}", "2026-11-23", r"only \{date\}"),
        ("weekly-{date:%G-W%V", "2026-11-23", "is no template"),
        ("weekly-{date:%Y-W%V}", "2026-11-23", "%V without %G"),
        ("weekly-{date:%Y-%G-W%V}", "2026-11-23", "two names and be sent twice"),
        ("weekly-W{date:%V}", "2026-11-23", "%V without %G"),
        ("monthly-{date:%G-%m}", "2026-11-23", "%G without %V"),
        ("monthly-{date:%m}", "2026-11-23", "%m without %Y"),
        ("daily-{date:%Y-%d}", "2026-11-23", "%d without %m"),
        ("{date:%Y-%m-%d %H}", "2026-11-23", "%H is not one of"),
        ("{date:week}", "2026-11-23", "names no part of the date"),
        (WEEKLY, "23/11/2026", "YYYY-MM-DD"),
        (WEEKLY, "2026-W48-1", "YYYY-MM-DD"),
        (WEEKLY, "2026-02-30", "no such day"),
        (WEEKLY, "", "YYYY-MM-DD"),
        (WEEKLY, datetime(2026, 11, 23, 23, 30, tzinfo=UTC), "YYYY-MM-DD"),
        ("", None, "a run's name is a folder's"),
        ("..", None, "a run's name is a folder's"),
        (".hidden", None, "a run's name is a folder's"),
        ("a/b", None, "a run's name is a folder's"),
        ("a\nb", None, "a run's name is a folder's"),
        ("-rf", None, "a run's name is a folder's"),
        ("{{}}", None, "a run's name is a folder's"),
        ("{date:%Y/%m}", "2026-11-23", "a run's name is a folder's"),
    ],
)
def test_what_gives_no_good_name_is_refused(
    template: str, day: date | str | None, said: str
) -> None:
    """The message says what to write instead."""
    with pytest.raises(mms.InputError, match=said):
        mms.run_name(template, day)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_days_have_the_same_name_exactly_when_they_are_of_the_same_week(day: date) -> None:
    """Monday begins a new name, and nothing else does: New Year does not."""
    same = mms.run_name(WEEKLY, day) == mms.run_name(WEEKLY, day + timedelta(days=1))
    assert (day.weekday() != 6) == same


def test_a_path_takes_the_date_in_its_last_part() -> None:
    """A path without a date is left alone, whatever it looks like."""
    assert Path("runs/w-2026-W48") == run_path(Path("runs/w-{date:%G-W%V}"), "2026-11-23")
    assert Path("../runs/.x") == run_path(Path("../runs/.x"))
    with pytest.raises(mms.InputError, match="only in the last part"):
        run_path(Path("runs/{date:%Y}/w-{date:%G-W%V}"), "2026-11-23")


def test_a_week_is_sent_once_and_the_next_week_again(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command twice in a week is one run; a template without a date sends nothing."""
    monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
    contacts = tmp_path / "export.csv"
    contacts.write_text("\n".join(["id;mobile", *(f"1;{number}" for number in fictional(3))]))

    def send(*words: str) -> Result:
        run = str(tmp_path / "runs" / WEEKLY)
        campaign = str(SERVICE)
        line = ["send", str(contacts), "--campaign", campaign, "--run", run, "--json", *words]
        return CliRunner().invoke(app, line)

    assert (2, ()) == (send().exit_code, sandbox.requests)
    days = ("2026-11-23", "2026-11-25", "2026-11-30")
    done = [json.loads(send("--date", day).stdout)["run"] for day in days]
    assert ["weekly-2026-W48", "weekly-2026-W48", "weekly-2026-W49"] == done
    assert 2 == len(sandbox.requests)


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (f"runs/{WEEKLY}", f"run='runs/' + mms.run_name({WEEKLY!r}, '2026-11-23')"),
        ("runs/{date}", "run='runs/' + mms.run_name('{date}', '2026-11-23')"),
        ("runs/{week}", f"run='runs/' + mms.run_name({WEEKLY!r}, '2026-11-23')"),
        ("runs/{date:%Y}/noel", f"run='data/runs/' + mms.run_name({WEEKLY!r}, '2026-11-23')"),
        ("runs/{date:%Y/%m}", f"run='data/runs/' + mms.run_name({WEEKLY!r}, '2026-11-23')"),
    ],
)
def test_a_template_is_no_run_in_python(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str, told: str
) -> None:
    """Else all weeks would be one run; the call that is told makes the run of one week."""
    monkeypatch.chdir(tmp_path)
    account = account_at(sandbox)
    with pytest.raises(mms.InputError) as refused:
        mms.send(planned(2), account, run=run)
    assert told in str(refused.value)
    assert [] == list(tmp_path.iterdir())
    assert () == sandbox.requests
    place = eval(told.removeprefix("run="), {"mms": mms})  # noqa: S307  (pasted, as a person does)
    mms.send(planned(2), account, run=place)
    assert 1 == len(sandbox.requests)
