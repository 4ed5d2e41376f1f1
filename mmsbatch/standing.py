"""Where a run stands, by its folder: facts read, results and report drawn, files rewritten."""

from __future__ import annotations

import pandas as pd

from mmsbatch import outcomes, parquet, policy, report
from mmsbatch.attempts import attempts
from mmsbatch.errors import (
    RunError,
)
from mmsbatch.folder import RunFolder
from mmsbatch.journal import Journal
from mmsbatch.planning.plan import Plan
from mmsbatch.policy import Stop
from mmsbatch.report import RunReport
from mmsbatch.states import Fact, Kind, fold


def facts_of(folder: RunFolder) -> list[Fact]:
    """Read the facts of a run."""
    with Journal(folder.journal_path) as journal:
        return journal.facts()


def target_of(facts: list[Fact]) -> str:
    """Say on which target a run was begun."""
    opened = next((fact for fact in facts if fact.kind is Kind.OPENED), None)
    if opened is None:
        raise RunError("the journal is damaged: it does not say what was opened")
    return str(opened.data["target"])


def write_files(folder: RunFolder, plan: Plan, facts: list[Fact]) -> pd.DataFrame:
    """Rebuild the results and the attempts, write both files, and record that they were written."""
    folder.check_opened_for(plan, facts)
    metadata = folder.metadata(plan)
    frame = outcomes.results(plan, fold(facts, plan.requests))
    parquet.write(frame, folder.results_path, metadata)
    parquet.write(attempts(facts), folder.requests_path, metadata)
    folder.record_written(facts)
    return frame


def report_of(
    folder: RunFolder,
    plan: Plan,
    facts: list[Fact],
    stopped: Stop | None = None,
    frame: pd.DataFrame | None = None,
) -> RunReport:
    """Draw the report from plan and facts; `frame` is the results, where they are at hand."""
    requests = fold(facts, plan.requests)
    frame = outcomes.results(plan, requests) if frame is None else frame
    return RunReport(
        run=folder.name,
        target=target_of(facts),
        rows=len(plan.rows),
        outcomes=outcomes.count(frame),
        requests=report.by_state(requests),
        credits=report.last_credits(facts),
        fingerprint=plan.fingerprint,
        stopped=stopped or _named(report.last_stop(facts), folder),
        credits_before=report.first_balance(facts),
        problems=plan.summary.problems,
        doubts=[request for request in requests.values() if request.state == "in_doubt"],
        settled=sum(
            len(plan.positions(request.number))
            for request in requests.values()
            if request.state == "confirmed"
        ),
    )


def _named(stop: Stop | None, folder: RunFolder) -> Stop | None:
    """Put the run's folder where the policy, which knows of none, had to leave a place for it."""
    if stop is None:
        return None
    return Stop(stop.reason, stop.what_to_do.replace(policy.THE_RUN, str(folder.path)))
