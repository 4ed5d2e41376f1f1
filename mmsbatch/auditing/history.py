"""``history``: everything ever sent, or not, to one person, across runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from mmsbatch.auditing.collection import Collection, campaign_of, open_runs, scheduled_for
from mmsbatch.auditing.opening import RESULTS, literal
from mmsbatch.errors import InputError
from mmsbatch.frame_display import DisplayedFrame
from mmsbatch.phones.problems import PROBLEMS
from mmsbatch.planning.prepare import prepare
from mmsbatch.runs.locations import RunPaths

_OF_ROW: Final = {
    "outcome": "mms_outcome",
    "problem": "mms_problem",
    "message": "mms_message",
    "request": "mms_request",
    "id": "mms_id",
    "rejected": "mms_rejected",
    "status": "mms_status",
    "status_text": "mms_status_text",
    "campaign_id": "mms_campaign_id",
    "duplicate_of": "mms_duplicate_of",
}
_MEDIA: Final = ("image", "video", "sound")
_DTYPES: Final = {
    "sent_at": "datetime64[ms, UTC]",
    "scheduled_for": "datetime64[ms, UTC]",
    "outcome": "str",
    "campaign": "str",
    "run": "str",
    "message": "str",
    "kind": "str",
    "media": "str",
    "request": "Int32",
    "id": "str",
    "rejected": "boolean",
    "status": "Int32",
    "status_text": "str",
    "campaign_id": "str",
    "problem": "str",
    "target": "str",
    "opened_at": "datetime64[ms, UTC]",
    "row_position": "int64",
    "duplicate_of": "Int64",
    "path": "str",
}


def history(number: str | int, runs_dir: RunPaths) -> pd.DataFrame:
    """Find everything that was ever sent, or was not, to one person.

    Parameters
    ----------
    number
        A French mobile in any notation that `mmsbatch.prepare` reads.
    runs_dir
        A folder of runs, one run's folder, or several of either: paths, or URLs of fsspec.

    Returns
    -------
    pandas.DataFrame
        One row per row of a run with this number, oldest first; no row: nothing is known of them.

        - ``sent_at`` (datetime64[ms, UTC]): when the request left, missing if it certainly
          did not; ``scheduled_for``: when the gateway was told to deliver, missing if at once;
          ``opened_at``: when the run was made;
        - ``outcome``, ``problem`` (str), ``rejected`` (boolean), as in the results;
        - ``campaign``, ``run``, ``target``, ``path`` (str);
        - ``message`` (str): the text for this person, ``kind`` and ``media`` (str): what else was
          in it, the media's addresses; missing if the row had a problem or the kind has none;
        - ``request`` (Int32), ``id``, ``campaign_id``, ``status_text`` (str), ``status`` (Int32):
          in which request, and what the gateway said;
        - ``row_position`` (int64): the row's place in the run's contacts, from 0;
          ``duplicate_of`` (Int64): that of the row which was sent in its stead.

    Raises
    ------
    InputError
        It is no French mobile number.
    RunError
        There is no run at all.

    Warns
    -----
    RunLeftOut
        A folder cannot be read; it is left out and named.

    Source: §1.4 on numbers, §2 on what an answer says.
    """
    try:
        e164 = read_number(number)
    except InputError:
        if isinstance(runs_dir, str) and _is_number(runs_dir):
            raise InputError(
                "history takes the number first, then the folder of runs: give them the other way "
                "round"
            ) from None
        raise
    with open_runs(runs_dir, copies=True) as collection:
        frame = pd.DataFrame(_rows(e164, collection), columns=list(_DTYPES))
    frame["sent_at"] = pd.to_datetime(frame["sent_at"], unit="ms", utc=True)
    for name in ("scheduled_for", "opened_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    frame = frame.astype(_DTYPES)
    when = frame["sent_at"].fillna(frame["opened_at"])
    order = frame.assign(_when=when).sort_values(["_when", "run", "row_position"]).index
    return DisplayedFrame(frame.loc[order].reset_index(drop=True))


def read_number(number: str | int) -> str:
    """Read one number as `mmsbatch.prepare` reads a cell; gives ``+33639981234``.

    Raises
    ------
    InputError
        It is no French mobile; says why.
    """
    prepared = prepare(pd.DataFrame({"number": [str(number)]}), phone="number", fictional=True)
    row = prepared.iloc[0]
    if pd.isna(row["mms_e164"]):
        word = str(row["mms_problem"])
        raise InputError(
            f"the number is not a French mobile ({word}: {PROBLEMS[word].meaning}): write it as "
            "06 39 98 xx xx or +33 6 39 98 xx xx"
        )
    return str(row["mms_e164"])


def _is_number(text: str) -> bool:
    try:
        return bool(read_number(text))
    except InputError:
        return False


def _rows(e164: str, collection: Collection) -> Iterator[dict[str, Any]]:
    columns = ", ".join(_OF_ROW.values())
    for run, rows in collection.by_run(
        RESULTS,
        f"SELECT mms_file, file_row_number, epoch_ms(mms_sent_at), {columns}",
        f"WHERE mms_e164 = {literal(e164)}",
    ):
        if not rows:
            continue
        said = campaign_of(collection, run)
        content = said.get("content", {})
        media = [content[name] for name in _MEDIA if content.get(name)]
        begins = collection.first_rows(run)
        for url, position, sent_at_ms, *cells in rows:
            yield {
                **dict(zip(_OF_ROW, cells, strict=True)),
                "sent_at": sent_at_ms,
                "scheduled_for": scheduled_for(said),
                "run": run.place.name,
                "campaign": run.campaign,
                "kind": content.get("kind"),
                "media": " ".join(media) or None,
                "target": run.target,
                "opened_at": run.digest.opened_at,
                "row_position": begins[url] + position,
                "path": run.place.label,
            }
