"""Suppression lists: who is on one is not written to, and a list that cannot be read stops all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import SERVICE, account_at, fictional
from mmsbatch.cli import app
from mmsbatch.cli.check import check
from mmsbatch.planning.prepare import prepare_batches
from mmsbatch.sandbox import Sandbox

CAMPAIGN = mms.Campaign("lettre", mms.Text("Bonjour"))


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def problems(frame: pd.DataFrame) -> list[str]:
    return frame["mms_problem"].astype(object).fillna("").tolist()


def prepared(
    frame: pd.DataFrame, *sources: Any, phone: str | list[str] = "mobile", **options: Any
) -> pd.DataFrame:
    suppress = mms.read_suppression_list(*sources)
    return mms.prepare(frame, phone=phone, fictional=True, suppress=suppress, **options)


@pytest.fixture
def stops(tmp_path: Path) -> Path:
    """Return a list of two people in two notations, and a landline."""
    return written(tmp_path / "stops.csv", "numéro", "06 39 98 00 01", "+33639980003", "0199000001")


# ----- who is not written to ---------------------------------------------------------------------


def test_nobody_on_the_list_gets_a_message(stops: Path, tmp_path: Path) -> None:
    """Their rows come back with an outcome of their own; the gateway never hears of them."""
    plan = mms.plan(prepared(pd.DataFrame({"mobile": fictional(5)}), stops), CAMPAIGN)
    with Sandbox() as sandbox:
        results = mms.send(plan, account_at(sandbox), run=tmp_path / "run", progress=False)
        reached = {delivery.number for delivery in sandbox.ledger}
    assert ["accepted", "suppressed", "accepted", "suppressed", "accepted"] == list(
        results["mms_outcome"]
    )
    assert {"33639980000", "33639980002", "33639980004"} == reached
    assert mms.verify(tmp_path / "run").holds


def test_each_row_of_a_person_is_suppressed(stops: Path) -> None:
    """None is called a repeat of a row that is not sent, and none is sent in its place."""
    mobile = ["0639980001", "0639980002", "+33 6 39 98 00 01", "0639980002"]
    found = prepared(pd.DataFrame({"mobile": mobile}), stops)
    assert ["suppressed", "", "suppressed", "duplicate"] == problems(found)
    assert [1] == found["mms_duplicate_of"].dropna().tolist()
    assert ["suppressed", "", "suppressed", "duplicate"] == problems(mms.plan(found, CAMPAIGN).rows)


def test_a_person_is_suppressed_by_any_of_their_numbers(stops: Path) -> None:
    """It is the person who wants no messages, not the telephone."""
    frame = pd.DataFrame(
        {
            "mobile": ["0639980008", "0639980003", "", "0639980009"],
            "autre": ["0639980001", "0639980007", "0639980001", "06 39"],
        }
    )
    found = prepared(frame, stops, phone=["mobile", "autre"])
    assert ["suppressed", "suppressed", "suppressed", ""] == problems(found)


def test_a_row_that_cannot_be_sent_keeps_its_reason(stops: Path) -> None:
    """What is wrong with the export stays visible."""
    frame = pd.DataFrame({"mobile": ["0639980001", "06 39", None, "0199000001"]})
    found = prepared(frame, stops)
    assert ["suppressed", "malformed", "missing", "landline"] == problems(found)
    live = mms.prepare(frame, phone="mobile", suppress=mms.read_suppression_list(stops))
    assert "fictional" == problems(live)[0]


def test_batches_are_suppressed_as_a_whole_frame_is(stops: Path) -> None:
    """Repeats over the border of a batch included."""
    mobile = [*fictional(5), *fictional(5)]
    frame = pd.DataFrame({"mobile": mobile})
    suppress = mms.read_suppression_list(stops)
    parts = prepare_batches(
        (frame.iloc[start : start + 3] for start in range(0, 10, 3)),
        "mobile",
        fictional=True,
        suppress=suppress,
    )
    assert problems(prepared(frame, stops)) == [word for part in parts for word in problems(part)]


def test_who_wants_no_messages_is_no_flaw_of_the_export(stops: Path, tmp_path: Path) -> None:
    """The limit on problems is for exports that have gone wrong."""
    none = mms.Limits(max_problem_share=0.0)
    whole, damaged = (pd.DataFrame({"mobile": [*fictional(4), *more]}) for more in ([], ["06 39"]))
    with Sandbox() as sandbox:
        account = account_at(sandbox)
        plan = mms.plan(prepared(whole, stops), CAMPAIGN)
        mms.estimate(plan, account, run=tmp_path / "run", limits=none)
        plan = mms.plan(prepared(damaged, stops), CAMPAIGN)
        with pytest.raises(mms.PlanError, match=r"1 of 5 rows have a problem \(20.0%: 1 malformed"):
            mms.estimate(plan, account, run=tmp_path / "run", limits=none)


@given(
    listed=st.sets(st.integers(639_980_000, 639_980_030)),
    rows=st.lists(st.integers(639_980_000, 639_980_030), max_size=40),
)
def test_a_list_covers_its_numbers_and_no_other(listed: set[int], rows: list[int]) -> None:
    """Whatever is on it, and in whichever order the rows are."""
    column = pd.Series([f"0{number}" for number in sorted(listed)], dtype="str")
    covers = mms.read_suppression_list(column).covers(np.array([*rows, -1, 0], dtype=np.int64))
    assert [*(number in listed for number in rows), False, False] == covers.tolist()


# ----- where a list comes from -------------------------------------------------------------------


def test_sources_add_up(stops: Path, tmp_path: Path) -> None:
    """Files of any kind, columns, and one column among others."""
    frame = pd.DataFrame(
        {"date": ["2026-01-05", "2026-01-06"], "tél": ["0639980010", "0639980011"]}
    )
    frame.to_parquet(tmp_path / "stops.parquet")
    frame.to_excel(tmp_path / "stops.xlsx", index=False)
    column = pd.Series(["0639980020", None])
    found = mms.read_suppression_list(stops, tmp_path / "stops.parquet", column)
    assert 5 == len(found)
    assert 2 == len(mms.read_suppression_list(tmp_path / "stops.xlsx"))
    covered = found.covers(np.array([639980001, 639980010, 639980011, 639980020, 639980002]))
    assert [True, True, True, True, False] == covered.tolist()


def test_a_column_can_be_named(tmp_path: Path) -> None:
    """Where several look like phones nobody guesses."""
    path = written(tmp_path / "stops.csv", "a;b", "0639980001;0639980002")
    with pytest.raises(mms.ContactsError, match=r"stops\.csv: several columns look like phones"):
        mms.read_suppression_list(path)
    found = mms.read_suppression_list(path, phone="b")
    assert [False, True] == found.covers(np.array([639980001, 639980002])).tolist()


def test_a_folder_of_runs_from_which_nobody_was_erased_is_an_empty_list(tmp_path: Path) -> None:
    """The recurring command need not change on the day when somebody is."""
    plan = mms.plan(
        mms.prepare(pd.DataFrame({"m": fictional(1)}), phone="m", fictional=True), CAMPAIGN
    )
    with Sandbox() as sandbox:
        mms.send(plan, account_at(sandbox), run=tmp_path / "runs" / "a", progress=False)
    assert 0 == len(mms.read_suppression_list(tmp_path / "runs"))
    mms.forget("0639980000", tmp_path / "runs")
    assert 1 == len(mms.read_suppression_list(tmp_path / "runs"))
    with pytest.raises(mms.InputError, match=r"is a run: give the folder that it lies in"):
        mms.read_suppression_list(tmp_path / "runs" / "a")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["mobile", "0639980001", "06 39 98 00"], r"row position 1 \(malformed: '06 39 •• ••'\)"),
        (["mobile", "0639980001/0639980002"], r"row position 0 \(several_numbers: "),
        (["mobile", "6,3998E+08"], r"row position 0 \(digits_lost: "),
        (["mobile", *["0639"] * 5], r"and 2 more cannot be read"),
        (["0639980001", "0639980002"], r"the header seems to be missing"),
        (["mobile"], r"no rows"),
        ([], r"stops\.csv"),
        (["nom;ville", "Alix;Nice"], r"no column looks like phones"),
    ],
)
def test_a_list_that_cannot_be_read_whole_is_no_list(
    tmp_path: Path, lines: list[str], said: str
) -> None:
    """Whoever was left out of it would be written to; no message holds a whole number."""
    path = written(tmp_path / "stops.csv", *lines)
    with pytest.raises(mms.ContactsError, match=said) as caught:
        mms.read_suppression_list(path)
    assert "63998000" not in str(caught.value).replace(" ", "")


def test_a_source_that_is_not_there_is_no_list(tmp_path: Path) -> None:
    """A share that is not mounted, a slip of the keyboard, nothing at all."""
    (tmp_path / "empty").mkdir()
    for source in ("stops.csv", "empty"):
        with pytest.raises(mms.ContactsError, match=source):
            mms.read_suppression_list(tmp_path / source)
    with pytest.raises(mms.InputError, match="no suppression list was given"):
        mms.read_suppression_list()


def test_a_path_is_not_taken_for_a_list(stops: Path) -> None:
    """`prepare` reads no files; its error says what does."""
    frame = pd.DataFrame({"mobile": fictional(2)})
    with pytest.raises(mms.ContactsError, match="read_suppression_list"):
        mms.prepare(frame, phone="mobile", suppress=str(stops))  # type: ignore[arg-type]


def test_a_list_shows_nobody(stops: Path) -> None:
    """In a notebook, a log or a traceback."""
    assert "SuppressionList(2 numbers, 0 erased people)" == repr(mms.read_suppression_list(stops))


# ----- the command line --------------------------------------------------------------------------


def call(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_commands_leave_them_out(stops: Path, tmp_path: Path) -> None:
    """check, plan and send agree; lists add up."""
    crm = written(tmp_path / "crm.csv", "mobile", *fictional(6))
    more = written(tmp_path / "more.csv", "mobile", "0639980005")
    lists = ("--suppress", stops, "--suppress", more, "--json")
    noel = ("--campaign", SERVICE)
    checked = call("check", crm, "--out", tmp_path / "out.csv", *lists)
    assert {"suppressed": 3} == json.loads(checked.stdout)["problems"]
    planned = json.loads(call("plan", crm, *noel, *lists).stdout)
    sent = json.loads(call("send", crm, *noel, "--run", tmp_path / "run", *lists).stdout)
    assert {"accepted": 3, "suppressed": 3} == sent["outcomes"]
    assert planned["fingerprint"] == sent["fingerprint"]
    assert 3 == check(str(crm), fictional=True).summary.rows - sent["outcomes"]["suppressed"]


def test_the_commands_leave_out_who_was_erased(tmp_path: Path) -> None:
    """Known again by a key that lies elsewhere; without it, nothing goes on."""
    crm = written(tmp_path / "crm.csv", "mobile", *fictional(6))
    runs, key = tmp_path / "runs", tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    call("send", crm, "--campaign", SERVICE, "--run", runs / "a")
    assert 0 == call("forget", "0639980002", runs, "--erase", "--key-file", key).exit_code
    found = call("check", crm, "--suppress", runs, "--key-file", key, "--json")
    assert {"suppressed": 1} == json.loads(found.stdout)["problems"]
    assert 2 == call("check", crm, "--suppress", runs).exit_code


def test_the_commands_refuse_a_list_they_cannot_read(tmp_path: Path) -> None:
    """Exit code 2, and nothing was sent."""
    crm = written(tmp_path / "crm.csv", "mobile", *fictional(6))
    noel = ("--campaign", SERVICE)
    run = tmp_path / "run"
    lost = call("send", crm, *noel, "--run", run, "--suppress", tmp_path / "stops.csv")
    assert (2, False) == (lost.exit_code, run.exists())
    stray = call("plan", crm, *noel, "--key-file", crm)
    assert 2 == stray.exit_code
    assert "--key-file needs --suppress" in stray.stderr
