"""The sandbox answers what the document prints, byte for byte, on every address it names."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest

from mmsbatch.sandbox import Sandbox, SandboxOptions
from sandbox_client import ACCOUNT, ONE, SEND, TWO, call, flow, form, numbers_sent, post

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock=lambda: NOON) as running:
        yield running


def raw(sandbox: Sandbox, request: bytes) -> bytes:
    """Send bytes and read to the end of the connection, as the sample's fgets loop does."""
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(512):
            received += piece
    return received


SAMPLE_XML = """<DATA>
  <CLIENT>DEMO</CLIENT>
 <CAMPAIGN_NAME>nom de campagne </CAMPAIGN_NAME>
 <MAIL_NOTIF>0</MAIL_NOTIF>
 <MOBILEPHONE>+33600000000</MOBILEPHONE>
 <MOBILEPHONE>+33611111111</MOBILEPHONE>
 <MOBILEPHONE>0400000000</MOBILEPHONE>
 <MOBILEPHONE>06XXzsqsd</MOBILEPHONE>
 <MSGCLASS>0</MSGCLASS>
    <MESSAGE>message</MESSAGE>
</DATA>
"""


def sample_request(argument: str) -> bytes:
    """The request of §1.1's PHP sample: bare newlines, odd header, one surplus newline."""
    request = "POST /amsmodule.sendmms.v2.php HTTP/1.1\n"
    request += "Host: api.msinnovations.com \n"
    request += "Connection : Close\n"
    request += "Content-type: application/x-www-form-urlencoded\n"
    request += f"Content-length: {len(argument)}\n\n"
    request += argument + "\n"
    return request.encode()


def test_the_sample_request_gets_the_sample_answer(sandbox: Sandbox) -> None:
    """The PHP sample of §1.1, sent raw, is answered with the lines of §2."""
    argument = "clientcode=demo&passcode=demo&XMLFlow=" + quote_plus(SAMPLE_XML)

    head, _, body = raw(sandbox, sample_request(argument)).partition(b"\r\n\r\n")

    assert (
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: text/html; charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Server: mmsbatch-sandbox\r\n"
        "Connection: close"
    ).encode() == head
    assert (
        "Status=100\n"
        "StatusText=Le message a été envoyé\n"
        "Credits=99998\n"
        "UnvalidNums=0400000000|06XXzsqsd\n"
        f"CampaignID={sandbox.requests[0].campaign_id}\n"
        "IDs=<RECOVERIDS><CUSTOMER><MOBILEPHONE>0600000000</MOBILEPHONE></CUSTOMER>"
        "<CUSTOMER><MOBILEPHONE>0611111111</MOBILEPHONE></CUSTOMER></RECOVERIDS>\n"
    ).encode() == body
    assert ["33600000000", "33611111111"] == numbers_sent(sandbox)
    assert "nom de campagne" == sandbox.requests[0].campaign_name


def test_line_breaks_copied_from_the_document_change_a_field_name(sandbox: Sandbox) -> None:
    """A newline before XMLFlow, as printed in §1.1, makes another field: the XML is empty."""
    argument = "clientcode=demo&passcode=demo& \n\nXMLFlow=" + quote_plus(SAMPLE_XML)

    body = raw(sandbox, sample_request(argument)).partition(b"\r\n\r\n")[2]

    assert b"Status=105\nStatusText=Flux XML Vide\n" == body


def test_an_unencoded_ampersand_cuts_the_flow(sandbox: Sandbox) -> None:
    """Without urlencode (§1.3) an ``&`` ends the field, and the XML is incomplete."""
    body = b"clientcode=demo&passcode=demo&XMLFlow=" + flow(MESSAGE="Tom & Cie").encode()

    assert 106 == call(sandbox, "POST", SEND, body).status


def test_a_chunk_of_two_hundred_is_answered_in_request_order(sandbox: Sandbox) -> None:
    """IDs name the accepted numbers in the order of the request, in national form."""
    numbers = [f"336399{place:05}" for place in range(199, -1, -1)]

    reply = post(sandbox, flow(*numbers))

    expected = "".join(
        f"<CUSTOMER><MOBILEPHONE>0{number[2:]}</MOBILEPHONE></CUSTOMER>" for number in numbers
    )
    assert f"<RECOVERIDS>{expected}</RECOVERIDS>" == reply.fields["IDs"]
    assert numbers == numbers_sent(sandbox)


