"""Commands in processes of their own that have imported everything before they begin.

A helper process forks for each command, within milliseconds; `client` is what stands in for the
program, and hands on its arguments, folder, variables and streams.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

CLIENT: Final = """\
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
task = json.dumps([os.getcwd(), dict(os.environ), sys.argv[1:]]).encode()
socket.send_fds(server, [len(task).to_bytes(4, "big")], [0, 1, 2])
server.sendall(task)
sys.exit(int(server.recv(4) or b"1"))
"""


@contextmanager
def commands(folder: Path, package: Path) -> Iterator[str]:
    """Start the helper, with the package of a folder; give the words of the client."""
    address = folder / "commands"
    client = folder / "client.py"
    client.write_text(CLIENT.format(address=str(address)), encoding="utf-8")
    # One thread for linear algebra: a fork copies no other.
    environment = {**os.environ, "PYTHONPATH": str(package), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(address)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as helper:
        assert helper.stdout is not None
        assert helper.stdout.readline() == b"ready\n"
        try:
            yield f"{sys.executable} -I -S {client}"
        finally:
            helper.terminate()


def _serve(address: str) -> None:
    from mmsbatch import cli, send, verify  # noqa: F401, PLC0415  (the folder's, not this one's)
    from mmsbatch.cli import auditing, preparing, runs, sending  # noqa: F401, PLC0415
    from mmsbatch.sandbox import app  # noqa: F401, PLC0415

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            with connection:
                child = os.fork()
                if child == 0:
                    _carry_out(connection)
                _, status = os.waitpid(child, 0)
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _carry_out(connection: socket.socket) -> NoReturn:
    """Be the command."""
    from mmsbatch.cli import main  # noqa: PLC0415  (as above)

    head, streams, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as task:
        folder, variables, words = json.loads(task.read(int.from_bytes(head, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["mmsbatch", *words]
    main()
    sys.exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
