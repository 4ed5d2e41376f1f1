"""Which runs an audit is about: by time, campaign, outcome, target; and of copies, one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from mmsbatch import hints
from mmsbatch.auditing.journals import JournalSummary
from mmsbatch.errors import InputError, nearest
from mmsbatch.gateway.account import Target
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.locations import LeftOut, RunLocation
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.times import When, span


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
        since: When | None = None,
        until: When | None = None,
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
        first = None if since is None else span(since, "since").first
        last = None if until is None else span(until, "until").last
        if first is not None and last is not None and first > last:
            raise InputError(
                f"{hints.option('since', since)} is after {hints.option('until', until)}: no run "
                "can be between them"
            )
        return cls(
            first,
            last,
            campaign,
            None if outcome is None else Outcome(_word("outcome", outcome, Outcome)),
            None if target is None else Target(_word("target", target, Target)),
        )

    def takes(self, found: JournalSummary) -> bool:
        """Return whether a run is wanted, by what its journal says first."""
        return (
            (self.since is None or found.opened_at >= self.since)
            and (self.until is None or found.opened_at <= self.until)
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
                f"{hints.option('campaign', self.campaign)}: no run here is of it."
                f"{nearest(self.campaign, names)} The campaigns are {', '.join(sorted(names))}"
            )


EVERYTHING: Final = Filters()
"""Every run."""


def _word(option: str, given: str, known: Iterable[str]) -> str:
    words = [str(word) for word in known]
    if given not in words:
        raise InputError(
            f"{hints.option(option)} must be one of {', '.join(words)}; found {given!r}."
            f"{nearest(given, words)}"
        )
    return given


def originals(
    digests: Sequence[tuple[RunLocation, JournalSummary]], left_out: list[LeftOut]
) -> Iterator[tuple[RunLocation, JournalSummary]]:
    """Yield of each run the folder with the most facts, of equal ones that with its own files."""
    chosen: dict[str, tuple[RunLocation, JournalSummary]] = {}
    for place, found in digests:
        best = chosen.setdefault(found.origin, (place, found))
        if _rank(place, found) > _rank(*best):
            chosen[found.origin] = (place, found)
    for place, found in digests:
        original = chosen[found.origin][0]
        if original is place:
            yield place, found
            continue
        left_out.append(
            LeftOut(
                place.label,
                f"a copy of {original.label}, whose people would be counted twice: move one of the "
                "two elsewhere",
            )
        )


def _rank(place: RunLocation, found: JournalSummary) -> tuple[int, bool]:
    in_its_files = (
        place.local is not None and RunFolder(place.local).journal.inodes() == found.inodes
    )
    return found.facts, in_its_files
