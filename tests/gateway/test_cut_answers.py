"""An answer about 200 numbers, cut at every byte: no row is claimed that the bytes do not show.

What the bytes show is read here a second time, by other means and more strictly. Every cut of
every variant::

    uv run pytest --full -s tests/gateway/test_cut_answers.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import pytest

from conftest import fictional, planned
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.outcomes import results
from mmsbatch.runs.states import Request, fold

ROWS: Final = 200
REFUSED: Final = frozenset(fictional(ROWS)[7::40])
"""Five people who opted out; the other 195 are in IDs."""
STEP: Final = 1_511
"""Bytes between the cuts of the quick test; a prime, so that they fall everywhere in an element."""

ACCEPTING: Final = {b"100": "accepted", b"101": "scheduled"}

STATUS: Final = ("Status", "100")
TEXT: Final = ("StatusText", "Le message a été envoyé")
CREDITS: Final = ("Credits", "416")
UNVALID: Final = ("UnvalidNums", "|".join(sorted(f"33{number[1:]}" for number in REFUSED)))
CAMPAIGN: Final = ("CampaignID", "ujybgzyfgd")


def ids(numbers: list[str], *, wrapped: bool = False, with_id: bool = False) -> tuple[str, str]:
    own = "<ID>{0}x</ID>" if with_id else ""
    customer = f"<CUSTOMER>{own}<MOBILEPHONE>{{0}}</MOBILEPHONE></CUSTOMER>"
    customers = [customer.format(number) for number in numbers if number not in REFUSED]
    between = "\n" if wrapped else ""
    return "IDs", f"<RECOVERIDS>{between.join(customers)}</RECOVERIDS>"


NUMBERS: Final = fictional(ROWS)
IDS: Final = ids(NUMBERS)
WHOLE: Final = (STATUS, TEXT, CREDITS, UNVALID, CAMPAIGN, IDS)


def text(*lines: tuple[str, str], end: str = "\n", charset: str = "utf-8") -> bytes:
    return end.join([*(f"{key}={value}" for key, value in lines), ""]).encode(charset)


VARIANTS: Final = {
    "LF": text(*WHOLE),
    "CRLF": text(*WHOLE, end="\r\n"),
    "br": text(*WHOLE, end="<br>"),
    "br and LF": text(*WHOLE, end="<br />\n"),
    "Latin-1": text(*WHOLE, charset="latin-1"),
    "UTF-8 with a mark": text(*WHOLE, charset="utf-8-sig"),
    "blank lines": text(*WHOLE, end="\n\n"),
    "a warning before": b"<br />\n<b>Warning</b>: mysql_connect()<br />\n" + text(*WHOLE),
    "keys backwards": text(*WHOLE[::-1]),
    "keys backwards, CRLF": text(*WHOLE[::-1], end="\r\n"),
    "IDs before UnvalidNums": text(STATUS, IDS, UNVALID, TEXT),
    "IDs over many lines": text(STATUS, TEXT, UNVALID, ids(NUMBERS, wrapped=True)),
    "with an ID each": text(STATUS, UNVALID, ids(NUMBERS, with_id=True)),
    "international echoes": text(STATUS, UNVALID, ids([f"+33{n[1:]}" for n in NUMBERS])),
    "no IDs": text(STATUS, TEXT, CREDITS, UNVALID),
    "no UnvalidNums": text(STATUS, TEXT, IDS),
    "no Status": text(TEXT, CREDITS, UNVALID, IDS),
    "every key twice": text(*WHOLE, *WHOLE),
    "IDs in two halves": text(STATUS, UNVALID, ids(NUMBERS[:100]), ids(NUMBERS[100:])),
    "a second, other Status": text(*WHOLE, ("Status", "102")),
    "another Status first": text(("Status", "102"), *WHOLE),
    "a scheduled send": text(("Status", "101"), *WHOLE[1:]),
    "a refused request": text(("Status", "110"), TEXT, UNVALID, IDS),
}


@lru_cache
def plan() -> Plan:
    return planned(ROWS)


def outcomes(body: bytes) -> Mapping[str, frozenset[str]]:
    """Return the numbers of each outcome after this answer, in national form."""
    at = datetime(2026, 12, 24, tzinfo=UTC)
    facts = [
        Fact(FactKind.SENDING, at, 1, 1),
        Fact(FactKind.ANSWER, at, 1, 1, {"http_status": 200}, body),
    ]
    return _outcomes_of(fold(facts, 1)[1])


@lru_cache  # most cuts show the same as the cut before
def _outcomes_of(request: Request) -> Mapping[str, frozenset[str]]:
    frame = results(plan(), {1: request})
    assert ROWS == len(frame)
    words = frame["mms_outcome"].astype("str")
    return {str(word): frozenset(frame["mobile"][words == word]) for word in set(words)}


_STATUS = re.compile(rb"(?:^|[\n>]|\xef\xbb\xbf)Status=([0-9]{3})(?![0-9])")
_TAKEN = re.compile(
    rb"<CUSTOMER>(?:<ID>[^<]*</ID>)?<MOBILEPHONE>(?:0|\+?33)([67][0-9]{8})</MOBILEPHONE></CUSTOMER>"
)
_REFUSED = re.compile(rb"UnvalidNums=([0-9|]*)")


def shown(body: bytes) -> tuple[set[bytes], set[str], set[str]]:
    """Read off the bytes, strictly: the statuses, the numbers whole in IDs, those refused."""
    echoes = b"|".join(_REFUSED.findall(body)).split(b"|")
    refused = {f"0{echo[2:].decode()}" for echo in echoes if re.fullmatch(rb"33[67][0-9]{8}", echo)}
    taken = {f"0{number.decode()}" for number in _TAKEN.findall(body)}
    return set(_STATUS.findall(body)), taken, refused


def check(body: bytes) -> None:
    """Compare what is claimed with what the bytes show."""
    claimed = outcomes(body)
    statuses, taken, refused = shown(body)
    word = ACCEPTING.get(min(statuses, default=b""))
    if "in_doubt" in claimed:  # caution is always right
        assert {"in_doubt"} == claimed.keys()
        return
    assert 1 == len(statuses)
    if word:
        assert claimed.get(word, frozenset()) <= taken - refused
        assert claimed.get("rejected", frozenset()) <= refused
        assert claimed.keys() <= {word, "rejected", "unreported"}
    else:
        assert {"refused"} == claimed.keys()


def cuts(body: bytes, step: int) -> Iterator[bytes]:
    return (body[:end] for end in range(0, len(body) + 1, step))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_cut_answer_claims_no_more_than_it_shows(variant: str) -> None:
    """At every so many bytes, and at each byte around a line's end."""
    body = VARIANTS[variant]
    for part in cuts(body, STEP):
        check(part)
    for line_end in re.finditer(rb"\n|<br|=|</CUSTOMER><", body[:600]):
        for end in range(line_end.start() - 1, line_end.end() + 2):
            check(body[:end])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_whole_answer_claims_all_that_it_shows(variant: str) -> None:
    """So that the caution above is not bought with blindness."""
    claimed = outcomes(VARIANTS[variant])
    counts = {word: len(numbers) for word, numbers in claimed.items()}
    expected = {
        "no IDs": {"rejected": 5, "unreported": 195},
        "no UnvalidNums": {"accepted": 195, "unreported": 5},
        "no Status": {"in_doubt": 200},
        "a second, other Status": {"in_doubt": 200},
        "another Status first": {"in_doubt": 200},
        "a scheduled send": {"scheduled": 195, "rejected": 5},
        "a refused request": {"refused": 200},
    }.get(variant, {"accepted": 195, "rejected": 5})
    assert expected == counts


@pytest.mark.full
@pytest.mark.parametrize("variant", VARIANTS)
def test_sweep_of_every_cut(variant: str) -> None:
    """Each byte of each variant."""
    for part in cuts(VARIANTS[variant], 1):
        check(part)
