"""Every status of the two tables is reached by an honest input, and the first error is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mmsbatch.sandbox import MediaFact, Sandbox, SandboxOptions
from mmsbatch.sandbox.checks import CHECKS
from mmsbatch.spec import ACCOUNT as ACCOUNT_TABLE
from mmsbatch.spec import SENDING
from sandbox_client import ACCOUNT, ONE, THREE, TWO, call, flow, form, numbers_sent, post

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
JPG = "http://www.example.com/noel.jpg"
FILM = "http://www.example.com/noel.3gp"
SONG = "http://www.example.com/noel.mid"


def image(url: str = JPG, **tags: str | None) -> str:
    return flow(MSGCLASS="1", IMAGE=url, **tags)


def block(tag: str, url: str, duration: str | None = "10") -> str:
    length = "" if duration is None else f"<DUREE>{duration}</DUREE>"
    return f"<{tag}><URL>{url}</URL>{length}</{tag}>"


def film(url: str = FILM, duration: str | None = "10") -> str:
    return flow(MSGCLASS="2", raw=block("VIDEO", url, duration))


def song(url: str = SONG, duration: str | None = "10") -> str:
    return flow(MSGCLASS="3", raw=block("SON", url, duration))


def fact(url: str, **values: Any) -> dict[str, Any]:
    return {"media": {url: MediaFact(**values)}}


CASES: list[tuple[int, str, dict[str, Any]]] = [
    (100, flow(), {}),
    (100, image(), {}),
    (100, film(), {}),
    (100, song(), {}),
    (100, flow(MSGCLASS="4", IMAGE=JPG, raw=block("SON", SONG)), {}),
    (100, flow(DATE="2026-06-01 13:59:59"), {}),  # noon UTC is 14:00 in Paris: past, sent at once
    (100, flow(DATE="0001-01-01 00:00:00"), {}),
    (100, flow(MESSAGE="x" * 1000), {}),
    (100, flow(MESSAGE="é" * 1000), {}),
    (100, flow(MESSAGE="\n" * 10 + "x" * 980 + "\n" * 9 + "xx"), {}),  # leading blanks are trimmed
    (100, image(MESSAGE="x" * 100), {}),
    (100, image(JPG.upper().replace("HTTP://WWW", "http://www")), {}),
    (100, image(JPG + "?size=large"), {}),
    (100, image(), fact(JPG, size_bytes=1000 * 1024)),
    (100, film(duration="0"), {}),
    (100, film(duration="1000"), {}),
    (100, flow(IMAGE="not looked at"), {}),
    (100, flow(CAMPAIGN_NAME="x" * 255), {}),
    (100, f"<?xml version='1.0'?>{flow()}", {}),
    (100, flow(MESSAGE=None, raw="<MESSAGE><![CDATA[a < b & c]]></MESSAGE>"), {}),
    (101, flow(DATE="2026-06-01 14:00:01"), {}),
    (102, flow(), {"passcode": "other"}),
    (103, flow(), {"credits": 0}),
    (103, flow(), {"credits": -5}),
    (104, flow(ONE, TWO), {"credits": 1}),
    (105, "", {}),
    (105, " \n", {}),
    (106, "<DATA><CLIENT>DEMO</CLIENT>", {}),
    (106, "<Data></Data>", {}),
    (106, flow().replace("Bonjour", "Tom & Cie"), {}),
    (106, flow().replace("Bonjour", "\x07"), {}),
    (106, f"<!DOCTYPE DATA [<!ENTITY e 'x'>]>{flow()}", {}),
    (106, flow(CAMPAIGN_NAME="x" * 256), {}),
    (107, flow(CLIENT=None), {}),
    (107, flow(CLIENT=""), {}),
    (107, flow(CLIENT="demo"), {}),
    (107, flow(CLIENT=None, Client="DEMO"), {}),
    (108, flow(MSGCLASS=None), {}),
    (108, flow(MSGCLASS=""), {}),
    (108, flow(MSGCLASS=None, MsgClass="0"), {}),
    (109, flow(MSGCLASS="5"), {}),
    (109, flow(MSGCLASS="00"), {}),
    (109, flow(MSGCLASS="4", IMAGE=JPG, raw=block("SON", SONG)), {"class_4": False}),
    (110, flow(MESSAGE=None), {}),
    (110, flow(MESSAGE=" \n "), {}),
    (110, image(MESSAGE=""), {}),
    (110, flow(MSGCLASS="1"), {}),
    (110, image(""), {}),
    (110, flow(MSGCLASS="2"), {}),
    (110, flow(MSGCLASS="2", VIDEO=""), {}),
    (110, flow(MSGCLASS="3"), {}),
    (110, flow(MSGCLASS="4", IMAGE=JPG), {}),
    (111, flow(MESSAGE="x" * 1001), {}),
    (111, flow(MESSAGE="x\n" + "x" * 998), {}),
    (111, flow(MESSAGE=r"x\n" + "x" * 998), {}),
    (111, flow(MESSAGE="é" * 501), {"count_bytes": True}),
    (111, flow(MESSAGE="é" * 501), {"charset": "latin-1"}),
    (111, image(MESSAGE="x" * 101), {}),
    (112, image("http://www.example.com/noel.png"), {}),
    (112, image("http://www.example.com/noel?file=noel.jpg"), {}),
    (112, film("http://www.example.com/noel.mp4"), {}),
    (112, song("http://www.example.com/noel.midi"), {}),
    (113, image("https://www.example.com/noel.jpg"), {}),
    (113, image("http://example.com/noel.jpg"), {}),
    (113, image("http://www.example.com/noel.jpg?a=1&b=2"), {}),
    (113, image("http://www.example.com/no el.jpg"), {}),
    (113, image("http://www.example.com/noël.jpg"), {}),
    (113, image("http://www.[1/noel.jpg"), {}),
    (100, image("http://example.com/noel.jpg"), {"any_host": True}),
    (114, film(), fact(FILM, reachable=False)),
    (114, song(), fact(SONG, downloadable=False)),
    (115, image(), fact(JPG, size_bytes=1000 * 1024 + 1)),
    (115, film(), fact(FILM, size_bytes=600 * 1024 + 1)),
    (115, song(), fact(SONG, size_bytes=600 * 1024 + 1)),
    (115, film(), fact(FILM, size_bytes=299 * 1024 + 1) | {"strict": True}),
    (116, image(), fact(JPG, reachable=False)),
    (117, image(), fact(JPG, downloadable=False)),
    (118, film(""), {}),
    (118, flow(MSGCLASS="3", raw="<SON><DUREE>10</DUREE></SON>"), {}),
    (119, film(duration=None), {}),
    (119, song(duration=""), {}),
    (120, film(duration="1001"), {}),
    (120, film(duration="1.5"), {}),
    (120, film(duration="-1"), {}),
    (120, song(duration="10 s"), {}),
    (121, flow(DATE="01/06/2026"), {}),
    (121, flow(DATE="2026-06-01T15:00:00"), {}),
    (121, flow(DATE="2026-06-01 15:00"), {}),
    (121, flow(DATE="2026-02-30 15:00:00"), {}),
    (121, flow(DATE=""), {}),
    (122, flow().replace("MOBILEPHONE", "MobilePhone"), {}),
    (122, flow(ONE, ""), {}),
    (122, flow("<b>33639980001</b>"), {}),
    (123, flow("0400000000"), {}),
    (123, flow(ONE), {"blacklist": {"0639980001"}}),
    (200, flow(), {"mms_authorised": False}),
    (200, flow(), {"active": False}),
]


@pytest.mark.parametrize(("status", "xml", "options"), CASES)
def test_each_status_is_reached_by_an_honest_request(
    status: int, xml: str, options: dict[str, Any]
) -> None:
    """The request gets this status with the text of §2.2, and only 100 and 101 send anything."""
    with Sandbox(options=SandboxOptions(**options), clock=lambda: NOON) as sandbox:
        reply = post(sandbox, xml)
        delivered = len(sandbox.ledger)

    assert status == reply.status
    assert 200 == reply.http_status
    if status not in (100, 101):
        assert ["Status", "StatusText"] == list(reply.fields)
        assert 0 == delivered
    else:
        assert 1 == delivered
    if status != 104:
        assert SENDING[status].text == reply.fields["StatusText"]


def test_the_cases_cover_the_whole_table() -> None:
    """No status of §2.2 is left without an honest request."""
    assert set(SENDING) == {status for status, _, _ in CASES}


def test_104_says_both_figures() -> None:
    """The text of 104 tells what the request costs and what there is (§2.2)."""
    options = SandboxOptions(credits=5, cost_per_recipient=3)
    with Sandbox(options=options) as sandbox:
        reply = post(sandbox, flow(ONE, TWO))

        assert (
            "Crédit insuffisant pour traiter cet envoi. A utiliser: 6 Crédits, Disponibles: 5 "
            "Crédits. Veuillez recréditer votre compte sur AllMySMS.com"
        ) == reply.fields["StatusText"]
        assert 5 == sandbox.credits


# One defect per check, each leaving the checks before it in peace; applied from last to first,
# the answer must move up through the order of the checks.
DEFECTS: list[tuple[int, dict[str, str], dict[str, Any]]] = [
    (104, {}, {"credits": 1, "cost_per_recipient": 2}),
    (123, {"number": "0400000000"}, {}),
    (122, {"number": ""}, {}),
    (121, {"date": "demain"}, {}),
    (120, {"duration": "1001"}, {}),
    (119, {"duration": ""}, {}),
    (115, {}, {"fact": {"size_bytes": 10**9}}),
    (114, {}, {"fact": {"size_bytes": 10**9, "downloadable": False}}),
    (112, {"url": "http://www.example.com/noel.mp4"}, {}),
    (113, {"url": "ftp://www.example.com/noel.mp4"}, {}),
    (118, {"url": ""}, {}),
    (111, {"message": "x" * 101}, {}),
    (110, {"message": ""}, {}),
    (109, {"msgclass": "9"}, {}),
    (108, {"msgclass": ""}, {}),
    (107, {"client": "demo"}, {}),
    (106, {"tail": "<"}, {}),
    (105, {"xml": ""}, {}),
    (103, {}, {"credits": 0}),
    (200, {}, {"mms_authorised": False}),
    (102, {}, {"passcode": "other"}),
]


@pytest.mark.parametrize("count", range(1, len(DEFECTS) + 1))
def test_of_several_defects_the_first_checked_is_answered(count: int) -> None:
    """A request with every defect up to this one is answered with this one."""
    parts: dict[str, str] = {}
    options: dict[str, Any] = {}
    for _, more_parts, more_options in DEFECTS[:count]:
        parts |= more_parts
        options |= more_options
    url = parts.get("url", FILM)
    media = {FILM: MediaFact(**options.pop("fact", {}))}
    xml = parts.get(
        "xml",
        flow(
            parts.get("number", ONE),
            CLIENT=parts.get("client", "DEMO"),
            MSGCLASS=parts.get("msgclass", "2"),
            MESSAGE=parts.get("message", "Bonjour"),
            DATE=parts.get("date"),
            raw=block("VIDEO", url, parts.get("duration", "10")),
        )
        + parts.get("tail", ""),
    )
    with Sandbox(options=SandboxOptions(media=media, **options)) as sandbox:
        assert DEFECTS[count - 1][0] == post(sandbox, xml).status


def test_the_order_of_the_checks_is_the_one_tested() -> None:
    """Every check has its defect above (116 and 117 are 114's, for images)."""
    order = [status for status, _ in CHECKS if status not in (116, 117)]

    assert order == [status for status, _, _ in reversed(DEFECTS)]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("0615141312", "33615141312"),
        ("33615141312", "33615141312"),
        ("+33615141312", "33615141312"),
        (" 0615141312\n", "33615141312"),
        ("0712345678", "33712345678"),
        ("061514131", None),
        ("06151413122", None),
        ("0033615141312", None),
        ("06 15 14 13 12", None),
        ("0515141312", None),
        ("+32615141312", None),
        ("٠٦١٥١٤١٣١٢", None),
    ],
)
def test_the_three_forms_of_a_number(written: str, sent: str | None) -> None:
    """Exactly the forms of §1.4 are taken; the others come back as written."""
    with Sandbox() as sandbox:
        reply = post(sandbox, flow(written, THREE))

        assert ([sent] if sent else []) + [THREE] == numbers_sent(sandbox)
    assert ("" if sent else written.strip()) == reply.fields["UnvalidNums"]


