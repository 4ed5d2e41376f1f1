"""A Dask dataframe is prepared and planned as the same rows in one frame are."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from dask import dataframe as dd

import mmsbatch as mms
from mmsbatch.errors import ContactsError
from mmsbatch.planning.prepared import Prepared

SAMPLE = mms.read_contacts(mms.sample("crm.csv"))
CAMPAIGN = mms.Campaign("noel", mms.Text("Bonjour {{ firstname }}"))
PARTITIONS = [1, 7]


def prepared(frame: Any, **options: Any) -> Any:
    return mms.prepare(frame, phone="mobile", fictional=True, **options)


def same(parts: Any, whole: Prepared) -> None:
    """Compare values; words may stand in another order in the list of categories."""
    found = pd.DataFrame(parts.compute())
    for name in whole.columns:
        expected = whole[name]
        if isinstance(expected.dtype, pd.CategoricalDtype):
            assert found[name].astype("str").equals(expected.astype("str")), name
        else:
            pd.testing.assert_series_equal(found[name], expected, check_dtype=False)


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("consent", [None, "optin_sms"])
def test_partitions_are_prepared_as_one_frame(partitions: int, consent: str | None) -> None:
    """Duplicates across partitions, and a no that covers another partition's rows."""
    parts = dd.from_pandas(SAMPLE, npartitions=partitions)
    same(prepared(parts, consent=consent), prepared(SAMPLE, consent=consent))


@pytest.mark.parametrize("consent", [None, pytest.param("optin_sms", marks=pytest.mark.full)])
def test_the_plan_has_one_fingerprint_whatever_the_partitions(consent: str | None) -> None:
    """So what was confirmed on one machine is what the cluster sends."""
    campaign = mms.Campaign("noel", mms.Text("Bonjour"))
    whole = mms.plan(prepared(SAMPLE, consent=consent), campaign)
    for partitions in PARTITIONS:
        parts = prepared(dd.from_pandas(SAMPLE, npartitions=partitions), consent=consent)
        assert mms.plan(parts, campaign).fingerprint == whole.fingerprint, partitions


def test_the_first_row_in_the_order_of_the_partitions_counts() -> None:
    """Whatever is ready first, and whatever the index says."""
    frame = pd.DataFrame(
        {"mobile": ["0639980001", "0639980002", "0639980001", "0639980003", "0639980002"]},
        index=[9, 8, 7, 6, 5],
    )
    parts = dd.from_map(lambda place: frame.iloc[place : place + 1], range(5))
    found = prepared(parts).compute()
    assert found["mms_duplicate_of"].fillna(-1).tolist() == [-1, -1, 0, -1, 1]
    assert list(found.index) == [9, 8, 7, 6, 5]


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    """A partition that cannot be read fails when it is read."""

    def broken(place: int) -> pd.DataFrame:
        if place:
            raise ZeroDivisionError
        return SAMPLE.head(5)

    parts = dd.from_map(broken, range(2), meta=SAMPLE.head(0))
    lazy = prepared(parts)
    with pytest.raises(ZeroDivisionError):
        lazy.compute()


def test_people_who_must_not_be_written_to_are_left_out_of_all_partitions() -> None:
    """The list reaches every partition."""
    numbers = prepared(SAMPLE)["mms_e164"].dropna().iloc[[0, 200, 700]]
    suppress = mms.read_suppression_list(numbers)
    found = prepared(dd.from_pandas(SAMPLE, npartitions=7), suppress=suppress).compute()
    whole = prepared(SAMPLE, suppress=suppress)
    assert found["mms_problem"].astype("str").equals(whole["mms_problem"].astype("str"))
    assert found["mms_problem"].eq("suppressed").sum() >= 3


def test_the_phone_column_is_found_in_the_first_partition() -> None:
    """As in one frame."""
    parts = mms.prepare(dd.from_pandas(SAMPLE, npartitions=3), fictional=True)
    assert "mms_e164" in parts.columns


def test_a_partition_with_other_columns_is_named() -> None:
    """With both lists."""

    def part(place: int) -> pd.DataFrame:
        return SAMPLE.rename(columns={"mobile": "portable"}) if place == 2 else SAMPLE

    parts = dd.from_map(part, range(3), meta=SAMPLE.head(0))
    with pytest.raises(ContactsError, match=r"partition 2 has the columns .*'portable'"):
        prepared(parts).compute()


def test_a_column_that_does_not_exist_is_refused_at_once() -> None:
    """Before anything is computed."""
    parts = dd.from_pandas(SAMPLE, npartitions=3)
    with pytest.raises(ContactsError, match=r"no column 'mobil'.*mean 'mobile'"):
        mms.prepare(parts, phone="mobil")


def test_a_long_frame_is_fetched_part_by_part() -> None:
    """Cut at other rows than the partitions are, the plan is that of pandas."""
    campaign = mms.Campaign("noel", mms.Text("Bonjour {{ ville }}"))
    whole = mms.plan(prepared(SAMPLE), campaign, part_rows=700)
    parts = prepared(dd.from_pandas(SAMPLE, npartitions=7))
    plan = mms.plan(parts, campaign, part_rows=700)
    assert len(plan.parts) == len(whole.parts) > 2
    assert plan.fingerprint == whole.fingerprint
