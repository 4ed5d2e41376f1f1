"""A message: its length and characters, and its text for each row. Pure (§1.2, §1.3)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from jinja2 import StrictUndefined, TemplateError, UndefinedError

from mmsbatch.campaign import template
from mmsbatch.errors import CampaignError, nearest
from mmsbatch.spec import MAX_MESSAGE_LENGTH, ContentKind

# What XML 1.0 (2.2) cannot carry, escaped or not; CR is not here, because line breaks become LF.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def with_line_feeds(text: str) -> str:
    """Write every line break (CRLF, CR, LF) as LF, the form that is counted and sent (§1.3)."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def length(text: str) -> int:
    """Count a message as the gateway does: characters, a line break twice.

    Returns
    -------
    int
        Characters (Unicode code points), after line breaks were made LF.

    Notes
    -----
    Source: §1.3. Whether the gateway counts characters or bytes is not said: characters are the
    rule here, bytes a warning.
    """
    text = with_line_feeds(text)
    return len(text) + text.count("\n")


def illegal_character(text: str) -> str | None:
    """Name the first character that XML cannot carry, with its position (from 1), or None."""
    found = _ILLEGAL.search(text)
    if found is None:
        return None
    return f"U+{ord(found[0]):04X} at position {found.start() + 1}"


def is_blank(text: str) -> bool:
    """Whether nothing of a text is visible: blanks and zero-width format characters only."""
    return all(char.isspace() or unicodedata.category(char) == "Cf" for char in text)


if TYPE_CHECKING:
    from collections.abc import Iterator

    import jinja2
    import numpy.typing as npt

ARTICLES: Final = {
    ContentKind.TEXT: "a text",
    ContentKind.IMAGE: "an image",
    ContentKind.VIDEO: "a video",
    ContentKind.SOUND: "a sound",
    ContentKind.SOUND_IMAGE: "a sound with image",
}

MESSAGE_PROBLEMS: Final = {
    "message_value_missing": (
        "A column that the message names is empty in this row.",
        "Complete the cell, or give a default: {{ prenom | default('cher client') }}.",
    ),
    "message_blank": (
        "With this row's values nothing visible is left of the message (§1.2).",
        "Give the message some text of its own.",
    ),
    "message_too_long": (
        "With this row's values the message is longer than its kind allows (§1.2).",
        "Shorten the text, or the value: {{ ville | truncate(20) }}.",
    ),
    "message_illegal_character": (
        "With this row's values the message holds a character that XML cannot carry (§1.3).",
        "Remove the control character from the cell.",
    ),
    "message_not_encodable": (
        "With this row's values the message holds a character that Windows-1252 lacks (§1.1).",
        "Write the cell without it, or leave encoding out of the campaign file.",
    ),
}
"""Why a row's message cannot be sent: its meaning, and what to do."""

_ESCAPED = re.compile("[&<>]")
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
# ``{prenom}`` is how other tools write a column; here it would reach people as it stands.
_OTHER_PLACEHOLDER = re.compile(r"\{\w[^{}\n]*\}|\}\}|%\}")


def broken_rules(message: str, kind: ContentKind) -> Iterator[str]:
    """Return which rules a message breaks, as far as they do not depend on a row.

    Yields
    ------
    str
        The limit, what was found and the section, without the field's name.

    Notes
    -----
    Source: §1.2, §1.3. Of a template, the text that every row gets is checked; the rest is
    checked row by row by `render`.
    """
    illegal = illegal_character(message)
    if illegal is not None:
        yield f"every character must be one XML can carry (§1.3); found {illegal}. Remove it."
    if is_blank(message):
        yield f"a message is needed, also for {ARTICLES[kind]} (§1.2); found only blanks."
        return
    fixed = message
    if template.is_template(message):
        try:
            fixed = template.parse(message).fixed_text
        except template.TemplateProblem as problem:
            yield f"{problem} (a message with {{{{ or {{% is a template)."
            return
    limit, found = MAX_MESSAGE_LENGTH[kind], length(fixed)
    if found > limit:
        yield (
            f"at most {limit} characters for {ARTICLES[kind]} (§1.2, a line break counts twice); "
            f"found {found}. Shorten it by {found - limit}."
        )


