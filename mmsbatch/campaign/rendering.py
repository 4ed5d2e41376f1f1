"""What each row gets: message and media with its cells filled in, each different one once. Pure.

Source: §1.2 (one content a request; limits), §1.3 (line breaks, characters).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from jinja2 import StrictUndefined, TemplateError, UndefinedError

from mmsbatch.campaign import media, template
from mmsbatch.campaign.content import MEDIA, Content
from mmsbatch.campaign.message import (
    columns_of,
    illegal_character,
    is_blank,
    length,
    unencodable,
    with_line_feeds,
)
from mmsbatch.errors import CampaignError, nearest
from mmsbatch.progress import counting
from mmsbatch.spec import MAX_MESSAGE_LENGTH, ContentKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2
    import numpy.typing as npt

CONTENT_PROBLEMS: Final = {
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
    "media_value_missing": (
        "A column that a medium's address or duration names is empty in this row.",
        "Complete the cell, or give a default: {{ magasin | default('paris') }}.",
    ),
    "media_address_invalid": (
        "With this row's values a medium's address breaks a rule of the gateway (§1.2).",
        "Correct the cell: only letters, digits and - . _ are safe in an address.",
    ),
    "media_duration_invalid": (
        "With this row's values the duration is not a whole number from 1 to 1000 (§1.2).",
        "Correct the cell: seconds, in figures.",
    ),
}
"""Why what a row gets cannot be sent: its meaning, and what to do."""


class Filled(NamedTuple):
    """What one row gets: a content in which no column is named any more."""

    kind: ContentKind
    message: str
    """Line breaks are LF."""
    image: str = ""
    video: str = ""
    sound: str = ""
    duration_s: int = 0
    variant: str = ""
    """Of a campaign that compares several contents: which."""

    @classmethod
    def of(
        cls, content: Content, words: Mapping[str, Any] | None = None, variant: str = ""
    ) -> Filled:
        """Take a campaign's content, with a row's words in the place of what names columns."""
        given = {name: getattr(content, name) for name in FIELDS if hasattr(content, name)}
        return cls(content.kind, **(given | dict(words or {})), variant=variant)


_TOLD_EVERY: Final = 500
"""Messages: a hundredth of a second; telling of each would take a twentieth of the time."""

FIELDS: Final = ("message", *MEDIA, "duration_s")
"""The fields of a content that may name columns."""


def templates(content: Content) -> dict[str, str]:
    """Return those fields of a content that name columns."""
    given = {name: getattr(content, name, None) for name in FIELDS}
    return {
        name: text
        for name, text in given.items()
        if isinstance(text, str) and template.is_template(text)
    }


def content_columns(content: Content) -> frozenset[str]:
    """Return the columns that a content names."""
    named = (columns_of(text, name) for name, text in templates(content).items())
    return frozenset().union(*named)


@dataclass(frozen=True, eq=False)
class Rendered:
    """What each row gets, each different content once.

    Attributes
    ----------
    codes
        int64, one per row: the place of what the row gets in ``contents``; -1 if it cannot be
        sent.
    contents
        The different contents, in order of first appearance, as they are sent.
    problem
        One per row: a word of ``CONTENT_PROBLEMS``, missing if it can be sent.
    """

    codes: npt.NDArray[np.int64]
    contents: tuple[Filled, ...]
    problem: pd.Categorical[str]


def render(
    content: Content, frame: pd.DataFrame, encoding: str = "utf-8", variant: str = ""
) -> Rendered:
    """Write what every row gets.

    Parameters
    ----------
    content
        Its message, its media's addresses and its duration may be templates.
    frame
        Any rows, any index, any columns; never modified. A cell that is missing, or is text of
        blanks only, is missing for the message too.
    encoding
        How a request's bytes are read; a message with a character that it lacks cannot be sent.
    variant
        The name of the content, where there are several.

    Returns
    -------
    Rendered
        One code and at most one problem per row, in row order.

    Raises
    ------
    CampaignError
        A column that is named is not there, is there twice, or holds something that is neither
        text, a number nor a date; or a template itself fails.

    Notes
    -----
    A content is written once for each different combination of values, so the cost follows the
    combinations and not the rows. Whole numbers in a float column are written without ``.0``:
    one empty cell is enough to make pandas store them so.
    """
    fields = templates(content)
    named = {name: columns_of(text, name) for name, text in fields.items()}
    columns = sorted(frozenset().union(*named.values()))
    _check_columns(named, list(frame.columns))
    by_column = [_coded(frame, column, named) for column in columns]
    inverse, first_rows = combinations([codes for codes, _ in by_column], len(frame))
    compiled = {name: template.parse(text).compiled for name, text in fields.items()}
    contents: dict[Filled, int] = {}
    words = list(CONTENT_PROBLEMS)
    code_of = np.full(len(first_rows), -1, dtype=np.int64)
    problem_of = np.full(len(first_rows), -1, dtype=np.int64)
    with counting(len(first_rows), "message", "writing") as progress:
        for place, row in enumerate(first_rows):
            if place % _TOLD_EVERY == 0:
                progress.update(min(_TOLD_EVERY, len(first_rows) - place))
            # A missing value is there as Undefined: looked up in vain, Jinja2 would go on to try
            # the name as an attribute, and ``row["items"]`` has one.
            values = {
                column: texts_of[codes[row]] if codes[row] >= 0 else StrictUndefined(name=column)
                for column, (codes, texts_of) in zip(columns, by_column, strict=True)
            }
            texts = {name: _filled(one, values, name) for name, one in compiled.items()}
            made, problem = _checked(content, texts, encoding, variant)
            if made is not None:
                code_of[place] = contents.setdefault(made, len(contents))
            else:
                problem_of[place] = words.index(problem)
    return Rendered(
        codes=code_of[inverse],
        contents=tuple(contents),
        problem=pd.Categorical.from_codes(problem_of[inverse], categories=pd.Index(words)),
    )


def _filled(
    compiled: jinja2.Template, values: dict[str, str | StrictUndefined], field: str
) -> str | None:
    """Write a template with one row's values; None if it needs a value that is missing."""
    try:
        return compiled.render(values, **{template.ROW: values})
    except UndefinedError:
        return None
    except (TemplateError, TypeError, ValueError, AssertionError) as error:
        # The filters' complaints about their arguments, which are the same for every row.
        raise CampaignError(f"campaign.{field}: the template fails: {error}.") from None


