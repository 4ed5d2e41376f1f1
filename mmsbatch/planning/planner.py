"""From prepared rows and a campaign to a plan (§1.1).

Rows are grouped by the message they get, since a request carries one message, and cut in row order,
each part of a million rows by itself. Equal input gives an equal plan and an equal fingerprint on
any machine, whether the rows were in memory or came part by part.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import hints, parquet, spec
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.consent import Consent
from mmsbatch.campaign.rendering import Filled
from mmsbatch.campaign.split import HELD_OUT
from mmsbatch.errors import PlanError
from mmsbatch.files import TemporaryFolder
from mmsbatch.frames import is_dask
from mmsbatch.phones.e164 import as_integers
from mmsbatch.planning.contents import Contents, Variants, plan_columns, written
from mmsbatch.planning.duplicates import Duplicates
from mmsbatch.planning.frequency import FREQUENCY_PROBLEMS, LAST_CONTACT, Frequency
from mmsbatch.planning.grouping import cut_after, first_alike
from mmsbatch.planning.inputs import (
    check_canary,
    check_numbers,
    check_prepared,
    check_sizes,
    read_campaign,
    with_stated,
)
from mmsbatch.planning.part import PART_ROWS, RowsInFile, RowsInMemory
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.problems import ProblemColumn
from mmsbatch.planning.rows import CONSENT
from mmsbatch.progress import counting

OnePer = Literal["number", "message"]


def plan(
    prepared: pd.DataFrame,
    campaign: Campaign | str | os.PathLike[str],
    *,
    one_per: OnePer | None = None,
    frequency: Frequency | None = None,
    canary: int | None = None,
    chunk_size: int = spec.MAX_RECIPIENTS_PER_REQUEST,
    part_rows: int = PART_ROWS,
) -> Plan:
    """Return every sendable row a place in a numbered request.

    Parameters
    ----------
    prepared
        What `prepare` gave: any columns, with ``mms_e164`` and ``mms_problem``. Not modified. One
        of Dask is computed, and fetched part by part.
    campaign
        What to send, or the path of a campaign file; ``{{ column }}`` in its message is filled in
        from the row. If it names a consent column, rows without a clear yes become
        ``no_consent``, also in a frame that was prepared without it.
    one_per
        Stated here or by the campaign. ``"number"``, the default: one message for one number,
        whatever the text. ``"message"``: one for each number and text.
    frequency
        Whom runs before keep from being written to: such rows become ``too_soon`` or
        ``rejected_before``, and ``mms_last_contact`` is added.
    canary
        The first so many rows that can be sent get requests of their own, before all others, so
        that `send` can stop behind them.
    chunk_size
        Numbers per request, 1 to 200.
    part_rows
        Rows per part, at most a million: no request is of two parts, and each part is a file of
        its own in a run's folder.

    Returns
    -------
    Plan
        With the rows of `prepared`, in its order. A row whose own message cannot be sent gets a
        problem (``message_too_long``, …); of the rows with the same number the first that can be
        sent is, the others get ``duplicate``, and ``mms_duplicate_of`` names it by its position.

    Raises
    ------
    PlanError
        The frame was not prepared, or no row can be sent.
    CampaignError
        The message names a column that does not exist.
    ContactsError
        The campaign's consent column cannot be used.

    Source: §1.1 (requests of 200), §1.2.1 (one message per request).
    """
    check_sizes(chunk_size, part_rows)
    check_canary(canary)
    if is_dask(prepared):
        from mmsbatch.planning.partitions import in_parts  # noqa: PLC0415  (an extra)

        parts_of = in_parts(prepared, part_rows)
        prepared = next(parts_of)
        if len(prepared) == part_rows:
            return plan_parts(
                chain([prepared], parts_of),
                campaign,
                one_per=one_per,
                frequency=frequency,
                canary=canary,
                chunk_size=chunk_size,
            )
    check_prepared(prepared)
    campaign = with_stated(read_campaign(campaign), prepared, one_per)
    draft = _Draft.of(prepared, campaign, frequency, {})
    prepared = draft.with_columns(prepared)
    contents = draft.codes if campaign.one_per == "message" else None
    first = first_alike(draft.numbers, contents, draft.problem.none)
    parts: list[RowsInMemory] = []
    last = 0
    for begin in range(0, max(len(prepared), 1), part_rows):
        here = slice(begin, begin + part_rows)
        rows, last = draft.part(here).planned(
            prepared.iloc[here], first[here], chunk_size, last, 0 if begin else canary or 0
        )
        parts.append(RowsInMemory(rows))
    return _with_recipients(Plan(parts, campaign))


def plan_parts(
    parts: Iterable[pd.DataFrame],
    campaign: Campaign | str | os.PathLike[str],
    *,
    one_per: OnePer | None = None,
    frequency: Frequency | None = None,
    canary: int | None = None,
    chunk_size: int = spec.MAX_RECIPIENTS_PER_REQUEST,
) -> Plan:
    """Plan a table longer than memory: what `plan` gives of all its parts together.

    Parameters
    ----------
    parts
        Prepared frames of as many rows each, the last of fewer; a million is what `plan` cuts.
        Duplicates need not be marked in them. Each is looked at once.
    campaign, one_per, frequency, canary, chunk_size
        As for `plan`; a canary is of the first part.

    Returns
    -------
    Plan
        In files of a temporary folder, which is removed when nothing has the plan any more.

    Raises
    ------
    PlanError, CampaignError, ContactsError
        As from `plan`.
    RunError
        The temporary folder cannot be written to: full disk.
    """
    check_canary(canary)
    folder = TemporaryFolder("mmsbatch-plan-")
    campaign = read_campaign(campaign)
    if one_per is not None:
        campaign = replace(campaign, one_per=one_per)
    with Duplicates(folder.path, by_text=campaign.one_per == "message") as duplicates:
        known: dict[Filled, int] = {}
        files: list[RowsInFile] = []
        position = 0
        for prepared in parts:
            check_prepared(prepared)
            check_sizes(chunk_size, len(prepared))
            campaign = with_stated(campaign, prepared, None)
            draft = _Draft.of(prepared, campaign, frequency, known, whole=False)
            duplicates.add(position, draft.numbers, draft.codes, draft.problem.none)
            files.append(RowsInFile(folder.path / parquet.part_name(len(files)), folder))
            parquet.write(draft.written(prepared), files[-1].path, {})
            position += len(prepared)
        if not files:
            raise PlanError("there are no rows to plan")
        duplicates.find()
        total, position, last = position, 0, 0
        with counting(total, "row", "planning") as progress:
            for file in files:
                frame = file.frame()
                first = duplicates.of(position, len(frame))
                before = 0 if position else canary or 0
                draft = _Draft.read(frame, campaign, known)
                rows, last = draft.planned(frame, first, chunk_size, last, before)
                parquet.write(rows, file.path, {})
                position += len(frame)
                progress.update(len(frame))
    return _with_recipients(Plan(files, campaign))


@dataclass
class _Draft:
    """What is known of rows before repeats are looked for."""

    numbers: npt.NDArray[np.int64]
    problem: ProblemColumn
    codes: npt.NDArray[np.int64]
    """Of what each row gets, in the order of appearance; -1 where that is nothing."""
    contents: Sequence[Filled]
    content_columns: Sequence[str]
    beside: dict[str, Any]
    """Columns that are known by now."""

    @classmethod
    def of(
        cls,
        prepared: pd.DataFrame,
        campaign: Campaign,
        frequency: Frequency | None,
        known: dict[Filled, int],
        *,
        whole: bool = True,
    ) -> Self:
        """Write what each row gets, and find what forbids sending it.

        Parameters
        ----------
        prepared, campaign, frequency
            What is sent to whom.
        known
            The codes of earlier parts' contents; those of this part are added.
        whole
            Whether these are all the rows that there are.
        """
        numbers = as_integers(prepared["mms_e164"])
        problem = ProblemColumn.read(prepared["mms_problem"])
        # Rows that `prepare` called duplicates are decided anew: the first of them may have been
        # filtered out since, have no consent, or a text that cannot be sent.
        problem.clear("duplicate")
        consent = campaign.consent
        if consent is not None and consent.canonical() != prepared.attrs.get(CONSENT):
            missing = _without_consent(consent, prepared, numbers, whole=whole)
            problem.set("no_consent", problem.none & missing)
        digits = [int(digit) for digit in campaign.prefixes]
        strange = (numbers > 0) & ~np.isin(numbers // 10**8 % 10, digits)
        problem.set("prefix_not_taken", problem.none & strange)
        beside: dict[str, Any] = {}
        if frequency is not None:
            problem.set("too_soon", problem.none & frequency.too_soon(numbers))
            problem.set("rejected_before", problem.none & frequency.rejected(numbers))
            beside[LAST_CONTACT] = frequency.last_contact(numbers)
        variants = Variants(campaign, numbers)
        problem.set(HELD_OUT, problem.none & variants.held_out())
        codes = variants.render(prepared, problem, campaign.encoding, known)
        beside |= variants.column(problem)
        return cls(numbers, problem, codes, tuple(known), plan_columns(campaign), beside)

    @classmethod
    def read(cls, written: pd.DataFrame, campaign: Campaign, known: dict[Filled, int]) -> Self:
        """Take back what `written` gave."""
        contents = Contents(campaign)
        codes = contents.code(written)
        places = [known[contents.filled(key)] for key in contents.distinct]
        return cls(
            as_integers(written["mms_e164"]),
            ProblemColumn.read(written["mms_problem"]),
            np.array([*places, -1], dtype=np.int64)[codes],
            tuple(known),
            contents.columns,
            {},
        )

    def part(self, rows: slice) -> Self:
        """Take some of the rows."""
        problem = ProblemColumn(self.problem.codes[rows], list(self.problem.words))
        return replace(self, numbers=self.numbers[rows], problem=problem, codes=self.codes[rows])

    def with_columns(self, prepared: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with the columns that are known by now."""
        return pd.DataFrame(prepared).assign(**self.beside) if self.beside else prepared

    def written(self, prepared: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with what they get and the problems known so far."""
        known = self._contents(self.problem.none)
        problem = self.problem.categorical()
        return self.with_columns(prepared).assign(mms_problem=problem, **known)

    def planned(
        self,
        prepared: pd.DataFrame,
        first: npt.NDArray[np.int64],
        chunk_size: int,
        last: int,
        canary: int = 0,
    ) -> tuple[pd.DataFrame, int]:
        """Return the rows with the requests they are in.

        Parameters
        ----------
        prepared
            The rows themselves.
        first
            Of each of them: the position of the first row with its number; -1 for that one.
        chunk_size
            Numbers per request.
        last
            The last request of the parts before.
        canary
            How many rows get requests of their own, before all others.

        Returns
        -------
        DataFrame and int
            And the last request up to here.
        """
        duplicate = first >= 0
        self.problem.set("duplicate", duplicate)
        sendable = self.problem.none
        check_numbers(self.numbers, sendable)
        requests = cut_after(self.codes, sendable, chunk_size, canary) + np.int32(last)
        rows = pd.DataFrame(prepared.copy(deep=False))
        rows["mms_problem"] = self.problem.categorical()
        rows["mms_duplicate_of"] = pd.arrays.IntegerArray(np.maximum(first, 0), ~duplicate)
        rows = rows.assign(**self._contents(sendable))
        rows["mms_request"] = pd.arrays.IntegerArray(requests, ~sendable)
        return rows, int(requests[sendable].max(initial=last))

    def _contents(self, where: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return written(self.content_columns, np.where(where, self.codes, -1), self.contents)


def _with_recipients(made: Plan) -> Plan:
    """Refuse a plan that is for nobody."""
    if not made.recipients:
        counts = ", ".join(f"{n} {word}" for word, n in made.summary.problems.items())
        told = f"no row can be sent: {made.size} rows, {counts or 'none at all'}"
        if made.summary.problems.keys() - FREQUENCY_PROBLEMS.keys() or not counts:
            told += (
                ". Is this the column with the mobile numbers? Another is taken with "
                f"{hints.option('phone', 'COLUMN')}"
            )
        raise PlanError(told)
    return made


def _without_consent(
    consent: Consent, prepared: pd.DataFrame, numbers: npt.NDArray[np.int64], *, whole: bool
) -> npt.NDArray[np.bool_]:
    if not whole:  # a no in one part is a no in all of them, which only `prepare` has seen
        raise PlanError(
            f"the parts were not prepared with the campaign's consent column {consent.column!r}: "
            "give it to `prepare` too"
        )
    answers = consent.answers(prepared)
    consent.check_any(any_yes=bool(answers.yes.any()))
    return answers.missing([numbers], answers.refusing([numbers]))
