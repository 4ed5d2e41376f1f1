"""The list of an answer read from its bytes by counting them, by another path than `wire`. Pure.

A list is read here where each of its elements is as long as the first and differs from it in the
number and the ID only, as the gateway writes them (§2); then it is a matrix of bytes. Any other
list is for `wire` to read.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import numpy.typing as npt

from mmsbatch.outcomes import Named

NATIONAL_DIGITS: Final = 9

_FIRST: Final = re.compile(
    rb"<CUSTOMER>(?:<([A-Z]*ID)>(?P<before>[0-9A-Za-z_-]+)</\1>)?"
    rb"<MOBILEPHONE>(?:0|\+?33)(?P<number>[67][0-9]{8})</MOBILEPHONE>"
    rb"(?:<([A-Z]*ID)>(?P<after>[0-9A-Za-z_-]+)</\4>)?</CUSTOMER>"
)
_OF_AN_ID: Final = np.zeros(256, dtype=np.bool_)
_OF_AN_ID[list(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-")] = True
NONE: Final = np.zeros(0, dtype=np.int64)
_ZERO: Final = np.uint8(ord("0"))
_PLACES: Final = 10 ** np.arange(NATIONAL_DIGITS - 1, -1, -1, dtype=np.int64)


def read_list(body: bytes) -> Named | None:
    """Read which numbers an answer names.

    Parameters
    ----------
    body
        The answer as it came.

    Returns
    -------
    Named or None
        The same as `mmsbatch.outcomes.named_by` gives of what `wire` reads; None where the list
        is not the last of the answer, not whole, or not of equal elements.

    Source: §2.
    """
    head, _, rest = body.partition(b"\nIDs=<RECOVERIDS>")
    inner, closed, tail = rest.partition(b"</RECOVERIDS>")
    if not closed or tail.strip() or b"IDs" in head:
        return None
    if not inner:
        return Named(NONE)
    first = _FIRST.match(inner)
    if first is None or len(inner) % first.end() or (first["before"] and first["after"]):
        return None
    elements = np.frombuffer(inner, dtype=np.uint8).reshape(-1, first.end())
    digits = elements[:, slice(*first.span("number"))]
    rest_of_it = elements.copy()
    rest_of_it[:, slice(*first.span("number"))] = 0
    ids: list[str] = []
    if name := "before" if first["before"] else "after" if first["after"] else "":
        letters = elements[:, slice(*first.span(name))]
        rest_of_it[:, slice(*first.span(name))] = 0
        if not _OF_AN_ID[letters].all():
            return None
        width = letters.shape[1]
        ids = np.ascontiguousarray(letters).view(f"S{width}").ravel().astype(f"U{width}").tolist()
    if not (rest_of_it == rest_of_it[0]).all() or not are_mobiles(digits):
        return None
    return Named(as_numbers(digits), ids)


def are_mobiles(digits: npt.NDArray[np.uint8]) -> bool:
    """Say whether rows of nine bytes are national mobile numbers."""
    leading = digits[:, 0]
    mobile = (leading == ord("6")) | (leading == ord("7"))
    return bool(mobile.all() and (digits - _ZERO <= 9).all())  # noqa: PLR2004  (a digit)


def as_numbers(digits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Give rows of nine digits as 33639980012."""
    numbers: npt.NDArray[np.int64] = 33_000_000_000 + (digits - _ZERO) @ _PLACES
    return numbers