def test_no_refused_number_leaves_the_line_empty(sandbox: Sandbox) -> None:
    """UnvalidNums is there and empty when every number was taken."""
    assert b"\nUnvalidNums=\n" in post(sandbox, flow()).body


@pytest.mark.parametrize("folder", ["", "/smsmod"])
def test_both_folders_send(sandbox: Sandbox, folder: str) -> None:
    """The sending script answers at ``/`` and at ``/smsmod/``."""
    body = form(clientcode="demo", passcode="demo", XMLFlow=flow())

    assert 100 == call(sandbox, "POST", folder + SEND, body).status


def test_a_short_get_sends(sandbox: Sandbox) -> None:
    """The three fields may stand in the address (§1.1)."""
    query = form(clientcode="demo", passcode="demo", XMLFlow=flow()).decode()

    assert 100 == call(sandbox, "GET", f"{SEND}?{query}").status
    assert [ONE] == numbers_sent(sandbox)


@pytest.mark.parametrize(("characters", "http_status"), [(1024, 200), (1025, 414)])
def test_a_get_is_limited_to_1024_characters(
    sandbox: Sandbox, characters: int, http_status: int
) -> None:
    """§1.1: the query of a GET has at most 1,024 characters; beyond, HTTP 414 and nothing sent."""
    query = form(clientcode="demo", passcode="demo", XMLFlow=flow()).decode() + "&x="
    query += "x" * (characters - len(query))

    reply = call(sandbox, "GET", f"{SEND}?{query}")

    assert http_status == reply.http_status
    assert (1 if http_status == 200 else 0) == len(sandbox.ledger)


def test_a_body_that_is_no_form_has_no_fields(sandbox: Sandbox) -> None:
    """The same bytes under another content type are not read: nobody is logged in."""
    body = form(clientcode="demo", passcode="demo", XMLFlow=flow())

    reply = call(sandbox, "POST", SEND, body, **{"Content-Type": "text/plain"})

    assert 102 == reply.status


def test_every_value_is_decoded() -> None:
    """Login and passcode may hold what a form must escape (§1.1)."""
    options = SandboxOptions.model_validate({"login": "a&b", "passcode": "p+% é"})
    with Sandbox(options=options) as sandbox:
        assert 100 == post(sandbox, flow(CLIENT="A&B"), login="a&b", passcode="p+% é").status


@pytest.mark.parametrize("path", [ACCOUNT, "/amsmodule.sendsms.v2.php", "/smsmod" + ACCOUNT])
def test_the_account_tool_answers_the_sample(sandbox: Sandbox, path: str) -> None:
    """§3.2's answer, with its blank after ``StatusText=``, on both versions of the script."""
    reply = call(sandbox, "POST", path, form(clientcode="demo", passcode="demo", info="demo"))

    assert b"Status=300\nStatusText= Compte actif\nCredits=100000\n" == reply.body


def test_the_account_tool_answers_get(sandbox: Sandbox) -> None:
    """§3.1 shows the tool as an address."""
    reply = call(sandbox, "GET", f"{ACCOUNT}?clientcode=demo&passcode=demo&info=demo")

    assert 300 == reply.status


def test_other_methods_are_refused(sandbox: Sandbox) -> None:
    """PUT is neither of the two methods of §1.1."""
    assert 405 == call(sandbox, "PUT", SEND, b"").http_status


def test_a_request_cut_off_by_its_sender_sends_nothing(sandbox: Sandbox) -> None:
    """A body shorter than its Content-Length is not processed, though its XML may be whole."""
    body = form(clientcode="demo", passcode="demo", XMLFlow=flow())
    head = f"POST {SEND} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded"
    request = f"{head}\r\nContent-Length: {len(body) + 1}\r\n\r\n".encode() + body
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(512)

    assert b"" == answer
    assert ((), None) == (sandbox.ledger, sandbox.requests[0].verdict)


def test_options_shape_the_answer() -> None:
    """A plain account has no CampaignID; with_ids gives each customer an ID of its own."""
    with Sandbox(options=SandboxOptions(pro=False, with_ids=True)) as sandbox:
        reply = post(sandbox, flow(ONE, TWO))

    assert ["Status", "StatusText", "Credits", "UnvalidNums", "IDs"] == list(reply.fields)
    ids = reply.fields["IDs"].split("<ID>")[1:]
    assert 2 == len({own.partition("</ID>")[0] for own in ids})
