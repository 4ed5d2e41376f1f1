"""A plain client for the sandbox's tests: what a stranger with the document would write."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Final
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from mmsbatch.sandbox import Sandbox

SEND: Final = "/amsmodule.sendmms.v2.php"
ACCOUNT: Final = "/amsmodule.sendsms.v6.php"
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
ONE: Final = "33639980001"
TWO: Final = "33639980002"
THREE: Final = "33639980003"


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, read to its end."""

    http_status: int
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """The ``Key=value`` lines."""
        lines = self.body.decode().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def status(self) -> int:
        """The gateway's status."""
        return int(self.fields["Status"])


def flow(*numbers: str, **tags: str | None) -> str:
    """Write a text message's XML; ``tags`` replace or, as None, remove; ``raw`` is appended."""
    content: dict[str, str | None] = {"CLIENT": "DEMO", "MSGCLASS": "0", "MESSAGE": "Bonjour"}
    raw = tags.pop("raw", "")
    content |= tags
    phones = "".join(f"<MOBILEPHONE>{number}</MOBILEPHONE>" for number in numbers or (ONE,))
    written = "".join(
        f"<{tag}>{escape(text)}</{tag}>" for tag, text in content.items() if text is not None
    )
    return f"<DATA>{phones}{written}{raw}</DATA>"


def form(**fields: str | bytes) -> bytes:
    """Encode a form as PHP's ``urlencode`` does."""
    return "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items()).encode()


def call(
    sandbox: Sandbox | int, method: str, path: str, body: bytes | None = None, **headers: str
) -> Reply:
    """Make one HTTP request on a connection of its own, to a sandbox or a port."""
    port = sandbox if isinstance(sandbox, int) else sandbox.port
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, (FORM if body is not None else {}) | headers)
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def post(
    sandbox: Sandbox | int, xml: str | bytes, *, login: str = "demo", passcode: str = "demo"
) -> Reply:
    """Post a sending request."""
    return call(sandbox, "POST", SEND, form(clientcode=login, passcode=passcode, XMLFlow=xml))


def numbers_sent(sandbox: Sandbox) -> list[str]:
    """The numbers of the ledger, in the order sent."""
    return [delivery.number for delivery in sandbox.ledger]
