"""The problems of an export, corrected in a spreadsheet and merged back by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import fictional
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox

CELLS = [
    *fictional(3),
    "06 39 98 00",  # row 5: too short
    "639980007",
    "01 99 00 12 34",  # row 7
    "=1+1",  # row 8
    "+33 6 39",  # row 9
    "",
    fictional(1)[0],  # a duplicate, which needs nobody
]
WRONG = {5: "malformed", 7: "landline", 8: "malformed", 9: "malformed", 10: "missing"}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"nom": [f"n{row}" for row in range(len(CELLS))], "mobile": CELLS})
    frame.to_csv("crm.csv", index=False)
    (tmp_path / "c.toml").write_text('name = "c"\nkind = "text"\nmessage = "m"\n', encoding="utf-8")
    return tmp_path


def call(*words: str) -> Any:
    return CliRunner().invoke(app, words)


def correct(file: str, answers: dict[int, str]) -> None:
    """Fill the last column in, as a person does in a spreadsheet or an editor."""
    if file.endswith(".csv"):
        frame = pd.read_csv(file, sep=";", dtype=str, keep_default_na=False)
        for row, number in answers.items():
            frame.loc[frame["row"] == str(row), "corrected"] = number
        frame.to_csv(file, sep=";", index=False)
        return
    book = openpyxl.load_workbook(file)
    sheet: Any = book.active
    for line in sheet.iter_rows(min_row=2):
        if line[0].value in answers:
            line[6].value = answers[line[0].value]
    book.save(file)


def test_a_frame_of_what_needs_a_person() -> None:
    """With the row that a spreadsheet shows, the cell, the reason and what to do."""
    prepared = mms.prepare(mms.read_contacts("crm.csv"), phone="mobile", fictional=True)
    problems = prepared.problems
    assert dict(zip(problems["row"], problems["problem"], strict=True)) == WRONG
    assert problems["cell"].tolist() == ["06 39 98 00", "01 99 00 12 34", "=1+1", "+33 6 39", ""]
    assert problems["what_to_do"].str.len().gt(0).all()
    assert set(problems["column"]) == {"mobile"}


@pytest.mark.parametrize("file", ["out.xlsx", "out.csv"])
def test_what_was_corrected_is_sent(file: str, sandbox: Sandbox, monkeypatch: Any) -> None:
    """A row without a correction stays as it is; the run's contacts are the corrected ones."""
    for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)
    assert call("check", "crm.csv", "--phone", "mobile", "--problems", file).exit_code == 0
    correct(file, {5: "06 39 98 00 55", 8: "0639980088", 9: "+33 6 39 98 00 99"})
    words = ["crm.csv", "--phone", "mobile", "--corrected", file]
    checked = json.loads(call("check", *words, "--json").stdout)
    assert checked["problems"] == {"duplicate": 1, "landline": 1, "missing": 1}
    plan = call("plan", *words, "--campaign", "c.toml", "--save", "saved")
    assert plan.exit_code == 0, plan.output
    fingerprint = json.loads(call("show", "saved", "--json").stdout)["fingerprint"]
    sent = call("send", "--plan", "saved", "--confirm", fingerprint, "--run", "run")
    assert sent.exit_code == 0, sent.output
    numbers = {one.number for one in sandbox.ledger}
    assert {"33639980055", "33639980088", "33639980099"} < numbers
    assert len(numbers) == 7


def test_a_workbook_keeps_every_cell_as_text(place: Path) -> None:
    """Nothing becomes a formula or a number, or loses its zero."""
    call("check", "crm.csv", "--phone", "mobile", "--problems", "out.xlsx")
    sheet: Any = openpyxl.load_workbook("out.xlsx").active
    cells = [line[2] for line in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells[:4]] == [
        "06 39 98 00",
        "01 99 00 12 34",
        "=1+1",
        "+33 6 39",
    ]
    assert {cell.data_type for cell in cells[:4]} == {"s"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows[3:], "row 5, column 'mobile': that cell reads otherwise now"),
        (lambda rows: rows[:2], "row 5, column 'mobile': there is no such row"),
    ],
)
def test_an_export_that_has_changed_is_refused(change: Any, told: str, place: Path) -> None:
    """Whoever is in that row now is not the person that was corrected."""
    call("check", "crm.csv", "--phone", "mobile", "--problems", "out.xlsx")
    correct("out.xlsx", {5: "06 39 98 00 55"})
    contacts = pd.read_csv("crm.csv", dtype=str, keep_default_na=False)
    change(contacts).to_csv("crm.csv", index=False)
    for words in (["check", "crm.csv"], ["plan", "crm.csv", "--campaign", "c.toml"]):
        done = call(*words, "--phone", "mobile", "--corrected", "out.xlsx")
        assert done.exit_code == 2
        assert told in done.stderr
        assert "check them again" in done.stderr
        assert "06 39" not in done.stderr


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("nom;mobile\na;b\n", "has no column 'row'"),
        ("row;column;cell;corrected\nx;mobile;a;b\n", "row 2: 'x' is no row of the contacts"),
        ("row;column;cell;corrected\n1;mobile;a;b\n", "row 2: '1' is no row of the contacts"),
        (
            "row;column;cell;corrected\n5;mobile;06 39 98 00;b\n5;mobile;06 39 98 00;c\n",
            "row 3: row 5 is corrected twice",
        ),
        ("row;column;cell;corrected\n5;tel;06 39 98 00;b\n", "there is no such column"),
    ],
)
def test_a_file_that_corrects_nothing_is_named(rows: str, told: str, place: Path) -> None:
    (place / "fixed.csv").write_text(rows, encoding="utf-8")
    done = call("check", "crm.csv", "--phone", "mobile", "--corrected", "fixed.csv")
    assert (done.exit_code, told in done.stderr) == (2, True), done.output
