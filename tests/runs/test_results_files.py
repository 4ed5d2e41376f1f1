"""Result files say what they mean to any reader, without this package."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch import files
from mmsbatch.errors import RunError
from mmsbatch.frames import ATTEMPTS, RESULTS
from mmsbatch.sandbox import Sandbox, SandboxOptions
from pages import TABLE_ROWS

WORD = pa.dictionary(pa.int32(), pa.string())

SCHEMA = {
    "mms_e164": pa.string(),
    "mms_problem": WORD,
    "mms_repair": WORD,
    "mms_detail": WORD,
    "mms_duplicate_of": pa.int64(),
    "mms_message": WORD,
    "mms_request": pa.int32(),
    "mms_outcome": WORD,
    "mms_id": pa.string(),
    "mms_rejected": pa.bool_(),
    "mms_status": pa.int32(),
    "mms_status_text": WORD,
    "mms_campaign_id": WORD,
    "mms_sent_at": pa.timestamp("ms", tz="UTC"),
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with every kind of row: 3 accepted, 1 rejected, 1 duplicate, 1 invalid, 1 in doubt."""
    contacts = pd.DataFrame(
        {
            "id": range(7),
            "mobile": [*fictional(4), "0639980000", "0199000001", "0639980009"],
            "ville": ["Nice"] * 6 + ["Lyon"],
        }
    )
    prepared = mms.prepare(contacts, phone="mobile", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("essai", mms.Text("À {{ ville }}")))
    options = SandboxOptions(blacklist=frozenset(fictional(1, start=3)), with_ids=True)
    folder = tmp_path / "essai"
    with Sandbox(options=options, faults={2: "close:after"}) as sandbox:
        with pytest.raises(mms.RunInDoubt):
            mms.send(plan, account_at(sandbox), run=folder)
    return folder


