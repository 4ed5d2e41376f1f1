"""A message: its length and its characters, what is forbidden and what is doubtful. Pure.

Source: §1.2, §1.3.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from mmsbatch.campaign import template
from mmsbatch.errors import CampaignError
from mmsbatch.spec import MAX_MESSAGE_LENGTH, ContentKind

if TYPE_CHECKING:
    from collections.abc import Iterator

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


ARTICLES: Final = {
    ContentKind.TEXT: "a text",
    ContentKind.IMAGE: "an image",
    ContentKind.VIDEO: "a video",
    ContentKind.SOUND: "a sound",
    ContentKind.SOUND_IMAGE: "a sound with image",
}

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
            "bytes and refuse it (§1.2, status 111) [bytes]"
        )
    if "€" in text:
        yield "the gateway replaces € by E (§1.3); write 'EUR' if that reads badly [euro]"
    escaped = sorted(set(_ESCAPED.findall(text)))
    if escaped:
        yield (
            f"{' '.join(escaped)} must be escaped in XML, and whether the gateway undoes it is "
            "not documented (§1.2); people may read '&amp;' and the like [markup]"
        )
    beyond = _BEYOND_BMP.search(text)
    if beyond:
        yield (
            f"U+{ord(beyond[0]):04X} (an emoji or a rare character) may be lost or cut the message "
            "(§1.3 says nothing of it) [rare-character]"
        )
    placeholder = _OTHER_PLACEHOLDER.search(text)
    if placeholder:
        yield (
            f"{placeholder[0]!r} is sent as it stands; a column is written with two braces: "
            "{{ column }} [placeholder]"
        )


def columns_of(text: str, field: str = "message") -> frozenset[str]:
    """Name the columns that a campaign's field needs; none when every row gets the same text.

    Raises
    ------
    CampaignError
        The text looks like a template and is not one.
    """
    if not template.is_template(text):
        return frozenset()
    try:
        return template.parse(text).columns
    except template.TemplateProblem as problem:
        raise CampaignError(f"campaign.{field}: {problem}.") from None


def unencodable(text: str, encoding: str) -> str:
    """Return the first character that an encoding lacks; empty if it has them all."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError as error:
        return text[error.start]
    return ""
