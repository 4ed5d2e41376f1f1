"""French numbers in whatever notation, read from the bytes of a whole column at once. Pure (§1.4).

One idea carries the speed: the cells are joined into one run of bytes, ``bytes.translate`` deletes
the separators in one pass, and what is left of a cell is a French number exactly when its last
nine bytes are digits and the bytes before them are one of a dozen prefixes. Eight bytes are one
64-bit word, so a cell costs a few loads and some arithmetic, and no Python.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

END: Final = 0xFF
"""Ends a cell in joined bytes. No UTF-8 text holds it."""
BLANK: Final = 0xFE
"""Stands where a byte was taken out. No UTF-8 text holds it either."""
ODD: Final = 0x01
"""Stands for a character that no notation uses."""

SEPARATORS: Final = b" .-/\t" + bytes([BLANK])
"""Deleted in the first reading, which nearly every cell passes."""
MORE_SEPARATORS: Final = SEPARATORS + b"()[]_*'\"=\r\n\v\f"
"""Deleted in the second: brackets, Excel's text marks, and what else ends up between digits."""

_U64 = np.uint64
_PAD: Final = 24
"""Zero bytes before the first cell, so that words before it can be loaded; 8 follow the last."""
_PLAIN, _NATIONAL, _BARE = 1, 2, 3
FORM_OF_PREFIX: Final = {
    b"": _BARE,
    b"0": _NATIONAL,
    b"(0)": _NATIONAL,
    b"33": _PLAIN,
    b"330": _PLAIN,
    b"33(0)": _PLAIN,
    b"3300": _PLAIN,
    b"+33": _NATIONAL,
    b"+330": _NATIONAL,
    b"+33(0)": _NATIONAL,
    b"+0033": _NATIONAL,
    b"+00330": _NATIONAL,
    b"0033": _NATIONAL,
    b"00330": _NATIONAL,
    b"0033(0)": _NATIONAL,
}
"""What may stand before the nine digits, and how sure it makes the reading (``French.form``)."""


