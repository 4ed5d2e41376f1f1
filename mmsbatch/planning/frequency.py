"""How often a person may be written to: who was contacted lately, and who was refused. Pure.

The past is a value here; `mmsbatch.past_contacts` reads it from runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import hints
from mmsbatch.errors import PlanError, kind_of
from mmsbatch.times import PARIS

Numbers = npt.NDArray[np.int64]

FREQUENCY_PROBLEMS: Final = {
    "too_soon": (
        "contacted within the days that were asked to lie between; mms_last_contact says when",
        "nothing; a later run reaches the person, or ask for fewer days",
    ),
    "rejected_before": (
        "the gateway refused the number in as many runs as were asked for, or more",
        "correct the number in the CRM, or take the row out",
    ),
}
"""Why a row is not sent because of runs before: its meaning, and what to do."""

LAST_CONTACT: Final = "mms_last_contact"


@dataclass(frozen=True, eq=False)
class PastContacts:
    """What runs say of each number, sorted by number.

    Parameters
    ----------
    numbers
        33639980012; each once.
    last_ms
        When a message last may have reached it (milliseconds since the epoch, UTC); -1 if none did.
    run
        The run of that message, a place in `runs`.
    rejections
        In how many runs the gateway refused it.
    runs
        Names.
    """

    numbers: Numbers
    last_ms: Numbers
    run: Numbers
    rejections: Numbers
    runs: Sequence[str] = ()

    def __len__(self) -> int:
        """Count the numbers."""
        return len(self.numbers)

    def __repr__(self) -> str:
        return f"PastContacts({len(self):,} numbers of {len(self.runs):,} runs)"

    def places(self, numbers: Numbers) -> Numbers:
        """Return where each number is; -1 if nothing is known of it."""
        if not len(self):
            return np.full(len(numbers), -1, np.int64)
        found = np.minimum(np.searchsorted(self.numbers, numbers), len(self) - 1)
        return np.where(self.numbers[found] == numbers, found, -1)


@dataclass(frozen=True, kw_only=True)
class Frequency:
    """A rule for `plan`: whom runs before keep from being written to.

    Parameters
    ----------
    past
        From `past_contacts`.
    not_contacted_within
        Days: a person who was contacted on one of the last so many days, `as_of` among them,
        becomes ``too_soon``. With 7, a campaign of every Monday reaches the same person.
    rejected_before
        Runs: a number that the gateway has refused in so many becomes ``rejected_before``.
    as_of
        The day that counts as today, in Paris.

    Raises
    ------
    PlanError
        A value is not positive, or none is given.
    """

    past: PastContacts = field(repr=False)
    not_contacted_within: int | None = None
    rejected_before: int | None = None
    as_of: date

    def __post_init__(self) -> None:
        """Check the values."""
        if not isinstance(self.past, PastContacts):
            raise PlanError(f"past is what mms.past_contacts(runs) gives, not {kind_of(self.past)}")
        given = {
            "not_contacted_within": self.not_contacted_within,
            "rejected_before": self.rejected_before,
        }
        if all(value is None for value in given.values()):
            raise PlanError(f"give {' or '.join(map(hints.option, given))}, or no rule")
        for name, value in given.items():
            if value is not None and value < 1:
                raise PlanError(f"{hints.option(name)} must be 1 or more, found {value}")

    def too_soon(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Return who was contacted too short a while ago."""
        if self.not_contacted_within is None or not len(self.past):
            return np.zeros(len(numbers), dtype=np.bool_)
        first = self.as_of - timedelta(days=self.not_contacted_within - 1)
        begins = datetime.combine(first, time(), PARIS).astimezone(UTC)
        places = self.past.places(numbers)
        return (places >= 0) & (self.past.last_ms[places] >= int(begins.timestamp() * 1000))

    def rejected(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Return whose number the gateway has refused too often."""
        if self.rejected_before is None or not len(self.past):
            return np.zeros(len(numbers), dtype=np.bool_)
        places = self.past.places(numbers)
        return (places >= 0) & (self.past.rejections[places] >= self.rejected_before)

    def last_contact(self, numbers: Numbers) -> pd.Categorical:
        """Return the run and the day (Paris) of each number's last contact; missing if none."""
        places = self.past.places(numbers)
        contacted = places >= 0
        contacted[contacted] = self.past.last_ms[places[contacted]] >= 0
        known = np.unique(places[contacted])
        at = pd.to_datetime(self.past.last_ms[known], unit="ms", utc=True).tz_convert(PARIS)
        runs = [self.past.runs[code] for code in self.past.run[known]]
        words = [f"{run}, {day}" for run, day in zip(runs, at.strftime("%Y-%m-%d"), strict=True)]
        codes, distinct = pd.factorize(np.array(words, dtype=object))
        code_of = np.full(len(self.past) + 1, -1, np.int64)
        code_of[known] = codes
        found = code_of[np.where(contacted, places, len(self.past))]
        return pd.Categorical.from_codes(found, categories=pd.Index(distinct, dtype="str"))
