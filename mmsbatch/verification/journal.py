"""The journal's rows followed from the first to the last, for `verify`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mmsbatch.journal.facts import Fact
from mmsbatch.journal.journal import Damaged
from mmsbatch.journal.rows import COLUMNS, FACT_COLUMNS, Row, chained_hash, fact_of
from mmsbatch.runs.folder import RunFolder

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "seq": (int,),
    "at": (str,),
    "kind": (str,),
    "request": (int, type(None)),
    "attempt": (int, type(None)),
    "data": (str,),
    "body": (bytes, type(None)),
    "hash": (str,),
}


class CheckFailed(Exception):  # noqa: N818  (a finding, not a failure of the program)
    """Something does not hold: says where, what was expected and what was found."""


def read_rows(folder: RunFolder) -> Iterator[Row]:
    """Read every row of the journal as it stands, once the database's own checks hold.

    Raises
    ------
    CheckFailed
        The journal is damaged.
    """
    try:
        yield from folder.journal.checked_rows()
    except Damaged as damage:
        raise CheckFailed(str(damage)) from None


def check_chain(rows: Iterable[Row]) -> Iterator[tuple[Row, Fact]]:
    """Follow the chain from the first fact to the last, and return each row with its fact.

    Raises
    ------
    CheckFailed
        A row is missing, or is not what its hash was made over; names the fact.
    """
    previous, place = "", 0
    for place, row in enumerate(rows, start=1):
        if row["seq"] != place:
            raise CheckFailed(f"journal.sqlite: fact {place} is missing, {row['seq']} follows")
        for name, types in _TYPES.items():
            if not isinstance(row[name], types):
                found = type(row[name]).__name__
                raise CheckFailed(
                    f"journal.sqlite: fact {place}: {name} is of another type ({found})"
                )
        content = {name: row[name] for name in COLUMNS if name != "hash"}
        expected = chained_hash(previous, content)
        if row["hash"] != expected:
            raise CheckFailed(
                f"journal.sqlite: fact {place} ({row['kind']} of {row['at']}): the hash over it "
                f"and the fact before is {expected[:12]}…, recorded is {row['hash'][:12]}…"
            )
        previous = row["hash"]
        yield row, _fact(row)
    if not place:
        raise CheckFailed("journal.sqlite: there is no fact at all")


def _fact(row: Row) -> Fact:
    try:
        return fact_of([row[name] for name in FACT_COLUMNS.split(", ")])
    except ValueError as error:
        raise CheckFailed(f"journal.sqlite: fact {row['seq']} cannot be read ({error})") from None
