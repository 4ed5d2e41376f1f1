"""The words of ``mms_problem`` and ``mms_repair``: what each means and what to do. Pure.

The gateway takes mobiles of metropolitan France and refuses the rest (§1.4); the words say why a
row is not one, so that a person can act on it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Problem(NamedTuple):
    """Why a row will not be sent."""

    meaning: str
    what_to_do: str


PROBLEMS: Final[dict[str, Problem]] = {
    "missing": Problem(
        "no number: an empty cell or a word such as N/A",
        "ask the contact for a number, or leave the row out",
    ),
    "malformed": Problem(
        "not a phone number, or one with too few or too many digits",
        "correct the cell by hand",
    ),
    "several_numbers": Problem(
        "two mobiles or more in one cell, or unclear ones: no way to know which is meant",
        "put each number in a column of its own, and name both columns as the phone",
    ),
    "digits_lost": Problem(
        "a spreadsheet rounded the number (6,3998E+08) or hid it (####)",
        "export again from the source with the column formatted as text",
    ),
    "foreign": Problem(
        "a number of another country, named in mms_detail; the gateway serves France only",
        "use another channel for these contacts",
    ),
    "landline": Problem(
        "a French number that is not a mobile (01 to 05, 09)",
        "ask the contact for a mobile number",
    ),
    "premium": Problem(
        "a service number: 08, or a short number such as 3900",
        "ask the contact for a mobile number",
    ),
    "overseas": Problem(
        "a number of a French overseas territory, named in mms_detail; the gateway serves "
        "metropolitan France only",
        "use another channel for these contacts",
    ),
    "m2m": Problem(
        "a connected object (0700), not a person's phone",
        "leave the row out",
    ),
    "range_not_open": Problem(
        "begins with 06 or 07, in a range that is not open to mobiles",
        "check the number; if the range has just been opened, upgrade the phonenumbers package",
    ),
    "fictional": Problem(
        "06 39 98 is reserved for fiction and reaches nobody",
        "correct the number; on the sandbox gateway (without --live, or fictional=True in Python) "
        "it can be sent to",
    ),
    "no_consent": Problem(
        "the consent column does not say yes: a no, nothing, or a no in another row of this number",
        "nothing; ask the person, and write the answer into the consent column",
    ),
    "suppressed": Problem(
        "this person must not be written to: the number, or another of the row, is on a "
        "suppression list",
        "nothing; take the number off the list if the person asks for messages again",
    ),
    "duplicate": Problem(
        "this number is in an earlier row, given in mms_duplicate_of",
        "nothing; the earlier row is sent: a run reaches a number once, whatever the text",
    ),
}
"""Every problem that ``prepare`` finds, in the order of its categories."""

SENDABLE: Final = -1
"""Problem code of a row without a problem: the code of a missing category."""
PROBLEM_CODE: Final = {word: code for code, word in enumerate(PROBLEMS)}

REPAIRS: Final[dict[str, str]] = {
    "leading_zero_restored": "nine digits, as a spreadsheet leaves them: 63998••••",
    "float_suffix_removed": "a whole number written as a decimal one: 63998••••.0",
    "exponent_expanded": "scientific notation that kept every digit: 6.3998••••E+08",
    "letter_o_read_as_zero": "the letter O typed for the digit: O6 39 98 •• ••",
    "other_digits_read": "digits of another script or width: ０６３９９８••••",
    "same_number_twice": "one number, written twice in the cell: 063998••••;06 39 98 •• ••",
    "other_number_left_out": "the one French mobile of several numbers: 06 39 98 •• •• / 01 23 …",
    "label_removed": "a word that says what the number is: tél. 06 39 98 •• ••",
}
"""Every repair, in the order in which ``mms_repair`` names them.

The numbers are masked: notebooks and logs show these words, and whoever searches those for a phone
number should find none.
"""

REPAIR_BIT: Final = {word: 1 << place for place, word in enumerate(REPAIRS)}


def repair_words(mask: int) -> str:
    """Write a repair bit mask as ``mms_repair`` does: words in the order of ``REPAIRS``."""
    return ",".join(word for word, bit in REPAIR_BIT.items() if mask & bit)