def test_the_schema_is_stated_and_the_same_when_columns_are_empty(
    run: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    """A run in which nothing was rejected has the same types as one in which all was."""
    prepared = mms.prepare(pd.DataFrame({"m": fictional(1)}), phone="m", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("essai", mms.Text("Bonjour")))
    mms.send(plan, account_at(sandbox), run=tmp_path / "small")
    for folder in (run, tmp_path / "small"):
        schema = pq.read_schema(folder / "results.parquet")
        found = {name: schema.field(name).type for name in schema.names if name.startswith("mms_")}
        assert found == SCHEMA


def test_the_file_says_what_it_is(run: Path) -> None:
    """Run, campaign, fingerprint, versions: an auditor needs no other file."""
    metadata = pq.read_schema(run / "results.parquet").metadata
    assert metadata[b"mmsbatch.run"] == b"essai"
    assert metadata[b"mmsbatch.schema_version"] == b"1"
    assert metadata[b"mmsbatch.fingerprint"].decode() == mms.status(run).fingerprint
    assert metadata[b"mmsbatch.package_version"].decode() == mms.__version__
    assert json.loads(metadata[b"mmsbatch.campaign"])["name"] == "essai"


def test_pandas_reads_it_back_equal(run: Path) -> None:
    """Integers stay integers where cells are missing."""
    frame = pd.read_parquet(run / "results.parquet")
    pd.testing.assert_frame_equal(mms.results(run), frame)
    assert frame["mms_status"].dtype == "Int32"
    assert frame["mms_outcome"].astype(str).tolist() == [
        *["accepted"] * 3,
        "rejected",
        "duplicate",
        "invalid",
        "in_doubt",
    ]


def test_duckdb_counts_and_joins_it(run: Path) -> None:
    """SQL over the files by themselves."""
    sql = duckdb.connect()
    counts = sql.execute(
        f"SELECT mms_outcome, count(*) FROM '{run}/results.parquet' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert counts == [
        ("accepted", 3),
        ("duplicate", 1),
        ("in_doubt", 1),
        ("invalid", 1),
        ("rejected", 1),
    ]
    attempts = sql.execute(
        f"SELECT r.request, r.state, count(*) FROM '{run}/requests.parquet' r "
        f"JOIN '{run}/results.parquet' ON mms_request = r.request GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert attempts == [(1, "accepted", 4), (2, "in_doubt", 1)]


def test_polars_reads_it(run: Path) -> None:
    """Words are categories there too, and times keep their zone."""
    frame = pl.read_parquet(run / "results.parquet")
    counts = frame.group_by(pl.col("mms_outcome").cast(pl.String)).len().sort("mms_outcome")
    assert [
        ("accepted", 3),
        ("duplicate", 1),
        ("in_doubt", 1),
        ("invalid", 1),
        ("rejected", 1),
    ] == counts.rows()
    assert pl.Datetime("ms", "UTC") == frame.schema["mms_sent_at"]
    attempts = pl.read_parquet(run / "requests.parquet")
    assert [b"Status=100"] == [body[:10] for body in attempts["answer"] if body]


def test_spark_reads_it(run: Path, spark: Any) -> None:
    frame = spark.read.parquet(str(run / "results.parquet"))
    counts = {
        row["mms_outcome"]: row["count"] for row in frame.groupBy("mms_outcome").count().collect()
    }
    assert {"accepted": 3, "duplicate": 1, "in_doubt": 1, "invalid": 1, "rejected": 1} == counts
    types = dict(frame.dtypes)
    assert ("int", "timestamp", "boolean") == tuple(
        types[name] for name in ("mms_status", "mms_sent_at", "mms_rejected")
    )
    attempts = spark.read.parquet(str(run / "requests.parquet")).orderBy("request").collect()
    assert bytes(attempts[0]["answer"]).startswith(b"Status=100\n")


IF_ASKED_FOR = {
    *("mms_phone_column", "mms_last_contact", "mms_variant"),
    *("mms_image", "mms_video", "mms_sound", "mms_duration_s"),
}


def test_every_column_of_ours_says_what_it_means(run: Path) -> None:
    """In the files' own metadata, in words that the page has too."""
    for name, meanings in (("results", RESULTS), ("requests", ATTEMPTS)):
        schema = pq.read_schema(run / f"{name}.parquet")
        ours = [field for field in schema if field.name.startswith("mms_") or name == "requests"]
        said = {field.name: field.metadata[b"description"].decode() for field in ours}
        assert {column: meanings[column] for column in said} == said
        assert set(meanings) - set(said) <= IF_ASKED_FOR
        for column, meaning in said.items():
            row = next(row for row in TABLE_ROWS if f"`{column}`" in row.split("|")[1])
            assert meaning.split(":")[0] in row.replace("`", "")


def test_contacts_columns_are_the_contacts_own(run: Path) -> None:
    """A column of the CRM is not explained by this package, whatever its name."""
    schema = pq.read_schema(run / "results.parquet")
    assert schema.field("ville").metadata is None


def test_words_that_never_occur_are_words_all_the_same(tmp_path: Path) -> None:
    """An account that gives no campaign ID: the column is read back as it was made."""
    prepared = mms.prepare(pd.DataFrame({"m": fictional(1)}), phone="m", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("essai", mms.Text("Bonjour")))
    with Sandbox(options=SandboxOptions(pro=False)) as plain:
        sent = mms.send(plan, account_at(plain), run=tmp_path / "plain")
    assert sent["mms_campaign_id"].isna().all()
    assert sent["mms_campaign_id"].cat.categories.dtype == "str"
    pd.testing.assert_frame_equal(mms.results(tmp_path / "plain"), sent)


def test_a_row_that_may_have_been_sent_says_when(run: Path) -> None:
    """And a row that certainly was not does not."""
    frame = pq.read_table(run / "results.parquet").to_pandas()
    maybe = frame["mms_outcome"].isin(["accepted", "in_doubt"])
    assert frame["mms_sent_at"].notna().tolist() == maybe.tolist()


def test_the_raw_answer_is_kept(run: Path) -> None:
    """Facts, not conclusions: the bytes as they came, and the hash of what was sent."""
    attempts = pq.read_table(run / "requests.parquet").to_pylist()
    assert attempts[0]["answer"].startswith(b"Status=100\n")
    assert attempts[0]["credits"] == 99_997
    assert len(attempts[0]["request_sha256"]) == 64
    assert (attempts[1]["answer"], attempts[1]["status"]) == (b"", None)


AWKWARD = pd.DataFrame(
    {
        "mobile": fictional(3),
        "mixed": [1, "deux", None],
        "float": [1.5, math.nan, 3.0],
        "when": pd.to_datetime(pd.Series(["2026-01-01", None, "2026-01-03"])),
        "list": [[1], None, [2, 3]],
        7: ["x", "y", "z"],
    },
    index=pd.Index(["a", 1, "a"], dtype=object),
)


def test_a_crm_with_awkward_columns_is_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    """Mixed cells and labels that Arrow cannot hold become text; nothing is dropped."""
    prepared = mms.prepare(AWKWARD, phone="mobile", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("essai", mms.Text("Bonjour")))
    results = mms.send(plan, account_at(sandbox), run=tmp_path / "awkward")
    assert results["mixed"].astype(object).where(results["mixed"].notna(), None).tolist() == [
        "1",
        "deux",
        None,
    ]
    assert results["7"].tolist() == ["x", "y", "z"]
    assert results.index.tolist() == ["a", "1", "a"]
    assert results["mms_outcome"].eq("accepted").all()


def test_a_replaced_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A writer that fails half-way leaves what was there, and no litter."""
    path = tmp_path / "results.parquet"
    path.write_bytes(b"old")

    def fail(beside: Path) -> None:
        beside.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="No space left on device"):
        files.replace_file(path, fail)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {path.name: b"old"}
