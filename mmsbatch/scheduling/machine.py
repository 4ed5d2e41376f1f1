"""What this machine has of what a recipe needs: programs, its zone, who owns a folder."""

from __future__ import annotations

import datetime as dt
import getpass
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from mmsbatch.times import PARIS

_NAME: Final = "mmsbatch"
_SENDMAIL: Final = ("/usr/sbin", "/usr/lib")
"""Where it may be, besides the path of commands: cron and systemd look there."""


@dataclass(frozen=True)
class Machine:
    """What is there.

    Parameters
    ----------
    mails
        Whether there is a program ``sendmail``.
    has_cron
        Whether there is a program ``crontab``.
    in_paris
        Whether its clock shows Paris time all year.
    runs_notebooks
        Whether papermill is installed beside this package.
    """

    mails: bool
    has_cron: bool
    in_paris: bool
    runs_notebooks: bool

    @classmethod
    def here(cls) -> Machine:
        """Look at this machine."""
        places = [None, *_SENDMAIL]
        return cls(
            mails=any(shutil.which("sendmail", path=place) for place in places),
            has_cron=shutil.which("crontab") is not None,
            in_paris=_in_paris(),
            runs_notebooks=find_spec("papermill") is not None,
        )


def program() -> tuple[str, ...]:
    """Return the words that start this mmsbatch from any folder, whatever the path of commands."""
    started = Path(sys.argv[0])
    beside = Path(sys.executable).parent / _NAME
    for file in (started, beside):
        if file.name == _NAME and file.is_file():
            return (str(file.absolute()),)
    return (sys.executable, "-m", _NAME)


def owner(home: Path | None) -> str:
    """Return the account that a folder belongs to; without one, that of this process."""
    if home is None:
        return getpass.getuser()
    try:
        return home.owner()
    except KeyError:  # it has no name
        return str(home.stat().st_uid)


def _in_paris() -> bool:
    moments = (dt.datetime(2026, month, 15, tzinfo=dt.UTC) for month in (1, 7))
    return all(at.astimezone().utcoffset() == at.astimezone(PARIS).utcoffset() for at in moments)
