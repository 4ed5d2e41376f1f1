"""Objects show themselves in a terminal and in a notebook, without a whole number or a secret."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.phones.in_text import mask, mask_e164, mask_frame, mask_phones, spaced_e164
from mmsbatch.sandbox import Sandbox, SandboxOptions

PASSCODE = "s3cret-passcode"
SCRIPT = "<script>alert('x')</script>"


def shown(thing: Any) -> dict[str, str]:
    """Return what a terminal and a notebook show."""
    return {"text": repr(thing), "html": thing._repr_html_()}


def digits(text: str) -> str:
    """Return a text's digits, so that no separator hides a number."""
    return re.sub(r"[\s.\-()/]", "", re.sub(r"<[^>]*>", "|", text))


@pytest.fixture
def prepared() -> pd.DataFrame:
    contacts = pd.DataFrame(
        {
            "nom": [SCRIPT, "Zoé", "Léa", "Max"],
            "mobile": ["06 39 98 12 34", "0639981234", "0139985678", "+33639985679"],
            "bureau": ["01.99.00.12.34", None, "tél: +33 1 99 00 56 78", "199001235"],
            "code_postal": ["75011", "35000", "01000", "31000"],
            "naissance": ["1990-01-02 10:30:00", "", "02/03/1991", ""],
        },
        index=pd.Index(["0639981111", "b", "c", "d"]),
    )
    return mms.prepare(contacts, phone="mobile", fictional=True)


