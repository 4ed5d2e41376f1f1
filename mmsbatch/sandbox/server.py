"""The sandbox as a process-local HTTP server: sockets, threads, endings. Loopback only. (§1.1).

It reads requests as loosely as the vendor's own example writes them, and ends them as a fault asks.
"""

from __future__ import annotations

import io
import re
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Semaphore, Thread
from typing import Any, ClassVar, Self

from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer, WSGIRequestHandler

from mmsbatch.errors import InputError
from mmsbatch.sandbox.access import LEAST_TOKEN, is_loopback
from mmsbatch.sandbox.app import ENDING, GatewayApp, utc_now
from mmsbatch.sandbox.books import Books
from mmsbatch.sandbox.checks import SandboxOptions
from mmsbatch.sandbox.fault_rules import FaultRule, FaultRules
from mmsbatch.sandbox.faults import Ending, Fault, parse_faults
from mmsbatch.sandbox.ledger import Delivery, Received
from mmsbatch.sandbox.media_folder import MediaFolder
from mmsbatch.sandbox.pages import STREAM, small_inbox


class Server(ThreadedWSGIServer):
    """Hands each connection to a thread that has ended its last one, or to a new one.

    A new one for each would take longer to begin than most answers take, and no other connection
    is accepted meanwhile: a latency asked for could not be kept.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._connections: SimpleQueue[tuple[Any, Any] | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._kept = 0
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Find a thread for a connection; called by one thread only."""
        self._connections.put((request, client_address))
        if not self._idle.acquire(blocking=False):
            self._kept += 1
            Thread(target=self._work, name="mmsbatch-sandbox-connection", daemon=True).start()

    def server_close(self) -> None:
        """Close the port and let the threads end, each after its connection."""
        super().server_close()
        for _ in range(self._kept):
            self._connections.put(None)

    def _work(self) -> None:
        while (connection := self._connections.get()) is not None:
            self.process_request_thread(*connection)
            self._idle.release()


_BLANK_BEFORE_COLON = re.compile(rb"\A([!-9;-~]+)[ \t]+:")
_MAX_LINE = 65_536
_MAX_HEADERS = 100
_DRIP_BYTES = 16
_LINGER_S = 1.0
_LAST_PORT = 65_535


