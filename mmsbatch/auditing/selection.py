"""Which runs an audit is about: by time, campaign, outcome, target. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from mmsbatch import spec
from mmsbatch.auditing.journals import Digest
from mmsbatch.errors import InputError, nearest
from mmsbatch.gateway.account import Target
from mmsbatch.runs.outcomes import Outcome

When = str | date | datetime | None

_PARIS: Final = ZoneInfo(spec.TIME_ZONE)
_DATE_LENGTH: Final = len("2026-12-31")


@dataclass(frozen=True)
class Filters:
    """Which runs; None: whichever."""

    since: datetime | None = None
    until: datetime | None = None
    """Runs opened before it."""
    campaign: str | None = None
    outcome: Outcome | None = None
    target: Target | None = None

    @classmethod
    def of(
        cls,
        *,
        since: When = None,
        until: When = None,
        campaign: str | None = None,
        outcome: str | None = None,
        target: str | None = None,
    ) -> Self:
        """Read the words of a person.

        Parameters
        ----------
        since, until
            ``2026-12-31``, ``2026-12-31 18:00`` or a date or datetime: runs opened at or after
            `since`, and at or before `until`; a day is meant whole. Without a zone, French wall
            time is meant.
        campaign, outcome, target
            As `mmsbatch.audit` takes them.

        Raises
        ------
        InputError
            A time or a word cannot be read, or `since` is after `until`.
        """
        first = None if since is None else _moment("since", since)[0]
        last = None if until is None else _moment("until", until)[1]
        if first is not None and last is not None and first >= last:
            raise InputError(f"since {since} is after until {until}: no run can be between them")
        return cls(
            first,
            last,
            campaign,
            None if outcome is None else Outcome(_word("outcome", outcome, Outcome)),
            None if target is None else Target(_word("target", target, Target)),
        )

    def takes(self, found: Digest) -> bool:
        """Say whether a run is wanted, by what its journal says first."""
        return (
            (self.since is None or found.opened_at >= self.since)
            and (self.until is None or found.opened_at < self.until)
            and (self.campaign is None or found.opened["campaign"] == self.campaign)
            and (self.target is None or found.opened["target"] == self.target)
        )

    def check_campaign(self, known: Iterable[object]) -> None:
        """Make sure that the campaign is not merely mistyped.

        Raises
        ------
        InputError
            No run is of it.
        """
        names = {str(name) for name in known}
        if self.campaign is not None and names and self.campaign not in names:
            raise InputError(
                f"campaign {self.campaign!r}: no run here is of it.{nearest(self.campaign, names)} "
                f"The campaigns are {', '.join(sorted(names))}"
            )


EVERYTHING: Final = Filters()
"""Every run."""


def _moment(option: str, given: str | date | datetime) -> tuple[datetime, datetime]:
    """Give when a day or a moment begins, and the first moment after it."""
    if isinstance(given, str):
        try:
            read = datetime.fromisoformat(given.strip())
        except ValueError:
            raise InputError(
                f"{option} {given!r}: write a day as 2026-12-31, or a moment as 2026-12-31 18:00"
            ) from None
        whole_day = len(given.strip()) <= _DATE_LENGTH
    elif isinstance(given, datetime):
        read, whole_day = given, False
    else:
        read, whole_day = datetime.combine(given, time()), True
    begins = read if read.tzinfo else read.replace(tzinfo=_PARIS)
    if not whole_day:
        return begins, begins + timedelta(milliseconds=1)
    next_day = datetime.combine(read.date() + timedelta(days=1), time(), _PARIS)
    return begins, next_day


def _word(option: str, given: str, known: Iterable[str]) -> str:
    words = [str(word) for word in known]
    if given not in words:
        raise InputError(
            f"{option} must be one of {', '.join(words)}; found {given!r}.{nearest(given, words)}"
        )
    return given
