"""``report``: one run for who was not there: what was sent, when, at what cost, and how sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mmsbatch import times
from mmsbatch.display import Block, Document, ShowsItself, Table, counts, joined, page, plural
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.planning.preview import Preview, preview
from mmsbatch.planning.problems import PROBLEM_MEANINGS
from mmsbatch.runs.report import RunReport
from mmsbatch.runs.run import Run
from mmsbatch.verification.verify import Verification, verify


@dataclass(frozen=True)
class Hour:
    """What left within one hour in Paris."""

    begins: str
    requests: int
    recipients: int


@dataclass(frozen=True, repr=False)
class RunPage(ShowsItself):
    """A run in one page; shows itself, and `html` is a page of its own."""

    report: RunReport
    preview: Preview
    hours: tuple[Hour, ...]
    evidence: tuple[str, ...]
    """What credits and people have said of requests in doubt, oldest first."""
    verification: Verification
    made_at: datetime

    def document(self) -> Document:
        """Show outcomes, problems, what was sent, when, and what proves it; numbers masked."""
        told, blocks = self.report, list[Block]()
        if told.problems:
            blocks.append(Block("problems", (counts(told.problems, PROBLEM_MEANINGS),)))
        if told.cost_per_recipient is not None:
            blocks.append(Block("cost", (f"{told.cost_per_recipient:,.2f} credits a recipient",)))
        if self.hours:
            rows = tuple(
                (
                    f"{hour.recipients:,}",
                    hour.begins,
                    plural(hour.requests, "request"),
                )
                for hour in self.hours
            )
            blocks.append(Block("left", (Table(rows, ("recipients", "hour", "requests")),)))
        if self.evidence:
            blocks.append(Block("evidence", self.evidence))
        made = Document((Block("report of", (times.in_paris(self.made_at),)),))
        proof = (self.preview.document(), self.verification.document())
        return joined((made, told.document(), Document(tuple(blocks)), *proof))

    def html(self) -> str:
        """Return one page that needs nothing else and loads nothing."""
        return page(f"Run {self.report.run}", self.document())

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            **self.report.to_json(),
            "problems": dict(self.report.problems),
            "hours": [vars(hour) for hour in self.hours],
            "evidence": list(self.evidence),
            "holds": self.verification.holds,
        }


def report(run: str | Path, *, journal: str | None = None) -> RunPage:
    """Say in one page what became of a run.

    Parameters
    ----------
    run
        Its folder; nothing in it is written.
    journal
        The address of the database that the run's journal is in, if it is in one.

    Returns
    -------
    RunPage
        Shows itself; ``.html()`` is a page to send around, numbers masked.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one.
    """
    loaded = Run.load(run, journal)
    return RunPage(
        report=loaded.report(),
        preview=preview(loaded.plan),
        hours=tuple(_hours(loaded)),
        evidence=tuple(_evidence(loaded.folder.facts())),
        verification=verify(run, journal=journal),
        made_at=times.utc_now(),
    )


def _hours(run: Run) -> Iterator[Hour]:
    """Count what left by the hour in Paris, of requests that were taken or may have been."""
    requests, recipients = Counter[str](), Counter[str]()
    for table in run.attempt_parts():
        frame = table.select(["sending_at", "recipients", "state"]).to_pandas()
        left = frame[frame["state"].isin(["accepted", "in_doubt", "confirmed"])]
        hours = left["sending_at"].dt.tz_convert(times.PARIS).dt.strftime("%Y-%m-%d %H h")
        for hour, people in zip(hours, left["recipients"], strict=True):
            requests[hour] += 1
            recipients[hour] += int(people)
    for hour in sorted(requests):
        yield Hour(hour, requests[hour], recipients[hour])


def _evidence(facts: list[Fact]) -> Iterator[str]:
    for fact in facts:
        at = times.in_paris(fact.at)
        if fact.kind is FactKind.EVIDENCE:
            yield f"{at}: credits: {fact.data.get('reason')}"
        elif fact.kind is FactKind.VERDICT:
            note = fact.data.get("note") or fact.data.get("by") or "by credits"
            yield f"{at}: request {fact.request} settled as {fact.data.get('verdict')}: {note}"
