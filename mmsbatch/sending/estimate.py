"""What a plan would cost, before anything is sent: asks the account, sends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from mmsbatch import limits as limiting
from mmsbatch.display import Block, Document, ShowsItself, amount, plain, plural
from mmsbatch.earlier import earlier_runs
from mmsbatch.errors import InDoubt, NotSent
from mmsbatch.gateway.account import Account
from mmsbatch.gateway.client import Gateway
from mmsbatch.limits import Earlier, Limits
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.journal import Journal
from mmsbatch.runs.states import fold, may_go, read_account


@dataclass(frozen=True, repr=False)
class Estimate(ShowsItself):
    """What a plan would cost, as far as it can be known before."""

    recipients: int
    """Not sent to yet: all of the plan, unless the run was begun."""
    requests: int
    credits: Decimal | None
    """What the account has; None where the account tool did not say."""
    earlier: Earlier
    """The campaign's previous run, and what a recipient cost in earlier runs."""

    @property
    def needed(self) -> Decimal | None:
        """Credits for the recipients left; None where no answer has shown a cost yet."""
        return None if self.earlier.cost is None else self.earlier.cost * self.recipients

    def document(self) -> Document:
        """Say what is to be sent, at what cost, and what the previous run was."""
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
        yield f"{amount(self.credits)} there"
        if needed is not None and needed > self.credits:
            yield f"{amount(needed - self.credits)} are missing: sending would stop"

    def to_json(self) -> dict[str, Any]:
        """Give the figures as plain values."""
        return {
            "recipients": self.recipients,
            "requests": self.requests,
            "credits": plain(self.credits),
            "credits_needed": plain(self.needed),
            "cost_per_recipient": plain(self.earlier.cost),
            "previous_run": self.earlier.run or None,
            "previous_recipients": self.earlier.recipients,
        }


def estimate(
    plan: Plan, account: Account, *, run: str | Path, limits: Limits | None = None
) -> Estimate:
    """Say what sending a plan as a run would cost, and refuse it where `send` would.

    Parameters
    ----------
    plan
        What would be sent.
    account
        Asked for its credits.
    run
        The run's folder, made or not; the runs beside it tell the cost and the previous run.
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
    folder = RunFolder(Path(run))
    earlier = earlier_runs(folder, plan, account)
    limiting.check(plan, limits or Limits(), earlier)
    left = _left(folder, plan)
    return Estimate(
        recipients=sum(len(plan.positions(number)) for number in left),
        requests=len(left),
        credits=_credits(account),
        earlier=earlier,
    )


def _left(folder: RunFolder, plan: Plan) -> list[int]:
    if not folder.exists():
        return list(range(1, plan.requests + 1))
    with Journal(folder.journal_path) as journal:
        requests = fold(journal.facts(), plan.requests)
    return [n for n, request in requests.items() if may_go(request)]


def _credits(account: Account) -> Decimal | None:
    gateway = Gateway(account)
    gateway.check_sandbox()
    try:
        answer = read_account(gateway.account_info().body)
    except (NotSent, InDoubt):  # as before a run: what does not answer speaks against nothing
        return None
    return answer.credits if answer else None
