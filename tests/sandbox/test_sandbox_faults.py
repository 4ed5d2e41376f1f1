"""Each fault does to one request what its words say, and the ledger tells the truth under it."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, IncompleteRead

import pytest

from mmsbatch.errors import InputError
from mmsbatch.sandbox import EVERY, Fault, Sandbox, SandboxOptions, faults, parse_faults
from sandbox_client import (
    ACCOUNT,
    FORM,
    ONE,
    SEND,
    THREE,
    TWO,
    call,
    flow,
    form,
    numbers_sent,
    post,
)

ALL = [ONE, TWO, THREE]
LOST = (ConnectionError, HTTPException)  # and no time-out


def lines(fault: str, *numbers: str, **tags: str) -> bytes:
    """The body a fault makes of the answer to a request for three numbers."""
    with Sandbox(faults={1: fault}) as sandbox:
        return post(sandbox, flow(*numbers or ALL, **tags)).body


# ----- what is processed × how the transport ends -----------------------------------------------


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        ("close:before", []),
        ("reset:before", []),
        ("close:after", ALL),
        ("reset:after", ALL),
        ("process:all,close:after", ALL),
        ("process:none,close:after", []),
        ("process:2,close:after", ALL[:2]),
        ("process:2,reset:after", ALL[:2]),
        ("process:9,close:after", ALL),
    ],
)
def test_a_lost_answer_leaves_the_truth_in_the_ledger(fault: str, sent: list[str]) -> None:
    """The client learns nothing; the ledger, the credits and the log say what was sent."""
    with Sandbox(faults={2: fault}) as sandbox:
        post(sandbox, flow("33639980009"))
        with pytest.raises(LOST):
            post(sandbox, flow(*ALL))

        assert sandbox.wait_for(2)
        assert ["33639980009", *sent] == numbers_sent(sandbox)
        assert 99_999 - len(sent) == sandbox.credits
        received = sandbox.requests[1]
        assert (fault, None, len(sent)) == (received.fault, received.answered, received.delivered)
        assert 100 == post(sandbox, flow()).status


@pytest.mark.parametrize("fault", ["close:before", "process:all,reset:before"])
def test_close_before_does_not_read_the_request(fault: str) -> None:
    """The connection ends while the client still has its body to write."""
    with (
        Sandbox(faults={1: fault}) as sandbox,
        socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as connection,
    ):
        head = f"POST {SEND} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"
        connection.sendall(head.encode())
        try:
            answer = connection.recv(512)
        except ConnectionResetError:
            answer = b""

        assert b"" == answer
        assert ((), None) == (sandbox.ledger, sandbox.requests[0].verdict)


def test_a_reset_is_a_reset() -> None:
    """``reset`` ends with a TCP reset where ``close`` ends with an orderly end."""
    body = form(clientcode="demo", passcode="demo", XMLFlow=flow())
    with Sandbox(faults={1: "reset:after"}) as sandbox:
        connection = HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
        connection.request("POST", SEND, body, FORM)
        with pytest.raises(ConnectionResetError) as raised:
            connection.getresponse()
        connection.close()

    assert ConnectionResetError is type(raised.value)  # an orderly end is a kind of it in Python


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    ("process", "sent"),
    [("", []), (",process:none", []), (",process:1", [ONE]), (",process:all", ALL)],
)
def test_an_http_error_may_hide_anything(status: int, process: str, sent: list[str]) -> None:
    """A page with an HTTP status instead of the answer; by itself nothing is processed."""
    with Sandbox(faults={1: f"http:{status}{process}"}) as sandbox:
        reply = post(sandbox, flow(*ALL))

        assert status == reply.http_status
        assert reply.body.startswith(b"<!DOCTYPE html>")
        assert sent == numbers_sent(sandbox)
        assert (100, None) == (sandbox.requests[0].verdict, sandbox.requests[0].answered)


def test_http_headers_that_invite_another_try() -> None:
    """429 may say when; a redirect leads back here, where whoever follows it is seen."""
    with Sandbox(faults={1: "http:429:30", 2: "http:301"}) as sandbox:
        assert "30" == post(sandbox, flow()).headers["Retry-After"]
        assert SEND == post(sandbox, flow()).headers["Location"]


@pytest.mark.parametrize(("fault", "body", "sent"), [("empty", b"", ALL), ("page", b"<!DOC", [])])
def test_http_200_without_the_gateways_answer(fault: str, body: bytes, sent: list[str]) -> None:
    """An empty body after processing; a page of somebody else's before it."""
    with Sandbox(faults={1: fault}) as sandbox:
        reply = post(sandbox, flow(*ALL))

        assert (200, body) == (reply.http_status, reply.body[:5])
        assert sent == numbers_sent(sandbox)


