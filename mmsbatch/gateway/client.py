"""One POST to the gateway, and what its failure means: certainly not sent, or in doubt.

"Not sent" is exactly: the connection was never made (name unknown, refused, timed out, TLS not
agreed), so no byte of the request left. After that every failure leaves the request in doubt: a
reset before the body was read and one after it look the same from here.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPResponse
from typing import Any, Final, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from mmsbatch import hints, spec
from mmsbatch.campaign.readings import read_readings
from mmsbatch.errors import AccountError, InDoubt, NotSent
from mmsbatch.gateway import wire
from mmsbatch.gateway.account import Account, Target, is_loopback

_CONNECTIONS: Final = 256
"""As many as there can be requests under way at once."""

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 120.0
"""The gateway downloads the medium while it answers (§2.2, statuses 114-117), so it may be slow."""

TIMEOUTS_S: Final = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)

_HEADERS: Final = {
    "User-Agent": "mmsbatch",
    "Accept": "*/*",
    "Connection": "close",
    "Content-Type": "application/x-www-form-urlencoded",
}

SANDBOX_PATH: Final = "/sandbox/about"


@dataclass(frozen=True)
class HttpReply:
    """What came back over HTTP, read by nobody yet."""

    http_status: int
    body: bytes = field(repr=False)
    retry_after_s: float | None = None


class Interrupted(InDoubt):
    """The exchange broke off after the connection was made; `body` is what had come by then."""

    def __init__(self, message: str, body: bytes = b"", http_status: int | None = None) -> None:
        super().__init__(message)
        self.body = body
        self.http_status = http_status


@dataclass(frozen=True)
class GatewayClient:
    """The two endpoints, for one account.

    Parameters
    ----------
    account
        Its credentials travel in the body only, never in the address.
    connect_timeout_s, read_timeout_s
        Seconds to wait for a connection; seconds for the whole answer once connected. 0: what the
        file of readings says, else 10 and 120.
    """

    account: Account
    connect_timeout_s: float = field(default=0.0)
    read_timeout_s: float = field(default=0.0)

    def __post_init__(self) -> None:
        """Take the time-outs that are not given from where a person has set them."""
        known = read_readings(live=self.account.target is Target.LIVE)
        for name, usual in (
            ("connect_timeout_s", CONNECT_TIMEOUT_S),
            ("read_timeout_s", READ_TIMEOUT_S),
        ):
            value = getattr(self, name) or float(known.get(name, usual))
            object.__setattr__(self, name, value)

    @property
    def timeouts_s(self) -> tuple[float, float]:
        """To connect, and to be answered."""
        return self.connect_timeout_s, self.read_timeout_s

    def send(self, xml: bytes) -> HttpReply:
        """Post one request (§1.1).

        Raises
        ------
        NotSent
            The connection was never made.
        InDoubt
            Anything else went wrong: the request may have been sent, in whole or in part.
        """
        account = self.account
        form = wire.encode_form(xml, account.clientcode, account.passcode.get_secret_value())
        return self._post(spec.SEND_PATH, form)

    def account_info(self, login: str | None = None) -> HttpReply:
        """Ask the account tool about a login, the account's own by default (§3.1).

        Raises as `send` does.
        """
        account = self.account
        form = wire.encode_account_form(
            login or account.clientcode, account.clientcode, account.passcode.get_secret_value()
        )
        return self._post(spec.ACCOUNT_PATH, form)

    def check_sandbox(self) -> None:
        """Make sure that a sandbox account speaks to a sandbox, not through it to people.

        Raises
        ------
        AccountError
            Something answers there that does not say it is the sandbox gateway.
        NotSent, InDoubt
            As `send`; nothing of a campaign was in it.
        """
        if self.account.target is not Target.SANDBOX:
            return
        reply = self._exchange("GET", SANDBOX_PATH, None)
        if reply.http_status != requests.codes.ok or b'"mmsbatch sandbox"' not in reply.body:
            raise AccountError(
                f"{self.account.url} does not identify itself as the sandbox gateway: start one "
                f"with `{hints.sandbox()}`, or send live on purpose ({hints.option('live')})"
            )

    def _post(self, path: str, form: bytes) -> HttpReply:
        return self._exchange("POST", path, form)

    def _exchange(self, method: str, path: str, form: bytes | None) -> HttpReply:
        connection = _connection.renew(self.read_timeout_s)
        received = bytearray()
        response: requests.Response | None = None
        try:
            response = self._adapter.send(
                self._prepared(method, path, form),
                timeout=(self.connect_timeout_s, self.read_timeout_s),
                stream=True,
            )
            for chunk in response.iter_content(_BUFFER_BYTES):
                received += chunk
                if len(received) > wire.MAX_ANSWER_BYTES:
                    raise Interrupted(
                        f"{self.account.url} answered with more than "
                        f"{wire.MAX_ANSWER_BYTES} bytes: that is not the gateway",
                        bytes(received),
                        response.status_code,
                    )
        # OSError and ValueError too: requests lets some of the socket's and the header
        # parser's own errors through, and none of them may pass for "not sent".
        except (requests.RequestException, OSError, ValueError) as error:
            if not connection.made:
                raise NotSent(self._no_connection(error)) from None
            raise Interrupted(
                f"the exchange with {self.account.url} broke off: {_cause(error)}",
                bytes(received),
                response.status_code if response is not None else None,
            ) from None
        finally:
            if response is not None:
                response.close()
        return HttpReply(response.status_code, bytes(received), _retry_after_s(response))

    def _no_connection(self, error: BaseException) -> str:
        """Say in words why there is no connection, and what is to be looked at."""
        cause, host = _innermost(error), urlsplit(self.account.url).netloc
        if isinstance(cause, ConnectionRefusedError):
            reason = f"nothing listens at {host}"
            if is_loopback(self.account.url):
                port = urlsplit(self.account.url).port
                reason += f": start a sandbox there with `{hints.sandbox(port)}`"
        elif isinstance(cause, socket.gaierror):
            reason = f"the name {host} is not known: is the address right, and the network there?"
        elif isinstance(cause, TimeoutError):
            reason = f"{host} did not answer within {self.connect_timeout_s:g} s"
        else:
            reason = _cause(error)
        return f"no connection to {self.account.url}: {reason}"

    def _prepared(self, method: str, path: str, form: bytes | None) -> requests.PreparedRequest:
        """Return the request to be sent; all but its body is the same for every one of a kind."""
        template = self._templates.get(path)
        if template is None:
            template = requests.Request(method, self.account.url + path, _HEADERS).prepare()
            self._templates[path] = template
        prepared = template.copy()
        prepared.body = form
        prepared.prepare_content_length(form)
        return prepared

    @cached_property
    def _templates(self) -> dict[str, requests.PreparedRequest]:
        return {}

    @cached_property
    def _adapter(self) -> _Adapter:
        # Without a session: no environment (a proxy or a .netrc changes who answers), no
        # redirect, no cookies.
        return _Adapter()


def _cause(error: BaseException) -> str:
    """Name the innermost cause; never the request, whose body holds the passcode."""
    error = _innermost(error)
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _retry_after_s(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


# ----- one connection, and whether it was made ---------------------------------------------------


@dataclass
class _Connection(threading.local):
    """The connection of the exchange that this thread is in."""

    read_timeout_s: float = READ_TIMEOUT_S
    made: bool = False
    deadline_s: float = 0.0
    """On the monotonic clock: when the whole answer must have come."""

    def renew(self, read_timeout_s: float) -> Self:
        """Begin an exchange: there is no connection yet."""
        self.read_timeout_s, self.made = read_timeout_s, False
        return self

    def note(self) -> None:
        """Note that it stands."""
        self.made = True
        self.deadline_s = time.monotonic() + self.read_timeout_s


_connection = _Connection()


class _UntilDeadline(io.RawIOBase):
    """Reads a socket until the deadline: its own time-out begins anew with every drop of bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._stream = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = _connection.deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(
                f"the answer was not complete after {_connection.read_timeout_s:g} s"
            )
        self._socket.settimeout(left_s)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


_BUFFER_BYTES: Final = 1 << 16  # a whole answer of 200 numbers


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_UntilDeadline(sock), _BUFFER_BYTES)


class _New:
    """A connection that is made anew for each request, and noted when it stands.

    A kept one that the server has just closed fails in a way that cannot be told from a lost
    answer, which is worth a round trip; so one that a server leaves open is not used again.
    """

    _carried = False

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self._carried:
            self.close()  # type: ignore[attr-defined]  # a mixin for urllib3's connections
        self._carried = True
        super().request(*args, **kwargs)  # type: ignore[misc]

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        _connection.note()


class _Plain(_New, HTTPConnection):
    response_class = _Response


class _Secure(_New, HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(HTTPAdapter):
    """Notes the moment the connection stands: TCP, and TLS if there is."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=_CONNECTIONS, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
