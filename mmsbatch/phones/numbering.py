"""The French numbering plan as tables, from the metadata of the ``phonenumbers`` package. Pure.

Nothing here knows a French range by heart: upgrading the package upgrades the rule. The only
figures of this file are those the metadata does not hold: the block kept for fiction, the block of
connected objects, and which territories share France's national dialling (§1.4: mobiles of
metropolitan France only).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from phonenumbers import PhoneMetadata

from mmsbatch.phones.problems import PROBLEM_CODE, SENDABLE

FRANCE: Final = 33
NSN_DIGITS: Final = 9
"""Digits of a French national significant number: 0612345678 without its 0."""

FICTION_PREFIX: Final = "63998"
"""06 39 98 00 00 to 06 39 98 99 99: kept by ARCEP for fiction; no metadata says so."""
M2M_PREFIX: Final = "700"
"""0700: connected objects, whose numbers have 14 digits; no metadata says so."""

NATIONAL_TERRITORIES: Final = ("RE", "YT", "GP", "BL", "MF", "GF", "MQ", "PM")
"""Territories whose numbers are also dialled 0 and nine digits, as if they were metropolitan."""

BY_FIRST_DIGIT: Final = {
    "0": "malformed",
    "123459": "landline",
    "67": "range_not_open",
    "8": "premium",
}
"""What a nine-digit number is when no pattern claims it."""

Digits = tuple[int, ...]
"""The digits a pattern allows at one place."""
ANY_DIGIT: Final[Digits] = tuple(range(10))


def sequences(pattern: str) -> list[tuple[Digits, ...]]:
    r"""Write a metadata pattern out as sequences of digit sets.

    The metadata uses digits, ``\d``, ``[1-35]``, ``(?:…|…)``, ``{n}``, ``{m,n}`` and ``?``.

    Returns
    -------
    list of tuple
        Each sequence has one digit set per digit of the number; the pattern accepts exactly the
        numbers that fit one of them.

    Raises
    ------
    ValueError
        The pattern uses anything else, so that a new notation is never read wrongly.

    Examples
    --------
    >>> sequences("6(?:1|[23])")
    [((6,), (1,)), ((6,), (2, 3))]
    """
    found, end = _alternatives(pattern, 0)
    if end != len(pattern):
        raise ValueError(f"cannot read the phonenumbers pattern {pattern!r} at {end}")
    return found


def _alternatives(pattern: str, at: int) -> tuple[list[tuple[Digits, ...]], int]:
    found: list[tuple[Digits, ...]] = []
    while True:
        branch: list[tuple[Digits, ...]] = [()]
        while at < len(pattern) and pattern[at] not in "|)":
            atom, at = _atom(pattern, at)
            atom, at = _repeated(atom, pattern, at)
            branch = [left + right for left, right in product(branch, atom)]
        found += branch
        if at == len(pattern) or pattern[at] == ")":
            return found, at
        at += 1


def _atom(pattern: str, at: int) -> tuple[list[tuple[Digits, ...]], int]:
    if pattern.startswith("(?:", at):
        found, end = _alternatives(pattern, at + 3)
        if pattern[end:] == "":
            raise ValueError(f"cannot read the phonenumbers pattern {pattern!r}: it ends too soon")
        return found, end + 1
    if pattern.startswith(r"\d", at):
        return [(ANY_DIGIT,)], at + 2
    if pattern[at] == "[":
        end = pattern.index("]", at)
        allowed: list[int] = []
        body = pattern[at + 1 : end]
        for place, char in enumerate(body):
            if char == "-":
                allowed += range(int(body[place - 1]) + 1, int(body[place + 1]))
            else:
                allowed.append(int(char))
        return [(tuple(sorted(set(allowed))),)], end + 1
    if pattern[at].isdecimal():
        return [((int(pattern[at]),),)], at + 1
    raise ValueError(f"cannot read the phonenumbers pattern {pattern!r} at {at}")


def _repeated(
    atom: list[tuple[Digits, ...]], pattern: str, at: int
) -> tuple[list[tuple[Digits, ...]], int]:
    least = most = 1
    if at < len(pattern) and pattern[at] == "?":
        least, at = 0, at + 1
    elif at < len(pattern) and pattern[at] == "{":
        end = pattern.index("}", at)
        first, _, last = pattern[at + 1 : end].partition(",")
        least, most, at = int(first), int(last or first), end + 1
    found: list[tuple[Digits, ...]] = []
    for times in range(least, most + 1):
        found += [sum(choice, ()) for choice in product(atom, repeat=times)]
    return found, at


def _nine_digit_sequences(region: str, kinds: tuple[str, ...]) -> list[tuple[Digits, ...]]:
    metadata = PhoneMetadata.metadata_for_region(region)
    descriptions = [getattr(metadata, kind) for kind in kinds]
    return [
        sequence
        for description in descriptions
        if description is not None and description.national_number_pattern
        for sequence in sequences(description.national_number_pattern)
        if len(sequence) == NSN_DIGITS
    ]


@dataclass(frozen=True)
class Numbering:
    """The plan as tables over the first ``depth`` digits of a nine-digit French number."""

    depth: int
    problem: npt.NDArray[np.int8]
    """Problem code by the first ``depth`` digits; ``SENDABLE`` if a mobile is open."""
    territories: npt.NDArray[np.uint8]
    """Which of ``NATIONAL_TERRITORIES`` use the range, one bit each; 0 for none."""

    def prefix(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Index into the tables of nine-digit numbers."""
        return (numbers.view(np.uint64) // np.uint64(10 ** (NSN_DIGITS - self.depth))).view(
            np.int64
        )


