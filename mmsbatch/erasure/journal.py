"""A person erased from a journal: facts rewritten, and the chain made anew over them.

The chain cannot be kept. Each hash is over the bytes of an answer, and whoever knows the other 199
numbers of a request finds the erased one by trying all of them: so is the SHA-256 of a request, of
a file, and the plan's fingerprint. All of these are made anew; what stood there before is kept as
keyed seals in the fact ``forgotten``, so that whoever has an old fingerprint and the key can show
that this run is the same one.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from mmsbatch.errors import RunError
from mmsbatch.gateway import wire
from mmsbatch.phones.e164 import seal
from mmsbatch.phones.in_text import Notation
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.journal import Journal, chained_hash
from mmsbatch.runs.states import FactKind
from mmsbatch.verification.journal import Row

_KEPT: Final = ("login", "url")
"""Of the account; a login that is a number is the sender's own."""


def rewritten(
    rows: Sequence[Row],
    plans: tuple[Plan, Plan],
    notation: Notation,
    token: int,
    opened: Mapping[str, Any],
    key: bytes,
) -> list[Row]:
    """Give the rows without the number, in one chain.

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
    made, previous, login = [], "", ""
    for row in rows:
        data = json.loads(row["data"])
        if row["kind"] == FactKind.STARTED:
            login = str(data.get("login", ""))
        if row["kind"] == FactKind.OPENED:
            data |= opened
        elif row["kind"] == FactKind.SENDING:
            data["sha256"] = _digest(plans, row["request"], login, data["sha256"])
            # Fewer where a request that was refused as a whole may go again, without the person.
            data["recipients"] = len(plans[1].positions(row["request"]))
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
        made.append({**new, "hash": previous})
    return made


SEALED: Final = "sealed:"


def sealed(digest: str, key: bytes) -> str:
    """Seal a digest, once."""
    return digest if digest.startswith(SEALED) else SEALED + seal(digest, key)


def write(rows: Sequence[Row], path: Path) -> None:
    """Make a journal that holds these rows, and nothing else in any of its pages."""
    Journal(path, create=True).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO facts (seq, at, kind, request, attempt, data, body, hash) "
            "VALUES (:seq, :at, :kind, :request, :attempt, :data, :body, :hash)",
            rows,
        )
        connection.execute("COMMIT")


def install(made: Path, place: Path) -> None:
    """Copy a journal's pages over another's, in one transaction; the log keeps nothing of it.

    Done again after a crash, it does the same.

    Raises
    ------
    RunError
        Another process reads the journal and does not let go of it.
    """
    try:
        with (
            closing(sqlite3.connect(made)) as source,
            closing(sqlite3.connect(place, timeout=30.0)) as target,
        ):
            target.execute("PRAGMA synchronous=FULL")
            target.execute("PRAGMA secure_delete=ON")
            source.backup(target)
            busy = target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        raise RunError(
            f"{place} cannot be replaced ({error}): run the same command again"
        ) from None
    if busy:
        raise RunError(f"{place} is being read by another process: run the same command again")


def _digest(plans: tuple[Plan, Plan], request: int, login: str, recorded: str) -> str:
    before, after = (
        wire.encode_request(
            plan.campaign,
            plan.message_of(request),
            [*map(str, plan.numbers[plan.positions(request)].tolist())],
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
