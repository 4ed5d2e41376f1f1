"""An answer shows what its bytes show: no more, whatever was done to them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsbatch.errors import UnreadableAnswer
from mmsbatch.gateway.wire import MAX_ANSWER_BYTES, Answer, canonical_echo, decode_answer

SAMPLE = """\
Status=100
StatusText=Le message a été envoyé
Credits=416
UnvalidNums=0400000000|06XXzsqsd
CampaignID=hbhnvirbvc
IDs=<RECOVERIDS><CUSTOMER><MOBILEPHONE>0600000000</MOBILEPHONE></CUSTOMER><CUSTOMER>\
<MOBILEPHONE>0611111111</MOBILEPHONE></CUSTOMER></RECOVERIDS>
"""

IDS = SAMPLE.partition("IDs=")[2].strip()

READ = Answer(
    status=100,
    text="Le message a été envoyé",
    credits=Decimal(416),
    refused=("0400000000", "06XXzsqsd"),
    campaign_id="hbhnvirbvc",
    ids=(IDS,),
)
CONTACTED = (("0600000000", None), ("0611111111", None))

LINES = SAMPLE.splitlines()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(SAMPLE.encode(), id="as printed"),
        pytest.param(SAMPLE.encode("latin-1"), id="Latin-1"),
        pytest.param(SAMPLE.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(SAMPLE.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(SAMPLE.replace("\n", "\r").encode(), id="CR"),
        pytest.param(SAMPLE.replace("\n", "<br>").encode(), id="br"),
        pytest.param(SAMPLE.replace("\n", "<BR />\r\n").encode(), id="BR and CRLF"),
        pytest.param(SAMPLE.replace("\n", " \n\n").encode(), id="blank lines"),
        pytest.param(SAMPLE.rstrip("\n").encode(), id="no final newline"),
        pytest.param(SAMPLE.replace("><", ">\n <").encode(), id="wrapped IDs"),
        pytest.param(SAMPLE.replace("=", " = ", 3).encode(), id="blanks around ="),
        pytest.param("\n".join(reversed(LINES)).encode(), id="keys reversed"),
        pytest.param((SAMPLE + SAMPLE.splitlines()[0]).encode(), id="status repeated"),
        pytest.param(
            b"<br />\n<b>Warning</b>: mysql in <b>/x.php</b> on line <b>3</b><br />\n"
            + SAMPLE.encode(),
            id="PHP warning before",
        ),
    ],
)
def test_the_same_answer_is_read_whatever_its_form(body: bytes) -> None:
    """Line ends, charsets, order and junk change nothing of what an answer says."""
    answer = decode_answer(body)
    assert replace(READ, ids=answer.ids) == answer
    assert CONTACTED == answer.contacted


@pytest.mark.parametrize("missing", ["StatusText", "Credits", "UnvalidNums", "CampaignID", "IDs"])
def test_a_missing_key_is_missing_and_nothing_else(missing: str) -> None:
    """Every key but the status may be absent."""
    empty = {"StatusText": "", "UnvalidNums": (), "IDs": ()}
    names = {
        "StatusText": "text",
        "Credits": "credits",
        "UnvalidNums": "refused",
        "CampaignID": "campaign_id",
        "IDs": "ids",
    }
    body = "\n".join(line for line in LINES if not line.startswith(missing)).encode()
    expected = {**READ.__dict__, names[missing]: empty.get(missing)}
    assert decode_answer(body).__dict__ == expected


def test_a_cut_anywhere_shows_only_whole_things() -> None:
    """Cut at each byte, an answer names no number and no status that it does not show whole."""
    body = SAMPLE.encode()
    whole_at = [body.index(b"0600000000"), body.index(b"0611111111")]
    for end in range(len(body)):
        if end < len("Status=100"):
            with pytest.raises(UnreadableAnswer):
                decode_answer(body[:end])
            continue
        answer = decode_answer(body[:end])
        closed = [body.index(b"</CUSTOMER>", at) + len(b"</CUSTOMER>") for at in whole_at]
        shown = CONTACTED[: sum(end >= at for at in closed)]
        assert answer.status == 100
        assert answer.contacted == shown
        assert set(answer.refused) <= {*READ.refused, *_prefixes("06XXzsqsd", "0400000000")}


def _prefixes(*words: str) -> set[str]:
    return {word[:end] for word in words for end in range(1, len(word))}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no readable Status"),
        (b"Status=", "no readable Status"),
        (b"Status=10", "no readable Status"),
        (b"Status=1000\n", "no readable Status"),
        (b"Status=1OO\n", "no readable Status"),
        ("Status=١٠٠\n".encode(), "no readable Status"),
        (b"XStatus=100\n", "no readable Status"),
        (b"<html>it says Status=100</html>", "no readable Status"),
        (b"Status=100\nStatus=102\n", "several statuses: [100, 102]"),
        (b"Status=100\n" + b" " * MAX_ANSWER_BYTES, "more than 1048576 bytes"),
    ],
)
def test_what_has_no_clear_status_is_no_answer(body: bytes, why: str) -> None:
    """A status is three ASCII digits alone behind its key, and says one thing."""
    with pytest.raises(UnreadableAnswer) as raised:
        decode_answer(body)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    "ids",
    [
        (
            '<!DOCTYPE x [<!ENTITY n "0639980001">]><RECOVERIDS><CUSTOMER><MOBILEPHONE>&n;'
            "</MOBILEPHONE></CUSTOMER></RECOVERIDS>"
        ),
        (
            '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x"><RECOVERIDS><CUSTOMER><MOBILEPHONE>0639980001'
            "</MOBILEPHONE></CUSTOMER></RECOVERIDS>"
        ),
        "<RECOVERIDS><CUSTOMER><MOBILEPHONE>&nope;0639980001</MOBILEPHONE></CUSTOMER></RECOVERIDS>",
        "0639980001|0639980002",
    ],
)
def test_ids_that_are_not_plain_xml_name_nobody(ids: str) -> None:
    """Entities and document types are not believed, and fetch nothing."""
    assert decode_answer(f"Status=100\nIDs={ids}\n".encode()).contacted == ()


@pytest.mark.parametrize("tag", ["ID", "SMSID", "MmsId"])
def test_an_id_is_taken_where_there_is_one(tag: str) -> None:
    """The document promises IDs and shows none, so any child that calls itself one is one."""
    number = "<MOBILEPHONE>33639980001</MOBILEPHONE>"
    ids = f"<RECOVERIDS><CUSTOMER><{tag}> a1 </{tag}>{number}</CUSTOMER>"
    assert decode_answer(f"Status=100\nIDs={ids}".encode()).contacted == (("33639980001", "a1"),)


@given(
    st.lists(
        st.tuples(
            st.text("0123456789+", min_size=1, max_size=12),
            st.sampled_from(["", "ID", "SMSID"]),
            st.text("aZ09_-", max_size=6),
        ),
        max_size=6,
    ),
    st.integers(min_value=0),
)
def test_ids_in_their_usual_form_are_read_as_any_parser_does(
    customers: list[tuple[str, str, str]], cut: int
) -> None:
    """Whole or cut anywhere; an attribute, which changes nothing, is not the usual form."""
    ids = "".join(
        f"<CUSTOMER><MOBILEPHONE>{number}</MOBILEPHONE>"
        + (f"<{tag}>{given_id}</{tag}>" if tag else "")
        + "</CUSTOMER>"
        for number, tag, given_id in customers
    )
    kept = ids[: len(ids) - cut % (len(ids) + 1)]
    usual = decode_answer(f"Status=100\nIDs=<RECOVERIDS>{kept}".encode())
    other = decode_answer(f'Status=100\nIDs=<RECOVERIDS form="other">{kept}'.encode())
    assert usual.contacted == other.contacted


def test_credit_figures_are_read_out_of_status_104() -> None:
    """Status 104 says in its text what a request costs: the only place that does."""
    text = "Crédit insuffisant. A utiliser: 200 Crédits, Disponibles: 12,5 Crédits."
    answer = decode_answer(f"Status=104\nStatusText={text}\n".encode())
    assert (answer.needed, answer.available) == (Decimal(200), Decimal("12.5"))


@pytest.mark.parametrize(
    ("echo", "canonical"),
    [
        ("0639980001", "+33639980001"),
        ("33639980001", "+33639980001"),
        (" +33639980001 ", "+33639980001"),
        ("0739980001", "+33739980001"),
        ("639980001", None),
        ("00639980001", None),
        ("100639980001", None),
        ("0139980001", None),
        ("063998000", None),
        ("٠٦39980001", None),
        ("", None),
    ],
)
def test_an_echo_is_recognised_whole_or_not_at_all(echo: str, canonical: str | None) -> None:
    """Forms are compared exactly, never by a suffix."""
    assert canonical_echo(echo) == canonical


@given(st.binary(max_size=400) | st.text(max_size=300).map(lambda text: text.encode("utf-8")))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    """Any bytes give an answer or the reader's own error."""
    for junk in (body, b"Status=100\nIDs=" + body, b"Status=100\nCredits=" + body):
        with contextlib.suppress(UnreadableAnswer):
            assert isinstance(decode_answer(junk), Answer)
