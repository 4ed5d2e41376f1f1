"""What a cell of a phone column means: number, problem, repairs, detail (§1.4)."""

from __future__ import annotations

import pandas as pd
import pytest

from mmsbatch.phones.in_text import mask
from mmsbatch.phones.numbering import numbering, sequences
from mmsbatch.phones.problems import PROBLEMS, REPAIRS
from mmsbatch.planning.prepare import prepare

MOBILE = "+33612345678"


def verdict(cell: object, *, fictional: bool = False) -> tuple[str, str, str, str]:
    """E.164, problem, repairs and detail of one cell, "" for missing."""
    frame = pd.DataFrame({"mobile": pd.Series([cell], dtype=object)})
    row = prepare(frame, phone="mobile", fictional=fictional).iloc[0]
    number, problem, repair, detail = (
        "" if pd.isna(row[name]) else str(row[name])
        for name in ("mms_e164", "mms_problem", "mms_repair", "mms_detail")
    )
    return number, problem, repair, detail


@pytest.mark.parametrize(
    "cell",
    [
        "0612345678",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "06-12-34-56-78",
        "06/12/34/56/78",
        "06\u00a012\u00a034\u00a056\u00a078",
        "06\u202f12\u202f34\u202f56\u202f78",
        "\u200e06 12 34 56 78\u202c",
        "06\u200b12345678",
        "33.6.12\uff0e34\uff0e56\uff0e78",
        "06\u201112\u201134\u201156\u201178",
        "(06) 12 34 56 78",
        "+33612345678",
        "+33 6 12 34 56 78",
        "+33 (0)6 12 34 56 78",
        "(+33) 6 12 34 56 78",
        "0033 6 12 34 56 78",
        "0033(0)612345678",
        "33612345678",
        "tel:+33-6-12-34-56-78",
        "tel:0612345678;phone-context=+33",
        "'0612345678",
        '="0612345678"',
        '"06 12 34 56 78"',
        " 0612345678\r\n",
        33612345678,
        b"0612345678",
    ],
)
def test_notations_of_one_number(cell: object) -> None:
    """All of these are the same number, and nothing had to be repaired."""
    assert verdict(cell) == (MOBILE, "", "", "")


@pytest.mark.parametrize(
    ("cell", "repair"),
    [
        ("612345678", "leading_zero_restored"),
        (612345678, "leading_zero_restored"),
        ("6 12 34 56 78", "leading_zero_restored"),
        ("612345678.0", "leading_zero_restored,float_suffix_removed"),
        ("612345678,00", "leading_zero_restored,float_suffix_removed"),
        (612345678.0, "leading_zero_restored,float_suffix_removed"),
        (33612345678.0, "float_suffix_removed"),
        ("0612345678.0", "float_suffix_removed"),
        ("+33612345678.0", "float_suffix_removed"),
        ("6.12345678E+08", "leading_zero_restored,exponent_expanded"),
        ("3,3612345678e10", "exponent_expanded"),
        ("O6 12 34 56 78", "letter_o_read_as_zero"),
        ("+33 (o)6 12 34 56 78", "letter_o_read_as_zero"),
        ("０６１２３４５６７８", "other_digits_read"),
        ("٠٦١٢٣٤٥٦٧٨", "other_digits_read"),
        ("tél : 06 12 34 56 78", "label_removed"),
        ("Port. 0612345678", "label_removed"),
        ("0612345678 (perso)", "label_removed"),
        ("Mobile : O6 12 34 56 78", "letter_o_read_as_zero,label_removed"),
    ],
)
def test_a_repair_is_named(cell: object, repair: str) -> None:
    """What was done to read the number is told, in a fixed order."""
    assert (MOBILE, "", repair, "") == verdict(cell)


@pytest.mark.parametrize(
    ("problem", "cell"),
    [
        *(("missing", cell) for cell in (None, float("nan"), pd.NA, pd.NaT, "", "  ", "\u200b")),
        *(("missing", cell) for cell in ("-", "N/A", "#N/A", "nan", "Inconnu", "?", "tél :")),
        *(
            ("malformed", cell)
            for cell in ("x", "061234567", "06123456789", "12/06/1995", "+33012345678")
        ),
        *(("malformed", cell) for cell in (True, ["0612345678"], {"a": 1}, 1.5, float("inf"))),
        *(("malformed", cell) for cell in (10**40, -612345678, "-612345678", "61234567.8")),
        *(("malformed", cell) for cell in ("061234567.0", "061234567,0", "61234567.0")),
        *(("malformed", cell) for cell in ("06 12 34 56 78 90", "06,12,34,56,78")),
        *(("malformed", cell) for cell in ("ne pas appeler 0612345678", "0612345678 ou fax")),
        *(("malformed", cell) for cell in ("jean@example.com", "06\x0012345678", "\ud8001")),
        *(("several_numbers", f"0612345678{part}0698765432") for part in (" / ", ";", " ", "\n")),
        *(("several_numbers", f"0612345678{part}0698765432") for part in (" ou ", " - ", "")),
        ("several_numbers", "+33612345678,+33698765432"),
        ("several_numbers", "612345678 / 698765432"),
        ("several_numbers", "06 12 34 56 78 (bureau 01 23 45 67 89)"),
        *(("digits_lost", cell) for cell in ("6,12346E+08", "6.12E+8", "3,36E+10", "####")),
        *(("landline", cell) for cell in ("0123456789", "+33 5 61 23 45 67", "0912345678")),
        *(
            ("premium", cell)
            for cell in ("0892123456", "0800123456", "0806123456", "3949", "118218")
        ),
        *(("m2m", cell) for cell in ("07001234567890", "+337001234567890", "0700123456")),
        *(("range_not_open", cell) for cell in ("0712345678", "0704123456", "+33720000000")),
        ("fictional", "06 39 98 12 34"),
    ],
)
def test_a_problem_is_named(problem: str, cell: object) -> None:
    """A cell that cannot be sent to says why, and has no number, repair or detail."""
    assert ("", problem, "", "") == verdict(cell)


