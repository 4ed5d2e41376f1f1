"""Quotation marks of a CSV, watched while it streams by, so that no row swallows another. Pure.

A quote that opens and never closes, or closes in the middle of a value, moves every border behind
it: two such slips in one column even cancel out, and rows vanish without an error. Parsers are
silent about both. Text is checked in blocks, at the speed of NumPy; only a block with something odd
is walked quote by quote.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

import numpy as np

_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)


class _State(Enum):
    OUTSIDE = "outside"
    INSIDE = "inside"
    CLOSING = "closing"
    """A quote inside was the block's last byte: it closed, or it is the first of two."""


class QuoteWatch:
    """Follows the quotes of one file, block by block.

    Parameters
    ----------
    separator, quote
        One ASCII character each.
    escapes
        Whether a backslash takes a quote's meaning (Spark, MySQL).

    Attributes
    ----------
    opened_at
        The offset in bytes of the quote that is open, or was the last to open.
    """

    def __init__(self, separator: str, quote: str = '"', *, escapes: bool = False) -> None:
        self._quote = ord(quote)
        self._mark = quote.encode()
        self._borders = frozenset(separator.encode() + b"\r\n")
        self._is_border = np.zeros(256, dtype=bool)
        self._is_border[list(self._borders)] = True
        self._escapes = escapes
        self._escape_open = False
        self._state = _State.OUTSIDE
        self._previous = ord("\n")
        self._offset = 0
        self.opened_at = 0

    @property
    def unclosed(self) -> bool:
        """Whether the text so far ends inside quotes."""
        return self._state is _State.INSIDE

    def feed(self, block: bytes) -> int | None:
        """Follow the next bytes.

        Returns
        -------
        int or None
            The offset in bytes, from the beginning of the file, of text directly behind a closing
            quote; None when all is well.
        """
        if self._escapes:
            block = self._masked(block)
        bad = None
        if block and (self._state is not _State.OUTSIDE or self._mark in block):
            bad = self._follow(block)
        if block:
            self._previous = block[-1]
        self._offset += len(block)
        return bad

    def _masked(self, block: bytes) -> bytes:
        """Replace each escaped pair by letters, across blocks; the length stays."""
        if self._escape_open and block:
            block = b"x" + block[1:]
        masked = _ESCAPED.sub(b"xx", block)
        self._escape_open = masked.endswith(b"\\")
        return masked

    def _follow(self, block: bytes) -> int | None:
        begin = 0
        if self._state is _State.CLOSING:
            if block[0] == self._quote:
                self._state, begin = _State.INSIDE, 1
            elif block[0] in self._borders:
                self._state = _State.OUTSIDE
            else:
                return self._offset
        if self._regular(block, begin):
            return None
        return self._walk(block, begin)

    def _regular(self, block: bytes, begin: int) -> bool:
        """Follow a block in which every quote stands at a border or beside a quote."""
        data = np.frombuffer(block, dtype=np.uint8)
        at = np.flatnonzero(data[begin:] == self._quote) + begin
        if not at.size:
            return True
        first = 1 if self._state is _State.INSIDE else 0
        opening, closing = at[first::2], at[1 - first :: 2]
        before = data[opening - 1]
        if opening.size and opening[0] == 0:
            before[0] = self._previous
        doubled = np.diff(at, prepend=-2)[first::2] == 1
        if not (self._is_border[before] | doubled).all():
            return False
        inner = closing[closing < len(block) - 1]
        after = data[inner + 1]
        if not (self._is_border[after] | (after == self._quote)).all():
            return False
        if opening.size:
            self.opened_at = self._offset + int(opening[-1])
        if (at.size + first) % 2:
            self._state = _State.INSIDE
        else:
            closes_last = int(at[-1]) == len(block) - 1
            self._state = _State.CLOSING if closes_last else _State.OUTSIDE
        return True

    def _walk(self, block: bytes, begin: int) -> int | None:
        """Follow a block quote by quote: a quote inside an unquoted value is plain text."""
        position = begin
        while (at := block.find(self._mark, position)) >= 0:
            position = at + 1
            if self._state is _State.OUTSIDE:
                before = block[at - 1] if at else self._previous
                if before in self._borders:
                    self._state = _State.INSIDE
                    self.opened_at = self._offset + at
            elif position == len(block):
                self._state = _State.CLOSING
            elif block[position] == self._quote:
                position += 1
            elif block[position] in self._borders:
                self._state = _State.OUTSIDE
            else:
                return self._offset + position
        return None
