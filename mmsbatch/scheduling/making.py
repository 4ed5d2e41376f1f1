"""A schedule made from what was typed: files looked at, names filled in, parameters checked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmsbatch import hints
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.file import load_campaign
from mmsbatch.contacts.reading import contact_batches
from mmsbatch.errors import ContactsError, InputError, nearest
from mmsbatch.notebook import parameters
from mmsbatch.notebook.parameters import Parameter
from mmsbatch.notebook.run import declared, find
from mmsbatch.phones.column import guess_column
from mmsbatch.planning.suppression import LIST_NAME
from mmsbatch.planning.suppression_files import read_suppression_list
from mmsbatch.runs.locations import runs_folder
from mmsbatch.runs.mirror import is_url
from mmsbatch.runs.names import run_name, run_name_of
from mmsbatch.scheduling import machine
from mmsbatch.scheduling.quoting import one_line
from mmsbatch.scheduling.recipes import KINDS, Schedule
from mmsbatch.scheduling.weekly import read_weekly
from mmsbatch.times import PARIS, utc_now

_NOTEBOOK: Final = "campaign"
_ENVIRON: Final = Path("/etc/mmsbatch/env")
_OWN_ENVIRON: Final = Path(".config/mmsbatch/env")
_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was typed: the options of the command, paths as seen from the current folder."""

    campaign: Path
    kind: str
    contacts: str
    at: str
    phone: str | None = None
    suppress: list[str] | None = None
    key_file: Path | None = None
    run: str | None = None
    home: Path | None = None
    runs: Path | None = None
    environ: Path | None = None
    mail: str | None = None
    max_recipients: int | None = None
    live: bool = False
    as_user: bool = False


@dataclass(frozen=True)
class Made:
    """A schedule, and what was read for it.

    Parameters
    ----------
    schedule
        To be written for the scheduler.
    campaign
        What its file holds.
    rows
        How many the contacts have now.
    limit
        How many recipients a run may have; None: as many as there are.
    """

    schedule: Schedule
    campaign: Campaign
    rows: int
    limit: int | None


def schedule_for(wanted: Wanted) -> Made:
    """Make a schedule.

    Raises
    ------
    InputError
        Something cannot be used: the campaign, the contacts, a suppression list, a folder, the
        time, the run's name, the address.
    """
    _check(wanted)
    campaign = load_campaign(wanted.campaign)
    at = read_weekly(wanted.at)
    home = _absolute(wanted.home or Path())
    if not home.is_dir():
        raise InputError(f"--home {home}: there is no such folder; make it first")
    runs = _runs(wanted, home)
    phone, rows = _contacts(wanted.contacts, wanted.phone)
    # Where there are several days, each has a run: else the second goes on with the first's.
    day = "{date:%G-W%V}" if len(at.days) == 1 else "{date:%Y-%m-%d}"
    run = wanted.run or f"{run_name_of(campaign.name)[:80].rstrip('-.')}-{day}"
    place = _Places(None if wanted.kind == "airflow" else home)
    own = Path.home() / _OWN_ENVIRON if wanted.as_user else _ENVIRON
    schedule = Schedule(
        campaign=one_line("the campaign's name", campaign.name),
        at=at,
        program=machine.program(),
        notebook=str(find(_NOTEBOOK).absolute()),
        home=one_line("--home", str(home)),
        runs=place.seen("--runs", runs),
        environ=one_line("--env", str(_absolute(wanted.environ or own))),
        parameters=_parameters(wanted, run, phone, runs, place),
        mail=wanted.mail,
        owner=machine.owner(None if wanted.as_user else home),
        as_user=wanted.as_user,
    )
    known = declared(_NOTEBOOK)
    _check_parameters(schedule, known, utc_now().astimezone(PARIS).date())
    limit = wanted.max_recipients or known["max_recipients"].default
    return Made(schedule, campaign, rows, limit)


