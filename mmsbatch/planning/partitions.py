"""``prepare`` over the partitions of a Dask dataframe: as if they were one frame.

A number's first row may be in another partition, and so may be a no to being written to. Numbers
are therefore exchanged, in buckets of which each has a part of them: for each row that can be sent
to, a bucket holds 24 bytes (16 of the number and its position, 8 to sort them) while it looks for
the first. Nothing else of a row leaves its partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from dask import dataframe as dd
from dask.delayed import delayed

from mmsbatch.campaign.consent import Consent
from mmsbatch.errors import ContactsError
from mmsbatch.frames import union_of_words
from mmsbatch.phones.problems import PROBLEM_CODE
from mmsbatch.planning.rows import (
    PROBLEM_DTYPE,
    no_repeats,
    phone_columns,
    prepare_part,
    refusing_in,
)
from mmsbatch.planning.suppression import SuppressionList

if TYPE_CHECKING:
    from dask.delayed import Delayed

Numbers = npt.NDArray[np.int64]
Rows = tuple[Numbers, Numbers]
"""Numbers and the positions of their rows in a partition."""

_MOST_BUCKETS: Final = 32


def prepare_partitions(
    contacts: Any,
    phone: str | Sequence[str] | None,
    *,
    fictional: bool,
    suppress: SuppressionList | None,
    consent: Consent | None,
) -> Any:
    """Prepare a Dask dataframe, lazily; parameters and columns are those of `prepare`.

    Returns
    -------
    dask.dataframe.DataFrame
        With the partitions of `contacts`. Of two rows with the same number the first in the order
        of the partitions counts; ``mms_duplicate_of`` is a position from the first partition on.

    Raises
    ------
    ContactsError
        As from `prepare`; about a cell or a column of a partition when the result is computed.
    """
    sample = contacts.get_partition(0).compute() if phone is None else contacts._meta  # noqa: SLF001
    names = phone_columns(sample, phone)
    columns = list(contacts.columns)
    given = contacts.to_delayed()
    once = delayed(suppress) if suppress is not None else None
    parts = [delayed(_checked)(part, columns, place) for place, part in enumerate(given)]
    refusing = None
    if consent is not None:
        said = [delayed(refusing_in)(part, names, consent, fictional) for part in parts]
        refusing = delayed(_all_refusing)(said, consent)
    read = [
        delayed(_read, nout=2)(part, names, fictional, once, consent, refusing) for part in parts
    ]
    earlier = _exchanged([numbers for _, numbers in read])
    done = [
        delayed(_finished)(frame, found) for (frame, _), found in zip(read, earlier, strict=True)
    ]
    meta = prepare_part(contacts._meta, names, no_repeats, fictional, None, None)  # noqa: SLF001
    return dd.from_delayed(done, meta=pd.DataFrame(meta), verify_meta=False)


def in_parts(prepared: Any, rows: int) -> Iterator[pd.DataFrame]:
    """Compute a prepared Dask dataframe, and return it in frames of so many rows, in order.

    On a cluster the partitions stay with its workers until they are fetched, one after the other.
    """
    computed = prepared.persist()
    waiting: list[pd.DataFrame] = []
    held = given = 0
    for place in range(computed.npartitions):
        waiting.append(computed.get_partition(place).compute())
        held += len(waiting[-1])
        while held >= rows:
            together = union_of_words(waiting)
            yield together.iloc[:rows]
            waiting = [together.iloc[rows:]]
            held -= rows
            given += rows
    if held or not given:
        yield union_of_words(waiting)


# ----- what is done with each partition -----------------------------------------------------------


def _checked(part: pd.DataFrame, columns: list[Any], place: int) -> pd.DataFrame:
    found = list(part.columns)
    if found != columns:
        raise ContactsError(
            f"partition {place} has the columns {found}, where the others have {columns}: read all "
            "of them with the same columns"
        )
    return part


def _all_refusing(parts: list[tuple[Numbers, bool]], consent: Consent) -> Numbers:
    consent.check_any(any_yes=any(any_yes for _, any_yes in parts))
    return np.unique(np.concatenate([numbers for numbers, _ in parts]))


def _read(
    part: pd.DataFrame,
    names: list[str],
    fictional: bool,
    suppress: SuppressionList | None,
    consent: Consent | None,
    refusing: Numbers | None,
) -> tuple[pd.DataFrame, Numbers]:
    """Prepare a partition by itself; give also the number of each row that can be sent to."""
    seen: list[Numbers] = []

    def note(numbers: Numbers) -> Numbers:
        seen.append(numbers)
        return no_repeats(numbers)

    frame = prepare_part(part, names, note, fictional, suppress, consent, refusing)
    return frame, seen[0]


def _finished(frame: pd.DataFrame, found: list[Rows]) -> pd.DataFrame:
    """Call the rows duplicates whose number is in an earlier row of any partition."""
    earlier = np.full(len(frame), -1, np.int64)
    for rows, firsts in found:
        earlier[rows] = firsts
    repeated = earlier >= 0
    problems = frame["mms_problem"].cat.codes.to_numpy().copy()
    problems[repeated] = PROBLEM_CODE["duplicate"]
    finished = frame.copy(deep=False)
    finished["mms_problem"] = pd.Categorical.from_codes(problems, dtype=PROBLEM_DTYPE)
    finished["mms_duplicate_of"] = pd.arrays.IntegerArray(np.maximum(earlier, 0), ~repeated)
    return finished


# ----- the exchange -------------------------------------------------------------------------------


def _exchanged(numbers: list[Delayed]) -> list[Delayed]:
    """Return, for each partition, the rows whose number has an earlier one, and which that is."""
    buckets = min(len(numbers), _MOST_BUCKETS)
    split = [delayed(_split, nout=buckets)(part, buckets) for part in numbers]
    lengths = delayed(list)([delayed(len)(part) for part in numbers])
    found = [
        delayed(_first_rows, nout=len(numbers))([part[bucket] for part in split], lengths)
        for bucket in range(buckets)
    ]
    return [delayed(list)([one[place] for one in found]) for place in range(len(numbers))]


def _split(numbers: Numbers, buckets: int) -> list[Rows]:
    """Divide a partition's numbers among the buckets."""
    rows = np.flatnonzero(numbers >= 0)
    given = numbers[rows]
    bucket = given % buckets
    return [(given[bucket == one], rows[bucket == one]) for one in range(buckets)]


def _first_rows(parts: list[Rows], lengths: list[int]) -> list[Rows]:
    """Find the first row of each number of a bucket, in the order of the partitions."""
    offsets = np.cumsum([0, *lengths[:-1]])
    numbers = np.concatenate([numbers for numbers, _ in parts])
    rows = np.concatenate([rows + offset for (_, rows), offset in zip(parts, offsets, strict=True)])
    order = np.argsort(numbers, kind="stable")
    sorted_numbers = numbers[order]
    begins = np.flatnonzero(np.diff(sorted_numbers, prepend=-1) != 0)
    first = np.empty(len(numbers), np.int64)
    first[order] = np.repeat(rows[order[begins]], np.diff(begins, append=len(numbers)))
    repeated = first != rows
    found = []
    begin = 0
    for _, own in parts:
        here = slice(begin, begin + len(own))
        found.append((own[repeated[here]], first[here][repeated[here]]))
        begin += len(own)
    return found
