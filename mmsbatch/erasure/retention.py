"""Which runs hold people who have not been written to for years.

CNIL's reference text has prospects kept for three years after the last contact *by* the person. The
gateway tells nothing of answers, so what a run knows is the last message *to* the person: a date
that is no earlier, and after which, three years on, nothing here justifies keeping them. Contacts
that the person made (an order, a call) are in the CRM.
"""

from __future__ import annotations

import calendar
import warnings
from datetime import UTC, date, datetime
from typing import Final

import numpy as np
import pandas as pd

from mmsbatch import hints
from mmsbatch.errors import InputError
from mmsbatch.phones.e164 import FIRST
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.locations import RunLeftOut, RunPaths, every_run
from mmsbatch.runs.run import Run

YEARS: Final = 3


def retention(runs_dir: RunPaths, *, years: int = YEARS, today: date) -> pd.DataFrame:
    """Return which runs hold people whose last contact, over all the runs given, is too long ago.

    Parameters
    ----------
    runs_dir
        A folder of runs, one run's folder, or several of either. People are followed across all of
        them, so give all there are.
    years
        How long a person may be kept after the last contact.
    today
        The day to count from.

    Returns
    -------
    pandas.DataFrame
        One row per run that holds any, oldest first: ``run`` (str), ``path`` (str), ``people``
        (int64; to be erased), ``of`` (int64; people with a number in the run), ``last_contact``
        (datetime64[ms, UTC]; the latest among those to be erased). A person's last contact is the
        latest ``mms_sent_at``; somebody never sent to counts from the day the run was opened.

    Raises
    ------
    InputError
        `years` is not positive.
    RunError
        There is no run, or one cannot be read: a figure that leaves people out would be false.

    Warns
    -----
    RunLeftOut
        A folder beside the runs is none; names it.
    """
    if years < 1:
        raise InputError(f"{hints.option('years')} must be at least 1, found {years}")
    folders, others = every_run(runs_dir)
    for other in others:
        warnings.warn(str(other), RunLeftOut, stacklevel=2)
    people = [_people(folder) for folder in folders]
    # Of all runs: each person once, with the latest contact.
    everybody = pd.concat(people).groupby("number")["at"].max()
    border = np.datetime64(_years_before(today, years), "ms")
    old = everybody.index[everybody.to_numpy() < border]
    rows = []
    for folder, own in zip(folders, people, strict=True):
        due = own["number"].isin(old)
        if due.any():
            latest = everybody.loc[own["number"][due]].max()
            rows.append((folder.name, str(folder.path), int(due.sum()), len(own), latest))
    frame = pd.DataFrame(rows, columns=["run", "path", "people", "of", "last_contact"])
    frame["last_contact"] = pd.to_datetime(frame["last_contact"], utc=True).dt.as_unit("ms")
    frame = frame.astype({"run": "str", "path": "str", "people": "int64", "of": "int64"})
    return frame.sort_values(["last_contact", "run"], ignore_index=True)


def _years_before(day: date, years: int) -> date:
    year = day.year - years
    last = calendar.monthrange(year, day.month)[1]
    return day.replace(year=year, day=min(day.day, last))


def _people(folder: RunFolder) -> pd.DataFrame:
    """Return each number of a run once, with its last contact there (UTC without a zone)."""
    run = Run.load(folder.path)
    opened = _moment(run.facts[0].at)
    found = []
    for place, results in enumerate(run.result_parts(["mms_problem"])):
        sent = results["mms_sent_at"].dt.tz_localize(None).to_numpy()
        at = np.where(np.isnat(sent), opened, sent)
        numbers = run.plan.part(place).numbers
        there = (numbers > 0) & (numbers < FIRST)  # whoever was erased is nobody any more
        found.append(pd.DataFrame({"number": numbers[there], "at": at[there]}))
    return pd.concat(found).groupby("number")["at"].max().reset_index()


def _moment(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "ms")
