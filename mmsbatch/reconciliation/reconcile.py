"""Settle requests in doubt: on what credits show, or on a person's word. The shell of `evidence`.

Where several accounts share a run, each request in doubt is looked at with the credits of the
account that it was claimed with, and with nothing that was heard of another.

Nothing is settled unasked. Evidence that nothing was sent may release requests to be sent again,
evidence that all was sent may confirm them; a part stays in doubt. Every look at the account is
recorded with its conditions (a fact ``evidence``), every verdict with the evidence or the note it
rests on (a fact ``verdict``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from mmsbatch import hints, spec, times
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.file import load_campaign
from mmsbatch.errors import InDoubt, InputError, MmsbatchError, NotSent, nearest
from mmsbatch.gateway.account import Account, Target
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.journal.facts import (
    Fact,
    FactKind,
    Verdict,
    logins_in,
    of_account,
    read_account,
    with_logins,
)
from mmsbatch.journal.journal import Journal
from mmsbatch.planning.plan import Plan
from mmsbatch.reconciliation.balances import BY_CREDITS, BY_PERSON
from mmsbatch.reconciliation.conditions import (
    SEVERAL_KINDS,
    AccountAddress,
    BalanceReadings,
    OtherRun,
)
from mmsbatch.reconciliation.finding import Conclusion, Finding, assess
from mmsbatch.reconciliation.reconciliation import Look, Reconciliation
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.identity import check_same_files
from mmsbatch.runs.opened import check_target, target_of
from mmsbatch.runs.run import Run, status
from mmsbatch.runs.states import Request, State, fold
from mmsbatch.times import instant


@dataclass(frozen=True)
class Patience:
    """How long to wait for an account to come to rest.

    Parameters
    ----------
    settle_s
        Seconds since the last attempt before anything is decided: the gateway may still be at it
        (§1.1 speaks of long requests), and the account tool late.
    pause_s
        Seconds between two readings of the account tool.
    readings
        How many at most; the last two must agree.
    """

    settle_s: float
    pause_s: float
    readings: int = 5


PATIENCE: Final = {
    Target.LIVE: Patience(settle_s=600.0, pause_s=5.0),
    # The sandbox books a request before it ends the exchange, so there is nothing to wait for.
    Target.SANDBOX: Patience(settle_s=0.0, pause_s=0.0),
}


def reconcile(
    run: str | Path,
    account: Account | Accounts | Literal["sandbox", "live"] | None = None,
    *,
    accounts: Sequence[Account] | None = None,
    release: bool = False,
    confirm: bool = False,
    moved: bool = False,
    journal: str | None = None,
    patience: Patience | None = None,
) -> Reconciliation:
    """Look for evidence of what became of a run's requests in doubt; settle them where asked.

    Parameters
    ----------
    run
        The run's folder.
    account
        The one it was sent with.
    accounts
        Those it was sent with, in place of `account`; only those that have doubts are asked.
    release
        If credits show that nothing of it was sent: let `resume` send it again.
    confirm
        If credits show that all of it was sent: settle it as sent. Its rows become
        ``unreported``: no answer names their numbers, so they are not ``accepted``.
    moved
        The run's folder was copied or moved here, and is gone from where it was.
    patience
        How long to wait for the account to come to rest; by the account's target.

    Returns
    -------
    Reconciliation
        Its ``finding`` is ``not_sent``, ``all_sent``, ``partly_sent`` or ``undecidable``, with
        each condition that was checked.

    Raises
    ------
    InputError
        The run or the account cannot be used.
    NotSent, InDoubt
        A sandbox target did not answer when asked whether it is one.

    Source: §2 on credits, §3.2. See `mmsbatch.reconciliation.finding` for what credits cannot show.
    """
    shared = Accounts.of(account, accounts)
    folder = RunFolder.at(run, journal)
    plan = folder.load_plan()
    check_target(folder, folder.facts(first=1), shared.first)
    looks: list[Look] = []
    settled: list[int] = []
    with folder.writer(), folder.journal.open() as opened:
        facts = opened.facts()
        check_target(folder, facts, shared.first)
        _record_move(folder, opened, moved=moved)
        doubts = _by_account(facts, _doubts(fold(facts, plan.requests)), shared)
        if doubts:
            GatewayClient(shared.first).check_sandbox()
        for login, mine in doubts.items():
            asked = _Asked(folder, plan, shared, login, patience or PATIENCE[shared.target])
            finding = _look(asked, facts, opened)
            verdict = _verdict(finding.shown, release=release, confirm=confirm)
            looks.append(Look(login, finding, verdict))
            if verdict:
                reason = f"settled by credits as {finding.shown}: {finding.reason}"
                evidence = finding.to_json()
                for doubt in mine:
                    data = {"by": BY_CREDITS, "reason": reason, "evidence": evidence}
                    _record(opened, doubt, verdict, data)
                settled += [doubt.number for doubt in mine]
        if settled:
            Run.of(folder, plan, opened.facts()).write()
    first = next((look for look in looks if look.verdict is None), looks[0] if looks else None)
    return Reconciliation(
        status(folder.place),
        first.finding if first else None,
        first.verdict if first else None,
        tuple(sorted(settled)),
        _next_of(folder, shared.target, looks),
        tuple(looks) if len(looks) > 1 else (),
    )


def settle(
    run: str | Path,
    request: int,
    verdict: Verdict | str,
    note: str,
    *,
    moved: bool = False,
    journal: str | None = None,
) -> Reconciliation:
    """Record what a person knows of a request in doubt, from the vendor's back office for example.

    Parameters
    ----------
    run
        The run's folder.
    request
        Its number, as ``mms_request`` has it.
    verdict
        ``"sent"``: it was sent, never again; its rows become ``unreported``. ``"resend"``: it may
        be sent again by `resume`, whatever became of the first attempt.
    note
        How the person knows; kept with the verdict.
    moved
        The run's folder was copied or moved here, and is gone from where it was.

    Raises
    ------
    InputError
        The request is not in doubt, the verdict is none, or there is no note. Nothing is recorded.
    """
    if verdict not in set(Verdict):
        raise InputError(
            f"a verdict is 'sent' or 'resend', found {verdict!r}.{nearest(verdict, Verdict)}"
        )
    if not note.strip():
        raise InputError("a verdict needs a note: say how you know, for whoever audits the run")
    verdict = Verdict(verdict)
    folder = RunFolder.at(run, journal)
    plan = folder.load_plan()
    with folder.writer(), folder.journal.open() as opened:
        _record_move(folder, opened, moved=moved)
        facts = opened.facts()
        requests = fold(facts, plan.requests)
        _check_in_doubt(requests, request)
        data = {"by": BY_PERSON, "reason": f"a person's verdict: {note.strip()}"}
        _record(opened, requests[request], verdict, {**data, "note": note.strip()})
        Run.of(folder, plan, opened.facts()).write()
    live = target_of(facts) == Target.LIVE
    what_to_do = hints.resume(folder.place, live=live) if verdict is Verdict.RESEND else ""
    return Reconciliation(status(folder.place), None, verdict, (request,), what_to_do=what_to_do)


def _check_in_doubt(requests: dict[int, Request], number: int) -> None:
    doubts = ", ".join(str(doubt.number) for doubt in _doubts(requests)) or "none"
    if number not in requests:
        raise InputError(
            f"there is no request {number}: this run has {len(requests)} (in doubt: {doubts})"
        )
    if requests[number].state is not State.IN_DOUBT:
        raise InputError(
            f"request {number} is {requests[number].state}, not in doubt (in doubt: {doubts})"
        )


def _record(journal: Journal, doubt: Request, verdict: Verdict, data: dict[str, Any]) -> None:
    journal.append(
        FactKind.VERDICT,
        at=times.utc_now(),
        request=doubt.number,
        attempt=doubt.attempts,
        data={"verdict": verdict.value, **data},
    )


def _record_move(folder: RunFolder, journal: Journal, *, moved: bool) -> None:
    """Refuse a copy of a run; record that it is no copy if a person says so."""
    if fact := check_same_files(folder, journal.facts(), moved=moved):
        journal.record(fact)


def _doubts(requests: dict[int, Request]) -> list[Request]:
    return [request for request in requests.values() if request.state is State.IN_DOUBT]


def _verdict(shown: Conclusion, *, release: bool, confirm: bool) -> Verdict | None:
    if shown is Conclusion.NOT_SENT and release:
        return Verdict.RESEND
    if shown is Conclusion.ALL_SENT and confirm:
        return Verdict.SENT
    return None


def _next_of(folder: RunFolder, target: Target, looks: Sequence[Look]) -> str:
    """Say what to do next: one advice, or one for each account where they differ."""
    said = {look.login: _next(folder, target, look.finding, look.verdict) for look in looks}
    different = dict.fromkeys(filter(None, said.values()))
    if len(different) <= 1:
        return next(iter(different), "")
    return "; ".join(f"{login}: {advice}" for login, advice in said.items() if advice)


def _next(folder: RunFolder, target: Target, finding: Finding, verdict: Verdict | None) -> str:
    live, run = target is Target.LIVE, folder.path
    resume = hints.resume(run, live=live)
    if verdict is not None:
        return resume if verdict is Verdict.RESEND else ""
    if finding.shown is Conclusion.NOT_SENT:
        return f"`{hints.reconcile(run, live=live, settle='release')}`, then `{resume}`"
    if finding.shown is Conclusion.ALL_SENT:
        return hints.reconcile(run, live=live, settle="confirm")
    request = finding.requests[0]
    return (
        f"look request {request} up in the vendor's back office. If it was sent: "
        f"`{hints.settle(run, request, 'sent')}`; if not: `{hints.settle(run, request, 'resend')}`"
    )


# ----- what is looked at -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """Whose credits are looked at, and for what."""

    folder: RunFolder
    plan: Plan
    accounts: Accounts
    login: str
    patience: Patience


def _by_account(
    facts: Sequence[Fact], doubts: Sequence[Request], accounts: Accounts
) -> dict[str, list[Request]]:
    """Return the doubts by the login that each was claimed with.

    A journal that does not say whose is of a single account: of the first that is given.
    """
    claims = {
        (fact.request, fact.attempt): login
        for fact, login in with_logins(facts)
        if fact.kind is FactKind.SENDING
    }
    found: dict[str, list[Request]] = {}
    for doubt in doubts:
        login = claims[doubt.number, doubt.attempts] or accounts.first.clientcode
        found.setdefault(login, []).append(doubt)
    return found


def _look(asked: _Asked, facts: Sequence[Fact], journal: Journal) -> Finding:
    """Ask one account what it has left, find what that shows of its doubts, and record both."""
    account = asked.accounts.named(asked.login)
    readings, body = BalanceReadings(problem="the account of the requests was not given"), None
    if account is not None:  # another's credits show nothing of these requests
        readings, body = _read(GatewayClient(account), asked.patience)
    place = account or asked.accounts.first
    finding = assess(
        of_account(facts, asked.login),
        readings,
        login=asked.login,
        place=AccountAddress(place.target.value, place.clientcode, place.url),
        content=_kinds(asked.plan.campaign),
        scheduled=asked.plan.campaign.send_at is not None,
        others=list(_other_runs(asked.folder)),
        now=times.utc_now(),
        settle=timedelta(seconds=asked.patience.settle_s),
    )
    shared = asked.accounts.several or any(
        len(logins_in(fact)) > 1 for fact in facts if fact.kind is FactKind.STARTED
    )
    journal.append(
        FactKind.EVIDENCE,
        at=times.utc_now(),
        data={**finding.to_json(), **({"login": asked.login} if shared else {})},
        body=body,
    )
    return finding


def _kinds(campaign: Campaign) -> str:
    return SEVERAL_KINDS.join(campaign.kinds)


def _read(gateway: GatewayClient, patience: Patience) -> tuple[BalanceReadings, bytes | None]:
    """Read the account tool until two readings agree; give also the last answer's bytes."""
    amounts: list[Decimal] = []
    body: bytes | None = None
    for reading in range(patience.readings):
        if reading:
            time.sleep(patience.pause_s)
        try:
            body = gateway.account_info().body
        except (NotSent, InDoubt) as error:
            return BalanceReadings(
                tuple(amounts), f"the account tool did not answer: {error}"
            ), None
        answer = read_account(body)
        if answer is None:
            return BalanceReadings(tuple(amounts), "what answered is not the account tool"), body
        if not spec.account_status(answer.status).accepted or answer.credits is None:
            problem = f"the account tool said {answer.status} {answer.text} and no credits"
            return BalanceReadings(tuple(amounts), problem), body
        amounts.append(answer.credits)
        if BalanceReadings(tuple(amounts)).settled is not None:
            break
    return BalanceReadings(tuple(amounts)), body


def _other_runs(folder: RunFolder) -> Iterator[OtherRun]:
    """Look at the runs beside this one; one that cannot be read is given as such."""
    for other in folder.siblings():
        try:
            campaign = load_campaign(other.campaign_path)
            facts = tuple(other.facts())
        except MmsbatchError:
            yield OtherRun(other.name, unreadable=True)
            continue
        send_at = campaign.send_at
        yield OtherRun(
            other.name,
            facts,
            _kinds(campaign),
            instant(send_at) if send_at else None,
            being_written=other.being_written(),
        )
