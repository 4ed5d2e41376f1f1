"""The inbox as JSON, for tests in any language: described at ``/openapi.json``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from mmsbatch.errors import InputError
from mmsbatch.sandbox.books import Books
from mmsbatch.sandbox.fault_rules import FaultRule, FaultRules
from mmsbatch.sandbox.store import PAGE_SIZE, Query

_ROUTES: Final = Map(
    [
        Rule("/api/requests", endpoint="requests", methods=["GET"]),
        Rule("/api/requests", endpoint="clear", methods=["DELETE"]),
        Rule("/api/requests/<int:number>", endpoint="request", methods=["GET"]),
        Rule("/api/messages", endpoint="messages", methods=["GET"]),
        Rule("/api/campaigns", endpoint="campaigns", methods=["GET"]),
        Rule("/api/credits", endpoint="credits", methods=["GET"]),
        Rule("/api/credits", endpoint="set_credits", methods=["PUT"]),
        Rule("/api/faults", endpoint="faults", methods=["GET"]),
        Rule("/api/faults", endpoint="add_fault", methods=["POST"]),
        Rule("/api/faults", endpoint="clear_faults", methods=["DELETE"]),
        Rule("/api/faults/<int:number>", endpoint="remove_fault", methods=["DELETE"]),
        Rule("/openapi.json", endpoint="description", methods=["GET"]),
    ]
)


class Api:
    """The doors over the books."""

    def __init__(self, books: Books, faults: FaultRules) -> None:
        self.books = books
        self.faults = faults

    @staticmethod
    def has(path: str) -> bool:
        """Return whether a path is one of its own."""
        return path.startswith("/api/") or path == "/openapi.json"

    def __call__(self, request: Request) -> Response:
        """Answer in JSON, errors too: ``{"error": …}``."""
        try:
            endpoint, values = _ROUTES.bind_to_environ(request.environ).match()
            door: Callable[..., Any] = getattr(self, f"_{endpoint}")
            return _json(door(request, **values))
        except InputError as error:
            return _json({"error": str(error)}, 400)
        except HTTPException as error:
            return _json({"error": error.description or error.name}, error.code or 500)

    # ----- what was received ---------------------------------------------------------------------

    def _requests(self, request: Request) -> Any:
        with self.books.lock:
            found = self.books.store().find(Query.read(request.args), _number(request, "page", 1))
        return {
            "requests": [one.to_json() for one in found.requests],
            "page": found.page,
            "pages": found.pages,
            "total": found.total,
        }

    def _request(self, _request: Request, number: int) -> Any:
        with self.books.lock:
            found = self.books.store().request(number)
        if found is None:
            raise NotFound(f"no request {number}")
        received, raw = found
        kept = {} if raw is None else {"xml": _text(raw.xml), "answer": _text(raw.answer)}
        return {**received.to_json(), **kept}

    def _messages(self, request: Request) -> Any:
        """Return what one number got, latest first."""
        number = request.args.get("number", "")
        if not number:
            raise BadRequest("name a number: /api/messages?number=0639980001")
        with self.books.lock:
            store = self.books.store()
            phone = store.phone_of(number)
            conversation = (
                None if phone is None else store.conversation(phone, _number(request, "page", 1))
            )
        if conversation is None:
            return {"messages": [], "page": 1, "pages": 1, "total": 0}
        written, found = conversation
        keys = ("request", "at", "message", "kind", "media", "scheduled_for", "campaign_name")
        shown = [one.to_json() for one in found.requests]
        return {
            "messages": [{"number": written, **{key: one[key] for key in keys}} for one in shown],
            "page": found.page,
            "pages": found.pages,
            "total": found.total,
        }

    def _campaigns(self, _request: Request) -> Any:
        with self.books.lock:
            found = self.books.store().campaigns()
        names = ("campaign", "requests", "messages")
        return {"campaigns": [dict(zip(names, one, strict=True)) for one in found]}

    def _clear(self, _request: Request) -> Any:
        self.books.clear()
        return {"total": 0}

    # ----- what it plays -------------------------------------------------------------------------

    def _credits(self, _request: Request) -> Any:
        with self.books.lock:
            return dict(self.books.credits)

    def _set_credits(self, request: Request) -> Any:
        given = _body(request)
        with self.books.lock:
            for login, credits_ in given.items():
                if login not in self.books.credits or type(credits_) is not int or credits_ < 0:
                    known = ", ".join(self.books.credits)
                    raise InputError(
                        f'{login!r}: {credits_!r} – send {{"LOGIN": CREDITS}}, with a login of '
                        f"mine ({known}) and a whole number"
                    )
            self.books.credits.update(given)
            return dict(self.books.credits)

    def _faults(self, _request: Request) -> Any:
        listed = self.faults.listed().items()
        return {"faults": [{"id": number, **rule.to_json()} for number, rule in listed]}

    def _add_fault(self, request: Request) -> Any:
        rule = FaultRule.read(_body(request))
        return {"id": self.faults.add(rule), **rule.to_json()}

    def _remove_fault(self, request: Request, number: int) -> Any:
        if not self.faults.remove(number):
            raise NotFound(f"no fault {number}")
        return self._faults(request)

    def _clear_faults(self, request: Request) -> Any:
        self.faults.clear()
        return self._faults(request)

    def _description(self, _request: Request) -> Any:
        return DESCRIPTION


def _body(request: Request) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadRequest('send an object as JSON, such as {"do": "close:after", "next": true}')
    return body


def _number(request: Request, name: str, usual: int) -> int:
    given = request.args.get(name, str(usual))
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 10**9):
        raise BadRequest(f"{name} must be a whole number from 1 on, found {given!r}")
    return int(given)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), status, mimetype="application/json")


# ----- the description ---------------------------------------------------------------------------


def _parameter(name: str, what: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": "query", "description": what, "schema": {"type": kind}}


def _operation(what: str, *parameters: dict[str, Any], body: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": what,
        "responses": {
            "200": {
                "description": "as described",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "400": {"description": 'what was given cannot be used: {"error": …}'},
        },
    }
    if parameters:
        found["parameters"] = list(parameters)
    if body:
        schema = {"type": "object", "description": body}
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return found


_PAGE = _parameter("page", f"from 1; {PAGE_SIZE} on each", "integer")
_ID = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
DESCRIPTION: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {
        "title": "mmsbatch sandbox",
        "version": "1",
        "description": "What the sandbox gateway received, and what goes wrong with what it will.",
    },
    "paths": {
        "/api/requests": {
            "get": _operation(
                "Requests, newest first",
                _parameter("q", "a number in any notation, or words of messages and campaigns"),
                _parameter("campaign", "a campaign's name"),
                _parameter("status", "a status of the answer, or none where there was no answer"),
                _PAGE,
            ),
            "delete": _operation("Forget everything that was received"),
        },
        "/api/requests/{number}": {
            "parameters": [_ID],
            "get": _operation("One request, with its XML and its answer, without credentials"),
        },
        "/api/messages": {
            "get": _operation(
                "What one number got, latest first",
                {**_parameter("number", "in any notation"), "required": True},
                _PAGE,
            )
        },
        "/api/campaigns": {"get": _operation("Campaigns with their requests and messages")},
        "/api/credits": {
            "get": _operation("What each account has left, by login"),
            "put": _operation("Let accounts hold so many credits", body='{"LOGIN": CREDITS}'),
        },
        "/api/faults": {
            "get": _operation("The faults that hold, each with its id"),
            "post": _operation(
                "Add a fault",
                body='{"do": "close:after"} with one of "request": 3, "next": true, "every": 5, '
                '"number": "0639980001", "campaign": "noel"; without, every request',
            ),
            "delete": _operation("Remove every fault"),
        },
        "/api/faults/{number}": {"parameters": [_ID], "delete": _operation("Remove a fault")},
    },
}