@pytest.mark.parametrize(
    ("cell", "territory"),
    [
        ("0692123456", "Réunion"),
        ("+262 692 12 34 56", "Réunion"),
        ("00262692123456", "Réunion"),
        ("262692123456", "Réunion"),
        ("0639123456", "Mayotte"),
        ("+262639123456", "Mayotte"),
        ("+262000", "Réunion or Mayotte"),
        ("0690123456", "Guadeloupe, Saint Barthélemy or Saint Martin"),
        ("0694123456", "French Guiana"),
        ("0696123456", "Martinique"),
        ("0590201234", "Guadeloupe"),
        ("0262161234", "Réunion"),
        ("+508551234", "Saint Pierre and Miquelon"),
        ("+687751234", "New Caledonia"),
        ("+68987123456", "French Polynesia"),
        ("+681821234", "Wallis and Futuna"),
    ],
)
def test_overseas_names_the_territory(cell: str, territory: str) -> None:
    """French, and not served by the gateway."""
    assert ("", "overseas", "", territory) == verdict(cell)


@pytest.mark.parametrize(
    ("cell", "country"),
    [
        ("+44 7911 123456", "United Kingdom"),
        ("0044 7911 123456", "United Kingdom"),
        ("+44 7781 123456", "Guernsey"),
        ("+1 514 555 0123", "Canada"),
        ("+1 212 555 0123", "United States"),
        ("+32 470 12 34 56", "Belgium"),
        ("+41 (0)79 123 45 67", "Switzerland"),
        ("+800 1234 5678", "+800"),
        ("0050012345", "Falkland Islands"),
    ],
)
def test_foreign_names_the_country(cell: str, country: str) -> None:
    """The country comes from the calling code, and from the digits after it where it is shared."""
    assert ("", "foreign", "", country) == verdict(cell)


def test_fiction_can_be_sent_when_asked_for() -> None:
    """06 39 98 is sendable on the sandbox gateway only, and Mayotte's 06 39 stays overseas."""
    assert verdict("06 39 98 12 34", fictional=True) == ("+33639981234", "", "", "")
    assert verdict("06 39 12 34 56", fictional=True) == ("", "overseas", "", "Mayotte")


def test_every_word_is_documented() -> None:
    """Each problem and repair has a meaning; each problem says what to do."""
    assert all(meaning and what_to_do for meaning, what_to_do in PROBLEMS.values())
    assert all(REPAIRS.values())


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("6(?:1|[2-4])", [((6,), (1,)), ((6,), (2, 3, 4))]),
        (r"7\d", [((7,), tuple(range(10)))]),
        ("1{1,2}", [((1,),), ((1,), (1,))]),
        ("(?:1|2)3?", [((1,),), ((2,),), ((1,), (3,)), ((2,), (3,))]),
    ],
)
def test_metadata_patterns_are_written_out(pattern: str, expected: object) -> None:
    """A pattern becomes the digit sets of every number it accepts."""
    assert expected == sorted(sequences(pattern), key=lambda found: (len(found), found))


@pytest.mark.parametrize("pattern", ["6.", "(6)", "6+", "6(?:1", "6)"])
def test_an_unknown_pattern_is_refused(pattern: str) -> None:
    """Metadata in a notation of tomorrow is an error, not another rule."""
    with pytest.raises(ValueError, match="cannot read the phonenumbers pattern"):
        sequences(pattern)


def test_the_tables_are_read_only() -> None:
    """The plan is shared by every column of the process."""
    with pytest.raises(ValueError, match="read-only"):
        numbering().problem[0] = 0


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("6,3998E+08", "6,••••E+08"),
        ("6.39981234E+08", "6.3998••••E+08"),
        (" 3,36E+10", " 3,••E+10"),
        ("06 39 98 12 34", "06 39 98 •• ••"),
        ("+33639981234", "+3363998••••"),
        ("0639981234 / 0639985678", "063998•••• / 063998••••"),
        ("0639981234 0639985678", "063998•••• ••••••••••"),
        ("tél 06-39-98-12-34 (Jean)", "tél 06-39-98-••-•• (Jean)"),
        ("1234", "••••"),
        ("٠٦٣٩٩٨١٢٣٤", "٠٦٣٩٩٨••••"),
        ("x" * 50, "x" * 39 + "…"),
    ],
)
def test_masks_hide_the_end_of_every_run_of_digits(text: str, masked: str) -> None:
    """No report holds a whole number, whatever the cell holds beside it."""
    assert masked == mask(text)