@dataclass(frozen=True)
class _Places:
    """Writes paths as they are seen from a folder; absolute if there is none."""

    home: Path | None

    def seen(self, name: str, path: str | Path) -> str:
        """Write one path, or a URL as it is."""
        if is_url(path):
            return one_line(name, str(path))
        whole = _absolute(Path(path))
        if self.home is not None and self.home in whole.parents:
            whole = whole.relative_to(self.home)
        return one_line(name, str(whole))


def _check(wanted: Wanted) -> None:
    if wanted.kind not in KINDS:
        raise InputError(
            f"--as must be one of {', '.join(KINDS)}; found {wanted.kind!r}."
            f"{nearest(wanted.kind, KINDS)}"
        )
    if wanted.as_user and wanted.kind != "systemd":
        raise InputError("--user is for --as systemd: leave it out, or give that")
    if wanted.environ is not None and wanted.kind == "airflow":
        raise InputError(
            "--env is for cron and systemd: with Airflow the credentials are in the environment of "
            "its workers"
        )
    if wanted.mail is not None and not _ADDRESS.fullmatch(wanted.mail):
        raise InputError(f"--mail must be one address such as a@example.com; found {wanted.mail!r}")


def _runs(wanted: Wanted, home: Path) -> Path:
    """Return the folder of the runs, which a notebook in that home would take by itself, too."""
    if wanted.runs is not None:
        return _absolute(wanted.runs)
    with chdir(home):
        return runs_folder()


def _parameters(wanted: Wanted, run: str, phone: str, runs: Path, place: _Places) -> dict[str, Any]:
    """Return what the notebook is given, besides the day."""
    found: dict[str, Any] = {
        "run": one_line("--run", run),
        "contacts": place.seen("--contacts", wanted.contacts),
        "phone": one_line("--phone", phone),
        "campaign": place.seen("the campaign's file", wanted.campaign),
        "suppress": [place.seen("--suppress", one) for one in _suppressed(wanted, runs)],
        "runs_dir": place.seen("--runs", runs),
    }
    if len(found["suppress"]) == 1:
        (found["suppress"],) = found["suppress"]
    if wanted.key_file is not None:
        found["key_file"] = place.seen("--key-file", wanted.key_file)
    if wanted.max_recipients is not None:
        found["max_recipients"] = wanted.max_recipients
    if wanted.live:
        found["target"] = "live"
    return found


def _contacts(contacts: str, phone: str | None) -> tuple[str, int]:
    """Return the phone column, which is found or is there, and how many rows there are."""
    columns, rows = None if phone is None else [phone], 0
    for batch in contact_batches(contacts, columns=columns):
        phone = phone or guess_column(batch)
        rows += len(batch)
    if phone is None:
        raise ContactsError(f"{contacts} has no rows to find the phone column in: give --phone")
    return phone, rows


def _suppressed(wanted: Wanted, runs: Path) -> list[str]:
    """Return whom not to write to: what was given, and always whom `forget` erased."""
    others = [
        one
        for one in dict.fromkeys(wanted.suppress or ())
        if is_url(one) or _absolute(Path(one)) != runs
    ]
    there = [str(runs)] if (runs / LIST_NAME).exists() else []
    if others or there:
        read_suppression_list(*others, *there, key_file=wanted.key_file)
    return [*others, str(runs)]


def _check_parameters(schedule: Schedule, known: Mapping[str, Parameter], day: dt.date) -> None:
    """Make sure that the notebook declares each parameter, and reads back what is meant."""
    run = schedule.parameters["run"]
    if "{date" not in run:
        raise InputError(
            f"--run {run!r} has no place for the day, so the second run would go on with the first "
            f"and send nothing: write {hints.option('run', run + '-{date:%G-W%V}')}"
        )
    run_name(run, day)
    words = [*schedule.words, f"date={day}", f"not_after={day}"]
    parameters.refuse_credentials(words, ())
    read = parameters.given(words, known, _NOTEBOOK)
    for name, value in schedule.parameters.items():
        if read[name] != value:
            raise InputError(
                f"the notebook would read {name}={value} as {read[name]!r}: use another name"
            )


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()
