"""What the sandbox writes down: what each request was, and each message that was truly sent.

A request of 200 is kept as one batch and spread into deliveries only when somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple


class Media(NamedTuple):
    """One medium of a message."""

    tag: str
    """``IMAGE``, ``VIDEO`` or ``SON``."""
    url: str
    duration_s: int | None


class Delivery(NamedTuple):
    """One message to one phone, or scheduled for it."""

    request: int
    """Number of the request to the sending script, from 1."""
    number: str
    """``336...``."""
    message: str
    """What the phone shows: line breaks made, € replaced (§1.3)."""
    kind: str
    """``text``, ``image``, ``video``, ``sound``, ``sound+image``."""
    media: tuple[Media, ...]
    scheduled_for: datetime | None
    """Paris time; None: sent at once."""
    at: datetime
    """UTC."""

    def to_json(self) -> dict[str, Any]:
        """Return the delivery as JSON values; times in ISO 8601."""
        return {
            **self._asdict(),
            "media": [medium._asdict() for medium in self.media],
            "scheduled_for": self.scheduled_for and self.scheduled_for.isoformat(),
            "at": self.at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request sent."""

    request: int
    numbers: tuple[str, ...]
    message: str
    kind: str
    media: tuple[Media, ...]
    scheduled_for: datetime | None
    at: datetime

    def deliveries(self) -> Iterator[Delivery]:
        """Spread the batch over its numbers."""
        for number in self.numbers:
            yield Delivery(
                self.request,
                number,
                self.message,
                self.kind,
                self.media,
                self.scheduled_for,
                self.at,
            )


@dataclass(frozen=True, slots=True)
class Received:
    """One request to the sending script: what it asked and what became of it. No passcode."""

    request: int
    at: datetime
    """UTC."""
    method: str
    fault: str = ""
    """The words of the fault it met."""
    verdict: int | None = None
    """The status the checks gave; None if the request was never read."""
    answered: int | None = None
    """The status the answer says; None if the gateway did not answer."""
    login: str = ""
    campaign_name: str | None = None
    campaign_id: str | None = None
    mail_notif: str | None = None
    kind: str | None = None
    message: str | None = None
    """As a phone would show it."""
    media: tuple[Media, ...] = ()
    scheduled_for: datetime | None = None
    numbers: tuple[str, ...] = ()
    """As written in the request."""
    refused: tuple[str, ...] = ()
    """The numbers refused, as written; under 100, 101, 103-123 only."""
    delivered: int = 0
    """How many messages were truly sent or scheduled."""
    credits_left: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON values; times in ISO 8601."""
        return {
            **asdict(self),
            "media": [medium._asdict() for medium in self.media],
            "scheduled_for": self.scheduled_for and self.scheduled_for.isoformat(),
            "at": self.at.isoformat(),
        }
