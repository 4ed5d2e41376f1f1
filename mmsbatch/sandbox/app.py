"""The WSGI application: the gateway's two scripts and the sandbox's own pages. (§1.1, §2, §3).

It holds no socket: how the transport ends is left in the WSGI environment, for the server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request, Response

from mmsbatch.sandbox import protocol
from mmsbatch.sandbox.access import refusal, with_cookie
from mmsbatch.sandbox.api import Api
from mmsbatch.sandbox.books import Books
from mmsbatch.sandbox.checks import KINDS, Case, SandboxOptions, judge
from mmsbatch.sandbox.fault_rules import FaultRules
from mmsbatch.sandbox.faults import Ending, Fault, Page
from mmsbatch.sandbox.ledger import Batch, Media, Received
from mmsbatch.sandbox.media_folder import MediaFolder
from mmsbatch.sandbox.pages import Pages
from mmsbatch.sandbox.protocol import (
    AnswerFields,
    Flow,
    account_answer,
    as_shown,
    read_flow,
    read_form,
)
from mmsbatch.sandbox.store import Raw

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ENDING: Final = "mmsbatch.ending"
"""Key of the WSGI environment under which the server finds the :class:`Ending`."""

_FOLDERS: Final = ("", "/smsmod")  # §3.1 names both, interchangeably
_SEND_SCRIPTS: Final = {f"{folder}/amsmodule.sendmms.v2.php" for folder in _FOLDERS}
_ACCOUNT_SCRIPTS: Final = {
    f"{folder}/amsmodule.sendsms.{version}.php" for folder in _FOLDERS for version in ("v6", "v2")
}  # §3.1: v6 in the text, v2 in the example
_MAX_QUERY: Final = 1024  # §1.1, characters
_ACCEPTED: Final = (100, 101)


def _letters(*parts: object) -> str:
    """Ten small letters, the shape of the sample's CampaignID (§2); the same for the same parts."""
    number = int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest())
    return "".join(chr(97 + number // 26**place % 26) for place in range(10))


class GatewayApp:
    """A WSGI application over the books of its accounts."""

    def __init__(
        self,
        options: SandboxOptions,
        faults: FaultRules,
        books: Books,
        clock: Callable[[], datetime],
        *,
        media: MediaFolder,
        token: str = "",
    ) -> None:
        self.options = options
        self.faults = faults
        self.books = books
        self.clock = clock
        self.media = media
        self.token = token
        self.pages = Pages(books, faults, media)
        self.api = Api(books, faults)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one HTTP request."""
        request = Request(environ)
        path = environ["PATH_INFO"]
        if path in _SEND_SCRIPTS:
            response = self._script(request, self._send)
        elif path in _ACCOUNT_SCRIPTS:
            response = self._script(request, self._account)
        else:
            response = self._page(request, path)
        return response(environ, start_response)

    # ----- the gateway's scripts ---------------------------------------------------------------

    def _script(self, request: Request, script: Callable[[Request], Response]) -> Response:
        if request.method not in ("GET", "POST"):
            return Response("Method Not Allowed\n", 405, {"Allow": "GET, POST"})
        request.environ[ENDING] = Ending(delay_ms=self.options.latency_ms)
        if request.method == "GET" and len(request.environ["QUERY_STRING"]) > _MAX_QUERY:
            return Response("<h1>Request-URI Too Long</h1>\n", 414, mimetype="text/html")
        try:
            return script(request)
        except ClientDisconnected:  # the request itself was cut: nothing to process
            request.environ[ENDING] = Ending(close="after")
            return Response()

    def _send(self, request: Request) -> Response:
        arrival = self.books.arrive()
        fault = self.faults.at(arrival)
        form = None
        if fault is None and self.faults.look_inside:
            form = self._read(request, arrival)
            flow = read_flow(form.get("XMLFlow", b""), charset=self.options.charset, naive=False)
            fault = self.faults.of(flow.numbers, flow.campaign_name) if flow else None
        fault = fault or self.faults.of((), None) or Fault()
        latency_ms = self.options.latency_ms
        ending = replace(fault.ending, delay_ms=fault.ending.delay_ms + latency_ms)
        request.environ[ENDING] = ending
        entry = self._entry(arrival, request, fault.text)
        if ending.close == "before":
            self.books.log(entry)
            return Response()
        if form is None:
            form = self._read(request, arrival)
        answer, entry = self._process(form, fault, entry)
        if ending.close or fault.page is not None:
            entry = replace(entry, answered=None)
        response = _text(answer) if fault.page is None else _foreign(fault.page, request.path)
        written = b"" if ending.close else response.get_data()
        self.books.log(entry, Raw(_without_login(form.get("XMLFlow", b"")), written))
        return response

    def _entry(self, arrival: int, request: Request, fault: str) -> Received:
        return Received(self.books.before + arrival, self.clock(), request.method, fault)

    def _read(self, request: Request, arrival: int) -> dict[str, bytes]:
        try:
            return _form(request)
        except ClientDisconnected:
            self.books.log(self._entry(arrival, request, "request cut off by its sender"))
            raise

    def _process(
        self, form: dict[str, bytes], fault: Fault, entry: Received
    ) -> tuple[AnswerFields, Received]:
        """Judge, send, charge; then say so, as far as the fault lets it."""
        xml = form.get("XMLFlow", b"")
        options = fault.options(self.options)
        flow = read_flow(xml, charset=options.charset, naive=options.naive_xml)
        options = self._with_files(options, flow)
        login = _string(form, "clientcode")
        books = self.books
        with books.lock:  # between reading the credits and taking them nobody else may
            if fault.credits is not None and login in books.credits:
                books.credits[login] = fault.credits
            case = Case(
                options,
                login,
                _string(form, "passcode"),
                bool(xml.strip()),
                flow,
                books.credits.get(login, 0),
                entry.at,
            )
            status = judge(case)
            sent: tuple[str, ...] = ()
            if status in _ACCEPTED:
                sent = case.sorted_numbers[0][: fault.processed]
                if sent:
                    cost = len(sent) * options.cost_per_recipient
                    books.send(_batch(case, sent, entry), login, cost)
            # Of a login that no account has, the first's: the document does not say.
            credits_left = books.credits.get(login, books.credits[options.login])
        known = status in _ACCEPTED
        campaign_id = _letters(entry.request, entry.at) if known and options.pro else None
        answer = fault.answer(
            self._accepted(case, status, credits_left, campaign_id, entry)
            if known
            else protocol.refused(status, needed=case.cost, available=case.credits)
            if status == 104  # noqa: PLR2004  (the one status with figures, §2.2)
            else protocol.refused(status)
        )
        entry = replace(
            entry,
            verdict=status,
            answered=answer.status,
            login=login,
            campaign_id=campaign_id,
            delivered=len(sent),
            credits_left=credits_left,
        )
        return answer, entry if flow is None else _with_facts(entry, case, accepted=known)

    def _with_files(self, options: SandboxOptions, flow: Flow | None) -> SandboxOptions:
        """Add what the media folder holds of the media that a request names."""
        named = flow.media.values() if flow else ()
        found = ((medium.url, self.media.fact(medium.url)) for medium in named)
        facts = {url: fact for url, fact in found if fact is not None}
        return (
            options.model_copy(update={"media": {**options.media, **facts}}) if facts else options
        )

    @staticmethod
    def _accepted(
        case: Case, status: int, credits_left: int, campaign_id: str | None, entry: Received
    ) -> AnswerFields:
        numbers, refused = case.sorted_numbers
        ids = None
        if case.options.with_ids:
            ids = tuple(_letters(entry.request, entry.at, place) for place in range(len(numbers)))
        return protocol.accepted(
            status,
            credits_left=credits_left,
            numbers=numbers,
            refused=refused,
            campaign_id=campaign_id,
            ids=ids,
        )

    def _account(self, request: Request) -> Response:
        """Answer the account tool (§3)."""
        form = _form(request)
        options = self.options
        asked = _string(form, "info").strip().upper()
        login = _string(form, "clientcode")
        account = options.account(login)
        if account is None or _string(form, "passcode") != account.passcode.get_secret_value():
            answer = account_answer(102)
        elif not asked:
            # It is the SMS script: with XMLFlow it would send SMS, which no one here may.
            answer = account_answer(200 if form.get("XMLFlow", b"").strip() else 105)
        elif asked == login.upper():
            answer = (
                account_answer(options.active_status, credits_left=self.books.credits[login])
                if account.active
                else account_answer(303)
            )
        elif asked in {
            other.upper() for other in (*options.other_logins, *options.others, options.login)
        }:
            answer = account_answer(302)
        else:
            answer = account_answer(301)
        return _text(answer)

    # ----- the sandbox's own pages -------------------------------------------------------------

    def _page(self, request: Request, path: str) -> Response:
        if (refused := refusal(request, self.token)) is not None:
            return refused
        if path == "/sandbox/credits" and request.method == "POST":
            return self._top_up(request)
        if Api.has(path):
            return self.api(request)
        pages: dict[str, Callable[[], Response]] = {
            "/sandbox/about": self._about,
            "/sandbox/ledger": lambda: _json([sent.to_json() for sent in self.books.ledger()]),
            "/sandbox/requests": lambda: _json([one.to_json() for one in self.books.requests()]),
        }
        page = pages.get(path)
        if page is None:
            return with_cookie(request, self.token, self.pages(request))
        if request.method != "GET":
            return Response("Method Not Allowed\n", 405, {"Allow": "GET"})
        return page()

    def _about(self) -> Response:
        several = {"accounts": self.books.credits} if self.options.others else {}
        return _json(
            {
                "service": "mmsbatch sandbox",
                "login": self.options.login,
                "credits": self.books.credits[self.options.login],
                **several,
            }
        )

    def _top_up(self, request: Request) -> Response:
        body = request.get_json(silent=True)
        fields = body if isinstance(body, dict) else {}
        credits_left, login = fields.get("credits"), fields.get("login", self.options.login)
        if type(credits_left) is not int or login not in list(self.books.credits):
            return Response('Post JSON such as {"credits": 500}, with a "login" of mine.\n', 400)
        with self.books.lock:
            self.books.credits[login] = credits_left
        return self._about()


def _form(request: Request) -> dict[str, bytes]:
    """Read query and body; the body wins. A body that is no form has no fields (§1.3)."""
    form = read_form(request.environ["QUERY_STRING"].encode("latin-1"))
    body = request.get_data(cache=False)
    if request.method == "POST" and request.mimetype == "application/x-www-form-urlencoded":
        form.update(read_form(body))
    return form


def _string(form: dict[str, bytes], name: str) -> str:
    return form.get(name, b"").decode("utf-8", "replace")


def _batch(case: Case, sent: tuple[str, ...], entry: Received) -> Batch:
    return Batch(
        entry.request,
        sent,
        as_shown(case.sheet.message or "", case.options.newline),
        KINDS[case.sheet.msgclass or ""],
        _media(case),
        case.scheduled_for,
        entry.at,
    )


def _media(case: Case) -> tuple[Media, ...]:
    return tuple(
        Media(medium.tag, medium.url, None if medium.duration is None else int(medium.duration))
        for medium in case.media
    )


def _with_facts(entry: Received, case: Case, *, accepted: bool) -> Received:
    """Add what the request said; what only an accepted request can hold, only then."""
    sheet = case.sheet
    return replace(
        entry,
        campaign_name=sheet.campaign_name,
        mail_notif=sheet.mail_notif,
        kind=KINDS.get(sheet.msgclass or ""),
        message=None if sheet.message is None else as_shown(sheet.message, case.options.newline),
        media=_media(case) if accepted else (),
        scheduled_for=case.scheduled_for if accepted else None,
        numbers=sheet.numbers,
        refused=case.sorted_numbers[1],
    )


def _text(answer: AnswerFields) -> Response:
    return Response(answer.to_bytes(), content_type=answer.content_type)


def _foreign(page: Page, path: str) -> Response:
    response = Response(page.html, page.http_status, content_type="text/html")
    if page.retry_after_s is not None:
        response.headers["Retry-After"] = str(page.retry_after_s)
    if 300 <= page.http_status < 400:  # noqa: PLR2004  (back here: who follows it is seen)
        response.headers["Location"] = path
    return response


def _json(value: object) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), mimetype="application/json")


_CLIENT = re.compile(rb"<CLIENT>[^<]*</CLIENT>")


def _without_login(xml: bytes) -> bytes:
    return _CLIENT.sub("<CLIENT>…</CLIENT>".encode(), xml)


def utc_now() -> datetime:
    """The sandbox's clock: UTC, to the millisecond."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
