"""What an audit needs of a journal, read without a trace: no lock, no log, no answer's bytes.

Journals of a hundred runs hold hundreds of megabytes of answers; all but a few stay unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from mmsbatch.errors import RunError
from mmsbatch.journal.facts import Fact, FactKind, read_account
from mmsbatch.journal.reader import Reader, reading
from mmsbatch.runs.identity import identity_of, last_with_inodes
from mmsbatch.runs.locations import RunLocation
from mmsbatch.runs.report import Stop, last_stop

_ENDS: Final = frozenset({FactKind.STARTED, FactKind.STOPPED})


@dataclass(frozen=True)
class JournalSummary:
    """What a journal says of its run, without reading what each answer said."""

    opened_at: datetime
    opened: dict[str, Any]
    """The data of the first fact: campaign, target, fingerprint, rows, requests, …"""
    origin: str
    """The run's identity: folders that share it are copies."""
    facts: int
    """How many there are."""
    inodes: Mapping[str, int] | None
    """Of the files that the run was last in; None if it is from before they were recorded."""
    up_to_date: bool
    """The derived files were written after the last fact about a request."""
    first_sending_at: datetime | None
    last_sending_at: datetime | None
    stopped: Stop | None
    balances: tuple[tuple[datetime, Decimal], ...]
    """What the account had whenever the run began or went on, if the account tool said so. Nothing
    where several accounts share the run: the files of attempts do not say whose each is."""


def digest(place: RunLocation) -> JournalSummary:
    """Read a journal.

    Raises
    ------
    RunError
        It is damaged, was copied in part, or is of a newer version; says what to do.
    """
    with reading(place) as reader:
        return _digest(reader)


def _digest(reader: Reader) -> JournalSummary:
    # An index finds the few facts of the run among the many of its requests; those are only looked
    # at from either end. Reading every line takes as long as counting all results does.
    of_run = dict(reader.select("request IS NULL ORDER BY seq"))
    opened = of_run.get(1)
    if opened is None or opened.kind is not FactKind.OPENED:
        raise RunError(
            "the journal is damaged: it does not say what was opened. Restore the run's folder "
            "from a copy"
        )
    missing = {"campaign", "target", "fingerprint", "rows", "requests"} - set(opened.data)
    if missing:
        raise RunError(
            f"the journal is damaged: its first fact has no {', '.join(sorted(missing))}. Restore "
            "the run's folder from a copy"
        )
    written = max((seq for seq, fact in of_run.items() if fact.kind is FactKind.WRITTEN), default=0)
    last_of_requests = dict(reader.select("request IS NOT NULL ORDER BY seq DESC LIMIT 1"))
    first_sending, last_sending = (
        next((fact.at for _, fact in reader.select(f"kind = 'sending' {end}")), None)
        for end in ("ORDER BY seq LIMIT 1", "ORDER BY seq DESC LIMIT 1")
    )
    in_files = last_with_inodes([*of_run.values()])
    ends = {seq: fact for seq, fact in of_run.items() if fact.kind in _ENDS}
    later = f"seq > {max(ends, default=0)} AND kind = '{FactKind.VERDICT}' ORDER BY seq"
    verdicts = [fact for _, fact in reader.select(later)]
    return JournalSummary(
        opened_at=opened.at,
        opened=dict(opened.data),
        origin=identity_of(opened),
        inodes=in_files.data["inodes"] if in_files else None,
        facts=reader.count(),
        up_to_date=written > max(last_of_requests, default=0),
        first_sending_at=first_sending,
        last_sending_at=last_sending,
        stopped=last_stop([*ends.values(), *verdicts]),
        balances=tuple(_heard(fact for fact in of_run.values() if fact.kind is FactKind.BALANCE)),
    )


def _heard(balances: Iterable[Fact]) -> Iterator[tuple[datetime, Decimal]]:
    for fact in balances:
        answer = read_account(fact.body or b"")
        if "login" not in fact.data and answer is not None and answer.credits is not None:
            yield fact.at, answer.credits
