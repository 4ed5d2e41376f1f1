"""A run: its plan and its facts, and what follows from both."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd

from mmsbatch import frames, hints
from mmsbatch.errors import InputError, kind_of
from mmsbatch.journal.facts import Fact
from mmsbatch.planning.plan import Plan
from mmsbatch.runs import outcomes
from mmsbatch.runs.folder import RunFolder, identity_in, target_of
from mmsbatch.runs.report import (
    ResultsSummary,
    RunReport,
    Stop,
    accounts_in,
    by_state,
    first_balance,
    last_credits,
    last_stop,
    summarize_results,
)
from mmsbatch.runs.states import Request, State, fold


@dataclass(frozen=True)
class Run:
    """A run as of its last fact; what follows from plan and facts is computed once."""

    folder: RunFolder
    plan: Plan
    facts: list[Fact]

    @classmethod
    def load(cls, path: str | os.PathLike[str], journal: str | None = None) -> Self:
        """Read a run; nothing in its folder is written.

        Raises
        ------
        RunError
            The folder holds no run, or a damaged one.
        """
        folder = RunFolder.at(path, journal)
        return cls.of(folder, folder.load_plan(), folder.facts())

    @classmethod
    def of(cls, folder: RunFolder, plan: Plan, facts: list[Fact]) -> Self:
        """Make a run of its parts, if they belong together.

        Raises
        ------
        RunError
            The facts are about another plan.
        """
        folder.check_opened_for(plan, facts)
        return cls(folder, plan, facts)

    @cached_property
    def requests(self) -> dict[int, Request]:
        """Where each request is."""
        return fold(self.facts, self.plan.requests)

    @cached_property
    def results(self) -> pd.DataFrame:
        """One outcome per row, as `mmsbatch.runs.outcomes.results` has them."""
        return outcomes.results(self.plan, self.requests)

    def report(self, stopped: Stop | None = None) -> RunReport:
        """Return where the run is, in figures; `stopped` replaces why its last execution ended."""
        requests = self.requests.values()
        return RunReport(
            run=self.folder.name,
            target=target_of(self.facts),
            rows=len(self.plan.rows),
            outcomes=outcomes.count(self.results),
            requests=by_state(self.requests),
            credits=last_credits(self.facts),
            fingerprint=self.plan.fingerprint,
            path=str(self.folder.path),
            stopped=stopped or self._last_stop(),
            credits_before=first_balance(self.facts),
            problems=self.plan.summary.problems,
            doubts=[request for request in requests if request.state is State.IN_DOUBT],
            settled=sum(
                len(self.plan.positions(request.number))
                for request in requests
                if request.state is State.CONFIRMED
            ),
            accounts=accounts_in(self.facts),
        )

    def write(self) -> None:
        """Write results and attempts, and record that they were written.

        Only for who holds `RunFolder.writer`: files of a moment before would undo what it does.
        """
        metadata = self.folder.metadata(self.plan, identity_in(self.facts))
        frames.write(self.results, self.folder.results_path, metadata)
        frames.write(outcomes.attempts(self.facts), self.folder.requests_path, metadata)
        self.folder.record_written(self.facts)

    def _last_stop(self) -> Stop | None:
        """Return why the last execution ended early, and what to do, so that it can be pasted."""
        stop = last_stop(self.facts)
        if stop is None:
            return None
        live = target_of(self.facts) == "live"
        return Stop(stop.reason, hints.in_run(stop.what_to_do, self.folder.path, live=live))


def results(run: str | Path, *, journal: str | None = None) -> pd.DataFrame:
    """Rebuild the results of a run from its plan and its facts.

    Parameters
    ----------
    run
        Its folder.
    journal
        The address of the database that the run's journal is in, if it is in one; without it,
        ``MMSBATCH_JOURNAL`` is.

    Returns
    -------
    pandas.DataFrame
        As `send` returns them, as of now.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one.
    """
    return Run.load(run, journal).results


def summary(
    results: pd.DataFrame | str | os.PathLike[str], requests: pd.DataFrame | None = None
) -> ResultsSummary:
    """Count results by outcome and by problem.

    Parameters
    ----------
    results
        What `send`, `resume` or `results` gave, or ``results.parquet``: with ``mms_outcome``,
        ``mms_problem``, ``mms_request`` and ``mms_sent_at``; or a run's folder.
    requests
        The frame of ``requests.parquet``: with it, the credits left are known. Of a run's folder
        they are.

    Returns
    -------
    ResultsSummary
        Shows itself in a terminal and in a notebook.

    Raises
    ------
    InputError
        A column is missing, or it is neither a frame nor a run.
    """
    if isinstance(results, str | os.PathLike):
        run = Run.load(results)
        return summarize_results(run.results, outcomes.attempts(run.facts))
    if not isinstance(results, pd.DataFrame):
        raise InputError(
            f"a summary is of a results frame or of a run's folder, not of {kind_of(results)}"
        )
    return summarize_results(results, requests)


def status(run: str | Path, *, journal: str | None = None) -> RunReport:
    """Return where a run is, from its facts alone; nothing is sent or written.

    Parameters
    ----------
    run
        Its folder; where the journal is in a database, a copy of it on another machine will do.
    journal
        The address of the database that the run's journal is in, if it is in one; without it,
        ``MMSBATCH_JOURNAL`` is.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one.
    """
    loaded = Run.load(run, journal)
    made = loaded.report()
    if made.stopped or not made.outcomes.get("pending") or loaded.folder.being_written():
        return made
    again = hints.resume(loaded.folder.path, live=made.target == "live")
    return loaded.report(Stop("no process sends this run", again))


def write_results(run: str | Path, *, journal: str | None = None) -> None:
    """Rebuild ``results.parquet`` and ``requests.parquet`` in a run's folder.

    Parameters
    ----------
    run
        The folder.
    journal
        The address of the database that the run's journal is in, if it is in one; without it,
        ``MMSBATCH_JOURNAL`` is.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one, or somebody sends it, settles a doubt in it or
        erases a person from it now: files of a moment before would undo that.
    """
    folder = RunFolder.at(run, journal)
    folder.check_exists()
    with folder.writer():
        Run.load(run, journal).write()
