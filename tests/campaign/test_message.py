"""Messages: how they are counted, and what each row gets when a message names columns."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsbatch.campaign.campaign import Campaign, Image, Text
from mmsbatch.campaign.message import columns_of, illegal_character, length
from mmsbatch.campaign.rendering import CONTENT_PROBLEMS, Rendered
from mmsbatch.campaign.rendering import render as render_content
from mmsbatch.errors import CampaignError
from mmsbatch.spec import MAX_MESSAGE_LENGTH, ContentKind

JPG = "http://www.example.com/a.jpg"


def refusal(message: str) -> str:
    """Return the error that a campaign with this message raises."""
    with pytest.raises(CampaignError) as caught:
        Text(message)
    return str(caught.value)


def render(
    message: str, kind: ContentKind, frame: pd.DataFrame, encoding: str = "utf-8"
) -> Rendered:
    """Render a message with media of its kind."""
    content = Image(message, JPG) if kind is ContentKind.IMAGE else Text(message)
    return render_content(content, frame, encoding)


def messages(rendered: Rendered) -> tuple[str, ...]:
    """Return the different messages."""
    return tuple(content.message for content in rendered.contents)


def rows(rendered: Rendered) -> list[str | None]:
    """Return the message of each row, None if it cannot be sent."""
    return [rendered.contents[code].message if code >= 0 else None for code in rendered.codes]


def problems(rendered: Rendered) -> list[str | None]:
    """Return the problem of each row, None if there is none."""
    return [None if pd.isna(word) else word for word in rendered.problem]


def write(
    message: str, frame: pd.DataFrame, kind: ContentKind = ContentKind.TEXT
) -> list[str | None]:
    """Render, and return the message of each row."""
    return rows(render(message, kind, frame))


# ----- length and characters -------------------------------------------------------------------

_PIECES = st.lists(st.sampled_from(["a", "é", "\U0001f384", "\n", "\r\n", "\r", "\t", " "]))


@given(_PIECES)
def test_length_law(pieces: list[str]) -> None:
    """A message's length is its characters, and 2 for each line break, however it is written."""
    # A CR and an LF that meet are one line break, so what is counted is the joined text's breaks.
    text = "".join(pieces)
    expected = 0
    for char, following in itertools.zip_longest(text, text[1:]):
        pair = char == "\r" and following == "\n"
        expected += 0 if pair else 2 if char in "\r\n" else 1
    assert expected == length(text)


@given(st.text(), st.text())
def test_length_is_at_least_what_is_joined_to_it(one: str, other: str) -> None:
    """Joining loses at most the line break that a CR and an LF make together."""
    joined = length(one + other)
    expected = length(one) + length(other)
    expected -= 2 if one.endswith("\r") and other.startswith("\n") else 0
    assert expected == joined


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_message_is_refused_or_can_be_sent(text: str) -> None:
    """The rules of a built message and of a rendered one agree, on any text."""
    if any(mark in text for mark in ("{{", "{%", "{#")):
        return
    frame = pd.DataFrame({"texte": pd.Series([text], dtype=object)})
    own = "{{ texte | default(' ') }}"  # a blank cell is missing
    sent = write(own, frame, ContentKind.IMAGE)[0]
    try:
        Image(text, JPG)
    except CampaignError:
        assert sent is None
    else:
        assert text.replace("\r\n", "\n").replace("\r", "\n") == sent


@pytest.mark.parametrize("code", [*range(0x9), 0xB, 0xC, *range(0xE, 0x20), 0xD800, 0xDFFF, 0xFFFF])
def test_what_xml_cannot_carry_is_found(code: int) -> None:
    """Every character that XML 1.0 excludes is named with its place."""
    assert f"U+{code:04X} at position 2" == illegal_character("a" + chr(code))


