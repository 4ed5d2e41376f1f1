"""What a plan would cost, before anything is sent: asks the account, sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from mmsbatch import parquet
from mmsbatch.campaign.file import load_campaign
from mmsbatch.display import Block, Document, ShowsItself, amount, plain, plural
from mmsbatch.errors import InDoubt, MmsbatchError, NotSent, RunError
from mmsbatch.gateway.account import Account
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.journal.facts import FactKind, logins_in, of_account, read_account
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.known import Known
from mmsbatch.runs.states import may_go
from mmsbatch.sending import limits
from mmsbatch.sending import limits as limiting
from mmsbatch.sending.limits import Limits, PreviousRuns


@dataclass(frozen=True, repr=False)
class Estimate(ShowsItself):
    """What a plan would cost, as far as it can be known before."""

    recipients: int
    """Not sent to yet: all of the plan, unless the run was begun."""
    requests: int
    credits: Decimal | None
    """What the account has, or all accounts have together; None if the account tool did not say."""
    earlier: PreviousRuns
    """The campaign's previous run, and what a recipient cost in earlier runs."""
    accounts: Mapping[str, Decimal | None] = field(default_factory=dict)
    """What each account has, by login; empty if there is only one."""

    @property
    def needed(self) -> Decimal | None:
        """Credits for the recipients left; None if no answer has shown a cost yet."""
        return None if self.earlier.cost is None else self.earlier.cost * self.recipients

    def document(self) -> Document:
        """Show what is to be sent, at what cost, and what the previous run was."""
        what = f"{plural(self.recipients, 'recipient')} in {plural(self.requests, 'request')}"
        known = [Block("to send", (what,)), Block("credits", tuple(self._credit_lines()))]
        earlier = self.earlier
        before = f"{earlier.run}: {plural(earlier.recipients or 0, 'recipient')}"
        known.append(Block("previous", (before if earlier.run else "none of this campaign",)))
        return Document(tuple(known))

    def _credit_lines(self) -> Iterator[str]:
        cost, needed = self.earlier.cost, self.needed
        if needed is not None:
            yield f"{amount(needed)} needed, at {amount(cost)} a recipient as in earlier runs"
        elif self.recipients:
            yield "needed: not known, no earlier run has shown what a recipient costs"
        if self.credits is None:
            yield "there: not known, the account tool did not say"
            return
        yield f"{amount(self.credits)} there{self._of_each()}"
        if needed is not None and needed > self.credits:
            yield f"{amount(needed - self.credits)} are missing: sending would stop"

    def _of_each(self) -> str:
        listed = ", ".join(f"{login} {amount(left)}" for login, left in self.accounts.items())
        return f" ({listed})" if listed else ""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        each = {login: plain(left) for login, left in self.accounts.items()}
        return {
            "recipients": self.recipients,
            "requests": self.requests,
            "credits": plain(self.credits),
            "credits_needed": plain(self.needed),
            "cost_per_recipient": plain(self.earlier.cost),
            "previous_run": self.earlier.run or None,
            "previous_recipients": self.earlier.recipients,
            **({"accounts": each} if each else {}),
        }


def estimate(
    plan: Plan,
    account: Account | Accounts | Literal["sandbox", "live"] | None = None,
    *,
    run: str | Path,
    accounts: Sequence[Account] | None = None,
    limits: Limits | None = None,
) -> Estimate:
    """Return what sending a plan as a run would cost, and refuse it where `send` would.

    Parameters
    ----------
    plan
        What would be sent.
    account
        Asked for its credits.
    run
        The run's folder, made or not; the runs beside it tell the cost and the previous run.
    accounts
        Several, in place of `account`.
    limits
        What the run must keep within.

    Returns
    -------
    Estimate
        Shows itself in a terminal and in a notebook.

    Raises
    ------
    PlanError
        A limit is passed; the same that `send` would say.
    NotSent, InDoubt
        A sandbox target did not answer when asked whether it is one. Nothing was sent.
    """
    shared = Accounts.of(account, accounts)
    folder = RunFolder.at(run)
    earlier = previous_runs(folder, plan, shared)
    limiting.check(plan, limits or Limits(), earlier)
    left = _left(folder, plan)
    credits_ = _credits(shared)
    known = [one for one in credits_.values() if one is not None]
    return Estimate(
        recipients=sum(plan.recipients_of(number) for number in left),
        requests=len(left),
        credits=sum(known, Decimal(0)) if len(known) == len(credits_) else None,
        earlier=earlier,
        accounts=credits_ if shared.several else {},
    )


