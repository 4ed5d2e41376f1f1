"""When a campaign recurs: days of the week and a time in Paris, as schedulers write it. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mmsbatch import spec
from mmsbatch.errors import InputError, nearest
from mmsbatch.times import PARIS

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT: Final = tuple(day[:3] for day in _DAYS)
_WEEK: Final = len(_DAYS)
_FORM: Final = re.compile(r"(?P<days>.*\S)\s+(?P<hour>[0-9]{1,2})[:h](?P<minute>[0-9]{2})")
_EXAMPLES: Final = '"Mon 10:00", "Mon,Thu 14:30" or "Mon-Fri 9:00"'


@dataclass(frozen=True)
class Weekly:
    """Days of the week, and a time in Paris.

    Parameters
    ----------
    days
        From 0, Monday, to 6, Sunday; in order, each once.
    time
        Wall time in Paris.
    """

    days: tuple[int, ...]
    time: dt.time

    @property
    def cron(self) -> str:
        """The five fields of a crontab, which Airflow takes, too."""
        days = ",".join(str((day + 1) % _WEEK) for day in self.days)
        return f"{self.time.minute} {self.time.hour} * * {days}"

    @property
    def calendar(self) -> str:
        """The same as systemd's OnCalendar."""
        days = ",".join(_SHORT[day] for day in self.days)
        return f"{days} *-*-* {self.time:%H:%M}:00 {spec.TIME_ZONE}"

    def starts(self, after: dt.date, days: int) -> Iterator[dt.datetime]:
        """Return when it starts on so many days after a day, in Paris."""
        for ahead in range(1, days + 1):
            day = after + dt.timedelta(days=ahead)
            if day.weekday() in self.days:
                yield dt.datetime.combine(day, self.time, PARIS)

    def __str__(self) -> str:
        return f"{', '.join(_SHORT[day] for day in self.days)} at {self.time:%H:%M}, Paris time"


def read_weekly(text: str) -> Weekly:
    """Read days and a time: ``Mon 10:00``, ``Mon,Thu 14:30``, ``Mon-Fri 9:00``.

    Raises
    ------
    InputError
        It is not written so, or names no day of the week or no time of a day.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise InputError(
            f"--at takes days of the week and a time in Paris, such as {_EXAMPLES}; found {text!r}"
        )
    days: set[int] = set()
    for part in form["days"].replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        begin, end = _day(first, text), _day(last if dash else first, text)
        days |= {day % _WEEK for day in range(begin, end + 1 + (_WEEK if end < begin else 0))}
    try:
        time = dt.time(int(form["hour"]), int(form["minute"]))
    except ValueError:
        raise InputError(
            f"--at {text!r}: there is no time {form['hour']}:{form['minute']}; it goes from 0:00 "
            "to 23:59"
        ) from None
    return Weekly(tuple(sorted(days)), time)


def _day(word: str, text: str) -> int:
    """Read a day of the week by its name or the first letters of it, at least three."""
    for number, name in enumerate(_DAYS):
        if len(word) >= len(_SHORT[number]) and name.casefold().startswith(word.casefold()):
            return number
    known = _SHORT if len(word) <= len(_SHORT[0]) else _DAYS
    raise InputError(
        f"--at {text!r}: {word!r} is no day of the week.{nearest(word, known)} Write it as "
        f"{_EXAMPLES}"
    )
