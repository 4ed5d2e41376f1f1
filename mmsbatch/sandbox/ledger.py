"""The sandbox's books: credits, what was truly sent, what each request was. Thread-safe.

A request of 200 is kept as one batch and spread into deliveries only when somebody looks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Condition, RLock
from typing import Any, NamedTuple

from mmsbatch.errors import InputError


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


@dataclass
class Books:
    """Credits, batches and requests, under one lock."""

    credits: dict[str, int]
    """What each account has left, by login."""
    ledger_file: Path | None = None
    lock: RLock = field(default_factory=RLock)
    batches: list[Batch] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    _arrived: int = 0

    def __post_init__(self) -> None:
        """Open the ledger file."""
        self._changed = Condition(self.lock)
        self._file: int | None = None
        if self.ledger_file is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            try:
                self._file = os.open(self.ledger_file, flags, 0o600)
            except OSError as error:
                raise InputError(
                    f"ledger file {str(self.ledger_file)!r} cannot be written "
                    f"({error.strerror}): choose a file in an existing folder of yours"
                ) from error

    def arrive(self) -> int:
        """Return the next request its number."""
        with self.lock:
            self._arrived += 1
            return self._arrived

    def send(self, batch: Batch, login: str, cost: int) -> None:
        """Take the credits and enter the batch; on file before this returns."""
        with self.lock:
            self.credits[login] -= cost
            self.batches.append(batch)
            if self._file is not None:
                lines = "".join(
                    json.dumps(delivery.to_json(), ensure_ascii=False) + "\n"
                    for delivery in batch.deliveries()
                ).encode()
                while lines:  # a file may take less than it is given
                    lines = lines[os.write(self._file, lines) :]

    def log(self, received: Received) -> None:
        """Enter a request and wake those who wait for it."""
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Wait until ``count`` requests are entered; False when ``timeout_s`` passed first."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.received) >= count, timeout_s)

    def ledger(self) -> tuple[Delivery, ...]:
        """Spread every batch, in the order sent."""
        with self.lock:
            batches = tuple(self.batches)
        return tuple(delivery for batch in batches for delivery in batch.deliveries())

    def requests(self) -> tuple[Received, ...]:
        """Every request, by number."""
        with self.lock:
            return tuple(sorted(self.received, key=lambda received: received.request))

    def close(self) -> None:
        """Close the ledger file."""
        with self.lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def read_ledger(path: str | Path) -> tuple[Delivery, ...]:
    """Read a ledger file back. A last line cut off by a kill is left out.

    The file of a sandbox that was started again goes on at its end, with request numbers from 1.
    """
    deliveries = []
    for line in Path(path).read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            values = json.loads(line)
            when = values["scheduled_for"]
            values["media"] = tuple(Media(**medium) for medium in values["media"])
            values["scheduled_for"] = when and datetime.fromisoformat(when)
            values["at"] = datetime.fromisoformat(values["at"])
            deliveries.append(Delivery(**values))
    return tuple(deliveries)