# ----- templates: what they may hold -----------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "columns"),
    [
        ("Bonjour", set()),
        ("50 % de { remise }", set()),
        ("Bonjour {{ prenom }}", {"prenom"}),
        ("{{prenom}} {{ nom | upper }}, {{ prénom_2 }}", {"prenom", "nom", "prénom_2"}),
        ('{{ row["Date de naissance"] }}', {"Date de naissance"}),
        ('{% if a == "x" %}{{ b }}{% elif c is defined %}{{ d }}{% endif %}', set("abcd")),
        ("{{ a if b in ['x', 'y'] and not c else d ~ e }}", set("abcde")),
        ("{{ a | default(b) | truncate(20, True, '') }}", set("ab")),
        ("{% raw %}{{ a }}{% endraw %}{{ b }}", set("b")),
    ],
)
def test_columns_of_a_message(message: str, columns: set[str]) -> None:
    """A message names the columns it needs, in whatever branch; plain text names none."""
    assert columns == columns_of(message)
    assert columns == Campaign("a", Text(message)).columns


HOSTILE = [
    ("{{ ''.__class__.__mro__ }}{{ a }}", "a dot is not allowed"),
    ("{{ a.__class__ }}", "a dot is not allowed"),
    ("{{ client.nom }}", 'row["….nom"]'),
    ("{{ a['__class__'] }}", "brackets only name a column"),
    ("{{ row[a] }}", "brackets only name a column"),
    ("{{ row }}", "word of templates"),
    ("{{ self }}", "word of templates"),
    ("{{ a | attr('__class__') }}", "no filter 'attr'"),
    ("{{ a | uper }}", "Did you mean 'upper'?"),
    ("{{ a | map('upper') }}", "no filter 'map'"),
    ("{% if b %}{{ a | format(9) }}{% endif %}", "no filter 'format'"),
    ("{{ a is divisibleby 3 }}", "no test 'divisibleby'"),
    ("{% for i in range(10**9) %}{{ a }}{% endfor %}", "for is not allowed"),
    ("{% for i in a %}{% for j in a %}x{% endfor %}{% endfor %}", "for is not allowed"),
    ("{{ range(9) }}{{ a }}", "call is not allowed"),
    ("{{ a.upper() }}", "call is not allowed"),
    ("{{ lipsum(n=1000) }}", "call is not allowed"),
    ("{{ 'x' * 1000000000 }}{{ a }}", "mul is not allowed"),
    ("{{ 9 ** 99999999 }}{{ a }}", "pow is not allowed"),
    ("{{ a % 5 }}", "mod is not allowed"),
    ("{{ a > 5 }}", "only ==, != and in"),
    ("{% include '/etc/passwd' %}{{ a }}", "include is not allowed"),
    ("{% import 'os' as os %}{{ a }}", "import is not allowed"),
    ("{% extends 'x' %}{{ a }}", "extends is not allowed"),
    ("{% macro m() %}{{ a }}{% endmacro %}", "macro is not allowed"),
    ("{% set b = a %}{{ b }}", "assign is not allowed"),
    ("{% block b %}{{ a }}{% endblock %}", "block is not allowed"),
    ("{% filter upper %}{{ a }}{% endfilter %}", "filterblock is not allowed"),
    ("{{ a", "line 1: unexpected end of template"),
    ("Bonjour\n\n{{ prenom }", "line 3: unexpected '}'"),
    ("Bonjour {{ Date de naissance }}", 'row["its name"]'),
    ("{% if a %}x", "line 1: Unexpected end of template"),
    ("{% nope %}", "unknown tag 'nope'"),
    ("{# note", "Missing end of comment tag"),
    ("{# a note that nobody should get #}Bonjour", "names no column"),
    ("{{ 'Bonjour' }}", "names no column"),
    ("{{ " + "9" * 5000 + " }}{{ a }}", "number that is too long"),
    ("{{ " + "(" * 5000 + "a" + ")" * 5000 + " }}", "nested too deeply"),
    ("{% if a %}" * 120 + "{% endif %}" * 120, "nested too deeply"),
]


@pytest.mark.parametrize(("message", "part"), HOSTILE)
def test_a_template_reaches_nothing_but_the_row(message: str, part: str) -> None:
    """What is not one of the few allowed things is refused when the campaign is built."""
    error = refusal(message)
    assert error.startswith("campaign.message: line ")
    assert part in error
    assert "\n" not in error
    with pytest.raises(CampaignError):
        columns_of(message)


def test_the_line_of_a_mistake_is_named() -> None:
    """A mistake in the third line is told to be there."""
    assert "line 3: for is not allowed" in refusal("a\nb\n{% for x in a %}{{ x }}{% endfor %}")


