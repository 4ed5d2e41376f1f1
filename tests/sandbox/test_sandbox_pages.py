"""The sandbox's own pages and doors: inbox, JSON, loopback only, start and stop."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from lxml import html
from pydantic import ValidationError

from mmsbatch.errors import InputError
from mmsbatch.sandbox import Sandbox, SandboxOptions, embedded
from sandbox_client import ONE, SEND, TWO, call, flow, numbers_sent, post

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script> {{ 7 * 7 }} & \'">'


def _text(element: html.HtmlElement) -> str:
    return " ".join(" ".join(str(text) for text in element.itertext()).split())


def test_the_inbox_shows_hostile_text_as_text() -> None:
    """Whatever a request holds is shown, escaped, and no script can run."""
    with Sandbox(clock=lambda: NOON) as sandbox:
        post(
            sandbox,
            flow(ONE, "<b>".replace("<", "&lt;"), MESSAGE=HOSTILE, CAMPAIGN_NAME=HOSTILE),
        )
        page = call(sandbox, "GET", "/")

    tree = html.fromstring(page.body)
    shown = ["".join(map(str, p.itertext())) for p in tree.iter("p") if p.get("class") == "message"]
    assert [HOSTILE] == shown
    assert ["/static/inbox.js"] == [script.get("src") for script in tree.iter("script")]
    assert page.body.count(b"&lt;script&gt;") == 4
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_inbox_shows_the_last_requests_first() -> None:
    """Number, status, text, media and fault of each; a lost answer says so."""
    at, url = "2026-06-01 12:00:00 UTC", "http://www.example.com/a.gif"
    to = "Bonjour 3363998••••"
    options = SandboxOptions(login="LaPoste", credits=7)
    with Sandbox(options=options, faults={2: "close:after"}, clock=lambda: NOON) as sandbox:
        empty = call(sandbox, "GET", "/").body.decode()
        image = flow(ONE, CLIENT="LAPOSTE", MSGCLASS="1", IMAGE=url)
        post(sandbox, image, login="LaPoste")
        with pytest.raises(OSError, match="closed connection"):
            post(sandbox, flow(TWO, CLIENT="LAPOSTE"), login="LaPoste")
        post(sandbox, flow(), login="LaPoste")
        tree = html.fromstring(call(sandbox, "GET", "/").body)

    assert "Nothing has arrived yet" in empty
    articles = [_text(article) for article in tree.iter("article")]
    assert [
        f"Request 3 107 {at} 0 of 1 sent 5 credits left {to}",
        f"Request 2 no answer {at} 1 of 1 sent 5 credits left fault: close:after {to}",
        f"Request 1 100 {at} 1 of 1 sent 6 credits left Bonjour picture: {url} 3363998••••",
    ] == articles
    shown = "account LaPoste : 5 credits 2 messages in 3 requests"
    assert [f"mmsbatch sandbox {shown} Show the numbers"] == [
        _text(header) for header in tree.iter("header")
    ]


def test_about_says_what_this_is() -> None:
    """A client can make sure that a sandbox target is one."""
    with Sandbox() as sandbox:
        reply = call(sandbox, "GET", "/sandbox/about")

    assert {"service": "mmsbatch sandbox", "login": "demo", "credits": 100_000} == json.loads(
        reply.body
    )
    assert "application/json" == reply.headers["Content-Type"]


def test_the_ledger_and_the_requests_are_json() -> None:
    """For a sandbox in another process: the same values as the attributes."""
    with Sandbox(clock=lambda: NOON) as sandbox:
        post(sandbox, flow(ONE, "04", DATE="2026-12-24 18:30:00"))
        ledger = json.loads(call(sandbox, "GET", "/sandbox/ledger").body)
        requests = json.loads(call(sandbox, "GET", "/sandbox/requests").body)

    assert [
        {
            "request": 1,
            "number": ONE,
            "message": "Bonjour",
            "kind": "text",
            "media": [],
            "scheduled_for": "2026-12-24T18:30:00+01:00",
            "at": "2026-06-01T12:00:00+00:00",
        }
    ] == ledger
    assert (101, [ONE, "04"], ["04"]) == tuple(
        requests[0][key] for key in ("verdict", "numbers", "refused")
    )


def test_credits_are_topped_up_over_http() -> None:
    """A whole number in JSON sets the credits; anything else changes nothing."""
    as_json = {"Content-Type": "application/json"}
    with Sandbox() as sandbox:
        assert (
            200
            == call(sandbox, "POST", "/sandbox/credits", b'{"credits": 5}', **as_json).http_status
        )
        assert 5 == sandbox.credits
        for wrong in (b'{"credits": true}', b"[]", b"{", b'{"credits": "9"}'):
            assert 400 == call(sandbox, "POST", "/sandbox/credits", wrong, **as_json).http_status
        assert 400 == call(sandbox, "POST", "/sandbox/credits", b'{"credits": 9}').http_status
        assert 5 == sandbox.credits


@pytest.mark.parametrize(
    ("host", "http_status"),
    [("localhost", 200), ("127.0.0.1:80", 200), ("[::1]:80", 200), ("evil.example", 403)],
)
def test_own_pages_answer_to_loopback_names_only(host: str, http_status: int) -> None:
    """A web page that bends its name to this machine cannot read the numbers."""
    with Sandbox() as sandbox:
        assert http_status == call(sandbox, "GET", "/sandbox/ledger", Host=host).http_status


@pytest.mark.parametrize(
    ("method", "path", "http_status"),
    [("GET", "/nowhere", 404), ("POST", "/sandbox/ledger", 405), ("GET", "/sandbox/credits", 404)],
)
def test_other_pages_do_not_exist(method: str, path: str, http_status: int) -> None:
    """Nothing is answered by accident."""
    with Sandbox() as sandbox:
        assert http_status == call(sandbox, method, path).http_status


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.com", ""])  # noqa: S104
def test_only_loopback_can_be_listened_on(host: str) -> None:
    """Any other host is an error that says what to use."""
    with pytest.raises(InputError, match=r"this machine only. Use '127\.0\.0\.1'"):
        Sandbox(host=host)


def test_localhost_is_loopback() -> None:
    """The name is taken for the address it means."""
    with Sandbox(host="localhost") as sandbox:
        assert f"http://127.0.0.1:{sandbox.port}" == sandbox.url


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_out_of_range_is_an_input_error(port: int) -> None:
    """The error names the port."""
    with pytest.raises(InputError, match=rf"port {port}: a port is from 1 to 65535"):
        Sandbox(port)


def test_a_port_in_use_is_an_input_error(capfd: pytest.CaptureFixture[str]) -> None:
    """The error names the port and what to do; nothing is printed."""
    with Sandbox() as sandbox, pytest.raises(InputError, match=rf"port {sandbox.port} .*0 for any"):
        Sandbox(sandbox.port)

    assert ("", "") == capfd.readouterr()


def test_requests_are_not_logged_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """Numbers and logins stay out of the terminal, also those of a broken request."""
    with Sandbox(faults={2: "close:after"}) as sandbox:
        post(sandbox, flow())
        with pytest.raises(OSError, match="closed connection"):
            post(sandbox, flow())
        with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as connection:
            connection.sendall(b"no http at all\r\n\r\n")
            connection.recv(512)
        with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as connection:
            connection.sendall(f"POST {SEND} HTTP/1.1\r\nContent-Length: 9\r\n\r\ncut".encode())
            connection.shutdown(socket.SHUT_WR)
            connection.recv(512)

    assert ("", "") == capfd.readouterr()


def test_a_stopped_sandbox_frees_its_port_and_keeps_its_ledger() -> None:
    """Stopping twice is harmless; the next sandbox may have the port."""
    with Sandbox() as first:
        post(first, flow(ONE))
    first.stop()
    with Sandbox(first.port) as second:
        post(second, flow(TWO))

        assert ([ONE], [TWO]) == (numbers_sent(first), numbers_sent(second))


def test_the_embedded_sandbox_is_one_for_the_process() -> None:
    """Asked from many threads it is the same; once stopped, the next is new and running."""
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: embedded(), range(16)))
    (one,) = found
    one.stop()
    with embedded() as another:
        assert one is not another
        assert 100 == post(another, flow()).status


def test_a_misspelt_option_is_an_error() -> None:
    """Options are checked when built."""
    with pytest.raises(ValidationError, match="credit"):
        SandboxOptions.model_validate({"credit": 5})
