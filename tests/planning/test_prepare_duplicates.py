"""Which rows repeat a number: whole columns, and batch after batch with the same answer."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmsbatch.planning.grouping import Seen, first_rows

NUMBERS = st.lists(st.sampled_from([-1, 0, 600_000_000, 612345678, 799_999_999]), max_size=40)


def slowly(numbers: list[int]) -> list[int]:
    """The definition: the earliest row with the number, where that is not the row itself."""
    first: dict[int, int] = {}
    found = []
    for row, number in enumerate(numbers):
        earliest = first.setdefault(number, row)
        found.append(earliest if number >= 0 and earliest != row else -1)
    return found


@given(NUMBERS)
def test_a_repeat_names_the_first_row_with_its_number(numbers: list[int]) -> None:
    """Rows without a number repeat nothing."""
    assert slowly(numbers) == first_rows(np.array(numbers, np.int64)).tolist()


@given(NUMBERS, st.lists(st.integers(0, 40), max_size=12))
def test_batches_give_the_same_answer(numbers: list[int], cuts: list[int]) -> None:
    """Rows are counted from the first batch on, wherever the file is cut."""
    seen = Seen()
    batches = np.split(np.array(numbers, np.int64), sorted(min(cut, len(numbers)) for cut in cuts))
    found = [row for batch in batches for row in seen.first_rows(batch).tolist()]
    assert slowly(numbers) == found
    assert len(numbers) == seen.rows


def test_many_batches_keep_eight_bytes_a_number() -> None:
    """The keys kept are one word each, in few runs."""
    seen = Seen()
    random = np.random.default_rng(1)
    whole = random.integers(600_000_000, 600_050_000, 60_000)
    found = np.concatenate([seen.first_rows(batch) for batch in np.array_split(whole, 50)])
    assert slowly(whole.tolist()) == found.tolist()
    assert 8 * len(np.unique(whole)) == seen.nbytes
