"""What `verify` looks at: the files of one run, each read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch import frames
from mmsbatch.campaign.file import load_campaign
from mmsbatch.errors import InputError, MmsbatchError
from mmsbatch.files import digests
from mmsbatch.gateway.wire import Answer
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.journal.rows import Row
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.outcomes import NamedNumbers, named_by
from mmsbatch.runs.states import Request
from mmsbatch.verification.answers import read_list
from mmsbatch.verification.journal import CheckFailed, check_chain, read_rows


@dataclass(frozen=True)
class RecordedAnswer:
    """What came back to a request."""

    place: int
    """Of the fact, from 1."""
    body: bytes
    listed: NamedNumbers | None
    """What its list names, if that is plain enough to be read without `wire`."""


class RunInputs:
    """What the checks look at; each part is read once, by the check that answers for it."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.requests: dict[int, Request] = {}
        """Where each request is, once `facts` has been checked."""

    @cached_property
    def rows(self) -> list[Row]:
        """The journal's rows."""
        return read_rows(self.folder)

    @cached_property
    def facts(self) -> list[Fact]:
        """The same as facts."""
        return check_chain(self.rows)

    @cached_property
    def plan(self) -> Plan:
        """The plan that the two files give."""
        rows, self.plan_metadata = read_file(self.folder.plan_path)
        try:
            return Plan(rows, load_campaign(self.folder.campaign_path))
        except InputError as error:
            raise CheckFailed(f"campaign.toml cannot be read: {error}") from None

    plan_metadata: dict[str, str]

    @cached_property
    def replies(self) -> dict[int, RecordedAnswer]:
        """The last answer to each request."""
        last = {
            fact.request: (place, fact.body or b"")
            for place, fact in enumerate(self.facts, start=1)
            if fact.request is not None and fact.kind is FactKind.ANSWER
        }
        return {
            request: RecordedAnswer(place, body, read_list(body))
            for request, (place, body) in last.items()
        }

    def named(self, request: Request, answer: Answer) -> NamedNumbers:
        """Return the numbers that an answer names, read from its bytes if they are plain."""
        # If a request has an answer, it is the last: another attempt takes it away.
        return self.replies[request.number].listed or named_by(answer)

    @cached_property
    def outcomes(self) -> pa.Table:
        """Two columns of the file of results: ``mms_outcome`` and ``mms_request``."""
        return read_table(self.folder.results_path, ["mms_outcome", "mms_request"])


def digests_of(*paths: Path) -> dict[str, str]:
    """Return the SHA-256 of files, by name."""
    try:
        return digests(*paths)
    except MmsbatchError as error:
        raise CheckFailed(str(error)) from None


def read_file(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read a file of the run as a frame, with its metadata."""
    try:
        return frames.read(path)
    except (MmsbatchError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckFailed(f"{path.name}: {error}") from None


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
