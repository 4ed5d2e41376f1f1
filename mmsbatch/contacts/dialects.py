"""How a CSV is written: its separator, its header, and its quotes followed. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from mmsbatch import hints
from mmsbatch.errors import ContactsError

SEPARATORS: Final = {";": "';'", ",": "','", "\t": "tab", "|": "'|'"}
"""Those that are tried, the French norm first, as messages name them."""

NO_SEPARATOR: Final = "\x1f"
"""For a file of one column: a character that no text has."""

_SAMPLE_CHARACTERS: Final = 100_000  # below the csv module's limit for one value
_SAMPLE_RECORDS: Final = 200
_LIKELY: Final = 0.8


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written."""

    separator: str
    quote: str
    escapes: bool
    names: tuple[str, ...]
    skipped: int
    """What stands above the header, in bytes of UTF-8."""
    body: int
    """Where the first record begins, in bytes of UTF-8."""
    first_line: int
    """The line of the first record, counted from 1."""
    header_line: int


def dialect(first: bytes, separator: str | None, label: str, header: int | None = None) -> Dialect:
    """Find out how a CSV is written.

    Parameters
    ----------
    first
        Its first block as UTF-8, at least the whole header.
    separator
        The separator if the caller knows it.
    label
        The file's name for messages.
    header
        The line of the header, from 1; None for the first that is not blank.

    Raises
    ------
    ContactsError
        No text at all; a separator that cannot be one, or is not this file's; no such line.
    """
    whole = first.decode("utf-8", "ignore")  # the block may end within a letter
    skipped, hint = _preamble(whole)
    if header is not None:
        skipped = _line_start(whole, header, label)
    text = whole[skipped:]
    separator = _given(separator) or hint
    line = text[: text.find("\n")].strip()
    quote = "'" if len(line) > 1 and line[0] == line[-1] == "'" and '"' not in line else '"'
    likely = separate(text[:_SAMPLE_CHARACTERS], quote)
    chosen = separator or likely
    escapes = _escapes(first, chosen, quote)
    names, characters, lines = _header(text, chosen, quote, escapes=escapes, label=label)
    if separator and len(names) == 1 and likely not in {separator, NO_SEPARATOR}:
        raise ContactsError(
            f"{label}: separated by {named(separator)} it has one column only, {names[0]!r}. "
            f"The separator seems to be {named(likely)}: pass that, or leave separator out."
        )
    above = len(whole[:skipped].splitlines())
    return Dialect(
        separator=chosen,
        quote=quote,
        escapes=escapes,
        names=tuple(names),
        skipped=len(whole[:skipped].encode()),
        body=len(whole[: skipped + characters].encode()),
        first_line=above + lines + 1,
        header_line=above + 1,
    )


def separate(sample: str, quote: str = '"') -> str:
    """Name the separator under which most records have as many values as the header."""
    best, best_score = NO_SEPARATOR, (0.0, 0)
    titled = NO_SEPARATOR
    for candidate in SEPARATORS:
        counts = _counts(sample, candidate, quote)
        if not counts:
            continue
        width = counts[0]
        score = (round(counts.count(width) / len(counts), 2), width)
        if width > 1 and score > best_score:
            best, best_score = candidate, score
        usual, times = Counter(counts[1:]).most_common(1)[0] if counts[1:] else (1, 0)
        if usual > 1 and times >= _LIKELY * (len(counts) - 1) and times > 1:
            titled = candidate  # a title stands above the header; the reader will name its line
    return best if best != NO_SEPARATOR else titled


def records(lines: Iterable[str], separator: str, quote: str, *, escapes: bool) -> Any:
    """Read records the slow way, which knows their lines (``line_num``)."""
    return csv.reader(
        lines, delimiter=separator, quotechar=quote, escapechar="\\" if escapes else None
    )


def _counts(sample: str, separator: str, quote: str) -> list[int]:
    """Return how many values each of the first records has; blank lines have none."""
    counts: list[int] = []
    reader = records(io.StringIO(sample, newline=""), separator, quote, escapes=False)
    for record in reader:
        if record:
            counts.append(len(record))
        if len(counts) >= _SAMPLE_RECORDS:
            return counts
    if len(sample) == _SAMPLE_CHARACTERS and len(counts) > 1:
        counts.pop()  # cut by the end of the sample
    return counts


def _preamble(text: str) -> tuple[int, str | None]:
    """Measure blank lines and Excel's ``sep=;`` line above the header; return what it says."""
    blank = len(text) - len(text.lstrip("\r\n"))
    line = text[blank : text.find("\n", blank) + 1]
    stated = line.rstrip("\r\n")
    if stated.lower().startswith("sep=") and len(stated) == len("sep=;") and stated.isascii():
        return blank + len(line), stated[-1]
    return blank, None


def _line_start(text: str, line: int, label: str) -> int:
    """Return where a line begins, in characters."""
    if line < 1:
        raise ContactsError(f"{hints.option('header', line)}: lines are counted from 1.")
    lines = text.splitlines(keepends=True)
    if line > len(lines):
        raise ContactsError(f"{label}: has no line {line} to be the header: it has {len(lines)}.")
    return sum(map(len, lines[: line - 1]))


def _given(separator: str | None) -> str | None:
    """Check the separator that the caller gave."""
    if separator == "\\t":  # as a shell passes it
        return "\t"
    if separator is not None and (
        len(separator) != 1 or not separator.isascii() or separator in "\r\n\"'\0"
    ):
        raise ContactsError(
            f"{hints.option('separator', separator)} cannot separate. Give one character, "
            "such as ';', or leave it out to have it found out."
        )
    return separator


def _escapes(first: bytes, separator: str, quote: str) -> bool:
    """Return whether quotes are escaped by a backslash: only if nothing else makes sense."""
    if b"\\" + quote.encode() not in first:
        return False
    plain = QuoteWatch(separator, quote)
    escaped = QuoteWatch(separator, quote, escapes=True)
    return plain.feed(first) is not None and escaped.feed(first) is None


def _header(
    text: str, separator: str, quote: str, *, escapes: bool, label: str
) -> tuple[list[str], int, int]:
    """Return the first record, its length in characters and in lines."""
    source = io.StringIO(text, newline="")
    reader = records(source, separator, quote, escapes=escapes)
    try:
        names: list[str] = next(reader, [])
    except csv.Error as error:  # a "name" of more than 128 KB
        raise ContactsError(
            f"{label}: a quote that opens in the header never closes. Export the file again."
        ) from error
    if not names:
        raise ContactsError(
            f"{label}: is empty. The first line of a CSV has the names of the columns."
        )
    return names, source.tell(), reader.line_num


def named(separator: str) -> str:
    """Write a separator for a message."""
    return SEPARATORS.get(separator, repr(separator))


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
