"""Whether every accepted number is in the bytes of its answer, read by another path than `wire`."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mmsbatch.runs.outcomes import Outcome
from mmsbatch.verification.inputs import PartInputs, RecordedAnswer, RunInputs, read_table
from mmsbatch.verification.journal import CheckFailed
from mmsbatch.verification.tables import column_values


def evidence(run: RunInputs) -> str:
    """Look for every accepted row's number in the bytes of its request's last answer."""
    rows = answers = 0
    for one in run.parts():
        taken, named = _evidence_in(one)
        rows, answers = rows + taken, answers + named
    return f"{rows:,} rows that were taken are named in {answers:,} answers"


def _evidence_in(one: PartInputs) -> tuple[int, int]:
    """Look in one part; return how many rows were taken, and how many answers name them."""
    outcomes = read_table(one.results, ["mms_outcome", "mms_request"])
    claimed = pc.is_in(
        column_values(outcomes, "mms_outcome"),
        pa.array([Outcome.ACCEPTED, Outcome.SCHEDULED]),
    )
    positions = np.flatnonzero(np.asarray(claimed))
    requests_of = np.asarray(column_values(outcomes, "mms_request").fill_null(0))[positions]
    order = np.argsort(requests_of, kind="stable")
    borders = np.flatnonzero(np.diff(requests_of[order], prepend=-1))
    for group in np.split(order, borders[1:]) if len(order) else ():
        number = int(requests_of[group[0]])
        reply = one.replies.get(number, _NO_REPLY)
        rows = positions[group]
        _check_named(number, reply, one.part.first_row + rows, one.part.numbers[rows])
    return len(positions), len(borders)


_TAKEN: Final = re.compile(rb"(?:^|[\r\n>])[ \t]*Status[ \t]*=[ \t]*10[01][ \t]*(?:[\r\n<]|\Z)")
_NAMED: Final = re.compile(rb"<MOBILEPHONE>\s*(?:\+?33|0)([67][0-9]{8})\s*</MOBILEPHONE>")
_REFUSED_LINE: Final = re.compile(rb"[ \t]*=([^\r\n<]*)")
_REFUSED: Final = re.compile(rb"(?:\+?33|(?<![0-9])0)([67][0-9]{8})(?![0-9])")
# Of people who were erased: see `mmsbatch.forget`.
_TOKEN_NAMED: Final = re.compile(rb"<MOBILEPHONE>\s*\+?(999[0-9]{15})\s*</MOBILEPHONE>")
_TOKEN: Final = re.compile(rb"(?<![0-9])(999[0-9]{15})(?![0-9])")


_NO_REPLY: Final = RecordedAnswer(0, b"", None)


def _check_named(
    number: int,
    reply: RecordedAnswer,
    rows: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
) -> None:
    body = reply.body
    if not _TAKEN.search(body):
        raise CheckFailed(
            f"results.parquet: row {rows[0]} is claimed as taken, and the "
            f"answer to request {number} (attempt {reply.attempt}) has no status 100 or 101"
        )
    named = reply.listed.numbers if reply.listed else _named(body)
    refused = _refused(body)
    all_named = np.array_equal(named, numbers)  # nearly always, in the order they left
    proved = np.full(len(numbers), fill_value=True) if all_named else np.isin(numbers, named)
    if len(refused):
        proved &= ~np.isin(numbers, refused, kind="sort")
    if not proved.all():
        raise CheckFailed(
            f"results.parquet: row {rows[int(proved.argmin())]} is claimed as taken, and the "
            f"answer to request {number} (attempt {reply.attempt}) does not name its number so"
        )


def _named(body: bytes) -> npt.NDArray[np.int64]:
    return _numbers(_NAMED.findall(body), _TOKEN_NAMED.findall(body) if b"999" in body else [])


def _refused(body: bytes) -> npt.NDArray[np.int64]:
    lines = map(_REFUSED_LINE.match, body.split(b"UnvalidNums")[1:])
    line = b"|".join(found[1] for found in lines if found)
    return _numbers(_REFUSED.findall(line), _TOKEN.findall(line))


def _numbers(national: list[bytes], tokens: list[bytes]) -> npt.NDArray[np.int64]:
    found = [33_000_000_000 + int(digits) for digits in national]
    return np.array([*found, *map(int, tokens)], dtype=np.int64)
