"""What `verify` looks at: the files of one run, read without trust."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch.campaign.file import load_campaign
from mmsbatch.errors import InputError, MmsbatchError
from mmsbatch.files import digests
from mmsbatch.gateway.wire import Answer
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.journal.rows import Row
from mmsbatch.parquet import part_files, read_metadata
from mmsbatch.planning.part import Part, PartRows, RowsInFile, RowsInMemory
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.known import each
from mmsbatch.runs.outcomes import NamedNumbers, named_by
from mmsbatch.runs.states import Request, fold
from mmsbatch.verification.answers import read_list
from mmsbatch.verification.journal import CheckFailed, check_chain, read_rows


@dataclass(frozen=True)
class RecordedAnswer:
    """What came back to a request."""

    attempt: int
    """Which it was the answer to, from 1."""
    body: bytes
    listed: NamedNumbers | None
    """What its list names, if that is plain enough to be read without `wire`."""


@dataclass(frozen=True, eq=False)
class PartInputs:
    """One part of the run."""

    run: RunInputs
    part: Part
    rows: PartRows
    results: Path
    attempts: Path
    """The derived files."""

    @cached_property
    def facts(self) -> list[Fact]:
        """About its requests; of a plan in one part, all there are."""
        if not self.run.in_parts:
            return [*self.run.facts]
        return self.run.folder.journal.facts(requests=self.part.requests)

    @cached_property
    def requests(self) -> dict[int, Request]:
        """Where its requests are."""
        return fold(self.facts, self.part.requests) if self.run.in_parts else self.run.requests

    @cached_property
    def replies(self) -> dict[int, RecordedAnswer]:
        """The last answer to each request."""
        last = {
            fact.request: fact
            for fact in self.facts
            if fact.request is not None and fact.kind is FactKind.ANSWER
        }
        return {
            request: RecordedAnswer(
                fact.attempt or 0, fact.body or b"", read_list(fact.body or b"")
            )
            for request, fact in last.items()
        }

    def named(self, request: Request, answer: Answer) -> NamedNumbers:
        """Return the numbers that an answer names, read from its bytes if they are plain."""
        # If a request has an answer, it is the last: another attempt takes it away.
        return self.replies[request.number].listed or named_by(answer)


class RunInputs:
    """What the checks look at: the files of a run, and what earlier checks have found.

    Of a plan in one part, what was read is held; of one in several, it is read again.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.in_parts = folder.plan_path.is_dir()
        self.notes: list[str] = []
        self.of_run: list[tuple[int, Fact]] = []
        """The facts of the run itself by their numbers, once `chain` has been checked."""
        self.last_hash = ""
        self.out_of_date: tuple[int, Fact] | None = None
        """The first fact about a request behind the last that says what was written."""
        self.requests: dict[int, Request] = {}
        """Where each request is, once `facts` has been checked."""
        self._rows: list[Row] | None = None
        self._facts: list[Fact] | None = None

    def rows(self) -> Iterable[Row]:
        """Return the journal's rows."""
        if self.in_parts:
            return read_rows(self.folder)
        if self._rows is None:
            self._rows = [*read_rows(self.folder)]
        return self._rows

    def follow_chain(self) -> int:
        """Check the journal's rows, note what later checks need, and count them."""
        place, facts = 0, []
        for place, (row, fact) in enumerate(check_chain(self.rows()), start=1):
            self.last_hash = row["hash"]
            if fact.request is None:
                self.of_run.append((place, fact))
            elif self.out_of_date is None:
                self.out_of_date = (place, fact)
            if fact.kind is FactKind.WRITTEN:
                self.out_of_date = None
            if not self.in_parts:
                facts.append(fact)
        self._facts = None if self.in_parts else facts
        return place

    @property
    def facts(self) -> Iterable[Fact]:
        """The facts, once `chain` has been checked."""
        return each(self.folder.journal) if self._facts is None else self._facts

    @property
    def opened(self) -> Fact:
        """The first of them."""
        return self.of_run[0][1]

    @cached_property
    def plan(self) -> Plan:
        """The plan that the files give."""
        try:
            files = part_files(self.folder.plan_path)
            self.plan_metadata = read_metadata(files[0])
            parts = [RowsInFile(file) for file in files]
            held = [RowsInMemory(part.frame()) for part in parts] if len(parts) == 1 else parts
            return Plan(held, load_campaign(self.folder.campaign_path))
        except InputError as error:
            raise CheckFailed(f"campaign.toml cannot be read: {error}") from None
        except (MmsbatchError, *UNREADABLE, KeyError, TypeError, AttributeError) as error:
            raise CheckFailed(f"{self.folder.plan_path.name}: {error}") from None

    plan_metadata: dict[str, str]

    def parts(self) -> Iterable[PartInputs]:
        """Return the run part by part, once `facts` has been checked; the only one is held."""
        return self._read_parts() if self.in_parts else self._held

    def _read_parts(self) -> Iterator[PartInputs]:
        results, attempts = (
            self._files(path) for path in (self.folder.results_path, self.folder.requests_path)
        )
        for place, rows in enumerate(self.plan.parts):
            yield PartInputs(self, self.plan.part(place), rows, results[place], attempts[place])

    @cached_property
    def _held(self) -> list[PartInputs]:
        return [*self._read_parts()]

    def _files(self, path: Path) -> list[Path]:
        """Return the files of a derived table, one for each part of the plan."""
        try:
            found = part_files(path)
        except MmsbatchError as error:
            raise CheckFailed(str(error)) from None
        if len(found) != len(self.plan.parts):
            raise CheckFailed(
                f"{path.name} has {len(found)} parts, and plan.parquet {len(self.plan.parts)}"
            )
        return found


def digests_of(*paths: Path) -> dict[str, str]:
    """Return the SHA-256 of files, by name."""
    try:
        return digests(*paths)
    except MmsbatchError as error:
        raise CheckFailed(str(error)) from None


def read_table(path: Path, columns: list[str]) -> pa.Table:
    """Read columns of a file of the run."""
    try:
        return pq.read_table(path, columns=columns)
    except UNREADABLE as error:
        raise unreadable(path.name, error) from None


UNREADABLE: Final = (OSError, pa.ArrowException, ValueError)
"""What Arrow raises if a file is no Parquet, or a damaged one."""


def unreadable(name: str, error: Exception) -> CheckFailed:
    """Return that a file cannot be read."""
    return CheckFailed(f"{name} cannot be read ({error})")
