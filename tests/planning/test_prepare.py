"""`prepare`: the same rows out, whatever frame comes in, and errors that say what to do (§1.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsbatch.errors import ContactsError
from mmsbatch.phones.problems import PROBLEMS
from mmsbatch.planning.prepare import prepare, prepare_batches
from mmsbatch.planning.prepared import Prepared
from mmsbatch.planning.problems import summarize

ADDED = ["mms_e164", "mms_problem", "mms_repair", "mms_detail", "mms_duplicate_of"]


def problems(prepared: pd.DataFrame) -> list[str]:
    return (
        prepared["mms_problem"].astype(object).where(prepared["mms_problem"].notna(), "").tolist()
    )


def numbers(prepared: pd.DataFrame) -> list[str]:
    return prepared["mms_e164"].fillna("").tolist()


def sample() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": ["Ada", "Bo", "Cy", "Di", "Ed", "Flo"],
            "mobile": ["06 39 98 00 01", "0639980002", None, "+44 7911 123456", "639980001", "x"],
            "phone": ["0123456789", None, "06 39 98 00 03", None, "0639980004", None],
        }
    )


# ----- dtypes -------------------------------------------------------------------------------------

INTEGERS = [612345678, 33612345679, 123456789]
FLOATS = [612345678.0, 33612345679.0, float("nan")]
TEXTS = ["06 12 34 56 78", "+33612345679", None]
FROM_TEXTS = ["+33612345678", "+33612345679", ""]
FROM_INTEGERS = ["+33612345678", "+33612345679", ""]


def of_arrow(values: pa.ChunkedArray) -> pd.Series:
    return pd.Series(pd.arrays.ArrowExtensionArray(values))


def dictionary(chunks: list[list[str | None]]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(chunk).dictionary_encode() for chunk in chunks])


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: pd.Series(TEXTS, dtype="str"), FROM_TEXTS),
        (lambda: pd.Series(TEXTS, dtype="string[python]"), FROM_TEXTS),
        (lambda: pd.Series(TEXTS, dtype="string[pyarrow]"), FROM_TEXTS),
        (lambda: pd.Series(TEXTS, dtype=object), FROM_TEXTS),
        (lambda: pd.Series(TEXTS, dtype="category"), FROM_TEXTS),
        (lambda: pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())), FROM_TEXTS),
        (lambda: pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.large_string())), FROM_TEXTS),
        (lambda: of_arrow(dictionary([TEXTS[:1], TEXTS[1:]])), FROM_TEXTS),
        (
            lambda: of_arrow(pa.chunked_array([TEXTS[:1], [], TEXTS[1:]])),
            FROM_TEXTS,
        ),
        (lambda: pd.Series(INTEGERS, dtype="int64"), FROM_INTEGERS),
        (lambda: pd.Series(INTEGERS, dtype="uint64"), FROM_INTEGERS),
        (lambda: pd.Series([*INTEGERS[:2], None], dtype="Int64"), FROM_INTEGERS),
        (lambda: pd.Series(INTEGERS, dtype="category"), FROM_INTEGERS),
        (lambda: pd.Series(INTEGERS, dtype=object), FROM_INTEGERS),
        (lambda: pd.Series(INTEGERS, dtype=pd.ArrowDtype(pa.int64())), FROM_INTEGERS),
        (lambda: pd.Series(FLOATS, dtype="float64"), FROM_INTEGERS),
        (lambda: pd.Series(FLOATS, dtype="Float64"), FROM_INTEGERS),
        (lambda: pd.Series(FLOATS, dtype="category"), FROM_INTEGERS),
        (lambda: pd.Series(FLOATS, dtype=object), FROM_INTEGERS),
        (lambda: pd.Series(FLOATS, dtype=pd.ArrowDtype(pa.float64())), FROM_INTEGERS),
        (lambda: pd.Series(FLOATS, dtype="Sparse[float64]"), FROM_INTEGERS),
        (
            lambda: pd.Series([Decimal(612345678), Decimal("33612345679.0"), Decimal("NaN")]),
            FROM_INTEGERS,
        ),
        (lambda: pd.Series([612345678, "+33612345679", pd.NaT], dtype=object), FROM_INTEGERS),
        (lambda: pd.Series([np.int64(612345678), b"+33612345679", True]), FROM_INTEGERS),
        (lambda: pd.Series([True, False, True]), ["", "", ""]),
        (lambda: pd.Series(pd.to_datetime(["2024-06-12"] * 3)), ["", "", ""]),
        (lambda: pd.Series([None, None, None], dtype=object), ["", "", ""]),
        (lambda: pd.Series([612345678, 612345678, 1], dtype="float32"), ["", "", ""]),
    ],
)
def test_every_dtype_is_read(make: Callable[[], pd.Series], expected: list[str]) -> None:
    """The same numbers come out of texts, integers, floats, categories and Arrow columns."""
    prepared = prepare(pd.DataFrame({"mobile": make()}), phone="mobile")
    assert expected == numbers(prepared)


def test_a_float_type_too_small_has_lost_digits() -> None:
    """float32 holds seven digits: what it shows is not the number that was written."""
    contacts = pd.DataFrame({"mobile": np.array([612345678], "float32")})
    assert problems(prepare(contacts, phone="mobile")) == ["digits_lost"]


def test_null_cells_are_missing_whatever_bytes_lie_under_them() -> None:
    """Arrow allows a null to cover text: it is not read."""
    text = pa.array(["0612345678", "0612345679"])
    covered = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\x02"), *text.buffers()[1:]])
    contacts = pd.DataFrame({"mobile": pd.arrays.ArrowExtensionArray(covered)})
    assert problems(prepare(contacts, phone="mobile")) == ["missing", ""]


def test_a_column_longer_than_one_pass() -> None:
    """Every row keeps its own verdict when the column is read in pieces and chunks."""
    count = 100_003
    texts = [
        f"06 {n // 10000:02d} {n // 100 % 100:02d} {n % 100:02d} 7{n % 10}" for n in range(count)
    ]
    texts[::7] = [f"<{text}>" for text in texts[::7]]
    texts[::11] = ["nothing"] * len(texts[::11])
    chunks = pa.chunked_array([texts[:40_000], texts[40_000:40_001], texts[40_001:]])
    contacts = pd.DataFrame({"mobile": pd.arrays.ArrowExtensionArray(chunks)})
    expected = [
        "" if "nothing" in text else "+33" + re.sub("[^0-9]", "", text)[1:] for text in texts
    ]
    assert expected == numbers(prepare(contacts, phone="mobile"))


# ----- frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index",
    [
        [7, 7, 7, 1, 1, 0],
        list("abcabc"),
        pd.MultiIndex.from_product([[1, 2], [3, 4, 5]]),
        pd.date_range("2026-01-01", periods=6),
        [None, 1, None, 2.5, "x", 3],
    ],
)
def test_rows_order_and_index_are_kept(index: Any) -> None:
    """Labels may repeat or be anything: rows are told apart by position."""
    contacts = sample().set_axis(index, axis=0)
    prepared = prepare(contacts, phone="mobile", fictional=True)
    pd.testing.assert_frame_equal(prepared[contacts.columns], contacts)
    assert [*contacts.columns, *ADDED] == list(prepared.columns)
    assert problems(prepared) == ["", "", "missing", "foreign", "duplicate", "malformed"]
    assert prepared["mms_duplicate_of"].iloc[4] == 0


def test_the_input_is_untouched() -> None:
    """Neither the frame nor a frame it is a view of changes, before or after."""
    whole = sample()
    before = whole.copy(deep=True)
    view = whole.iloc[1:5, :2]
    prepared = prepare(view, phone="mobile", fictional=True)
    prepared.loc[:, "name"] = "changed"
    prepared.loc[:, "mms_e164"] = "changed"
    pd.testing.assert_frame_equal(before, whole)
    assert list(before.columns) == list(whole.columns)


def test_an_empty_frame_keeps_its_columns_and_types() -> None:
    """No rows, and the same columns and dtypes as with rows (categories apart)."""
    full = prepare(sample(), phone="mobile")
    empty = prepare(sample().iloc[:0], phone="mobile")
    assert list(full.columns) == list(empty.columns)
    assert [str(dtype) for dtype in full.dtypes] == [str(dtype) for dtype in empty.dtypes]
    assert len(empty) == 0


def test_the_columns_have_their_documented_types() -> None:
    """str, three categories, and a nullable integer."""
    added = prepare(sample(), phone="mobile")[ADDED]
    assert [str(t) for t in added.dtypes] == ["str", "category", "category", "category", "Int64"]
    assert list(PROBLEMS) == added["mms_problem"].cat.categories.tolist()


def test_the_first_of_several_columns_that_can_be_sent_to_counts() -> None:
    """Row by row; where none can, the first that is not missing says why."""
    prepared = prepare(sample(), phone=["phone", "mobile"], fictional=True)
    assert (prepared["mms_phone_column"].tolist()) == [
        "mobile",
        "mobile",
        "phone",
        "mobile",
        "phone",
        "mobile",
    ]
    assert problems(prepared) == ["", "", "", "foreign", "", "malformed"]
    assert (numbers(prepared)) == [
        "+33639980001",
        "+33639980002",
        "+33639980003",
        "",
        "+33639980004",
        "",
    ]


def test_a_row_without_any_number_names_no_column() -> None:
    """All columns empty: missing, and nothing chosen."""
    contacts = pd.DataFrame({"a": [None, "x"], "b": [None, "0123456789"]})
    prepared = prepare(contacts, phone=["a", "b"])
    assert problems(prepared) == ["missing", "malformed"]
    assert prepared["mms_phone_column"].isna().tolist() == [True, False]


def test_one_column_of_several_adds_no_column() -> None:
    """A list of one is the same as its name."""
    one = prepare(sample(), phone=["mobile"])
    pd.testing.assert_frame_equal(
        pd.DataFrame(prepare(sample(), phone="mobile")), pd.DataFrame(one)
    )


def test_batches_are_prepared_as_one_frame() -> None:
    """Duplicates are found across batches, and the first batch tells the column."""
    contacts = pd.concat([sample(), sample()], ignore_index=True)[["name", "mobile"]]
    whole = prepare(contacts, phone="mobile", fictional=True)
    parts = [contacts.iloc[:4], contacts.iloc[4:4], contacts.iloc[4:7], contacts.iloc[7:]]
    found = list(prepare_batches(parts, fictional=True))
    assert [4, 0, 3, 5] == [len(part) for part in found]
    for column in ADDED:
        expected = whole[column].astype("str").tolist()
        assert expected == [cell for part in found for cell in part[column].astype("str")]


# ----- properties ---------------------------------------------------------------------------------

CELLS = st.one_of(
    st.text(max_size=30),
    st.text("0123456789 +.-/()eEoO,\u00a0\u202f\u200b０٦;", max_size=30),
    st.from_regex(r"\A(0|\+33|0033 ?|33|)[67]([ .-]?[0-9]{2}){4}(\.0)?\Z"),
    st.integers(),
    st.floats(),
    st.none(),
    st.binary(max_size=12),
    st.decimals(),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
)


@given(st.lists(CELLS, max_size=12))
def test_any_cell_gets_a_verdict(cells: list[object]) -> None:
    """Never an exception; a number without a problem or a duplicate, or a problem and no number."""
    prepared = prepare(pd.DataFrame({"mobile": pd.Series(cells, dtype=object)}), phone="mobile")
    assert len(cells) == len(prepared)
    for number, problem, earlier in zip(
        numbers(prepared), problems(prepared), prepared["mms_duplicate_of"], strict=True
    ):
        assert (problem in ("", "duplicate")) == bool(re.fullmatch(r"\+33[67][0-9]{8}", number))
        assert (problem == "duplicate") == (not pd.isna(earlier))


@given(st.lists(CELLS, max_size=12))
def test_a_canonical_number_is_its_own_canonical_form(cells: list[object]) -> None:
    """What prepare wrote, prepare reads again, unrepaired."""
    first = prepare(pd.DataFrame({"mobile": pd.Series(cells, dtype=object)}), phone="mobile")
    again = prepare(pd.DataFrame({"mobile": first["mms_e164"]}), phone="mobile")
    assert numbers(first) == numbers(again)
    assert again["mms_repair"].isna().all()


@given(st.lists(CELLS, max_size=12), st.data())
def test_permuting_rows_permutes_verdicts(cells: list[object], data: st.DataObject) -> None:
    """A row's verdict depends on its cell alone; only who is the duplicate depends on order."""
    order = data.draw(st.permutations(range(len(cells))))
    columns = ["mms_e164", "mms_repair", "mms_detail"]
    frame = pd.DataFrame({"mobile": pd.Series(cells, dtype=object)})
    straight = prepare(frame, phone="mobile").iloc[order]
    permuted = prepare(frame.iloc[order], phone="mobile")
    for column in columns:
        left, right = straight[column].astype(object), permuted[column].astype(object)
        assert left.fillna("").tolist() == right.fillna("").tolist()
    alone = {"duplicate": ""}
    assert [alone.get(p, p) for p in problems(straight)] == [
        alone.get(p, p) for p in problems(permuted)
    ]


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    """Cells are read as one run of bytes: each gives the same verdict alone and in company."""
    cells = [
        *("0612345678", "", "6", "12345678", "+33", "61234567", "80", "06", "12345678.0", "\u00a0"),
        *("+336", "O", "tel:", "(0)", "612345678", "0", "33", "0612345679", "x", "0033"),
    ]
    together = prepare(pd.DataFrame({"mobile": cells}), phone="mobile")
    alone = [prepare(pd.DataFrame({"mobile": [cell]}), phone="mobile") for cell in cells]
    expected = [problem for frame in alone for problem in problems(frame)]
    expected[14] = "duplicate"
    assert expected == problems(together)
    assert [number for frame in alone for number in numbers(frame)] == numbers(together)