def test_strict_is_the_letter_of_the_document() -> None:
    """§1.4 lists 06 only: strictly read, 07 is refused under status 100."""
    with Sandbox(options=SandboxOptions(strict=True)) as sandbox:
        reply = post(sandbox, flow("+33712345678", ONE))

        assert (100, "+33712345678") == (reply.status, reply.fields["UnvalidNums"])
        assert [ONE] == numbers_sent(sandbox)


def test_numbers_that_opted_out_hide_under_status_100() -> None:
    """A blacklisted number is refused as written, whatever form the list has."""
    with Sandbox(options=SandboxOptions(blacklist=frozenset({"0639980001"}))) as sandbox:
        reply = post(sandbox, flow("+33639980001", TWO))

        assert (100, "+33639980001") == (reply.status, reply.fields["UnvalidNums"])
        assert [TWO] == numbers_sent(sandbox)


@pytest.mark.parametrize(
    ("status", "fields", "options"),
    [
        (300, {"info": "demo"}, {}),
        (300, {"info": "DEMO"}, {}),
        (100, {"info": "demo"}, {"active_status": 100}),
        (301, {"info": "nobody"}, {}),
        (302, {"info": "partner"}, {"other_logins": {"partner"}}),
        (303, {"info": "demo"}, {"active": False}),
        (102, {"info": "demo", "passcode": "wrong"}, {}),
        (102, {"info": "demo", "clientcode": "DEMO"}, {}),
        (105, {}, {}),
        (105, {"info": " "}, {}),
        (105, {" info": "demo"}, {}),
        (200, {"XMLFlow": flow()}, {}),
    ],
)
def test_each_status_of_the_account_tool(
    status: int, fields: dict[str, str], options: dict[str, Any]
) -> None:
    """§3.3's table, and 102, 105 and 200 of the script behind it; nothing is ever sent."""
    with Sandbox(options=SandboxOptions(**options)) as sandbox:
        body = form(**({"clientcode": "demo", "passcode": "demo"} | fields))
        reply = call(sandbox, "POST", ACCOUNT, body)

        assert status == reply.status
        assert (status in (100, 300)) == ("Credits" in reply.fields)
        text = (ACCOUNT_TABLE.get(status) or SENDING[status]).text
        assert f" {text}" == reply.fields["StatusText"]
        assert () == sandbox.requests
