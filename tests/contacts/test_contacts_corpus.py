"""The corpus of damaged exports in ``damaged/``: each is read right, or refused with what to do."""

from __future__ import annotations

import tomllib
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


@pytest.mark.parametrize("name", VERDICTS["read"])
def test_an_odd_export_is_read_without_loss(name: str) -> None:
    """Every cell comes back as text, and the empty ones as missing."""
    contacts = read_contacts(FOLDER / name)
    expected = VERDICTS["read"][name]
    assert expected["columns"] == list(contacts.columns)
    assert expected["rows"] == contacts.fillna("").to_numpy().tolist()
    assert {"str"} == {str(kind) for kind in contacts.dtypes}
    assert not (contacts == "").to_numpy().any()
    assert contacts.index.equals(pd.RangeIndex(len(contacts)))


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
