"""Plan rows and journal facts made anew without the person. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mmsbatch.gateway import wire
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.rows import Row, chained_hash
from mmsbatch.phones.e164 import seal
from mmsbatch.phones.in_text import Notation
from mmsbatch.planning.contents import TEXTS
from mmsbatch.planning.plan import Plan

ERASED_MESSAGE: Final = "(erased)"
"""Stands where a message was made for this person alone."""


@dataclass(frozen=True)
class ErasedPlan:
    """The table without the person, and how much was changed."""

    table: pa.Table
    rows: int
    """Rows of this person."""
    cells: int
    """Cells of other rows that held the number."""
    static_message: bool
    """The campaign's own message holds the number; it went to everybody and is left as it is."""


def erase(
    table: pa.Table,
    mine: npt.NDArray[np.bool_],
    notation: Notation,
    token: int,
    *,
    unsent: npt.NDArray[np.bool_],
    own: frozenset[str],
) -> ErasedPlan:
    """Erase a person from a plan's table.

    Parameters
    ----------
    table
        ``plan.parquet`` as it is.
    mine
        Which rows are this person's, of shape (rows,).
    notation, token
        The number, and what takes its place.
    unsent
        Which of these rows have not left and shall not: they become ``suppressed``.
    own
        The campaign's own texts and addresses; what everybody got as it is stays.
    """
    cells, changed = 0, {}
    for name in table.column_names:
        column = table.column(name)
        if name in TEXTS:
            made = _texts(column, mine, notation, token, unsent, own)
        elif name == "mms_e164":
            made = pc.if_else(pa.array(mine), pa.scalar(f"+{token}"), column)
        elif name == "mms_problem":
            made = _with_word(column, unsent, "suppressed")
        elif name == "mms_request":
            made = _emptied(column, unsent)
        elif name.startswith("mms_"):
            made = column
        else:
            elsewhere = _holding(column, notation) & ~mine
            cells += int(elsewhere.sum())
            made = _emptied(column, mine | elsewhere)
        if made is not column:
            changed[name] = made.cast(column.type)
    for name, column in changed.items():
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(place), column)
    table = table.replace_schema_metadata(_nullable(table))
    return ErasedPlan(table, int(mine.sum()), cells, any(map(notation.is_in, own)))


# ----- cells -------------------------------------------------------------------------------------


def _emptied(column: pa.ChunkedArray, where: npt.NDArray[np.bool_]) -> pa.ChunkedArray:
    """Make cells null; a word that nothing else uses leaves the column's dictionary too."""
    if not where.any():
        return column
    if pa.types.is_dictionary(column.type):
        whole = _combined(column)
        codes = np.asarray(whole.indices.fill_null(-1)).astype(np.int64)
        return _recoded(whole, np.where(where, -1, codes), codes)
    try:
        return pc.if_else(pa.array(where), pa.scalar(None, type=column.type), column)
    except pa.ArrowNotImplementedError:
        cells = [
            None if gone else cell for gone, cell in zip(where, column.to_pylist(), strict=True)
        ]
        return pa.chunked_array([pa.array(cells, type=column.type)])


def _recoded(
    whole: pa.DictionaryArray, codes: npt.NDArray[np.int64], before: npt.NDArray[np.int64]
) -> pa.ChunkedArray:
    """Recode a dictionary column, and take out the words that are no longer used."""
    words = whole.dictionary
    lost = np.setdiff1d(before[before >= 0], codes[codes >= 0])
    keep = np.setdiff1d(np.arange(len(words)), lost)
    places = np.full(len(words) + 1, -1, dtype=np.int64)
    places[keep] = np.arange(len(keep))
    indices = pa.array(places[codes], mask=codes < 0).cast(whole.type.index_type)
    return pa.chunked_array(
        [
            pa.DictionaryArray.from_arrays(
                indices, words.take(pa.array(keep)), ordered=whole.type.ordered
            )
        ]
    )


def _with_word(column: pa.ChunkedArray, where: npt.NDArray[np.bool_], word: str) -> pa.ChunkedArray:
    if not where.any():
        return column
    plain = column.cast(column.type.value_type)
    return pc.if_else(pa.array(where), pa.scalar(word), plain).dictionary_encode()


def _texts(
    column: pa.ChunkedArray,
    mine: npt.NDArray[np.bool_],
    notation: Notation,
    token: int,
    unsent: npt.NDArray[np.bool_],
    own: frozenset[str],
) -> pa.ChunkedArray:
    """Take out what was written for this person alone, and the number wherever it is written."""
    whole = _combined(column)
    codes = np.asarray(whole.indices.fill_null(-1)).astype(np.int64)
    words = [str(word) for word in whole.dictionary.to_pylist()]
    others = set(np.unique(codes[~mine]).tolist())
    for code in set(np.unique(codes[mine]).tolist()) - others - {-1}:
        if words[code] not in own:
            words[code] = ERASED_MESSAGE
    words = [word if word in own else notation.replaced(word, token) for word in words]
    codes = np.where(unsent, -1, codes)
    plain = pa.array(words, type=pa.string()).take(pa.array(codes, mask=codes < 0))
    return pa.chunked_array([plain.dictionary_encode()])


