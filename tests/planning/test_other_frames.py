"""Dataframes that are not pandas': the same verdicts, through the Arrow C stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mmsbatch as mms
from conftest import SERVICE

FRAME = pd.DataFrame(
    {
        "mobile": ["06 39 98 00 12", "+33639980013", None, "01 99 00 00 01", "06 39 98 00 12"],
        "number": pd.array([639980012, None, 639980014, 1, 639980012], dtype="Int64"),
        "prenom": ["Ana", "Zoé", "", None, "Bob"],
    }
)


def by_duckdb(frame: pd.DataFrame) -> Any:
    connection = duckdb.connect()
    connection.register("people", frame)
    return connection.sql("SELECT * FROM people")


OTHERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "record batches": lambda frame: pa.Table.from_pandas(frame, preserve_index=False).to_reader(),
    "duckdb": by_duckdb,
}


@pytest.mark.parametrize("phone", ["mobile", "number", ["number", "mobile"]])
@pytest.mark.parametrize("library", OTHERS)
def test_the_same_verdicts(library: str, phone: str | list[str]) -> None:
    """Problems, repairs, numbers and duplicates; whole numbers with gaps included."""
    theirs = mms.prepare(OTHERS[library](FRAME), phone=phone, fictional=True)
    ours = mms.prepare(FRAME, phone=phone, fictional=True)
    names = [name for name in ours.columns if name.startswith("mms_")]
    pd.testing.assert_frame_equal(
        pd.DataFrame(theirs[names]), pd.DataFrame(ours[names]), check_categorical=False
    )
    assert list(theirs.columns) == list(ours.columns)


@pytest.mark.parametrize("library", OTHERS)
def test_the_same_plan(library: str) -> None:
    """The fingerprint is of what is sent, whatever the frame was."""
    plans = [
        mms.plan(mms.prepare(frame, phone="mobile", fictional=True), SERVICE)
        for frame in (OTHERS[library](FRAME), FRAME)
    ]
    assert plans[0].fingerprint == plans[1].fingerprint


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (pl.Series(["0639980012"]), "polars.Series"),
        (pa.array(["0639980012"]), "pyarrow.StringArray"),
        (pd.Series(["0639980012"]), "pandas.Series"),
        ({"mobile": ["0639980012"]}, "dict"),
        ("crm.csv", "str"),
    ],
)
def test_what_is_no_frame_is_named_with_its_package(given: Any, named: str) -> None:
    """And what makes a frame of a file."""
    with pytest.raises(mms.ContactsError, match=f"a dataframe, not {named};.*read_contacts"):
        mms.prepare(given)
