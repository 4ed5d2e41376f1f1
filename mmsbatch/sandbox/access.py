"""Who may look at the sandbox's pages: somebody at this machine, or who has the token. Pure."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

COOKIE = "mmsbatch-sandbox"
LEAST_TOKEN = 16
"""Characters of a token."""


def refusal(request: Request, token: str) -> Response | None:
    """Return what to answer instead of the page; nothing if it may be seen.

    Parameters
    ----------
    request
        Of a page of the sandbox's own.
    token
        Empty: the sandbox listens on loopback, and a page is asked for at a loopback address, so
        that no name that a web page has bent to this machine gets in.
    """
    if token:
        if not _has(request, token):
            told = "Give the token: ?token=… once, or the header Authorization: Bearer …\n"
            return Response(told, 401)
    elif not is_loopback(request.host):
        return Response("Ask for this page at its loopback address.\n", 403)
    # A page of another site may make a browser post here; it cannot hide where it is from.
    origin = request.headers.get("Origin")
    changes = request.method not in {"GET", "HEAD"}
    if changes and origin is not None and urlsplit(origin).netloc != request.host:
        return Response("That came from a page of another site.\n", 403)
    return None


def with_cookie(request: Request, token: str, response: Response) -> Response:
    """Remember a token that stood in the address."""
    if token and request.args.get("token"):
        response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
    return response


def _has(request: Request, token: str) -> bool:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    given = (request.args.get("token", ""), request.cookies.get(COOKIE, ""), bearer)
    return any(hmac.compare_digest(one.encode(), token.encode()) for one in given)


def is_loopback(host: str) -> bool:
    """Return whether the host that was asked for is this machine."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
