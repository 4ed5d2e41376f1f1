"""When messages may leave: every minute of the days on which clocks change, and every holiday."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from mmsbatch.errors import InputError
from mmsbatch.hours import OpeningHours, read_hours


def hours(name: str = "default") -> OpeningHours:
    found = read_hours(name, None, live=True)
    assert found is not None
    return found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("day", "before", "after"), [("2026-03-29", 1, 2), ("2026-10-25", 2, 1)])
def test_every_minute_of_the_days_of_clock_change(day: str, before: int, after: int) -> None:
    """Sundays, so closed; with the Saturday before and the Monday behind, by hours told in UTC."""
    sunday = date.fromisoformat(day)
    saturday, monday = sunday - timedelta(days=1), sunday + timedelta(days=1)
    first = datetime(saturday.year, saturday.month, saturday.day, tzinfo=UTC)
    for minute in range(3 * 24 * 60):
        now = first + timedelta(minutes=minute)
        for name, closes in (("default", 20), ("operator", 22)):
            in_hours = {
                saturday: 8 - before <= now.hour < closes - before,
                monday: 8 - after <= now.hour < closes - after,
            }
            assert hours(name).is_open(now) is in_hours.get(now.date(), False), (now, name)
    opening = utc(f"{monday}T08:00") - timedelta(hours=after)
    for minute in range(24 * 60):
        assert hours().next_opening(utc(f"{day}T00:00") + timedelta(minutes=minute)) == opening


HOLIDAYS = {
    2026: "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25",
    2027: "01-01 03-29 05-01 05-06 05-08 05-17 07-14 08-15 11-01 11-11 12-25",
}


@pytest.mark.parametrize("year", HOLIDAYS)
def test_the_eleven_holidays_are_closed_and_no_other_day(year: int) -> None:
    closed = {date.fromisoformat(f"{year}-{day}") for day in HOLIDAYS[year].split()}
    regional = {2026: {"2026-04-03", "2026-12-26"}, 2027: {"2027-03-26", "2027-12-26"}}[year]
    also = {date.fromisoformat(day) for day in regional}
    day = date(year, 1, 1)
    while day.year == year:
        noon = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
        open_ = day.weekday() != 6 and day not in closed
        assert hours().is_open(noon) is open_, day
        assert hours("default+alsace-moselle").is_open(noon) is (open_ and day not in also), day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-11-27T10:00", "2026-11-27T10:00"),  # it is open
        ("2026-11-27T06:59:59", "2026-11-27T07:00"),
        ("2026-11-27T19:00", "2026-11-28T07:00"),
        ("2026-11-28T19:00", "2026-11-30T07:00"),  # over a Sunday
        ("2026-04-30T18:00", "2026-05-02T06:00"),  # over 1 May
        ("2027-12-24T19:30", "2027-12-27T07:00"),  # Christmas on a Saturday
    ],
)
def test_the_next_opening(now: str, opening: str) -> None:
    assert hours().next_opening(utc(now)) == utc(opening)
    if now != opening:
        said = hours().why_closed(utc(now))
        assert f"{utc(opening):%A %Y-%m-%d at 08:00}" in said


def test_who_is_written_to_decides_unless_somebody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MMSBATCH_HOURS")
    assert read_hours(None, None, live=True) == hours("default")
    assert read_hours(None, "commercial", live=True) == hours("default")
    assert read_hours(None, "service", live=True) is None
    assert read_hours(None, "commercial", live=False) is None
    assert read_hours("operator", "commercial", live=False) == hours("operator")
    monkeypatch.setenv("MMSBATCH_HOURS", "operator")
    assert read_hours(None, None, live=True) == hours("operator")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("operater", "found 'operater'. Did you mean 'operator'"),
        ("default+corse", "default\\+alsace-moselle"),
        ("service", 'purpose = "service" in the campaign file'),
    ],
)
def test_hours_that_are_none_are_refused(given: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_hours(given, "commercial", live=True)
