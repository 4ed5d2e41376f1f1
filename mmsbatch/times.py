"""Paris time: days, moments, wall time, and the last moment at which something may leave."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

from mmsbatch import hints, spec
from mmsbatch.errors import BrokenRules, InputError, shown

PARIS: Final = ZoneInfo(spec.TIME_ZONE)


def instant(wall: datetime) -> datetime:
    """Return the instant (UTC) of a Paris wall time; of the repeated autumn hour, the first."""
    return wall.replace(tzinfo=PARIS, fold=0).astimezone(UTC)


def happens_twice(wall: datetime) -> bool:
    """Whether a Paris wall time is in the autumn hour that is repeated."""
    first, second = (wall.replace(tzinfo=PARIS, fold=fold).utcoffset() for fold in (0, 1))
    return first != second


def _read_time(given: object) -> datetime:
    """Read what may be given as a time; `BrokenRules` if it is none."""
    if isinstance(given, str):
        try:
            read = _unwritten(given)
        except ValueError:
            raise BrokenRules(
                f"no such day or time in the calendar (§1.2), or not written as {_TIME_FORM}; "
                f"found {shown(given)}."
            ) from None
        if not isinstance(read, datetime):
            raise BrokenRules(f"a time is needed (§1.2), as {_TIME_FORM}; found {shown(given)}.")
        given = read
    if given is pd.NaT or not isinstance(given, datetime):
        raise BrokenRules(
            f"a datetime, a text such as {_TIME_FORM} or None is needed (§1.2); "
            f"found {shown(given)}."
        )
    if given.microsecond or getattr(given, "nanosecond", 0):
        raise BrokenRules(
            f"whole seconds are needed (§1.2); found {given.isoformat(sep=' ')}. Round it."
        )
    return given.to_pydatetime() if isinstance(given, pd.Timestamp) else given


def wall_time(given: object) -> datetime:
    """Read a time as Paris wall time, without a zone; `BrokenRules` if there is no such time."""
    time = _read_time(given)
    if time.utcoffset() is not None:
        try:
            time = time.astimezone(PARIS)
        except OverflowError:
            raise BrokenRules(f"a year from 1 to 9999 is needed (§1.2); found {time}.") from None
        return time.replace(tzinfo=None, fold=0)
    wall = datetime.combine(time.date(), time.time().replace(tzinfo=None, fold=0))
    try:
        back = instant(wall).astimezone(PARIS).replace(tzinfo=None)
    except OverflowError:
        raise BrokenRules(f"a year from 1 to 9999 is needed (§1.2); found {wall}.") from None
    if back != wall:
        raise BrokenRules(
            f"{wall} does not exist in Paris, where the clocks go forward over it (§1.2). "
            f"Give a time from {back.replace(minute=0, second=0)} on."
        )
    return wall


When = datetime | date | str
"""A moment, a day or a week: ``2026-11-25 18:00``, ``2026-11-25``, ``2026-W48``; Paris time where
no zone is given."""

NotAfter = When | None

_WRITTEN: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?P<time>[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    r"|(?P<week>[0-9]{4}-W[0-9]{2})"
)
_TIME_FORM: Final = "'2026-11-25 18:00'"
_WEEK: Final = timedelta(days=7)
_TICK: Final = timedelta(microseconds=1)
_FORMS: Final = (
    "2026-11-25 (all of it), 2026-W48 (Monday to Sunday) or '2026-11-25 18:00' (Paris time)"
)


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Span:
    """What somebody means who gives a moment, a day or a week: both ends belong to it (UTC)."""

    first: datetime
    last: datetime


def in_paris(at: datetime) -> str:
    """Write a moment for a person: Paris time, whole seconds."""
    return f"{at.astimezone(PARIS):%Y-%m-%d %H:%M:%S} (Paris)"


def duration(seconds: float) -> str:
    """Write how long something takes, for a person."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def span(given: When, option: str) -> Span:
    """Read a moment, a day or a week, in Paris time if it has no zone.

    Parameters
    ----------
    given
        A moment is its own first and last; a day runs to its end, a week from Monday to Sunday.
    option
        What the error calls it.

    Raises
    ------
    InputError
        It is none of these, or does not exist in the calendar or on the clock.
    """
    try:
        return _span(_unwritten(given))
    except (ValueError, OverflowError) as error:
        reason = f" ({error})" if isinstance(error, BrokenRules) else ""
        raise InputError(
            f"{hints.option(option)} must be a day, a week or a time that exists, such as "
            f"{_FORMS}; found {shown(given)}{reason}"
        ) from None


