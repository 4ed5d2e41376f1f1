"""One process at a time: writes to a run, and makes runs in a folder of runs."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mmsbatch import hints, times
from mmsbatch.errors import RunError

_LOCK_TRIES: Final = 50
_LOCK_PAUSE_S: Final = 0.02


@contextmanager
def run_held(path: Path) -> Iterator[None]:
    """Hold a run's lock; the operating system lets go of a dead process's.

    Parameters
    ----------
    path
        The lock's file, in the run's folder. It says which process holds it.

    Raises
    ------
    RunError
        Another process sends this run; names it.
    """
    with _opened(path) as handle:
        _lock(handle, path.parent)
        _sign(handle, path)
        try:
            yield
        finally:
            with suppress(OSError):  # whatever ended the run is more worth telling
                os.ftruncate(handle, 0)


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a lock together with others; wait while somebody holds it alone."""
    with _opened(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock that others share.

    Raises
    ------
    RunError
        Others hold it.
    """
    with _opened(path) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{path.parent} is being sent by workers whose driver has ended: wait for them; "
                f"`{hints.status(path.parent)}` says how far they are"
            ) from None
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error})") from None
    try:
        yield handle
    finally:
        os.close(handle)


def is_held(path: Path, *, by_any: bool = False) -> bool:
    """Return whether a process holds a lock now: alone, or also together with others."""
    if not path.exists():
        return False
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, (fcntl.LOCK_EX if by_any else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@contextmanager
def folder_held(run: Path) -> Iterator[None]:
    """Hold the folder that a run is to be made in; waits for who holds it.

    Raises
    ------
    RunError
        The folder of runs cannot be made or read.
    """
    try:
        run.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(run.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise RunError(f"{run} cannot be made: {error}") from None
    try:
        with suppress(OSError):  # NFS locks no folder: there two beginnings may pass each other
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def this_process() -> str:
    """Name this process as facts and locks do."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _sign(handle: int, path: Path) -> None:
    since = times.in_paris(times.utc_now())
    me = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(me).encode(), 0)
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error})") from None


def _lock(handle: int, run: Path) -> None:
    holder = ""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _holder(handle)
        else:
            return
        if holder:
            break
        # Locked and not signed: the writer is about to sign, or somebody only looks for one.
        time.sleep(_LOCK_PAUSE_S)
    raise RunError(
        f"{run} is being sent by {holder or 'another process'}: wait for it, or stop it; "
        f"`{hints.status(run)}` says how far it is"
    )


def _holder(handle: int) -> str:
    """Name the process that signed the lock, if one did and lives."""
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        named = f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        dead = holder["host"] == socket.gethostname() and not _lives(holder["pid"])
    except (ValueError, KeyError, TypeError):
        return ""
    return "" if dead else named


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is somebody else's
        pass
    return True
