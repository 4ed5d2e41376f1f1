"""CSV and its like as text, streamed: Arrow parses, quotes are watched, errors name their line.

The happy path makes one pass and holds a few blocks. Only when something is wrong the file is read
a second time, slowly, to say on which line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import BinaryIO, Final, NoReturn

import pyarrow as pa
import pyarrow.csv as pa_csv

from mmsbatch.contacts.dialects import (
    NO_SEPARATOR,
    Dialect,
    QuoteWatch,
    dialect,
    named,
    records,
    separate,
)
from mmsbatch.contacts.encodings import utf8_blocks
from mmsbatch.contacts.formats import choose
from mmsbatch.contacts.header import Header
from mmsbatch.errors import ContactsError

PARSE_BYTES: Final = 1 << 20
"""What Arrow parses at a time; one record must fit."""

_HEAD_BYTES: Final = 1 << 16
"""Below the header, looked at for a better one."""


class DelimitedFile:
    """One CSV.

    Parameters
    ----------
    opener
        Opens the file anew, as bytes without compression.
    label
        The file's name for messages.
    separator, encoding, header
        None to find them out; `header` is its line, from 1.

    Attributes
    ----------
    names : list of str
        The header.

    Raises
    ------
    ContactsError
        While it is made: an empty file, a wrong separator or encoding, unusable names.
    """

    def __init__(
        self,
        opener: Callable[[], BinaryIO],
        label: str,
        separator: str | None = None,
        encoding: str | None = None,
        header: int | None = None,
    ) -> None:
        self._opener, self._label, self._encoding = opener, label, encoding
        with opener() as file:
            first = next(utf8_blocks(file, encoding, label), b"")
        self._dialect = dialect(first, separator, label, header)
        self._header = Header(
            self._dialect.names,
            f"{label}, line {self._dialect.header_line}",
            self._first_records(first) if header is None else (),
        )
        self.names = self._header.names

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the records of these columns in pieces, all text; empty is null.

        Raises
        ------
        ContactsError
            A ragged line, an unclosed quote, bytes that are no text; each with its line.
        """
        wanted = choose(columns, self.names, self._label)
        unnamed, physical = self._header.unnamed, self._header.physical
        with self._opener() as file:
            try:
                body = _Body(utf8_blocks(file, self._encoding, self._label), self._dialect)
                if body.empty:
                    body.check_closed()
                    return
                with pa_csv.open_csv(
                    body,
                    read_options=pa_csv.ReadOptions(column_names=physical, block_size=PARSE_BYTES),
                    parse_options=pa_csv.ParseOptions(
                        delimiter=self._dialect.separator,
                        quote_char=self._dialect.quote,
                        escape_char="\\" if self._dialect.escapes else False,
                        newlines_in_values=True,
                    ),
                    convert_options=pa_csv.ConvertOptions(
                        column_types=dict.fromkeys(physical, pa.string()),
                        include_columns=[*wanted, *unnamed],
                        strings_can_be_null=True,
                        null_values=[""],
                    ),
                ) as reader:
                    for batch in reader:
                        table = pa.Table.from_batches([batch])
                        for name in unnamed:
                            if table.column(name).null_count < len(table):
                                self._header.refuse_value()
                        yield table.select(wanted)
                body.check_closed()
                self._header.say_left_out()
            except _BadQuoteError as error:
                self._fail(error)
            except pa.ArrowInvalid as error:
                self._explain(error)

    def _first_records(self, first: bytes) -> Iterator[tuple[int, list[str]]]:
        """Yield the first records below the header with their lines."""
        how = self._dialect
        text = first[how.body : how.body + _HEAD_BYTES].decode("utf-8", "ignore")
        separator = separate(text) if how.separator == NO_SEPARATOR else how.separator
        reader = records(io.StringIO(text, newline=""), separator, how.quote, escapes=how.escapes)
        line = how.first_line
        with suppress(csv.Error):
            for record in reader:
                yield line, record
                line = how.first_line + reader.line_num

    def _fail(self, problem: _BadQuoteError) -> NoReturn:
        """Name the line of a quote."""
        opened = self._line_of(problem.opened_at)
        if problem.behind_at is None:
            raise ContactsError(
                f"{self._label}: the quote that opens on line {opened} never closes. "
                "Close it, or export the file again."
            )
        line = self._line_of(problem.behind_at)
        since = "" if line == opened else f" (it opened on line {opened})"
        raise ContactsError(
            f"{self._label}: line {line} has text directly behind a closing quote{since}. "
            "A quote within a quoted value is written twice: correct the line, or export again."
        )

    def _line_of(self, offset: int) -> int:
        """Count the lines up to an offset in UTF-8 bytes behind the preamble."""
        left = offset + self._dialect.skipped
        line, carriage = 1, False
        with self._opener() as file:
            for block in utf8_blocks(file, self._encoding, self._label):
                piece = block[:left]
                line += piece.count(b"\n") + piece.count(b"\r") - piece.count(b"\r\n")
                line -= carriage and piece.startswith(b"\n")
                carriage = piece.endswith(b"\r")
                left -= len(piece)
                if left <= 0:
                    break
        return line

    def _explain(self, error: pa.ArrowInvalid) -> NoReturn:
        """Find the line that Arrow could not read."""
        expected = len(self._header.physical)
        self._check_quotes()  # first: what looks like a short line is often their doing
        with self._opener() as file:
            try:
                body = _Body(utf8_blocks(file, self._encoding, self._label), self._dialect)
                for line, found in _widths(body, self._dialect):
                    if found not in {expected, 0}:
                        raise ContactsError(self._ragged(line, expected, found))
            except csv.Error:  # a value longer than its limit
                pass
        raise ContactsError(
            f"{self._label}: one record is longer than {PARSE_BYTES:,} bytes: is a quote not "
            "closed? Correct it, or export the file again."
        ) from error

    def _check_quotes(self) -> None:
        """Follow the quotes of the whole file."""
        with self._opener() as file:
            try:
                body = _Body(utf8_blocks(file, self._encoding, self._label), self._dialect)
                while body.read(PARSE_BYTES):
                    pass
                body.check_closed()
            except _BadQuoteError as problem:
                self._fail(problem)

    def _ragged(self, line: int, expected: int, found: int) -> str:
        """Word the error of a line with too many or too few values."""
        if expected == 1:
            advice = "Is there a title above the header?"
            advice += self._header.advice() or " Delete it."
        elif found > expected:
            advice = f"A value that contains {named(self._dialect.separator)} must stand in quotes."
        else:
            advice = "A value is missing, or a line was cut."
        return (
            f"{self._label}: line {line} has {_count(found, 'value')}, the header "
            f"{_count(expected, 'column')}. {advice} Read like this, values would stand beside the "
            "wrong person."
        )


