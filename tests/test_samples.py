"""The samples: what is kept is what the script makes, and the three formats are one export."""

from __future__ import annotations

import io
import re
import zipfile
from functools import cache
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import mmsbatch as mms
from make_samples import FOLDER, samples

made = cache(samples)
FICTION = re.compile(
    r"(0|33|0033)?(639980*[0-9]{4}|19900[0-9]{4}|26191[0-9]{4}|35301[0-9]{4}|46571[0-9]{4}"
    r"|53649[0-9]{4})|447700900[0-9]{3}|120255501[0-9]{2}"
)
"""Every block that a regulator keeps for fiction, in any notation without its separators."""


@pytest.mark.parametrize("name", ["crm.csv", "noel.toml", "soldes.toml"])
def test_text_samples_are_what_the_script_makes(name: str) -> None:
    """Byte for byte, on any day and machine."""
    assert made()[name] == (FOLDER / name).read_bytes()


def test_the_workbook_is_what_the_script_makes() -> None:
    """Part by part: the compression may differ from machine to machine, the content may not."""

    def contents(workbook: bytes) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    assert contents(made()["crm.xlsx"]) == contents((FOLDER / "crm.xlsx").read_bytes())


def test_the_parquet_is_what_the_script_makes() -> None:
    """The same table: the writer's version stands in the file's footer."""
    table = pq.read_table(io.BytesIO(made()["crm.parquet"]))
    assert table.equals(pq.read_table(FOLDER / "crm.parquet"))


@pytest.mark.parametrize("name", ["crm.xlsx", "crm.parquet"])
def test_the_three_formats_are_read_the_same(name: str) -> None:
    """Typed ids, phones and dates of the workbook come back as the text of the CSV."""
    pd.testing.assert_frame_equal(
        mms.read_contacts(FOLDER / "crm.csv"), mms.read_contacts(FOLDER / name)
    )


def test_most_rows_can_be_sent_and_the_others_have_every_usual_reason() -> None:
    """The demo has something to send and something to show."""
    contacts = mms.read_contacts(FOLDER / "crm.csv")
    problems = mms.prepare(contacts, phone="mobile", fictional=True)["mms_problem"]
    assert len(contacts) == 1500
    assert problems.isna().sum() >= 1100
    assert {
        "missing",
        "malformed",
        "several_numbers",
        "digits_lost",
        "foreign",
        "landline",
        "duplicate",
    } == set(problems.dropna())


def test_no_number_of_the_samples_can_ring() -> None:
    """Whatever has seven digits and more is in a block kept for fiction, or is cut or too long."""
    contacts = mms.read_contacts(FOLDER / "crm.csv")
    for cell in pd.concat([contacts["mobile"], contacts["telephone"]]).dropna():
        text = str(cell).removesuffix(".0")
        if "E+" in text:
            continue
        for number in re.split(r" / | ou |;", text):
            digits = re.sub(r"[^0-9]", "", number.replace("(0)", "").replace("O", "0"))
            if len(digits) >= 7 and set(digits) != {"0"}:
                short_or_long = re.fullmatch(r"063998[0-9]{2}|063998[0-9]{5}", digits)
                assert FICTION.fullmatch(digits) or short_or_long, number


def test_the_campaigns_can_be_loaded_and_speak_of_columns_of_the_export() -> None:
    """The placeholders of the messages are columns of the sample."""
    names = mms.read_contacts(FOLDER / "crm.csv").columns
    for name in ("noel.toml", "soldes.toml"):
        mms.load_campaign(FOLDER / name)
        text = Path(FOLDER / name).read_text(encoding="utf-8")
        assert set(re.findall(r"\{\{ *(\w+) *\}\}", text)) <= set(names)
