"""From prepared rows and a campaign to numbered requests of at most 200 numbers. Pure (§1.1).

Rows are grouped by the message they get, since a request carries one message, and cut in row order.
Equal input gives an equal plan and an equal fingerprint on any machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmsbatch import message as messages
from mmsbatch import spec
from mmsbatch.campaign import Campaign
from mmsbatch.categories import categorical
from mmsbatch.duplicates import first_rows
from mmsbatch.errors import PlanError
from mmsbatch.prepare import Summary, summarize

RULE_VERSION: Final = 1
"""Part of every fingerprint; raised when the same input would be cut into other requests."""

PLAN_COLUMNS: Final = ("mms_message", "mms_request")
"""Added by `plan` to what `prepare` added."""

_E164_MOBILE = r"^\+33[67][0-9]{8}$"
_FICTION = range(33_639_980_000, 33_639_990_000)


@dataclass(frozen=True)
class PlannedRequest:
    """One request: up to 200 numbers that get one message."""

    number: int
    """From 1, in the order of sending."""
    message: str
    numbers: tuple[str, ...]
    """E.164, in row order, none twice."""


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What will be sent to whom, in which order.

    Parameters
    ----------
    rows
        The prepared frame with two columns added: ``mms_message`` (the text this row gets) and
        ``mms_request`` (Int32, from 1), both missing where the row has a problem.
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
        message_codes, distinct = _in_order(self.rows["mms_message"])
        problem_codes, problems = _in_order(self.rows["mms_problem"])
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
        return (*self.campaign.warnings, *self._personal_warning())

    def request(self, number: int) -> PlannedRequest:
        """Give one request, by its number from 1."""
        numbers = self.rows["mms_e164"].iloc[self.positions(number)]
        return PlannedRequest(number, self.message_of(number), tuple(map(str, numbers)))

    def message_of(self, number: int) -> str:
        """Give the message of one request: what requests refused for their content share."""
        return str(self.rows["mms_message"].iloc[self.positions(number)[0]])

    def __repr__(self) -> str:
        from mmsbatch import show  # noqa: PLC0415  (what shows a plan knows plans)

        return f"{show.summary(self.summary)}\n{show.plan(self)}"

    def __iter__(self) -> Iterator[PlannedRequest]:
        return (self.request(number) for number in range(1, self.requests + 1))

    def positions(self, number: int) -> npt.NDArray[np.int64]:
        """Give the row positions of one request, in the order of its numbers."""
        if not 1 <= number <= self.requests:
            raise PlanError(f"request {number} does not exist: this plan has {self.requests}")
        return self._positions[self._borders[number - 1] : self._borders[number]]

    def fictional(self) -> int:
        """Count the recipients whose numbers are reserved for fiction (06 39 98 xx xx)."""
        numbers = self.numbers[self._positions]
        return int(((numbers >= _FICTION.start) & (numbers < _FICTION.stop)).sum())

    def to_json(self) -> dict[str, Any]:
        """Give the plan's figures as plain values."""
        return {
            **self.summary.to_json(),
            "requests": self.requests,
            "recipients": self.recipients,
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
        """Each row's number as an integer (33639980012), 0 where it has none."""
        return _numbers(self.rows)

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

    def _personal_warning(self) -> tuple[str, ...]:
        fewest = -(-self.recipients // spec.MAX_RECIPIENTS_PER_REQUEST)
        if self.requests <= 2 * fewest:
            return ()
        warning = (
            f"{self.requests} requests where one message for all would take {fewest}: a request "
            "carries one message, so every other text begins a new request"
        )
        return (warning,)


def plan(
    prepared: pd.DataFrame,
    campaign: Campaign,
    *,
    chunk_size: int = spec.MAX_RECIPIENTS_PER_REQUEST,
) -> Plan:
    """Give every sendable row a place in a numbered request.

    Parameters
    ----------
    prepared
        What `prepare` gave: any columns, with ``mms_e164`` and ``mms_problem``. Not modified.
    campaign
        What to send; ``{{ column }}`` in its message is filled in from the row.
    chunk_size
        Numbers per request, 1 to 200.

    Returns
    -------
    Plan
        With the rows of `prepared`, in its order. A row whose own message cannot be sent gets a
        problem (``message_too_long``, …); the second and later rows with the same number *and*
        message get ``duplicate``, and ``mms_duplicate_of`` names the first by its position.

    Raises
    ------
    PlanError
        The frame was not prepared, or no row can be sent.
    CampaignError
        The message names a column that does not exist.

    Source: §1.1 (requests of 200), §1.2.1 (one message per request).
    """
    if not 1 <= chunk_size <= spec.MAX_RECIPIENTS_PER_REQUEST:
        raise PlanError(
            f"chunk_size must be from 1 to {spec.MAX_RECIPIENTS_PER_REQUEST} (§1.1), "
            f"found {chunk_size}"
        )
    _check_prepared(prepared)
    rendered = messages.render(campaign.content.message, campaign.content.kind, prepared)
    numbers = _numbers(prepared)
    problem = _Problems.read(prepared["mms_problem"])
    # Rows that `prepare` called duplicates are decided anew: the message decides too, and the
    # first of them may have been filtered out since.
    problem.clear("duplicate")
    problem.add(rendered.problem)
    readable = problem.none
    first = _first_alike(numbers, rendered.codes, readable)
    duplicate = first >= 0
    problem.set("duplicate", duplicate)
    sendable = readable & ~duplicate
    _check_numbers(numbers, sendable)

    rows = pd.DataFrame(prepared.copy(deep=False))
    rows["mms_problem"] = problem.categorical()
    rows["mms_duplicate_of"] = pd.arrays.IntegerArray(np.maximum(first, 0), ~duplicate)
    rows["mms_message"] = categorical(np.where(sendable, rendered.codes, -1), rendered.messages)
    rows["mms_request"] = pd.arrays.IntegerArray(
        _cut(rendered.codes, sendable, chunk_size), ~sendable
    )
    made = Plan(rows, campaign)
    vars(made)["numbers"] = numbers  # what the cached property would compute again
    if not made.recipients:
        counts = ", ".join(f"{n} {word}" for word, n in made.summary.problems.items())
        raise PlanError(
            f"no row can be sent: {len(rows)} rows, {counts or 'none at all'}. Is this the column "
            "with the mobile numbers? `mmsbatch check` shows what is wrong with each"
        )
    return made


def _check_prepared(prepared: pd.DataFrame) -> None:
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


def _numbers(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Give each row's number as an integer (33639980012), 0 where it has none."""
    texts = pa.array(rows["mms_e164"], type=pa.large_string(), from_pandas=True)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    given = np.asarray(texts.is_valid())
    digits = _twelve_digits(texts.drop_null())
    if digits is None or not _are_mobiles(digits):
        match = pc.match_substring_regex(texts, _E164_MOBILE)
        raise PlanError(
            f"mms_e164 at row position {pc.index(match, False).as_py()} is not a French mobile "
            "number in E.164 (+33 and nine digits): leave this column as `prepare` wrote it"
        )
    national = np.zeros(digits.shape[1], dtype=np.int64)
    for place in digits[3:]:
        national = national * 10 + place
    numbers = np.zeros(len(given), dtype=np.int64)
    numbers[given] = 33_000_000_000 + national
    return numbers


_PREFIX = np.frombuffer(b"+33", dtype=np.uint8) - np.uint8(ord("0"))


def _twelve_digits(texts: pa.LargeStringArray) -> npt.NDArray[np.uint8] | None:
    """Lay the texts out as bytes less ``"0"``, of shape (12, texts); None where one is not 12."""
    if not len(texts):
        return np.zeros((12, 0), dtype=np.uint8)
    _, offsets_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if (np.diff(offsets) != 12).any():  # noqa: PLR2004  (+33 and nine digits)
        return None
    data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    return np.ascontiguousarray(data.reshape(-1, 12).T) - np.uint8(ord("0"))


def _are_mobiles(digits: npt.NDArray[np.uint8]) -> bool:
    prefix = all((row == byte).all() for row, byte in zip(digits[:3], _PREFIX, strict=True))
    mobile = ((digits[3] == 6) | (digits[3] == 7)).all()  # noqa: PLR2004  (06, 07)
    return bool(prefix and mobile and digits[3:].max(initial=0) < 10)  # noqa: PLR2004  (a digit)


def _check_numbers(numbers: npt.NDArray[np.int64], sendable: npt.NDArray[np.bool_]) -> None:
    without = sendable & (numbers == 0)
    if without.any():
        raise PlanError(
            f"row position {int(without.argmax())} has neither a number nor a problem: leave "
            "mms_e164 and mms_problem as `prepare` wrote them"
        )


class _Problems:
    """A column of problems as codes: -1 is none."""

    def __init__(self, codes: npt.NDArray[np.int32], words: list[str]) -> None:
        self.codes = codes
        self.words = words

    @classmethod
    def read(cls, column: pd.Series) -> _Problems:
        category = pd.Categorical(column)
        return cls(category.codes.astype(np.int32), [str(word) for word in category.categories])

    @property
    def none(self) -> npt.NDArray[np.bool_]:
        return np.equal(self.codes, -1)

    def code(self, word: str) -> int:
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)

    def clear(self, word: str) -> None:
        self.codes[self.codes == self.code(word)] = -1

    def set(self, word: str, where: npt.NDArray[np.bool_]) -> None:
        self.codes[where] = self.code(word)

    def add(self, other: pd.Categorical[str]) -> None:
        """Take another column's problems where there is none yet."""
        theirs = np.array([*map(self.code, other.categories), -1], dtype=np.int32)[other.codes]
        self.codes = np.where(self.none, theirs, self.codes)

    def categorical(self) -> pd.Categorical:
        return categorical(self.codes, self.words).remove_unused_categories()


def _first_alike(
    numbers: npt.NDArray[np.int64],
    contents: npt.NDArray[np.int64],
    among: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Give the position of the first row with the same number and message; -1 for that one."""
    national = np.where(among, numbers % 10**9, -1)
    if contents.max(initial=0) > 0:
        # 10**9 is more than the national numbers there are, so each pair has one code.
        codes, _ = pd.factorize(contents[among] * 10**9 + national[among])
        national[among] = codes
    return first_rows(national)


def _cut(
    contents: npt.NDArray[np.int64], sendable: npt.NDArray[np.bool_], size: int
) -> npt.NDArray[np.int32]:
    """Number the requests: contents in order of appearance, then `size` rows at a time."""
    groups = contents[sendable]
    members = np.bincount(groups)
    order = np.argsort(groups, kind="stable")
    rank = np.empty(len(groups), dtype=np.int64)
    rank[order] = np.arange(len(groups)) - np.repeat(np.cumsum(members) - members, members)
    requests = -(-members // size)
    before = np.cumsum(requests) - requests
    request = np.ones(len(contents), dtype=np.int32)
    request[sendable] = before[groups] + rank // size + 1
    return request


def _in_order(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Code a column of words by their order of appearance; -1 is missing."""
    category = pd.Categorical(column)
    codes, present = pd.factorize(np.where(category.codes < 0, -1, category.codes))
    if (present < 0).any():  # the missing take part in the order; they are taken out again
        missing = int(np.flatnonzero(present < 0)[0])
        codes = np.where(codes == missing, -1, codes - (codes > missing))
        present = present[present >= 0]
    return codes, [str(category.categories[code]) for code in present]
