"""Every way a POST can fail on a real socket, and the class it must have: §1.1, §2.2.

The class never depends on what the gateway did, because nobody can see that from here: each fault
meets a gateway that did nothing, everything, or the first two of four. All of them::

    uv run pytest --full tests/gateway/test_socket_faults.py
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import pandas as pd
import pytest

import mmsbatch as mms
from mmsbatch.errors import InDoubt
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.sandbox import Sandbox
from mmsbatch.sending import policy
from socket_front import Fault, front, http

Class = Literal["pending", "in_doubt", "accepted", "refused"]

FIRST: Final = 4
"""Rows of the first request, the one that meets the fault; another follows it."""
TIMEOUT_S: Final = 0.3
DROP_S: Final = 0.02
PAGE: Final = b"<html><h1>Service</h1></html>\n"
ACCEPTING: Final = (
    b"Status=100\nStatusText=OK\nIDs=<RECOVERIDS>"
    + b"".join(
        b"<CUSTOMER><MOBILEPHONE>06123456%02d</MOBILEPHONE></CUSTOMER>" % row
        for row in range(FIRST)
    )
    + b"</RECOVERIDS>\n"
)
UNSIZED: Final = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ACCEPTING

LONG: Final = ACCEPTING + b"\n" * 500_000
LONG_HEAD: Final = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000

NOTHING: Final = lambda _length: 0  # noqa: E731  (four measures in a row)
ONE_BYTE: Final = lambda _length: 1  # noqa: E731
HALF: Final = lambda length: length // 2  # noqa: E731
ALL: Final = lambda length: length  # noqa: E731

# What the rows of the request are, and how many attempts are made at it.
TABLE: Final[dict[str, tuple[Fault, Class, int]]] = {
    # the request was never read to its end
    "reset, no byte of the body read": (Fault(read=NOTHING, reset=True), "in_doubt", 1),
    "reset, one byte of the body read": (Fault(read=ONE_BYTE, reset=True), "in_doubt", 1),
    "reset, half of the body read": (Fault(read=HALF, reset=True), "in_doubt", 1),
    "reset, the whole body read": (Fault(read=ALL, reset=True), "in_doubt", 1),
    "closed, no byte of the body read": (Fault(read=NOTHING), "in_doubt", 1),
    "closed, half of the body read": (Fault(read=HALF), "in_doubt", 1),
    "closed, the whole body read": (Fault(read=ALL), "in_doubt", 1),
    # the answer broke off
    "reset before the answer": (Fault(cut=NOTHING, reset=True), "in_doubt", 1),
    "reset after one byte of the answer": (Fault(cut=ONE_BYTE, reset=True), "in_doubt", 1),
    "reset after half of the answer": (Fault(cut=HALF, reset=True), "in_doubt", 1),
    "reset after an answer of no stated length": (Fault(answer=UNSIZED, reset=True), "in_doubt", 1),
    "closed before the answer": (Fault(cut=NOTHING), "in_doubt", 1),
    "closed after one byte of the answer": (Fault(cut=ONE_BYTE), "in_doubt", 1),
    "closed after half of the answer": (Fault(cut=HALF), "in_doubt", 1),
    "closed one byte early": (Fault(cut=lambda length: length - 1), "in_doubt", 1),
    # nothing more came
    "no answer in time": (Fault(cut=NOTHING, silent=True), "in_doubt", 1),
    "half of the answer in time": (Fault(cut=HALF, silent=True), "in_doubt", 1),
    "an answer that drips for hours": (Fault(answer=http(200, LONG), drip_s=DROP_S), "in_doubt", 1),
    "a head that drips for hours": (Fault(answer=LONG_HEAD, drip_s=DROP_S), "in_doubt", 1),
    # 200, and no status of the gateway
    "200 without a body": (Fault(answer=http(200)), "in_doubt", 1),
    "200 with a page": (Fault(answer=http(200, PAGE)), "in_doubt", 1),
    "200 with half of a status": (Fault(answer=http(200, b"Status=10")), "in_doubt", 1),
    "200 with a status of no table": (Fault(answer=http(200, b"Status=999\n")), "in_doubt", 1),
    "200 with two statuses": (Fault(answer=http(200, b"Status=100\nStatus=102\n")), "in_doubt", 1),
    "no HTTP at all": (Fault(answer=b"Status=100\n"), "in_doubt", 1),
    # a server that says it did not take the request
    "redirect 301": (Fault(answer=http(301, b"", "Location: /elsewhere")), "pending", 1),
    "redirect 302": (Fault(answer=http(302, PAGE, "Location: /elsewhere")), "pending", 1),
    "redirect 307": (Fault(answer=http(307, b"", "Location: /elsewhere")), "pending", 1),
    "redirect 308": (Fault(answer=http(308, PAGE, "Location: /elsewhere")), "pending", 1),
    **{
        f"{status}{with_page}": (Fault(answer=http(status, page)), "pending", 1)
        for status in (400, 401, 403, 404, 405, 413, 414)
        for page, with_page in ((b"", ""), (PAGE, " with a page"))
    },
    "429": (Fault(answer=http(429)), "pending", 3),
    "429 with a page": (Fault(answer=http(429, PAGE, "Retry-After: 0")), "pending", 3),
    # every other HTTP status may come from behind a gateway that went on
    **{
        f"{status}{with_page}": (Fault(answer=http(status, page)), "in_doubt", 1)
        for status in (402, 406, 408, 409, 410, 418, 500, 501, 502, 503, 504, 505, 599)
        for page, with_page in ((b"", ""), (PAGE, " with a page"))
    },
    "503 that asks to come back": (
        Fault(answer=http(503, b"", "Retry-After: 0")),
        "in_doubt",
        1,
    ),
    # the gateway's own status decides, whatever carries it
    "500 with an accepting answer": (Fault(answer=http(500, ACCEPTING)), "accepted", 1),
    "404 with an accepting answer": (Fault(answer=http(404, ACCEPTING)), "accepted", 1),
    "503 with a refusing answer": (Fault(answer=http(503, b"Status=110\n")), "refused", 1),
    "an accepting answer of no stated length": (Fault(answer=UNSIZED), "accepted", 1),
    "reset after the whole answer": (Fault(reset=True), "accepted", 1),
    "a slow answer": (Fault(drip_s=0.0), "accepted", 1),
}
"""The document is silent on all of these; the classes are the project's reading of §1.1: only what
cannot have been taken may go again."""


FULL_ONLY: Final = frozenset(
    name
    for name in TABLE
    if name.removesuffix(" with a page")
    in {"400", "401", "405", "414", "402", "406", "409", "410", "418", "501", "502", "505", "599"}
    or name in {"redirect 302", "redirect 307", "redirect 308", "429"}
    or name in {f"{status} with a page" for status in (403, 404, 408, 413, 503, 504)}
    or name in {"reset, one byte of the body read", "closed after half of the answer"}
)
"""Neighbours of others in the table, left to the whole sweep."""


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between tries, and time-outs that a test can wait for."""
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(GatewayClient.__init__, "__defaults__", (TIMEOUT_S, TIMEOUT_S))


