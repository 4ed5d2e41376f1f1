"""Every attempt at a request, and what became of it: facts → requests.parquet. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from mmsbatch.display import plain
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.runs.states import Request, step

_DTYPES: Final = {
    "request": "Int32",
    "attempt": "Int32",
    "recipients": "Int32",
    "state": "category",
    "reason": "str",
    "http_status": "Int32",
    "status": "Int32",
    "status_text": "str",
    "campaign_id": "str",
    "credits": "Float64",
    "request_sha256": "str",
    "answer": "object",
}


def attempts(facts: Iterable[Fact]) -> pd.DataFrame:
    """Return every attempt with what became of it.

    Parameters
    ----------
    facts
        Of one run, in order.

    Returns
    -------
    pandas.DataFrame
        One row per attempt, in order: ``request``, ``attempt`` (Int32), ``sending_at``,
        ``ended_at`` (datetime64[ms, UTC]; no end: nothing is known), ``recipients`` (Int32),
        ``state`` the attempt led to (category), ``reason`` (str), ``http_status``, ``status``
        (Int32), ``status_text``, ``campaign_id`` (str), ``credits`` left (Float64),
        ``request_sha256`` (str; of the XML, which has no credentials), ``answer`` (bytes as they
        came).
    """
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for fact in facts:
        if fact.request is None or fact.attempt is None:
            continue
        key = (fact.request, fact.attempt)
        if fact.kind is FactKind.SENDING:
            request = step(Request(fact.request), fact)
            rows[key] = {
                "request": fact.request,
                "attempt": fact.attempt,
                "recipients": fact.data.get("recipients"),
                "sending_at": fact.at,
                "request_sha256": fact.data.get("sha256"),
                "_request": request,
            }
        else:
            request = step(rows[key]["_request"], fact)
            rows[key].update(_request=request)
            # A verdict comes after the attempt's end, and has no answer.
            if fact.kind is not FactKind.VERDICT:
                rows[key].update(ended_at=fact.at, answer=fact.body)
        rows[key].update(_figures(request))
    columns = ["sending_at", "ended_at", *_DTYPES]
    frame = pd.DataFrame(list(rows.values()), columns=columns).astype(_DTYPES)
    for name in ("sending_at", "ended_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("ms")
    order = ["request", "attempt", "sending_at", "ended_at"]
    return frame[[*order, *(name for name in columns if name not in order)]]


def with_bytes(table: pa.Table) -> pa.Table:
    """Make the answers bytes also where a part of the attempts has none."""
    place = table.column_names.index("answer")
    return table.set_column(place, "answer", table.column(place).cast(pa.binary()))


def _figures(request: Request) -> dict[str, Any]:
    answer = request.answer
    return {
        "state": request.state.value,
        "reason": request.reason,
        "http_status": request.http_status,
        "status": answer.status if answer else None,
        "status_text": answer.text if answer else None,
        "campaign_id": answer.campaign_id if answer else None,
        "credits": plain(answer.credits) if answer else None,
    }