def test_the_fixed_text_of_a_template_has_the_limits_of_its_kind() -> None:
    """Text that every row gets is counted when built; text of one branch only row by row."""
    Image("{{ a }}" + "b" * 100, JPG)
    Image("{{ a }}{% if a == 'x' %}" + "b" * 101 + "{% endif %}", JPG)
    with pytest.raises(CampaignError, match="Shorten it by 1"):
        Image("{{ a }}" + "b" * 101, JPG)
    assert "U+0007" in refusal("{{ a }}\x07")


@pytest.mark.parametrize("part", ["10 €", "a & b", "\U0001f384", "{prenom}"])
def test_the_text_of_every_branch_is_warned_of(part: str) -> None:
    """What is doubtful in plain text is doubtful in a branch of a template."""
    message = "{{ a }}{% if a == 'x' %}" + part + "{% endif %}"
    assert len(Text(message).warnings) == 1
    assert Text("{{ a }} {{ row['b & c'] }}").warnings == ()


# ----- templates: what each row gets -----------------------------------------------------------


def test_each_row_gets_its_own_message_once() -> None:
    """Messages are listed in order of first appearance, and rows point at them."""
    frame = pd.DataFrame({"ville": ["Lyon", "Brest", "Lyon", None, "Brest"]}, index=[7, 7, 0, 1, 7])
    rendered = render("À {{ ville }} !", ContentKind.TEXT, frame)
    assert messages(rendered) == ("À Lyon !", "À Brest !")
    assert rendered.codes.tolist() == [0, 1, 0, -1, 1]
    assert rendered.codes.dtype == np.int64
    assert problems(rendered) == [None, None, None, "message_value_missing", None]


def test_a_template_keeps_its_own_blanks() -> None:
    """Blanks and line breaks around what is filled in are the writer's, and are counted."""
    assert write(" \r\n{{ a }}\n\n", pd.DataFrame({"a": ["x"]})) == [" \nx\n\n"]


def test_different_values_may_give_one_message() -> None:
    """Rows are alike by the text they get, not by the values behind it."""
    frame = pd.DataFrame({"a": ["x", "X", "y"]})
    assert messages(render("{{ a | upper }}", ContentKind.TEXT, frame)) == ("X", "Y")


def test_a_constant_message_is_one_message() -> None:
    """Without columns every row gets the same text, with line breaks as they are sent."""
    rendered = render("a\r\nb", ContentKind.TEXT, pd.DataFrame(index=[1, 1, 2]))
    assert messages(rendered) == ("a\nb",)
    assert rendered.codes.tolist() == [0, 0, 0]
    assert problems(rendered) == [None, None, None]


@pytest.mark.parametrize("message", ["Bonjour", "Bonjour {{ a }}"])
def test_no_rows_give_no_messages(message: str) -> None:
    """An empty frame is no special case."""
    rendered = render(message, ContentKind.TEXT, pd.DataFrame({"a": pd.Series([], dtype="str")}))
    assert (len(rendered.codes), messages(rendered), len(rendered.problem)) == (0, (), 0)


def test_every_problem_of_a_row() -> None:
    """Each way in which a row's message cannot be sent has its word, and its line of help."""
    frame = pd.DataFrame(
        {"a": ["ok", None, "x\x07", "\u200b", "y" * 101, "z" * 99 + "\r", "→", "w" * 100]}
    )
    rendered = render("{{ a }}", ContentKind.IMAGE, frame, "cp1252")
    expected = [
        None,
        "message_value_missing",
        "message_illegal_character",
        "message_blank",
        "message_too_long",
        "message_too_long",
        "message_not_encodable",
        None,
    ]
    assert expected == problems(rendered)
    assert messages(rendered) == ("ok", "w" * 100)
    assert {word for word in expected if word} == {
        word for word in CONTENT_PROBLEMS if word.startswith("message")
    }


