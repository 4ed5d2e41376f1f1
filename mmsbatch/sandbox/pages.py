"""The inbox: what phones would show, request by request, as pages that work without a script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from mmsbatch.errors import InputError
from mmsbatch.sandbox.books import Books
from mmsbatch.sandbox.fault_rules import FaultRule, FaultRules
from mmsbatch.sandbox.faults import WORDS
from mmsbatch.sandbox.media_folder import MediaFolder
from mmsbatch.sandbox.store import MOST_COUNTED, Query

_HERE: Final = Path(__file__).parent
_SHOWN: Final = 6
"""Numbers of a request in a list of requests."""
_SMALL: Final = 5
"""Requests in a notebook's small inbox."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without one, a form's Origin would be null
    "Cache-Control": "no-store",
}
_HEARTBEAT_S: Final = 10.0
STREAM: Final = "mmsbatch.stream"
"""Key of the WSGI environment under which the server finds what it writes piece by piece."""

_ROUTES: Final = Map(
    [
        Rule("/", endpoint="inbox"),
        Rule("/requests/<int:number>", endpoint="request"),
        Rule("/phones/<int:phone>", endpoint="conversation"),
        Rule("/static/<name>", endpoint="static"),
        Rule("/media/<path:name>", endpoint="media"),
        Rule("/events", endpoint="events"),
        Rule("/faults", endpoint="add_fault", methods=["POST"]),
        Rule("/faults/<int:number>/remove", endpoint="remove_fault", methods=["POST"]),
        Rule("/clear", endpoint="clear", methods=["POST"]),
    ]
)


