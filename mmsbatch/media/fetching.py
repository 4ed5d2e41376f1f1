"""A file fetched from an address that somebody else wrote: bounded in time and size, and public.

An address in a campaign file or a contact's cell may point into the company's own network. So the
server's addresses are looked at before anything is asked, the connection is made to one that was
looked at, and what a redirect names is looked at likewise.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

_MOST_REDIRECTS: Final = 3
_AT_ONCE: Final = 1 << 16
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_PORTS: Final = {"http": 80, "https": 443}
_EMBEDDING: Final = ipaddress.ip_network("64:ff9b::/96")
"""Holds any IPv4 address (RFC 6052), private ones too."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotFetched(Exception):  # noqa: N818  (a finding about a medium, not an error of the program)
    """Why nothing was fetched."""


@dataclass(frozen=True)
class Fetched:
    """What a server gave."""

    http_status: int
    content_type: str
    size: int | None
    """What the server says, else what came; None where only a part came and it did not say."""
    content: bytes = field(repr=False)
    """The file, or its beginning if it is longer than was asked for."""
    redirects: tuple[str, ...] = ()
    """Where it was sent on to."""


def fetch(url: str, *, most_bytes: int, seconds: float, allow_private: bool = False) -> Fetched:
    """Fetch a file.

    Parameters
    ----------
    url
        ``http://``; a redirect may lead to ``https://``.
    most_bytes
        No more is read.
    seconds
        For all of it, redirects included.
    allow_private
        Whether addresses may be asked that are not public: loopback, private networks, …

    Raises
    ------
    NotFetched
        Says why: no such server, one that is not public, no answer in time, too many redirects.
    """
    deadline = time.monotonic() + seconds
    redirects: list[str] = []
    while True:
        here = redirects[-1] if redirects else url
        try:
            found, onwards = _ask(here, most_bytes, deadline, allow_private)
        except (OSError, HTTPException, ValueError) as error:
            late = isinstance(error, TimeoutError) or time.monotonic() >= deadline
            why = f"it did not come within {seconds:g} seconds" if late else str(error)
            raise NotFetched(why or type(error).__name__) from None
        if not onwards:
            return replace(found, redirects=tuple(redirects))
        if len(redirects) == _MOST_REDIRECTS:
            raise NotFetched(f"sent on more than {_MOST_REDIRECTS} times")
        redirects.append(urljoin(here, onwards))


def _ask(url: str, most_bytes: int, deadline: float, allow_private: bool) -> tuple[Fetched, str]:
    """Ask one server; return what came, and where it sends on to, if it does."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise NotFetched(f"sent on to {url}, which is no http address")
    port = parts.port or _PORTS[parts.scheme]
    addresses = _addresses(parts.hostname, port, allow_private)
    with _connected(parts, port, addresses, deadline) as connection:
        headers = {"User-Agent": "mmsbatch", "Accept": "*/*", "Accept-Encoding": "identity"}
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        if answer.status in _REDIRECTS:
            return Fetched(answer.status, "", None, b""), answer.headers.get("Location", "")
        return _read(answer, most_bytes, deadline), ""


def _read(answer: HTTPResponse, most_bytes: int, deadline: float) -> Fetched:
    said = answer.length  # which counts down while it is read
    content = b""
    while len(content) <= most_bytes and (piece := answer.read(_AT_ONCE)):
        content += piece
    whole = len(content) <= most_bytes
    if whole and time.monotonic() >= deadline:  # it was cut, which looks like an end
        raise TimeoutError
    if whole and said is not None and len(content) < said:
        raise NotFetched(f"broke off after {len(content):,} of {said:,} bytes")
    kind = answer.headers.get_content_type() if "Content-Type" in answer.headers else ""
    return Fetched(answer.status, kind, len(content) if whole else said, content)


def _addresses(host: str, port: int, allow_private: bool) -> list[str]:
    """Look a server up; refuse it if any of its addresses is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotFetched(f"there is no server {host!r}") from None
    addresses = [str(address[0]) for *_, address in found]
    private = [one for one in addresses if not is_public(one)]
    if private and not allow_private:
        raise NotFetched(
            f"{host} is {private[0]}, which is not a public address: neither the gateway nor "
            "anybody outside of your network reaches it"
        )
    return addresses


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet, whatever it embeds."""
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        embedded = found.ipv4_mapped or found.sixtofour
        if found in _EMBEDDING:
            embedded = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if embedded is not None:
            found = embedded
    return found.is_global and not found.is_multicast


@contextmanager
def _connected(
    parts: SplitResult, port: int, addresses: list[str], deadline: float
) -> Iterator[HTTPConnection]:
    """Connect to the first address that answers; break everything off at the deadline."""
    connection = HTTPConnection(str(parts.hostname), port)
    errors: list[OSError] = []
    for address in addresses:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        try:
            connection.sock = _socket(parts, (address, port), left_s)
        except OSError as error:
            errors.append(error)
        else:
            break
    else:
        raise errors[0]
    # A time-out of the socket is for each read: a server may give a byte at a time for days.
    alarm = threading.Timer(max(deadline - time.monotonic(), 0), _cut, [connection.sock])
    alarm.daemon = True
    alarm.start()
    try:
        yield connection
    finally:
        alarm.cancel()
        connection.close()


def _socket(parts: SplitResult, address: tuple[str, int], seconds: float) -> socket.socket:
    plain = socket.create_connection(address, timeout=seconds)
    if parts.scheme == "http":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)


def _cut(open_socket: socket.socket) -> None:
    with suppress(OSError):  # closed meanwhile
        open_socket.shutdown(socket.SHUT_RDWR)
