"""How things show themselves in a terminal: short, aligned, worst first. Pure: gives text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import pandas as pd

from mmsbatch import spec
from mmsbatch.check import Checked
from mmsbatch.message import MESSAGE_PROBLEMS
from mmsbatch.outcomes import Outcome
from mmsbatch.phones.words import PROBLEMS, REPAIRS
from mmsbatch.plan import Plan
from mmsbatch.prepare import Summary
from mmsbatch.reconcile import Reconciliation
from mmsbatch.report import RunReport
from mmsbatch.states import Verdict

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.ACCEPTED: "taken by the gateway",
    Outcome.SCHEDULED: "taken by the gateway for later",
    Outcome.REJECTED: "number refused by the gateway (not a mobile, or opted out)",
    Outcome.UNREPORTED: "request taken, number not named in the answer",
    Outcome.REFUSED: "request refused, not sent",
    Outcome.IN_DOUBT: "perhaps sent: no answer came; never sent again by itself",
    Outcome.PENDING: "not sent yet",
    Outcome.INVALID: "not sendable, see mms_problem",
    Outcome.DUPLICATE: "same number and message as an earlier row",
    Outcome.SUPPRESSED: "on a suppression list",
}

PROBLEM_MEANINGS: Mapping[str, str] = {
    word: meaning for word, (meaning, _) in {**PROBLEMS, **MESSAGE_PROBLEMS}.items()
}

LABEL_WIDTH = 11


def labelled(label: str, first: str, *more: str) -> str:
    """Lay a block out: its label, and its lines beside it."""
    lines = [f"{label:<{LABEL_WIDTH}}{first}"]
    lines += [f"{'':<{LABEL_WIDTH}}{line}" for line in more]
    return "\n".join(lines)


def amount(value: Decimal | int | None) -> str:
    """Write a number with thousands apart; a question mark where it is not known."""
    return "?" if value is None else f"{value:,}"


def plural(count: int, word: str) -> str:
    """Write a count and its word: ``1 row``, ``1,500 rows``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def summary(checked: Summary) -> str:
    """Say how many rows can be sent, and why not the others, worst first."""
    not_sendable = checked.rows - checked.sendable
    blocks = [
        labelled(
            "check",
            f"{plural(checked.rows, 'row')}: {checked.sendable:,} can be sent, "
            f"{not_sendable:,} cannot",
            *_counts(checked.problems, PROBLEM_MEANINGS),
        )
    ]
    if checked.repairs:
        blocks.append(labelled("repaired", *_counts(checked.repairs, REPAIRS)))
    return "\n".join(blocks)


def check(checked: Checked) -> str:
    """Say what a check found, with examples and what to do, worst first."""
    lines = [summary(checked.summary)]
    if checked.summary.problems:
        lines.append("")
        lines.append("what to do:")
    for word in checked.summary.problems:
        example = f" (e.g. {checked.examples[word]})" if checked.examples.get(word) else ""
        lines.append(f"  {word}: {PROBLEMS[word].what_to_do}{example}")
    return "\n".join(lines)


def plan(made: Plan) -> str:
    """Say what a plan will send to how many, and what to look at first."""
    campaign = made.campaign
    lines = [
        labelled(
            "campaign",
            f"{campaign.name} ({campaign.content.kind})",
            *campaign.content.message.splitlines(),
        ),
    ]
    if campaign.send_at is not None:
        lines.append(labelled("send at", f"{campaign.send_at} ({spec.TIME_ZONE})"))
    lines.append(
        labelled(
            "plan",
            f"{plural(made.recipients, 'recipient')} in {plural(made.requests, 'request')}",
            f"fingerprint {made.fingerprint}",
        )
    )
    if made.warnings:
        lines.append(labelled("warnings", *made.warnings))
    return "\n".join(lines)


def run(report: RunReport) -> str:
    """Say where a run stands."""
    states = ", ".join(f"{n:,} {state.replace('_', ' ')}" for state, n in report.requests.items())
    meanings = {str(word): text for word, text in OUTCOMES.items()}
    blocks = [
        labelled("run", f"{report.run}, on the {report.target} gateway"),
        labelled("outcomes", *_counts(report.outcomes, meanings)),
        labelled("requests", states),
    ]
    if report.credits is not None:
        before = (
            f"{amount(report.credits_before)} before, " if report.credits_before is not None else ""
        )
        blocks.append(labelled("credits", f"{before}{amount(report.credits)} after"))
    blocks += [
        labelled("in doubt", f"request {request.number}: {request.reason}")
        for request in report.doubts
    ]
    if report.stopped is not None:
        blocks.append(labelled("STOPPED", report.stopped.reason))
        blocks.append(labelled("what to do", report.stopped.what_to_do))
    return "\n".join(blocks)


def reconciliation(done: Reconciliation) -> str:
    """Say what was found about requests in doubt, on which conditions, and what was settled."""
    blocks = []
    if done.finding is not None:
        found = done.finding
        listed = ", ".join(map(str, found.requests))
        blocks.append(labelled("in doubt", f"request {listed}: {found.recipients:,} recipients"))
        blocks.append(labelled("finding", f"{found.shown.replace('_', ' ')}: {found.reason}"))
        lines = (f"{'yes' if one.holds else 'NO '} {one.found}" for one in found.checks)
        blocks.append(labelled("evidence", *lines))
    elif done.verdict is None:
        blocks.append(labelled("finding", "no request of this run is in doubt"))
    if done.verdict is not None:
        numbers = ", ".join(map(str, done.settled))
        may = {Verdict.SENT: "settled as sent", Verdict.RESEND: "may be sent again"}
        blocks.append(labelled("settled", f"request {numbers}: {may[done.verdict]}"))
    if done.what_to_do:
        blocks.append(labelled("next", done.what_to_do))
    return "\n".join([*blocks, run(done.report)])


def audit(found: pd.DataFrame) -> str:
    """Say what each run came to, one line a run, and the totals."""
    words = [str(word) for word in Outcome if found[str(word)].any()]
    shown = found[["run", "campaign", "target", "rows", "requests", *words]].copy()
    shown.insert(0, "opened", found["opened_at"].dt.strftime("%Y-%m-%d %H:%M"))
    numbers = shown.select_dtypes("number").columns
    shown.loc[len(shown)] = ["total", "", "", "", *shown[numbers].sum()]
    return shown.to_string(index=False, formatters=dict.fromkeys(numbers, "{:,}".format))


def _counts(counts: Mapping[str, int], meanings: Mapping[str, str]) -> Iterable[str]:
    width = max((len(word) for word in counts), default=0)
    for word, count in sorted(counts.items(), key=lambda item: -item[1]):
        yield f"{count:>9,}  {word:<{width}}  {meanings.get(word, '')}".rstrip()
