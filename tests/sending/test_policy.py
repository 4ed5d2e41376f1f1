"""The policy as a table: what follows each state a request can be left in."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mmsbatch import spec
from mmsbatch.gateway.wire import Answer
from mmsbatch.runs.report import Stop
from mmsbatch.runs.states import Request, State, may_go
from mmsbatch.sending import policy
from mmsbatch.sending.policy import AccountStop, GoOn, HoldBack, OnDoubt, TryAgain, decide

NEVER_CONNECTED = None


def refused(status: int) -> Request:
    return Request(7, State.REFUSED, 1, reason=str(status), answer=Answer(status, ""))


def not_sent(http_status: int | None = NEVER_CONNECTED) -> Request:
    return Request(7, State.PENDING, 1, reason="…", http_status=http_status)


def in_doubt(http_status: int | None) -> Request:
    return Request(7, State.IN_DOUBT, 1, reason="…", http_status=http_status)


RETRIED = (114, 116, 117)


@pytest.mark.parametrize("status", sorted({*spec.SENDING, 150, 399}))
def test_what_follows_each_status(status: int) -> None:
    """Only 114, 116 and 117 are tried again: the gateway refused before it sent, and may not."""
    known = spec.sending_status(status)
    if known.accepted:
        taken = Request(7, State.ACCEPTED, 1, answer=Answer(status, ""))
        assert decide(taken, tries=1) == GoOn()
        return
    first, last = (decide(refused(status), tries=tries) for tries in (1, policy.MAX_TRIES))
    assert isinstance(first, TryAgain) is (status in RETRIED)
    stops = {spec.Scope.NOTHING: GoOn, spec.Scope.CONTENT: HoldBack, spec.Scope.RUN: Stop}
    stops[spec.Scope.ACCOUNT] = AccountStop
    assert type(last) is stops[known.scope]


@pytest.mark.parametrize(
    ("http_status", "tried_again", "advice"),
    [
        (NEVER_CONNECTED, True, "check the network"),
        (429, True, "wait a while"),
        (301, False, "a proxy, a redirect"),
        (400, False, "check the gateway's address"),
        (401, False, "whether calls from this machine"),
        (403, False, "whether calls from this machine"),
        (404, False, "check the gateway's address"),
        (405, False, "check the gateway's address"),
        (413, False, "smaller chunk_size"),
        (414, False, "check the gateway's address"),
    ],
)
def test_what_follows_a_request_that_did_not_leave(
    http_status: int | None, tried_again: bool, advice: str
) -> None:
    """Again where the cause may pass by itself, a few times; then the run stops with advice."""
    first, last = (decide(not_sent(http_status), tries=tries) for tries in (1, policy.MAX_TRIES))
    assert isinstance(first, TryAgain) is tried_again
    assert isinstance(last, Stop)
    assert advice in last.what_to_do


@pytest.mark.parametrize("tries", range(1, 6))
@pytest.mark.parametrize("http_status", [None, 500, 502, 503, 504])
@pytest.mark.parametrize(("on_doubt", "follows"), [("stop", Stop), ("continue", GoOn)])
def test_what_is_in_doubt_is_never_tried_again(
    http_status: int | None, on_doubt: OnDoubt, follows: type, tries: int
) -> None:
    """Whatever the tries and the option: at most the others go on."""
    assert isinstance(decide(in_doubt(http_status), tries=tries, on_doubt=on_doubt), follows)


def test_what_is_not_the_gateway_stops_in_any_case() -> None:
    """HTTP 200 without an answer: somebody else would "answer" every further request."""
    assert isinstance(decide(in_doubt(200), tries=1, on_doubt="continue"), Stop)


@pytest.mark.parametrize(
    ("before", "now", "follows"),
    [
        (None, 106, HoldBack),
        (106, 106, Stop),
        (111, 106, HoldBack),
        (150, 151, Stop),
        (106, 150, HoldBack),
        (111, 111, HoldBack),
    ],
)
def test_two_of_a_kind_in_a_row_stop_the_run(before: int | None, now: int, follows: type) -> None:
    """Unreadable XML or an undocumented status, for one content after another: not the content."""
    assert isinstance(decide(refused(now), tries=1, refused_before=before), follows)


@pytest.mark.parametrize(
    ("tries", "asked", "pause"), [(1, None, 1.0), (2, None, 2.0), (1, 30.0, 30.0), (2, 0.0, 2.0)]
)
def test_pauses_double_and_obey_the_server(tries: int, asked: float | None, pause: float) -> None:
    """The longer of our pause and the server's wish, in seconds."""
    assert decide(not_sent(429), tries=tries, retry_after_s=asked) == TryAgain(pause)


def test_pauses_are_bounded() -> None:
    """A server that asks for an hour is not waited for so long."""
    assert decide(not_sent(429), tries=1, retry_after_s=3600.0) == TryAgain(policy.MAX_PAUSE_S)
    assert policy.pause_s(40) == policy.MAX_PAUSE_S


def test_credit_figures_are_shown() -> None:
    """104 says what was needed and what there was."""
    answer = Answer(104, "", needed=Decimal(200), available=Decimal(50))
    decision = decide(Request(7, State.REFUSED, 1, answer=answer), tries=1)
    assert isinstance(decision, Stop)
    assert "needed 200 credits, available 50" in decision.reason


def test_what_may_go_in_a_new_execution() -> None:
    """Pending, or refused for a cause that passes; never what is in doubt or was accepted."""
    passing = {code for code, status in spec.SENDING.items() if may_go(refused(code))}
    assert passing == {102, 103, 104, 105, 107, 114, 116, 117, 200}
    assert may_go(not_sent())
    assert not may_go(in_doubt(None))
    assert not may_go(Request(7, State.ACCEPTED, 1, answer=Answer(100, "")))
