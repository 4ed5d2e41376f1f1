"""A number in any notation, found in text and in bytes. Pure.

National or international, with or without separators, in the digits of any script: ``0639980012``,
``06.39.98.00.12``, ``+33 (0)6 39 98 00 12``, ``0033639980012``, ``6,39980012E+08``, ``O6 39 98 OO
12``. A longer figure that only contains the digits is another figure.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

_DIGITS_END: Final = 0x20000
"""Behind the last digit of any script."""
_NATIONAL: Final = 33_000_000_000
# Between two digits of one number; what parts two numbers or two elements is none of it.
_BETWEEN: Final = r"[^0-9A-Za-z<>|;\r\n]{0,3}"
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
        text = _BETWEEN.join(classes)
        prefix = (
            rf"(?:(?:(?:\+|{zero}{zero}){_BETWEEN})?{three}{three}{_BETWEEN}(?:{zero}{_BETWEEN})?"
            rf"|{zero}{_BETWEEN})?"
        )
        self.near = text
        """A pattern for RE2, which has no look-around: finds a little too much."""
        self._text = re.compile(rf"(?<!\d){prefix}{text}(?!\d)")
        plain = _BETWEEN.join(self.national)
        head = rf"(?:(?:(?:\+|00){_BETWEEN})?33{_BETWEEN}(?:0{_BETWEEN})?|0{_BETWEEN})?"
        self._bytes = re.compile(rf"(?<![0-9]){head}{plain}(?![0-9])".encode())

    def is_in(self, text: str) -> bool:
        """Say whether a text holds the number."""
        return self._text.search(text) is not None

    def is_in_bytes(self, data: bytes) -> bool:
        """Say whether bytes hold the number in ASCII digits, whatever their charset."""
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
    """Give the class of the characters that are this digit, in any script; O is typed for 0."""
    return "[" + _scripts()[value] + ("Oo" if value == 0 else "") + "]"


@cache
def _scripts() -> dict[int, str]:
    found = dict.fromkeys(range(10), "")
    for code in range(_DIGITS_END):
        value = unicodedata.decimal(chr(code), None)
        if value is not None:
            found[value] += chr(code)
    return found
