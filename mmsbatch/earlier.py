"""What the runs beside this one tell: how many they were to reach, and what a recipient cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch import limits
from mmsbatch.campaign.file import load_campaign
from mmsbatch.errors import MmsbatchError, RunError
from mmsbatch.gateway.account import Account
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.journal import Journal
from mmsbatch.runs.states import Kind

_MARKS: Final = ("journal.sqlite", "plan.parquet")
"""Where one of these is, there is a run, or what was copied of one."""
_FACTS_READ: Final = 100
"""Of an earlier run: some 50 answers, which is plenty for a price."""
_RUNS_READ: Final = 5
"""Prices of longer ago are no guide."""


def earlier_runs(folder: RunFolder, plan: Plan, account: Account) -> limits.Earlier:
    """Look at the runs beside this one, on the same target; one that cannot be read is named.

    Parameters
    ----------
    folder
        Of this run, made or not.
    plan
        Its campaign's name chooses the previous run; its kind of content, whose cost counts.
    account
        A cost counts where it was the same login's: accounts have units of their own.
    """
    others: list[_Other] = []
    unread: list[str] = []
    for beside in _beside(folder):
        try:
            other = _look(beside)
        except MmsbatchError as error:
            unread.append(str(error))
            continue
        if other.target == account.target.value:
            others.append(other)
    others.sort(key=lambda other: other.opened_at, reverse=True)
    previous = next((other for other in others if other.campaign == plan.campaign.name), None)
    recipients = None
    if previous is not None:
        try:
            recipients = _recipients(previous.folder.plan_path)
        except RunError as error:
            unread.append(str(error))
    return limits.Earlier(
        run=previous.folder.name if previous else "",
        recipients=recipients,
        cost=next(_costs(others, plan, account), None),
        unread=tuple(unread),
    )


@dataclass(frozen=True)
class _Other:
    folder: RunFolder
    campaign: str
    target: str
    opened_at: datetime


def _beside(folder: RunFolder) -> Iterator[RunFolder]:
    """Give the runs in the same folder of runs, those copied in part among them."""
    here = folder.path.resolve()
    # A name with a dot is a run that is being made, or never was.
    found = {path.parent for name in _MARKS for path in here.parent.glob(f"[!.]*/{name}")}
    for path in sorted(found - {here}):
        yield RunFolder(path)


def _look(folder: RunFolder) -> _Other:
    with Journal(folder.journal_path) as journal:
        facts = journal.facts(first=1)
    if not facts:
        raise RunError(f"{folder.journal_path} is empty: the run was copied in part")
    opened = facts[0]
    return _Other(
        folder,
        str(opened.data.get("campaign", "")),
        str(opened.data.get("target", "")),
        opened.at,
    )


def _recipients(plan_path: Path) -> int:
    try:
        column = pq.read_table(plan_path, columns=["mms_request"]).column(0)
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{plan_path} cannot be read: {error}") from None
    return int(len(column) - column.null_count)


def _costs(others: list[_Other], plan: Plan, account: Account) -> Iterator[Decimal]:
    """Give what a recipient of this kind of message cost, latest first, where it shows."""
    read = 0
    for other in others:
        try:
            campaign = load_campaign(other.folder.campaign_path)
            if campaign.content.kind is not plan.campaign.content.kind:
                continue
            with Journal(other.folder.journal_path) as journal:
                facts = journal.facts(first=_FACTS_READ)
        except MmsbatchError:
            continue
        started = next((fact for fact in facts if fact.kind is Kind.STARTED), None)
        if started is None or started.data.get("login") != account.clientcode:
            continue
        cost = limits.cost_per_recipient(limits.heard_in(facts))
        if cost is not None:
            yield cost
        read += 1
        if read == _RUNS_READ:
            return
