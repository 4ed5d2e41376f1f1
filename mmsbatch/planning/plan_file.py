"""``plan_file``: a file of any length to a plan, part by part."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

import pandas as pd

from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.consent import Consent
from mmsbatch.campaign.file import load_campaign
from mmsbatch.contacts.reading import counted_batches
from mmsbatch.planning.corrections import Corrections
from mmsbatch.planning.frequency import Frequency
from mmsbatch.planning.part import PART_ROWS
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.planner import OnePer, plan, plan_parts
from mmsbatch.planning.prepare import prepare, prepare_batches, refusing_numbers
from mmsbatch.planning.prepared import Prepared
from mmsbatch.planning.suppression import SuppressionList


def plan_file(
    source: str | os.PathLike[str],
    campaign: Campaign | str | os.PathLike[str],
    phone: str | Sequence[str] | None = None,
    *,
    fictional: bool = False,
    suppress: SuppressionList | None = None,
    consent: str | Consent | None = None,
    one_per: OnePer | None = None,
    frequency: Frequency | None = None,
    canary: int | None = None,
    sheet: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    header: int | None = None,
    corrections: Corrections | None = None,
    on_part: Callable[[Prepared], object] = lambda _prepared: None,
) -> Plan:
    """Read, prepare and plan contacts that need not fit into memory.

    The plan is that of ``plan(prepare(read_contacts(source)), campaign)``. From a million rows on,
    no more than a million are held at a time: the rows and their numbers wait in a temporary folder
    (of the directory that ``TMPDIR`` names), which the plan removes at its end.

    Parameters
    ----------
    source, sheet, separator, encoding, header
        As for `read_contacts`.
    campaign, one_per, frequency, canary
        As for `plan`.
    phone, fictional, suppress
        As for `prepare`; a phone column that is not given is looked for in the first million rows.
    consent
        As for `prepare`; without it, the campaign's. A longer file is then read twice: a no in its
        last row counts for its first.
    corrections
        What a person has corrected in the contacts' phone cells.
    on_part
        Called with each million rows as they were prepared.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        As from `read_contacts`, `prepare` and `plan`.
    RunError
        The temporary folder cannot be written to.
    """
    if not isinstance(campaign, Campaign):
        campaign = load_campaign(campaign)
    agreed = campaign.consent if consent is None else Consent.read(consent)
    campaign = replace(campaign, consent=agreed)

    def read() -> Generator[pd.DataFrame]:
        batches = counted_batches(
            source,
            batch_rows=PART_ROWS,
            sheet=sheet,
            separator=separator,
            encoding=encoding,
            header=header,
        )
        return batches if corrections is None else corrections.applied(batches)

    def parts(batches: Iterable[pd.DataFrame]) -> Iterator[Prepared]:
        with closing(read()) as again:
            refusing = (
                refusing_numbers(again, phone, agreed, fictional=fictional) if agreed else None
            )
        for part in prepare_batches(
            batches,
            phone,
            fictional=fictional,
            suppress=suppress,
            consent=agreed,
            refusing=refusing,
            duplicates=False,
        ):
            on_part(part)
            yield part

    with closing(read()) as batches:
        first = next(batches)
        if len(first) == PART_ROWS:
            several = parts(chain([first], batches))
            return plan_parts(
                several, campaign, one_per=one_per, frequency=frequency, canary=canary
            )
    prepared = prepare(first, phone, fictional=fictional, suppress=suppress, consent=agreed)
    on_part(prepared)
    return plan(prepared, campaign, one_per=one_per, frequency=frequency, canary=canary)
