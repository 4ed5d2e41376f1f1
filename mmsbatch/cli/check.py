"""A file of any length checked batch by batch: what can be sent, what cannot, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmsbatch.campaign.consent import Consent
from mmsbatch.cli import export
from mmsbatch.contacts.reading import counted_batches
from mmsbatch.planning.corrections import Corrections, cells_to_correct
from mmsbatch.planning.prepare import prepare_batches, refusing_numbers
from mmsbatch.planning.problems import Summary, total
from mmsbatch.planning.suppression import SuppressionList


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    summary: Summary
    examples: Mapping[str, str]
    """For each problem a few cells, their digits masked."""
    phone_columns: tuple[str, ...] = ()
    """Where the numbers were read."""


def check(
    source: str,
    phone: str | Sequence[str] | None = None,
    *,
    fictional: bool = False,
    suppress: SuppressionList | None = None,
    consent: Consent | None = None,
    out: str | Path | None = None,
    problems_out: str | Path | None = None,
    corrections: Corrections | None = None,
    sheet: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    header: int | None = None,
) -> Checked:
    """Prepare a file of contacts without ever holding it whole.

    Parameters
    ----------
    source, sheet, separator, encoding, header
        As for `mmsbatch.read_contacts`.
    phone, fictional, suppress, consent
        As for `mmsbatch.prepare`; a phone column that is not given is looked for in the first
        batch. With `consent` the file is read twice: a no in its last row counts for its first.
    out
        Write the prepared rows here, ``.parquet`` or ``.csv``: whole or not at all.
    problems_out
        Write the cells that need a person here, likewise.
    corrections
        What a person has corrected in such a file.

    Returns
    -------
    Checked
        The counts of all rows. Memory is that of a batch, and of the numbers met so far: 8 bytes
        for each different one, 16 while they are being sorted in.

    Raises
    ------
    InputError
        As the functions above; nothing is written then.
    """
    # If no row is written, only the phone columns need to be read.
    columns = None
    if out is None and phone is not None and corrections is None:
        columns = [*dict.fromkeys([*_names(phone), *([consent.column] if consent else [])])]

    def read() -> Generator[pd.DataFrame]:
        batches = counted_batches(
            source,
            columns=columns,
            sheet=sheet,
            separator=separator,
            encoding=encoding,
            header=header,
        )
        return batches if corrections is None else corrections.applied(batches)

    with closing(read()) as batches:
        refusing = (
            refusing_numbers(batches, phone, consent, fictional=fictional) if consent else None
        )
    parts: list[Summary] = []
    taken: list[str] = []
    examples: dict[str, str] = {}
    wrong: list[pd.DataFrame] = []

    def counted(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for prepared in prepare_batches(
            batches,
            phone,
            fictional=fictional,
            suppress=suppress,
            consent=consent,
            refusing=refusing,
        ):
            parts.append(prepared.summary)
            taken[:] = map(str, prepared.phone_columns)
            for problem in parts[-1].problems.keys() - examples.keys():
                examples[problem] = prepared.examples(problem)
            if problems_out is not None:
                first = sum(part.rows for part in parts[:-1])
                columns_ = prepared.phone_columns
                wrong.append(cells_to_correct(prepared, columns_, first=first, header=header or 1))
            yield prepared

    with closing(read()) as batches:
        if out is None:
            deque(counted(batches), maxlen=0)
        else:
            export.write(counted(batches), out)
    if problems_out is not None:
        export.write([pd.concat(wrong, ignore_index=True)], problems_out)
    return Checked(total(parts), examples, tuple(taken))


def _names(phone: str | Sequence[str]) -> list[str]:
    return [phone] if isinstance(phone, str) else list(phone)
