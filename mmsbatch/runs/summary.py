"""What results came to, in figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from mmsbatch.display import Block, Document, ShowsItself, amount, counts, plain, plural
from mmsbatch.errors import InputError, nearest
from mmsbatch.planning.problems import PROBLEM_MEANINGS
from mmsbatch.runs import outcomes
from mmsbatch.runs.outcomes import OUTCOME_TONES, OUTCOMES
from mmsbatch.times import in_paris


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
    """UTC; None if no row may have been sent."""
    last_sent_at: datetime | None = None
    credits: Decimal | None = None
    """What the account of the last answer had left after it, if that is known."""

    def document(self) -> Document:
        """Show what the results came to."""
        size = f"{plural(self.rows, 'row')} in {plural(self.requests, 'request')}"
        blocks = [
            Block("results", (size,)),
            Block("outcomes", (counts(self.outcomes, OUTCOMES, OUTCOME_TONES),)),
        ]
        if self.problems:
            blocks.append(Block("problems", (counts(self.problems, PROBLEM_MEANINGS),)))
        if self.first_sent_at is not None and self.last_sent_at is not None:
            first, last = map(in_paris, (self.first_sent_at, self.last_sent_at))
            blocks.append(Block("sent", (f"from {first} to {last}" if first != last else first,)))
        if self.credits is not None:
            blocks.append(Block("credits", (f"{amount(self.credits)} left after the last answer",)))
        return Document(tuple(blocks))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
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


def summarize_results(
    results: pd.DataFrame, requests: pd.DataFrame | None = None
) -> ResultsSummary:
    """Count results by outcome and by problem, as `mmsbatch.summary` does.

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
        outcomes=outcomes.count([results]),
        problems={str(word): int(rows) for word, rows in problems.items() if rows},
        first_sent_at=sent_at.min().to_pydatetime() if len(sent_at) else None,
        last_sent_at=sent_at.max().to_pydatetime() if len(sent_at) else None,
        credits=_credits_left(requests),
    )


def _credits_left(requests: pd.DataFrame | None) -> Decimal | None:
    if requests is None:
        return None
    heard = requests.loc[requests["credits"].notna()].sort_values("ended_at")["credits"]
    return Decimal(str(heard.iloc[-1])).normalize() if len(heard) else None
