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
        self._on_file = None if self.ledger_file is None else Store(self.ledger_file)
        self._in_memory: Store | None = None
        """Made when somebody first looks, if there is no file."""
        self._kept = (0, 0)
        """How many batches and requests it has taken in."""
        self.before = self._on_file.last_request() if self._on_file else 0
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
            if self._on_file is not None:
                with self._on_file.writing():
                    self._on_file.add_messages(batch)

    def log(self, received: Received, raw: Raw | None = None) -> None:
        """Enter a request and wake those who wait for it."""
        with self._changed:
            self.received.append(received)
            if self._on_file is not None:
                with self._on_file.writing():
                    self._on_file.add_request(received, raw)
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
            if self._on_file is not None:
                return self._on_file
            if self._in_memory is None:
                self._in_memory = Store()
            batches, received = self._kept
            with self._in_memory.writing():
                for batch in self.batches[batches:]:
                    self._in_memory.add_messages(batch)
                for one in self.received[received:]:
                    self._in_memory.add_request(one, self._raw.pop(one.request, None))
            self._kept = len(self.batches), len(self.received)
            return self._in_memory

    def clear(self) -> None:
        """Forget what was received and sent; credits and numbering stay."""
        with self._changed:
            if self._on_file is not None:
                self._on_file.clear()
            self._forget_index()
            self.batches.clear()
            self.received.clear()
            self._raw.clear()
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
            if self._on_file is not None:
                self._on_file.close()
            self._forget_index()

    def _forget_index(self) -> None:
        if self._in_memory is not None:
            self._in_memory.close()
        self._in_memory, self._kept = None, (0, 0)