@pytest.mark.parametrize("cell", [None, float("nan"), pd.NA, pd.NaT, "", "  \u00a0\t"])
def test_a_missing_cell_is_never_sent_as_text(cell: Any) -> None:
    """No one reads "Bonjour nan": a missing or blank cell is a problem of its row."""
    frame = pd.DataFrame({"a": pd.Series(["x", cell], dtype=object)})
    rendered = render("Bonjour {{ a }}", ContentKind.TEXT, frame)
    assert problems(rendered) == [None, "message_value_missing"]
    assert write("Bonjour {{ a | default('vous') }}", frame) == ["Bonjour x", "Bonjour vous"]
    assert write("Ah{% if a is defined %} {{ a }}{% endif %}", frame) == ["Ah x", "Ah"]


@pytest.mark.parametrize(
    "message",
    [
        "{{ a }}",
        "{{ a | upper }}",
        "{{ a | first }}",
        "{{ a | replace('x', 'y') }}",
        "{{ a | truncate(3) }}",
        "{{ a | trim }}",
        "{{ 'x' ~ a }}",
        "{{ a == 'x' }}",
        "{{ 'x' in a }}",
        "{{ a in ['x'] }}",
        "{{ a | default(a) }}",
        "{% if a %}x{% else %}y{% endif %}",
        "{% if not a %}x{% endif %}",
        "{{ row['a'] }}",
    ],
)
def test_a_missing_value_is_missing_in_every_use(message: str) -> None:
    """No filter, test or comparison makes something out of a missing value."""
    frame = pd.DataFrame({"a": ["x", None]})
    assert problems(render(message, ContentKind.TEXT, frame))[1] == "message_value_missing"


def test_a_value_that_is_not_used_may_be_missing() -> None:
    """Only the branch that a row takes needs its cells."""
    frame = pd.DataFrame({"titre": ["Mme", "M."], "nom": ["Roux", None]})
    message = "Bonjour {% if titre == 'Mme' %}Mme {{ nom }}{% else %}Monsieur{% endif %}"
    assert write(message, frame) == ["Bonjour Mme Roux", "Bonjour Monsieur"]


@pytest.mark.parametrize("name", ["items", "get", "keys", "__class__", "self", "row", "Prénom (2)"])
def test_a_column_may_have_any_name(name: str) -> None:
    """A column named like something of Python or Jinja2 is a column all the same."""
    frame = pd.DataFrame({name: ["x", None]})
    rendered = render('{{ row["' + name + '"] }}', ContentKind.TEXT, frame)
    assert rows(rendered) == ["x", None]
    assert problems(rendered) == [None, "message_value_missing"]


@pytest.mark.parametrize(
    "cell",
    [
        "{{ 7 * 7 }}",
        "{{ mobile }}",
        "{% for x in range(99999) %}x{% endfor %}",
        "{{ ''.__class__ }}",
        "{# x #}",
        "&lt; <b> & \" '",
        "=1+1",
    ],
)
def test_a_cell_is_text_as_it_stands(cell: str) -> None:
    """Cells are neither read as templates nor escaped."""
    frame = pd.DataFrame({"prenom": [cell], "mobile": ["0639980001"]})
    assert write("Bonjour {{ prenom }}", frame) == ["Bonjour " + cell]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (pd.Series([5, 12], dtype="int64"), ["5", "12"]),
        (pd.Series([5, None], dtype="float64"), ["5", None]),
        (pd.Series([5.5, 1e15], dtype="float64"), ["5.5", "1000000000000000"]),
        (pd.Series([5, None], dtype="Int64"), ["5", None]),
        (pd.Series([5, None], dtype="int64[pyarrow]"), ["5", None]),
        (pd.Series(["b", None, "a"], dtype="category"), ["b", None, "a"]),
        (pd.Series(["é", None], dtype="str"), ["é", None]),
        (pd.Series(["é", None], dtype="string[pyarrow]"), ["é", None]),
        (pd.Series([1, True, 1.0, "1"], dtype=object), ["1", "True", "1", "1"]),
        (pd.Series([Decimal("12.50"), date(2030, 1, 31)], dtype=object), ["12.50", "2030-01-31"]),
        (pd.Series([np.int64(3), np.float64(4)], dtype=object), ["3", "4"]),
    ],
)
def test_the_text_of_a_cell_does_not_depend_on_its_type(
    values: pd.Series[Any], written: list[str | None]
) -> None:
    """The same contacts give the same messages, whatever type pandas keeps them in."""
    assert written == write("{{ a }}", values.to_frame("a"))