def _left(folder: RunFolder, plan: Plan) -> list[int]:
    if not folder.exists():
        return list(range(1, plan.requests + 1))
    requests = Known.read(folder.journal, plan).requests
    return [n for n, request in requests.items() if may_go(request)]


def _credits(accounts: Accounts) -> dict[str, Decimal | None]:
    """Return what each account has left, by login."""
    GatewayClient(accounts.first).check_sandbox()
    return {one.clientcode: _credits_of(one) for one in accounts.each}


def _credits_of(account: Account) -> Decimal | None:
    try:
        answer = read_account(GatewayClient(account).account_info().body)
    except (NotSent, InDoubt):  # as before a run: what does not answer speaks against nothing
        return None
    return answer.credits if answer else None


_FACTS_READ: Final = 100
"""Of an earlier run: some 50 answers, which is plenty for a price."""
_RUNS_READ: Final = 5
"""Prices of longer ago are no guide."""


def previous_runs(folder: RunFolder, plan: Plan, accounts: Accounts) -> limits.PreviousRuns:
    """Look at the runs beside this one, on the same target; one that cannot be read is named.

    Parameters
    ----------
    folder
        Of this run, made or not.
    plan
        Its campaign's name chooses the previous run; its kind of content, whose cost counts.
    accounts
        A cost counts if it was the same login's: accounts have units of their own.
    """
    others: list[_Other] = []
    unread: list[str] = []
    for beside in folder.siblings():
        try:
            other = _look(beside)
        except MmsbatchError as error:
            unread.append(str(error))
            continue
        if other.target == accounts.target.value:
            others.append(other)
    others.sort(key=lambda other: other.opened_at, reverse=True)
    previous = next((other for other in others if other.campaign == plan.campaign.name), None)
    recipients = None
    if previous is not None:
        try:
            recipients = _recipients(previous.folder.plan_path)
        except RunError as error:
            unread.append(str(error))
    found = ((login, next(_costs(others, plan, login), None)) for login in accounts.logins)
    costs = {login: cost for login, cost in found if cost is not None}
    return limits.PreviousRuns(
        run=previous.folder.name if previous else "",
        recipients=recipients,
        cost=min(costs.values()) if len(costs) == len(accounts.logins) else None,
        costs=costs,
        unread=tuple(unread),
    )


@dataclass(frozen=True)
class _Other:
    folder: RunFolder
    campaign: str
    target: str
    opened_at: datetime


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
    )


def _recipients(plan_path: Path) -> int:
    tables = (parquet.read_table(file, ["mms_request"]) for file in parquet.part_files(plan_path))
    columns = (table.column(0) for table in tables)
    return sum(len(column) - column.null_count for column in columns)


def _costs(others: list[_Other], plan: Plan, login: str) -> Iterator[Decimal]:
    """Return what a recipient of this kind of message cost, latest first, where it shows."""
    read = 0
    for other in others:
        try:
            campaign = load_campaign(other.folder.campaign_path)
            if campaign.content.kind is not plan.campaign.content.kind:
                continue
            facts = other.folder.facts(first=_FACTS_READ)
        except MmsbatchError:
            continue
        started = next((fact for fact in facts if fact.kind is FactKind.STARTED), None)
        if started is None or login not in logins_in(started):
            continue
        cost = limits.cost_per_recipient(limits.credit_readings(of_account(facts, login)))
        if cost is not None:
            yield cost
        read += 1
        if read == _RUNS_READ:
            return
