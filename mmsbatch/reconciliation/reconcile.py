"""Settle requests in doubt: on what credits show, or on a person's word. The shell of `evidence`.

Nothing is settled unasked. Evidence that nothing was sent may release requests to be sent again,
evidence that all was sent may confirm them; a part stays in doubt. Every look at the account is
recorded with its conditions (a fact ``evidence``), every verdict with the evidence or the note it
rests on (a fact ``verdict``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from mmsbatch import hints, spec, times
from mmsbatch.campaign.file import load_campaign
from mmsbatch.display import Block, Document, ShowsItself, joined
from mmsbatch.errors import InDoubt, InputError, MmsbatchError, NotSent, nearest
from mmsbatch.gateway.account import Account, Target
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.journal.facts import FactKind, Verdict, read_account
from mmsbatch.journal.journal import Journal
from mmsbatch.reconciliation.balances import BY_CREDITS, BY_PERSON
from mmsbatch.reconciliation.conditions import AccountAddress, BalanceReadings, OtherRun
from mmsbatch.reconciliation.finding import Conclusion, Finding, assess
from mmsbatch.runs.folder import RunFolder, check_target, target_of
from mmsbatch.runs.identity import check_same_files
from mmsbatch.runs.report import RunReport
from mmsbatch.runs.run import Run, status
from mmsbatch.runs.states import Request, State, fold
from mmsbatch.times import instant

_SETTLED: Final = {Verdict.SENT: "settled as sent", Verdict.RESEND: "may be sent again"}


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


@dataclass(frozen=True, repr=False)
class Reconciliation(ShowsItself):
    """What was found about a run's requests in doubt, what was settled, and where the run stands.

    ``finding`` is None if nothing was in doubt; ``verdict`` and ``settled`` say what was
    recorded about which requests.
    """

    report: RunReport
    finding: Finding | None = None
    verdict: Verdict | None = None
    settled: tuple[int, ...] = ()
    what_to_do: str = ""

    def document(self) -> Document:
        """Show what was found, what was settled, and where the run stands."""
        blocks = []
        if self.finding is not None:
            found = self.finding
            listed = ", ".join(map(str, found.requests))
            blocks.append(
                Block("in doubt", (f"request {listed}: {found.recipients:,} recipients",))
            )
            blocks.append(Block("finding", (f"{found.shown.replace('_', ' ')}: {found.reason}",)))
            lines = tuple(f"{'yes' if one.holds else 'NO '} {one.found}" for one in found.checks)
            blocks.append(Block("evidence", lines))
        elif self.verdict is None:
            blocks.append(Block("finding", ("no request of this run is in doubt",)))
        if self.verdict is not None:
            numbers = ", ".join(map(str, self.settled))
            blocks.append(Block("settled", (f"request {numbers}: {_SETTLED[self.verdict]}",)))
        if self.what_to_do:
            blocks.append(Block("next", (self.what_to_do,)))
        return joined((Document(tuple(blocks)), self.report.document()))

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values, under names that do not change."""
        return {
            "finding": self.finding.to_json() if self.finding else None,
            "verdict": self.verdict.value if self.verdict else None,
            "settled": list(self.settled),
            "what_to_do": self.what_to_do,
            "run": self.report.to_json(),
        }


def reconcile(
    run: str | Path,
    account: Account | Literal["sandbox", "live"],
    *,
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
    account = Account.of(account)
    folder = RunFolder.at(run, journal)
    plan = folder.load_plan()
    check_target(folder, folder.facts(first=1), account)
    finding: Finding | None = None
    verdict: Verdict | None = None
    with folder.writer(), folder.journal.open() as opened:
        facts = opened.facts()
        check_target(folder, facts, account)
        _record_move(folder, opened, moved=moved)
        doubts = _doubts(fold(facts, plan.requests))
        if doubts:
            gateway = GatewayClient(account)
            gateway.check_sandbox()
            patience = patience or PATIENCE[account.target]
            readings, body = _read(gateway, patience)
            finding = assess(
                facts,
                readings,
                place=AccountAddress(account.target.value, account.clientcode, account.url),
                content=plan.campaign.content.kind.value,
                scheduled=plan.campaign.send_at is not None,
                others=list(_other_runs(folder)),
                now=times.utc_now(),
                settle=timedelta(seconds=patience.settle_s),
            )
            evidence = finding.to_json()
            opened.append(FactKind.EVIDENCE, at=times.utc_now(), data=evidence, body=body)
            verdict = _verdict(finding.shown, release=release, confirm=confirm)
        if finding and verdict:
            reason = f"settled by credits as {finding.shown}: {finding.reason}"
            for doubt in doubts:
                data = {"by": BY_CREDITS, "reason": reason, "evidence": evidence}
                _record(opened, doubt, verdict, data)
            Run.of(folder, plan, opened.facts()).write()
    return Reconciliation(
        status(folder.path),
        finding,
        verdict,
        tuple(doubt.number for doubt in doubts) if verdict else (),
        _next(folder, account, finding, verdict),
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
    what_to_do = hints.resume(folder.path, live=live) if verdict is Verdict.RESEND else ""
    return Reconciliation(status(folder.path), None, verdict, (request,), what_to_do=what_to_do)


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


def _next(
    folder: RunFolder, account: Account, finding: Finding | None, verdict: Verdict | None
) -> str:
    live, run = account.target is Target.LIVE, folder.path
    resume = hints.resume(run, live=live)
    if verdict is Verdict.RESEND:
        return resume
    if finding is None or verdict is not None:
        return ""
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
            campaign.content.kind.value,
            instant(send_at) if send_at else None,
            being_written=other.being_written(),
        )
