"""Phone numbers made unreadable for reports, whatever the cell holds. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Hashable
from functools import cache
from typing import Final

import pandas as pd

MASK: Final = "•"
_KEPT_DIGITS: Final = 6
_MASKED_DIGITS: Final = 4
_FRENCH_DIGITS: Final = 11
_LONGEST: Final = 40
_RUN = re.compile(r"\d(?:[^\w/;,&|\n]*\d)*")
"""Digits with nothing but separators between them; what may part two numbers ends a run."""
_SCIENTIFIC = re.compile(r"(\s*\d[.,])(\d+)([eE]\+?\d{1,2}\s*)")
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
    >>> mask("6,3998E+08")
    '6,••••E+08'
    """
    if rounded := _SCIENTIFIC.fullmatch(text):  # its exponent says what is wrong with it
        start, digits, exponent = rounded.groups()
        kept = max(0, min(len(digits) - _MASKED_DIGITS, _KEPT_DIGITS - 1))
        return f"{start}{digits[:kept]}{MASK * (len(digits) - kept)}{exponent}"
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
    """Hide what may be a phone number in a text, except if it also stands in `keep`.

    Examples
    --------
    >>> mask_phones("12 rue Foch, 75011 Paris, 06 39 98 12 34, le 2026-11-23 09:00:00")
    '12 rue Foch, 75011 Paris, 06 39 98 •• ••, le 2026-11-23 09:00:00'
    """
    return _PHONE.sub(lambda run: run[0] if run[0] in keep else _mask_run(run[0]), text)


def mask_frame(frame: pd.DataFrame, phone_columns: Collection[Hashable] = ()) -> pd.DataFrame:
    """Return a frame for showing: no cell of it, and no label of its index, is a whole number.

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


_DIGITS_END: Final = 0x20000
"""Behind the last digit of any script."""
_NATIONAL: Final = 33_000_000_000
# Between two digits of one number; what parts two numbers or two elements is none of it.
_SPACING: Final = r"[^0-9A-Za-z<>|;\r\n]{0,3}"
_CANONICAL: Final = re.compile(rb"(?:0|\+?33)[67][0-9]{8}")


class Notation:
    """One number, wherever it stands.

    Parameters
    ----------
    number
        As an integer: 33639980012.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.national = f"{number - _NATIONAL:09d}"
        self.figures = (number, number - _NATIONAL)
        """What a column of numbers may hold."""
        classes = [_digit(int(digit)) for digit in self.national]
        zero, three = _digit(0), _digit(3)
        text = _SPACING.join(classes)
        prefix = (
            rf"(?:(?:(?:\+|{zero}{zero}){_SPACING})?{three}{three}{_SPACING}(?:{zero}{_SPACING})?"
            rf"|{zero}{_SPACING})?"
        )
        self.near = text
        """A pattern for RE2, which has no look-around: finds a little too much."""
        self._text = re.compile(rf"(?<!\d){prefix}{text}(?!\d)")
        plain = _SPACING.join(self.national)
        head = rf"(?:(?:(?:\+|00){_SPACING})?33{_SPACING}(?:0{_SPACING})?|0{_SPACING})?"
        self._bytes = re.compile(rf"(?<![0-9]){head}{plain}(?![0-9])".encode())

    def is_in(self, text: str) -> bool:
        """Return whether a text holds the number."""
        return self._text.search(text) is not None

    def is_in_bytes(self, data: bytes) -> bool:
        """Return whether bytes hold the number in ASCII digits, whatever their charset."""
        return self._bytes.search(data) is not None

    def replaced(self, text: str, token: int) -> str:
        """Put a token wherever the number stands in a text."""
        return self._text.sub(f"+{token}", text)

    def replaced_bytes(self, data: bytes, token: int) -> bytes:
        """Put a token wherever the number stands in bytes.

        A form that the gateway's echo may have becomes a form that reads as this token; any other
        becomes one that reads as no number, as it did before.
        """

        def put(match: re.Match[bytes]) -> bytes:
            if _CANONICAL.fullmatch(match[0]) is None:
                return b"(%d)" % token
            return b"+%d" % token if match[0].startswith(b"+") else b"%d" % token

        return self._bytes.sub(put, data)


@cache
def _digit(value: int) -> str:
    """Return the class of the characters that are this digit, in any script; O is typed for 0."""
    return "[" + _scripts()[value] + ("Oo" if value == 0 else "") + "]"


@cache
def _scripts() -> dict[int, str]:
    found = dict.fromkeys(range(10), "")
    for code in range(_DIGITS_END):
        value = unicodedata.decimal(chr(code), None)
        if value is not None:
            found[value] += chr(code)
    return found
