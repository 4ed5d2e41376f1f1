"""A column of any type read as texts and as phones, and which column holds phones. Pure."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmsbatch import hints
from mmsbatch.errors import ContactsError
from mmsbatch.phones.problems import PROBLEM_CODE, REPAIR_BIT, SENDABLE
from mmsbatch.phones.reading import Phones, read_texts

UNREADABLE: Final = "<not a phone number>"
ROUNDED: Final = "1E+9"
"""Scientific notation with fewer digits than it needs: read as ``digits_lost``."""

_EXACT_INTEGERS: Final = {2: 2.0**11, 4: 2.0**24, 8: 2.0**53}
"""Up to where a float of so many bytes holds every integer."""


class Texts(NamedTuple):
    """Texts, and for each row which of them it holds when they are fewer than the rows."""

    values: pa.ChunkedArray
    """large_string."""
    rows: npt.NDArray[np.int64] | None = None
    """Place in ``values`` of each row's text, -1 for a missing cell; None: as they come."""


def texts(column: pd.Series) -> Texts:
    """Write a column's cells as texts.

    Parameters
    ----------
    column : Series of any dtype
        Not changed.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = texts(pd.Series(column.cat.categories))
        codes = column.cat.codes.to_numpy().astype(np.int64)
        rows = codes if categories.rows is None else _follow(codes, categories.rows)
        return Texts(categories.values, rows)
    try:
        values = pa.array(column.array, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, ArithmeticError):  # a signalling Decimal
        return Texts(_one_by_one(column))
    if not isinstance(values, pa.ChunkedArray):
        values = pa.chunked_array([values])
    return _arrow_texts(values, column)


def _follow(codes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.where(codes < 0, -1, rows[codes]) if len(rows) else codes


def _arrow_texts(values: pa.ChunkedArray, column: pd.Series) -> Texts:
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.unify_dictionaries()
        if values.num_chunks:
            inner = pa.chunked_array([values.chunk(0).dictionary])
            known = _arrow_texts(inner, pd.Series(inner.to_pylist(), dtype=object))
            codes = [
                pc.fill_null(chunk.indices.cast(pa.int64()), -1).to_numpy()
                for chunk in values.chunks
            ]
            all_codes = np.concatenate(codes)
            rows = all_codes if known.rows is None else _follow(all_codes, known.rows)
            return Texts(known.values, rows)
        return Texts(pa.chunked_array([], pa.large_string()))
    if pa.types.is_large_string(kind):
        return Texts(values)
    if (
        pa.types.is_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    ):
        return Texts(values.cast(pa.large_string()))
    if pa.types.is_floating(kind):
        chunks = [_float_texts(chunk, kind.bit_width // 8) for chunk in values.chunks]
        return Texts(pa.chunked_array(chunks, pa.large_string()))
    return Texts(_one_by_one(column))


def _float_texts(chunk: pa.Array, width: int) -> pa.LargeStringArray:
    numbers = chunk.cast(pa.float64()).to_numpy(zero_copy_only=False)
    missing = np.isnan(numbers)
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(numbers) & (numbers == np.floor(numbers))
    rounded = whole & (np.abs(numbers) >= _EXACT_INTEGERS[width])
    exact = whole & ~rounded
    integers = pa.array(np.where(exact, numbers, 0).astype(np.int64)).cast(pa.large_string())
    written = pc.binary_join_element_wise(integers, _scalar(".0"), _scalar(""))
    others = pc.if_else(pa.array(rounded), _scalar(ROUNDED), _scalar(UNREADABLE))
    written = pc.if_else(pa.array(exact), written, others)
    return pc.if_else(pa.array(missing), _scalar(None), written)


def _scalar(text: str | None) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _one_by_one(column: pd.Series) -> pa.ChunkedArray:
    found = [_text(value) for value in column.astype(object).tolist()]
    return pa.chunked_array([pa.array(found, pa.large_string())])


def _text(value: Any) -> str | None:
    """Write one cell of a column of mixed types."""
    if isinstance(value, str):
        # A lone surrogate, of a file read with the wrong encoding, is no text for Arrow.
        return value.encode("utf-8", "replace").decode("utf-8")
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bytes):
        # Every byte is a Latin-1 character: never an error.
        return value.decode("utf-8" if _is_utf8(value) else "latin-1")
    if isinstance(value, (int, float, np.integer, np.floating, Decimal)):
        return _number_text(value)
    return UNREADABLE


def _number_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return UNREADABLE
    if isinstance(value, (int, np.integer)):
        return _integer_text(int(value))
    if isinstance(value, Decimal):
        return None if value.is_nan() else str(value)
    width = value.nbytes if isinstance(value, np.floating) else 8
    return _float_text(float(value), width)


def _float_text(value: float, width: int) -> str | None:
    if math.isnan(value):
        return None
    if abs(value) >= _EXACT_INTEGERS[min(width, 8)]:
        return UNREADABLE if math.isinf(value) else ROUNDED
    return f"{int(value)}.0" if value == int(value) else UNREADABLE


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _integer_text(value: int) -> str:
    # Python refuses to write integers of thousands of digits.
    return str(value) if abs(value) < 10**30 else UNREADABLE


_SAMPLE: Final = 2_000
"""Cells of a column that are looked at, evenly spread."""
_MOSTLY: Final = 0.5
_SOME: Final = 0.02
_NUMBERS: Final = ("landline", "premium", "overseas", "foreign", "m2m", "range_not_open")


def guess_column(contacts: pd.DataFrame) -> str:
    """Find the one column that looks like phones.

    Such a column holds phone numbers in most of its cells that are not empty, and French mobiles
    in some: a column of landlines is left aside.

    Raises
    ------
    ContactsError
        None or several look like phones; names them with the share of mobiles in each.
    """
    mobiles: dict[str, float] = {}
    phones: dict[str, float] = {}
    for name in contacts.columns:
        mobiles[name], phones[name] = _shares(contacts[name])
    likely = [name for name in phones if phones[name] >= _MOSTLY and mobiles[name] >= _SOME]
    if len(likely) == 1:
        return likely[0]
    shown = likely or [name for name in mobiles if mobiles[name] >= _SOME]
    shown.sort(key=lambda name: -mobiles[name])
    listed = ", ".join(f"{name!r} ({mobiles[name]:.0%} mobiles)" for name in shown)
    if likely:
        raise ContactsError(
            f"several columns look like phones: {listed}; say which with "
            f"{hints.option('phone', likely[0])}, or name several for the first that can be sent "
            "to in each row"
        )
    columns = ", ".join(map(repr, contacts.columns)) or "(none)"
    raise ContactsError(
        "no column looks like phones; "
        + (f"nearest are {listed}; " if shown else "")
        + f"say which with {hints.option('phone', 'COLUMN')}. The columns are: {columns}"
    )


def _shares(column: pd.Series) -> tuple[float, float]:
    """Share of mobiles, and of phone numbers, among the cells that are not empty."""
    column = column.dropna()
    if not len(column) or pd.api.types.is_bool_dtype(column.dtype):
        return 0.0, 0.0
    column = column.iloc[np.linspace(0, len(column) - 1, min(len(column), _SAMPLE)).astype(int)]
    cells = texts(column)
    found = read_texts(cells.values, fictional=True)
    if cells.rows is not None:
        found = found.take(cells.rows)
    given = found.problems != PROBLEM_CODE["missing"]
    mobile = found.problems == SENDABLE
    other = np.isin(found.problems, [PROBLEM_CODE[word] for word in _NUMBERS])
    if not given.any():
        return 0.0, 0.0
    # Nine digits alone are phones when they are all mobiles; company numbers have nine as well.
    bare = mobile & (found.repairs & REPAIR_BIT["leading_zero_restored"] > 0)
    if bare.sum() > mobile.sum() / 2 and other.sum() > mobile.sum():
        return 0.0, 0.0
    return float(mobile.sum() / given.sum()), float((mobile | other).sum() / given.sum())


def read_phones(column: pd.Series, *, fictional: bool = False) -> Phones:
    """Read a column of any dtype."""
    cells = texts(column)
    phones = read_texts(cells.values, fictional=fictional)
    return phones if cells.rows is None else phones.take(cells.rows)
