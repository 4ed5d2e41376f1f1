"""A PostgreSQL server of the tests' own: in a temporary folder, on a loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PASSWORD: Final = "made-up-Pa55word"


class Cut:
    """A way to the server that can be cut, at once or at a message that goes by.

    Parameters
    ----------
    port
        Where the server listens.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._at: bytes = b""
        self._left = 0
        self._passed_on = False
        self._held: set[socket.socket] = set()
        self._answered = threading.Event()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, message: bytes, nth: int, *, passed_on: bool) -> None:
        """Cut when the client says something for the nth time; passed on to the server or not."""
        self._answered.clear()
        self._left, self._passed_on, self._at = nth, passed_on, message

    def close(self) -> None:
        """Take no more connections, and cut those there are."""
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._pairs.append((client, server))
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._copy, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if self._at and self._at in data:
                    self._left -= 1
                    if self._left == 0:
                        self._at = b""
                        self.cuts += 1
                        if self._passed_on:
                            self._held.add(server)
                            server.sendall(data)
                            client.settimeout(0.05)
                            while not self._answered.is_set():  # the message may come in pieces
                                with suppress(TimeoutError):
                                    server.sendall(client.recv(1 << 16))
                        self._cut()
                        return
                server.sendall(data)

    def _copy(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if server in self._held:  # the server has done it, and nobody is told
                    self._answered.set()
                    return
                client.sendall(data)


def programs() -> Path | None:
    """Where PostgreSQL's server programs are; None if it is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


class Cluster:
    """A server that can be stopped and started; `url` has a login that owns the database."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"postgresql+psycopg://mms:{PASSWORD}@127.0.0.1:{port}/journals"

    def make(self) -> None:
        """Make the cluster and its database."""
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        _own(self.folder)
        self._run("initdb", "-D", self._data, "-U", "mms", "-A", "scram-sha-256",
                  "--pwfile", str(password), "-E", "UTF8", "--locale", "C")  # fmt: skip
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "mms", "journals")

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
            " -c max_connections=100"
        )
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", self._data, "-l", log, "-o", settings, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: ``fast`` ends its connections, ``immediate`` is a crash."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def restart(self, mode: str = "fast") -> None:
        """Stop the server and start it."""
        self.stop(mode)
        self.start()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        where = programs()
        assert where is not None
        subprocess.run(
            [str(where / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env={**os.environ, "PGPASSWORD": PASSWORD},
            user=_server_user(),
            start_new_session=True,  # a Ctrl-C of the tests is not the server's
            preexec_fn=_mind_signals,
        )


def _mind_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _server_user() -> str | None:
    """The user that the server runs as, since it refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None


def _own(folder: Path) -> None:
    if user := _server_user():
        entry = pwd.getpwnam(user)
        for path in (folder, *folder.iterdir()):
            os.chown(path, entry.pw_uid, entry.pw_gid)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Make a cluster, and stop it at the end."""
    # Not below pytest's own folder: the server's user could not enter that.
    with tempfile.TemporaryDirectory(prefix="mmsbatch-postgres-") as folder:
        made = Cluster(Path(folder), free_port())
        made.make()
        try:
            yield made
        finally:
            made.stop("immediate")
