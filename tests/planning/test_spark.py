"""Contacts in Spark are prepared as the same rows in pandas are."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
import pytest

import mmsbatch as mms
from mmsbatch.errors import ContactsError

SAMPLE = mms.read_contacts(mms.sample("crm.csv")).assign(row=lambda frame: range(len(frame)))
CAMPAIGN = mms.Campaign("noel", mms.Text("Bonjour {{ ville }}"), consent=mms.Consent("optin_sms"))


def in_spark(spark: Any, frame: pd.DataFrame, partitions: int) -> Any:
    cells = frame.astype("object").where(frame.notna(), None)
    types = ", ".join(f"`{name}` {'long' if name == 'row' else 'string'}" for name in frame)
    return spark.createDataFrame(cells.values.tolist(), types).repartition(partitions)


def prepared(contacts: Any, **options: Any) -> pd.DataFrame:
    function, schema = mms.spark_prepare(contacts, fictional=True, **options)
    found: pd.DataFrame = contacts.mapInPandas(function, schema).toArrow().to_pandas()
    return found.sort_values("row", ignore_index=True)


@pytest.mark.parametrize("partitions", [3])
def test_the_plan_is_that_of_pandas(partitions: int, spark: Any) -> None:
    """Repeats, and a no that stands in another partition, are found all the same."""
    consent = CAMPAIGN.consent
    whole = mms.prepare(SAMPLE, phone="mobile", fictional=True, consent=consent)
    parts = prepared(in_spark(spark, SAMPLE, partitions), phone="mobile", consent=consent)
    plan = mms.plan(whole, CAMPAIGN)
    assert mms.plan(parts, CAMPAIGN).fingerprint == plan.fingerprint
    assert plan.summary.problems["duplicate"]
    assert plan.summary.problems["no_consent"]


def test_every_column_is_that_of_pandas_but_for_duplicates(spark: Any) -> None:
    whole = mms.prepare(SAMPLE, phone=["mobile", "telephone"], fictional=True)
    parts = prepared(in_spark(spark, SAMPLE, 3), phone=["mobile", "telephone"])
    assert list(parts.columns) == list(whole.columns)
    for name in ("mms_e164", "mms_repair", "mms_detail", "mms_phone_column"):
        assert parts[name].fillna("").tolist() == whole[name].astype("object").fillna("").tolist()
    problems = whole["mms_problem"].astype("object").replace("duplicate", None)
    assert parts["mms_problem"].fillna("").tolist() == problems.fillna("").tolist()
    assert parts["mms_duplicate_of"].isna().all()


def test_a_suppression_list_and_a_guessed_column(spark: Any) -> None:
    contacts = in_spark(spark, SAMPLE[["row", "mobile", "ville"]], 2)
    first = mms.prepare(SAMPLE, phone="mobile", fictional=True)["mms_e164"].dropna().iloc[0]
    found = prepared(contacts, suppress=mms.read_suppression_list(pd.Series([first])))
    assert set(found.loc[found["mms_e164"] == first, "mms_problem"]) == {"suppressed"}


def test_what_cannot_be_prepared_is_named(spark: Any) -> None:
    contacts = in_spark(spark, SAMPLE[["row", "mobile", "ville"]], 2)
    with pytest.raises(ContactsError, match=r"no column 'mobil'\. Did you mean 'mobile'"):
        mms.spark_prepare(contacts, phone="mobil")
    with pytest.raises(ContactsError, match="'optin'"):
        mms.spark_prepare(contacts, phone="mobile", consent="optin")
    with pytest.raises(ContactsError, match="must be a dataframe of Spark, not"):
        mms.spark_prepare(SAMPLE)
    ours = contacts.withColumnRenamed("ville", "mms_ville")
    with pytest.raises(ContactsError, match="begin with mms_: 'mms_ville'"):
        mms.spark_prepare(ours, phone="mobile")


def test_a_word_that_is_neither_yes_nor_no_is_named(spark: Any) -> None:
    """Wherever in the table it stands, before anything is prepared."""
    contacts = in_spark(spark, SAMPLE[["row", "mobile", "ville"]], 2)
    with pytest.raises(Exception, match="ville"):
        mms.spark_prepare(contacts, phone="mobile", consent="ville")


def test_without_spark_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql.types", None)
    with pytest.raises(ContactsError, match="pip install pyspark`"):
        mms.spark_prepare(SAMPLE)
