"""A week, a day and a time are understood alike by every option and parameter that takes one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import SERVICE, account_at, planned
from mmsbatch.cli import app
from mmsbatch.cli.app import COMMANDS
from mmsbatch.sandbox import Sandbox

WEEK, DAY, TIME, ZONED = "2099-W48", "2099-11-25", "2099-11-25 18:00", "2099-11-25T18:00:00+01:00"
SKIPPED, TWICE = "2099-03-29 02:30", "2099-10-25 02:30"
NONSENSE = ["2099-02-30", "2099-W60", "25/11/2099", "tomorrow", "", "2099-11-25 25:00", "2099"]

Given = Callable[[Any], object]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one run."""
    run = tmp_path_factory.mktemp("runs") / "noel"
    with Sandbox() as sandbox:
        mms.send(planned(2), account_at(sandbox), run=run, progress=False)
    return run.parent


def command(*words: object) -> None:
    """Run a command; raise what it says if it is refused."""
    done = CliRunner().invoke(app, [*map(str, words)])
    if done.exit_code == 2:
        raise mms.InputError(done.stderr)


def send(runs: Path, *words: object) -> None:
    contacts = runs / "people.csv"
    contacts.write_text("mobile\n0639980012\n")
    command("send", contacts, "--phone", "mobile", "--campaign", SERVICE, "--again", *words)


def _campaign_file(runs: Path, at: object) -> mms.Campaign:
    path = runs / "c.toml"
    path.write_text(f'name = "c"\nkind = "text"\nmessage = "x"\nsend_at = {json.dumps(at)}\n')
    return mms.load_campaign(path)


SPANS: dict[str, Callable[[Path, Any], object]] = {
    "send(not_after)": lambda runs, at: mms.resume(runs / "noel", "sandbox", not_after=at),
    "audit(since)": lambda runs, at: mms.audit(runs, since=at),
    "audit(until)": lambda runs, at: mms.audit(runs, until=at),
    "connect(since)": lambda runs, at: mms.connect(runs, since=at).close(),
    "send --not-after": lambda runs, at: send(runs, "--run", runs / "new", "--not-after", at),
    "resume --not-after": lambda runs, at: command("resume", runs / "noel", "--not-after", at),
    "audit --since": lambda runs, at: command("audit", runs, "--since", at),
    "audit --until": lambda runs, at: command("audit", runs, "--until", at),
}
"""What takes a day, a week or a time, and means all of it."""

DAYS: dict[str, Callable[[Path, Any], object]] = {
    "run_name(date)": lambda _, day: mms.run_name("weekly-{date:%G-W%V}", day),
    "retention(today)": lambda runs, day: command("retention", runs, "--today", day),
    "send --date": lambda runs, day: send(runs, "--run", runs / "w-{date:%G-W%V}", "--date", day),
}
"""What takes a day; of a week, its Monday."""

TIMES: dict[str, Callable[[Path, Any], object]] = {
    "Campaign(send_at)": lambda _, at: mms.Campaign("c", mms.Text("x"), send_at=at),
    "send_at in a file": _campaign_file,
}
"""What takes a time, since the gateway does."""


def refused(call: Callable[[Path, Any], object], runs: Path, given: object) -> str:
    with pytest.raises(mms.InputError) as told:
        call(runs, given)
    return str(told.value)


@pytest.mark.parametrize("name", SPANS)
def test_a_day_a_week_or_a_time(name: str, runs: Path) -> None:
    """All forms, with blanks around them; the hour that is skipped does not exist."""
    call = SPANS[name]
    for given in (WEEK, DAY, TIME, ZONED, TWICE, f" {DAY} "):
        call(runs, given)
    assert "does not exist in Paris" in refused(call, runs, SKIPPED)
    for given in NONSENSE:
        said = refused(call, runs, given)
        assert "a day, a week or a time that exists" in said
        assert (name.split(" ")[1] if " " in name else name.split("(")[1][:-1]) in said


@pytest.mark.parametrize("name", DAYS)
def test_a_day_or_a_week(name: str, runs: Path) -> None:
    """A time is refused: in which zone it is which day is for the caller to say."""
    call = DAYS[name]
    for given in (WEEK, DAY, f" {DAY} "):
        call(runs, given)
    for given in (TIME, ZONED, SKIPPED, *NONSENSE):
        assert "a day" in refused(call, runs, given) or "no such day" in refused(call, runs, given)


@pytest.mark.parametrize("name", TIMES)
def test_a_time(name: str, runs: Path) -> None:
    """With seconds or without; a day and a week are no times."""
    call = TIMES[name]
    expected = datetime(2099, 11, 25, 18)  # noqa: DTZ001  (Paris, as a campaign keeps it)
    for given in (TIME, f"{TIME}:00", ZONED, TIME.replace(" ", "T")):
        campaign = call(runs, given)
        assert isinstance(campaign, mms.Campaign)
        assert campaign.send_at == expected
    twice = call(runs, TWICE)
    assert isinstance(twice, mms.Campaign)
    assert any("happens twice" in warning for warning in twice.warnings)
    assert "does not exist in Paris" in refused(call, runs, SKIPPED)
    for given in (DAY, WEEK, *NONSENSE):
        assert "send_at" in refused(call, runs, given)
    assert "whole seconds" in refused(call, runs, f"{TIME}:00.5")


def test_values_of_other_types_are_the_same(runs: Path) -> None:
    """What Python and pandas have for a day and a moment."""
    day, moment = date(2099, 11, 25), datetime(2099, 11, 25, 17, tzinfo=UTC)
    for given in (day, moment, pd.Timestamp(moment)):
        assert mms.audit(runs, since=given).empty
        assert len(mms.audit(runs, until=given)) == len(mms.audit(runs))
    assert mms.run_name("weekly-{date:%G-W%V}", day) == "weekly-2099-W48"
    assert mms.Campaign("c", mms.Text("x"), send_at=moment).send_at == datetime(2099, 11, 25, 18)  # noqa: DTZ001


def test_no_option_that_takes_one_is_missing_here() -> None:
    """By its help, which names a day or a time."""
    tried = {name.split(" ")[1] for name in (*SPANS, *DAYS) if " " in name} | {"--today"}
    for name in COMMANDS:
        told = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "400"}).stdout
        taking = {
            line.split()[0]
            for line in told.splitlines()
            if line.strip().startswith("--")
            and "20" in line
            and "-" in line
            and "W%V" not in line
            and ("YYYY-MM-DD" in line or "2026-" in line)
        }
        assert taking <= tried, name
