"""What stands for an erased number: a keyed hash that no telephone can have. Pure.

``+999`` and 15 digits. The country code 999 is not assigned (ITU-T E.164, annex), so a token is
nobody's number; it fits in 64 bits, so it is counted, grouped and looked up as a number is. It is
HMAC-SHA256 under a key: French mobiles are fewer than 2·10⁸, and an unkeyed hash of one is undone
by trying them all.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import numpy as np
import numpy.typing as npt

KEY_BYTES: Final = 32
FIRST: Final = 999 * 10**15
"""The least token; no telephone number has as many digits."""


def token(number: int, key: bytes) -> int:
    """Give what stands for a number (33639980012) under a key: 999 and 15 digits."""
    digest = hmac.digest(key, b"mmsbatch number %d" % number, hashlib.sha256)
    return FIRST + int.from_bytes(digest[:16]) % 10**15


def tokens(numbers: npt.NDArray[np.int64], key: bytes) -> npt.NDArray[np.int64]:
    """Give what stands for each number; 0 for 0, and a token for itself."""
    made = (token(number, key) if 0 < number < FIRST else number for number in numbers.tolist())
    return np.fromiter(made, dtype=np.int64, count=len(numbers))


def seal(value: str, key: bytes) -> str:
    """Hash, under a key, what would give a number away: whoever has both can compare (hexadecimal).

    A plain hash over a number among known bytes (a fingerprint, the hash of a request) is undone
    by trying all numbers, as a hash of the number alone is.
    """
    return hmac.digest(key, b"mmsbatch seal " + value.encode(), hashlib.sha256).hex()
