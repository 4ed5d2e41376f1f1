"""The columns that are added, with their types and meanings; frames as Arrow tables, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals

DESCRIPTION: Final = "description"
"""The key of a meaning in a field's Arrow metadata."""

RESULTS: Final[Mapping[str, str]] = {
    "mms_e164": "the number as +33639980012",
    "mms_problem": "why the row is not sent; missing when it can be",
    "mms_repair": "what was done to read the number",
    "mms_detail": "the territory or country of an overseas or foreign number",
    "mms_phone_column": "which column the number is from, when several were given",
    "mms_duplicate_of": "position of the earlier row with the same number",
    "mms_last_contact": "the run and the day of the last contact before, where that was looked at",
    "mms_variant": "which of several contents that are compared, or held_out; where there are any",
    "mms_message": "the message this row gets",
    "mms_image": "the address of its image, where rows have addresses of their own",
    "mms_video": "the address of its video, likewise",
    "mms_sound": "the address of its sound, likewise",
    "mms_duration_s": "how long its video or sound lasts, likewise (seconds)",
    "mms_request": "the request it is in, from 1",
    "mms_outcome": "the verdict: accepted, scheduled, rejected, unreported, refused, in_doubt, "
    "pending, invalid, duplicate or suppressed",
    "mms_id": "the gateway's ID of this number, where it gives one",
    "mms_rejected": "the gateway refused this number",
    "mms_status": "the gateway's answer to the request: a status of its table",
    "mms_status_text": "the words of that status",
    "mms_campaign_id": 'the gateway\'s ID of the request ("pro" accounts)',
    "mms_sent_at": "when the request left; missing when the row certainly was not sent",
}
"""``results.parquet``: one row per contact; all other columns are the contacts' own."""

ATTEMPTS: Final[Mapping[str, str]] = {
    "request": "the request, from 1: mms_request of the results",
    "attempt": "which attempt at it, from 1",
    "sending_at": "when it was about to leave",
    "ended_at": "when its answer, or its failure, was recorded; missing where nothing is known",
    "recipients": "how many numbers were in it",
    "state": "where the attempt led: accepted, refused, in_doubt, pending (it did not leave, or "
    "may be sent again) or confirmed (settled as sent)",
    "reason": "why, in words",
    "http_status": "the HTTP status of the answer",
    "status": "the gateway's status",
    "status_text": "its words, as they came",
    "campaign_id": 'the gateway\'s ID of the request ("pro" accounts)',
    "credits": "what the account had left after it, in its own unit",
    "request_sha256": "SHA-256 of the XML that was sent, which holds no password (hexadecimal)",
    "answer": "the answer's bytes as they came",
}
"""``requests.parquet``: one row per attempt at a request."""


def meanings(names: Iterable[str]) -> Mapping[str, str]:
    """Return the meanings of a frame's columns, by the file it is for.

    Contacts may have columns named ``request`` or ``status``, so those names mean something only
    if they are all there and nothing else is.
    """
    return ATTEMPTS if set(names) == ATTEMPTS.keys() else RESULTS


def categorical(codes: npt.NDArray[np.integer[Any]], words: Iterable[str]) -> pd.Categorical:
    """Return a category column.

    Parameters
    ----------
    codes
        One per row: the place of its word, -1 for missing.
    words
        Different from each other.
    """
    index = pd.Index(list(words), dtype="str")
    made: pd.Categorical = pd.Categorical.from_codes(codes, categories=index)
    return made


_WORD = pa.dictionary(pa.int32(), pa.string())

MMS_TYPES: Mapping[str, pa.DataType] = {
    "mms_e164": pa.string(),
    "mms_problem": _WORD,
    "mms_repair": _WORD,
    "mms_detail": _WORD,
    "mms_phone_column": _WORD,
    "mms_duplicate_of": pa.int64(),
    "mms_last_contact": _WORD,
    "mms_variant": _WORD,
    "mms_message": _WORD,
    "mms_image": _WORD,
    "mms_video": _WORD,
    "mms_sound": _WORD,
    "mms_duration_s": pa.int32(),
    "mms_request": pa.int32(),
    "mms_outcome": _WORD,
    "mms_id": pa.string(),
    "mms_rejected": pa.bool_(),
    "mms_status": pa.int32(),
    "mms_status_text": _WORD,
    "mms_campaign_id": _WORD,
    "mms_sent_at": pa.timestamp("ms", tz="UTC"),
}
"""The Arrow type of every column this package adds; other columns keep their own."""


