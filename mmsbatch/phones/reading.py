"""A column of texts read as French mobile numbers: number, problem, repairs, detail. Pure (§1.4).

Three readings, each for what the one before left: the usual notations; the damaged and the foreign
ones, still all at once; and single texts, each distinct one once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mmsbatch.phones.abroad import MAX_DIGITS, NO_DIGIT, other_numbers
from mmsbatch.phones.notation import (
    BLANK,
    END,
    MORE_SEPARATORS,
    SEPARATORS,
    Cells,
    French,
    delete,
    join,
    read_french,
    to_ascii,
)
from mmsbatch.phones.numbering import NSN_DIGITS, numbering
from mmsbatch.phones.oddities import simplify
from mmsbatch.phones.places import NO_DETAIL
from mmsbatch.phones.words import PROBLEM_CODE, REPAIR_BIT, SENDABLE

ROWS_AT_ONCE: Final = 1 << 16
"""Rows of one pass: its arrays stay in the processor's cache."""

NO_NUMBER: Final = -1
_UNREAD: Final = -2


@dataclass(frozen=True)
class Phones:
    """Verdicts on a column, one per row.

    All arrays have the column's length.
    """

    numbers: npt.NDArray[np.int64]
    """National significant number of a French mobile (612345678), or -1."""
    problems: npt.NDArray[np.int8]
    """Place of the problem in ``PROBLEMS``; -1 for none."""
    repairs: npt.NDArray[np.uint8]
    """Bits of ``REPAIR_BIT``; 0 for none."""
    details: npt.NDArray[np.int16]
    """What ``detail_name`` writes out; -1 for none."""

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: npt.NDArray[Any]) -> Phones:
        """Verdicts of the given rows; a row of -1 is a missing cell."""
        absent = rows < 0
        if not len(self):
            return unread(len(rows), PROBLEM_CODE["missing"])
        taken = Phones(
            self.numbers[rows], self.problems[rows], self.repairs[rows], self.details[rows]
        )
        taken.numbers[absent] = NO_NUMBER
        taken.problems[absent] = PROBLEM_CODE["missing"]
        taken.repairs[absent] = 0
        taken.details[absent] = NO_DETAIL
        return taken


def unread(rows: int, problem: int = _UNREAD) -> Phones:
    """Verdicts that hold one problem and nothing else."""
    return Phones(
        np.full(rows, NO_NUMBER, np.int64),
        np.full(rows, problem, np.int8),
        np.zeros(rows, np.uint8),
        np.full(rows, NO_DETAIL, np.int16),
    )


def read_texts(values: pa.ChunkedArray, *, fictional: bool = False) -> Phones:
    """Read a column of texts.

    Parameters
    ----------
    values : pyarrow.ChunkedArray of large_string
        Any texts; missing ones get the problem ``missing``.
    fictional : bool
        Whether 06 39 98 xx xx can be sent (to the sandbox gateway only).

    Source: §1.4.
    """
    phones = unread(len(values))
    done = 0
    for cells in _pieces(values):
        rows = slice(done, done + len(cells))
        _read(cells, _part(phones, rows), odd=True)
        done += len(cells)
    if fictional:
        phones.problems[phones.problems == PROBLEM_CODE["fictional"]] = SENDABLE
    sendable = phones.problems == SENDABLE
    phones.numbers[~sendable] = NO_NUMBER
    phones.repairs[~sendable] = 0
    return phones


def _pieces(values: pa.ChunkedArray) -> Iterator[pa.LargeStringArray]:
    for chunk in values.chunks:
        for start in range(0, len(chunk), ROWS_AT_ONCE):
            yield chunk.slice(start, ROWS_AT_ONCE)


def _part(phones: Phones, rows: slice) -> Phones:
    """Give the verdicts of some rows, as views to be filled."""
    return Phones(
        phones.numbers[rows], phones.problems[rows], phones.repairs[rows], phones.details[rows]
    )


# ----- the usual notations ------------------------------------------------------------------------


def _read(values: pa.LargeStringArray, into: Phones, *, odd: bool) -> None:
    """Fill in the verdicts of one pass. ``odd``: single texts may be simplified and read again."""
    joined = join(values)
    cells = delete(joined, SEPARATORS)
    french = read_french(cells)
    read = french.form > 0

    offsets = np.frombuffer(values.buffers()[1], np.int64)
    lengths = np.diff(offsets[values.offset : values.offset + len(values) + 1])
    removed = lengths - (cells.ends - cells.starts)
    # 61234567.8 and 061234567.0 are nine and ten digits only when the dot is overlooked.
    doubtful = read & ((french.like_a_quantity & (removed > 0)) | (removed == 1))
    read &= ~doubtful
    _settle(into, read, french)
    if not read.all():
        left = np.flatnonzero(~read)
        rest = unread(len(left))
        _read_unusual(values.take(pa.array(left)), rest, odd=odd)
        into.numbers[left] = rest.numbers
        into.problems[left] = rest.problems
        into.repairs[left] = rest.repairs
        into.details[left] = rest.details


def _settle(into: Phones, rows: npt.NDArray[np.bool_], french: French, repair: int = 0) -> None:
    """Give the rows the verdict of the numbering plan on their nine digits."""
    plan = numbering()
    prefix = np.where(rows, plan.prefix(french.numbers), 0)
    np.copyto(into.numbers, french.numbers, where=rows)
    np.copyto(into.problems, plan.problem[prefix], where=rows)
    repairs = np.uint8(repair) + french.bare * np.uint8(REPAIR_BIT["leading_zero_restored"])
    np.bitwise_or(into.repairs, repairs, out=into.repairs, where=rows)
    territories = plan.territories[prefix]
    np.copyto(into.details, territories, where=rows & (territories > 0))


