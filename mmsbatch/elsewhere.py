"""What the runs beside one may have done to its account. Pure.

Whatever a journal does not say counts against it: evidence must not rest on a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mmsbatch.runs.states import ATTEMPT_KINDS, Fact, Kind


@dataclass(frozen=True)
class Place:
    """Where credits are taken: an account, at a gateway."""

    target: str
    login: str
    url: str


@dataclass(frozen=True)
class OtherRun:
    """Another run in the same folder of runs."""

    name: str
    facts: tuple[Fact, ...] = ()
    content: str = ""
    """The kind of its content."""
    send_at: datetime | None = None
    """UTC; where it is scheduled."""
    being_written: bool = False
    unreadable: bool = False


def trouble(other: OtherRun, place: Place, since: datetime) -> str:
    """Say why another run may have moved the balance since then; empty where it cannot have."""
    if other.unreadable:
        return "cannot be read, so it may have used this account: move it elsewhere"
    if not _may_be_of(other, place):
        return ""
    if other.being_written:
        return "is being sent now, by this account"
    used_at = [fact.at for fact in other.facts if fact.kind in ATTEMPT_KINDS]
    if used_at and max(used_at) >= since:
        return "used this account too"
    if used_at and other.send_at is not None and other.send_at >= since:
        return "is scheduled, and may take this account's credits at any time"
    return ""


def _may_be_of(other: OtherRun, place: Place) -> bool:
    """Whether a run may have used the account; what a journal does not say counts as yes."""
    for fact in other.facts:
        if fact.kind is Kind.OPENED and fact.data.get("target") != place.target:
            return False
    started = [fact.data for fact in other.facts if fact.kind is Kind.STARTED]
    return any(
        data.get("login", place.login) == place.login
        # One live account may be reached by several addresses; each sandbox has its own.
        and (place.target == "live" or data.get("url", place.url) == place.url)
        for data in started
    )


def is_surely_of(other: OtherRun, place: Place) -> bool:
    """Say whether a run used this account and no other, by this address."""
    started = [fact.data for fact in other.facts if fact.kind is Kind.STARTED]
    return (
        bool(started)
        and _may_be_of(other, place)
        and all((d.get("login"), d.get("url")) == (place.login, place.url) for d in started)
    )
