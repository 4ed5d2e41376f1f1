"""What each object shows, as a document: short, worst first, no number of a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mmsbatch import spec
from mmsbatch.account import Account, Target, is_loopback
from mmsbatch.display import Block, Document
from mmsbatch.phones.words import REPAIRS
from mmsbatch.show.words import OUTCOMES, PROBLEM_MEANINGS, amount, counts, plural
from mmsbatch.states import Verdict

if TYPE_CHECKING:
    from mmsbatch.planning.plan import Plan
    from mmsbatch.prepared import Summary
    from mmsbatch.reconciliation.reconcile import Reconciliation
    from mmsbatch.report import RunReport
    from mmsbatch.results_summary import ResultsSummary

_OUTCOME_MEANINGS = {str(word): text for word, text in OUTCOMES.items()}
_SETTLED = {Verdict.SENT: "settled as sent", Verdict.RESEND: "may be sent again"}


def check(checked: Summary) -> Document:
    """Say how many rows can be sent, and why not the others."""
    headline = (
        f"{plural(checked.rows, 'row')}: {checked.sendable:,} can be sent, "
        f"{checked.rows - checked.sendable:,} cannot"
    )
    blocks = [Block("check", (headline, counts(checked.problems, PROBLEM_MEANINGS)))]
    if checked.repairs:
        blocks.append(Block("repaired", (counts(checked.repairs, REPAIRS),)))
    return Document(tuple(blocks))


def plan(made: Plan) -> Document:
    """Say what a plan will send to how many, and what to look at first."""
    campaign = made.campaign
    named = f"{campaign.name} ({campaign.content.kind})"
    blocks = [Block("campaign", (named, *campaign.content.message.splitlines()))]
    if campaign.send_at is not None:
        blocks.append(Block("send at", (f"{campaign.send_at} ({spec.TIME_ZONE})",)))
    size = f"{plural(made.recipients, 'recipient')} in {plural(made.requests, 'request')}"
    blocks.append(Block("plan", (size, f"fingerprint {made.fingerprint}")))
    if made.warnings:
        blocks.append(Block("warnings", made.warnings))
    return Document(tuple(blocks))


def run(report: RunReport) -> Document:
    """Say where a run stands."""
    states = ", ".join(f"{n:,} {state.replace('_', ' ')}" for state, n in report.requests.items())
    blocks = [
        Block("run", (f"{report.run}, on the {report.target} gateway",)),
        Block("outcomes", (counts(report.outcomes, _OUTCOME_MEANINGS),)),
        Block("requests", (states,)),
    ]
    if report.credits is not None:
        before = (
            f"{amount(report.credits_before)} before, " if report.credits_before is not None else ""
        )
        blocks.append(Block("credits", (f"{before}{amount(report.credits)} after",)))
    blocks += [
        Block("in doubt", (f"request {request.number}: {request.reason}",))
        for request in report.doubts
    ]
    if report.stopped is not None:
        blocks.append(Block("STOPPED", (report.stopped.reason,)))
        blocks.append(Block("what to do", (report.stopped.what_to_do,)))
    return Document(tuple(blocks))


def reconciliation(done: Reconciliation) -> Document:
    """Say what was found about requests in doubt, on which conditions, and what was settled."""
    blocks = []
    if done.finding is not None:
        found = done.finding
        listed = ", ".join(map(str, found.requests))
        blocks.append(Block("in doubt", (f"request {listed}: {found.recipients:,} recipients",)))
        blocks.append(Block("finding", (f"{found.shown.replace('_', ' ')}: {found.reason}",)))
        lines = tuple(f"{'yes' if one.holds else 'NO '} {one.found}" for one in found.checks)
        blocks.append(Block("evidence", lines))
    elif done.verdict is None:
        blocks.append(Block("finding", ("no request of this run is in doubt",)))
    if done.verdict is not None:
        numbers = ", ".join(map(str, done.settled))
        blocks.append(Block("settled", (f"request {numbers}: {_SETTLED[done.verdict]}",)))
    if done.what_to_do:
        blocks.append(Block("next", (done.what_to_do,)))
    return joined((Document(tuple(blocks)), run(done.report)))


def results(found: ResultsSummary) -> Document:
    """Say what results came to."""
    size = f"{plural(found.rows, 'row')} in {plural(found.requests, 'request')}"
    blocks = [
        Block("results", (size,)),
        Block("outcomes", (counts(found.outcomes, _OUTCOME_MEANINGS),)),
    ]
    if found.problems:
        blocks.append(Block("problems", (counts(found.problems, PROBLEM_MEANINGS),)))
    if found.first_sent_at is not None and found.last_sent_at is not None:
        first, last = (
            f"{time:%Y-%m-%d %H:%M:%S} UTC" for time in (found.first_sent_at, found.last_sent_at)
        )
        blocks.append(Block("sent", (f"from {first} to {last}" if first != last else first,)))
    if found.credits is not None:
        blocks.append(Block("credits", (f"{amount(found.credits)} left after the last answer",)))
    return Document(tuple(blocks))


def account(of: Account) -> Document:
    """Say whose account at which gateway it is. Its passcode is not even asked for."""
    meant = {
        Target.SANDBOX: "messages reach nobody",
        Target.LIVE: "messages reach people and cost credits",
    }
    lines = [f"{of.clientcode}, on the {of.target} gateway: {meant[of.target]}", of.url]
    if of.url.startswith("http:") and not is_loopback(of.url):
        lines.append("in clear text: the passcode and the numbers can be read on the way")
    return Document((Block("account", tuple(lines)),))


def joined(documents: Iterable[Document]) -> Document:
    """Put documents one under the other."""
    return Document(tuple(part for document in documents for part in document.parts))