@pytest.mark.parametrize(("word", "kept"), [("truncate:80", 80), ("truncate:-30", -30)])
def test_a_truncated_body_breaks_its_content_length(word: str, kept: int) -> None:
    """The head promises the whole answer; the connection ends before."""
    with Sandbox(faults={1: word}) as sandbox:
        with pytest.raises(IncompleteRead) as raised:
            post(sandbox, flow(*ALL))

        got, missing = len(raised.value.partial), raised.value.expected
        assert kept == (got if kept > 0 else -(missing or 0))
        assert len(post(sandbox, flow(*ALL)).body) == got + (missing or 0)
        assert ALL + ALL == numbers_sent(sandbox)


def test_a_truncated_body_without_a_length_looks_whole() -> None:
    """Without a Content-Length nothing shows that the answer was cut."""
    with Sandbox(faults={1: "truncate:80:unsized"}) as sandbox:
        reply = post(sandbox, flow(*ALL))

    assert (100, 80) == (reply.status, len(reply.body))
    assert "Content-Length" not in reply.headers


def test_a_drip_arrives_whole() -> None:
    """A slow answer is the same answer."""
    whole, dripped = lines("process:all", *ALL), lines("drip:1", *ALL)

    assert _without_id(whole) == _without_id(dripped)


def test_a_stalled_answer_waits_for_release() -> None:
    """The request is processed, its answer withheld until the sandbox is told; others go on."""
    with Sandbox(faults={1: "stall"}) as sandbox, ThreadPoolExecutor(1) as pool:
        stalled = pool.submit(post, sandbox, flow(ONE))
        assert sandbox.wait_for(1)
        assert [ONE] == numbers_sent(sandbox)
        assert 100 == post(sandbox, flow(TWO)).status
        assert not stalled.done()

        sandbox.release()

        assert 100 == stalled.result(timeout=10).status


@pytest.mark.parametrize("fault", ["stall", "delay:600000", "drip:600000"])
def test_stopping_ends_what_waits(fault: str) -> None:
    """A stopped sandbox keeps no client waiting: the connection ends without a whole answer."""
    with ThreadPoolExecutor(1) as pool:
        with Sandbox(faults={1: fault}) as sandbox:
            waiting = pool.submit(post, sandbox, flow(ONE))
            assert sandbox.wait_for(1)

        try:
            answer = waiting.result(timeout=10).body
        except LOST:
            answer = b""
        assert b"" == answer


def test_latency_holds_every_answer_back() -> None:
    """The option delays both scripts: their answers wait for as long as it says."""
    with ThreadPoolExecutor(2) as pool:
        with Sandbox(options=SandboxOptions(latency_ms=600_000)) as sandbox:
            sending = pool.submit(post, sandbox, flow())
            account = pool.submit(
                call,
                sandbox,
                "POST",
                ACCOUNT,
                form(clientcode="demo", passcode="demo", info="demo"),
            )
            assert sandbox.wait_for(1)
            assert 200 == call(sandbox, "GET", "/sandbox/about").http_status
            assert not sending.done()
            assert not account.done()

        assert isinstance(sending.exception(timeout=10), LOST)
        assert isinstance(account.exception(timeout=10), LOST)


# ----- how the answer is altered ----------------------------------------------------------------

