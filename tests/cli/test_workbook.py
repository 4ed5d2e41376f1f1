"""Results as a workbook: phones are text, formulas are inert, and a sheet has limits."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at
from mmsbatch.cli import app, export
from mmsbatch.errors import InputError
from mmsbatch.sandbox import Sandbox


def test_results_come_out_as_a_workbook(run: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    """As a spreadsheet shows them: no number loses a digit, no cell runs."""
    contacts = pd.DataFrame(
        {
            "mobile": ["0639980012", "0639980013"],
            "=nom": ['=HYPERLINK("http://x")', "+33 oui"],
            "solde": [1.5, 12345678901234567],
        }
    )
    campaign = mms.Campaign("c", mms.Text("Bonjour"))
    plan = mms.plan(mms.prepare(contacts, phone="mobile", fictional=True), campaign)
    results = mms.send(plan, account_at(sandbox), run=run, progress=False)
    out = tmp_path / "out.xlsx"
    done = CliRunner().invoke(app, ["results", str(run), "--out", str(out)])
    assert done.exit_code == 0, done.output
    header, *rows = openpyxl.load_workbook(out).active.iter_rows()  # type: ignore[union-attr]
    assert [cell.value for cell in header] == [str(name) for name in results.columns]
    cells = dict(zip([cell.value for cell in header], rows[0], strict=True))
    assert (cells["mobile"].value, cells["mobile"].data_type) == ("0639980012", "s")
    assert (cells["mms_e164"].value, cells["mms_e164"].data_type) == ("+33639980012", "s")
    assert cells["=nom"].value == '=HYPERLINK("http://x")'
    assert {cell.data_type for row in (header, *rows) for cell in row} <= {"s", "n", "b"}
    assert cells["mms_request"].value == 1
    assert cells["mms_rejected"].value is False
    assert str(cells["mms_sent_at"].value).endswith("+00:00")
    assert mms.read_contacts(out)["mms_outcome"].tolist() == ["accepted", "accepted"]


def test_what_a_sheet_cannot_hold_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than it has, or a text longer than a cell: another kind of file is named."""
    monkeypatch.setattr(export, "_SHEET_ROWS", 3)
    out = tmp_path / "out.xlsx"
    with pytest.raises(InputError, match=r"more rows than the 2 that a sheet holds: write \.csv"):
        export.write([pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [3]})], out)
    with pytest.raises(InputError, match=r"a text of 40,000 characters .*write \.csv"):
        export.write([pd.DataFrame({"a": ["x" * 40_000]})], out)
    assert list(tmp_path.iterdir()) == []
    export.write([pd.DataFrame({"a": ["bell\a", None]})], out)
    assert mms.read_contacts(out)["a"].iloc[0] == "bell\ufffd"
