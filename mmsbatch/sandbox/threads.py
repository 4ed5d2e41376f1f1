"""The sandbox's server: a thread for each connection, and threads kept for those to come."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any

from werkzeug.serving import ThreadedWSGIServer


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