def day(given: date | str, option: str) -> date:
    """Read a day; of a week, its Monday.

    Raises
    ------
    InputError
        It is no day: a moment neither, for in which zone it is which day is for the caller to say.
    """
    named = hints.option(option)
    try:
        read = _unwritten(given)
    except ValueError:
        if isinstance(given, str) and _WRITTEN.fullmatch(given.strip()):
            raise InputError(f"{named}: no such day in the calendar; found {given!r}") from None
        read = None
    if isinstance(read, _Week):
        return read.monday
    if isinstance(read, date) and not isinstance(read, datetime):
        return read
    raise InputError(
        f"{named}: a day written YYYY-MM-DD, a datetime.date, or a week written 2026-W48 (its "
        f"Monday) is needed; found {shown(given)}"
    )


@dataclass(frozen=True)
class Deadline:
    """The last moment at which a request may leave.

    Parameters
    ----------
    at
        The moment, with its zone.
    """

    at: datetime

    @classmethod
    def read(cls, given: NotAfter) -> Deadline | None:
        """Read what was given as ``not_after``; None if nothing was.

        Raises
        ------
        InputError
            It is no moment, no day and no week.
        """
        return None if given is None else cls(span(given, "not_after").last)

    def passed(self, now: datetime) -> str:
        """Return that it has passed, and for how long; empty while it has not."""
        if now <= self.at:
            return ""
        said = self.at.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S")
        return (
            f"this run is not to be sent after {said} (not_after, Paris time), and that was "
            f"{_length(now - self.at)} ago"
        )

    def check(self, now: datetime) -> None:
        """Refuse to begin a run too late.

        Raises
        ------
        InputError
            It has passed; says for how long, and what to do.
        """
        if passed := self.passed(now):
            raise InputError(
                f"{passed}: nothing was sent. If it is still wanted, give a later "
                f"{hints.option('not_after')}; else leave it and go on with the next run"
            )


TOO_LATE_ADVICE: Final = (
    "if it is still wanted, resume with a later not_after; else leave it and go on with the next "
    "run"
)


@dataclass(frozen=True)
class _Week:
    monday: date


def _unwritten(given: object) -> object:
    """Read a text as what it writes; ValueError if it is none of the forms."""
    if not isinstance(given, str):
        return given
    written = _WRITTEN.fullmatch(given.strip())
    if written is None:
        raise ValueError
    if written["week"]:
        return _Week(date.fromisoformat(written["week"]))
    if written["time"] is None:
        return date.fromisoformat(written["day"])
    return datetime.fromisoformat(given.strip())


def _span(given: object) -> Span:
    if isinstance(given, _Week):
        return Span(_midnight(given.monday), _midnight(given.monday + _WEEK) - _TICK)
    if given is pd.NaT or not isinstance(given, date):
        raise ValueError
    if not isinstance(given, datetime):
        return Span(_midnight(given), datetime.combine(given, time.max, PARIS).astimezone(UTC))
    if given.utcoffset() is not None:
        at = given.astimezone(UTC)
    else:  # an hour that is skipped is refused
        at = instant(wall_time(given.replace(microsecond=0))).replace(microsecond=given.microsecond)
    return Span(at, at)


def _midnight(of: date) -> datetime:
    return datetime.combine(of, time(), PARIS).astimezone(UTC)


def _length(late: timedelta) -> str:
    minutes, seconds = divmod(int(late.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "day"), (hours, "hour"), (minutes, "minute"), (seconds, "second"))
    told = [f"{count} {unit}{'s' if count > 1 else ''}" for count, unit in parts if count][:2]
    return " and ".join(told) or "less than a second"
