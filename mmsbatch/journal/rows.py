"""A fact as a row of a journal: its columns, its hash, and back. Pure.

Each row has the hash of the one before in its own, so that a journal that was touched by hand shows
it, whatever database it is in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mmsbatch import hints
from mmsbatch.errors import RunError
from mmsbatch.journal.facts import Fact, FactKind

Row = dict[str, Any]

COLUMNS: Final = ("seq", "at", "kind", "request", "attempt", "data", "body", "hash")
"""seq: 1, 2, 3, … without a gap. at: UTC, ISO 8601, milliseconds. request, attempt: null for a fact
of the run. data: JSON, keys sorted. body: an answer's bytes as they came. hash: SHA-256
(hexadecimal) over the last one and this."""

FACT_COLUMNS: Final = "kind, at, request, attempt, data, body"
"""What `fact_of` takes, in this order."""


def rows_of(facts: Sequence[Fact], last: tuple[int, str]) -> list[Row]:
    """Return facts as the rows that follow a last one, given by its number and its hash."""
    seq, previous = last
    rows = []
    for fact in facts:
        seq += 1
        row = _row(seq, fact)
        row["hash"] = previous = chained_hash(previous, row)
        rows.append(row)
    return rows


def chained_hash(previous: str, row: Mapping[str, Any]) -> str:
    """Hash a row of the journal together with the hash of the row before it (hexadecimal)."""
    body = row["body"]
    content = {**row, "body": None if body is None else hashlib.sha256(body).hexdigest()}
    line = json.dumps([previous, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(line.encode()).hexdigest()


def _row(seq: int, fact: Fact) -> Row:
    return {
        "seq": seq,
        "at": fact.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "kind": fact.kind.value,
        "request": fact.request,
        "attempt": fact.attempt,
        "data": json.dumps(fact.data, sort_keys=True, ensure_ascii=False),
        "body": fact.body,
    }


def fact_of(row: Sequence[Any]) -> Fact:
    """Make a fact of `FACT_COLUMNS`; ValueError if a value cannot be read."""
    kind, at, request, attempt, data, body = row
    return Fact(
        FactKind(kind), datetime.fromisoformat(at), request, attempt, json.loads(data), body
    )


def numbered_facts(rows: Sequence[Sequence[Any]], journal: str) -> list[tuple[int, Fact]]:
    """Make facts of rows of their number and `FACT_COLUMNS`.

    Parameters
    ----------
    rows
        As a database gives them.
    journal
        Which it is, for the error.

    Raises
    ------
    RunError
        A fact is of a kind that a newer version wrote.
    """
    known = set(FactKind)
    if unknown := next((row for row in rows if row[1] not in known), None):
        raise RunError(
            f"{journal}: fact {unknown[0]} is a {unknown[1]!r}, which this mmsbatch does "
            f"not know: {hints.UPGRADE}"
        )
    return [(row[0], fact_of(row[1:])) for row in rows]
