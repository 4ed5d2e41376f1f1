"""From prepared rows and a campaign to numbered requests of at most 200 numbers. Pure (§1.1).

Rows are grouped by the message they get, since a request carries one message, and cut in row order.
Equal input gives an equal plan and an equal fingerprint on any machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import hints, spec
from mmsbatch.campaign import message as messages
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.consent import Consent
from mmsbatch.campaign.file import load_campaign
from mmsbatch.display import Block, Document, ShowsItself, joined, plural
from mmsbatch.errors import PlanError, kind_of
from mmsbatch.frames import categorical, is_dask
from mmsbatch.phones.e164 import as_integers
from mmsbatch.planning.grouping import cut, first_alike, in_order
from mmsbatch.planning.problems import ProblemColumn, Summary, summarize
from mmsbatch.planning.rows import CONSENT

RULE_VERSION: Final = 1
"""Part of every fingerprint; raised when the same rows would be hashed otherwise."""

PLAN_COLUMNS: Final = ("mms_message", "mms_request")
"""Added by `plan` to what `prepare` added."""

_FICTION = range(33_639_980_000, 33_639_990_000)


@dataclass(frozen=True, repr=False)
class PlannedRequest:
    """One request: up to 200 numbers that get one message."""

    number: int
    """From 1, in the order of sending."""
    message: str
    numbers: tuple[str, ...]
    """E.164, in row order, none twice."""

    def __repr__(self) -> str:
        return f"<request {self.number}: {self.message!r} to {len(self.numbers)} numbers>"


@dataclass(frozen=True, eq=False, repr=False)
class Plan(ShowsItself):
    """What will be sent to whom, in which order.

    Parameters
    ----------
    rows
        The prepared frame with two columns added: ``mms_message`` (the text this row gets) and
        ``mms_request`` (Int32, from 1), both missing if the row has a problem.
    campaign
        What is sent.
    """

    rows: pd.DataFrame
    campaign: Campaign

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over content, numbers, order and borders of the requests.

        Over, in this order: a JSON header (the version of the rules, the campaign's canonical
        form, the distinct messages and problems in order of appearance), then for all rows the
        number (int64), the request (int32), the message and the problem (int32 codes into the
        header's lists, -1 for none), little-endian. The index, other columns and dtypes are not in
        it.
        """
        message_codes, distinct = in_order(self.rows["mms_message"])
        problem_codes, problems = in_order(self.rows["mms_problem"])
        header = {
            "rules": RULE_VERSION,
            "campaign": self.campaign.canonical(),
            "rows": len(self.rows),
            "messages": distinct,
            "problems": problems,
        }
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        digest.update(self.numbers.astype("<i8").tobytes())
        for codes in (self._request_of_row, message_codes, problem_codes):
            digest.update(codes.astype("<i4").tobytes())
        return digest.hexdigest()

    @property
    def requests(self) -> int:
        """How many requests there are."""
        return len(self._borders) - 1

    @property
    def recipients(self) -> int:
        """How many rows have a place in a request."""
        return len(self._positions)

    @cached_property
    def summary(self) -> Summary:
        """Rows by problem and by repair."""
        return summarize(self.rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the gateway may take otherwise than meant, and what may cost."""
        return (
            *self.campaign.warnings,
            *self._personal_warning(),
            *self._several_warning(),
            *self.consent_warning(live=not self.fictional()),
        )

    @cached_property
    def several(self) -> int:
        """How many numbers get more than one message, each another text."""
        _, times = np.unique(self.numbers[self._positions], return_counts=True)
        return int(np.count_nonzero(times > 1))

    def consent_warning(self, *, live: bool) -> tuple[str, ...]:
        """Return a warning if nothing says that the people have agreed to be written to.

        Parameters
        ----------
        live
            Whether the plan is, or can be, for people; else only a campaign that calls itself
            commercial is warned of.
        """
        purpose = self.campaign.purpose or ("commercial" if live else "service")
        looked_at = self.campaign.consent is not None or "no_consent" in self.summary.problems
        if purpose == "service" or looked_at:
            return ()
        warning = (
            "no consent column: a commercial message needs each person's consent. Name the column "
            'that says who has agreed, with consent = "…" in the campaign file, or write '
            'purpose = "service" there if this is not advertising'
        )
        return (warning,)

    def request(self, number: int) -> PlannedRequest:
        """Return one request, by its number from 1."""
        numbers = self.numbers[self.positions(number)].tolist()
        return PlannedRequest(number, self.message_of(number), tuple(f"+{n}" for n in numbers))

    def message_of(self, number: int) -> str:
        """Return the message of one request: what requests refused for their content share."""
        self.positions(number)  # which says so if there is no such request
        return self._messages[number - 1]

    def document(self) -> Document:
        """Show what can be sent, and what will be sent to how many."""
        campaign = self.campaign
        named = f"{campaign.name} ({campaign.content.kind})"
        blocks = [Block("campaign", (named, *campaign.content.message.splitlines()))]
        if campaign.send_at is not None:
            blocks.append(Block("send at", (f"{campaign.send_at} ({spec.TIME_ZONE})",)))
        size = f"{plural(self.recipients, 'recipient')} in {plural(self.requests, 'request')}"
        blocks.append(Block("plan", (size, f"fingerprint {self.fingerprint}")))
        if self.warnings:
            blocks.append(Block("warnings", self.warnings))
        return joined((self.summary.document(), Document(tuple(blocks))))

    def __iter__(self) -> Iterator[PlannedRequest]:
        return (self.request(number) for number in range(1, self.requests + 1))

    def positions(self, number: int) -> npt.NDArray[np.int64]:
        """Return the row positions of one request, in the order of its numbers."""
        if not 1 <= number <= self.requests:
            raise PlanError(f"request {number} does not exist: this plan has {self.requests}")
        return self._positions[self._borders[number - 1] : self._borders[number]]

    def fictional(self) -> int:
        """Count the recipients whose numbers are reserved for fiction (06 39 98 xx xx)."""
        numbers = self.numbers[self._positions]
        return int(((numbers >= _FICTION.start) & (numbers < _FICTION.stop)).sum())

    def to_json(self) -> dict[str, Any]:
        """Return the plan's figures as plain values."""
        return {
            **self.summary.to_json(),
            "requests": self.requests,
            "recipients": self.recipients,
            "numbers_with_several_messages": self.several,
            "warnings": list(self.warnings),
            "fingerprint": self.fingerprint,
        }

    def difference(self, other: Plan) -> str:
        """Say in words where another plan departs from this one; empty when nowhere."""
        if self.fingerprint == other.fingerprint:
            return ""
        mine, its = self.campaign.canonical(), other.campaign.canonical()
        found = [
            f"campaign.{key}: {mine.get(key)!r} there, {its.get(key)!r} now"
            for key in sorted(mine.keys() | its.keys())
            if mine.get(key) != its.get(key)
        ]
        figures = (
            ("rows", len(self.rows), len(other.rows)),
            ("recipients", self.recipients, other.recipients),
            ("requests", self.requests, other.requests),
        )
        found += [f"{old} {name} there, {new} now" for name, old, new in figures if old != new]
        if len(self.rows) == len(other.rows):
            differs = (self.numbers != other.numbers) | (
                self._request_of_row != other._request_of_row
            )
            if differs.any():
                found.append(
                    f"{int(differs.sum())} rows have another number or request, "
                    f"the first at position {int(differs.argmax())}"
                )
        return "; ".join(found) or "its messages or its problems differ"

    @cached_property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Each row's number as an integer (33639980012), 0 if it has none."""
        return as_integers(self.rows["mms_e164"])

    @cached_property
    def _request_of_row(self) -> npt.NDArray[np.int32]:
        return self.rows["mms_request"].fillna(0).to_numpy(dtype=np.int32)

    @cached_property
    def _positions(self) -> npt.NDArray[np.int64]:
        order = np.argsort(self._request_of_row, kind="stable")
        return order[np.count_nonzero(self._request_of_row == 0) :]

    @cached_property
    def _borders(self) -> npt.NDArray[np.int64]:
        return np.concatenate(([0], np.cumsum(np.bincount(self._request_of_row)[1:])))

    @cached_property
    def _messages(self) -> list[str]:
        firsts = self._positions[self._borders[:-1]]
        return [str(message) for message in self.rows["mms_message"].iloc[firsts]]

    def _personal_warning(self) -> tuple[str, ...]:
        fewest = -(-self.recipients // spec.MAX_RECIPIENTS_PER_REQUEST)
        if self.requests <= 2 * fewest:
            return ()
        warning = (
            f"{self.requests} requests where one message for all would take {fewest}: a request "
            "carries one message, so every other text begins a new request"
        )
        return (warning,)

    def _several_warning(self) -> tuple[str, ...]:
        if not self.several:
            return ()
        warning = (
            f"{plural(self.several, 'number')} get several messages, each another text: the "
            'campaign says one_per = "message"'
        )
        return (warning,)


def plan(
    prepared: pd.DataFrame,
    campaign: Campaign | str | os.PathLike[str],
    *,
    one_per: Literal["number", "message"] | None = None,
    chunk_size: int = spec.MAX_RECIPIENTS_PER_REQUEST,
) -> Plan:
    """Return every sendable row a place in a numbered request.

    Parameters
    ----------
    prepared
        What `prepare` gave: any columns, with ``mms_e164`` and ``mms_problem``. Not modified. One
        of Dask is computed, and then held in memory.
    campaign
        What to send, or the path of a campaign file; ``{{ column }}`` in its message is filled in
        from the row. If it names a consent column, rows without a clear yes become
        ``no_consent``, also in a frame that was prepared without it.
    one_per
        Stated here or by the campaign. ``"number"``, the default: one message for one number,
        whatever the text. ``"message"``: one for each number and text.
    chunk_size
        Numbers per request, 1 to 200.

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
    if not 1 <= chunk_size <= spec.MAX_RECIPIENTS_PER_REQUEST:
        raise PlanError(
            f"chunk_size must be from 1 to {spec.MAX_RECIPIENTS_PER_REQUEST} (§1.1), "
            f"found {chunk_size}"
        )
    if is_dask(prepared):
        from mmsbatch.planning.partitions import computed  # noqa: PLC0415  (an extra)

        prepared = computed(prepared)
    _check_prepared(prepared)
    campaign = _stated(_campaign(campaign), prepared, one_per)
    rendered = messages.render(campaign.content.message, campaign.content.kind, prepared)
    numbers = as_integers(prepared["mms_e164"])
    problem = ProblemColumn.read(prepared["mms_problem"])
    # Rows that `prepare` called duplicates are decided anew: the first of them may have been
    # filtered out since, have no consent, or a text that cannot be sent.
    problem.clear("duplicate")
    if campaign.consent is not None and campaign.consent.canonical() != prepared.attrs.get(CONSENT):
        problem.set(
            "no_consent", problem.none & _without_consent(campaign.consent, prepared, numbers)
        )
    problem.add(rendered.problem)
    readable = problem.none
    texts = rendered.codes if campaign.one_per == "message" else None
    first = first_alike(numbers, texts, readable)
    duplicate = first >= 0
    problem.set("duplicate", duplicate)
    sendable = readable & ~duplicate
    _check_numbers(numbers, sendable)

    rows = pd.DataFrame(prepared.copy(deep=False))
    rows["mms_problem"] = problem.categorical()
    rows["mms_duplicate_of"] = pd.arrays.IntegerArray(np.maximum(first, 0), ~duplicate)
    rows["mms_message"] = categorical(np.where(sendable, rendered.codes, -1), rendered.messages)
    rows["mms_request"] = pd.arrays.IntegerArray(
        cut(rendered.codes, sendable, chunk_size), ~sendable
    )
    made = Plan(rows, campaign)
    vars(made)["numbers"] = numbers  # what the cached property would compute again
    if not made.recipients:
        counts = ", ".join(f"{n} {word}" for word, n in made.summary.problems.items())
        raise PlanError(
            f"no row can be sent: {len(rows)} rows, {counts or 'none at all'}. Is this the column "
            f"with the mobile numbers? Another is taken with {hints.option('phone', 'COLUMN')}"
        )
    return made


def _campaign(given: Campaign | str | os.PathLike[str]) -> Campaign:
    if isinstance(given, Campaign):
        return given
    if isinstance(given, str | os.PathLike):
        return load_campaign(given)
    raise PlanError(
        f"a campaign is an mms.Campaign or the path of a campaign file, not {kind_of(given)}: "
        'mms.Campaign("noel-2026", mms.Text("Joyeux Noël !")) makes one'
    )


def _stated(campaign: Campaign, prepared: pd.DataFrame, one_per: str | None) -> Campaign:
    """Return the campaign with what the call and the frame say about whom it is sent to."""
    given: dict[str, Any] = {} if one_per is None else {"one_per": one_per}
    if campaign.consent is None and CONSENT in prepared.attrs:
        given["consent"] = Consent.read(prepared.attrs[CONSENT])
    return replace(campaign, **given) if given else campaign


def _without_consent(
    consent: Consent, prepared: pd.DataFrame, numbers: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    answers = consent.answers(prepared)
    consent.check_any(any_yes=bool(answers.yes.any()))
    return answers.missing([numbers], answers.refusing([numbers]))


def _check_prepared(prepared: pd.DataFrame) -> None:
    if not isinstance(prepared, pd.DataFrame):
        raise PlanError(
            f"plan takes what mms.prepare(contacts, phone=…) gave, not {kind_of(prepared)}"
        )
    missing = [name for name in ("mms_e164", "mms_problem") if name not in prepared.columns]
    if missing:
        raise PlanError(
            f"the frame has no column {' and no column '.join(missing)}: "
            "call mmsbatch.prepare(contacts, phone=…) first"
        )
    present = [name for name in PLAN_COLUMNS if name in prepared.columns]
    if present:
        raise PlanError(
            f"the frame already has {' and '.join(present)}: it comes from a plan or from results; "
            "begin again from the contacts"
        )


def _check_numbers(numbers: npt.NDArray[np.int64], sendable: npt.NDArray[np.bool_]) -> None:
    without = sendable & (numbers == 0)
    if without.any():
        raise PlanError(
            f"row position {int(without.argmax())} has neither a number nor a problem: leave "
            "mms_e164 and mms_problem as `prepare` wrote them"
        )