def _checked(
    content: Content, texts: dict[str, str | None], encoding: str, variant: str
) -> tuple[Filled | None, str]:
    """Return what a row gets, or what forbids sending it."""
    message = texts.pop("message", content.message)
    problem = _message_problem(message, content.kind, encoding) or _media_problem(texts)
    if message is None or problem:
        return None, problem
    words: dict[str, Any] = {**texts, "message": with_line_feeds(message)}
    if "duration_s" in words:
        words["duration_s"] = int(words["duration_s"])
    return Filled.of(content, words, variant), ""


def _message_problem(text: str | None, kind: ContentKind, encoding: str) -> str:
    if text is None:
        return "message_value_missing"
    text = with_line_feeds(text)
    if illegal_character(text) is not None:
        return "message_illegal_character"
    if is_blank(text):
        return "message_blank"
    if unencodable(text, encoding):
        return "message_not_encodable"
    return "message_too_long" if length(text) > MAX_MESSAGE_LENGTH[kind] else ""


def _media_problem(texts: dict[str, str | None]) -> str:
    for name, text in texts.items():
        if text is None:
            return "media_value_missing"
        if name == "duration_s":
            if not text.isdecimal() or any(media.duration_rules(int(text))):
                return "media_duration_invalid"
        elif any(media.filled_url_rules(text, MEDIA[name])):
            return "media_address_invalid"
    return ""


def _check_columns(named: Mapping[str, frozenset[str]], given: list[Any]) -> None:
    """Refuse a template that names columns which are not there, or not there once."""
    lines = []
    for field, columns in named.items():
        for column in sorted(columns):
            if column not in given:
                there = ", ".join(map(repr, given))
                hint = nearest(column, map(str, given))
                lines.append(f"campaign.{field}: no column {column!r}; there are {there}.{hint}")
            elif given.count(column) > 1:
                lines.append(f"campaign.{field}: several columns {column!r}; rename all but one.")
    if lines:
        raise CampaignError("\n".join(lines))


def _coded(
    frame: pd.DataFrame, column: str, named: Mapping[str, frozenset[str]]
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Code a column as text: one code per row (-1: missing or blank), and the different texts.

    Raises
    ------
    CampaignError
        A cell is neither text, a number nor a date.
    """
    field = next(name for name, columns in named.items() if column in columns)
    cells: Any = frame[column]
    if cells.dtype == object:  # 1, True and 1.0 are one value to factorize, and three texts
        cells = np.array([_text(cell, column, field) for cell in cells], dtype=object)
    raw_codes, raw_values = pd.factorize(cells)
    texts: dict[str, int] = {}
    # The last place is that of -1, factorize's code for a missing cell.
    again = np.full(len(raw_values) + 1, -1, dtype=np.int64)
    for place, value in enumerate(raw_values):
        text = _text(value, column, field)
        if text is not None:
            again[place] = texts.setdefault(text, len(texts))
    return again[raw_codes], list(texts)


def _text(cell: Any, column: str, field: str) -> str | None:
    """Write a cell as text; None if it is missing or blank."""
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if isinstance(cell, bytes) or not pd.api.types.is_scalar(cell):
        raise CampaignError(
            f"campaign.{field}: column {column!r} holds a {type(cell).__name__}; "
            "make it a column of text."
        )
    if pd.isna(cell):
        return None
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def combinations(
    columns: Sequence[npt.NDArray[np.int64]], rows: int
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