@pytest.mark.parametrize("cell", [["a"], {"a": 1}, b"a", np.array([1, 2])])
def test_a_cell_that_is_no_text_is_refused(cell: object) -> None:
    """A list in a cell is named with its column and never sent as Python writes it."""
    frame = pd.DataFrame({"tags": pd.Series([cell], dtype=object)})
    with pytest.raises(CampaignError, match=f"'tags' holds a {type(cell).__name__}"):
        render("{{ tags }}", ContentKind.TEXT, frame)


def test_columns_that_are_not_there_are_named_with_the_nearest() -> None:
    """All misspelt columns are listed at once, each with the nearest name."""
    frame = pd.DataFrame({"Prénom": ["a"], "ville": ["b"], 3: ["c"]})
    with pytest.raises(CampaignError) as caught:
        render("{{ prenom }} {{ vile | default('x') }} {{ ville }}", ContentKind.TEXT, frame)
    first, second = str(caught.value).split("\n")
    assert first.startswith("campaign.message: no column 'prenom'; there are 'Prénom', 'ville', 3.")
    assert first.endswith("Did you mean 'Prénom'?")
    assert second.endswith("Did you mean 'ville'?")


def test_a_column_that_is_there_twice_is_refused() -> None:
    """Which of two columns is meant is not guessed."""
    frame = pd.DataFrame([["a", "b"]], columns=["nom", "nom"])
    with pytest.raises(CampaignError, match="several columns 'nom'"):
        render("{{ nom }}", ContentKind.TEXT, frame)


@pytest.mark.parametrize("message", ["{{ a | truncate('x') }}", "{{ a | first(1) }}"])
def test_a_filter_that_is_used_wrongly_is_an_error_of_the_campaign(message: str) -> None:
    """What fails for every row is told once, without any cell's value."""
    with pytest.raises(CampaignError, match="template fails") as caught:
        render(message, ContentKind.TEXT, pd.DataFrame({"a": ["secret" * 99]}))
    assert "secret" not in str(caught.value)


def test_the_frame_is_not_changed() -> None:
    """Rendering reads the contacts and leaves them as they were."""
    frame = pd.DataFrame({"a": pd.Series([1.0, None, "x"], dtype=object)}, index=[1, 1, 1])
    before = frame.copy(deep=True)
    render("{{ a }}", ContentKind.TEXT, frame)
    pd.testing.assert_frame_equal(before, frame)


_CELLS = st.sampled_from(["a", "b", "", " ", None, "{{ b }}", "x" * 60, "\x07", "\r\n"])


@given(st.lists(st.tuples(_CELLS, _CELLS), max_size=30), st.randoms(use_true_random=False))
def test_rows_are_written_one_by_one(
    cells: list[tuple[str | None, str | None]], order: Any
) -> None:
    """A row's message depends on that row alone, not on its neighbours or their order."""
    frame = pd.DataFrame(cells, columns=["a", "b"], dtype=object)
    message = "{{ a }}-{{ row['b'] | default('?') }}"
    whole = render(message, ContentKind.IMAGE, frame)
    places = list(range(len(cells)))
    order.shuffle(places)
    shuffled = render(message, ContentKind.IMAGE, frame.iloc[places])
    assert [rows(whole)[place] for place in places] == rows(shuffled)
    assert [problems(whole)[place] for place in places] == problems(shuffled)
    for (a, b), text, problem in zip(cells, rows(whole), problems(whole), strict=True):
        missing = a is None or not a.strip()
        other = b if b is not None and b.strip() else "?"
        expected = None if missing else f"{a}-{other}"
        if expected is not None and ("\x07" in expected or len(expected) > 100):
            expected = None
        assert expected == text
        assert (problem == "message_value_missing") == missing
        assert (problem is None) == (text is not None)
    seen = [text for text in rows(whole) if text is not None]
    assert tuple(dict.fromkeys(seen)) == messages(whole)
    assert all(length(text) <= MAX_MESSAGE_LENGTH[ContentKind.IMAGE] for text in messages(whole))