@pytest.mark.parametrize("face", ["text", "html"])
def test_a_prepared_frame_hides_every_number(
    prepared: pd.DataFrame, face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its examples, in any column of its first rows, and in their labels."""
    with pd.option_context("display.width", 1000, "display.max_columns", 50):
        seen = shown(prepared)[face]
    assert "+33 6 39 98 •• ••" in seen
    for number in ("639981234", "139985678", "639985679", "199001234", "199005678", "199001235"):
        assert number not in digits(seen)
    assert "0639981111" not in seen


def test_a_prepared_frame_keeps_what_is_no_number(prepared: pd.DataFrame) -> None:
    """Postcodes and dates stay as they are."""
    seen = prepared._repr_html_()  # type: ignore[operator]  # pandas-stubs leave it out
    for cell in ("75011", "01000", "1990-01-02 10:30:00", "02/03/1991"):
        assert f"<td>{cell}</td>" in seen


def test_a_prepared_frame_reveals_its_numbers_when_asked(prepared: pd.DataFrame) -> None:
    """`show` is the same document, unmasked."""
    document = prepared.show(masked=False)  # type: ignore[operator]  # a Prepared
    assert "+33639981234" in document.html()
    assert "0139985678" in repr(document)
    assert repr(prepared) == repr(prepared.show())  # type: ignore[operator]


def test_a_cell_of_a_crm_is_text_in_a_notebook(prepared: pd.DataFrame) -> None:
    """A name may hold markup; a notebook that runs it is a hole."""
    campaign = mms.Campaign(f"noel {SCRIPT}", mms.Text(f"Bonjour {{{{ nom }}}} {SCRIPT}"))
    plan = mms.plan(prepared, campaign)
    for thing in (prepared, plan, mms.preview(plan)):
        seen = thing._repr_html_()  # type: ignore[operator]
        assert "<script" not in seen
        assert "&lt;script&gt;" in seen


@pytest.fixture
def sent(run: Path) -> dict[str, Any]:
    """Return one of each object, of a run with a refused number and a request in doubt."""
    plan = planned(450)
    options = SandboxOptions(blacklist=frozenset({"0639980007"}), passcode=SecretStr(PASSCODE))
    with Sandbox(options=options, faults={2: "close:after"}) as sandbox:
        account = account_at(sandbox, PASSCODE)
        with pytest.raises(mms.RunInDoubt):
            mms.send(plan, account, run=run)
        done = mms.reconcile(run, account)
    results = mms.results(run)
    requests = pd.read_parquet(run / "requests.parquet")
    copy = Path(shutil.copytree(run, run.parents[1] / "copies" / run.name))
    return {
        "plan": plan,
        "request": plan.request(1),
        "account": account,
        "run": mms.status(run),
        "summary": mms.summary(results, requests),
        "reconciliation": done,
        "verification": mms.verify(run),
        "erasure": mms.forget("06 39 98 00 12", copy),
    }


def test_no_object_shows_a_number_or_the_passcode(sent: dict[str, Any]) -> None:
    """Neither face of any of them."""
    for name, thing in sent.items():
        for seen in (repr(thing), getattr(thing, "_repr_html_", str)()):
            assert PASSCODE not in seen, name
            assert not re.search(r"(\+?33|0)63998\d{4}", digits(seen)), name


def test_both_faces_say_the_same(sent: dict[str, Any]) -> None:
    """Every word of the terminal is in the notebook, in the same order."""
    for name in ("plan", "run", "account", "summary", "verification", "erasure"):
        thing = sent[name]
        words = re.sub(r"<style>.*?</style>|<[^>]*>", " ", thing._repr_html_()).split()
        # What stands between backticks in a terminal is in a typeface of its own in a notebook.
        assert thing.__repr__().replace("'", "&#x27;").replace("`", " ").split() == words


def test_an_account_says_who_where_and_to_whom() -> None:
    """Sandbox or people, and clear text where that was consented to."""
    account = mms.Account("alice", PASSCODE, "http://gateway.example.com", allow_http=True)
    assert (
        "account    alice, on the live gateway: messages reach people and cost credits\n"
        "           http://gateway.example.com\n"
        "           in clear text: the passcode and the numbers can be read on the way"
    ) == repr(account)


def test_a_summary_counts_results(sent: dict[str, Any]) -> None:
    """Outcomes add up to the rows; credits come from the attempts."""
    summary = sent["summary"]
    assert (450, 3) == (summary.rows, summary.requests)
    assert {"accepted": 199, "rejected": 1, "in_doubt": 200, "pending": 50} == summary.outcomes
    assert 99_801 == summary.to_json()["credits"]
    assert "credits    99,801 left after the last answer" in repr(summary)


def test_a_summary_without_attempts_leaves_credits_out(sent: dict[str, Any], run: Path) -> None:
    """A results frame does not hold them."""
    summary = mms.summary(mms.results(run))
    assert summary.credits is None
    assert "credits" not in repr(summary)


def test_a_summary_of_no_rows_says_so(run: Path) -> None:
    """An empty frame has no times and no problems."""
    del run
    frame = pd.DataFrame(
        {
            "mms_outcome": pd.Categorical([]),
            "mms_problem": pd.Categorical([]),
            "mms_request": pd.array([], dtype="Int32"),
            "mms_sent_at": pd.Series([], dtype="datetime64[ms, UTC]"),
        }
    )
    assert repr(mms.summary(frame)).startswith("results    0 rows in 0 requests\n")


def test_a_summary_of_another_frame_names_the_column() -> None:
    """With what to give instead."""
    with pytest.raises(mms.InputError, match="needs the column 'mms_outcome'"):
        mms.summary(pd.DataFrame({"mobile": []}))


@pytest.mark.parametrize(
    ("hide", "given_text", "expected"),
    [
        (mask_e164, "+33639981234", "+33 6 39 98 •• ••"),
        (mask_e164, "not a number 0639981234", "not a number 063998••••"),
        (spaced_e164, "+33639981234", "+33 6 39 98 12 34"),
        (mask, "+33 6 39 98 12 34", "+33 6 39 98 •• ••"),
        (mask, "06 39 98 12 34", "06 39 98 •• ••"),
        (mask_phones, "au 06.39.98.12.34, 75011 Paris", "au 06.39.98.••.••, 75011 Paris"),
        (mask_phones, "639981234.0", "63998••••.0"),
        (mask_phones, "le 2026-11-23 09:00:00", "le 2026-11-23 09:00:00"),
        (mask_phones, "SIRET 73282932000074", "SIRET 73282932000074"),
        (mask_phones, "+44 7700 900123", "+44 7700 ••••••"),
    ],
)
def test_masks(hide: Any, given_text: str, expected: str) -> None:
    """Numbers lose their end; what is none stays."""
    assert expected == hide(given_text)


@given(
    number=st.integers(0, 9999).map(lambda n: f"63998{n:04d}"),
    head=st.sampled_from(["0", "+33", "33", "0033", "+33 (0)", ""]),
    gap=st.sampled_from(["", " ", ".", "-"]),
    around=st.sampled_from(["{}", "tél {} (soir)", "{}/01", "a{}b", "{};{}"]),
)
def test_no_way_to_write_a_number_is_shown(number: str, head: str, gap: str, around: str) -> None:
    """Whatever stands before, between and around its digits."""
    written = head + gap.join([number[0], *re.findall("..", number[1:])])
    frame = pd.DataFrame({"note": [around.replace("{}", written)]})
    for columns in ((), ("note",)):
        assert number not in digits(str(mask_frame(frame, columns)["note"].iloc[0]))