class _BadQuoteError(Exception):
    """A quote out of place, by offsets; becomes a ContactsError with its line."""

    def __init__(self, opened_at: int, behind_at: int | None) -> None:
        super().__init__(opened_at, behind_at)
        self.opened_at, self.behind_at = opened_at, behind_at


class _Body(io.RawIOBase):
    """The records of a CSV as UTF-8, with its quotes watched from the header on."""

    def __init__(self, blocks: Iterator[bytes], how: Dialect) -> None:
        super().__init__()
        self._watch = QuoteWatch(how.separator, how.quote, escapes=how.escapes)
        first = next(blocks, b"")
        self._blocks = chain([first[how.skipped :]], blocks)
        self._left = memoryview(b"")
        self._next()
        self._left = self._left[how.body - how.skipped :]
        while not bytes(self._left).strip(b"\r\n"):
            if not self._next():
                break
        self.empty = not bytes(self._left).strip(b"\r\n")

    def _next(self) -> bool:
        """Take the next block."""
        block = next(self._blocks, None)
        if block is None:
            return False
        behind_at = self._watch.feed(block)
        if behind_at is not None:
            raise _BadQuoteError(self._watch.opened_at, behind_at)
        self._left = memoryview(block)
        return True

    def check_closed(self) -> None:
        """Refuse a quote that is still open at the end."""
        if self._watch.unclosed:
            raise _BadQuoteError(self._watch.opened_at, None)

    def readable(self) -> bool:
        """Say yes, to pyarrow and io."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read exactly this many bytes, fewer only at the end."""
        pieces: list[memoryview] = []
        wanted = size
        while wanted and (self._left or self._next()):
            piece = self._left if wanted < 0 else self._left[:wanted]
            self._left = self._left[len(piece) :]
            pieces.append(piece)
            wanted -= len(piece) if wanted > 0 else 0
        return b"".join(pieces)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io's is untyped
        """Read into a buffer, for io."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _widths(body: _Body, how: Dialect) -> Iterator[tuple[int, int]]:
    """Yield for each record the line it begins on and how many values it has."""
    text = io.TextIOWrapper(io.BufferedReader(body), encoding="utf-8", newline="")
    limit = csv.field_size_limit(PARSE_BYTES)
    try:
        reader = records(text, how.separator, how.quote, escapes=how.escapes)
        line = how.first_line
        for record in reader:
            yield line, len(record)
            line = how.first_line + reader.line_num
    finally:
        csv.field_size_limit(limit)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