class Pages:
    """The pages over the books."""

    def __init__(self, books: Books, faults: FaultRules, media: MediaFolder) -> None:
        self.books = books
        self.faults = faults
        self.media = media

    def __call__(self, request: Request) -> Response:
        """Answer with a page; 404 if there is none of that name."""
        routes = _ROUTES.bind_to_environ(request.environ)
        try:
            endpoint, values = routes.match()
            page: Callable[..., Response] = getattr(self, f"_{endpoint}")
            response = page(request, **values)
        except HTTPException as error:
            return Response(f"{error.description or error.name}\n", error.code)
        response.headers.update(_HEADERS)
        return response

    # ----- looking -------------------------------------------------------------------------------

    def _inbox(self, request: Request) -> Response:
        query = Query.read(request.args)
        with self.books.lock:
            store = self.books.store()
            found = store.find(query, _page(request))
            campaigns = store.campaigns()
            places = {one.request: store.phones_of(one.request) for one in found.requests}
        return self._render(
            request,
            "inbox.html",
            query=query,
            found=found,
            campaigns=campaigns,
            places=places,
            faults=self.faults.listed(),
            examples=[example for _, example, _ in WORDS.values()],
        )

    def _request(self, request: Request, number: int) -> Response:
        with self.books.lock:
            store = self.books.store()
            found, places = store.request(number), store.phones_of(number)
        if found is None:
            raise NotFound(f"No request {number} has been received, or it was cleared.")
        received, raw = found
        return self._render(
            request,
            "request.html",
            r=received,
            raw=raw,
            xml=_shown(raw.xml, request) if raw else "",
            answer=_shown(raw.answer, request) if raw else "",
            places=places,
        )

    def _conversation(self, request: Request, phone: int) -> Response:
        with self.books.lock:
            conversation = self.books.store().conversation(phone, _page(request))
        if conversation is None:
            raise NotFound(f"No phone {phone} has got anything, or that was cleared.")
        number, found = conversation
        return self._render(request, "conversation.html", number=number, found=found)

    def _render(self, request: Request, name: str, **values: Any) -> Response:
        with self.books.lock:
            requests, messages = self.books.store().totals()
            credits_ = dict(self.books.credits)
        revealed = _revealed(request)
        html = (
            _templates()
            .get_template(name)
            .render(
                **values,
                credits=credits_,
                requests=requests,
                messages=messages,
                revealed=revealed,
                shown=_SHOWN,
                most=MOST_COUNTED,
                masked=str if revealed else masked,
                file_of=self.media.page_of,
                kept=lambda: "?reveal=1" if revealed else "",
                here=lambda **change: _link(request.path, {**request.args, **change}),
                link=lambda path, **given: _link(
                    path, {"reveal": 1 if revealed else None, **given}
                ),
            )
        )
        return Response(html, mimetype="text/html")

    def _static(self, _request: Request, name: str) -> Response:
        found = (_HERE / "static" / name).resolve()
        if found.parent != _HERE / "static" or not found.is_file():
            raise NotFound(f"There is no file {name!r}.")
        return _file(found)

    def _media(self, _request: Request, name: str) -> Response:
        found = self.media.file(name)
        if found is None:
            raise NotFound(f"There is no file {name!r} in the media folder.")
        return _file(found)

    def _events(self, request: Request) -> Response:
        """Tell of changes as they come (server-sent events)."""
        request.environ[STREAM] = self._stream()
        return Response(mimetype="text/event-stream")

    def _stream(self) -> Iterator[bytes]:
        seen = self.books.changes
        yield b"retry: 1000\n\n"
        while True:
            now = self.books.wait_for_change(seen, _HEARTBEAT_S)
            yield b": still here\n\n" if now == seen else b"event: received\ndata: %d\n\n" % now
            seen = now

    # ----- changing ------------------------------------------------------------------------------

    def _add_fault(self, request: Request) -> Response:
        form = request.form
        when, value = form.get("when", ""), form.get("value", "").strip()
        given: dict[str, Any] = {"do": form.get("do", "").strip()}
        if when == "next":
            given["next"] = True
        elif when in {"request", "every"}:
            given[when] = int(value) if value.isascii() and value.isdigit() else value or 0
        elif when:
            given[when] = value
        if when in {"number", "campaign"} and not value:
            return Response(f"say which {when}\n", 400)
        try:
            self.faults.add(FaultRule.read(given))
        except InputError as error:
            return Response(f"{error}\n", 400)
        return redirect("/#faults", 303)

    def _remove_fault(self, _request: Request, number: int) -> Response:
        self.faults.remove(number)
        return redirect("/#faults", 303)

    def _clear(self, _request: Request) -> Response:
        self.books.clear()
        return redirect("/", 303)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _file(found: Path) -> Response:
    kind = guess_type(found.name)[0] or "application/octet-stream"
    return Response(found.read_bytes(), mimetype=kind)


def _page(request: Request) -> int:
    given = request.args.get("page", "1")
    return max(1, int(given)) if given.isascii() and given.isdigit() and len(given) < 10 else 1  # noqa: PLR2004


def _revealed(request: Request) -> bool:
    return request.args.get("reveal") == "1"


def _link(path: str, given: Mapping[str, Any]) -> str:
    given = {name: value for name, value in given.items() if value not in (None, "")}
    given.pop("token", None)
    return f"{path}?{urlencode(given)}" if given else path


_DIGITS = re.compile(r"\d(?=(?:\D?\d){0,3}(?!\D?\d))")
_NUMBERS = re.compile(rb"(<MOBILEPHONE>[^<]*?|\b(?:\+?33|0)[67]\d{4})\d{4}(?=\b)")


def masked(number: str) -> str:
    """Hide the last four digits of a number, whatever its notation."""
    return _DIGITS.sub("•", number)


def _shown(content: bytes, request: Request) -> str:
    if not _revealed(request):
        content = _NUMBERS.sub(rb"\1????", content)
    return content.decode("utf-8", "replace").replace("????", "••••")


def small_inbox(books: Books, url: str) -> str:
    """Return a link to the inbox and its latest messages, as HTML for a notebook."""
    with books.lock:
        store = books.store()
        found, (_, messages) = store.find(Query()), store.totals()
    template = _templates().get_template("small.html")
    return template.render(
        url=url, latest=found.requests[:_SMALL], messages=messages, masked=masked
    )
