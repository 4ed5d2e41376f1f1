"""Typed values as text: no ``.0``, no exponent, no digit invented. Pure.

======================  =========================================================================
typed                   as text
======================  =========================================================================
whole number            its digits: ``639980001``
float                   as the whole number it is, where every digit is certain (below 2**53, or
                        2**24 in single precision); a larger one with an exponent, such as
                        ``6.3998e+08``, so that it is seen to have lost digits; else its shortest
                        decimals; not-a-number is missing
decimal                 without zeros behind the point
yes/no                  ``true``, ``false``
date, time, timestamp   ISO 8601, with ``T`` and any zone's offset; a workbook's midnight is the
                        date alone
list, struct, map       JSON
bytes                   UTF-8, else an error naming the column
======================  =========================================================================
"""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmsbatch.errors import ContactsError

_CERTAIN: Final = {16: 2**11, 32: 2**24, 64: 2**53}
"""Up to here every whole number has a float of its own, by width in bits."""


def cell_text(value: Any) -> str | None:
    """Write one cell of a workbook as text; None when it is empty."""
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, datetime) and value.time() == time():
        text = value.date().isoformat()
    elif isinstance(value, date | time):
        text = value.isoformat()
    elif isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        text = f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    else:
        text = "" if value is None else str(value)
    return text or None


def _number_text(value: float) -> str | None:
    if math.isnan(value):
        return None
    if not value.is_integer():
        return repr(value)
    certain = abs(value) < _CERTAIN[64]
    return str(int(value)) if certain else np.format_float_scientific(value, trim="-")


def column_text(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Write a typed column as text.

    Parameters
    ----------
    column
        Any Arrow type.
    where
        The file and the column's name, for the message.

    Returns
    -------
    pyarrow.ChunkedArray
        Of the same length, type string; the empty text is null.

    Raises
    ------
    ContactsError
        Bytes that are no text, or a type that has no text.
    """
    try:
        text = _as_text(column)
    except (pa.ArrowException, UnicodeError) as error:
        raise ContactsError(
            f"{where}: values of type {column.type} cannot be read as text. "
            "Write the column as text, or leave it out with columns=."
        ) from error
    empty = pc.equal(text, "")
    return pc.if_else(empty, None, text) if pc.any(empty).as_py() else text


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _as_text(pa.chunked_array([c.storage for c in column.chunks], kind.storage_type))
    if pa.types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type))
    if pa.types.is_floating(kind):
        return _float_text(column)
    if pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
        return pa.chunked_array([[_json(value) for value in column.to_pylist()]], pa.string())
    text = column.cast(pa.string())
    if pa.types.is_decimal(kind) and kind.scale > 0:
        text = pc.replace_substring_regex(text, r"(\.[0-9]*?)0+$", r"\1")
        text = pc.replace_substring_regex(text, r"\.$", "")
    if pa.types.is_timestamp(kind):
        text = pc.replace_substring(text, " ", "T", max_replacements=1)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        text = pc.replace_substring_regex(text, r"\.0+(Z|[+-][0-9]+|)$", r"\1")
    if pa.types.is_timestamp(kind) and kind.tz:
        text = pc.replace_substring_regex(text, r"([+-][0-9]{2})([0-9]{2})$", r"\1:\2")
    return text


def _float_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write floats; whole numbers below the certain limit as their digits."""
    number = pc.if_else(pc.is_nan(column), None, column)
    wide = number.cast(pa.float64())
    whole = pc.equal(pc.floor(wide), wide)
    certain = pc.less(pc.abs(wide), float(_CERTAIN[column.type.bit_width]))
    digits = pc.if_else(pc.and_(whole, certain), wide, None).cast(pa.int64()).cast(pa.string())
    decimals = pc.if_else(whole, None, number).cast(pa.string())
    text = pc.coalesce(digits, decimals)
    vague = pc.and_(whole, pc.invert(certain))
    if not pc.any(vague).as_py():
        return text
    kind = column.type.to_pandas_dtype()
    exponents = [
        None if value is None else np.format_float_scientific(kind(value), trim="-")
        for value in pc.if_else(vague, wide, None).to_pylist()
    ]
    return pc.coalesce(text, pa.chunked_array([exponents], pa.string()))


def _json(value: Any) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