# ----- damaged and foreign ones -------------------------------------------------------------------


def _read_unusual(values: pa.LargeStringArray, into: Phones, *, odd: bool) -> None:
    plain = to_ascii(join(values))
    data = np.frombuffer(plain.data, np.uint8)
    ends = np.flatnonzero(data == END)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if len(plain.digits):
        into.repairs[np.searchsorted(ends, plain.digits)] |= REPAIR_BIT["other_digits_read"]

    floats = _read_floats(data, starts, ends, into)
    cells = delete(plain.data, MORE_SEPARATORS)
    french = read_french(cells)
    dots = np.add.reduceat((data == ord(".")).astype(np.int32), starts)
    second = data[np.minimum(starts + 1, ends)] - np.uint8(ord("1"))
    negative = (data[starts] == ord("-")) & (second < 9)  # noqa: PLR2004  (1 to 9)
    quantity = french.like_a_quantity & (negative | (dots == 1))
    into.problems[(french.form > 0) & (quantity | floats)] = PROBLEM_CODE["malformed"]
    _settle(into, (french.form > 0) & (into.problems == _UNREAD), french)

    if b"o" in plain.data or b"O" in plain.data:
        zeros = delete(plain.data, MORE_SEPARATORS, bytes.maketrans(b"oO", b"00"))
        french = read_french(zeros)
        rows = (french.form > 0) & (into.problems == _UNREAD)
        _settle(into, rows, french, REPAIR_BIT["letter_o_read_as_zero"])

    if (into.problems == _UNREAD).any():
        _read_digits(cells, into)
    left = np.flatnonzero(into.problems == _UNREAD)
    if len(left) and odd:
        _read_odd(values.take(pa.array(left)), left, into)
    into.problems[into.problems == _UNREAD] = PROBLEM_CODE["malformed"]


def _read_floats(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    into: Phones,
) -> npt.NDArray[np.bool_]:
    """Read 612345678.0, and tell which cells are written so, read or not."""
    padded = np.concatenate([np.full(3, END, np.uint8), data])  # cells may be shorter than .00
    last, second, third = padded[ends + 2], padded[ends + 1], padded[ends]
    zero = last == ord("0")
    one = zero & ((second == ord(".")) | (second == ord(",")))
    two = zero & (second == ord("0")) & ((third == ord(".")) | (third == ord(",")))
    if not (one | two).any():
        return one
    cut = data.copy()
    cut[ends[one | two] - 1] = BLANK
    cut[ends[one | two] - 2] = BLANK
    cut[ends[two] - 3] = BLANK
    french = read_french(delete(cut.tobytes(), bytes([BLANK])))
    _settle(into, (one | two) & (french.form > 0), french, REPAIR_BIT["float_suffix_removed"])
    # 06.12.34.56.70 ends in two digits after a dot as well: only one dot makes a decimal number.
    dots = np.add.reduceat(
        (np.isin(data, np.frombuffer(b" .,-/", np.uint8))).astype(np.int32), starts
    )
    return (one | two) & (dots == 1)


def _read_digits(cells: Cells, into: Phones) -> None:
    """Settle cells that are digits alone, or digits after a +, and no French number."""
    data, starts = cells.data, cells.starts
    lengths = cells.ends - starts
    is_digit = (data - np.uint8(ord("0"))) < 10  # noqa: PLR2004
    plus = data[starts] == ord("+")
    waiting = into.problems == _UNREAD
    into.problems[waiting & (lengths == 0)] = PROBLEM_CODE["missing"]
    count = np.add.reduceat(is_digit, starts, dtype=np.int64)
    rows = np.flatnonzero(waiting & (count > 0) & (count == lengths - plus))
    if not len(rows):
        return
    place = np.arange(MAX_DIGITS)
    at = np.minimum((starts[rows] + plus[rows])[:, None] + place, len(data) - 1)
    digits = np.where(place < count[rows, None], data[at] - np.uint8(ord("0")), NO_DIGIT)
    problems, details = other_numbers(digits.astype(np.int64), count[rows], plus[rows])
    # 18 digits and more may be two numbers written in other ways: each is looked at by itself.
    unclear = (problems == PROBLEM_CODE["malformed"]) & (count[rows] >= 2 * NSN_DIGITS)
    into.problems[rows] = np.where(unclear, _UNREAD, problems)
    into.details[rows] = details


# ----- single texts -------------------------------------------------------------------------------


def _read_odd(values: pa.LargeStringArray, left: npt.NDArray[np.int64], into: Phones) -> None:
    encoded = values.dictionary_encode()
    which = encoded.indices.to_numpy()
    simpler = [simplify(text) for text in encoded.dictionary.to_pylist()]
    again = unread(len(simpler))
    texts = [s.text if s.problem is None else None for s in simpler]
    _read(pa.array(texts, pa.large_string()), again, odd=False)
    for place, (problem, _, repair) in enumerate(simpler):
        if problem is not None:
            again.problems[place] = PROBLEM_CODE[problem]
        again.repairs[place] |= repair
    into.numbers[left] = again.numbers[which]
    into.problems[left] = again.problems[which]
    into.repairs[left] |= again.repairs[which]
    into.details[left] = again.details[which]
