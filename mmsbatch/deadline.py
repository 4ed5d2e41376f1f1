"""The moment after which a run is not sent any more, read and compared. Pure (no clock)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import pandas as pd

from mmsbatch import schedule
from mmsbatch.errors import Broken, InputError, shown

NotAfter = datetime | date | str | None
"""A day (its whole length, in Paris) or a moment (Paris wall time where it has no zone)."""

# Narrower than `fromisoformat`, which reads 2026-W48 as the Monday of that week.
_WRITTEN: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?P<time>[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_FORMS: Final = "2026-11-25 (that day included) or '2026-11-25 18:00' (Paris time)"


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
        """Read what was given as ``not_after``; None where nothing was.

        Raises
        ------
        InputError
            It is no day and no moment.
        """
        if given is None:
            return None
        try:
            return cls(_moment(_unwritten(given)))
        except (ValueError, OverflowError) as error:
            reason = f" ({error})" if isinstance(error, Broken) else ""
            raise InputError(
                f"not_after must be a day or a time that exists, such as {_FORMS}; "
                f"found {shown(given)}{reason}"
            ) from None

    def passed(self, now: datetime) -> str:
        """Say that it has passed, and for how long; empty while it has not."""
        if now <= self.at:
            return ""
        said = self.at.astimezone(schedule.PARIS).strftime("%Y-%m-%d %H:%M:%S")
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
            raise InputError(f"{passed}: nothing was sent. What to do: {WHAT_TO_DO}")


WHAT_TO_DO: Final = (
    "where it is still wanted, run the same command with a later not_after (--not-after); else "
    "leave it and go on with the next run"
)


def _unwritten(given: datetime | date | str) -> datetime | date:
    if not isinstance(given, str):
        return given
    written = _WRITTEN.fullmatch(given.strip())
    if written is None:
        raise ValueError
    if written["time"] is None:
        return date.fromisoformat(written["day"])
    return datetime.fromisoformat(given.strip())


def _moment(given: object) -> datetime:
    if given is pd.NaT or not isinstance(given, date):
        raise ValueError
    if not isinstance(given, datetime):
        return datetime.combine(given, time.max, schedule.PARIS).astimezone(UTC)
    if given.utcoffset() is not None:
        return given.astimezone(UTC)
    whole = schedule.wall_time(given.replace(microsecond=0))  # refuses an hour that is skipped
    return schedule.instant(whole)


def _length(late: timedelta) -> str:
    minutes, seconds = divmod(int(late.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "day"), (hours, "hour"), (minutes, "minute"), (seconds, "second"))
    told = [f"{count} {unit}{'s' if count > 1 else ''}" for count, unit in parts if count][:2]
    return " and ".join(told) or "less than a second"
