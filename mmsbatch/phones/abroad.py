"""Digits that are no nine-digit French number: other countries, territories, machines. Pure (§1.4).

The gateway takes none of them; what is found out here is why, for the person who reads the report.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from phonenumbers import PhoneMetadata

from mmsbatch.phones.numbering import FRANCE, M2M_PREFIX, NSN_DIGITS, numbering, sequences
from mmsbatch.phones.places import (
    NO_DETAIL,
    calling_codes,
    is_overseas,
    possible_lengths,
    region_detail,
    territory_bits,
)
from mmsbatch.phones.words import PROBLEM_CODE

MAX_DIGITS: Final = 20
"""Digits of a cell that are looked at: two French numbers."""
NO_DIGIT: Final = 10

_M2M_DIGITS: Final = 13
"""Without the 0, 0700 and ten digits."""
_LEADING: Final = 4
"""Digits after a calling code that tell the countries apart that share it."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def other_numbers(
    digits: Ints, count: Ints, plus: Bools
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int16]]:
    """Say what cells of digits are that are no French number.

    Parameters
    ----------
    digits : array of shape (rows, MAX_DIGITS)
        The first digits of each cell, then ``NO_DIGIT``.
    count : array of shape (rows,)
        How many digits each cell has.
    plus : array of shape (rows,)
        Whether a + stands before them.

    Returns
    -------
    tuple of arrays of shape (rows,)
        Problem codes, and details or ``NO_DETAIL``.
    """
    problems = np.full(len(digits), PROBLEM_CODE["malformed"], np.int8)
    details = np.full(len(digits), NO_DETAIL, np.int16)
    problems[~plus & _is_short_number(digits, count)] = PROBLEM_CODE["premium"]
    problems[~plus & _is_two_numbers(digits, count)] = PROBLEM_CODE["several_numbers"]

    zeros = ~plus & (digits[:, 0] == 0) & (digits[:, 1] == 0)
    abroad = np.where(zeros[:, None], np.roll(digits, -2, axis=1), digits)
    length = np.where(zeros, count - 2, count)
    complete = length > _LEADING
    lead = np.where(complete, abroad[:, :3] @ np.array([100, 10, 1]), 0)
    code = np.where(complete, calling_codes()[np.minimum(lead, 999)], -1)
    # Exports of the territories write 262692123456; of other countries nobody could tell.
    bare = (length == 3 + NSN_DIGITS) & ((abroad[:, 3] == 6) | (abroad[:, 3] == 7))  # noqa: PLR2004
    marked = plus | zeros
    for country in np.unique(code[(code > 0) & (marked | bare)]).tolist():
        if country == FRANCE:
            continue
        width = len(str(country))
        rows = np.flatnonzero((code == country) & (marked | bare))
        if is_overseas(country):
            rows = rows[marked[rows] | (territory_bits(country) > 0)]
            problems[rows] = PROBLEM_CODE["overseas"]
        else:
            possible = possible_lengths(country) >> np.clip(length[rows] - width, 0, 62) & 1
            rows = rows[marked[rows] & (possible > 0)]
            problems[rows] = PROBLEM_CODE["foreign"]
        details[rows] = _where(country, abroad[rows, width:], length[rows] - width)
    problems[_is_m2m(abroad, length, marked)] = PROBLEM_CODE["m2m"]
    return problems, details


def _where(code: int, national: Ints, count: Ints) -> npt.NDArray[np.int16]:
    """Details of numbers behind a calling code that is not French."""
    bits = territory_bits(code)
    if bits:
        nine = np.where(count == NSN_DIGITS, national[:, :NSN_DIGITS] @ _POWERS, 0)
        plan = numbering()
        known = plan.territories[plan.prefix(np.minimum(nine, 999_999_999))] & np.uint8(bits)
        return np.where(known > 0, known, bits).astype(np.int16)
    digits = np.minimum(count, _LEADING)
    lead = np.where(np.arange(_LEADING) < digits[:, None], national[:, :_LEADING], 0)
    keys = (count * 10 + digits) * 10**_LEADING + lead @ np.array([1000, 100, 10, 1])
    unique, place = np.unique(keys, return_inverse=True)
    found = []
    for key in unique.tolist():
        length, rest = divmod(key, 10 * 10**_LEADING)
        shown, value = divmod(rest, 10**_LEADING)
        found.append(region_detail(code, f"{value:0{_LEADING}d}"[:shown], length))
    return np.array(found, np.int16)[place]


_POWERS: Final = 10 ** np.arange(NSN_DIGITS - 1, -1, -1)


def _is_m2m(abroad: Ints, length: Ints, marked: Bools) -> Bools:
    """0700 and ten digits, in any notation of France."""
    found = np.zeros(len(abroad), bool)
    pattern = [int(digit) for digit in M2M_PREFIX]
    for prefix, notation in (([0], ~marked), ([3, 3], np.ones(len(abroad), bool))):
        start = [*prefix, *pattern]
        found |= (
            notation
            & (length == len(prefix) + _M2M_DIGITS)
            & (abroad[:, : len(start)] == start).all(axis=1)
        )
    return found


def _is_two_numbers(digits: Ints, count: Ints) -> Bools:
    """Two national numbers one after the other."""
    zeros, others = digits[:, [0, 10]], digits[:, [1, 11]]
    return np.asarray((count == MAX_DIGITS) & (zeros == 0).all(axis=1) & (others > 0).all(axis=1))


@cache
def _short_numbers() -> tuple[tuple[int, Bools], ...]:
    """Which numbers of four and six digits are short numbers, by length.

    Those of five digits are for messages, and a truncated mobile looks like one.
    """
    short: Any = PhoneMetadata.short_metadata_for_region("FR")
    pattern = short.short_code.national_number_pattern
    tables = {length: np.zeros((10,) * length, bool) for length in (4, 6)}
    for sequence in sequences(pattern):
        if len(sequence) in tables:
            tables[len(sequence)][np.ix_(*sequence)] = True
    return tuple((length, table.reshape(-1)) for length, table in tables.items())


def _is_short_number(digits: Ints, count: Ints) -> Bools:
    found = np.zeros(len(digits), bool)
    for length, table in _short_numbers():
        rows = np.flatnonzero(count == length)
        found[rows] = table[digits[rows, :length] @ 10 ** np.arange(length - 1, -1, -1)]
    return found
