"""What the account says before anything leaves: that sending would fail, or that credits are gone.

A copy of a whole machine (a snapshot) has the run with the same inodes, so no identity can tell it
from the original. The account can: what the copy sends is paid for. So if a run that goes on finds
fewer credits than it last heard of, and no run beside it can have spent the difference, it says so;
and if that difference would pay for nearly all that is pending, it stops until a person says that
the credits were spent elsewhere. An account that colleagues use too loses credits between two
executions as well: told apart by the runs beside this one, and by how much is missing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from mmsbatch import hints, spec, times
from mmsbatch.errors import InDoubt, MmsbatchError, NotSent
from mmsbatch.gateway.account import Account, Target
from mmsbatch.journal.facts import Fact, FactKind, answer_in, read_account, without_unsent
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


def balance_stop(
    folder: RunFolder, sender: Sender, facts: Sequence[Fact], *, spent_elsewhere: bool
) -> Stop | None:
    """Ask the account tool, record what it says, and return why nothing should leave, if so.

    A tool that does not answer, or may not tell (302), speaks against nothing.

    Parameters
    ----------
    folder, sender
        Of the run.
    facts
        From before this execution.
    spent_elsewhere
        A person's word that what is missing was spent by something else.

    Warns
    -----
    CreditsMissing
        Names both figures.
    """
    try:
        reply = sender.gateway.account_info()
    except (NotSent, InDoubt):
        return None
    sender.journal.append(
        FactKind.BALANCE,
        at=times.utc_now(),
        data={"http_status": reply.http_status},
        body=reply.body,
    )
    answer = read_account(reply.body)
    if answer is None:
        return None
    known = spec.account_status(answer.status)
    if known.scope is spec.Scope.RUN:
        reason = f"the account tool said {answer.status} {answer.text or known.text}"
        return Stop(reason, known.what_to_do)
    sender.queue.budget.hear(answer)
    if answer.credits is not None and not spent_elsewhere:
        stop = _missing(folder, sender, facts, answer.credits)
        if stop is not None:
            return stop
    return credit_stop(answer.credits, sender.queue.budget.cost, sender.queue.recipients_left())


def _missing(folder: RunFolder, sender: Sender, facts: Sequence[Fact], now: Decimal) -> Stop | None:
    """Warn of credits that are gone and that nothing known has spent; stop if they are many."""
    account, cost = sender.gateway.account, sender.queue.budget.cost
    heard = last_heard(facts, account)
    scheduled = (
        sender.queue.plan.campaign.send_at is not None
    )  # its credits may be taken at any time
    if heard is None or scheduled or now >= heard.credits:
        return None
    taken = _may_have_taken(folder, sender.queue.requests, heard, sender, account)
    if taken and cost is None:
        return None  # something was sent since, at a price that nobody knows
    missing = heard.credits - now - (cost or 0) * taken
    if missing <= 0:
        return None
    figures = (
        f"the account has {now:,} credits, and this run last heard of {heard.credits:,} at "
        f"{times.in_paris(heard.at)}; {missing:,} are gone that no run beside it has spent"
    )
    pending = (cost or 0) * sender.queue.recipients_left()
    if pending and missing >= NEARLY_ALL * pending:
        return Stop(
            f"{figures}, which would pay for what is pending ({pending:,}): is the same run sent "
            "from a copy of this machine?",
            f"if something else has spent them, {hints.SPENT_ELSEWHERE}",
            UNEXPLAINED,
        )
    warnings.warn(f"{figures}. Others who use the account may have", CreditsMissing, stacklevel=2)
    return None


def last_heard(facts: Sequence[Fact], account: Account) -> Heard | None:
    """Return the least that the last execution heard the account had, if it was this account.

    The least, since answers to several workers come in any order. What was heard by an execution
    that stopped because credits were missing does not count.
    """
    heard: Heard | None = None
    now: Heard | None = None
    mine = False
    for fact in facts:
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
    if started.data.get("login") != account.clientcode:
        return False
    return account.target is Target.LIVE or started.data.get("url") == account.url


def _credits(fact: Fact) -> Decimal | None:
    answer = answer_in(fact)
    if answer is None:
        return None
    if answer.status == spec.OUT_OF_CREDIT:  # which says so without a figure
        return Decimal(0)
    return answer.credits if answer.available is None else answer.available  # of status 104


def _may_have_taken(
    folder: RunFolder,
    requests: Mapping[int, Request],
    heard: Heard,
    sender: Sender,
    account: Account,
) -> int:
    """Count the recipients who may have cost something that the run has not heard of.

    Those of its own requests that no answer settled, and those of the runs beside it since then.
    """
    unsettled = {State.IN_DOUBT, State.CONFIRMED}
    own = sum(
        sender.queue.plan.recipients_of(number)
        for number, request in requests.items()
        if request.state in unsettled or (request.answer and request.answer.credits is None)
    )
    return own + sum(_sent_since(other, heard.at, account) for other in folder.siblings())


def _sent_since(other: RunFolder, since: datetime, account: Account) -> int:
    """Count the recipients of another run's requests that may have left since then."""
    try:
        facts = other.facts()
    except MmsbatchError:
        return 0
    if not any(fact.kind is FactKind.STARTED and _is_of(fact, account) for fact in facts):
        return 0
    left = (fact for fact in without_unsent(facts) if fact.kind is FactKind.SENDING)
    return sum(int(fact.data.get("recipients", 0)) for fact in left if fact.at >= since)
