"""How fast requests may follow each other: one slot each, evenly spaced. Pure but for the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock

from mmsbatch.errors import InputError

_MINUTE_S = 60.0


class Pace:
    """Gives out moments at which a request may leave; safe to share between threads.

    Slots are evenly spaced rather than so many at a time: a burst is what a limit is against.

    Parameters
    ----------
    requests_per_minute
        None: as fast as it goes.
    clock
        Gives seconds that never run backwards.

    Raises
    ------
    InputError
        The figure is not above zero.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if requests_per_minute is not None and not 0 < requests_per_minute < math.inf:
            raise InputError(
                f"requests_per_minute must be above 0, found {requests_per_minute}: leave it out "
                "to send as fast as the gateway answers"
            )
        self._interval_s = _MINUTE_S / requests_per_minute if requests_per_minute else 0.0
        self._clock = clock
        self._free_at_s = -math.inf
        self._lock = Lock()

    @property
    def limited(self) -> bool:
        """Whether a request may have to wait for its slot."""
        return self._interval_s > 0

    def take(self) -> float:
        """Take the next slot; give the seconds to wait for it."""
        if not self._interval_s:
            return 0.0
        with self._lock:
            now_s = self._clock()
            slot_s = max(now_s, self._free_at_s)
            self._free_at_s = slot_s + self._interval_s
            return slot_s - now_s
