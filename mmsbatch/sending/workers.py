"""How many requests may be under way at once, and how fast they may follow each other."""

from __future__ import annotations

import math
from typing import Final

from mmsbatch import hints
from mmsbatch.errors import InputError

MAX_WORKERS: Final = 256
"""More is a slip of the keyboard: each may leave a request in doubt."""


def check_workers(count: int) -> None:
    """Raise InputError if so many workers are out of range."""
    if not 1 <= count <= MAX_WORKERS:
        raise InputError(
            f"{hints.option('workers')} must be from 1 to {MAX_WORKERS}, found {count}"
        )


def check_pace(requests_per_minute: float | None) -> None:
    """Raise InputError if it is no pace."""
    if requests_per_minute is not None and not 0 < requests_per_minute < math.inf:
        raise InputError(
            f"{hints.option('requests_per_minute')} must be above 0, found {requests_per_minute}: "
            "leave it out to send as fast as the gateway answers"
        )
