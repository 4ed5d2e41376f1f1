"""Cells that hold several numbers: sent where one French mobile alone can be meant."""

from __future__ import annotations

import pandas as pd
import pytest

import mmsbatch as mms

MOBILE = "+33639980012"


def read(cell: str) -> tuple[object, object, object]:
    """Return a cell's number, problem and repairs."""
    prepared = mms.prepare(pd.DataFrame({"m": [cell]}), phone="m", fictional=True)
    row = prepared[["mms_e164", "mms_problem", "mms_repair"]].iloc[0]
    return tuple(None if pd.isna(cell) else cell for cell in row)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("cell", "repair"),
    [
        ("06 39 98 00 12 / 01 23 45 67 89", "other_number_left_out"),
        ("01 23 45 67 89 - 06 39 98 00 12", "other_number_left_out"),
        ("06 39 98 00 12 01 23 45 67 89", "other_number_left_out"),
        ("06 39 98 00 12 / +44 7700 900764", "other_number_left_out"),
        ("0692 12 34 56 ; 06 39 98 00 12", "other_number_left_out"),
        ("mob 06 39 98 00 12 - tél 01 23 45 67 89", "other_number_left_out,label_removed"),
        ("0639980012;06 39 98 00 12", "same_number_twice"),
        ("+33639980012 ou 0639980012", "same_number_twice"),
        ("0639980012\n0639980012", "same_number_twice"),
        ("639980012/639980012", "leading_zero_restored,same_number_twice"),
        ("0639980012, 0639980012, 0123456789", "same_number_twice,other_number_left_out"),
    ],
)
def test_one_mobile_is_sent(cell: str, repair: str) -> None:
    """The repair says what was left out."""
    assert read(cell) == (MOBILE, None, repair)


@pytest.mark.parametrize(
    "cell",
    [
        "06 39 98 00 12 / 06 39 98 00 13",
        "0639980012 0639980012 0639980013",
        "01 23 45 67 89 / 01 23 45 67 88",
        "06 39 98 00 12 / 12345678901234",
        "ne pas appeler 06 39 98 00 12 / 01 23 45 67 89",
        "06 39 98 00 12 (Marie) / 01 23 45 67 89",
        "domicile 01 23 45 67 89, portable 06 39 98 00 12",
        "06399800120123456789",
    ],
)
def test_what_could_be_meant_otherwise_is_not(cell: str) -> None:
    """Two mobiles, none, an unclear number, a word beside one, digits without a border."""
    assert read(cell) == (None, "several_numbers", None)


def test_a_remark_is_no_part_of_a_number() -> None:
    """A name cannot be told from a word that forbids the message."""
    assert read("06 39 98 00 12 (Marie)") == (None, "malformed", None)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("639,980,012", (MOBILE, None, "leading_zero_restored")),
        ("33,639,980,012", (MOBILE, None, None)),
        ("1,234,567", (None, "malformed", None)),
        ("639,98,0012", (None, "malformed", None)),
    ],
)
def test_groups_of_thousands(cell: str, expected: tuple[object, ...]) -> None:
    """As an English spreadsheet writes a whole number, and nothing else with commas."""
    assert read(cell) == expected


def test_a_number_of_a_real_range_is_sent_live() -> None:
    """Not only to the sandbox."""
    prepared = mms.prepare(pd.DataFrame({"m": ["0612345678 / 0123456789"]}), phone="m")
    assert prepared["mms_e164"].tolist() == ["+33612345678"]
    assert prepared["mms_repair"].tolist() == ["other_number_left_out"]
