"""Other countries and French territories: which number is of which, and their names (§1.4)."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber

from mmsbatch.phones.numbering import (
    FRANCE,
    M2M_PREFIX,
    NATIONAL_TERRITORIES,
    NSN_DIGITS,
    numbering,
    sequences,
)
from mmsbatch.phones.problems import PROBLEM_CODE

TERRITORY_NAMES: Final = {
    "RE": "Réunion",
    "YT": "Mayotte",
    "GP": "Guadeloupe",
    "BL": "Saint Barthélemy",
    "MF": "Saint Martin",
    "GF": "French Guiana",
    "MQ": "Martinique",
    "PM": "Saint Pierre and Miquelon",
    "WF": "Wallis and Futuna",
    "PF": "French Polynesia",
    "NC": "New Caledonia",
}

NO_DETAIL: Final = -1
_TERRITORY_SETS: Final = 1 << len(NATIONAL_TERRITORIES)
_NON_GEOGRAPHIC: Final = "001"
"""What the metadata calls the region of +800, +870 and the like."""


@cache
def regions_of(code: int) -> tuple[str, ...]:
    """Regions behind a calling code; none for a code that does not exist."""
    return tuple(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ()))


@cache
def territory_bits(code: int) -> int:
    """Territories behind a calling code, as the bits of ``Numbering.territories``."""
    return sum(
        1 << bit for bit, name in enumerate(NATIONAL_TERRITORIES) if name in regions_of(code)
    )


def is_overseas(code: int) -> bool:
    """Return whether a calling code is that of a French overseas territory."""
    return any(region in TERRITORY_NAMES for region in regions_of(code))


@cache
def calling_codes() -> npt.NDArray[np.int16]:
    """Table from the first three digits after ``+`` to the calling code; -1 if there is none."""
    table = np.full(1000, -1, np.int16)
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        span = 10 ** (3 - len(str(code)))
        table[code * span : (code + 1) * span] = code
    return table


@cache
def possible_lengths(code: int) -> int:
    """Bit ``n`` is set when ``n`` digits may follow a calling code."""
    bits = 0
    for region in regions_of(code):
        metadata: Any = (
            PhoneMetadata.metadata_for_nongeo_region(code)
            if region == _NON_GEOGRAPHIC
            else PhoneMetadata.metadata_for_region(region)
        )
        for length in metadata.general_desc.possible_length:
            bits |= 1 << length
    return bits


# ----- details: one integer per name, the same for every column -----------------------------------


@cache
def _regions() -> tuple[str, ...]:
    return tuple(sorted(phonenumbers.SUPPORTED_REGIONS))


@cache
def region_detail(code: int, leading: str, length: int) -> int:
    """Detail of an international number, from its calling code and leading digits alone.

    Several countries may share a calling code: the leading digits are completed with a fixed tail,
    so that the answer depends on nothing but them.

    Parameters
    ----------
    code : int
        Calling code.
    leading : str
        First digits of the national significant number.
    length : int
        Digits of the national significant number.
    """
    regions = regions_of(code)
    region: str | None = regions[0]
    if len(regions) > 1:
        completed = (leading + "23456789012345678")[:length]
        number = PhoneNumber(
            country_code=code,
            national_number=int(completed),
            italian_leading_zero=True if completed.startswith("0") else None,
        )
        region = phonenumbers.region_code_for_number(number) or regions[0]
    if region == _NON_GEOGRAPHIC:
        return _TERRITORY_SETS + len(_regions()) + code
    return _TERRITORY_SETS + _regions().index(region)


def detail_name(detail: int) -> str:
    """Write a detail out: territories (bits) below 256, then regions, then bare calling codes."""
    if detail < _TERRITORY_SETS:
        names = [
            TERRITORY_NAMES[region]
            for bit, region in enumerate(NATIONAL_TERRITORIES)
            if detail >> bit & 1
        ]
        return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    place = detail - _TERRITORY_SETS
    if place < len(_regions()):
        return region_name(_regions()[place])
    return f"+{place - len(_regions())}"


def region_name(region: str) -> str:
    """English name of a region, or its code if none is known."""
    return TERRITORY_NAMES.get(region) or _english_names().get(region, region)


@cache
def _english_names() -> dict[str, str]:
    """Names of regions in English, from the file that ``phonenumbers.geocoder`` uses.

    Importing that module would read every area code of the world, for five seconds, so the one
    file is read by itself; without it a region is called by its code.
    """
    path = Path(phonenumbers.__file__).parent / "geodata" / "locale.py"
    spec = importlib.util.spec_from_file_location("phonenumbers.geodata.locale", path)
    if spec is None or spec.loader is None or not path.exists():
        return {}
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    english: dict[str, str] = {}
    for region, names in module.LOCALE_DATA.items():
        name = names.get("en", region)
        english[region] = names[name[1:]] if name.startswith("*") else name  # "*aa": as in Afar
    return english


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
    """Return what cells of digits are that are no French number.

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
