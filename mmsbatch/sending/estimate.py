"""What a plan would cost, before anything is sent: asks the account, sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from mmsbatch import times
from mmsbatch.display import Block, Document, ShowsItself, amount, plain, plural
from mmsbatch.errors import InDoubt, NotSent
from mmsbatch.gateway.account import Account
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.journal.facts import read_account
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.known import Known
from mmsbatch.runs.states import may_go
from mmsbatch.sending import limits as limiting
from mmsbatch.sending.limits import Limits, Pace, PreviousRuns
from mmsbatch.sending.previous import previous_runs


@dataclass(frozen=True, repr=False)
class Price(ShowsItself):
    """What a plan will cost, at what earlier runs have shown."""

    recipients: int
    a_recipient: Decimal

    @property
    def words(self) -> str:
        """What it comes to."""
        needed = amount(self.a_recipient * self.recipients)
        return f"about {needed} credits, at {amount(self.a_recipient)} a recipient as before"

    def document(self) -> Document:
        """Show it."""
        return Document((Block("cost", (self.words,)),))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "credits_needed": plain(self.a_recipient * self.recipients),
            "cost_per_recipient": plain(self.a_recipient),
        }


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
    pace: Pace = field(default_factory=Pace)
    """With how many workers, and how fast at most."""

    @property
    def needed(self) -> Decimal | None:
        """Credits for the recipients left; None if no answer has shown a cost yet."""
        return None if self.earlier.cost is None else self.earlier.cost * self.recipients

    @property
    def seconds(self) -> float | None:
        """How long it will take; None if no earlier run shows how fast the gateway answers."""
        return self.pace.seconds(self.requests, self.earlier.seconds_a_request)

    @property
    def words(self) -> str:
        """What it comes to."""
        return "; ".join(self._credit_lines())

    def document(self) -> Document:
        """Show what is to be sent, at what cost, how long, and what the previous run was."""
        what = f"{plural(self.recipients, 'recipient')} in {plural(self.requests, 'request')}"
        known = [Block("to send", (what,)), Block("credits", tuple(self._credit_lines()))]
        if self.seconds is not None and self.requests:
            known.append(Block("time", (f"about {times.duration(self.seconds)}",)))
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
            "seconds": self.seconds,
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
    workers: int = 1,
    requests_per_minute: float | None = None,
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
    workers, requests_per_minute
        As for `send`: how long it takes depends on them.

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
    earlier = previous_runs(folder, plan, shared.target, shared.logins)
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
        pace=Pace(workers, requests_per_minute),
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
