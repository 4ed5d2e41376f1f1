"""A column of texts read as French mobile numbers: number, problem, repairs, detail. Pure (§1.4).

Three readings, each for what the one before left: the usual notations; the damaged and the foreign
ones, still all at once; and single texts, each distinct one once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mmsbatch.phones.abroad import MAX_DIGITS, NO_DETAIL, NO_DIGIT, other_numbers
from mmsbatch.phones.irregular import numbers_in, simplify
from mmsbatch.phones.notation import (
    BLANK,
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
from mmsbatch.phones.problems import PROBLEM_CODE, REPAIR_BIT, SENDABLE

ROWS_AT_ONCE: Final = 1 << 14
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
    _in_pieces(_read_usual, values, phones)
    if values.null_count:
        phones.problems[values.is_null().to_numpy()] = PROBLEM_CODE["missing"]
    _left_to(_read_damaged, values, phones)
    _left_to(_read_singly, values, phones)
    phones.problems[phones.problems == _UNREAD] = PROBLEM_CODE["malformed"]
    _settle_several(values, phones)

    plan = numbering()
    if fictional:
        phones.problems[phones.problems == PROBLEM_CODE["fictional"]] = SENDABLE
    overseas = np.flatnonzero((phones.problems == PROBLEM_CODE["overseas"]) & (phones.numbers > 0))
    phones.details[overseas] = plan.territories[plan.prefix(phones.numbers[overseas])]
    not_sendable = phones.problems != SENDABLE
    phones.numbers[not_sendable] = NO_NUMBER
    phones.repairs[not_sendable] = 0
    return phones


Reader = Callable[[pa.LargeStringArray, Phones], None]
"""Fills in those verdicts, unread before, that it can tell."""


def _in_pieces(reader: Reader, values: pa.ChunkedArray, phones: Phones) -> None:
    done = 0
    for chunk in values.chunks:
        for start in range(0, len(chunk), ROWS_AT_ONCE):
            cells = chunk.slice(start, ROWS_AT_ONCE)
            rows = slice(done, done + len(cells))
            part = Phones(
                phones.numbers[rows],
                phones.problems[rows],
                phones.repairs[rows],
                phones.details[rows],
            )
            reader(cells, part)
            done += len(cells)


def _left_to(reader: Reader, values: pa.ChunkedArray, phones: Phones) -> None:
    """Have a reader look at the rows that are still unread."""
    left = np.flatnonzero(phones.problems == _UNREAD)
    if not len(left):
        return
    rest = unread(len(left))
    rest.repairs[:] = phones.repairs[left]
    _in_pieces(reader, values.take(pa.array(left)), rest)
    phones.numbers[left] = rest.numbers
    phones.problems[left] = rest.problems
    phones.repairs[left] = rest.repairs
    phones.details[left] = rest.details


# ----- the usual notations ------------------------------------------------------------------------


def _read_usual(values: pa.LargeStringArray, into: Phones) -> None:
    cells = delete(join(values), SEPARATORS)
    french = read_french(cells)
    offsets = np.frombuffer(values.buffers()[1], np.int64)
    lengths = np.diff(offsets[values.offset : values.offset + len(values) + 1])
    removed = lengths - (cells.ends - cells.starts)
    # 61234567.8 and 061234567.0 are nine and ten digits only when the dot is overlooked.
    doubtful = (french.like_a_quantity & (removed > 0)) | (removed == 1)
    rows = french.found & ~doubtful
    plan = numbering()
    np.multiply(french.numbers, rows, out=into.numbers)
    into.problems[:] = np.where(rows, plan.problem.take(plan.prefix(into.numbers)), _UNREAD)
    into.repairs[:] = (french.bare & rows) * np.uint8(REPAIR_BIT["leading_zero_restored"])


def _settle(into: Phones, rows: npt.NDArray[np.bool_], french: French, repair: int = 0) -> None:
    """Return some rows the verdict of the numbering plan on their nine digits."""
    plan = numbering()
    numbers = np.where(rows, french.numbers, 0)
    np.copyto(into.numbers, numbers, where=rows)
    np.copyto(into.problems, plan.problem[plan.prefix(numbers)], where=rows)
    repairs = french.bare * np.uint8(REPAIR_BIT["leading_zero_restored"]) | np.uint8(repair)
    np.bitwise_or(into.repairs, repairs, out=into.repairs, where=rows)


# ----- damaged and foreign ones -------------------------------------------------------------------


def _read_damaged(values: pa.LargeStringArray, into: Phones) -> None:
    plain = to_ascii(join(values))
    raw = Cells.of(plain.joined)
    into.repairs[plain.other_digits] |= REPAIR_BIT["other_digits_read"]
    decimal = _read_floats(raw, into)
    cells = delete(plain.joined, MORE_SEPARATORS)
    french = read_french(cells)
    figure = decimal | (french.like_a_quantity & _is_figure(raw, cells))
    into.problems[_waiting(into) & french.found & figure] = PROBLEM_CODE["malformed"]
    _settle(into, _waiting(into) & french.found, french)

    if b"o" in plain.joined or b"O" in plain.joined:
        french = read_french(delete(plain.joined, MORE_SEPARATORS, bytes.maketrans(b"oO", b"00")))
        rows = _waiting(into) & french.found
        _settle(into, rows, french, REPAIR_BIT["letter_o_read_as_zero"])
    if b"(0)" in plain.joined:  # +41 (0)79: the zero is for callers inside the country
        cells = delete(plain.joined.replace(b"(0)", b""), MORE_SEPARATORS)
    _read_digits(cells, into)


def _is_figure(raw: Cells, cells: Cells) -> npt.NDArray[np.bool_]:
    """Return what could be a figure: one point, between digits, or a minus and digits alone."""
    digit = _is_digit(raw.data)
    points = raw.data == ord(".")
    points[1:-1] &= digit[:-2] & digit[2:]
    removed = (raw.ends - raw.starts) - (cells.ends - cells.starts)
    minus = (raw.data[raw.starts] == ord("-")) & (removed == 1)
    return np.asarray((raw.tally(points) == 1) | minus)


def _is_digit(chars: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.asarray((chars - np.uint8(ord("0"))) < 10)  # noqa: PLR2004  (0 to 9)


def _waiting(phones: Phones) -> npt.NDArray[np.bool_]:
    return np.asarray(phones.problems == _UNREAD)


def _read_floats(raw: Cells, into: Phones) -> npt.NDArray[np.bool_]:
    """Read 612345678.0, and tell which cells are written so, read or not."""
    # Zeros after one point or comma, and nothing else between the digits: 06.12.34.56.70 is none.
    last, second, third = (raw.data[raw.ends - place] for place in (1, 2, 3))
    zero = last == ord("0")
    one = zero & _is_point(second)
    two = zero & (second == ord("0")) & _is_point(third)
    rows = np.flatnonzero(one | two)
    decimal = np.zeros(len(raw.ends), bool)
    if not len(rows):
        return decimal
    decimal[rows] = raw.tally(_IS_SEPARATOR[raw.data])[rows] == 1
    cut = raw.data.copy()
    cut[raw.ends[one | two] - 1] = BLANK
    cut[raw.ends[one | two] - 2] = BLANK
    cut[raw.ends[two] - 3] = BLANK
    french = read_french(delete(cut.tobytes(), bytes([BLANK])))
    _settle(into, decimal & french.found, french, REPAIR_BIT["float_suffix_removed"])
    return decimal


def _is_point(chars: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.asarray((chars == ord(".")) | (chars == ord(",")))


_IS_SEPARATOR: Final = np.isin(
    np.arange(256), np.frombuffer((SEPARATORS + b",").replace(bytes([BLANK]), b""), np.uint8)
)


def _read_digits(cells: Cells, into: Phones) -> None:
    """Settle cells that are digits alone, or digits after a +, and no French number."""
    data, starts = cells.data, cells.starts
    lengths = cells.ends - starts
    plus = data[starts] == ord("+")
    into.problems[_waiting(into) & (lengths == 0)] = PROBLEM_CODE["missing"]
    count = cells.tally(_is_digit(data))
    rows = np.flatnonzero(_waiting(into) & (count > 0) & (count == lengths - plus))
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


def _read_singly(values: pa.LargeStringArray, into: Phones) -> None:
    encoded = values.dictionary_encode()
    which = encoded.indices.to_numpy()
    again = _read_simplified(encoded.dictionary.to_pylist())
    into.numbers[:] = again.numbers[which]
    into.problems[:] = again.problems[which]
    into.repairs[:] |= again.repairs[which]
    into.details[:] = again.details[which]


def _read_simplified(distinct: list[str]) -> Phones:
    """Read texts one by one, as far as each is a single number."""
    simpler = [simplify(text) for text in distinct]
    texts = pa.array([text for _, text, _ in simpler], pa.large_string())
    again = unread(len(simpler))
    _in_pieces(_read_usual, pa.chunked_array([texts]), again)
    _left_to(_read_damaged, pa.chunked_array([texts]), again)
    for place, (problem, _, _) in enumerate(simpler):
        if problem is not None:
            again.problems[place] = PROBLEM_CODE[problem]
    again.repairs[:] |= np.array([repair for _, _, repair in simpler], np.uint8)
    return again


_MOBILE: Final = (SENDABLE, PROBLEM_CODE["fictional"])
_NO_MOBILE: Final = [PROBLEM_CODE[word] for word in ("landline", "premium", "overseas", "foreign")]
"""What another number of a cell may be, so that it is not the one that is meant."""


def _settle_several(values: pa.ChunkedArray, into: Phones) -> None:
    """Settle cells of several numbers in which one French mobile alone can be meant."""
    rows = np.flatnonzero(into.problems == PROBLEM_CODE["several_numbers"])
    if not len(rows):
        return
    encoded = values.take(pa.array(rows)).combine_chunks().dictionary_encode()
    which = encoded.indices.to_numpy()
    texts = encoded.dictionary.to_pylist()
    parts = [numbers_in(text) for text in texts]
    read = _read_simplified([part for one in parts for part in one])
    settled = unread(len(texts), PROBLEM_CODE["several_numbers"])
    start = 0
    for place, one in enumerate(parts):
        _settle_cell(read.take(np.arange(start, start + len(one))), place, settled)
        start += len(one)
    into.numbers[rows] = settled.numbers[which]
    into.problems[rows] = settled.problems[which]
    into.repairs[rows] |= settled.repairs[which]


def _settle_cell(numbers: Phones, place: int, into: Phones) -> None:
    """Settle one cell by its numbers: the only mobile is meant if all others are none."""
    mobile = np.isin(numbers.problems, _MOBILE)
    if len(set(numbers.numbers[mobile].tolist())) != 1:
        return
    if not np.isin(numbers.problems[~mobile], _NO_MOBILE).all():
        return
    into.numbers[place] = numbers.numbers[mobile][0]
    into.problems[place] = numbers.problems[mobile][0]
    into.repairs[place] |= np.bitwise_or.reduce(numbers.repairs[mobile])
    if mobile.sum() > 1:
        into.repairs[place] |= np.uint8(REPAIR_BIT["same_number_twice"])
    if not mobile.all():
        into.repairs[place] |= np.uint8(REPAIR_BIT["other_number_left_out"])
