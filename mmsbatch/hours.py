"""When messages may leave: opening hours in Paris, closed on Sundays and public holidays. Pure.

No primary text was found for the hours; the profiles are what operators and vendors write.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from mmsbatch import hints
from mmsbatch.errors import InputError, nearest
from mmsbatch.times import PARIS

VARIABLE: Final = "MMSBATCH_HOURS"
SERVICE: Final = "service"
OFF: Final = "off"
_SUNDAY: Final = 6
_ALSACE_MOSELLE: Final = "57"
"""One of its departments, as the holidays package knows it."""
_DAYS_AHEAD: Final = 14
"""There is an opening in any two weeks."""


@dataclass(frozen=True)
class OpeningHours:
    """Monday to Saturday from one hour to another, but not on public holidays.

    Parameters
    ----------
    profile
        Its name.
    opens, closes
        Wall time in Paris.
    alsace_moselle
        Whether Good Friday and 26 December are holidays, too.
    """

    profile: str
    opens: time
    closes: time
    alsace_moselle: bool = False

    def is_open(self, now: datetime) -> bool:
        """Return whether messages may leave."""
        wall = now.astimezone(PARIS)
        return self._open_on(wall.date()) and self.opens <= wall.time() < self.closes

    def next_opening(self, after: datetime) -> datetime:
        """Return the first moment (UTC) from which messages may leave, not before a given one."""
        if self.is_open(after):
            return after.astimezone(UTC)
        first = after.astimezone(PARIS).date()
        for day in (first + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD)):
            opening = datetime.combine(day, self.opens, PARIS).astimezone(UTC)
            if self._open_on(day) and opening > after:
                return opening
        raise AssertionError  # pragma: no cover  (a day of any two weeks is open)

    def closing(self, now: datetime) -> datetime:
        """Return until when (UTC) messages may leave, at a moment at which they may."""
        day = now.astimezone(PARIS).date()
        return datetime.combine(day, self.closes, PARIS).astimezone(UTC)

    def why_closed(self, now: datetime) -> str:
        """Say that messages may not leave now, and from when on they may; empty if they may."""
        if self.is_open(now):
            return ""
        wall, opening = (at.astimezone(PARIS) for at in (now, self.next_opening(now)))
        return (
            f"it is {wall:%A %H:%M} in Paris, outside of the hours {self.profile!r} ({self}); they "
            f"begin on {opening:%A %Y-%m-%d at %H:%M}"
        )

    def __str__(self) -> str:
        regional = ", of Alsace-Moselle too" if self.alsace_moselle else ""
        return (
            f"Monday to Saturday {self.opens:%H:%M} to {self.closes:%H:%M}, no public "
            f"holidays{regional}"
        )

    def _open_on(self, day: date) -> bool:
        return day.weekday() != _SUNDAY and day not in _holidays(day.year, self.alsace_moselle)


_HOURS: Final[dict[str, Callable[[bool], OpeningHours | None]]] = {
    "default": lambda regional: OpeningHours("default", time(8), time(20), regional),
    "operator": lambda regional: OpeningHours("operator", time(8), time(22), regional),
    SERVICE: lambda _regional: None,
    OFF: lambda _regional: None,
}
_REGION: Final = "+alsace-moselle"


def read_hours(given: str | None, purpose: str | None, *, live: bool) -> OpeningHours | None:
    """Return the hours that a run keeps to; None if it may leave at any time.

    Parameters
    ----------
    given
        ``"default"``, ``"operator"``, ``"service"`` or ``"off"``; ``"default+alsace-moselle"`` has
        the holidays of that region. None: what ``MMSBATCH_HOURS`` says, and else ``"default"`` for
        people and ``"off"`` for the sandbox.
    purpose
        Of the campaign: one that is ``"service"`` may leave at any time.
    live
        Whether people are written to.

    Raises
    ------
    InputError
        There are no such hours; or ``"service"`` is asked for by a campaign that is not.
    """
    fallback = os.environ.get(VARIABLE) or "default" if live else OFF
    name = given or (SERVICE if purpose == SERVICE else fallback)
    profile, plus, region = name.partition("+")
    if profile not in _HOURS or plus + region not in {"", _REGION}:
        known = [*_HOURS, *(f"{one}{_REGION}" for one in ("default", "operator"))]
        raise InputError(
            f"{hints.option('hours')} must be one of {', '.join(known)}; found {name!r}."
            f"{nearest(name, known)}"
        )
    if profile == SERVICE and purpose != SERVICE:
        raise InputError(
            "hours 'service' are for messages that are no advertising: write purpose = \"service\" "
            f"in the campaign file, or give other {hints.option('hours')}"
        )
    return _HOURS[profile](bool(plus))


def holiday(day: date) -> str:
    """Return the name of the public holiday that a day is, or that it is a Sunday; else nothing."""
    return _holidays(day.year, alsace_moselle=False).get(day) or (
        "a Sunday" if day.weekday() == _SUNDAY else ""
    )


@lru_cache(maxsize=64)
def _holidays(year: int, alsace_moselle: bool) -> dict[date, str]:
    import holidays  # noqa: PLC0415  (it takes a moment, and few commands need it)

    region = _ALSACE_MOSELLE if alsace_moselle else None
    return dict(holidays.country_holidays("FR", subdiv=region, years=year, language="en_US"))
