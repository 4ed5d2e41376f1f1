"""Phone numbers made unreadable for reports, whatever the cell holds. Pure."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "•"
_KEPT_DIGITS: Final = 6
_MASKED_DIGITS: Final = 4
_LONGEST: Final = 40
_RUN = re.compile(r"\d(?:[^\w/;,&|\n]*\d)*")
"""Digits with nothing but separators between them; what may part two numbers ends a run."""


def mask(text: str) -> str:
    """Hide the end of every run of digits: its last four, and all beyond the first six.

    Examples
    --------
    >>> mask("06 39 98 12 34")
    '06 39 98 •• ••'
    >>> mask("tél 0639981234/0639985678")
    'tél 063998••••/063998••••'
    """
    masked = _RUN.sub(lambda run: _mask_run(run[0]), text)
    return masked if len(masked) <= _LONGEST else masked[: _LONGEST - 1] + "…"


def _mask_run(run: str) -> str:
    digits = sum(map(str.isdecimal, run))
    keep = max(0, min(digits - _MASKED_DIGITS, _KEPT_DIGITS))
    shown = []
    for char in run:
        if char.isdecimal():
            shown.append(char if keep > 0 else MASK)
            keep -= 1
        else:
            shown.append(char)
    return "".join(shown)
