"""Phone verdicts against phonenumbers, the rule (§1.4): the same, or a listed difference."""

from __future__ import annotations

import random
import re
from typing import Any

import pandas as pd
import phonenumbers
import pytest
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType

from mmsbatch.phones.numbering import numbering
from mmsbatch.planning.prepare import prepare
from phone_differences import DIFFERENCES, Difference


def theirs(text: str) -> str:
    """E.164 of the French mobile that phonenumbers finds in a text, or ""."""
    try:
        number = phonenumbers.parse(text, "FR")
    except NumberParseException:
        return ""
    if (
        number.country_code != 33
        or not phonenumbers.is_valid_number(number)
        or phonenumbers.number_type(number) != PhoneNumberType.MOBILE
    ):
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def ours(texts: list[str]) -> list[str]:
    """Sendable E.164 of each text, or "". Each stands alone: duplicates do not matter."""
    prepared = prepare(pd.DataFrame({"mobile": pd.Series(texts, dtype="str")}), phone="mobile")
    kept = prepared["mms_problem"].isna() | (prepared["mms_problem"] == "duplicate")
    return prepared["mms_e164"].where(kept, "").tolist()


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda found: f"{found.name}: {found.text}")
def test_a_listed_difference_is_one(difference: Difference) -> None:
    """Each line of the table says what both sides really do."""
    _, text, expected_theirs, expected_ours, _ = difference
    row = prepare(pd.DataFrame({"mobile": [text]}), phone="mobile").iloc[0]
    found = row["mms_e164"] if pd.isna(row["mms_problem"]) else row["mms_problem"]
    assert (expected_theirs, expected_ours) == (theirs(text), found)


# ----- a grammar of notations ---------------------------------------------------------------------

SEPARATORS = ["", "", " ", "  ", ".", "-", "/", "(", ")", " - ", ". ", "[", "]", "*"]
RARE_SEPARATORS = [*"\u00a0\u200b\u2011\u2013\u2212\u00ad\u3000\u2060\uff0f\uff0e"]
OTHER_SEPARATORS = ["\u202f", "\u200e", "\u2066", "_", "'", "\t", "\n", ",", ":", ";", "~", "x"]
PREFIXES = [
    *("0", "0", "0", "+33", "0033", "33", "", "", "+33(0)", "+33 (0) ", "0033 (0)", "(0)", "+330"),
    *("tel:+33", "tel:0", "(+33)", "+33 0", "++33", "+00 33", "+ 33", "00 33 ", "\uff0b33", "330"),
    *("33 0", "33(0)", "0 ", "00", "+", "(0033)", "+33-(0)-", "+ (33) ", "+33+33", "0 0", "003"),
    *("+44", "+32 ", "0044", "+262", "+1"),
]
BEFORE = [
    *("", "", "", "", "", " ", "'", "=", "tél : ", "Mobile: ", "port. ", "(", "* ", "#", "- "),
    *("\U0001f4f1", "\ufeff", "<", "+", "M. ", "n° ", "06 "),
]
AFTER = [
    *("", "", "", "", "", "", " ", "'", '"', ".", ")", ";", " ,", "!", "-", "\u202c", ">", "/"),
    *(" (perso)", " M", " ext 2", ".0", ",0", " #12", " ou 0612345678", "O", "\u0660"),
]
STARTS = [
    *("6", "7", "6", "7", "73", "63998", "69", "639", "70", "700", "63", "1", "8", "9", "5", "0"),
]
OTHER_DIGITS = (0xFF10, 0x0660, 0x0966, 0x1D7CE)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  (no secret: the same notations on every run)


def notation(choose: random.Random) -> str:
    """One way or another of writing a number, right or wrong."""
    length = choose.choice([9] * 14 + [8, 10, 13, 6])
    number = (choose.choice(STARTS) + "".join(choose.choices("0123456789", k=14)))[:length]
    pool = choose.choices([SEPARATORS, RARE_SEPARATORS, OTHER_SEPARATORS], [20, 3, 2])[0]
    separator = choose.choice(pool)
    style = choose.randrange(4)
    if style == 0:
        body = number
    elif style == 1:
        pairs = [number[at : at + 2] for at in range(1, length, 2)]
        body = separator.join([number[0], *pairs])
    elif style == 2:
        body = separator.join(number[at : at + 3] for at in range(0, length, 3))
    else:
        body = "".join(
            char + (choose.choice(pool) if choose.random() < 0.15 else "") for char in number
        )
    if choose.random() < 0.05:
        zero = choose.choice(OTHER_DIGITS)
        body = "".join(chr(zero + int(char)) if char in "0123456789" else char for char in body)
    gap = choose.choice(["", "", "", " ", ".", "-"])
    return choose.choice(BEFORE) + choose.choice(PREFIXES) + gap + body + choose.choice(AFTER)