@cache
def numbering() -> Numbering:
    """Build the tables from the metadata, once.

    Source: the ``phonenumbers`` metadata of France and its territories; §1.4.
    """
    mobile = _nine_digit_sequences("FR", ("mobile",))
    landline = _nine_digit_sequences("FR", ("fixed_line", "voip"))
    overseas = [
        _nine_digit_sequences(region, ("mobile", "fixed_line")) for region in NATIONAL_TERRITORIES
    ]
    everything = [*mobile, *landline, *(sequence for found in overseas for sequence in found)]
    depth = max(len(FICTION_PREFIX), *(_decisive(sequence) for sequence in everything))

    territories = np.zeros((10,) * depth, np.uint8)
    for bit, found in enumerate(overseas):
        for sequence in found:
            territories[np.ix_(*sequence[:depth])] |= np.uint8(1 << bit)
    territories[8] = 0  # 0806 to 0809 cost the same everywhere: service numbers
    french = np.zeros((10,) * depth, bool)
    for sequence in mobile + landline:
        french[np.ix_(*sequence[:depth])] = True
    # ARCEP gives the territories whole blocks of 06 by their first three digits: a number of such
    # a block that is not open yet is overseas too. Of 07 it gives them smaller pieces.
    block, taken = territories[6].reshape(100, -1), french[6].reshape(100, -1)
    owners = np.bitwise_or.reduce(block, axis=1)
    block = np.where(taken.any(axis=1)[:, None] | (block > 0), block, owners[:, None])
    territories[6] = block.reshape(territories[6].shape)

    problem = np.empty((10,) * depth, np.int8)
    for digits, word in BY_FIRST_DIGIT.items():
        problem[[int(digit) for digit in digits]] = PROBLEM_CODE[word]
    problem[tuple(map(int, M2M_PREFIX))] = PROBLEM_CODE["m2m"]
    problem[territories > 0] = PROBLEM_CODE["overseas"]
    for sequence in landline:
        problem[np.ix_(*sequence[:depth])] = PROBLEM_CODE["landline"]
    problem[tuple(map(int, FICTION_PREFIX))] = PROBLEM_CODE["fictional"]
    for sequence in mobile:
        problem[np.ix_(*sequence[:depth])] = SENDABLE
    territories[problem != PROBLEM_CODE["overseas"]] = 0
    return Numbering(depth, _frozen(problem.reshape(-1)), _frozen(territories.reshape(-1)))


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array


def _decisive(sequence: tuple[Digits, ...]) -> int:
    """How many leading digits decide whether a number fits the sequence."""
    return max((at + 1 for at, digits in enumerate(sequence) if digits != ANY_DIGIT), default=0)