# ----- guessing the column ------------------------------------------------------------------------


def test_the_one_column_that_looks_like_phones_is_taken() -> None:
    """Identifiers, dates, post codes and landlines do not look like mobiles."""
    contacts = pd.DataFrame(
        {
            "id": range(100),
            "siren": [f"{n:09d}" for n in range(312345678, 912345678, 6_000_000)],
            "born": ["12/06/1995"] * 100,
            "office": [f"01234567{n:02d}" for n in range(100)],
            "gsm": [f"06 39 98 00 {n:02d}" for n in range(99)] + [None],
        }
    )
    pd.testing.assert_frame_equal(prepare(contacts), prepare(contacts, phone="gsm"))


def test_several_candidates_are_listed_with_their_shares() -> None:
    """The error names both and how to take both."""
    contacts = pd.DataFrame({"a": ["0639980001", "x"], "b": ["0639980002", "0639980003"], "c": 1})
    with pytest.raises(ContactsError) as caught:
        prepare(contacts)
    assert str(caught.value) == (
        "several columns look like phones: 'b' (100% mobiles), 'a' (50% mobiles); "
        "say which with phone='b', or name several for the first that can be sent to in each row"
    )


def test_no_candidate_lists_the_columns() -> None:
    """The nearest are named with their shares, and all columns."""
    contacts = pd.DataFrame({"a": ["0639980001", "x", "y"], "b": [None, None, None]})
    with pytest.raises(ContactsError) as caught:
        prepare(contacts)
    assert str(caught.value) == (
        "no column looks like phones; nearest are 'a' (33% mobiles); "
        "say which with phone='COLUMN'. The columns are: 'a', 'b'"
    )


