"""What the runs beside one tell of it: the previous run, the price, how fast the gateway is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Final

from mmsbatch import parquet
from mmsbatch.campaign.file import load_campaign
from mmsbatch.errors import MmsbatchError, RunError
from mmsbatch.gateway.account import Target
from mmsbatch.journal.facts import Fact, FactKind, answer_in, logins_in, logins_of, of_account
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.sending import limits

_FACTS_READ: Final = 100
"""Of an earlier run: some 50 answers, which is plenty for a price and a pace."""
_RUNS_READ: Final = 5
"""Prices of longer ago are no guide."""


def previous_runs(
    folder: RunFolder, plan: Plan, target: Target, logins: Sequence[str] | None = None
) -> limits.PreviousRuns:
    """Look at the runs beside this one, on the same target; one that cannot be read is named.

    Parameters
    ----------
    folder
        Of this run, made or not.
    plan
        Its campaign's name chooses the previous run; its kinds of content, whose cost counts.
    target
        Of this run.
    logins
        A cost counts if it was the same login's: accounts have units of their own. None: those of
        the latest run.
    """
    others: list[_Other] = []
    unread: list[str] = []
    for beside in folder.siblings():
        try:
            other = _look(beside)
        except MmsbatchError as error:
            unread.append(str(error))
            continue
        if other.target == target.value:
            others.append(other)
    others.sort(key=lambda other: other.opened_at, reverse=True)
    mine = (one for one in others if one.campaign == plan.campaign.name and not one.is_test)
    previous = next(mine, None)
    recipients = None
    if previous is not None:
        try:
            recipients = _recipients(previous.folder.plan_path)
        except RunError as error:
            unread.append(str(error))
    found: dict[str, Decimal] = {}
    seconds = None
    for facts in _facts_of(others, plan):
        if logins is None:
            logins = logins_of(facts)
        found = _costs(facts, logins) | found
        seconds = seconds or _seconds_a_request(facts)
        if seconds and len(found) == len(logins):
            break
    logins = logins or ()
    costs = {login: found[login] for login in logins if login in found}
    return limits.PreviousRuns(
        run=previous.folder.name if previous else "",
        recipients=recipients,
        cost=min(costs.values()) if costs and len(costs) == len(logins) else None,
        costs=costs,
        seconds_a_request=seconds or None,
        unread=tuple(unread),
    )


@dataclass(frozen=True)
class _Other:
    folder: RunFolder
    campaign: str
    target: str
    opened_at: datetime
    is_test: bool


def _look(folder: RunFolder) -> _Other:
    facts = folder.facts(first=1)
    if not facts:
        raise RunError(f"{folder.journal.label} is empty: the run was copied in part")
    opened = facts[0]
    return _Other(
        folder,
        str(opened.data.get("campaign", "")),
        str(opened.data.get("target", "")),
        opened.at,
        bool(opened.data.get("test")),
    )


def _recipients(plan_path: Path) -> int:
    tables = (parquet.read_table(file, ["mms_request"]) for file in parquet.part_files(plan_path))
    columns = (table.column(0) for table in tables)
    return sum(len(column) - column.null_count for column in columns)


def _facts_of(others: list[_Other], plan: Plan) -> Iterator[list[Fact]]:
    """Return the facts of runs that sent the same kinds of content, latest first."""
    read = 0
    for other in others:
        try:
            if load_campaign(other.folder.campaign_path).kinds != plan.campaign.kinds:
                continue
            facts = other.folder.facts(first=_FACTS_READ)
        except MmsbatchError:
            continue
        if any(fact.kind is FactKind.STARTED for fact in facts):
            yield facts
            read += 1
        if read == _RUNS_READ:
            return


def _costs(facts: list[Fact], logins: Sequence[str]) -> dict[str, Decimal]:
    """Return what a recipient cost each account that a run shows it for."""
    started = next(fact for fact in facts if fact.kind is FactKind.STARTED)
    used = [login for login in logins if login in logins_in(started)]
    costs = ((login, cost_in(of_account(facts, login))) for login in used)
    return {login: cost for login, cost in costs if cost is not None}


def cost_in(facts: list[Fact]) -> Decimal | None:
    """Return what a recipient costs as far as an account's facts show, or as status 104 says."""
    return limits.cost_per_recipient(limits.credit_readings(facts)) or _said_to_be_needed(facts)


def _said_to_be_needed(facts: list[Fact]) -> Decimal | None:
    """Read status 104, which names the credits that a request takes (§2.2)."""
    recipients = {
        (fact.request, fact.attempt): int(fact.data.get("recipients", 0))
        for fact in facts
        if fact.kind is FactKind.SENDING
    }
    for fact in reversed(facts):
        answer = answer_in(fact)
        if fact.kind is FactKind.ANSWER and answer and answer.needed:
            people = recipients.get((fact.request, fact.attempt))
            return answer.needed / people if people else None
    return None


def _seconds_a_request(facts: list[Fact]) -> float | None:
    answers = (fact for fact in facts if fact.kind is FactKind.ANSWER)
    took_ms = [fact.data["elapsed_ms"] for fact in answers if "elapsed_ms" in fact.data]
    return median(took_ms) / 1000 if took_ms else None
