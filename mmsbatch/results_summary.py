"""What results came to, in figures that show themselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from mmsbatch import outcomes
from mmsbatch.display import Block, Document, ShowsItself, amount, counts, plain, plural
from mmsbatch.errors import InputError, nearest
from mmsbatch.outcomes import OUTCOMES
from mmsbatch.planning.problems import PROBLEM_MEANINGS


@dataclass(frozen=True, repr=False)
class ResultsSummary(ShowsItself):
    """Counts of a results frame."""

    rows: int
    requests: int
    """Requests that its rows are in."""
    outcomes: Mapping[str, int]
    """Rows by outcome; they add up to `rows`."""
    problems: Mapping[str, int]
    """Rows by problem, worst first."""
    first_sent_at: datetime | None = None
    """UTC; None where no row may have been sent."""
    last_sent_at: datetime | None = None
    credits: Decimal | None = None
    """What the account had left after the last answer, where that is known."""

    def document(self) -> Document:
        """Say what the results came to."""
        size = f"{plural(self.rows, 'row')} in {plural(self.requests, 'request')}"
        blocks = [
            Block("results", (size,)),
            Block("outcomes", (counts(self.outcomes, OUTCOMES),)),
        ]
        if self.problems:
            blocks.append(Block("problems", (counts(self.problems, PROBLEM_MEANINGS),)))
        if self.first_sent_at is not None and self.last_sent_at is not None:
            first, last = (
                f"{time:%Y-%m-%d %H:%M:%S} UTC" for time in (self.first_sent_at, self.last_sent_at)
            )
            blocks.append(Block("sent", (f"from {first} to {last}" if first != last else first,)))
        if self.credits is not None:
            blocks.append(Block("credits", (f"{amount(self.credits)} left after the last answer",)))
        return Document(tuple(blocks))

    def to_json(self) -> dict[str, Any]:
        """Give the figures as plain values."""
        first, last = self.first_sent_at, self.last_sent_at
        return {
            "rows": self.rows,
            "requests": self.requests,
            "outcomes": dict(self.outcomes),
            "problems": dict(self.problems),
            "first_sent_at": first.isoformat() if first else None,
            "last_sent_at": last.isoformat() if last else None,
            "credits": plain(self.credits),
        }


def summary(results: pd.DataFrame, requests: pd.DataFrame | None = None) -> ResultsSummary:
    """Count results by outcome and by problem.

    Parameters
    ----------
    results
        What `send`, `resume` or `results` gave, or ``results.parquet``: with ``mms_outcome``,
        ``mms_problem``, ``mms_request`` and ``mms_sent_at``.
    requests
        The frame of ``requests.parquet``: with it, the credits left are known.

    Returns
    -------
    ResultsSummary
        Shows itself in a terminal and in a notebook.

    Raises
    ------
    InputError
        A column is missing.
    """
    for column in ("mms_outcome", "mms_problem", "mms_request", "mms_sent_at"):
        if column not in results.columns:
            raise InputError(
                f"a summary needs the column {column!r}, which this frame has not: give it what "
                f"send, resume or results gave.{nearest(column, map(str, results.columns))}"
            )
    problems = results["mms_problem"].value_counts()
    sent_at = results["mms_sent_at"].dropna()
    return ResultsSummary(
        rows=len(results),
        requests=int(results["mms_request"].nunique()),
        outcomes=outcomes.count(results),
        problems={str(word): int(rows) for word, rows in problems.items() if rows},
        first_sent_at=sent_at.min().to_pydatetime() if len(sent_at) else None,
        last_sent_at=sent_at.max().to_pydatetime() if len(sent_at) else None,
        credits=_credits(requests),
    )


def _credits(requests: pd.DataFrame | None) -> Decimal | None:
    if requests is None:
        return None
    heard = requests.loc[requests["credits"].notna()].sort_values("ended_at")["credits"]
    return Decimal(str(heard.iloc[-1])).normalize() if len(heard) else None
