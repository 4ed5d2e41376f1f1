"""Facts: the lines of a journal, and what each says of its request. Pure (§2, §2.2).

A fact is what happened, and when. It is never changed; what it means is read anew whenever somebody
asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from mmsbatch import spec
from mmsbatch.errors import RunError, UnreadableAnswer
from mmsbatch.gateway.wire import Answer, decode_answer


class FactKind(StrEnum):
    """What a fact is about. The first ten are of the run, the others of one attempt."""

    OPENED = "opened"
    """The run was made for a plan: fingerprint, campaign, target, package version, its identity,
    the inodes of the files it was begun in, and the SHA-256 of the two that never change."""
    STARTED = "started"
    """A process began to send: pid and host, the execution's own word, the inodes, and its login;
    `logins` in its place where several accounts share the requests."""
    BALANCE = "balance"
    """What the account tool answered; about which `login`, where there are several."""
    JOINED = "joined"
    """A worker process began to send for an execution that another process drives: its name, and
    which of the execution's places it takes."""
    STOP = "stop"
    """A person asked that nothing more leaves: by whom."""
    STOPPED = "stopped"
    """The process ended: why, and what to do; nothing of both when it simply was done."""
    EVIDENCE = "evidence"
    """The account tool was asked about requests in doubt: what it said, and what that shows."""

    MOVED = "moved"
    """A person said that the run was moved to other files, and which those are: their inodes."""
    WRITTEN = "written"
    """The derived files were written: the SHA-256 of each."""
    FORGOTTEN = "forgotten"
    """A person was erased: how many rows and facts, and keyed seals of what stood there before."""

    SENDING = "sending"
    """A request is about to leave. Durable before its first byte does. Its `login`, where there are
    several."""
    NOT_SENT = "not_sent"
    """The attempt certainly did not leave."""
    BROKEN_OFF = "broken_off"
    """The exchange broke off; what had come of an answer is the fact's body."""
    ANSWER = "answer"
    """Something answered: its bytes are the fact's body, unread."""
    LATE = "late"
    """What came back to an attempt after it had been settled; it changes nothing."""
    VERDICT = "verdict"
    """An attempt in doubt was settled: `Verdict`, by whom, and on what evidence."""


ATTEMPT_KINDS: Final = frozenset(
    {FactKind.SENDING, FactKind.NOT_SENT, FactKind.BROKEN_OFF, FactKind.ANSWER}
)
"""What a sender records of an attempt; a verdict comes from elsewhere, and later."""


class Verdict(StrEnum):
    """How a doubt is settled."""

    SENT = "sent"
    """It was sent as a whole: never again."""
    RESEND = "resend"
    """It may be sent again."""


def stamp(at: datetime) -> datetime:
    """Return a time as facts carry it: UTC, to the millisecond."""
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)


@dataclass(frozen=True)
class Fact:
    """One line of the journal."""

    kind: FactKind
    at: datetime
    """UTC, to the millisecond."""
    request: int | None = None
    attempt: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)

    @cached_property
    def reading(self) -> Interpretation:
        """What the fact means to its request; an answer is read once, whoever asks."""
        return _reading(self)


class Event(StrEnum):
    """What a fact means to its request."""

    SENDING = "sending"
    NOT_SENT = "not_sent"
    NOTHING_PROVED = "nothing_proved"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    RELEASED = "released"
    CONFIRMED = "confirmed"


_NOT_TAKEN: Final = frozenset({400, 401, 403, 404, 405, 413, 414, 429}) | frozenset(range(300, 400))
"""HTTP statuses of a server that did not take the request: nothing of it was processed. All others
without a readable ``Status`` prove nothing: a 502 or 504 is what a long request looks like."""


_DOCUMENTED_RANGE: Final = range(100, 400)


@dataclass(frozen=True)
class Interpretation:
    """What an HTTP reply says of its request."""

    event: Event
    reason: str
    answer: Answer | None = None
    http_status: int | None = None