class _Handler(WSGIRequestHandler):
    """One request a connection; closed as its ending says."""

    protocol_version = "HTTP/1.1"
    stopping: ClassVar[Event]
    released: ClassVar[Event]

    def setup(self) -> None:
        """Note when the connection came: a gateway's latency is all that its client waits for."""
        self._connected_s = time.monotonic()
        super().setup()

    def parse_request(self) -> bool:
        """Read the head as §1.1 writes it: bare newlines, a blank before a colon."""
        head = io.BytesIO()
        for _ in range(_MAX_HEADERS + 1):
            line = self.rfile.readline(_MAX_LINE + 1)
            head.write(_BLANK_BEFORE_COLON.sub(rb"\1:", line))
            if line in (b"\r\n", b"\n", b""):
                break
        head.seek(0)
        rest, self.rfile = self.rfile, head
        try:
            return super().parse_request()
        finally:
            self.rfile = rest

    def run_wsgi(self) -> None:
        """Run the application whole, then write its answer and end the connection."""
        self.close_connection = True
        environ = self.make_environ()
        head: list[str] = []
        body: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _: object = None
        ) -> Callable[[bytes], object]:
            head[:] = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
            return body.append

        body.extend(self.server.app(environ, start_response))
        if (stream := environ.get(STREAM)) is not None:
            self._pour(head, stream)
            return
        ending: Ending = environ.get(ENDING, Ending())
        if ending.stall:
            self.released.wait()
        if ending.delay_ms:  # the work done since is part of it
            left_s = self._connected_s + ending.delay_ms / 1000 - time.monotonic()
            self.stopping.wait(max(0.0, left_s))
        with suppress(OSError):  # a client that has gone has no answer to miss
            if not ending.close and not self.stopping.is_set():
                self._write(head, b"".join(body), ending)
            self._end(ending)

    def _pour(self, head: list[str], stream: Iterable[bytes]) -> None:
        """Write an answer piece by piece, until its reader goes or the sandbox stops."""
        head = [line for line in head if not line.startswith("Content-Length")]
        with suppress(OSError):
            self.connection.sendall("\r\n".join([*head, "Connection: close", "", ""]).encode())
            for piece in stream:
                if self.stopping.is_set():
                    return
                self.connection.sendall(piece)

    def _write(self, head: list[str], body: bytes, ending: Ending) -> None:
        if not ending.sized:
            head = [line for line in head if not line.startswith("Content-Length")]
        head = [*head, "Server: mmsbatch-sandbox", "Connection: close", "", ""]
        payload = "\r\n".join(head).encode("latin-1") + body[: ending.cut_bytes]
        if ending.drip_ms is None:
            self.connection.sendall(payload)
            return
        for start in range(0, len(payload), _DRIP_BYTES):
            self.connection.sendall(payload[start : start + _DRIP_BYTES])
            if self.stopping.wait(ending.drip_ms / 1000):
                return

    def _end(self, ending: Ending) -> None:
        if ending.reset:  # closed for good at once, so that no FIN goes before the RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.socket(fileno=self.connection.detach()).close()
        elif ending.close != "before":
            # Bytes left unread, such as the surplus newline of §1.1, would turn the close into a
            # reset, which can destroy the answer on its way. So wait for the client's end.
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER_S)
            while not self.stopping.is_set() and self.connection.recv(_MAX_LINE):
                pass

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Say nothing: requests are in the inbox."""


def _address(host: str, token: str) -> str:
    if token and len(token) < LEAST_TOKEN:
        raise InputError(
            f"a token has at least {LEAST_TOKEN} characters, so that nobody guesses it"
        )
    if host == "localhost":
        return "127.0.0.1"
    if is_loopback(host) or token:
        return host
    raise InputError(
        f"host {host!r}: without a token the sandbox listens on this machine only. Use "
        "'127.0.0.1', leave it out, or give a token."
    )


def _bind(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise InputError(f"port {port}: a port is from 1 to {_LAST_PORT}, or 0 for any free one.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BaseWSGIServer.request_queue_size)
    except OSError as error:
        listener.close()
        raise InputError(
            f"port {port} on {host} cannot be used ({error.strerror}). Stop the program that has "
            "it, choose another port, or use 0 for any free one."
        ) from error
    return listener


class Sandbox:
    """The gateway of the document on loopback, which sends nothing and remembers everything.

    The port is bound when this is made; requests are answered from :meth:`start`, ``with`` or
    :meth:`serve_forever` on.

    Parameters
    ----------
    port
        0 takes any free one; see :attr:`port`.
    host
        A loopback address; with a `token`, any of this machine's.
    options
        The account and the reading of the document it plays.
    faults
        What goes wrong with which request to the sending script, numbered from 1 as they arrive:
        ``{3: "close:after"}``; key 0 (``EVERY``) for those without one. See
        :mod:`mmsbatch.sandbox.faults`.
    rules
        Further faults, by what is in a request; see :mod:`mmsbatch.sandbox.fault_rules`.
    ledger_file
        A SQLite file, made if it is not there, in which everything is kept before the answer
        leaves: it outlives a killed process, and the pages show it again. Read the messages with
        :func:`read_ledger`.
    media_folder
        Files that the sandbox finds under ``http://www.sandbox.invalid/NAME`` and its pages show.
    token
        What opens the pages: needed where they can be reached from other machines.
    clock
        Gives the present, aware; for tests.

    Raises
    ------
    InputError
        The host is not loopback and there is no token, the port is taken or none, the ledger file
        cannot be used, the media folder is none, or a fault has an unknown word.

    Examples
    --------
    >>> with Sandbox(faults={3: "close:after"}) as sandbox:
    ...     sandbox.credits
    100000
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        options: SandboxOptions | None = None,
        faults: Mapping[int, Fault | str] | Iterable[str] = (),
        rules: Iterable[FaultRule] = (),
        ledger_file: str | Path | None = None,
        media_folder: str | Path | None = None,
        token: str = "",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.options = options or SandboxOptions()
        self.faults = FaultRules(parse_faults(faults), rules)
        media = MediaFolder(Path(media_folder) if media_folder else None)
        self._host = _address(host, token)
        listener = _bind(self._host, port)
        try:
            others = {login: one.credits for login, one in self.options.others.items()}
            credits_ = {**others, self.options.login: self.options.credits}
            self._books = Books(credits_, Path(ledger_file) if ledger_file else None)
        except InputError:
            listener.close()
            raise
        self._stopping, self._released = Event(), Event()
        handler = type(
            "Handler", (_Handler,), {"stopping": self._stopping, "released": self._released}
        )
        with listener:  # the server has its own handle of it
            self._server = Server(
                self._host,
                port,
                GatewayApp(self.options, self.faults, self._books, clock, media=media, token=token),
                handler,
                fd=listener.fileno(),
            )
        self._thread: Thread | None = None
        self._serving = False

    def __repr__(self) -> str:
        """Name the address; no credential."""
        return f"Sandbox({self.url!r})"

    def _repr_html_(self) -> str:
        """Show a link and the latest messages in a notebook, numbers masked."""
        return small_inbox(self._books, self.url)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    @property
    def url(self) -> str:
        """The address to use as the gateway's: ``http://127.0.0.1:PORT``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def credits(self) -> int:
        """Credits the account holds now. Set it to top the account up."""
        return self._books.credits[self.options.login]

    @credits.setter  # noqa: A003  (the site module's ``credits`` is no name to protect)
    def credits(self, value: int) -> None:
        self.top_up(self.options.login, value)

    def credits_of(self, login: str) -> int:
        """Return what an account holds now."""
        return self._books.credits[login]

    def top_up(self, login: str, credits: int) -> None:  # noqa: A002  (as the option is called)
        """Let an account hold so many credits."""
        with self._books.lock:
            self._books.credits[login] = credits

    @property
    def ledger(self) -> tuple[Delivery, ...]:
        """Every message truly sent or scheduled, in the order it was."""
        return self._books.ledger()

    @property
    def requests(self) -> tuple[Received, ...]:
        """Every request to the sending script that was dealt with, by number."""
        return self._books.requests()

    def wait_for(self, count: int, timeout_s: float = 10.0) -> bool:
        """Wait until ``count`` requests were dealt with (answered or not).

        Returns
        -------
        bool
            False when ``timeout_s`` seconds passed first.
        """
        return self._books.wait_for(count, timeout_s)

    def release(self) -> None:
        """Let requests with the fault ``stall`` be answered, those to come included."""
        self._released.set()

    def start(self) -> Self:
        """Answer requests in a daemon thread."""
        if self._thread is None:
            self._serving = True
            self._thread = Thread(target=self.serve_forever, name="mmsbatch-sandbox", daemon=True)
            self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Answer requests in this thread until :meth:`stop` or Ctrl-C."""
        self._serving = True
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """Stop answering and free the port; waiting requests are closed without an answer."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._released.set()
        self._books.wake()
        if self._serving:
            self._server.shutdown()
        if self._thread is not None:
            self._thread.join()
        self._server.server_close()
        self._books.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


_embedded: Sandbox | None = None
_embedded_lock = Lock()


def embedded() -> Sandbox:
    """Return this process's own sandbox, with the default options; started when first asked for."""
    global _embedded  # noqa: PLW0603  (one for the process is its meaning)
    with _embedded_lock:
        if _embedded is None or _embedded._stopping.is_set():  # noqa: SLF001  (same module)
            _embedded = Sandbox().start()
        return _embedded