class Cells(NamedTuple):
    """Cells as one run of bytes, an ``END`` after each, padding at both sides."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    """Place of each cell's first byte."""
    ends: npt.NDArray[np.int64]
    """Place of each cell's ``END``."""

    @classmethod
    def of(cls, joined: bytes) -> Cells:
        """Find the cells in joined bytes."""
        data = np.frombuffer(joined, np.uint8)
        ends = np.flatnonzero(data == END)
        starts = np.empty_like(ends)
        starts[:1] = _PAD
        np.add(ends[:-1], 1, out=starts[1:])
        return cls(data, starts, ends)

    def last_words(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Last eight bytes of each cell and the eight before them, as little-endian numbers.

        A word at any place is put together from two aligned ones, which NumPy loads faster.
        """
        aligned = self.data[: len(self.data) // 8 * 8].view("<u8")
        place = self.ends - 8
        at = place >> 3
        right = ((place & 7) << 3).view(np.uint64)
        left = _U64(64) - right  # a shift of 64 bits or more gives 0 in NumPy
        middle = aligned[at]
        last = (middle >> right) | (aligned[at + 1] << left)
        return last, (aligned[at - 1] >> right) | (middle << left)

    def tally(self, chars: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Count marked bytes in each cell."""
        counts: npt.NDArray[np.int64] = np.add.reduceat(chars, self.starts, dtype=np.int64)
        return counts


class French(NamedTuple):
    """The reading of each cell as a nine-digit French number."""

    numbers: npt.NDArray[np.int64]
    """National significant number; meaningless if ``form`` is 0."""
    form: npt.NDArray[np.uint8]
    """0: not one; 1: bare 33; 2: with 0, + or 00; 3: nine digits alone."""

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """Which cells are a French number."""
        return np.asarray(self.form > 0)

    @property
    def bare(self) -> npt.NDArray[np.bool_]:
        """Nine digits and no 0 before them."""
        return np.asarray(self.form == _BARE)

    @property
    def like_a_quantity(self) -> npt.NDArray[np.bool_]:
        """Without a 0 or a + in front, so that it could be some other figure."""
        return np.asarray((self.form & 1).view(bool))


def join(values: pa.LargeStringArray) -> bytes:
    """Join cells into padded bytes, an ``END`` after each. Null cells hold whatever bytes."""
    if values.null_count:  # with a null among them, binary_join would give nothing at all
        _, offsets, data = values.buffers()
        values = pa.LargeStringArray.from_buffers(
            len(values), offsets, data or pa.py_buffer(b""), None, 0, values.offset
        )
    cells = values.cast(pa.large_binary())
    row = pa.LargeListArray.from_arrays(pa.array([0, len(cells)], pa.int64()), cells)
    joined = pc.binary_join(row, pa.scalar(bytes([END]), pa.large_binary()))
    return b"".join([bytes(_PAD), memoryview(joined.buffers()[2] or b""), bytes([END]), bytes(8)])


def delete(joined: bytes, separators: bytes, table: bytes | None = None) -> Cells:
    """Delete separators from joined cells, after no other change than ``table``'s."""
    return Cells.of(joined.translate(table, separators))


# ----- words of eight bytes -----------------------------------------------------------------------

_ZEROS = _U64(0x3030303030303030)
_HIGH = _U64(0x8080808080808080)
_OVER_NINE = _U64(0x7676767676767676)
_LONGEST: Final = 9 + 7
_PLACES_BITS: Final = 6


def _multiplier(keys: list[int]) -> int:
    """Find an odd factor whose products' high bits tell the prefixes apart."""
    factor = 0x9E3779B97F4A7C15
    while len({(key * factor % 2**64) >> (64 - _PLACES_BITS) for key in keys}) < len(keys):
        factor = factor * 0xD1342543DE82EF95 % 2**64
    return factor


_KEYS = [int.from_bytes(prefix, "little") for prefix in FORM_OF_PREFIX]
_FACTOR = _U64(_multiplier(_KEYS))
_KEY_AT = np.full(1 << _PLACES_BITS, 1, np.uint64)  # 1 is no prefix
_FORM_AT = np.zeros(1 << _PLACES_BITS, np.uint8)
for _key, _form in zip(_KEYS, FORM_OF_PREFIX.values(), strict=True):
    _place = (_key * int(_FACTOR) % 2**64) >> (64 - _PLACES_BITS)
    _KEY_AT[_place], _FORM_AT[_place] = _key, _form


def read_french(cells: Cells) -> French:
    """Read each cell as prefix and nine digits, separators already deleted."""
    rest, before = cells.last_words()
    over = _LONGEST - (cells.ends - cells.starts)
    fits = over >= 0
    # What stands before the ninth last byte. Nothing gives the key 0, as do cells of fewer than
    # nine bytes; the nine bytes looked at below then hold the END before the cell.
    key = (before << _U64(8)) >> ((over + 1) << 3).view(np.uint64)
    place = ((key * _FACTOR) >> _U64(64 - _PLACES_BITS)).view(np.int64)
    fits &= _KEY_AT.take(place) == key

    first = (before >> _U64(56)) - _U64(ord("0"))
    fits &= (first - _U64(1)) < 9  # noqa: PLR2004  (1 to 9: no number begins with two zeros)
    rest ^= _ZEROS
    fits &= (((rest + _OVER_NINE) | rest) & _HIGH) == 0

    # Eight digits at once: neighbours are added up as tens and units, then as hundreds, and so on.
    rest = (rest * _U64(10) + (rest >> _U64(8))) & _U64(0x00FF00FF00FF00FF)
    rest = (rest * _U64(100) + (rest >> _U64(16))) & _U64(0x0000FFFF0000FFFF)
    rest = (rest * _U64(10_000) + (rest >> _U64(32))) & _U64(0x00000000FFFFFFFF)
    rest += first * _U64(100_000_000)
    return French(rest.view(np.int64), _FORM_AT.take(place) * fits)


def e164_strings(
    numbers: npt.NDArray[np.int64], present: npt.NDArray[np.bool_]
) -> pa.LargeStringArray:
    """Write nine-digit numbers as ``+33612345678``; missing if not ``present``."""
    given = numbers[present]
    cells = np.empty(len(given), np.dtype([("plus33d", "<u4"), ("digits", "<u8")]))
    for start in range(0, len(given), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        first, rest = _divide(given[part].astype(np.uint32), 100_000_000)
        # The inverse of the addition in ``read_french``: halves, pairs, digits. The products
        # replace divisions, exactly for numbers so small.
        high, low = _divide(rest, 10_000)
        word = high | (low.astype(np.uint64) << _U64(32))
        high = ((word * _U64(10_486)) >> _U64(20)) & _U64(0x0000007F0000007F)
        word = high | ((word - high * _U64(100)) << _U64(16))
        high = ((word * _U64(103)) >> _U64(10)) & _U64(0x000F000F000F000F)
        word = high | ((word - high * _U64(10)) << _U64(8))
        cells["digits"][part] = word | _ZEROS
        cells["plus33d"][part] = (first << np.uint32(24)) + _PLUS_33_0
    offsets = np.zeros(len(numbers) + 1, np.int64)
    np.multiply(present, _E164_BYTES, out=offsets[1:])
    np.cumsum(offsets, out=offsets)
    missing = len(present) - len(given)
    validity = pa.array(present).buffers()[1] if missing else None
    return pa.LargeStringArray.from_buffers(
        len(numbers), pa.py_buffer(offsets), pa.py_buffer(cells), validity, missing
    )


_AT_ONCE: Final = 1 << 14
_E164_BYTES: Final = 12
_PLUS_33_0: Final = np.uint32(int.from_bytes(b"+330", "little"))


def _divide(
    numbers: npt.NDArray[np.uint32], by: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    quotient = numbers // np.uint32(by)
    return quotient, numbers - quotient * np.uint32(by)


# ----- Unicode ------------------------------------------------------------------------------------


class Plain(NamedTuple):
    """Joined cells with the typographic characters made ASCII."""

    joined: bytes
    other_digits: npt.NDArray[np.int64]
    """Cells with digits that were not ASCII, in order; a cell may come several times."""


def to_ascii(joined: bytes) -> Plain:
    """Replace every character beyond ASCII by one ASCII byte or nothing, all cells at once."""
    data = np.frombuffer(joined, np.uint8)
    lead = np.flatnonzero((data >= 0xC2) & (data < 0xF5))  # noqa: PLR2004  (UTF-8)
    if not len(lead):
        return Plain(joined, lead)
    data = data.copy()
    table = ascii_table()
    width = 2 + (data[lead] >= 0xE0).astype(np.int64) + (data[lead] >= 0xF0)  # noqa: PLR2004
    for bytes_ in (2, 3, 4):
        at = lead[width == bytes_]
        point = data[at].astype(np.int64) & (0xFF >> (bytes_ + 1))
        for place in range(1, bytes_):
            point = point << 6 | (data[at + place] & 0x3F)
            data[at + place] = BLANK
        data[at] = table[np.minimum(point, len(table) - 1)]
    digits = lead[(data[lead] >= ord("0")) & (data[lead] <= ord("9"))]
    cells = np.searchsorted(np.flatnonzero(data == END), digits)
    return Plain(data.tobytes().translate(None, bytes([BLANK])), cells)


@cache
def ascii_table() -> npt.NDArray[np.uint8]:
    """One byte for each code point of Unicode's first two planes: what it stands for in a number.

    Decimal digits of every script and width, as ``phonenumbers`` reads them; spaces; dashes;
    nothing for what has no width; ``ODD`` for the rest.
    """
    import unicodedata  # noqa: PLC0415  (only texts beyond ASCII need it)

    table = np.full(0x20000, ODD, np.uint8)
    for point in range(0x80, len(table) - 1):
        char = chr(point)
        kind = unicodedata.category(char)
        if kind == "Nd":
            table[point] = ord("0") + unicodedata.decimal(char)
        elif kind in ("Zs", "Zl", "Zp", "Cc"):
            table[point] = ord(" ")
        elif kind == "Cf":  # zero-width and directional marks, soft hyphens
            table[point] = BLANK
        elif kind == "Pd":
            table[point] = ord("-")
    for chars, byte in _ASCII_LOOKALIKES.items():
        for char in chars:
            table[ord(char)] = ord(byte) if byte else BLANK
    return table


_ASCII_LOOKALIKES: Final = {
    "−ー⁃": "-",
    "＋": "+",
    "．": ".",
    "／": "/",
    "（［": "(",
    "）］": ")",
    "‘’‚‛′“”„‟″«»": '"',
    "\ufe0e\ufe0f": "",  # which of two pictures is meant, after a digit or a telephone sign
}
