"""How things show themselves in a terminal: short, aligned, worst first. Pure: gives text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsbatch.display import labelled
from mmsbatch.outcomes import Outcome
from mmsbatch.phones.words import PROBLEMS
from mmsbatch.show import views
from mmsbatch.show.words import OUTCOMES, PROBLEM_MEANINGS, amount, plural

if TYPE_CHECKING:  # to show a run, no reader of contacts and no gateway need be imported
    import pandas as pd

    from mmsbatch.check import Checked
    from mmsbatch.planning.plan import Plan
    from mmsbatch.planning.prepare import Summary
    from mmsbatch.reconciliation.reconcile import Reconciliation
    from mmsbatch.report import RunReport

__all__ = [
    "OUTCOMES",
    "PROBLEM_MEANINGS",
    "amount",
    "audit",
    "check",
    "labelled",
    "plan",
    "plural",
    "reconciliation",
    "run",
    "summary",
]


def summary(checked: Summary) -> str:
    """Say how many rows can be sent, and why not the others, worst first."""
    return views.check(checked).text()


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
    return views.plan(made).text()


def run(report: RunReport) -> str:
    """Say where a run stands."""
    return views.run(report).text()


def reconciliation(done: Reconciliation) -> str:
    """Say what was found about requests in doubt, on which conditions, and what was settled."""
    return views.reconciliation(done).text()


def audit(found: pd.DataFrame) -> str:
    """Say what each run came to, one line a run, and the totals."""
    words = [str(word) for word in Outcome if found[str(word)].any()]
    shown = found[["run", "campaign", "target", "rows", "requests", *words]].copy()
    shown.insert(0, "opened", found["opened_at"].dt.strftime("%Y-%m-%d %H:%M"))
    numbers = shown.select_dtypes("number").columns
    shown.loc[len(shown)] = ["total", "", "", "", *shown[numbers].sum()]
    return shown.to_string(index=False, formatters=dict.fromkeys(numbers, "{:,}".format))
