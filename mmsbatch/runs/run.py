"""A run: its plan and its facts, and what follows from both."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa

from mmsbatch import frames, hints, parquet
from mmsbatch.errors import InputError, kind_of
from mmsbatch.frame_display import DisplayedFrame
from mmsbatch.gateway.wire import Answer
from mmsbatch.journal.facts import Fact
from mmsbatch.planning.part import Part
from mmsbatch.planning.plan import Plan
from mmsbatch.progress import counting
from mmsbatch.runs import outcomes
from mmsbatch.runs.attempts import attempts, with_bytes
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.known import Known
from mmsbatch.runs.opened import identity_in, target_of
from mmsbatch.runs.report import (
    RunReport,
    Stop,
    accounts_in,
    by_state,
    first_balance,
    last_credits,
    last_stop,
)
from mmsbatch.runs.states import Request, State, fold
from mmsbatch.runs.summary import ResultsSummary, summarize_results


@dataclass(frozen=True)
class Run:
    """A run as of its last fact; what follows from plan and facts is computed once."""

    folder: RunFolder
    plan: Plan
    known: Known

    @classmethod
    def load(cls, path: str | os.PathLike[str], journal: str | None = None) -> Self:
        """Read a run; nothing in its folder is written.

        Raises
        ------
        RunError
            The folder holds no run, or a damaged one.
        """
        folder = RunFolder.at(path, journal)
        plan = folder.load_plan()
        return cls.read(folder, plan)

    @classmethod
    def read(cls, folder: RunFolder, plan: Plan) -> Self:
        """Read the facts of a run whose plan is read already; raises as `of` does."""
        folder.check_opened_for(plan, folder.facts(first=1))
        return cls(folder, plan, Known.read(folder.journal, plan))

    @classmethod
    def of(cls, folder: RunFolder, plan: Plan, facts: list[Fact]) -> Self:
        """Make a run of its parts, if they belong together.

        Raises
        ------
        RunError
            The facts are about another plan.
        """
        folder.check_opened_for(plan, facts)
        return cls(folder, plan, Known.of(facts, plan))

    @property
    def facts(self) -> list[Fact]:
        """What happened; of a plan in several parts, see `Known`."""
        return self.known.facts

    @property
    def requests(self) -> dict[int, Request]:
        """Where each request is."""
        return self.known.requests

    @cached_property
    def results(self) -> pd.DataFrame:
        """One outcome per row, as `mmsbatch.runs.outcomes.results` has them."""
        found = list(self.result_parts())
        return DisplayedFrame(found[0] if len(found) == 1 else frames.union_of_words(found))

    def result_parts(self, columns: Sequence[str] | None = None) -> Generator[pd.DataFrame]:
        """Return the results part by part, with all of the plan's columns or some; to be closed."""
        read = 0
        with counting(self.plan.requests, "request", "results") as progress:

            def named(_: Request, answer: Answer) -> outcomes.NamedNumbers:
                nonlocal read
                read += 1
                progress.update()
                return outcomes.named_by(answer)

            for place, rows in enumerate(self.plan.parts):
                part, read = self.plan.part(place), 0
                requests = self.requests
                if not self.known.whole:
                    requests = fold(self.facts_about(part), part.requests)
                yield outcomes.part_results(rows.frame(columns), part, requests, named)
                progress.update(len(part.requests) - read)  # those without an answer

    def facts_about(self, part: Part) -> list[Fact]:
        """Return the facts about the requests of a part."""
        if self.known.whole:
            return self.facts
        return self.folder.journal.facts(requests=part.requests)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows by outcome."""
        if self.known.whole:
            return outcomes.count([self.results])
        with closing(self.result_parts(["mms_problem"])) as parts:
            return outcomes.count(parts)

    def report(self, stopped: Stop | None = None) -> RunReport:
        """Return where the run is, in figures; `stopped` replaces why its last execution ended."""
        requests = self.requests.values()
        return RunReport(
            run=self.folder.name,
            target=target_of(self.facts),
            rows=self.plan.size,
            outcomes=self.counts,
            requests=by_state(self.requests),
            credits=last_credits(self.facts),
            fingerprint=self.plan.fingerprint,
            path=str(self.folder.place),
            stopped=stopped or self._last_stop(),
            credits_before=first_balance(self.facts),
            problems=self.plan.summary.problems,
            doubts=[request for request in requests if request.state is State.IN_DOUBT],
            settled=sum(
                self.plan.recipients_of(request.number)
                for request in requests
                if request.state is State.CONFIRMED
            ),
            accounts=accounts_in(self.facts),
        )

    def write(self) -> None:
        """Write results and attempts, and record that they were written.

        Only for who holds `RunFolder.writer`: files of a moment before would undo what it does.
        """
        self.write_files(self.folder.metadata(self.plan, identity_in(self.facts)))
        self.folder.record_written(self.facts)

    def write_files(self, metadata: Mapping[str, str]) -> None:
        """Write results and attempts, each saying this of itself."""
        count = len(self.plan.parts)
        path = self.folder.path / "results.parquet"
        if self.known.whole:
            parquet.write_parts([frames.to_arrow(self.results)], count, path, metadata)
        else:
            with closing(self.result_parts()) as parts:
                parquet.write_parts(map(frames.to_arrow, parts), count, path, metadata)
        parquet.write_parts(
            self.attempt_parts(), count, self.folder.path / "requests.parquet", metadata
        )
        for name in ("results.parquet", "requests.parquet"):
            self.folder.put(name)

    def attempt_parts(self) -> Iterator[pa.Table]:
        """Return the attempts part by part, as they are written."""
        for place in range(len(self.plan.parts)):
            table = frames.to_arrow(attempts(self.facts_about(self.plan.part(place))))
            yield table if self.known.whole else with_bytes(table)

    def _last_stop(self) -> Stop | None:
        """Return why the last execution ended early, and what to do, so that it can be pasted."""
        stop = last_stop(self.facts)
        if stop is None:
            return None
        live = target_of(self.facts) == "live"
        return Stop(stop.reason, hints.in_run(stop.what_to_do, self.folder.place, live=live))


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
        As `send` returns them, as of now. Shows itself with numbers masked and times in Paris.

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
        return summarize_results(run.results, attempts(run.facts))
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
    again = hints.resume(loaded.folder.place, live=made.target == "live")
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
