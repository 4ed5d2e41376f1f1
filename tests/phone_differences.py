"""Where a verdict differs from the ``phonenumbers`` package, and why. Pure; a table, asserted.

For every other text, a row can be sent exactly when ``phonenumbers``, asked for region FR, finds a
valid French mobile without an extension, and the number is the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Difference(NamedTuple):
    """One deliberate difference, with a text that shows it."""

    name: str
    text: str
    theirs: str
    """What ``phonenumbers`` makes of it: E.164, or ``""`` for anything but a French mobile."""
    ours: str
    """E.164, or the problem."""
    why: str


_NUMBER = "+33612345678"

DIFFERENCES: Final = (
    Difference(
        "another word",
        "ne pas appeler 0612345678",
        _NUMBER,
        "malformed",
        "a word beside the number may forbid the very message: only words that name a phone go",
    ),
    Difference("another word", "06 12 34 56 78 M", _NUMBER, "malformed", "as above, after it"),
    Difference(
        "letters of the keypad",
        "06 1234 5TEL",
        "+33612345835",
        "malformed",
        "in an export, letters are a note or damage, never a number spelt as a word",
    ),
    Difference(
        "extension",
        "06 12 34 56 78 #12",
        _NUMBER,
        "malformed",
        "a mobile has no extension: it is a second number or a note",
    ),
    Difference(
        "decimal figure",
        "61234567.8",
        _NUMBER,
        "malformed",
        "a figure with a point and no 0 in front: not a phone, or one that lost digits",
    ),
    Difference(
        "decimal figure",
        "061234567.0",
        "+33612345670",
        "malformed",
        "the last 0 was added by a spreadsheet, so that a digit is missing",
    ),
    Difference(
        "minus",
        "-612345678",
        _NUMBER,
        "malformed",
        "a negative figure, as a formula leaves it, is not certainly a phone",
    ),
    Difference(
        "float suffix",
        "612345678.0",
        "",
        _NUMBER,
        "what an integer column becomes when one cell is empty; every digit is there",
    ),
    Difference(
        "scientific notation",
        "6.12345678E+08",
        "",
        _NUMBER,
        "every digit is there; with fewer of them the problem is digits_lost",
    ),
    Difference("letter O", "06 12 34 56 7O", "", "+33612345670", "no other reading exists"),
    Difference(
        "label after",
        "06 12 34 56 78 (perso)",
        "",
        _NUMBER,
        "says what the number is; phonenumbers skips words before a number only",
    ),
    Difference(
        "spaces and marks",
        "06\u202f12\u202f34\u202f56\u202f78\u200e",
        "",
        _NUMBER,
        "narrow spaces, tabs, line ends, directional marks: nobody sees them",
    ),
    Difference(
        "text marks",
        "06_12_34_56_78",
        "",
        _NUMBER,
        "underscores, quotes and apostrophes between digits have no other reading",
    ),
    Difference(
        "fiction",
        "06 39 98 12 34",
        "",
        "fictional",
        "reserved by ARCEP; sendable with fictional=True, for the sandbox gateway",
    ),
    Difference(
        "two numbers",
        "0612345678 / 0698765432",
        "",
        "several_numbers",
        "not sendable for either; named, because such cells are frequent",
    ),
    Difference(
        "one mobile of several numbers",
        "06 12 34 56 78 / 01 23 45 67 89",
        "",
        _NUMBER,
        "the other is a landline or a number abroad, which an MMS cannot be meant for",
    ),
    Difference(
        "one number twice",
        "0612345678;06 12 34 56 78",
        "",
        _NUMBER,
        "both are the same",
    ),
    Difference(
        "a remark in brackets",
        "06 12 34 56 78 (Marie)",
        "",
        "malformed",
        "not sendable for either: a name, or a word that forbids the message, look the same",
    ),
    Difference(
        "groups of thousands",
        "612,345,678",
        "",
        _NUMBER,
        "how an English spreadsheet writes a whole number; every digit is there",
    ),
    Difference(
        "overseas as 06 9x",
        "06 92 12 34 56",
        "",
        "overseas",
        "not sendable for either; the territory is named",
    ),
    Difference("0700", "07 00 12 34 56", "", "m2m", "not sendable for either; named"),
)