def two_requests() -> mms.Plan:
    """Plan for six people, in requests of four."""
    contacts = pd.DataFrame({"m": [f"06123456{row:02d}" for row in range(6)]})
    prepared = mms.prepare(contacts, phone="m")
    return mms.plan(
        prepared, mms.Campaign("essai", mms.Text("Bonjour"), purpose="service"), chunk_size=FIRST
    )


def send(
    url: str, run: Path, on_doubt: Literal["stop", "continue"] = "stop", *, again: bool = False
) -> None:
    """Send to what a live account would be; trouble is found in the run's files."""
    account = mms.Account("demo", "demo", url)
    with suppress(mms.RunInDoubt, mms.RunStopped):
        plan = two_requests()
        mms.send(plan, account, run=run, max_recipients=6, on_doubt=on_doubt, again=again)


def outcomes(run: Path) -> list[str]:
    return mms.results(run)["mms_outcome"].tolist()


def attempts(run: Path) -> list[int]:
    """Return the attempts at the first request."""
    made = pd.read_parquet(run / "requests.parquet")
    return made.loc[made["request"] == 1, "attempt"].tolist()


def check_class(name: str, did: str, run: Path, *, resumed: bool) -> None:
    """Send through one fault and compare what is claimed with the table and the ledger."""
    fault, expected, tries = TABLE[name]
    goes_on = expected == "accepted"  # and the request behind it meets a sound gateway
    with (
        Sandbox(faults={0: f"process:{did}"}) as sandbox,
        front(sandbox, fault, only_first=goes_on) as server,
    ):
        send(server.url, run)
        ledger = [f"+{delivery.number}" for delivery in sandbox.ledger]
        posts = server.connections
    results = mms.results(run)
    assert [expected] * FIRST == results["mms_outcome"].tolist()[:FIRST]
    assert list(range(1, tries + 1)) == attempts(run)
    assert tries + goes_on == posts
    assert {"pending": 4, "in_doubt": 3, "accepted": 0, "refused": 4}[expected] == (
        mms.status(run).exit_code
    )
    if expected == "in_doubt":
        in_doubt = set(results.loc[results["mms_outcome"] == "in_doubt", "mms_e164"])
        assert set(ledger) <= in_doubt
        assert len(ledger) == len(set(ledger))
    if resumed and expected == "in_doubt":
        check_resuming(run)