def interpret_reply(http_status: int | None, body: bytes) -> Interpretation:
    """Read an HTTP reply: the body decides, and the HTTP status only if there is no answer.

    Parameters
    ----------
    http_status
        ``None`` if the exchange broke off before there was one.
    body
        The bytes that came.

    Source: §2, §2.2.
    """
    try:
        answer = decode_answer(body)
    except UnreadableAnswer as error:
        if http_status in _NOT_TAKEN:
            return Interpretation(
                Event.NOT_SENT, f"HTTP {http_status}: not taken", http_status=http_status
            )
        return Interpretation(
            Event.NOTHING_PROVED, f"HTTP {http_status}: {error}", http_status=http_status
        )
    if answer.status not in _DOCUMENTED_RANGE:
        return Interpretation(
            Event.NOTHING_PROVED,
            f"status {answer.status} is not of the gateway's tables",
            http_status=http_status,
        )
    status = spec.sending_status(answer.status)
    event = Event.ACCEPTED if status.accepted else Event.REFUSED
    return Interpretation(
        event, f"{answer.status} {answer.text or status.text}".strip(), answer, http_status
    )


def _reading(fact: Fact) -> Interpretation:
    if fact.kind is FactKind.SENDING:
        worker = fact.data.get("worker")
        by = f" ({worker})" if worker else ""
        return Interpretation(Event.SENDING, f"its answer is not known{by}")
    if fact.kind is FactKind.NOT_SENT:
        return Interpretation(Event.NOT_SENT, str(fact.data.get("reason", "")))
    if fact.kind is FactKind.BROKEN_OFF:
        # What had come by then may be the head of an answer, or of another's: a broken exchange
        # proves nothing by itself, and the bytes are kept for whoever looks into it.
        return Interpretation(Event.NOTHING_PROVED, str(fact.data.get("reason", "")))
    if fact.kind is FactKind.VERDICT:
        return Interpretation(_settled(fact), str(fact.data.get("reason", "")))
    return interpret_reply(fact.data.get("http_status"), fact.body or b"")


_SETTLES: Final[Mapping[str, Event]] = {
    Verdict.SENT: Event.CONFIRMED,
    Verdict.RESEND: Event.RELEASED,
}


def _settled(fact: Fact) -> Event:
    word = str(fact.data.get("verdict"))
    if word not in _SETTLES:
        raise RunError(
            f"the journal is damaged: a verdict on request {fact.request} says {word!r}. "
            "Restore the run's folder from a copy"
        )
    return _SETTLES[word]


def read_account(body: bytes) -> Answer | None:
    """Read what the account tool said, if it is an answer at all (§3.2)."""
    try:
        return decode_answer(body)
    except UnreadableAnswer:
        return None


def answer_in(fact: Fact) -> Answer | None:
    """Return what the gateway or its account tool answered, if a fact holds that."""
    if fact.kind is FactKind.BALANCE:
        return read_account(fact.body or b"")
    return fact.reading.answer if fact.kind is FactKind.ANSWER else None


def without_unsent(facts: Sequence[Fact]) -> list[Fact]:
    """Return the facts about attempts, less those of attempts that certainly did not leave."""
    unsent = {(fact.request, fact.attempt) for fact in facts if fact.kind is FactKind.NOT_SENT}
    return [
        fact
        for fact in facts
        if fact.kind in ATTEMPT_KINDS and (fact.request, fact.attempt) not in unsent
    ]


# ----- whose account a fact is about -------------------------------------------------------------


def logins_in(started: Fact) -> tuple[str, ...]:
    """Return the logins that an execution used; none where its fact does not say."""
    several = started.data.get("logins")
    if several:
        return tuple(map(str, several))
    login = started.data.get("login")
    return () if login is None else (str(login),)


def with_logins(facts: Iterable[Fact]) -> Iterator[tuple[Fact, str]]:
    """Yield each fact with the login of the account that it is about.

    Empty where it is about none, or does not say. All facts of an attempt are about the account
    that it was claimed with.
    """
    only = ""
    claims: dict[tuple[int, int | None], str] = {}
    for fact in facts:
        login = ""
        if fact.kind is FactKind.STARTED:
            logins = logins_in(fact)
            only = logins[0] if len(logins) == 1 else ""
        elif fact.request is not None:
            attempt = (fact.request, fact.attempt)
            if fact.kind is FactKind.SENDING:
                claims[attempt] = str(fact.data.get("login") or only)
            login = claims.get(attempt, "")
        elif fact.kind in {FactKind.BALANCE, FactKind.EVIDENCE}:
            login = str(fact.data.get("login") or only)
        yield fact, login


def of_account(facts: Iterable[Fact], login: str) -> list[Fact]:
    """Return the facts without those that are about another account than this one."""
    return [fact for fact, whose in with_logins(facts) if whose in {"", login}]


def logins_of(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Return the logins that a run used, in the order in which they came."""
    started = (fact for fact in facts if fact.kind is FactKind.STARTED)
    return tuple(dict.fromkeys(login for fact in started for login in logins_in(fact)))
