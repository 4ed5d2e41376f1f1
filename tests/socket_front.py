"""A server on real sockets in front of the sandbox: it decides what arrives, and what comes back.

Everything but the sending script is passed on unchanged. A request to the sending script is read,
as far as the fault says; processed by the sandbox, as far as its fault says; and answered with
whatever bytes the fault says.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from mmsbatch.sandbox import Sandbox
from mmsbatch.spec import SEND_PATH

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closed with an RST, at once


@dataclass(frozen=True)
class Fault:
    """What happens to requests to the sending script."""

    read: Callable[[int], int] | None = None
    """How many bytes of the body, given its length, are read before the end; None: all."""
    answer: bytes | None = None
    """What is written; None: what the sandbox says."""
    cut: Callable[[int], int] | None = None
    """How many bytes of the answer, given its length, are written; None: all."""
    reset: bool = False
    """End with a TCP reset, not with a close."""
    silent: bool = False
    """Keep the connection open after that, until the client goes."""
    drip_s: float | None = None
    """Pause between the bytes of the answer, in seconds."""


@dataclass
class Front:
    """The server while it runs; use `front`."""

    port: int
    connections: int = 0
    """Connections that posted to the sending script."""
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The gateway's address, for an account."""
        return f"http://127.0.0.1:{self.port}"


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """Write an HTTP answer."""
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def front(sandbox: Sandbox, fault: Fault, *, only_first: bool = False) -> Iterator[Front]:
    """Serve in front of a sandbox; `only_first` heals the fault after the first request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.02)
        made = Front(listener.getsockname()[1])

        def serve(connection: socket.socket) -> None:
            # Whoever breaks off here is the client under test.
            with connection, suppress(ConnectionError, TimeoutError):
                connection.settimeout(20)
                _serve(connection, sandbox, fault, made, only_first=only_first)

        def accept() -> None:
            while not made.stopping.is_set():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=(connection,)).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield made
        finally:
            made.stopping.set()
            thread.join()


def _serve(
    connection: socket.socket, sandbox: Sandbox, fault: Fault, made: Front, *, only_first: bool
) -> None:
    with connection.makefile("rb") as stream:
        head = b"".join(iter(stream.readline, b"\r\n")) + b"\r\n"
        length = sum(
            int(line.partition(b":")[2])
            for line in head.splitlines()
            if line.lower().startswith(b"content-length:")
        )
        if f" {SEND_PATH} ".encode() not in head.splitlines()[0]:
            connection.sendall(_ask(sandbox, head + stream.read(length)))
            return
        made.connections += 1
        if only_first and made.connections > 1:
            connection.sendall(_ask(sandbox, head + stream.read(length)))
            return
        if fault.read is not None:
            stream.read(fault.read(length))
            _end(connection, fault)
            return
        said = _ask(sandbox, head + stream.read(length))
    said = said if fault.answer is None else fault.answer
    said = said if fault.cut is None else said[: fault.cut(len(said))]
    if fault.drip_s is None:
        connection.sendall(said)
    else:
        for place in range(len(said)):
            connection.sendall(said[place : place + 1])
            if made.stopping.wait(fault.drip_s):
                return
    if fault.silent:
        connection.recv(1)
    _end(connection, fault)


def _end(connection: socket.socket, fault: Fault) -> None:
    if fault.reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def _ask(sandbox: Sandbox, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=20) as inner:
        inner.sendall(request)
        return b"".join(iter(lambda: inner.recv(1 << 16), b""))