def as_pandas(given: object) -> pd.DataFrame | None:
    """Return a dataframe of another library as one of pandas; None if it is no dataframe.

    Parameters
    ----------
    given
        A pandas frame comes back as it is; what has an Arrow C stream (polars, pyarrow, DuckDB)
        is read through it: its columns keep their types, whole numbers with gaps included.
    """
    if isinstance(given, pd.DataFrame):
        return given
    if not hasattr(given, "__arrow_c_stream__"):
        return None
    try:
        table = pa.table(given)
    except (pa.ArrowException, TypeError, ValueError):  # a column, which is a stream as well
        return None
    frame: pd.DataFrame = table.to_pandas(types_mapper=_WITH_GAPS.get)
    return frame


def is_dask(given: object) -> bool:
    """Return whether something is a Dask dataframe, without importing Dask."""
    kind = type(given)
    return kind.__module__.partition(".")[0] == "dask" and kind.__name__ == "DataFrame"


def union_of_words(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join frames below each other; their columns of words keep the words of all of them."""
    joined = [part.copy(deep=False) for part in parts]
    for name in parts[0].columns:
        if all(isinstance(part[name].dtype, pd.CategoricalDtype) for part in parts):
            # Parquet does not tell of what type the words of a column are that has none.
            some = [part[name] for part in parts if len(part[name].cat.categories)]
            words = union_categoricals(some).categories if some else pd.Index([], dtype="str")
            for part in joined:
                part[name] = part[name].cat.set_categories(words)
    made = pd.concat(joined)
    made.attrs = dict(parts[0].attrs)
    return made


_WITH_GAPS: Final[Mapping[pa.DataType, Any]] = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}
"""Types that pandas would else make floats and objects of where a value is missing."""


def to_arrow(frame: pd.DataFrame, *, index: bool = True) -> pa.Table:
    """Return a frame as an Arrow table, with the types of `MMS_TYPES`; the index if wanted.

    The meaning of each column of ours is in its field's metadata, under ``description``.
    """
    plain = pd.DataFrame(frame)
    preserve = None if index else False  # None: a range costs nothing, another becomes columns
    try:
        table = pa.Table.from_pandas(plain, preserve_index=preserve)
    except (pa.ArrowException, ValueError, TypeError):
        table = pa.Table.from_pandas(_holdable(plain), preserve_index=preserve)
    for place, column in enumerate(table.schema):
        wanted = MMS_TYPES.get(column.name)
        if wanted is not None and column.type != wanted:
            table = table.set_column(
                place, pa.field(column.name, wanted), table.column(place).cast(wanted)
            )
    return table.cast(_described(table.schema))


def from_arrow(table: pa.Table) -> pd.DataFrame:
    """Return a table that `to_arrow` made as a frame, with its index and dtypes."""
    return _with_words(table.to_pandas())


def aligned(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Cast columns to the types that a schema has for them: parts of one table must be alike."""
    for place, field in enumerate(table.schema):
        wanted = schema.field(field.name).type
        if field.type != wanted:
            column = table.column(place).cast(wanted)
            table = table.set_column(place, field.with_type(wanted), column)
    return table


def _described(schema: pa.Schema) -> pa.Schema:
    """Write the meaning of each column of ours beside it."""
    described_as = meanings(schema.names)
    for place, field in enumerate(schema):
        if field.name in described_as:
            described = field.with_metadata({DESCRIPTION: described_as[field.name]})
            schema = schema.set(place, described)
    return schema


def _with_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Let the gateway's words be words if it said none: results are read as they were made.

    pandas cannot tell the type of categories from an empty list of them.
    """
    for name in ("mms_status_text", "mms_campaign_id"):
        dtype = frame[name].dtype if name in frame.columns else None
        if isinstance(dtype, pd.CategoricalDtype) and dtype.categories.empty:
            frame[name] = frame[name].cat.set_categories(pd.Index([], dtype="str"))
    return frame


def _holdable(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn into text what Arrow cannot hold: mixed columns and labels; drop such an index."""
    held = frame.copy(deep=False)
    held.columns = held.columns.map(str)
    for name in held.columns:
        try:
            pa.array(held[name], from_pandas=True)
        except (pa.ArrowException, ValueError, TypeError):
            text = held[name].map(str, na_action="ignore")
            held[name] = text.astype("str")
    try:
        pa.Table.from_pandas(held[[]])
    except (pa.ArrowException, ValueError, TypeError):
        held.index = pd.Index(held.index.map(str), name=held.index.name)
    names = [name for name in held.index.names if name is not None]
    if set(names) & set(held.columns):
        held.index = held.index.set_names([None] * held.index.nlevels)
    return held
