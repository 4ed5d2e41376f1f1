"""E.164 texts and integers, and what stands for the number of an erased person. Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmsbatch.errors import PlanError

_E164_MOBILE = r"^(\+33[67][0-9]{8}|\+999[0-9]{15})$"
"""Or what stands for an erased number: see `mmsbatch.forget`."""


def as_integers(column: pd.Series) -> npt.NDArray[np.int64]:
    """Return each row's number as an integer.

    Parameters
    ----------
    column
        ``mms_e164``: texts such as ``+33639980012``, or missing.

    Returns
    -------
    array of shape (rows,)
        33639980012; 0 if it is missing; 999 and 15 digits if the number was erased.

    Raises
    ------
    PlanError
        A text is not a French mobile number in E.164; names its position.
    """
    texts = pa.array(column, type=pa.large_string(), from_pandas=True)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    given = np.asarray(texts.is_valid())
    present = texts.drop_null()
    digits = _twelve_digits(present)
    if digits is None and bool(pc.all(pc.match_substring_regex(present, _E164_MOBILE)).as_py()):
        numbers = np.zeros(len(given), dtype=np.int64)
        numbers[given] = np.asarray(pc.cast(pc.utf8_ltrim(present, "+"), pa.int64()))
        return numbers
    if digits is None or not _are_mobiles(digits):
        match = pc.match_substring_regex(texts, _E164_MOBILE)
        raise PlanError(
            f"mms_e164 at row position {pc.index(match, False).as_py()} is not a French mobile "
            "number in E.164 (+33 and nine digits): leave this column as `prepare` wrote it"
        )
    national = np.zeros(digits.shape[1], dtype=np.int64)
    for place in digits[3:]:
        national = national * 10 + place
    numbers = np.zeros(len(given), dtype=np.int64)
    numbers[given] = 33_000_000_000 + national
    return numbers


_PREFIX = np.frombuffer(b"+33", dtype=np.uint8) - np.uint8(ord("0"))


def _twelve_digits(texts: pa.LargeStringArray) -> npt.NDArray[np.uint8] | None:
    """Lay the texts out as bytes less ``"0"``, of shape (12, texts); None if one is not 12."""
    if not len(texts):
        return np.zeros((12, 0), dtype=np.uint8)
    _, offsets_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if (np.diff(offsets) != 12).any():  # noqa: PLR2004  (+33 and nine digits)
        return None
    data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    return np.ascontiguousarray(data.reshape(-1, 12).T) - np.uint8(ord("0"))


def _are_mobiles(digits: npt.NDArray[np.uint8]) -> bool:
    prefix = all((row == byte).all() for row, byte in zip(digits[:3], _PREFIX, strict=True))
    mobile = ((digits[3] == 6) | (digits[3] == 7)).all()  # noqa: PLR2004  (06, 07)
    return bool(prefix and mobile and digits[3:].max(initial=0) < 10)  # noqa: PLR2004  (a digit)


KEY_BYTES: Final = 32
FIRST: Final = 999 * 10**15
"""The least token; no telephone number has as many digits."""


def token(number: int, key: bytes) -> int:
    """Return what stands for a number (33639980012) under a key: 999 and 15 digits."""
    digest = hmac.digest(key, b"mmsbatch number %d" % number, hashlib.sha256)
    return FIRST + int.from_bytes(digest[:16]) % 10**15


def tokens(numbers: npt.NDArray[np.int64], key: bytes) -> npt.NDArray[np.int64]:
    """Return what stands for each number; 0 for 0, and a token for itself."""
    made = (token(number, key) if 0 < number < FIRST else number for number in numbers.tolist())
    return np.fromiter(made, dtype=np.int64, count=len(numbers))


def seal(value: str, key: bytes) -> str:
    """Hash, under a key, what would give a number away: whoever has both can compare (hexadecimal).

    A plain hash over a number among known bytes (a fingerprint, the hash of a request) is undone
    by trying all numbers, as a hash of the number alone is.
    """
    return hmac.digest(key, b"mmsbatch seal " + value.encode(), hashlib.sha256).hex()
