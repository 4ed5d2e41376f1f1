"""When a campaign is sent: Paris wall time, because §1.2 knows no zone. Pure. Source: §1.2."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

from mmsbatch import spec
from mmsbatch.errors import Broken, shown

PARIS: Final = ZoneInfo(spec.TIME_ZONE)
_WRITTEN_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


def instant(wall: datetime) -> datetime:
    """Give the instant (UTC) of a Paris wall time; of the repeated autumn hour, the first."""
    return wall.replace(tzinfo=PARIS, fold=0).astimezone(UTC)


def happens_twice(wall: datetime) -> bool:
    """Whether a Paris wall time is in the autumn hour that is repeated."""
    first, second = (wall.replace(tzinfo=PARIS, fold=fold).utcoffset() for fold in (0, 1))
    return first != second


def _read_time(given: object) -> datetime:
    """Read what may be given as a time; `Broken` if it is none."""
    if isinstance(given, str):
        if not _WRITTEN_TIME.fullmatch(given):
            raise Broken(f"a time is written YYYY-MM-DD HH:MM:SS (§1.2); found {shown(given)}.")
        try:
            return datetime.strptime(given, spec.DATE_FORMAT)  # noqa: DTZ007  (Paris, see Campaign)
        except ValueError:
            raise Broken(f"no such day or time in the calendar (§1.2); found {given!r}.") from None
    if given is pd.NaT or not isinstance(given, datetime):
        raise Broken(
            "a datetime, a text YYYY-MM-DD HH:MM:SS or None is needed (§1.2); "
            f"found {shown(given)}."
        )
    if given.microsecond or getattr(given, "nanosecond", 0):
        raise Broken(
            f"whole seconds are needed (§1.2); found {given.isoformat(sep=' ')}. Round it."
        )
    return given.to_pydatetime() if isinstance(given, pd.Timestamp) else given


def wall_time(given: object) -> datetime:
    """Read a time as Paris wall time, without a zone; `Broken` if it is none or does not exist."""
    time = _read_time(given)
    if time.utcoffset() is not None:
        try:
            time = time.astimezone(PARIS)
        except OverflowError:
            raise Broken(f"a year from 1 to 9999 is needed (§1.2); found {time}.") from None
        return time.replace(tzinfo=None, fold=0)
    wall = datetime.combine(time.date(), time.time().replace(tzinfo=None, fold=0))
    try:
        back = instant(wall).astimezone(PARIS).replace(tzinfo=None)
    except OverflowError:
        raise Broken(f"a year from 1 to 9999 is needed (§1.2); found {wall}.") from None
    if back != wall:
        raise Broken(
            f"{wall} does not exist in Paris, where the clocks go forward over it (§1.2). "
            f"Give a time from {back.replace(minute=0, second=0)} on."
        )
    return wall
