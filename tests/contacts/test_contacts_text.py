"""CSV: what was written comes back, in every encoding, separator and quoting."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsbatch.contacts.delimited import PARSE_BYTES
from mmsbatch.contacts.dialects import QuoteWatch
from mmsbatch.contacts.encodings import BLOCK_BYTES
from mmsbatch.contacts.reading import read_contacts
from mmsbatch.errors import ContactsError

LATIN = "aé;,\t|\"' \r\nœ€0+-=\\\u00a0"


def write(rows: list[list[str]], **how: Any) -> str:
    """Write rows as the standard library writes CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, **how).writerows(rows)
    return text.getvalue()


def back(frame: pd.DataFrame) -> list[list[str]]:
    """Return a frame as rows, empty for missing."""
    return frame.fillna("").to_numpy().tolist()


@st.composite
def tables(draw: st.DrawFn, alphabet: st.SearchStrategy[str]) -> list[list[str]]:
    """Draw a header and rows of text."""
    width = draw(st.integers(1, 4))
    names = [f"col{n}" for n in range(width)]
    cells = st.text(alphabet, max_size=8)
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8))
    return [names, *rows]


ANY_TEXT = st.characters(codec="utf-8", exclude_characters="\0\x1f")


@given(
    table=tables(ANY_TEXT | st.sampled_from(LATIN)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    how=st.fixed_dictionaries(
        {
            "delimiter": st.sampled_from(";,\t|"),
            "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
            "lineterminator": st.sampled_from(["\r\n", "\n", "\r"]),
        }
    ),
)
def test_any_text_comes_back(
    table: list[list[str]],
    encoding: str,
    how: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nothing is lost, trimmed, translated or taken for missing, in any way of writing CSV."""
    path = tmp_path_factory.mktemp("any") / "any.csv"
    if how["lineterminator"] != "\r\n":
        how["quoting"] = csv.QUOTE_ALL  # the writer quotes no line break but its own
    path.write_bytes(write(table, **how).encode(encoding))
    contacts = read_contacts(path, separator=how["delimiter"], encoding=encoding)
    assert table[0] == list(contacts.columns)
    assert table[1:] == back(contacts)


@given(
    table=tables(st.sampled_from("abcéèàç 0123456789.+-'\n;,")).filter(lambda t: len(t[0]) > 1),
    separator=st.sampled_from(";,\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    eol=st.sampled_from(["\r\n", "\n"]),
)
def test_the_way_of_writing_is_found_out(
    table: list[list[str]],
    separator: str,
    encoding: str,
    eol: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Separator and encoding need not be given."""
    path = tmp_path_factory.mktemp("found") / "found.csv"
    table[0][0] = "téléphone"
    text = write(table, delimiter=separator, lineterminator=eol)
    path.write_bytes(text.encode(encoding))
    contacts = read_contacts(path)
    assert table[0] == list(contacts.columns)
    assert table[1:] == back(contacts)


@given(text=st.text(st.sampled_from('a";\n'), max_size=40), size=st.sampled_from([1, 2, 3, 7, 40]))
def test_quotes_are_followed_alike_however_the_text_is_cut(text: str, size: int) -> None:
    """Blocks change nothing, and the watch agrees with a walk letter by letter."""
    bad, unclosed = letter_by_letter(text)
    watch = QuoteWatch(";")
    blocks = (text[begin : begin + size].encode() for begin in range(0, len(text), size))
    found = next((at for block in blocks if (at := watch.feed(block)) is not None), None)
    assert bad == found
    if bad is None:
        assert unclosed == watch.unclosed


def test_escaped_quotes_are_followed_alike_however_the_text_is_cut() -> None:
    r"""``\"`` is a letter and ``\\`` too, also when a block ends between the two."""
    text = rb'1;"say \"yes\"; or \\";2' + b"\n"
    for size in (1, 2, 3, len(text)):
        watch = QuoteWatch(";", escapes=True)
        found = [watch.feed(text[at : at + size]) for at in range(0, len(text), size)]
        assert set(found) == {None}
        assert not watch.unclosed


def letter_by_letter(text: str) -> tuple[int | None, bool]:
    """Follow quotes as RFC 4180 does, quotes in unquoted values being plain."""
    at, start = 0, True
    while at < len(text):
        if not (start and text[at] == '"'):
            start = text[at] in ";\n"
            at += 1
            continue
        at += 1
        while True:
            if at >= len(text):
                return None, True
            if text[at] == '"' and text[at + 1 : at + 2] == '"':
                at += 2
            elif text[at] == '"':
                break
            else:
                at += 1
        at += 1
        start = False
        if at < len(text) and text[at] not in ";\n":
            return at, False
    return None, False


def big(rows: int, line: str) -> str:
    """Write many lines under a header of two columns."""
    return "id;mobile\n" + line * rows


def test_an_accent_far_down_decides_the_encoding(tmp_path: Path) -> None:
    """Blocks of plain ASCII leave the encoding open."""
    path = tmp_path / "late.csv"
    path.write_bytes((big(BLOCK_BYTES // 8, "1;0639980001\n") + "2;Zoé €\n").encode("cp1252"))
    assert read_contacts(path)["mobile"].iloc[-1] == "Zoé €"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_letters_cut_by_the_border_of_a_block_are_whole(tmp_path: Path, encoding: str) -> None:
    """A block may end within a letter, a line end or a pair of quotes."""
    path = tmp_path / "cut.csv"
    rows = [f'{n};"é""€\r\n{"x" * (n % 7)}"\r\n' for n in range(150_000)]
    path.write_bytes(("id;note\r\n" + "".join(rows)).encode(encoding))
    notes = read_contacts(path)["note"]
    expected = [f'é"€\r\n{"x" * (n % 7)}' for n in range(150_000)]
    assert expected == notes.tolist()


def test_a_ragged_line_far_down_is_named(tmp_path: Path) -> None:
    """The line is the one an editor shows, line breaks within cells and blank lines counted."""
    path = tmp_path / "ragged.csv"
    text = big(400_000, "1;0639980001\n") + '\n2;"a\nb"\n3\n4;0639980002\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContactsError, match=r"line 400005 has 1 value, the header 2 columns"):
        read_contacts(path)


def test_a_quote_out_of_place_far_down_is_named(tmp_path: Path) -> None:
    """Both the line with the slip and the line where the quote opened."""
    path = tmp_path / "quotes.csv"
    text = big(300_000, "1;0639980001\r\n") + '2;"Le Relais\r\n3;x\r\n4;"Le Bac\r\n'
    path.write_bytes(text.encode("utf-8"))
    with pytest.raises(ContactsError, match=r"line 300004 has text .* \(it opened on line 300002"):
        read_contacts(path)


@pytest.mark.parametrize(
    ("encoding", "line"), [("utf-8", 200_002), ("ascii", 200_002), ("cp1252", 200_003)]
)
def test_a_wrong_encoding_names_the_first_line_it_cannot_read(
    tmp_path: Path, encoding: str, line: int
) -> None:
    """0xE9 is no UTF-8, 0x81 is nothing in Windows-1252."""
    path = tmp_path / "wrong.csv"
    path.write_bytes(big(200_000, "1;0639980001\n").encode() + b"2;Zo\xe9 !\n3;\x81\n")
    with pytest.raises(ContactsError, match=rf"line {line}: byte 0x.. is not {encoding}"):
        read_contacts(path, encoding=encoding)


def test_a_record_longer_than_a_parsing_block_is_an_error(tmp_path: Path) -> None:
    """A quote that closes megabytes later is a slip, not a cell."""
    path = tmp_path / "long.csv"
    path.write_text(f'id;mobile\n1;"{"x" * (2 * PARSE_BYTES)}"\n', encoding="utf-8")
    with pytest.raises(ContactsError, match="one record is longer than"):
        read_contacts(path)


def test_a_given_separator_that_is_not_the_files_is_an_error(tmp_path: Path) -> None:
    """One column only: the message says which separator seems right."""
    path = tmp_path / "contacts.csv"
    path.write_text("id;mobile\n1;0639980001\n", encoding="utf-8")
    with pytest.raises(ContactsError, match=r"separated by ',' .* seems to be ';'"):
        read_contacts(path, separator=",")


@pytest.mark.parametrize("separator", ["", ";;", "é", "\n", '"'])
def test_a_separator_is_one_character(tmp_path: Path, separator: str) -> None:
    """Whatever cannot separate is refused by name."""
    path = tmp_path / "contacts.csv"
    path.write_text("id;mobile\n1;0639980001\n", encoding="utf-8")
    with pytest.raises(ContactsError, match="cannot separate"):
        read_contacts(path, separator=separator)


def test_a_tab_may_be_written_as_a_shell_passes_it(tmp_path: Path) -> None:
    r"""``--separator '\t'`` arrives as two characters."""
    path = tmp_path / "contacts.csv"
    path.write_text("id\tmobile\n1\t0639980001\n", encoding="utf-8")
    assert back(read_contacts(path, separator="\\t")) == [["1", "0639980001"]]


@pytest.mark.parametrize(
    ("encoding", "words"), [("latin-9000", "not known"), ("hex", "not known"), ("cp1252", "mark")]
)
def test_an_encoding_that_cannot_be_is_refused(tmp_path: Path, encoding: str, words: str) -> None:
    """Unknown, no text encoding, or contradicted by the file's own mark."""
    path = tmp_path / "contacts.csv"
    path.write_text("id;mobile\n1;0639980001\n", encoding="utf-8-sig")
    with pytest.raises(ContactsError, match=words):
        read_contacts(path, encoding=encoding)


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    """Only those; an unknown one names the nearest and all there are."""
    path = tmp_path / "contacts.csv"
    path.write_text("id;nom;mobile\n1;Zoé;0639980001\n", encoding="utf-8")
    assert list(read_contacts(path, columns=["mobile", "id"]).columns) == ["mobile", "id"]
    with pytest.raises(ContactsError, match=r"'mobil'.* mean 'mobile'.* id, nom, mobile"):
        read_contacts(path, columns=["mobil"])
    with pytest.raises(ContactsError, match="asks for nothing"):
        read_contacts(path, columns=[])


def test_a_ragged_line_is_an_error_even_in_columns_not_asked_for(tmp_path: Path) -> None:
    """A short line may have shifted the values that were asked for."""
    path = tmp_path / "contacts.csv"
    path.write_text("id;nom;mobile\n1;0639980001\n", encoding="utf-8")
    with pytest.raises(ContactsError, match="line 2"):
        read_contacts(path, columns=["id"])


@pytest.mark.filterwarnings("ignore:.*(left out|bytes do not decide):UserWarning")
@given(content=st.binary(max_size=200) | st.text(st.sampled_from(LATIN)).map(str.encode))
def test_no_bytes_raise_anything_but_a_contacts_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any file is contacts, or an error of this package."""
    path = tmp_path_factory.mktemp("junk") / "junk"
    path.write_bytes(content)
    try:
        contacts = read_contacts(path)
    except ContactsError:
        return
    assert np.all(contacts.index == np.arange(len(contacts)))