# ----- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contacts", "phone", "message"),
    [
        (
            pd.DataFrame({"mobile": ["x"], "name": ["y"]}),
            "mobil",
            "there is no column 'mobil'. Did you mean 'mobile'? The columns are: 'mobile', 'name'",
        ),
        (
            pd.DataFrame({"mobile": ["x"], "name": ["y"]}),
            ["mobile", "zzz"],
            "there is no column 'zzz'. The columns are: 'mobile', 'name'",
        ),
        (
            pd.DataFrame({"mobile": ["x"], "mms_e164": ["y"], "mms_x": ["y"]}),
            "mobile",
            (
                "the contacts have columns that begin with mms_: 'mms_e164', 'mms_x'; "
                "drop or rename them first (a frame is prepared once)"
            ),
        ),
        (
            pd.DataFrame({"mobile": ["x"], "MMS_Outcome": ["y"]}),
            "mobile",
            (
                "the contacts have columns that begin with mms_: 'MMS_Outcome'; "
                "drop or rename them first (a frame is prepared once)"
            ),
        ),
        (
            pd.DataFrame([["x", "y"]], columns=["mobile", "mobile"]),
            "mobile",
            "column names occur twice: 'mobile'; rename them first",
        ),
        (
            pd.DataFrame([["x"]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            "a",
            "the columns have several levels: give each one name first",
        ),
        (
            pd.DataFrame({"mobile": ["x"]}),
            [],
            "phone is an empty list: name a column, or leave phone out",
        ),
        (
            ["0612345678"],
            "mobile",
            (
                "contacts must be a dataframe, not list; mms.read_contacts(FILE) makes one "
                "from a file"
            ),
        ),
    ],
)
def test_an_input_that_cannot_be_used_says_why(contacts: Any, phone: Any, message: str) -> None:
    """Columns are named, and what to do next."""
    with pytest.raises(ContactsError) as caught:
        prepare(contacts, phone=phone)
    assert message == str(caught.value)


# ----- what it shows ------------------------------------------------------------------------------


def test_the_summary_counts_rows() -> None:
    """Worst first; repairs one by one."""
    summary = summarize(prepare(sample(), phone="mobile", fictional=True))
    assert summary.to_json() == {
        "rows": 6,
        "sendable": 2,
        "problems": {"missing": 1, "malformed": 1, "foreign": 1, "duplicate": 1},
        "repairs": {"leading_zero_restored": 1},
    }


def test_a_prepared_frame_shows_its_problems_with_masked_examples() -> None:
    """Counts, examples without whole numbers, and what to do; then the frame."""
    contacts = pd.DataFrame({"mobile": ["0123 45 67 89", "01 23 45 67 88", "x 0612345678", None]})
    shown = repr(prepare(contacts, phone="mobile"))
    assert shown.splitlines()[:8] == [
        "4 rows, phones from 'mobile': 0 can be sent, 4 cannot",
        "",
        "  2  landline   ask the contact for a mobile number",
        "                e.g. 0123 45 •• ••, 01 23 45 •• ••",
        "  1  missing    ask the contact for a number, or leave the row out",
        "  1  malformed  correct the cell by hand",
        "                e.g. x 061234••••",
        "",
    ]


def test_a_notebook_shows_a_table() -> None:
    """HTML, with the contacts' own text escaped."""
    contacts = pd.DataFrame({"mobile": ["<b>x</b>"]})
    shown = prepare(contacts, phone="mobile")._repr_html_()
    assert "<td>malformed</td><td>&lt;b&gt;x&lt;/b&gt;</td>" in shown
    assert "<b>x</b>" not in shown


def test_what_is_made_of_a_prepared_frame_shows_no_report() -> None:
    """Only prepare's own result does."""
    prepared = prepare(sample(), phone="mobile")
    assert isinstance(prepared, Prepared)
    for made in (prepared.head(), prepared[["name"]], prepared.copy()):
        assert "can be sent" not in repr(made)