POINT_ZERO = re.compile(r"[.,\uff0e][0\u0660]+$")
INVISIBLE = re.compile(r"[\t\n\u202f\u200e\u2066\u202c\ufeff]")


def listed(text: str, expected: str, found: str) -> bool:
    """Return whether a disagreement is of a listed kind, told by other means than the code's."""
    letters = re.sub(r"(?i)t[ée]l|mobile|port|perso|ext|n°", "", text)
    if expected and not found:
        return bool(
            re.search(r"[^\W\d_]", letters)  # another word
            or re.search(r"ext|perso|#|[,;~]\W*\d+\W*$", text)  # extension, letters of the keypad
            or len(re.findall(r"\d[.\uff0e](?=\d)", text)) == 1  # decimal figure
            or POINT_ZERO.search(text)  # decimal figure, its point beside a bracket
            or re.match(r"\W*-\W*\d", text)  # minus
        )
    if found and not expected:
        return bool(
            INVISIBLE.search(text)
            or re.search(r"[_'\"=]", text)  # text marks
            or "perso" in text  # label after
            or POINT_ZERO.search(text)  # float suffix
            or "O" in text  # letter O
            or " ou " in text  # one mobile of several numbers
        )
    return False


def disagreements(texts: list[str]) -> list[tuple[str, str, str]]:
    return [
        (text, expected, found)
        for text, expected, found in zip(texts, map(theirs, texts), ours(texts), strict=True)
        if expected != found and not listed(text, expected, found)
    ]


def test_verdicts_agree_on_generated_notations() -> None:
    """30,000 notations: the same number, or a difference of a listed kind."""
    choose = seeded(20260101)
    assert disagreements([notation(choose) for _ in range(30_000)]) == []


@pytest.mark.full
def test_verdicts_agree_on_many_generated_notations() -> None:
    """200,000 more notations."""
    choose = seeded(20260102)
    assert disagreements([notation(choose) for _ in range(200_000)]) == []


def test_the_grammar_writes_enough_that_can_be_sent() -> None:
    """The comparison would be idle if nearly everything were refused."""
    choose = seeded(20260101)
    found = ours([notation(choose) for _ in range(30_000)])
    assert sum(map(bool, found)) > 3_000


# ----- the metadata -------------------------------------------------------------------------------


def test_every_boundary_of_the_french_metadata_agrees() -> None:
    """Both sides of every place where the plan changes, and of every hundredth prefix."""
    assert numbering().depth == 5
    change = [
        f"{prefix:05d}"
        for prefix in range(10_000, 100_000)
        if numbering().problem[prefix] != numbering().problem[prefix - 1] or prefix % 100 in (0, 99)
    ]
    texts = [f"0{prefix}{tail}" for prefix in change for tail in ("0000", "9999")]
    before = [f"0{int(prefix) - 1:05d}9999" for prefix in change]
    assert disagreements(texts + before) == []


@pytest.mark.full
def test_every_prefix_of_the_plan_agrees() -> None:
    """All 90,000 five-digit prefixes."""
    assert disagreements([f"0{prefix:05d}4321" for prefix in range(10_000, 100_000)]) == []


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_example_number_agrees(region: str) -> None:
    """The example of every type of number of every country, in three notations."""
    metadata: Any = PhoneMetadata.metadata_for_region(region)
    kinds = "fixed_line mobile premium_rate toll_free shared_cost voip personal_number pager uan"
    texts = []
    for kind in kinds.split():
        description = getattr(metadata, kind)
        if description is not None and description.example_number:
            example = description.example_number
            code = metadata.country_code
            texts += [f"+{code}{example}", f"00{code} {example}", f"0{example}", example]
    assert disagreements(texts) == []
