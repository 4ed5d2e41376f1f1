"""What to do after an attempt: go on, try again, hold a content back, or stop. Pure (§2.2).

Policies decide; the sender acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from mmsbatch import spec
from mmsbatch.hints import RECONCILE
from mmsbatch.runs.report import Stop
from mmsbatch.runs.states import Request, State

MAX_TRIES: Final = 3
"""Attempts at one request in one execution, if nothing of the earlier ones can have left."""
FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 60.0

_TOO_MANY_REQUESTS: Final = 429
_UNREADABLE_XML: Final = range(105, 108)

OnDoubt = Literal["stop", "continue"]


@dataclass(frozen=True)
class GoOn:
    """The next request may go."""


@dataclass(frozen=True)
class TryAgain:
    """The same request may go once more, after a pause."""

    after_s: float


@dataclass(frozen=True)
class HoldBack:
    """Requests with the same message would be refused likewise; others may go."""

    reason: str
    what_to_do: str


@dataclass(frozen=True)
class AccountStop(Stop):
    """Nothing more may go with this account. The run stops if there is no other that can go on."""


Decision = GoOn | TryAgain | HoldBack | Stop


def decide(
    request: Request,
    *,
    tries: int,
    refused_before: int | None = None,
    retry_after_s: float | None = None,
    on_doubt: OnDoubt = "stop",
) -> Decision:
    """Decide what follows an attempt.

    Parameters
    ----------
    request
        Where the attempt left its request.
    tries
        How many attempts this execution has made at it, this one included.
    refused_before
        The status of the request before this one, if that was refused and held back.
    retry_after_s
        Seconds that the server asks to wait.
    on_doubt
        Whether the requests behind one in doubt may go.
    """
    if request.state is State.ACCEPTED:
        return GoOn()
    if request.state is State.REFUSED:
        return _refused(request, tries, refused_before)
    if request.state is State.IN_DOUBT:
        return _in_doubt(request, on_doubt)
    return _not_sent(request, tries, retry_after_s)


def pause_s(tries: int) -> float:
    """Return the pause after so many tries, in seconds: doubling, bounded."""
    return min(FIRST_PAUSE_S * 2.0 ** (tries - 1), MAX_PAUSE_S)


def held_back_by(request: Request) -> HoldBack | None:
    """Return why a refusal found earlier speaks against every request with the same message."""
    status = request.status
    if request.state is not State.REFUSED or status is None or status.passing:
        return None
    if status.scope is not spec.Scope.CONTENT:
        return None
    return HoldBack(_refusal(request), status.what_to_do)


def _refused(request: Request, tries: int, refused_before: int | None) -> Decision:
    status = request.status
    assert status is not None  # noqa: S101  (only an answer makes a request refused)
    if status.retry and tries < MAX_TRIES:
        return TryAgain(pause_s(tries))
    reason = _refusal(request)
    in_a_row = refused_before is not None and (
        _is_about_xml(status.code, refused_before) or _are_unknown(status.code, refused_before)
    )
    if status.scope is spec.Scope.RUN or in_a_row:
        return Stop(reason, status.what_to_do)
    if status.scope is spec.Scope.ACCOUNT:
        return AccountStop(reason, status.what_to_do)
    if status.scope is spec.Scope.CONTENT:
        return HoldBack(reason, status.what_to_do)
    return GoOn()


def _refusal(request: Request) -> str:
    return f"the gateway refused request {request.number}: {request.reason}{_figures(request)}"


def _is_about_xml(status: int, before: int) -> bool:
    return status in _UNREADABLE_XML and before in _UNREADABLE_XML


def _are_unknown(status: int, before: int) -> bool:
    return status not in spec.SENDING and before not in spec.SENDING


def _figures(request: Request) -> str:
    answer = request.answer
    if answer is None or answer.needed is None or answer.available is None:
        return ""
    return f" (needed {answer.needed} credits, available {answer.available})"


def _in_doubt(request: Request, on_doubt: OnDoubt) -> Decision:
    # An answer that is none comes from something that is not the gateway: it would "answer" every
    # further request, so going on is no option there.
    not_the_gateway = request.http_status == 200  # noqa: PLR2004
    if on_doubt == "continue" and not not_the_gateway:
        return GoOn()
    return Stop(
        f"request {request.number} is in doubt: {request.reason}",
        f"{RECONCILE} looks for evidence of what became of it; "
        "resuming sends the others and leaves it alone",
    )


def _not_sent(request: Request, tries: int, retry_after_s: float | None) -> Decision:
    status = request.http_status
    if tries < MAX_TRIES and (status is None or status == _TOO_MANY_REQUESTS):
        asked = min(retry_after_s, MAX_PAUSE_S) if retry_after_s is not None else 0.0
        return TryAgain(max(asked, pause_s(tries)))
    reason = f"request {request.number} was not sent: {request.reason}"
    if status in {401, 403}:  # the vendor checks addresses account by account, where asked to
        what = "ask the vendor whether calls from this machine's address are allowed, then resume"
        return AccountStop(reason, what)
    if status is None:
        what = "check the network and the gateway's address, then resume"
    elif status == _TOO_MANY_REQUESTS:
        what = "wait a while, then resume"
    elif status == 413:  # noqa: PLR2004
        what = "begin a new run with a smaller chunk_size"
    else:
        what = "check the gateway's address (a proxy, a redirect?), then resume"
    return Stop(reason, what)
