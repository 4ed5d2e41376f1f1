"""Where a process is killed: names for the moments of a send, put in place by patching.

Only ever installed in a child that was forked to die (`crash_driver`). The moments lie around
every step that another process, or the next one, can see: facts, the lock, the socket, the files.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.journal.journal import Journal, NumberedFact, Transaction

# The 1,000-row plan has an answer of 11 kB: read in pieces of 2 kB it has a middle.
_PIECE_BYTES = 2048
_HALF_ANSWER_BYTES = 3 * _PIECE_BYTES


class Points:
    """Counts the moments as they pass, and kills the process at one of them.

    Parameters
    ----------
    name, nth
        Die when `name` comes for the `nth` time; an empty name only keeps the trace.
    """

    def __init__(self, name: str = "", nth: int = 1) -> None:
        self._death = (name, nth)
        self._passed: Counter[str] = Counter()
        self._counting = threading.RLock()
        self.trace: list[str] = []
        self._exchange = threading.local()

    def at(self, name: str) -> None:
        """Pass a moment, or do not survive it."""
        with self._counting:
            self._passed[name] += 1
            self.trace.append(name)
            if (name, self._passed[name]) == self._death:
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """Name the moments before and after a step that succeeds."""
        self.at(f"before {name}")
        yield
        self.at(f"after {name}")

    def doomed(self, name: str) -> bool:
        """Return whether the process is to die when this moment comes next."""
        return self._death == (name, self._passed[name] + 1)

    # ----- putting them in place -----------------------------------------------------------------

    def install(self) -> None:
        """Patch this process; there is no way back."""
        self._facts()
        self._wire()
        self._files()

    def _facts(self) -> None:
        append, alone = Journal._append, Journal._alone

        def appended(
            journal: Journal, moment: Transaction, facts: Sequence[Fact]
        ) -> list[NumberedFact]:
            if not facts:
                return append(journal, moment, facts)
            name = "fact " + " and ".join(fact.kind for fact in facts)
            self.at(f"before {name}")
            recorded = append(journal, moment, facts)
            self.at(f"within {name}")  # written, and not yet durable
            return recorded

        def recorded(
            journal: Journal, choose: Callable[[Transaction], Sequence[Fact]]
        ) -> list[NumberedFact]:
            numbered = alone(journal, choose)
            if numbered:
                facts = [fact for _, fact in numbered]
                self.at("after fact " + " and ".join(fact.kind for fact in facts))
                # What goes over the wire between these facts is the request itself.
                self._exchange.of_a_request = facts[-1].kind is FactKind.SENDING
                self._exchange.received = 0
            return numbered

        setattr(Journal, "_append", appended)  # noqa: B010  (mypy knows better than to assign)
        setattr(Journal, "_alone", recorded)  # noqa: B010

    def _wire(self) -> None:
        connect, sendall, recv_into = (
            socket.socket.connect,
            socket.socket.sendall,
            socket.socket.recv_into,
        )
        exchange = self._exchange

        def connected(own: socket.socket, address: Any) -> None:
            if not getattr(exchange, "of_a_request", False):
                return connect(own, address)
            with self.around("connecting"):
                return connect(own, address)

        def sent(own: socket.socket, data: Any, *flags: int) -> None:
            if not getattr(exchange, "of_a_request", False):
                return sendall(own, data, *flags)
            part = "head" if bytes(data[:5]) == b"POST " else "body"
            middle = len(data) // 2
            sendall(own, data[:middle], *flags)
            self.at(f"within {part}")
            sendall(own, data[middle:], *flags)
            self.at(f"after {part}")
            return None

        def received(own: socket.socket, buffer: Any, size: int = 0, *flags: int) -> int:
            if not getattr(exchange, "of_a_request", False):
                return recv_into(own, buffer, size, *flags)
            count = recv_into(own, buffer, min(size or len(buffer), _PIECE_BYTES), *flags)
            before, exchange.received = exchange.received, exchange.received + count
            if before == 0 < count:
                self.at("after first bytes of answer")
            if before < _HALF_ANSWER_BYTES <= exchange.received:
                self.at("within answer")
            return count

        patched: dict[str, Callable[..., Any]] = {
            "connect": connected,
            "sendall": sent,
            "recv_into": received,
        }
        for name, function in patched.items():
            setattr(socket.socket, name, function)

    def _files(self) -> None:
        write_table, replace, rename = pq.write_table, Path.replace, Path.rename
        fsync, mkdtemp, flock, pwrite = os.fsync, tempfile.mkdtemp, fcntl.flock, os.pwrite

        def half_written(table: Any, path: Path) -> None:
            write_table(table, path)
            name = f"within {_target(path)}"
            if self.doomed(name):
                os.truncate(path, path.stat().st_size // 2)
            self.at(name)

        def replaced(path: Path, target: Path) -> Path:
            with self.around(f"replacing {target.name}"):
                return replace(path, target)

        def renamed(path: Path, target: Path) -> Path:
            with self.around("naming the folder"):
                return rename(path, target)

        def synced(handle: int) -> None:
            fsync(handle)
            self.at("after fsync")

        def made(*args: Any, **options: Any) -> str:
            with self.around("making the folder"):
                return str(mkdtemp(*args, **options))

        def locked(handle: int, operation: int) -> None:
            with self.around("locking"):
                flock(handle, operation)

        def named(handle: int, data: bytes, offset: int) -> int:
            with self.around("signing the lock"):
                return pwrite(handle, data, offset)

        for owner, name, function in (
            (pq, "write_table", half_written),
            (Path, "replace", replaced),
            (Path, "rename", renamed),
            (os, "fsync", synced),
            (os, "pwrite", named),
            (tempfile, "mkdtemp", made),
            (fcntl, "flock", locked),
        ):
            setattr(owner, name, function)


def _target(beside: Path) -> str:
    """Return the name that a file written beside its place will get."""
    return ".".join(beside.name.lstrip(".").split(".")[:2])