def doubts(message: str, kind: ContentKind) -> Iterator[str]:
    """Return what may go wrong with a message that breaks no rule.

    Yields
    ------
    str
        What was found, what may happen and the section, without the field's name.

    Notes
    -----
    Source: §1.2, §1.3. The text is never changed here; what is doubtful is sent as it stands.
    """
    text = template.parse(message).all_text if template.is_template(message) else message
    limit, found = MAX_MESSAGE_LENGTH[kind], len(with_line_feeds(text).encode())
    if found > limit >= length(text):
        yield (
            f"{found} bytes in UTF-8 for a limit of {limit} characters: the gateway may count "
            "bytes and refuse it (§1.2, status 111)."
        )
    if "€" in text:
        yield "the gateway replaces € by E (§1.3); write 'EUR' if that reads badly."
    escaped = sorted(set(_ESCAPED.findall(text)))
    if escaped:
        yield (
            f"{' '.join(escaped)} must be escaped in XML, and whether the gateway undoes it is "
            "not documented (§1.2); people may read '&amp;' and the like."
        )
    beyond = _BEYOND_BMP.search(text)
    if beyond:
        yield (
            f"U+{ord(beyond[0]):04X} (an emoji or a rare character) may be lost or cut the message "
            "(§1.3 says nothing of it)."
        )
    placeholder = _OTHER_PLACEHOLDER.search(text)
    if placeholder:
        yield (
            f"{placeholder[0]!r} is sent as it stands; a column is written with two braces: "
            "{{ column }}."
        )


@dataclass(frozen=True, eq=False)
class Rendered:
    """The message of each row, each different text once.

    Attributes
    ----------
    codes
        int64, one per row: the place of the row's message in ``messages``; -1 if it cannot be
        sent.
    messages
        The different texts, in order of first appearance, as they are sent: line breaks are LF.
    problem
        One per row: a word of ``MESSAGE_PROBLEMS``, missing if the message can be sent.
    """

    codes: npt.NDArray[np.int64]
    messages: tuple[str, ...]
    problem: pd.Categorical[str]


def columns_of(message: str) -> frozenset[str]:
    """Name the columns a message needs; none when every row gets the same text.

    Raises
    ------
    CampaignError
        The message looks like a template and is not one.
    """
    if not template.is_template(message):
        return frozenset()
    try:
        return template.parse(message).columns
    except template.TemplateProblem as problem:
        raise CampaignError(f"campaign.message: {problem}.") from None


def unencodable(text: str, encoding: str) -> str:
    """Return the first character that an encoding lacks; empty if it has them all."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError as error:
        return text[error.start]
    return ""


def render(
    message: str, kind: ContentKind, frame: pd.DataFrame, encoding: str = "utf-8"
) -> Rendered:
    """Write the message of every row.

    Parameters
    ----------
    message
        Plain text or a template.
    kind
        What is sent: it decides how long a message may be.
    frame
        Any rows, any index, any columns; never modified. A cell that is missing, or is text of
        blanks only, is missing for the message too.
    encoding
        How a request's bytes are read; a message with a character that it lacks cannot be sent.

    Returns
    -------
    Rendered
        One code and at most one problem per row, in row order.

    Raises
    ------
    CampaignError
        A column that the message names is not there, is there twice, or holds something that
        is neither text, a number nor a date; or the template itself fails.

    Notes
    -----
    A text is written once for each different combination of values, so the cost follows the
    combinations and not the rows. Whole numbers in a float column are written without ``.0``:
    one empty cell is enough to make pandas store them so.

    Source: §1.2 (one message a request; limits), §1.3 (line breaks, characters).
    """
    columns = sorted(columns_of(message))
    check_columns(columns, list(frame.columns))
    by_column = [coded(frame, column) for column in columns]
    inverse, first_rows = combinations([codes for codes, _ in by_column], len(frame))
    compiled = template.parse(message).compiled if columns else None
    texts: dict[str, int] = {}
    words = list(MESSAGE_PROBLEMS)
    code_of = np.full(len(first_rows), -1, dtype=np.int64)
    problem_of = np.full(len(first_rows), -1, dtype=np.int64)
    for place, row in enumerate(first_rows):
        # A missing value is there as Undefined: looked up in vain, Jinja2 would go on to try the
        # name as an attribute, and ``row["items"]`` has one.
        values = {
            column: texts_of[codes[row]] if codes[row] >= 0 else StrictUndefined(name=column)
            for column, (codes, texts_of) in zip(columns, by_column, strict=True)
        }
        text = message if compiled is None else _filled(compiled, values)
        text = text if text is None else with_line_feeds(text)
        problem = _problem(text, kind, encoding)
        if text is not None and problem is None:
            code_of[place] = texts.setdefault(text, len(texts))
        elif problem is not None:
            problem_of[place] = words.index(problem)
    return Rendered(
        codes=code_of[inverse],
        messages=tuple(texts),
        problem=pd.Categorical.from_codes(problem_of[inverse], categories=pd.Index(words)),
    )


def _filled(compiled: jinja2.Template, values: dict[str, str | StrictUndefined]) -> str | None:
    """Write a template with one row's values; None if it needs a value that is missing."""
    try:
        return compiled.render(values, **{template.ROW: values})
    except UndefinedError:
        return None
    except (TemplateError, TypeError, ValueError, AssertionError) as error:
        # The filters' complaints about their arguments, which are the same for every row.
        raise CampaignError(f"campaign.message: the template fails: {error}.") from None


