"""The corpus of damaged exports in ``damaged/``: each is read right, or refused with what to do."""

from __future__ import annotations

import tomllib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import TESTS
from mmsbatch.contacts.reading import contact_batches, read_contacts
from mmsbatch.errors import ContactsError

FOLDER: Final = TESTS / "damaged"
VERDICTS: Final[dict[str, dict[str, Any]]] = tomllib.loads(
    (FOLDER / "verdicts.toml").read_text(encoding="utf-8")
)


def test_every_file_has_a_verdict() -> None:
    """A file of the corpus without a verdict would prove nothing."""
    files = {entry.name for entry in FOLDER.iterdir()} - {".gitattributes", "verdicts.toml"}
    assert files == VERDICTS["read"].keys() | VERDICTS["refused"].keys()


def warned(expected: dict[str, Any]) -> AbstractContextManager[Any]:
    """Expect the warning of a verdict, if it has one."""
    if "warns" in expected:
        return pytest.warns(UserWarning, match=expected["warns"])
    return nullcontext()


@pytest.mark.parametrize("name", VERDICTS["read"])
def test_an_odd_export_is_read_without_loss(name: str) -> None:
    """Every cell comes back as text, and the empty ones as missing; what is left out is said."""
    expected = VERDICTS["read"][name]
    with warned(expected):
        contacts = read_contacts(FOLDER / name)
    assert expected["columns"] == list(contacts.columns)
    assert expected["rows"] == contacts.fillna("").to_numpy().tolist()
    assert {"str"} == {str(kind) for kind in contacts.dtypes}
    assert not (contacts == "").to_numpy().any()
    assert contacts.index.equals(pd.RangeIndex(len(contacts)))


@pytest.mark.filterwarnings("ignore:.*(left out|bytes do not decide):UserWarning")
@pytest.mark.parametrize("name", VERDICTS["read"])
def test_batches_are_the_same_rows(name: str) -> None:
    """Read two rows at a time, a file gives the same frame under the same positions."""
    batches = list(contact_batches(FOLDER / name, batch_rows=2))
    assert [2] * (len(batches) - 1) == [len(batch) for batch in batches[:-1]]
    pd.testing.assert_frame_equal(read_contacts(FOLDER / name), pd.concat(batches))


@pytest.mark.parametrize("name", VERDICTS["refused"])
def test_a_damaged_export_is_refused_with_its_place(name: str) -> None:
    """The message names the file and the place; nothing of another library comes through."""
    with pytest.raises(ContactsError) as caught:
        read_contacts(FOLDER / name)
    message = str(caught.value)
    assert name in message
    assert [words for words in VERDICTS["refused"][name]["says"] if words not in message] == []


@pytest.mark.parametrize("name", VERDICTS["refused"])
def test_no_message_repeats_a_number(name: str) -> None:
    """What a line holds is personal: messages name the line, not its content."""
    with pytest.raises(ContactsError) as caught:
        read_contacts(FOLDER / name)
    assert "0639980" not in str(caught.value).replace(" ", "")


@pytest.mark.parametrize(
    "name", [name for name, read in VERDICTS["read"].items() if "attendu" in read["columns"]]
)
def test_every_row_of_the_corpus_gets_its_verdict(name: str) -> None:
    """From the damaged file to the problem of each row."""
    contacts = read_contacts(FOLDER / name)
    problems = mms.prepare(contacts, phone="mobile", fictional=True)["mms_problem"]
    assert contacts["attendu"].tolist() == problems.astype("str").fillna("ok").tolist()


@pytest.mark.parametrize(
    ("name", "header"), [("title_above.csv", 2), ("title_with_separator.csv", 3)]
)
def test_the_header_that_an_error_names_is_read(name: str, header: int) -> None:
    """The option that the error gives is the one that works, whole and in batches."""
    with pytest.raises(ContactsError, match=f"pass header={header}"):
        read_contacts(FOLDER / name)
    contacts = read_contacts(FOLDER / name, header=header)
    assert "mobile" in contacts.columns
    assert contacts["mobile"].tolist()[:2] == ["0639980001", "0639980002"]
    pd.testing.assert_frame_equal(
        contacts, pd.concat(contact_batches(FOLDER / name, batch_rows=1, header=header))
    )


def test_the_header_of_a_sheet_is_a_row() -> None:
    """As Excel counts them."""
    with pytest.raises(ContactsError, match=r"in row (\d+): pass header=\1") as told:
        read_contacts(FOLDER / "title_above.xlsx")
    row = int(str(told.value).rstrip(".").rpartition("=")[2])
    assert "mobile" in read_contacts(FOLDER / "title_above.xlsx", header=row).columns
    with pytest.raises(ContactsError, match="row 99 is empty"):
        read_contacts(FOLDER / "title_above.xlsx", header=99)


@pytest.mark.parametrize("header", [0, -1, 99])
def test_a_line_that_is_not_there_is_no_header(header: int) -> None:
    """Lines are counted from 1."""
    with pytest.raises(ContactsError, match=r"counted from 1|has no line 99"):
        read_contacts(FOLDER / "title_above.csv", header=header)


def test_feather_is_read_as_text(tmp_path: Path) -> None:
    """Typed values as of Parquet; a cut file is refused."""
    frame = pd.DataFrame({"id": [1, 2], "mobile": ["0639980001", None], "on": [True, False]})
    path = tmp_path / "crm.feather"
    frame.to_feather(path)
    contacts = read_contacts(path)
    assert contacts.fillna("").to_numpy().tolist() == [
        ["1", "0639980001", "true"],
        ["2", "", "false"],
    ]
    assert len(list(contact_batches(path, batch_rows=1))) == 2
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ContactsError, match=r"Feather.* cut off"):
        read_contacts(path)
