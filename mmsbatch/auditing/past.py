"""``past_contacts``: when each number was last written to, and how often it was refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa

from mmsbatch.auditing.collection import campaign_of, open_runs, scheduled_for
from mmsbatch.auditing.opening import RESULTS, listed
from mmsbatch.errors import RunError
from mmsbatch.gateway.account import Target
from mmsbatch.phones.e164 import FIRST
from mmsbatch.planning.frequency import PastContacts
from mmsbatch.runs.locations import RunPaths, is_empty
from mmsbatch.runs.outcomes import Outcome

_NONE = np.empty(0, np.int64)
_NOBODY = PastContacts(_NONE, _NONE, _NONE, _NONE)


def past_contacts(
    runs_dir: RunPaths,
    *,
    target: Target | Literal["live", "sandbox"] = "live",
    besides: str | os.PathLike[str] | None = None,
) -> PastContacts:
    """Read from runs when each number was last written to, for ``plan(…, frequency=…)``.

    Parameters
    ----------
    runs_dir
        A folder of runs, one run's folder, or several of either: paths, or URLs of fsspec.
    target
        Which runs count: what the sandbox was sent has reached nobody.
    besides
        A run that is left out: the one that is being planned, so that planning it again, half sent,
        gives the same plan.

    Returns
    -------
    PastContacts
        A number counts as contacted wherever a message may have left for it: accepted, scheduled,
        unreported or in doubt. A scheduled message counts from the day it was to be delivered.

    Raises
    ------
    RunError
        The folder does not exist, or a run in it cannot be read: who is left out of the past would
        be written to too often.
    """
    if is_empty(runs_dir):
        return _NOBODY
    own = None if besides is None else Path(besides).expanduser().resolve()
    with open_runs(runs_dir, strict=True) as collection:
        runs = [
            run
            for run in collection.runs
            if run.target == target and not run.is_test and (own is None or run.place.local != own)
        ]
        if not runs:
            return _NOBODY
        scheduled = [scheduled_for(campaign_of(collection, run)) for run in runs]
        files = [(url, place) for place, run in enumerate(runs) for url in run.urls(RESULTS)]
        not_before = [scheduled[place] for _, place in files]
        of_files = pa.table(
            {
                "file": pa.array([url for url, _ in files], pa.string()),
                "run": pa.array([place for _, place in files], pa.int64()),
                "not_before": pa.array(not_before, pa.timestamp("ms", "UTC")),
            }
        )
        collection.connection.register("past_files", of_files)
        query = _QUERY.format(files=listed(url for url, _ in files))
        try:
            found = collection.connection.execute(query).fetchnumpy()
        except duckdb.Error as error:
            raise RunError(
                f"results of {runs_dir} cannot be read: {str(error).splitlines()[0]}"
            ) from None
    number, last_ms, of_run, rejections = (
        np.asarray(found[name], dtype=np.int64)
        for name in ("number", "last_ms", "run", "rejections")
    )
    return PastContacts(number, last_ms, of_run, rejections, [run.place.name for run in runs])


_QUERY = f"""
    SELECT number, coalesce(max(at_ms), -1) AS last_ms, coalesce(arg_max(run, at_ms), -1) AS run,
        count(DISTINCT run) FILTER (WHERE rejected) AS rejections
    FROM (
        SELECT CAST(substr(mms_e164, 2) AS BIGINT) AS number, f.run,
            CASE WHEN mms_sent_at IS NOT NULL
                THEN epoch_ms(greatest(mms_sent_at, f.not_before)) END AS at_ms,
            mms_outcome = '{Outcome.REJECTED}' AS rejected
        FROM read_parquet({{files}}, filename = 'file') JOIN past_files f USING (file)
        WHERE mms_e164 IS NOT NULL AND (mms_sent_at IS NOT NULL OR mms_outcome = '{Outcome.REJECTED}')
    )
    WHERE number < {FIRST}
    GROUP BY number ORDER BY number
"""  # noqa: E501, S608  (of this package)
