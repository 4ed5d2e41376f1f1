"""What the accounts say before anything leaves: that sending would fail, or that credits are gone.

A copy of a whole machine (a snapshot) has the run with the same inodes, so no identity can tell it
from the original. The account can: what the copy sends is paid for. So if a run that goes on finds
fewer credits than it last heard of, and no run beside it can have spent the difference, it says so;
and if that difference would pay for nearly all that is pending, it stops until a person says that
the credits were spent elsewhere. An account that colleagues use too loses credits between two
executions as well: told apart by the runs beside this one, and by how much is missing.

Of several accounts each is asked for itself, and compared with what was heard of itself. What is
missing is added up, since a copy would share what is pending among them as this run does.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from mmsbatch import hints, spec, times
from mmsbatch.errors import InDoubt, MmsbatchError, NotSent
from mmsbatch.gateway.account import Account, Target
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.gateway.wire import Answer
from mmsbatch.journal.facts import (
    Fact,
    FactKind,
    answer_in,
    logins_in,
    of_account,
    read_account,
    without_unsent,
)
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.report import Stop
from mmsbatch.runs.states import Request, State
from mmsbatch.sending.limits import credit_stop
from mmsbatch.sending.sender import Sender

NEARLY_ALL: Final = Decimal("0.9")
"""Of what is pending: numbers that the gateway refuses cost nothing."""
UNEXPLAINED: Final = "unexplained_balance"
"""Marks the fact of such a stop: what the account said then is not what the run left it with."""


class CreditsMissing(UserWarning):
    """The account has fewer credits than the run left it with, and no run beside it says why."""


@dataclass(frozen=True)
class Heard:
    """What the account had left when the run last heard of it."""

    credits: Decimal
    at: datetime


@dataclass(frozen=True)
class Missing:
    """What is gone from an account that nothing known has spent."""

    account: Account
    heard: Heard
    now: Decimal
    credits: Decimal


def balance_stop(
    folder: RunFolder,
    sender: Sender,
    facts: Sequence[Fact],
    *,
    spent_elsewhere: bool,
    as_far_as_credits: bool,
) -> Stop | None:
    """Ask the account tool, record what it says, and return why nothing should leave, if so.

    A tool that does not answer, or may not tell (302), speaks against nothing. Of several accounts
    one that it speaks against takes no request, and the others go on.

    Parameters
    ----------
    folder, sender
        Of the run.
    facts
        From before this execution.
    spent_elsewhere
        A person's word that what is missing was spent by something else.
    as_far_as_credits
        Whether to begin although the credits do not pay for all that is left.

    Warns
    -----
    CreditsMissing
        Names both figures.
    """
    said = {login: _ask(sender, gateway) for login, gateway in sender.gateways.items()}
    sender.queue.take_in(sender.journal.since(sender.queue.seen))
    if stop := sender.queue.accounts.why_stopped():
        return stop
    left = {
        share.login: answer.credits
        for share in sender.queue.accounts.open
        if (answer := said[share.login]) and answer.credits is not None
    }
    if not spent_elsewhere:
        found = (_missing(folder, sender, facts, login, now) for login, now in left.items())
        if stop := _told_of([one for one in found if one], sender):
            return stop
    if as_far_as_credits and any(left.values()):
        return None
    return _too_little(sender, left)


def _ask(sender: Sender, gateway: GatewayClient) -> Answer | None:
    """Ask about one account, and record what it says."""
    try:
        reply = gateway.account_info()
    except (NotSent, InDoubt):
        return None
    whose = {"login": gateway.account.clientcode} if sender.accounts.several else {}
    sender.journal.append(
        FactKind.BALANCE,
        at=times.utc_now(),
        data={"http_status": reply.http_status, **whose},
        body=reply.body,
    )
    return read_account(reply.body)


def _too_little(sender: Sender, left: Mapping[str, Decimal]) -> Stop | None:
    """Return whether the accounts that can go on have too little for what is left to send."""
    accounts, recipients = sender.queue.accounts, sender.queue.recipients_left()
    costs = {share.login: share.budget.cost for share in accounts.open}
    if not accounts.several:
        return credit_stop(next(iter(left.values()), None), next(iter(costs.values())), recipients)
    paid_for = 0
    for login, cost in costs.items():
        if not cost or login not in left:  # nothing is refused for what is not known
            return None
        paid_for += int(left[login] // cost)
    if paid_for >= recipients:
        return None
    listed = ", ".join(f"{login} has {credits_}" for login, credits_ in left.items())
    return Stop(
        f"the credits of the accounts pay for about {paid_for} of {recipients} recipients: "
        f"{listed}",
        f"buy credits, then resume; or send as far as they go: {hints.AS_FAR_AS_CREDITS}",
    )


# ----- what is missing ---------------------------------------------------------------------------


def _told_of(missing: Sequence[Missing], sender: Sender) -> Stop | None:
    """Warn of credits that are gone and that nothing known has spent; stop if they are many."""
    if not missing:
        return None
    figures = "; ".join(_figures(one, named=sender.accounts.several) for one in missing)
    known = [sender.queue.accounts.budget(one.account.clientcode).cost for one in missing]
    cost = min((one for one in known if one), default=Decimal(0))
    pending = cost * sender.queue.recipients_left()
    if pending and sum(one.credits for one in missing) >= NEARLY_ALL * pending:
        return Stop(
            f"{figures}, which would pay for what is pending ({pending:,}): is the same run sent "
            "from a copy of this machine?",
            f"if something else has spent them, {hints.SPENT_ELSEWHERE}",
            UNEXPLAINED,
        )
    warnings.warn(f"{figures}. Others who use the account may have", CreditsMissing, stacklevel=3)
    return None


def _figures(missing: Missing, *, named: bool) -> str:
    account = f"account {missing.account.clientcode}" if named else "the account"
    return (
        f"{account} has {missing.now:,} credits, and this run last heard of "
        f"{missing.heard.credits:,} at {times.in_paris(missing.heard.at)}; {missing.credits:,} are "
        "gone that no run beside it has spent"
    )


def _missing(
    folder: RunFolder, sender: Sender, facts: Sequence[Fact], login: str, now: Decimal
) -> Missing | None:
    """Return what is gone from one account and that nothing known has spent, if anything is."""
    account = sender.gateways[login].account
    cost = sender.queue.accounts.budget(login).cost
    heard = last_heard(facts, account)
    scheduled = (
        sender.queue.plan.campaign.send_at is not None
    )  # its credits may be taken at any time
    if heard is None or scheduled or now >= heard.credits:
        return None
    taken = _may_have_taken(folder, sender, heard, account)
    if taken and cost is None:
        return None  # something was sent since, at a price that nobody knows
    missing = heard.credits - now - (cost or 0) * taken
    return Missing(account, heard, now, missing) if missing > 0 else None


def last_heard(facts: Iterable[Fact], account: Account) -> Heard | None:
    """Return the least that the last execution heard the account had, if it was this account.

    The least, since answers to several workers come in any order. What was heard by an execution
    that stopped because credits were missing does not count.
    """
    heard: Heard | None = None
    now: Heard | None = None
    mine = False
    for fact in of_account(facts, account.clientcode):
        if fact.kind is FactKind.STARTED:
            heard, now = now or heard, None
            mine = _is_of(fact, account)
        elif fact.kind is FactKind.STOPPED and fact.data.get("cause") == UNEXPLAINED:
            now = None
        credits_ = _credits(fact)
        if mine and credits_ is not None:
            least = credits_ if now is None else min(now.credits, credits_)
            now = Heard(least, fact.at)
    return now or heard


def _is_of(started: Fact, account: Account) -> bool:
    """Return whether an execution used this account; each sandbox has accounts of its own."""
    if account.clientcode not in logins_in(started):
        return False
    return account.target is Target.LIVE or started.data.get("url") == account.url


def _credits(fact: Fact) -> Decimal | None:
    answer = answer_in(fact)
    if answer is None:
        return None
    if answer.status == spec.OUT_OF_CREDIT:  # which says so without a figure
        return Decimal(0)
    return answer.credits if answer.available is None else answer.available  # of status 104


def _may_have_taken(folder: RunFolder, sender: Sender, heard: Heard, account: Account) -> int:
    """Count the recipients who may have cost something that the run has not heard of.

    Those of its own requests that no answer settled, and those of the runs beside it since then.
    """
    own = sum(
        sender.queue.recipients(number)
        for number, request in sender.queue.requests.items()
        if request.login in {"", account.clientcode} and _is_unheard(request)
    )
    return own + sum(_sent_since(other, heard.at, account) for other in folder.siblings())


def _is_unheard(request: Request) -> bool:
    """Return whether a request may have cost something that its answer does not say."""
    return request.state in {State.IN_DOUBT, State.CONFIRMED} or bool(
        request.answer and request.answer.credits is None
    )


def _sent_since(other: RunFolder, since: datetime, account: Account) -> int:
    """Count the recipients of another run's requests that may have left since then."""
    try:
        facts = other.facts()
    except MmsbatchError:
        return 0
    if not any(fact.kind is FactKind.STARTED and _is_of(fact, account) for fact in facts):
        return 0
    mine = of_account(facts, account.clientcode)
    left = (fact for fact in without_unsent(mine) if fact.kind is FactKind.SENDING)
    return sum(int(fact.data.get("recipients", 0)) for fact in left if fact.at >= since)