SENT = "Le message a été envoyé"
SCHEDULED = "Le message a été programmé pour un envoi différé"
EMPTY = "Crédit SMS épuisé. Veuillez recréditer votre compte sur AllMySMS.com"
ID = "<CUSTOMER><MOBILEPHONE>0{}</MOBILEPHONE></CUSTOMER>"
IDS = f"<RECOVERIDS>{ID.format(ONE[2:])}{ID.format(TWO[2:])}</RECOVERIDS>"
PLAIN = f"Status=100|StatusText={SENT}|Credits=99998|UnvalidNums=04|CampaignID=X|IDs={IDS}|"


def _without_id(body: bytes, charset: str = "utf-8") -> str:
    return re.sub("CampaignID=[a-z]{10}", "CampaignID=X", body.decode(charset))


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("process:all", PLAIN.replace("|", "\n")),
        ("newline:crlf", PLAIN.replace("|", "\r\n")),
        ("newline:br", PLAIN.replace("|", "<br>")),
        ("newline:nl2br", PLAIN.replace("|", "<br />\n")),
        ("blank-lines", PLAIN.replace("|", "\n\n")[:-1]),
        ("no-final-newline", PLAIN.replace("|", "\n")[:-1]),
        ("newline:crlf,no-final-newline", PLAIN.replace("|", "\r\n")[:-2]),
        ("wrapped-ids", PLAIN.replace("|", "\n").replace("<CUSTOMER>", " <CUSTOMER>\n")),
        ("reorder", "\n".join(PLAIN.split("|")[-2::-1]) + "\n"),
        ("without:Credits", PLAIN.replace("Credits=99998|", "").replace("|", "\n")),
        ("without:IDs", PLAIN.partition("IDs=")[0].replace("|", "\n")),
        ("without:UnvalidNums", PLAIN.replace("UnvalidNums=04|", "").replace("|", "\n")),
        ("without:CampaignID", PLAIN.replace("CampaignID=X|", "").replace("|", "\n")),
        ("lose-id:1", PLAIN.replace(ID.format(TWO[2:]), "").replace("|", "\n")),
        ("lose-id:5", PLAIN.replace(IDS, "<RECOVERIDS></RECOVERIDS>").replace("|", "\n")),
        ("status:150,process:all", "Status=150\nStatusText=\n"),
        ("status:103,process:all", "Status=103\nStatusText={103}\n"),
        ("status:101", PLAIN.replace("100", "101", 1).replace(SENT, "{101}").replace("|", "\n")),
    ],
)
def test_an_altered_answer_to_a_processed_request(fault: str, text: str) -> None:
    """The bytes are exactly those the words describe, and everything was sent."""
    text = text.replace(
        "{103}", "Crédit SMS épuisé. Veuillez recréditer votre compte sur AllMySMS.com"
    )
    text = text.replace("{101}", "Le message a été programmé pour un envoi différé")
    with Sandbox(faults={1: fault}) as sandbox:
        reply = post(sandbox, flow(ONE, TWO, "04"))

        assert text == _without_id(reply.body)
        assert [ONE, TWO] == numbers_sent(sandbox)


def test_latin_1_says_no_charset() -> None:
    """The text in another encoding than the usual, without a word about it."""
    with Sandbox(faults={1: "latin-1"}) as sandbox:
        reply = post(sandbox, flow(ONE, TWO, "04"))

    assert PLAIN.replace("|", "\n") == _without_id(reply.body, "latin-1")
    assert "text/html" == reply.headers["Content-Type"]


def test_a_php_warning_comes_first() -> None:
    """The answer follows whole after the warning's own line end."""
    body = _without_id(lines("warning", ONE, TWO, "04"))

    assert body.startswith("<br />\n<b>Warning</b>:")
    assert body.endswith("<br />\n" + PLAIN.replace("|", "\n"))


@pytest.mark.parametrize("status", [102, 106, 114, 150, 200, 999])
def test_a_forced_refusal_sends_nothing(status: int) -> None:
    """The answer says the status, known or not; by default it is true."""
    with Sandbox(faults={1: f"status:{status}"}) as sandbox:
        assert status == post(sandbox, flow(*ALL)).status
        assert ([], 100_000) == (numbers_sent(sandbox), sandbox.credits)


# ----- what holds for one request ---------------------------------------------------------------