def _problem(text: str | None, kind: ContentKind, encoding: str) -> str | None:
    """Return what forbids sending a row's message."""
    if text is None:
        return "message_value_missing"
    if illegal_character(text) is not None:
        return "message_illegal_character"
    if is_blank(text):
        return "message_blank"
    if unencodable(text, encoding):
        return "message_not_encodable"
    return "message_too_long" if length(text) > MAX_MESSAGE_LENGTH[kind] else None


if TYPE_CHECKING:
    import numpy.typing as npt


def check_columns(needed: list[str], given: list[Any]) -> None:
    """Refuse a message that names columns which are not there, or not there once."""
    lines = []
    for column in needed:
        if column not in given:
            there = ", ".join(map(repr, given))
            hint = nearest(column, map(str, given))
            lines.append(f"campaign.message: no column {column!r}; there are {there}.{hint}")
        elif given.count(column) > 1:
            lines.append(f"campaign.message: several columns {column!r}; rename all but one.")
    if lines:
        raise CampaignError("\n".join(lines))


def coded(frame: pd.DataFrame, column: str) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Code a column as text: one code per row (-1: missing or blank), and the different texts.

    Raises
    ------
    CampaignError
        A cell is neither text, a number nor a date.
    """
    cells: Any = frame[column]
    if cells.dtype == object:  # 1, True and 1.0 are one value to factorize, and three texts
        cells = np.array([_text(cell, column) for cell in cells], dtype=object)
    raw_codes, raw_values = pd.factorize(cells)
    texts: dict[str, int] = {}
    # The last place is that of -1, factorize's code for a missing cell.
    again = np.full(len(raw_values) + 1, -1, dtype=np.int64)
    for place, value in enumerate(raw_values):
        text = _text(value, column)
        if text is not None:
            again[place] = texts.setdefault(text, len(texts))
    return again[raw_codes], list(texts)


def _text(cell: Any, column: str) -> str | None:
    """Write a cell as text; None if it is missing or blank."""
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, bytes) or not pd.api.types.is_scalar(cell):
        raise CampaignError(
            f"campaign.message: column {column!r} holds a {type(cell).__name__}; "
            "make it a column of text."
        )
    if pd.isna(cell):
        return None
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def combinations(
    columns: list[npt.NDArray[np.int64]], rows: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number combinations of codes in order of first appearance; name the first row of each."""
    inverse = np.zeros(rows, dtype=np.int64)
    for codes in columns:
        # Numbered anew after each column, so the product never outgrows rows * values.
        width = int(codes.max(initial=-1)) + 2
        inverse = pd.factorize(inverse * width + codes + 1)[0].astype(np.int64)
    if not columns:
        return inverse, np.arange(min(rows, 1))
    return inverse, np.unique(inverse, return_index=True)[1]
