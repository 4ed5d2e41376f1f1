"""The few cells that bytes alone do not settle: words, two numbers, scientific notation. Pure.

Each is looked at by itself, once per distinct text: either its problem is clear, or it is written
more simply and read again.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple

from mmsbatch.phones.notation import BLANK, ascii_table
from mmsbatch.phones.problems import REPAIR_BIT

MISSING_WORDS: Final = frozenset(
    (
        *(
            "nan",
            "none",
            "null",
            "nil",
            "nat",
            "<na>",
            "n/a",
            "na",
            "n.a.",
            "nc",
            "n.c.",
            "nd",
            "n.d.",
        ),
        *("#n/a", "#na", "#null!", "#ref!", "#value!", "#valeur!"),  # errors of spreadsheets
        *("neant", "néant", "vide", "aucun", "inconnu", "unknown", "empty", "missing"),
        *("non renseigné", "non renseigne", "non communiqué", "non communique", "sans objet"),
        *("pas de numéro", "pas de numero", "aucun numéro", "aucun numero"),
    )
)
"""Texts that say that there is no number, in small letters."""

LABELS: Final = (
    *("téléphone", "telephone", "phone", "tél", "tel", "mobile", "mob", "portable", "port"),
    *("gsm", "cellulaire", "cell", "sms", "mms", "whatsapp", "callto"),
    *("numéro", "numero", "num", "n°", "no", "perso", "personnel", "pro", "professionnel"),
)
"""Words that say what the number is, and nothing else about it."""

_LABEL = rf"(?:{'|'.join(sorted(map(re.escape, LABELS), key=len, reverse=True))})"
_BEFORE = re.compile(rf"^[^\w+]*(?:{_LABEL}(?![^\W\d])[^\w+]*)+")
_AFTER = re.compile(rf"(?:[^\w#]*(?<![^\W\d]){_LABEL})+[^\w#]*$")
_LABELS = re.compile(rf"(?<![^\W\d]){_LABEL}(?![^\W\d])")
_JUNK = re.compile(r"^[^\w+]+|[^\w#]+$")
_ALNUM = re.compile(r"[^\W_]")
_LETTER = re.compile(r"[^\W\d_o]")  # o may still be a zero
_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?e\+?([0-9]{1,3})")
_RFC3966 = re.compile(r"tel:([^;]*);phone-context=\+33")
_PLUSES = re.compile(r"^\+[+\s]*(?:00)?")
_STRONG = re.compile(r"[;,|&/\\\n\r\t]|\s(?:ou|et|or|and|puis|sinon|-)\s")
_SEPARATOR = r"[\s.\-/()]*"
_NUMBER = re.compile(
    rf"(?:(?:\+|(?<![0-9])00){_SEPARATOR}[1-9](?:{_SEPARATOR}[0-9]){{8,12}}?"
    rf"|0{_SEPARATOR}[1-9](?:{_SEPARATOR}[0-9]){{8}})(?={_SEPARATOR}(?:[^0-9]|$|\+|0))"
)
_NUMBER_DIGITS: Final = 9


class Simplified(NamedTuple):
    """What became of an odd cell."""

    problem: str | None
    """Its problem, when that is clear."""
    text: str = ""
    """Else the text to read again."""
    repair: int = 0
    """Bits of what was done to it."""


_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3}){2,3}")
"""A whole number as an English spreadsheet groups it: 639,980,012."""


def simplify(text: str) -> Simplified:
    """Find the problem of an odd cell, or write it more simply.

    Words other than ``LABELS`` beside a number are not skipped: "ne pas appeler 06…" is not an
    invitation.
    """
    plain = (text if text.isascii() else text.translate(_to_ascii())).strip().lower()
    if not _ALNUM.search(plain):
        return Simplified("digits_lost" if plain and not plain.strip("#") else "missing")
    if plain in MISSING_WORDS:
        return Simplified("missing")
    if figure := _figure(plain):
        return figure
    if _has_several(plain):
        return Simplified("several_numbers")

    uri = _RFC3966.fullmatch(plain)
    bare = _JUNK.sub("", uri[1] if uri else plain.removeprefix("tel:"))
    simple = _BEFORE.sub("", bare) if bare[:1].isalpha() else bare
    simple = _AFTER.sub("", simple) if simple[-1:].isalpha() else simple
    repair = REPAIR_BIT["label_removed"] if simple != bare else 0
    simple = _PLUSES.sub("+", simple)
    if _LETTER.search(simple):
        return Simplified("malformed")
    return Simplified(None, simple, repair)


def _figure(plain: str) -> Simplified | None:
    """Write out a number that a spreadsheet wrote as a figure: 6.12345678E+08, 612,345,678."""
    if scientific := _SCIENTIFIC.fullmatch(plain):
        return _expanded(scientific)
    if _THOUSANDS.fullmatch(plain):
        return Simplified(None, plain.replace(",", ""))
    return None


def _expanded(scientific: re.Match[str]) -> Simplified:
    """Write 6.12345678E+08 out; with fewer digits than the exponent says, some are gone."""
    digits = scientific[1] + (scientific[2] or "")
    if len(digits) != int(scientific[3]) + 1:
        return Simplified("digits_lost")
    return Simplified(None, digits, REPAIR_BIT["exponent_expanded"])


def _has_several(plain: str) -> bool:
    if len(plain) <= 2 * _NUMBER_DIGITS:
        return False
    parts = [_digits(part) for part in _STRONG.split(plain)]
    if sum(digits >= _NUMBER_DIGITS for digits in parts) > 1:
        return True
    return len(_NUMBER.findall(plain)) > 1


def numbers_in(text: str) -> list[str]:
    """Return the numbers of a cell that holds several; none if anything else is in it.

    A word beside a number may say whose it is, or that it must not be called: then nobody can say
    that the number is meant.
    """
    plain = (text if text.isascii() else text.translate(_to_ascii())).strip().lower()
    pieces = [piece for piece in _STRONG.split(plain) if piece.strip()]
    if sum(_digits(piece) >= _NUMBER_DIGITS for piece in pieces) < 2:  # noqa: PLR2004
        found = list(_NUMBER.finditer(plain))
        gaps = (plain[one.end() : other.start()] for one, other in pairwise(found))
        if not all(re.search(r"\s", gap) for gap in gaps):
            return []  # where to cut is a guess
        numbers = [match[0] for match in found]
        rest = _NUMBER.sub(" ", plain)
    else:
        numbers = [piece for piece in pieces if _digits(piece) >= _NUMBER_DIGITS]
        rest = " ".join(piece for piece in pieces if _digits(piece) < _NUMBER_DIGITS)
    return numbers if not _ALNUM.search(_LABELS.sub("", rest)) else []


def _digits(text: str) -> int:
    return sum(map(str.isdecimal, text))


@cache
def _to_ascii() -> dict[int, str]:
    """What the bytes' table says of digits, spaces and dashes; other characters stay, as é must."""
    return {
        point: "" if byte == BLANK else chr(byte)
        for point, byte in enumerate(ascii_table().tolist())
        if byte == BLANK or byte >= ord(" ")
    }
