"""Text as the gateway counts it and XML carries it. Pure. Source: §1.3."""

from __future__ import annotations

import re
import unicodedata

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
