"""How papermill runs a notebook here: in this interpreter, interruptible, without a secret.

Imported only if a notebook is run: papermill and the kernel are an extra.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

from mmsbatch.notebook.parameters import without

ENGINE: Final = "mmsbatch"
_TRANSPORT: Final = {"transport": "tcp" if os.name == "nt" else "ipc"}
"""Files, not ports: a port that is free when chosen may be taken when the kernel starts."""
_IPYKERNEL: Final = (sys.executable, "-m", "ipykernel_launcher")


class _OwnKernel(AsyncKernelManager):
    """A kernel of the interpreter that runs the command.

    A kernelspec that is installed as ``python3`` may be another environment's.
    """

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            # The log level: else it warns at every start that it talks over TCP (on loopback).
            argv=[*_IPYKERNEL, "-f", "{connection_file}", "--log-level=40"],
            display_name="Python 3",
            language="python",
            env={"PYDEVD_DISABLE_FILE_VALIDATION": "1"},  # else a warning at every start
        )


class _Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill is untyped
    """Runs the cells."""

    _executing = False

    def papermill_execute_cells(self) -> None:
        with self._interrupts():
            super().papermill_execute_cells()

    def execute_cell(self, *given: Any, **named: Any) -> Any:
        self._executing = True
        try:
            return super().execute_cell(*given, **named)
        finally:
            self._executing = False

    def process_message(self, message: dict[str, Any], *given: Any, **named: Any) -> Any:
        # Before it is stored: the copy is written after every cell.
        message["content"] = without(secrets(), message["content"])
        return super().process_message(message, *given, **named)

    @contextmanager
    def _interrupts(self) -> Iterator[None]:
        """Pass the first Ctrl-C or SIGTERM on to the kernel, if a run ends after its request."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def first(number: int, _frame: object) -> None:
            signal.signal(number, earlier[number])
            if not self._executing:
                raise KeyboardInterrupt
            os.kill(self.km.provisioner.pid, signal.SIGINT)
            print(  # noqa: T201  (somebody has just pressed a key)
                "mmsbatch: stopping after the current request; again to break it off",
                file=sys.stderr,
            )

        numbers = (signal.SIGINT, signal.SIGTERM)
        earlier = {int(number): signal.signal(number, first) for number in numbers}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)


class _Engine(NBClientEngine):  # type: ignore[misc]  # papermill is untyped
    """papermill's own, with this module's client."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, start_timeout: int = 60, **_: Any
    ) -> Any:
        with TemporaryDirectory(prefix="mmsbatch-") as sockets:
            client = _Client(
                nb_man,
                kernel_name=kernel_name,
                kernel_manager_class=_OwnKernel,
                config=Config(
                    AsyncKernelManager=_TRANSPORT | {"connection_file": f"{sockets}/kernel.json"}
                ),
                startup_timeout=start_timeout,
                timeout=None,
            )
            return client.execute()


def secrets() -> list[str]:
    """Return what must not be in an executed notebook."""
    passcode = os.environ.get("MMSBATCH_PASSCODE", "")
    return [passcode] if passcode else []


papermill_engines.register(ENGINE, _Engine)
