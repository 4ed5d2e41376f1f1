"""Stop a run from outside: from another process, or another machine."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

from mmsbatch import hints, times
from mmsbatch.errors import RunError
from mmsbatch.journal.facts import FactKind
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.opened import target_of


def stop(run: str | Path, *, journal: str | None = None) -> None:
    """Let nothing more leave of a run that is being sent; requests under way are finished.

    Parameters
    ----------
    run
        Its folder; where the journal is in a database, a copy of it on another machine will do.
    journal
        The address of the database that the run's journal is in, if it is in one; without it,
        ``MMSBATCH_JOURNAL`` is.

    Raises
    ------
    RunError
        The folder holds no run, or no process sends it now.
    """
    folder = RunFolder.at(run, journal)
    folder.check_exists()
    if not folder.being_written():
        live = target_of(folder.facts(first=1)) == "live"
        raise RunError(
            f"no process sends {folder.place} now, so there is nothing to stop: "
            f"`{hints.status(folder.place)}` says where it is, and "
            f"`{hints.resume(folder.place, live=live)}` would go on with it"
        )
    with folder.journal.open() as opened:
        by = f"{getpass.getuser()} on {socket.gethostname()}"
        opened.append(FactKind.STOP, at=times.utc_now(), data={"by": by})
