"""A plan: rows in numbered requests of at most 200 numbers, and its fingerprint. Pure (§1.1)."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import hints, spec
from mmsbatch.campaign import lint
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.rendering import Filled
from mmsbatch.display import Block, Document, ShowsItself, joined, plural
from mmsbatch.errors import PlanError
from mmsbatch.frames import union_of_words
from mmsbatch.planning.contents import Contents
from mmsbatch.planning.grouping import in_order
from mmsbatch.planning.part import Part, PartRows
from mmsbatch.planning.problems import Summary, summarize, total

RULE_VERSION: Final = 1
"""Part of every fingerprint; raised when the same rows would be hashed otherwise."""

PLAN_COLUMNS: Final = ("mms_message", "mms_request")
"""Added by `plan` to what `prepare` added."""

_PARTS_KEPT: Final = 2
_FICTION = range(33_639_980_000, 33_639_990_000)


@dataclass(frozen=True, repr=False)
class PlannedRequest:
    """One request: up to 200 numbers that get one message."""

    number: int
    """From 1, in the order of sending."""
    content: Filled
    """What each of them gets."""
    numbers: tuple[str, ...]
    """E.164, in row order, none twice."""

    @property
    def message(self) -> str:
        """The text that they get."""
        return self.content.message

    def __repr__(self) -> str:
        return f"<request {self.number}: {self.message!r} to {len(self.numbers)} numbers>"


@dataclass(frozen=True, eq=False, repr=False)
class Plan(ShowsItself):
    """What will be sent to whom, in which order.

    Parameters
    ----------
    parts
        The rows: those of the prepared frame with two columns added, ``mms_message`` (the text this
        row gets) and ``mms_request`` (Int32, from 1), both missing if the row has a problem. In
        parts of at most a million rows, of which no two share a request.
    campaign
        What is sent.
    """

    parts: Sequence[PartRows]
    campaign: Campaign
    _kept: dict[int, Part] = field(default_factory=dict, init=False)

    @property
    def rows(self) -> pd.DataFrame:
        """All rows as one frame; of a plan in several parts, that needs the memory of all."""
        found = [part.frame() for part in self.parts]
        return found[0] if len(found) == 1 else union_of_words(found)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over content, numbers, order and borders of the requests.

        Over, in this order: a JSON header (the version of the rules, the campaign's canonical
        form, the distinct messages and problems in order of appearance), then part by part for all
        its rows the number (int64), the request (int32), the message and the problem (int32 codes
        into the header's lists, -1 for none), little-endian. The index, other columns and dtypes
        are not in it. Where more than the message differs from row to row, each of the header's
        messages is the list of its words.
        """
        contents, problems = Contents(self.campaign), _Words()
        columns = [*contents.columns, "mms_problem"]
        for rows in self.parts:
            words = rows.frame(columns)
            contents.code(words)
            problems.code(words["mms_problem"])
        header = {
            "rules": RULE_VERSION,
            "campaign": self.campaign.canonical(),
            "rows": self.size,
            "messages": contents.listed(),
            "problems": list(problems.places),
        }
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        for place, rows in enumerate(self.parts):
            part = self.part(place)
            words = rows.frame(columns)
            digest.update(part.numbers.astype("<i8").tobytes())
            digest.update(part.request_of_row.astype("<i4").tobytes())
            digest.update(contents.code(words).astype("<i4").tobytes())
            digest.update(problems.code(words["mms_problem"]).astype("<i4").tobytes())
        return digest.hexdigest()

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self._requests.first_rows[-1]

    @property
    def requests(self) -> int:
        """How many requests there are."""
        return len(self._requests.sizes)

    @property
    def recipients(self) -> int:
        """How many rows have a place in a request."""
        return int(self._requests.sizes.sum())

    @cached_property
    def summary(self) -> Summary:
        """Rows by problem and by repair."""
        return total(summarize(rows.frame(["mms_problem", "mms_repair"])) for rows in self.parts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the gateway may take otherwise than meant, and what may cost."""
        return (
            *self.campaign.warnings,
            *lint.warnings_of(self.campaign, commercial=self._is_commercial()),
            *self._personal_warning(),
            *self._several_warning(),
            *self.consent_warning(live=not self.fictional()),
        )

    @cached_property
    def several(self) -> int:
        """How many numbers get more than one message, each another text."""
        if self.campaign.one_per != "message":
            return 0
        sent = [part.numbers[part.request_of_row > 0] for part in self._each()]
        _, times = np.unique(np.concatenate(sent), return_counts=True)
        return int(np.count_nonzero(times > 1))

    def consent_warning(self, *, live: bool) -> tuple[str, ...]:
        """Return a warning if nothing says that the people have agreed to be written to.

        Parameters
        ----------
        live
            Whether the plan is, or can be, for people; else only a campaign that calls itself
            commercial is warned of.
        """
        looked_at = self.campaign.consent is not None or "no_consent" in self.summary.problems
        if looked_at or not self._is_commercial(live=live):
            return ()
        warning = (
            "no consent column: a commercial message needs each person's consent. Name the column "
            'that says who has agreed, with consent = "…" in the campaign file, or write '
            'purpose = "service" there if this is not advertising [consent]'
        )
        return (warning,)

    def _is_commercial(self, *, live: bool | None = None) -> bool:
        if self.campaign.purpose is not None:
            return self.campaign.purpose == "commercial"
        return not self.fictional() if live is None else live

    def request(self, number: int) -> PlannedRequest:
        """Return one request, by its number from 1."""
        numbers = self.numbers_of(number).tolist()
        return PlannedRequest(number, self.content_of(number), tuple(f"+{n}" for n in numbers))

    def content_of(self, number: int) -> Filled:
        """Return the content of one request: what requests refused for their content share."""
        self._check(number)
        known = self._requests
        code = known.codes[number - 1]
        return known.contents.filled(known.keys[code] if code >= 0 else known.nothing)

    def last_within(self, recipients: int) -> int:
        """Return the request at whose end so many recipients have been sent to.

        Raises
        ------
        PlanError
            No request ends there.
        """
        ends = np.cumsum(self._requests.sizes)
        number = int(np.searchsorted(ends, recipients)) + 1
        if number <= len(ends) and ends[number - 1] == recipients:
            return number
        if recipients >= self.recipients:
            return self.requests
        raise PlanError(
            f"no request of the plan ends at recipient {recipients}: plan with "
            f"{hints.option('canary', recipients)}"
        )

    def recipients_of(self, number: int) -> int:
        """Count the rows of one request."""
        self._check(number)
        return int(self._requests.sizes[number - 1])

    def has_people(self, number: int) -> bool:
        """Return whether a request is for anybody who has not been erased."""
        self._check(number)
        return bool(self._requests.people[number - 1])

    def document(self) -> Document:
        """Show what can be sent, and what will be sent to how many."""
        blocks = self.headline()
        if self.warnings:
            blocks.append(Block("warnings", self.warnings, "look"))
        return joined((self.summary.document(), Document(tuple(blocks))))

    def headline(self) -> list[Block]:
        """Return what will be sent, to how many, and the fingerprint."""
        campaign = self.campaign
        blocks = [
            Block(
                "campaign",
                (
                    f"{campaign.name}{variant and f', {variant}'} ({content.kind})",
                    *content.message.splitlines(),
                ),
            )
            for variant, content in campaign.contents.items()
        ]
        if campaign.send_at is not None:
            blocks.append(Block("send at", (f"{campaign.send_at} ({spec.TIME_ZONE})",)))
        size = f"{plural(self.recipients, 'recipient')} in {plural(self.requests, 'request')}"
        return [*blocks, Block("plan", (size, f"fingerprint {self.fingerprint}"))]

    def __iter__(self) -> Iterator[PlannedRequest]:
        return (self.request(number) for number in range(1, self.requests + 1))

    def positions(self, number: int) -> npt.NDArray[np.int64]:
        """Return the row positions of one request, in the order of its numbers."""
        part = self._part_of(number)
        return part.first_row + part.positions(number)

    def numbers_of(self, number: int) -> npt.NDArray[np.int64]:
        """Return the numbers of one request (33639980012), in row order."""
        part = self._part_of(number)
        return part.numbers[part.positions(number)]

    def part(self, place: int) -> Part:
        """Return which rows of a part are in which request."""
        known = self._requests
        first_request = 1 if place == 0 else known.last_requests[place - 1] + 1
        return self._read(place, known.first_rows[place], first_request)

    def fictional(self) -> int:
        """Count the recipients whose numbers are reserved for fiction (06 39 98 xx xx)."""
        found = 0
        for part in self._each():
            numbers = part.numbers[part.request_of_row > 0]
            found += int(((numbers >= _FICTION.start) & (numbers < _FICTION.stop)).sum())
        return found

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
            ("rows", self.size, other.size),
            ("recipients", self.recipients, other.recipients),
            ("requests", self.requests, other.requests),
        )
        found += [f"{old} {name} there, {new} now" for name, old, new in figures if old != new]
        if self._requests.first_rows == other._requests.first_rows:
            found += self._other_rows(other)
        return "; ".join(found) or "its messages or its problems differ"

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Each row's number as an integer (33639980012), 0 if it has none."""
        return np.concatenate([part.numbers for part in self._each()])

    def _other_rows(self, other: Plan) -> list[str]:
        differing, first = 0, -1
        for mine, its in zip(self._each(), other._each(), strict=True):
            differs = (mine.numbers != its.numbers) | (mine.request_of_row != its.request_of_row)
            if differs.any() and first < 0:
                first = mine.first_row + int(differs.argmax())
            differing += int(differs.sum())
        if not differing:
            return []
        return [f"{differing} rows have another number or request, the first at position {first}"]

    def _each(self) -> Iterator[Part]:
        return map(self.part, range(len(self.parts)))

    def _check(self, number: int) -> None:
        if not 1 <= number <= self.requests:
            raise PlanError(f"request {number} does not exist: this plan has {self.requests}")

    def _part_of(self, number: int) -> Part:
        self._check(number)
        return self.part(bisect_left(self._requests.last_requests, number))

    def _read(self, place: int, first_row: int, first_request: int) -> Part:
        """Return a part; the one before it is kept, since requests of both may be under way."""
        if place not in self._kept:
            for old in list(self._kept)[: -_PARTS_KEPT + 1]:
                del self._kept[old]
            self._kept[place] = Part.of(self.parts[place], first_row, first_request)
        return self._kept[place]

    @cached_property
    def _requests(self) -> _Requests:
        """What is known of each request without its rows: one look at all of them."""
        contents, last, rows = Contents(self.campaign), 0, [0]
        sizes, given, people, lasts = [], [], [], []
        for place, found in enumerate(self.parts):
            part = self._read(place, rows[-1], last + 1)
            codes = np.append(contents.code(found.frame(contents.columns)), -1)
            sizes.append(part.sizes)
            given.append(codes[part.firsts()])
            people.append(part.have_people())
            last = part.requests.stop - 1
            rows.append(rows[-1] + len(part))
            lasts.append(last)
        return _Requests(
            np.concatenate(sizes),
            np.concatenate(given),
            np.concatenate(people),
            contents,
            contents.distinct,
            lasts,
            rows,
        )

    def _personal_warning(self) -> tuple[str, ...]:
        fewest = -(-self.recipients // spec.MAX_RECIPIENTS_PER_REQUEST)
        if self.requests <= 2 * fewest:
            return ()
        warning = (
            f"{self.requests} requests where one message for all would take {fewest}: a request "
            "carries one message, so every other text begins a new request [personal]"
        )
        return (warning,)

    def _several_warning(self) -> tuple[str, ...]:
        if not self.several:
            return ()
        warning = (
            f"{plural(self.several, 'number')} get several messages, each another text: the "
            'campaign says one_per = "message" [several]'
        )
        return (warning,)


@dataclass(frozen=True)
class _Requests:
    """One entry a request, of all parts together."""

    sizes: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]
    """Of what it sends; -1 if no row is left in it."""
    people: npt.NDArray[np.bool_]
    contents: Contents
    keys: list[tuple[str, ...]]
    last_requests: list[int]
    """Of each part: the last request up to there."""
    first_rows: list[int]
    """Of each part, and at the end the number of all rows."""

    @property
    def nothing(self) -> tuple[str, ...]:
        """The key of what a request sends that no row is left in."""
        return ("",) * len(self.contents.columns)


class _Words:
    """Words coded by their order of appearance, over all parts of a column."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def code(self, column: pd.Series) -> npt.NDArray[np.int64]:
        """Code a part of the column; -1 is missing."""
        codes, words = in_order(column)
        places = [self.places.setdefault(word, len(self.places)) for word in words]
        return np.array([*places, -1], dtype=np.int64)[codes]