def test_credit_runs_out_at_a_request() -> None:
    """``credits:N`` sets the account just before this request; it stays so."""
    with Sandbox(faults={2: "credits:0", 4: "credits:2"}) as sandbox:
        replies = [post(sandbox, flow(*ALL)) for _ in range(4)]

        assert [100, 103, 103, 104] == [reply.status for reply in replies]
        assert "A utiliser: 3 Crédits, Disponibles: 2 Crédits" in replies[3].fields["StatusText"]


def test_a_switched_on_option_holds_for_one_request() -> None:
    """Duplicates collapse in the first request only."""
    with Sandbox(faults={1: "with:collapse_duplicates"}) as sandbox:
        first, second = (post(sandbox, flow(ONE, ONE, TWO)) for _ in range(2))

        assert [1, 2] == [reply.fields["IDs"].count(ONE[2:]) for reply in (first, second)]
        assert [ONE, TWO, ONE, ONE, TWO] == numbers_sent(sandbox)
        assert 99_995 == sandbox.credits


@pytest.mark.parametrize(
    ("written", "shown"),
    [("Tom &amp; Cie", "Tom &amp; Cie"), ("<![CDATA[a&b]]>", "<![CDATA[a&b]]>"), ("é", "é")],
)
def test_naive_xml_decodes_nothing(written: str, shown: str) -> None:
    """Entities and CDATA marks reach the phone as they were written."""
    with Sandbox(faults={1: "with:naive_xml"}) as sandbox:
        post(sandbox, flow(MESSAGE=None, raw=f"<MESSAGE>{written}</MESSAGE>"))

        assert shown == sandbox.ledger[0].message


def test_a_fault_for_every_request_gives_way_to_a_numbered_one() -> None:
    """``*`` holds where no number does."""
    with Sandbox(faults=["*=status:150", "2=process:all"]) as sandbox:
        assert [150, 100, 150] == [post(sandbox, flow()).status for _ in range(3)]


# ----- the words --------------------------------------------------------------------------------


def test_every_word_is_documented() -> None:
    """The table in the module's docstring has each word, and each example can be read."""
    documented = set(re.findall(r"^``([a-z0-9-]+)", faults.__doc__ or "", re.MULTILINE))

    assert set(faults.WORDS) == documented
    for _, example, _ in faults.WORDS.values():
        assert example == Fault.parse(example).text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clsoe:after", "no word 'clsoe'. Did you mean 'close'?"),
        ("", "no word ''"),
        ("close", "write 'close' like 'close:after'"),
        ("close:aftr", "like 'close:after'. Did you mean 'after'?"),
        ("without:Credit", "Did you mean 'Credits'?"),
        ("with:class_4", "like 'with:naive_xml'"),
        ("process:-1", "like 'process:50'"),
        ("http:999", "like 'http:429:30'"),
        ("process:1,stal", "no word 'stal'. Did you mean 'stall'?"),
    ],
)
def test_a_mistyped_fault_names_the_nearest(text: str, message: str) -> None:
    """An unknown word or argument is an error that helps."""
    with pytest.raises(InputError, match=re.escape(message)):
        Fault.parse(text)


@pytest.mark.parametrize("text", ["close:after", "0=close:after", "x=close:after", "-1=stall"])
def test_a_numbered_fault_needs_its_number(text: str) -> None:
    """Without a request number from 1, or ``*``, the error shows the form."""
    with pytest.raises(InputError, match="write it like '3=close:after'"):
        parse_faults([text])


def test_numbered_faults_are_read_once_each() -> None:
    """A list and a mapping say the same; a number named twice is an error."""
    numbered = parse_faults(["3=close:after", "*=delay:20"])

    assert {3: Fault.parse("close:after"), EVERY: Fault.parse("delay:20")} == numbered
    assert numbered == parse_faults({3: "close:after", EVERY: "delay:20"})
    with pytest.raises(InputError, match="request 3 has a fault already"):
        parse_faults(["3=close:after", "3=stall"])
    with pytest.raises(InputError, match="numbered from 1"):
        parse_faults({-1: Fault.parse("stall")})
