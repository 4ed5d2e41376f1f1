"""Phone numbers made unreadable for reports, whatever the cell holds. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable
from typing import Final

import pandas as pd

MASK: Final = "•"
_KEPT_DIGITS: Final = 6
_MASKED_DIGITS: Final = 4
_FRENCH_DIGITS: Final = 11
_LONGEST: Final = 40
_RUN = re.compile(r"\d(?:[^\w/;,&|\n]*\d)*")
"""Digits with nothing but separators between them; what may part two numbers ends a run."""
_E164 = re.compile(r"\+33([1-9])([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_BETWEEN: Final = r"[\s.\-()/]*"
_PHONE = re.compile(
    # +33 6…, +44 77…
    rf"\+(?:{_BETWEEN}\d){{8,15}}"
    # 0033 6…, 33 6…, 06…, and the nine digits that a spreadsheet leaves
    rf"|(?<![\d.])(?:(?:00{_BETWEEN})?33{_BETWEEN}(?:\(0\))?|0)?{_BETWEEN}[1-9](?:{_BETWEEN}\d){{8}}(?!\d)"
)
"""What may be a phone number in a text about other things; a date with its time is not."""


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


def mask_e164(number: str) -> str:
    """Write a number as people read it, its last four digits hidden.

    Examples
    --------
    >>> mask_e164("+33639981234")
    '+33 6 39 98 •• ••'
    """
    return (
        _E164.sub(rf"+33 \1 \2 \3 {MASK * 2} {MASK * 2}", number)
        if _is_e164(number)
        else (mask(number))
    )


def spaced_e164(number: str) -> str:
    """Write a number as people read it.

    Examples
    --------
    >>> spaced_e164("+33639981234")
    '+33 6 39 98 12 34'
    """
    return _E164.sub(r"+33 \1 \2 \3 \4 \5", number) if _is_e164(number) else number


def mask_phones(text: str, keep: str = "") -> str:
    """Hide what may be a phone number in a text, except where it also stands in `keep`.

    Examples
    --------
    >>> mask_phones("12 rue Foch, 75011 Paris, 06 39 98 12 34, le 2026-11-23 09:00:00")
    '12 rue Foch, 75011 Paris, 06 39 98 •• ••, le 2026-11-23 09:00:00'
    """
    return _PHONE.sub(lambda run: run[0] if run[0] in keep else _mask_run(run[0]), text)


def mask_frame(frame: pd.DataFrame, phone_columns: Collection[Hashable] = ()) -> pd.DataFrame:
    """Give a frame for showing: no cell of it, and no label of its index, is a whole number.

    Parameters
    ----------
    frame
        A few rows, to be looked at: every cell of it is looked into.
    phone_columns
        Whatever digits these hold are hidden; in the others, what may be a phone number.

    Returns
    -------
    pandas.DataFrame
        A new frame with the same columns in the same order; cells that held a number are text.
    """
    shown = frame.copy()
    for place, column in enumerate(frame.columns):
        cells = frame.iloc[:, place]
        if isinstance(cells.dtype, pd.DatetimeTZDtype) or cells.dtype.kind in "bmM":
            continue
        hide: Callable[[str], str] = mask if column in phone_columns else mask_phones
        hide = mask_e164 if column == "mms_e164" else hide
        shown.isetitem(place, _hidden(cells, hide).array)
    if frame.index.dtype.kind not in "bmM":
        shown.index = pd.Index(_hidden(frame.index.to_series(), mask_phones), name=frame.index.name)
    return shown


def _hidden(cells: pd.Series, hide: Callable[[str], str]) -> pd.Series:
    texts = cells.astype(object).map(str, na_action="ignore")
    hidden = texts.map(hide, na_action="ignore")
    changed = hidden.notna() & (hidden != texts)
    return cells.astype(object).where(~changed, hidden) if changed.any() else cells


def _is_e164(number: str) -> bool:
    return _E164.fullmatch(number) is not None


def _mask_run(run: str) -> str:
    digits = sum(map(str.isdecimal, run))
    # In +33 6 39 98 •• •• as much is readable as in 06 39 98 •• ••.
    kept = _KEPT_DIGITS + (digits == _FRENCH_DIGITS and run.startswith("33"))
    keep = max(0, min(digits - _MASKED_DIGITS, kept))
    shown = []
    for char in run:
        if char.isdecimal():
            shown.append(char if keep > 0 else MASK)
            keep -= 1
        else:
            shown.append(char)
    return "".join(shown)
