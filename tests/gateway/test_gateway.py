"""One POST: what comes back, or whether anything can have left."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

import mmsbatch as mms
from conftest import account_at
from mmsbatch.errors import AccountError, InDoubt, NotSent
from mmsbatch.gateway.client import GatewayClient, HttpReply, Interrupted
from mmsbatch.sandbox import Sandbox

XML = (
    b"<DATA><CLIENT>DEMO</CLIENT><CAMPAIGN_NAME>essai</CAMPAIGN_NAME>"
    b"<MOBILEPHONE>33639980001</MOBILEPHONE><MSGCLASS>0</MSGCLASS><MESSAGE>Bonjour</MESSAGE></DATA>"
)


def _whole_request(connection: socket.socket) -> tuple[bytes, bytes]:
    with connection.makefile("rb") as stream:
        head = b"".join(iter(stream.readline, b"\r\n"))
        lengths = [line for line in head.splitlines() if line.startswith(b"Content-Length:")]
        return head, stream.read(sum(int(line.split(b":")[1]) for line in lengths))


@contextmanager
def raw_server(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one connection: read the whole request, write these bytes, close."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            connection, _ = listener.accept()
            connection.settimeout(10)
            with connection, suppress(ConnectionError):
                head, body = _whole_request(connection)
                received.extend((head, body))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        thread.join()


def test_a_request_is_answered(sandbox: Sandbox) -> None:
    """And the sandbox's ledger shows that it understood it."""
    reply = GatewayClient(account_at(sandbox)).send(XML)
    assert reply.http_status == 200
    assert reply.body.startswith(b"Status=100\n")
    assert [delivery.number for delivery in sandbox.ledger] == ["33639980001"]


def test_credentials_travel_in_the_body_only() -> None:
    """Neither the address nor a header shows what an access log must not hold."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nStatus=100"
    with raw_server(ok) as (url, received):
        reply = GatewayClient(mms.Account("demo", "s3cr3t", url)).send(XML)
    head, body = received
    assert reply == HttpReply(200, b"Status=100")
    assert head.startswith(b"POST /amsmodule.sendmms.v2.php HTTP/1.1\r\n")
    assert b"s3cr3t" not in head
    assert b"33639980001" not in head
    assert body.startswith(b"clientcode=demo&passcode=s3cr3t&XMLFlow=%3CDATA%3E")
    assert b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in head
    assert b"\r\nConnection: close" in head


def test_a_redirect_is_not_followed() -> None:
    """A followed 302 turns one POST into a GET somewhere else."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    with raw_server(moved) as (url, _):
        assert GatewayClient(mms.Account("demo", "x", url)).send(XML).http_status == 302


def test_a_proxy_of_the_environment_is_not_used(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy changes who answers."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert GatewayClient(account_at(sandbox)).send(XML).http_status == 200


def test_a_refused_connection_is_not_sent() -> None:
    """No byte left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent, match=r"no connection to http://127\.0\.0\.1"):
        GatewayClient(mms.Account("demo", "s3cr3t", f"http://127.0.0.1:{port}")).send(XML)


def test_an_unknown_name_is_not_sent() -> None:
    """The reserved top-level domain .invalid never resolves."""
    with pytest.raises(NotSent, match="no connection to"):
        GatewayClient(mms.Account("demo", "s3cr3t", "https://gateway.invalid")).send(XML)


def test_a_failed_tls_handshake_is_not_sent() -> None:
    """Https to a server that speaks plain http: the request itself never left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        account = mms.Account("demo", "demo", f"https://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(NotSent, match="no connection to https"):
            GatewayClient(account).send(XML)
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closed without an answer"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nStatus=100\n", id="cut short"),
        pytest.param(b"not http at all\r\n\r\n", id="not http"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", id="endless head"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="broken chunk"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
            id="not gzip",
        ),
    ],
)
def test_whatever_breaks_after_connecting_is_in_doubt(answer: bytes) -> None:
    """The request may have been taken: nothing here can prove the contrary."""
    with raw_server(answer) as (url, received), pytest.raises(InDoubt, match="broke off"):
        GatewayClient(mms.Account("demo", "s3cr3t", url)).send(XML)
    assert received[1].endswith(b"%3C%2FDATA%3E")


def test_what_came_before_the_break_is_kept() -> None:
    """For whoever looks into it."""
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nStatus=100\n"
    with raw_server(cut) as (url, _), pytest.raises(Interrupted) as raised:
        GatewayClient(mms.Account("demo", "s3cr3t", url)).send(XML)
    assert raised.value.http_status == 200
    assert raised.value.body in (b"", b"Status=100\n")


def test_a_connection_that_a_server_leaves_open_is_not_used_again() -> None:
    """What is sent on it could be lost in a way that nobody can tell from a lost answer."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nStatus=100"
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as left_open:
        listener.settimeout(10)

        def serve() -> None:
            connection = left_open.enter_context(listener.accept()[0])
            connection.settimeout(10)
            _whole_request(connection)
            connection.sendall(answer)

        gateway = GatewayClient(
            mms.Account("demo", "s3cr3t", f"http://127.0.0.1:{listener.getsockname()[1]}"),
            read_timeout_s=5,
        )
        for _ in range(2):
            thread = threading.Thread(target=serve)
            thread.start()
            assert gateway.send(XML) == HttpReply(200, b"Status=100")
            thread.join()
        listener.close()
        with pytest.raises(NotSent):
            gateway.send(XML)


def test_a_silent_gateway_is_in_doubt() -> None:
    """It took the request and says nothing in time."""
    with Sandbox(faults={1: "stall"}) as sandbox:
        with pytest.raises(InDoubt, match="broke off"):
            GatewayClient(account_at(sandbox), read_timeout_s=0.2).send(XML)
        sandbox.release()


def test_an_answer_without_end_is_cut_off() -> None:
    """A gateway's answer is a page at most; a flood is not it."""
    flood = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (3 << 20)
    with raw_server(flood) as (url, _), pytest.raises(InDoubt, match="more than 1048576 bytes"):
        GatewayClient(mms.Account("demo", "s3cr3t", url)).send(XML)


def test_no_error_shows_the_passcode_or_a_number() -> None:
    """Tracebacks end up in notebooks."""
    for answer in (b"", b"junk"):
        with raw_server(answer) as (url, _), pytest.raises(InDoubt) as raised:
            GatewayClient(mms.Account("demo", "s3cr3t", url)).send(XML)
        assert "s3cr3t" not in str(raised.value)
        assert "33639980001" not in str(raised.value)
        assert raised.value.__cause__ is None


def test_a_sandbox_account_speaks_to_a_sandbox_only() -> None:
    """A tunnel on this machine that leads to the live gateway is found before anything is sent."""
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with raw_server(page) as (url, _), pytest.raises(AccountError, match="does not identify"):
        GatewayClient(mms.Account("demo", "demo", url, target="sandbox")).check_sandbox()


def test_a_sandbox_identifies_itself(sandbox: Sandbox) -> None:
    """So that the check above can pass."""
    GatewayClient(account_at(sandbox)).check_sandbox()