def check_resuming(run: Path) -> None:
    """Resume, and find the others served and those in doubt left alone, whatever they got."""
    with Sandbox() as healed:
        with suppress(mms.RunInDoubt):
            mms.resume(run, mms.Account("demo", "demo", healed.url))
        ledger = [f"+{delivery.number}" for delivery in healed.ledger]
    assert mms.results(run)["mms_e164"].tolist()[FIRST:] == ledger
    assert ["in_doubt"] * FIRST + ["accepted"] * 2 == outcomes(run)


@pytest.mark.parametrize("name", [name for name in TABLE if name not in FULL_ONLY])
def test_the_class_of_a_fault(name: str, run: Path) -> None:
    """As the table says, with a gateway that served the first two before it failed."""
    check_class(name, "2", run, resumed=name.startswith("reset"))


@pytest.mark.full
@pytest.mark.parametrize("did", ["none", "all", "2"])
@pytest.mark.parametrize("name", TABLE)
def test_the_class_does_not_depend_on_what_the_gateway_did(name: str, did: str, run: Path) -> None:
    """Nothing and everything look the same from here."""
    check_class(name, did, run, resumed=True)


# ----- no connection -----------------------------------------------------------------------------


@contextmanager
def refused() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def unknown_name() -> Iterator[str]:
    yield "https://gateway.invalid"


@contextmanager
def full_backlog() -> Iterator[str]:
    """Listen and never accept: once the queue is full, connecting gets no reply at all."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def plain_behind_https() -> Iterator[str]:
    with Sandbox() as sandbox:
        yield sandbox.url.replace("http:", "https:")


@pytest.mark.parametrize("place", [refused, unknown_name, full_backlog, plain_behind_https])
def test_no_connection_means_not_sent(place: object, run: Path) -> None:
    """Refused, unknown, no reply, TLS not agreed: nothing left, so all of it may go later."""
    with place() as url:  # type: ignore[operator]  # a context manager of the four above
        send(url, run)
    assert ["pending"] * 6 == outcomes(run)
    assert 4 == mms.status(run).exit_code
    with Sandbox() as healed:
        mms.resume(run, mms.Account("demo", "demo", healed.url))
        assert 6 == len(healed.ledger)


def test_a_request_that_breaks_while_it_is_written_is_in_doubt() -> None:
    """Much larger than the socket's buffers, so that the writing itself fails."""
    fault = Fault(read=lambda _length: 1 << 16, reset=True)
    with Sandbox() as sandbox, front(sandbox, fault) as server:
        gateway = GatewayClient(mms.Account("demo", "demo", server.url), read_timeout_s=10)
        with pytest.raises(InDoubt, match="broke off"):
            gateway.send(b"x" * (32 << 20))


def test_going_on_after_a_doubt_ends_at_what_is_not_the_gateway(run: Path) -> None:
    """`on_doubt="continue"` passes a lost answer, not a stranger's."""
    fault = Fault(cut=HALF, reset=True)
    with Sandbox() as sandbox, front(sandbox, fault, only_first=True) as server:
        send(server.url, run, on_doubt="continue")
    assert ["in_doubt"] * FIRST + ["accepted"] * 2 == outcomes(run)
    stranger = Fault(answer=http(200, PAGE))
    with Sandbox() as sandbox, front(sandbox, stranger) as server:
        send(server.url, run.with_name("other"), on_doubt="continue", again=True)
    assert ["in_doubt"] * FIRST + ["pending"] * 2 == outcomes(run.with_name("other"))
