"""What a person should know of a recipe before it is installed: nothing here stops it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from mmsbatch import hints
from mmsbatch.hours import OpeningHours, holiday
from mmsbatch.runs.names import run_name
from mmsbatch.scheduling.machine import Machine
from mmsbatch.scheduling.making import Made
from mmsbatch.scheduling.recipes import Schedule

_YEAR_DAYS: Final = 364
_LOG: Final = "`journalctl -t mmsbatch -p err`"
_MAILER: Final = (
    "install one that hands mail on (Debian: `sudo apt install msmtp-mta`, then name the mail "
    "server in /etc/msmtprc)"
)


def notes(
    made: Made, kind: str, machine: Machine, *, today: dt.date, hours: OpeningHours | None
) -> Iterator[str]:
    """Return what should be known, each in a sentence or two.

    Parameters
    ----------
    made, kind
        The schedule, and which scheduler it is for.
    machine
        What is there.
    today
        The year from that day on is looked at.
    hours
        When messages may reach people; None if at any time.
    """
    schedule, campaign = made.schedule, made.campaign
    starts = [*schedule.at.starts(today, _YEAR_DAYS)]
    yield from _closed(starts, hours)
    yield from _same_runs(schedule, starts)
    if campaign.send_at is not None:
        yield (
            f"the campaign file says send_at = {campaign.send_at}: every run would ask for that "
            "one time. Take it out"
        )
    if made.limit is not None and made.rows > made.limit:
        yield (
            f"there are {made.rows:,} contacts, and a run with more than {made.limit:,} recipients "
            "is refused: give --max-recipients, with room for those to come"
        )
    if not schedule.live:
        yield f"this recipe sends to the sandbox: give {hints.option('live')} to reach people"
    if kind == "airflow":
        if schedule.mail is None:
            yield "nobody is mailed of a run that failed: give --mail ADDRESS"
        return
    if not machine.runs_notebooks:
        yield (
            "the notebook needs a package that is not installed (papermill): "
            f"`{hints.install('jupyter', 'papermill', 'matplotlib')}`"
        )
    if schedule.live and not Path(schedule.environ).exists():
        yield (
            f"there is no {schedule.environ} yet: write MMSBATCH_CLIENTCODE='…' and "
            "MMSBATCH_PASSCODE='…' into it, readable by its owner only (mode 0600)"
        )
    if not machine.mails:
        yield (
            f"no mail program (sendmail) is on this machine, so of a failure only the system log "
            f"tells: {_LOG}. To be mailed, {_MAILER}"
        )
    if kind == "cron":
        yield from _cron(machine)


def _cron(machine: Machine) -> Iterator[str]:
    if not machine.has_cron:
        yield "cron is not on this machine: `sudo apt install cron` (Debian), or give --as systemd"
    if not machine.in_paris:
        yield (
            "this machine's clock is not on Paris time, and Debian's cron goes by it: `sudo "
            "timedatectl set-timezone Europe/Paris`, or give --as systemd, which knows the zone"
        )


def _closed(starts: list[dt.datetime], hours: OpeningHours | None) -> Iterator[str]:
    """Say which of the next year's starts are at a time at which nothing may leave."""
    if hours is None:
        return
    of_day: dict[str, list[dt.datetime]] = {}
    for start in starts:
        of_day.setdefault(f"{start:%A %H:%M}", []).append(start)
    never = [day for day, those in of_day.items() if not any(map(hours.is_open, those))]
    if never:
        yield (
            f"{' and '.join(never)} is outside of the hours {hours.profile!r} ({hours}): no "
            "message would leave then, and the run ends with exit code 2. Give another --at"
        )
    closed = [
        f"{start:%Y-%m-%d} ({holiday(start.date()) or 'Alsace-Moselle'})"
        for day, those in of_day.items()
        for start in those
        if day not in never and not hours.is_open(start)
    ]
    if closed:
        yield (
            "nothing is sent on public holidays: the run ends with exit code 2 on "
            f"{', '.join(closed)}"
        )


def _same_runs(schedule: Schedule, starts: list[dt.datetime]) -> Iterator[str]:
    """Say where one run's name would be that of the next, too."""
    template = schedule.parameters["run"]
    for first, second in pairwise(starts):
        name = run_name(template, first.date())
        if name == run_name(template, second.date()):
            yield (
                f"{first:%A %Y-%m-%d} and {second:%A %Y-%m-%d} have one run, {name}: the second "
                "goes on where the first stands, and repeats nothing. If each is to send, give "
                f"{hints.option('run', 'NAME-{date:%Y-%m-%d}')}"
            )
            return
