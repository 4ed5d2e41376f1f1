"""Whether a run beside this one has just begun the very same plan, under another name."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from mmsbatch import hints, times
from mmsbatch.errors import MmsbatchError, PlanError
from mmsbatch.gateway.account import Target
from mmsbatch.journal.facts import Fact
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder

WITHIN: Final = timedelta(hours=20)
"""Less than a day, so that a daily run is not asked, whatever the hour it is begun at."""

_YEAR: Final = r"(?:19|20)\d{2}"
_DATE: Final = re.compile(
    rf"(?<!\d)(?:{_YEAR}-?W\d{{2}}(?:-?[1-7])?|{_YEAR}[-_.]?\d{{2}}[-_.]?\d{{2}}"
    rf"|\d{{2}}[-_.]?\d{{2}}[-_.]?{_YEAR}|{_YEAR}[-_.]\d{{2}}|{_YEAR}[-_.]?\d{{3}})(?!\d)"
)
"""A week, a day, a month or a day of the year, as `mmsbatch.run_name` writes them."""


def check_not_begun(
    folder: RunFolder, plan: Plan, target: Target, now: datetime, *, again: bool
) -> str:
    """Refuse a plan that a run beside it has begun within the last 20 hours.

    A run whose name has the date of another day is another day's send, and is not looked at.

    Parameters
    ----------
    folder
        Of the run that is to be made.
    plan, target
        What is to be sent, on which gateway: what was tried on the sandbox is sent live.
    now
        With its zone.
    again
        Whether it is meant.

    Returns
    -------
    str
        The name of such a run, if there is one and it is meant; else an empty text.

    Raises
    ------
    PlanError
        Names the run, and says how to go on with it or to send again.
    """
    for beside in folder.siblings():
        opened = _opened(beside)
        if opened is None or opened.data.get("fingerprint") != plan.fingerprint:
            continue
        if opened.data.get("target") != target.value or now - opened.at >= WITHIN:
            continue
        if _is_of_another_day(folder.name, beside.name):
            continue
        if again:
            return beside.name
        raise PlanError(
            f"run {beside.path} has begun this very plan at {times.in_paris(opened.at)}: sent as "
            f"run {folder.place} too, everybody gets it twice. To go on with that run: "
            f"`{hints.resume(beside.path, live=target is Target.LIVE)}`. To send it again on "
            f"purpose, add {hints.option('again', value=True)}"
        )
    return ""


def _opened(folder: RunFolder) -> Fact | None:
    try:
        return next(iter(folder.facts(first=1)), None)
    except MmsbatchError:  # what it began cannot be told; `max_change` and the audit name it
        return None


def _is_of_another_day(name: str, other: str) -> bool:
    mine, its = _DATE.search(name), _DATE.search(other)
    if mine is None or its is None or mine[0] == its[0]:
        return False
    return name.replace(mine[0], "") == other.replace(its[0], "")
