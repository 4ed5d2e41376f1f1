"""Where a run stands, by its folder: facts read, results and report drawn, files rewritten."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mmsbatch import frames
from mmsbatch.planning.plan import Plan
from mmsbatch.runs import outcomes, report
from mmsbatch.runs.folder import RunFolder, target_of
from mmsbatch.runs.journal import Journal
from mmsbatch.runs.outcomes import attempts
from mmsbatch.runs.report import RunReport, Stop, by_state, first_balance, last_credits, last_stop
from mmsbatch.runs.states import Fact, fold


def results(run: str | Path) -> pd.DataFrame:
    """Rebuild the results of a run from its plan and its facts.

    Returns
    -------
    pandas.DataFrame
        As `send` gives them, as of now.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one.
    """
    folder = RunFolder(Path(run))
    plan = folder.load_plan()
    facts = facts_of(folder)
    folder.check_opened_for(plan, facts)
    return outcomes.results(plan, fold(facts, plan.requests))


def status(run: str | Path) -> RunReport:
    """Say where a run stands, from its facts alone; nothing is sent or written.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one.
    """
    folder = RunFolder(Path(run))
    plan = folder.load_plan()
    facts = facts_of(folder)
    folder.check_opened_for(plan, facts)
    made = report_of(folder, plan, facts)
    if made.stopped or not made.outcomes.get("pending") or folder.being_written():
        return made
    return report_of(
        folder,
        plan,
        facts,
        Stop("no process sends this run", f"mmsbatch resume {folder.path}"),
    )


def write_results(run: str | Path) -> None:
    """Rebuild ``results.parquet`` and ``requests.parquet`` in a run's folder.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one, or somebody sends it, settles a doubt in it or
        erases a person from it now: files of a moment before would undo that.
    """
    folder = RunFolder(Path(run))
    folder.check_exists()
    with folder.writer():
        write_files(folder, folder.load_plan(), facts_of(folder))


def facts_of(folder: RunFolder) -> list[Fact]:
    """Read the facts of a run."""
    with Journal(folder.journal_path) as journal:
        return journal.facts()


def write_files(folder: RunFolder, plan: Plan, facts: list[Fact]) -> pd.DataFrame:
    """Rebuild the results and the attempts, write both files, and record that they were written."""
    folder.check_opened_for(plan, facts)
    metadata = folder.metadata(plan)
    frame = outcomes.results(plan, fold(facts, plan.requests))
    frames.write(frame, folder.results_path, metadata)
    frames.write(attempts(facts), folder.requests_path, metadata)
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
        requests=by_state(requests),
        credits=last_credits(facts),
        fingerprint=plan.fingerprint,
        stopped=stopped or _named(last_stop(facts), folder),
        credits_before=first_balance(facts),
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
    return Stop(stop.reason, stop.what_to_do.replace(report.THE_RUN, str(folder.path)))
