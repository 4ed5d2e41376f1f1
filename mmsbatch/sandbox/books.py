"""The sandbox's books: credits, what was truly sent, what each request was. Thread-safe."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, RLock

from mmsbatch.sandbox.ledger import Batch, Delivery, Received
from mmsbatch.sandbox.store import Raw, Store

_MOST_RAW = 1000
"""Requests whose bytes are kept in memory; with a ledger file, those of all are on disk."""


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
        self._raw: OrderedDict[int, Raw] = OrderedDict()
        self._store = None if self.ledger_file is None else Store(self.ledger_file)
        self._kept = (0, 0)
        """How many batches and requests the store in memory has taken in."""
        self.before = self._store.last_request() if self._store else 0
        """Requests of sandboxes before this one, in the same file."""
        self.changes = 0
        """Goes up with whatever changes in the books."""

    def arrive(self) -> int:
        """Return the next request its number, from 1 in this process."""
        with self.lock:
            self._arrived += 1
            return self._arrived

    def send(self, batch: Batch, login: str, cost: int) -> None:
        """Take the credits and enter the batch; on file before this returns."""
        with self.lock:
            self.credits[login] -= cost
            self.batches.append(batch)
            if self._store is not None and self.ledger_file is not None:
                with self._store.writing():
                    self._store.add_messages(batch)

    def log(self, received: Received, raw: Raw | None = None) -> None:
        """Enter a request and wake those who wait for it."""
        with self._changed:
            self.received.append(received)
            if self._store is not None and self.ledger_file is not None:
                with self._store.writing():
                    self._store.add_request(received, raw)
            elif raw is not None:
                self._raw[received.request] = raw
                if len(self._raw) > _MOST_RAW:
                    self._raw.popitem(last=False)
            self.changes += 1
            self._changed.notify_all()

    def store(self) -> Store:
        """Return where everything is found again; in memory it is brought up to date first.

        Whoever reads from it holds the lock.
        """
        with self.lock:
            if self._store is None:
                self._store = Store()
            if self.ledger_file is None:
                batches, received = self._kept
                with self._store.writing():
                    for batch in self.batches[batches:]:
                        self._store.add_messages(batch)
                    for one in self.received[received:]:
                        self._store.add_request(one, self._raw.pop(one.request, None))
                self._kept = len(self.batches), len(self.received)
            return self._store

    def clear(self) -> None:
        """Forget what was received and sent; credits and numbering stay."""
        with self._changed:
            self.store().clear()
            self.batches.clear()
            self.received.clear()
            self._raw.clear()
            self._kept = (0, 0)
            self.changes += 1
            self._changed.notify_all()

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Wait until ``count`` requests are entered; False when ``timeout_s`` passed first."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.received) >= count, timeout_s)

    def wake(self) -> None:
        """Wake who waits for a change, at the end."""
        with self._changed:
            self.changes += 1
            self._changed.notify_all()

    def wait_for_change(self, since: int, timeout_s: float) -> int:
        """Wait until the books are no longer as they were; return how often they have changed."""
        with self._changed:
            self._changed.wait_for(lambda: self.changes != since, timeout_s)
            return self.changes

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
        """Close the ledger file; what is in memory can still be looked at."""
        with self.lock:
            if self._store is not None:
                self._store.close()
            if self.ledger_file is None:
                self._store, self._kept = None, (0, 0)
