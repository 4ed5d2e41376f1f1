"""Frames of people show themselves masked, with times in Paris, and are whole underneath."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.sandbox import Sandbox


def faces(frame: Any) -> tuple[str, str]:
    """Return what a terminal and a notebook show."""
    with pd.option_context("display.width", 400, "display.max_columns", 40):
        return repr(frame), frame._repr_html_()


@pytest.fixture(scope="module")
def prepared() -> pd.DataFrame:
    contacts = pd.DataFrame(
        {
            "nom": [f"client {n}" for n in range(100)],
            **{f"c{n}": n for n in range(8)},
            "mobile": [f"06 39 98 {n // 10:02}{n % 10:02}" for n in range(99)] + ["12 34 56"],
        }
    )
    return mms.prepare(contacts, phone="mobile", fictional=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    with Sandbox() as sandbox:
        return mms.send(planned(3), account_at(sandbox), run=tmp_path_factory.mktemp("a") / "run")


def test_whatever_is_made_of_a_prepared_frame_is_masked(prepared: pd.DataFrame) -> None:
    """A filter, a few columns, a sort, a merge: a saved notebook shows no whole number."""
    other = pd.DataFrame({"nom": ["client 1"], "ville": ["Lille"]})
    made = {
        "filtered": prepared[prepared["mms_problem"].isna()],
        "columns": prepared[["mobile", "mms_problem"]],
        "sorted": prepared.sort_values("nom").head(3),
        "merged": prepared.merge(other, on="nom"),
    }
    for name, frame in made.items():
        for face in faces(frame):
            assert not re.search(r"06 39 98 \d|\+?3363998\d", face), name
            assert "06 39 98" in face, name


def test_problems_stay_readable(prepared: pd.DataFrame) -> None:
    """Six digits are no number of anybody; their end is hidden all the same."""
    wrong = prepared[prepared["mms_problem"] == "malformed"]
    assert all("12 •• ••" in face for face in faces(wrong))


def test_the_cells_are_as_they_are(prepared: pd.DataFrame) -> None:
    """What is shown is a copy, and a plain frame shows all of it."""
    part = prepared[["mobile", "mms_e164"]].head(1)
    assert part.iloc[0].tolist() == ["06 39 98 0000", "+33639980000"]
    assert "06 39 98 0000" in repr(pd.DataFrame(part))


def test_a_wide_frame_shows_phone_and_problem_first(prepared: pd.DataFrame) -> None:
    """A narrow one keeps the order that somebody chose."""
    first = faces(prepared[prepared["mms_problem"].notna()])[0].split()[:3]
    assert first == ["mobile", "mms_problem", "nom"]
    assert faces(prepared[["nom", "mobile"]])[0].split()[:2] == ["nom", "mobile"]


def test_a_long_frame_shows_its_ends_and_its_size(prepared: pd.DataFrame) -> None:
    text, notebook = faces(prepared[["nom", "mobile"]])
    said = "100 rows × 2 columns; the first 5 and the last 5 are shown"
    assert text.endswith(f"[{said}]")
    assert notebook.endswith(f"<p>{said}</p>")
    assert "client 4\n" in re.sub(" +06.*", "\n", text)
    assert "client 50" not in text


def test_a_frame_without_rows_says_so(prepared: pd.DataFrame) -> None:
    nobody = prepared.loc[prepared["mms_problem"] == "foreign", ["nom", "mms_problem"]]
    assert faces(nobody)[0] == "no rows, of the columns nom, mms_problem"


def test_times_are_in_paris_and_whole_seconds(results: pd.DataFrame) -> None:
    """With their offset, so that nobody takes them for another zone's."""
    at = results["mms_sent_at"].iloc[0].tz_convert("Europe/Paris")
    assert all(f"{at:%Y-%m-%d %H:%M:%S}+0" in face for face in faces(results))
    assert str(results["mms_sent_at"].dtype) == "datetime64[ms, UTC]"


def test_results_and_their_audit_are_shown_so(results: pd.DataFrame, tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        mms.send(planned(2), account_at(sandbox), run=tmp_path / "runs" / "b")
    audit = mms.audit(tmp_path / "runs")
    assert re.search(r"\d\d:\d\d:\d\d\+0[12]:00", faces(audit[["run", "opened_at"]])[0])
    assert not re.search(r"\+?3363998\d", faces(results)[0])