def _combined(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.unify_dictionaries().combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


# ----- where the number stands -------------------------------------------------------------------


def _holding(column: pa.ChunkedArray, notation: Notation) -> npt.NDArray[np.bool_]:
    """Return which cells hold the number."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        whole = _combined(column)
        found = _holding(pa.chunked_array([whole.dictionary]), notation)
        codes = np.asarray(whole.indices.fill_null(len(found)))
        return np.asarray(np.append(found, False)[codes], dtype=bool)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        wanted = [value for value in notation.figures if _fits(value, kind)]
        return _booleans(pc.is_in(column, pa.array(wanted, type=kind)))
    if pa.types.is_temporal(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return np.zeros(len(column), dtype=bool)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.string())
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return np.array([_in_value(cell, notation) for cell in column.to_pylist()], dtype=bool)
    near = _booleans(pc.match_substring_regex(column, notation.near))
    for place in np.flatnonzero(near):
        near[place] = notation.is_in(column[int(place)].as_py())
    return near


def _in_value(cell: Any, notation: Notation) -> bool:
    if isinstance(cell, bytes):
        return notation.is_in_bytes(cell)
    return cell is not None and notation.is_in(str(cell))


def _fits(value: int, kind: pa.DataType) -> bool:
    if pa.types.is_floating(kind):
        return bool(kind == pa.float64())  # narrower ones cannot hold nine digits
    return kind in {pa.int64(), pa.uint64()} or (
        kind in {pa.int32(), pa.uint32()} and value.bit_length() < 32  # noqa: PLR2004
    )


def _booleans(found: Any) -> npt.NDArray[np.bool_]:
    return np.array(pc.fill_null(found, False), dtype=bool)


# ----- pandas' own metadata ----------------------------------------------------------------------

_NULLABLE: Final = {
    **{f"int{bits}": f"Int{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"UInt{bits}" for bits in (8, 16, 32, 64)},
    "bool": "boolean",
}


def _nullable(table: pa.Table) -> dict[bytes, bytes]:
    """Say of integer columns that now have gaps that they are integers still.

    pandas would read them as floats otherwise, and other people's figures with them.
    """
    metadata = dict(table.schema.metadata or {})
    if b"pandas" not in metadata:
        return metadata
    said = json.loads(metadata[b"pandas"])
    gaps = {
        field.name
        for field in table.schema
        if table.column(field.name).null_count
        and (pa.types.is_integer(field.type) or pa.types.is_boolean(field.type))
    }
    for column in said.get("columns", ()):
        if column.get("field_name") in gaps and column.get("numpy_type") in _NULLABLE:
            column["numpy_type"] = _NULLABLE[column["numpy_type"]]
    metadata[b"pandas"] = json.dumps(said).encode()
    return metadata


_KEPT: Final = ("login", "logins", "url")
"""Of the account; a login that is a number is the sender's own."""


def rewritten(
    rows: Iterable[Row],
    plans: tuple[Plan, Plan],
    notation: Notation,
    token: int,
    opened: Mapping[str, Any],
    key: bytes,
) -> Iterator[Row]:
    """Return the rows without the number, in one chain.

    Parameters
    ----------
    rows
        As they are, of a journal that holds.
    plans
        The plan before and after.
    notation, token
        The number, and what takes its place.
    opened
        What the first fact says now: fingerprint, requests, digests.
    key
        For the seals of digests of files that are gone.
    """
    previous, login = "", ""
    for row in rows:
        data = json.loads(row["data"])
        if row["kind"] == FactKind.STARTED:
            login = str(data.get("login", ""))
        if row["kind"] == FactKind.OPENED:
            data |= opened
        elif row["kind"] == FactKind.SENDING:
            mine = str(data.get("login", login))  # where several accounts share the run
            data["sha256"] = _digest(plans, row["request"], mine, data["sha256"])
            # Fewer if a request that was refused as a whole may go again, without the person.
            data["recipients"] = plans[1].recipients_of(row["request"])
        elif row["kind"] == FactKind.WRITTEN:
            data["files"] = {name: sealed(old, key) for name, old in data["files"].items()}
        elif row["kind"] != FactKind.FORGOTTEN:
            data = {
                name: value if name in _KEPT else _replaced(value, notation, token)
                for name, value in data.items()
            }
        body = row["body"] and notation.replaced_bytes(row["body"], token)
        text = json.dumps(data, sort_keys=True, ensure_ascii=False)
        new = {**row, "data": text, "body": body}
        del new["hash"]
        previous = chained_hash(previous, new)
        yield {**new, "hash": previous}


SEALED: Final = "sealed:"


def sealed(digest: str, key: bytes) -> str:
    """Seal a digest, once."""
    return digest if digest.startswith(SEALED) else SEALED + seal(digest, key)


def _digest(plans: tuple[Plan, Plan], request: int, login: str, recorded: str) -> str:
    before, after = (
        wire.encode_request(
            plan.campaign,
            plan.content_of(request),
            [*map(str, plan.numbers_of(request).tolist())],
            login,
        )
        for plan in plans
    )
    return recorded if before == after else hashlib.sha256(after).hexdigest()


def _replaced(value: Any, notation: Notation, token: int) -> Any:
    if isinstance(value, str):
        return notation.replaced(value, token)
    if isinstance(value, dict):
        return {name: _replaced(inner, notation, token) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, notation, token) for inner in value]
    return token if value in notation.figures and not isinstance(value, bool) else value
