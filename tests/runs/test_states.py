"""Where a request is follows from its facts by one table, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from mmsbatch.errors import RunError
from mmsbatch.journal.facts import Event, Fact, FactKind
from mmsbatch.runs.states import TRANSITIONS, Request, State, fold, step

AT = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)

OK = b"Status=100\nIDs=<RECOVERIDS></RECOVERIDS>\n"
NO = b"Status=103\n"

SENDING = Fact(FactKind.SENDING, AT, 1, 1)
NOT_SENT = Fact(FactKind.NOT_SENT, AT, 1, 1, {"reason": "refused"})
BROKEN_OFF = Fact(FactKind.BROKEN_OFF, AT, 1, 1, {"reason": "reset"}, OK)


RELEASED = Fact(FactKind.VERDICT, AT, 1, 1, {"verdict": "resend", "reason": "credits"})
CONFIRMED = Fact(FactKind.VERDICT, AT, 1, 1, {"verdict": "sent", "reason": "a person"})


def answered(body: bytes, http_status: int = 200) -> Fact:
    return Fact(FactKind.ANSWER, AT, 1, 1, {"http_status": http_status}, body)


FACT_OF = {
    Event.SENDING: SENDING,
    Event.NOT_SENT: NOT_SENT,
    Event.NOTHING_PROVED: BROKEN_OFF,
    Event.ACCEPTED: answered(OK),
    Event.REFUSED: answered(NO),
    Event.RELEASED: RELEASED,
    Event.CONFIRMED: CONFIRMED,
}


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_is_in_the_table_or_is_damage(state: State, event: Event) -> None:
    """A step the table does not have is never taken silently."""
    request = Request(1, state)
    if (state, event) in TRANSITIONS:
        assert step(request, FACT_OF[event]).state is TRANSITIONS[state, event]
    else:
        with pytest.raises(RunError, match="the journal is damaged: request 1 is"):
            step(request, FACT_OF[event])


def test_only_what_was_never_taken_can_be_sent() -> None:
    """From the states in which people may have got the message, no step leads to sending."""
    assert {state for state, event in TRANSITIONS if event is Event.SENDING} == {
        State.PENDING,
        State.REFUSED,
    }


def test_only_a_verdict_lets_a_doubt_be_sent_again() -> None:
    """A doubt ends in a state that may be sent by proof of not leaving, or by a verdict."""
    ways = {
        event
        for (state, event), then in TRANSITIONS.items()
        if state is State.IN_DOUBT and then in {State.PENDING, State.REFUSED}
    }
    assert {Event.NOT_SENT, Event.REFUSED, Event.RELEASED} == ways


def test_a_verdict_keeps_what_came_of_the_attempt() -> None:
    """Released or confirmed, the attempt is counted, and its HTTP status stays to be read."""
    doubt = [SENDING, answered(b"", 504)]
    released = fold([*doubt, RELEASED], 1)[1]
    assert (State.PENDING, 1, "credits", 504) == (
        released.state,
        released.attempts,
        released.reason,
        released.http_status,
    )
    confirmed = fold([*doubt, CONFIRMED], 1)[1]
    assert (State.CONFIRMED, AT, None) == (
        confirmed.state,
        confirmed.sending_at,
        confirmed.answer,
    )


def test_an_unknown_verdict_is_damage() -> None:
    """Nothing is sent again for a word nobody knows."""
    unknown = Fact(FactKind.VERDICT, AT, 1, 1, {"verdict": "perhaps"})
    with pytest.raises(RunError, match="a verdict on request 1 says 'perhaps'"):
        fold([SENDING, unknown], 1)


@pytest.mark.parametrize(
    ("http_status", "body", "state"),
    [
        (200, b"Status=100\n", State.ACCEPTED),
        (200, b"Status=101\n", State.ACCEPTED),
        (200, b"Status=123\n", State.REFUSED),
        (200, b"Status=150\n", State.REFUSED),
        (200, b"Status=400\n", State.IN_DOUBT),
        (200, b"", State.IN_DOUBT),
        (200, b"<html>welcome</html>", State.IN_DOUBT),
        (500, b"", State.IN_DOUBT),
        (502, b"<html>bad gateway</html>", State.IN_DOUBT),
        (503, b"", State.IN_DOUBT),
        (504, b"", State.IN_DOUBT),
        (500, b"Status=102\n", State.REFUSED),
        (404, b"Status=100\n", State.ACCEPTED),
        (301, b"", State.PENDING),
        (400, b"", State.PENDING),
        (401, b"", State.PENDING),
        (403, b"", State.PENDING),
        (404, b"", State.PENDING),
        (405, b"", State.PENDING),
        (413, b"", State.PENDING),
        (414, b"", State.PENDING),
        (429, b"", State.PENDING),
        (407, b"", State.IN_DOUBT),
        (408, b"", State.IN_DOUBT),
        (418, b"", State.IN_DOUBT),
    ],
)
def test_a_reply_leads_where_the_table_of_events_says(
    http_status: int, body: bytes, state: State
) -> None:
    """The body decides; the HTTP status only if there is no answer in it."""
    assert fold([SENDING, answered(body, http_status)], 1)[1].state is state


def test_an_exchange_that_broke_off_claims_nothing() -> None:
    """Even bytes that read like an accepting answer prove nothing when the exchange broke off."""
    request = fold([SENDING, BROKEN_OFF], 1)[1]
    assert (request.state, request.answer) == (State.IN_DOUBT, None)


def test_a_crash_writes_nothing_and_leaves_the_request_in_doubt() -> None:
    """From the fact "sending" on, silence is doubt."""
    assert fold([SENDING], 2) == {
        1: Request(1, State.IN_DOUBT, 1, AT, "its answer is not known"),
        2: Request(2),
    }


def test_a_request_refused_and_sent_again_is_what_its_last_attempt_made_it() -> None:
    """Attempts are counted, and the newest decides."""
    request = fold([SENDING, answered(NO), Fact(FactKind.SENDING, AT, 1, 2), answered(OK)], 1)[1]
    assert (request.state, request.attempts) == (State.ACCEPTED, 2)


def test_a_fact_about_a_request_the_plan_does_not_have_is_damage() -> None:
    """Plan and journal belong together."""
    with pytest.raises(RunError, match="a fact about request 3, and the plan has 2"):
        fold([Fact(FactKind.SENDING, AT, 3, 1)], 2)
