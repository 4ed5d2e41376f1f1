"""The list of an answer read from its bytes by counting them, by another path than `wire`. Pure.

A list is read here if each of its elements is as long as the first and differs from it in the
number and the ID only, as the gateway writes them (§2); then it is a matrix of bytes. Any other
list is for `wire` to read.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from mmsbatch.runs.outcomes import NamedNumbers

_NATIONAL_DIGITS: Final = 9

_FIRST: Final = re.compile(
    rb"<CUSTOMER>(?:<([A-Z]*ID)>(?P<before>[0-9A-Za-z_-]+)</\1>)?"
    rb"<MOBILEPHONE>(?:0|\+?33)(?P<number>[67][0-9]{8})</MOBILEPHONE>"
    rb"(?:<([A-Z]*ID)>(?P<after>[0-9A-Za-z_-]+)</\4>)?</CUSTOMER>"
)
_OF_AN_ID: Final = np.zeros(256, dtype=np.bool_)
_OF_AN_ID[list(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-")] = True
_NONE: Final = np.zeros(0, dtype=np.int64)
_ZERO: Final = np.uint8(ord("0"))
_PLACES: Final = 10 ** np.arange(_NATIONAL_DIGITS - 1, -1, -1, dtype=np.int64)


def read_list(body: bytes) -> NamedNumbers | None:
    """Read which numbers an answer names.

    Parameters
    ----------
    body
        The answer as it came.

    Returns
    -------
    NamedNumbers or None
        The same as `mmsbatch.runs.outcomes.named_by` gives of what `wire` reads; None if the list
        is not the last of the answer, not whole, or not of equal elements.

    Source: §2.
    """
    head, _, rest = body.partition(b"\nIDs=<RECOVERIDS>")
    inner, closed, tail = rest.partition(b"</RECOVERIDS>")
    if not closed or tail.strip() or b"IDs" in head:
        return None
    if not inner:
        return NamedNumbers(_NONE)
    first = _FIRST.match(inner)
    if first is None or len(inner) % first.end():
        return None
    elements = np.frombuffer(inner, dtype=np.uint8).reshape(-1, first.end())
    digits = np.ascontiguousarray(elements[:, slice(*first.span("number"))].T) - _ZERO
    rest_of_it = elements.copy()
    rest_of_it[:, slice(*first.span("number"))] = 0
    ids: list[str] = []
    if (
        name := "before" if first["before"] else "after" if first["after"] else ""
    ):  # the first counts
        letters = elements[:, slice(*first.span(name))]
        rest_of_it[:, slice(*first.span(name))] = 0
        if not _OF_AN_ID[letters].all():
            return None
        width = letters.shape[1]
        ids = np.ascontiguousarray(letters).view(f"S{width}").ravel().astype(f"U{width}").tolist()
    mobile = (digits[0] == 6) | (digits[0] == 7)  # noqa: PLR2004  (06, 07)
    if not (rest_of_it == rest_of_it[0]).all() or not mobile.all() or digits.max() > 9:  # noqa: PLR2004  (a digit)
        return None
    return NamedNumbers(33_000_000_000 + _PLACES @ digits, ids)
