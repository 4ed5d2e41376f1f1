"""Whether every accepted number is in the bytes of its answer, read by another path than `wire`."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mmsbatch.outcomes import Outcome
from mmsbatch.states import Kind
from mmsbatch.verify.journal import Broken
from mmsbatch.verify.scene import Scene
from mmsbatch.verify.tables import cells


def evidence(scene: Scene) -> str:
    """Look for every accepted row's number in the bytes of its request's last answer."""
    claimed = pc.is_in(
        cells(scene.results, "mms_outcome"), pa.array([Outcome.ACCEPTED, Outcome.SCHEDULED])
    )
    positions = np.flatnonzero(np.asarray(claimed))
    bodies = {
        fact.request: (place, fact.body or b"")
        for place, fact in enumerate(scene.facts, start=1)
        if fact.kind is Kind.ANSWER
    }
    requests_of = np.asarray(cells(scene.results, "mms_request").fill_null(0))[positions]
    order = np.argsort(requests_of, kind="stable")
    borders = np.flatnonzero(np.diff(requests_of[order], prepend=-1))
    for group in np.split(order, borders[1:]) if len(order) else ():
        number = int(requests_of[group[0]])
        place, body = bodies.get(number, (0, b""))
        rows = positions[group]
        _check_named(number, place, body, rows, scene.plan.numbers[rows])
    return f"{len(positions):,} rows that were taken are named in {len(borders):,} answers"


_TAKEN: Final = re.compile(rb"(?:^|[\r\n>])[ \t]*Status[ \t]*=[ \t]*10[01][ \t]*(?:[\r\n<]|\Z)")
_NAMED: Final = re.compile(rb"<MOBILEPHONE>\s*(?:\+?33|0)([67][0-9]{8})\s*</MOBILEPHONE>")
_REFUSED_LINE: Final = re.compile(rb"UnvalidNums[ \t]*=([^\r\n<]*)")
_REFUSED: Final = re.compile(rb"(?:\+?33|(?<![0-9])0)([67][0-9]{8})(?![0-9])")
# Of people who were erased: see `mmsbatch.forget`.
_TOKEN_NAMED: Final = re.compile(rb"<MOBILEPHONE>\s*\+?(999[0-9]{15})\s*</MOBILEPHONE>")
_TOKEN: Final = re.compile(rb"(?<![0-9])(999[0-9]{15})(?![0-9])")


def _check_named(
    number: int,
    place: int,
    body: bytes,
    rows: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
) -> None:
    if not _TAKEN.search(body):
        raise Broken(
            f"results.parquet: row {rows[0]} is claimed as taken, and fact {place} (the answer to "
            f"request {number}) has no status 100 or 101"
        )
    named = _numbers(_NAMED.findall(body), _TOKEN_NAMED.findall(body) if b"999" in body else [])
    line = b"|".join(_REFUSED_LINE.findall(body))
    refused = _numbers(_REFUSED.findall(line), _TOKEN.findall(line))
    if not len(refused) and np.array_equal(named, numbers):  # all of them, in the order they left
        return
    proved = np.isin(numbers, named) & ~np.isin(numbers, refused)
    if not proved.all():
        raise Broken(
            f"results.parquet: row {rows[int(proved.argmin())]} is claimed as taken, and fact "
            f"{place} (the answer to request {number}) does not name its number as taken"
        )


_NATIONAL_DIGITS: Final = 9
_NONE: Final = np.zeros(0, dtype=np.int64)
_PLACES: Final = 10 ** np.arange(_NATIONAL_DIGITS - 1, -1, -1, dtype=np.int64)


def _numbers(national: list[bytes], tokens: list[bytes]) -> npt.NDArray[np.int64]:
    if not national and not tokens:
        return _NONE
    digits = np.frombuffer(b"".join(national), dtype=np.uint8).reshape(-1, _NATIONAL_DIGITS)
    numbers = 33_000_000_000 + (digits - np.uint8(ord("0"))) @ _PLACES
    return np.concatenate((numbers, np.array(list(map(int, tokens)), dtype=np.int64)))
