"""One outcome per row: plan + states of the requests → results. Pure (§2 on what an answer says).

Every row has exactly one outcome at every instant, and `accepted` needs evidence: a status 100 or
101, and this number among those the answer names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import spec
from mmsbatch.display import Tone
from mmsbatch.frames import categorical, union_of_words
from mmsbatch.gateway.wire import Answer, canonical_echo
from mmsbatch.planning.part import Part
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.states import Request, State


class Outcome(StrEnum):
    """The verdict on a row."""

    ACCEPTED = "accepted"
    """The gateway took the message for this number (100)."""
    SCHEDULED = "scheduled"
    """The gateway took it for later (101)."""
    REJECTED = "rejected"
    """The gateway refused this number: format, not a French mobile, or opted out."""
    UNREPORTED = "unreported"
    """Its request was taken, and the answer names this number neither as taken nor as refused; or
    there is no answer, and its request was settled as sent (then ``mms_status`` is missing)."""
    REFUSED = "refused"
    """Its whole request was refused: not sent."""
    IN_DOUBT = "in_doubt"
    """Its request was on its way, and nothing proves what became of it."""
    PENDING = "pending"
    """Its request has not left yet."""
    INVALID = "invalid"
    """Never to be sent: see ``mms_problem``."""
    DUPLICATE = "duplicate"
    """The number is that of the earlier row that ``mms_duplicate_of`` names."""
    SUPPRESSED = "suppressed"
    """On a suppression list, without consent, contacted or refused too often before, held out by
    the campaign's split, or erased before the message left."""


MAYBE_SENT: Final = frozenset(
    {Outcome.ACCEPTED, Outcome.SCHEDULED, Outcome.UNREPORTED, Outcome.IN_DOUBT}
)
"""The outcomes of rows whose message may have left; only these have ``mms_sent_at``."""

INDEFINITE: Final = (Outcome.IN_DOUBT, Outcome.UNREPORTED)
"""The outcomes nobody can vouch for."""

NEVER_SENT: Final = (Outcome.INVALID, Outcome.DUPLICATE, Outcome.SUPPRESSED)
"""The outcomes of rows that no request was made for."""

RESULT_COLUMNS: Final = (
    "mms_outcome",
    "mms_id",
    "mms_rejected",
    "mms_status",
    "mms_status_text",
    "mms_campaign_id",
    "mms_sent_at",
)

_WORDS: Final = tuple(Outcome)
_CODE: Final = {outcome: code for code, outcome in enumerate(_WORDS)}
_MAY_HAVE_LEFT: Final = np.array([word in MAYBE_SENT for word in _WORDS])


@dataclass(frozen=True)
class NamedNumbers:
    """The numbers that the list of an answer (``IDs``) names, in its order."""

    numbers: npt.NDArray[np.int64]
    """33639980012."""
    ids: Sequence[str | None] = ()
    """As many, the gateway's; nothing if it gives none."""


def named_by(answer: Answer) -> NamedNumbers:
    """Return the numbers of ours that an answer names."""
    echoes = [echo for echo, _ in answer.contacted]
    ids = [given for _, given in answer.contacted]
    numbers = _national(echoes)
    if numbers is None:
        found = [*map(canonical_echo, echoes)]
        numbers = np.array([int(number[1:]) for number in found if number], dtype=np.int64)
        ids = [given for number, given in zip(found, ids, strict=True) if number]
    return NamedNumbers(numbers, ids if any(ids) else ())


_NATIONAL_MOBILE: Final = range(600_000_000, 800_000_000)
_ECHO_LENGTH: Final = 10


def _national(echoes: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """Read echoes all of which are in national form, as the gateway's are; else nothing."""
    digits = "".join(echoes)
    if digits.isascii() and digits.isdecimal() and set(map(len, echoes)) == {_ECHO_LENGTH}:
        numbers = [*map(int, echoes)]
        if min(numbers) in _NATIONAL_MOBILE and max(numbers) in _NATIONAL_MOBILE:
            return 33_000_000_000 + np.array(numbers, dtype=np.int64)
    return None


def results(
    plan: Plan,
    requests: Mapping[int, Request],
    named: Callable[[Request, Answer], NamedNumbers] = lambda _, answer: named_by(answer),
) -> pd.DataFrame:
    """Return every row of a plan its outcome: `part_results` of all its parts."""
    found = [
        part_results(rows.frame(), plan.part(place), requests, named)
        for place, rows in enumerate(plan.parts)
    ]
    return found[0] if len(found) == 1 else union_of_words(found)


def part_results(
    rows: pd.DataFrame,
    part: Part,
    requests: Mapping[int, Request],
    named: Callable[[Request, Answer], NamedNumbers] = lambda _, answer: named_by(answer),
) -> pd.DataFrame:
    """Return every row of a part of a plan its outcome.

    Parameters
    ----------
    rows
        The part's rows; ``mms_problem`` is needed.
    part
        Which of them are in which request.
    requests
        Where each of its requests is (`mmsbatch.runs.states.fold`); others are passed over.
    named
        Which numbers the answer of a request names; `mmsbatch.verify` has its own reading.

    Returns
    -------
    pandas.DataFrame
        The rows, their order and index, with these columns added:

        - ``mms_outcome`` (category): a word of `Outcome`, never missing;
        - ``mms_id`` (str): the gateway's ID of this number, missing if it gives none;
        - ``mms_rejected`` (bool): the gateway refused this number;
        - ``mms_status`` (Int32): the status of the request's last answer, missing before it;
        - ``mms_status_text`` (category): its text;
        - ``mms_campaign_id`` (category): the gateway's ID of this request;
        - ``mms_sent_at`` (datetime64[ms, UTC]): when the request left, missing for rows that
          certainly were not sent.

    Source: §2, §2.1.
    """
    rows = pd.DataFrame(rows.copy(deep=False))
    size = len(rows)
    outcome = _before_sending(rows["mms_problem"])
    status = np.zeros(size, dtype=np.int32)
    sent_at = np.full(size, np.datetime64("NaT", "ms"))
    identifier = np.full(size, None, dtype=object)
    status_text, campaign_id = _Words(size), _Words(size)
    for number in part.requests:
        request = requests[number]
        positions = part.positions(number)
        sent_to = part.numbers[positions]
        if request.answer is None:
            found = _whole(request, len(positions))
        else:
            listed = named(request, request.answer)
            found = _outcomes(request, request.answer, sent_to, listed.numbers)
            status[positions] = request.answer.status
            status_text.put(positions, request.answer.text or _documented_text(request))
            campaign_id.put(positions, request.answer.campaign_id)
            if listed.ids:
                identifier[positions] = _ids(sent_to, listed)
        outcome[positions] = found
        if request.sending_at is not None:
            left = positions[_MAY_HAVE_LEFT[found]]
            sent_at[left] = np.datetime64(
                request.sending_at.astimezone(UTC).replace(tzinfo=None), "ms"
            )
    rows["mms_outcome"] = categorical(outcome, map(str, _WORDS))
    rows["mms_id"] = pd.array(identifier, dtype="str")
    rows["mms_rejected"] = outcome == _CODE[Outcome.REJECTED]
    rows["mms_status"] = pd.arrays.IntegerArray(status, status == 0)
    rows["mms_status_text"] = status_text.categorical()
    rows["mms_campaign_id"] = campaign_id.categorical()
    rows["mms_sent_at"] = pd.DatetimeIndex(sent_at).tz_localize(UTC)
    return rows


def count(parts: Iterable[pd.DataFrame]) -> dict[str, int]:
    """Count rows by outcome, in the order of `Outcome`, leaving out those that no row has.

    Parameters
    ----------
    parts
        The results of a run, part by part.
    """
    counts: Counter[str] = Counter()
    for results in parts:
        found = results["mms_outcome"].value_counts()
        counts.update({str(word): int(rows) for word, rows in found.items()})
    return {str(word): int(counts[word]) for word in _WORDS if counts[word]}


def _before_sending(problem: pd.Series) -> npt.NDArray[np.int8]:
    category = pd.Categorical(problem)
    special = {
        "duplicate": Outcome.DUPLICATE,
        "suppressed": Outcome.SUPPRESSED,
        "no_consent": Outcome.SUPPRESSED,
        "too_soon": Outcome.SUPPRESSED,
        "rejected_before": Outcome.SUPPRESSED,
        "held_out": Outcome.SUPPRESSED,
    }
    words = [special.get(str(word), Outcome.INVALID) for word in category.categories]
    codes = np.array([*map(_CODE.__getitem__, words), _CODE[Outcome.PENDING]], dtype=np.int8)
    return np.asarray(codes[category.codes])  # the last place is that of -1: no problem


def _whole(request: Request, size: int) -> npt.NDArray[np.int8]:
    """Return the outcome of a request that was not taken: each of its numbers has the same."""
    outcome = {
        State.PENDING: Outcome.PENDING,
        State.IN_DOUBT: Outcome.IN_DOUBT,
        State.REFUSED: Outcome.REFUSED,
        # Sent as a whole, say credits or a person; neither names numbers, and some may have
        # been refused: that is not `accepted`.
        State.CONFIRMED: Outcome.UNREPORTED,
    }[request.state]
    if request.answer is not None and request.answer.status == spec.NO_VALID_NUMBER:
        outcome = Outcome.REJECTED  # 123 refuses the numbers, each of them
    return np.full(size, _CODE[outcome], dtype=np.int8)


def _outcomes(
    request: Request,
    answer: Answer,
    numbers: npt.NDArray[np.int64],
    named: npt.NDArray[np.int64],
) -> npt.NDArray[np.int8]:
    """Return the outcome of each number of one request, by what its answer shows."""
    if request.state is not State.ACCEPTED:
        return _whole(request, len(numbers))
    taken = Outcome.SCHEDULED if answer.status == spec.SCHEDULED else Outcome.ACCEPTED
    found = np.full(len(numbers), _CODE[taken], dtype=np.int8)
    # Few are refused, and then "table" would cost more to set up than it saves.
    refused = np.isin(numbers, _integers(answer.refused), kind="sort")
    if not np.array_equal(numbers[~refused], named):  # hardly ever: they come as they left
        found[~np.isin(numbers, named)] = _CODE[Outcome.UNREPORTED]
    found[refused] = _CODE[Outcome.REJECTED]
    return found


def _integers(echoes: Iterable[str]) -> npt.NDArray[np.int64]:
    found = (canonical_echo(number) for number in echoes)
    return np.array([int(number[1:]) for number in found if number], dtype=np.int64)


def _ids(numbers: npt.NDArray[np.int64], listed: NamedNumbers) -> Sequence[str | None]:
    """Return the ID of each number."""
    if np.array_equal(numbers, listed.numbers):
        return listed.ids
    pairs = zip(listed.numbers.tolist(), listed.ids, strict=True)
    given = {number: identifier for number, identifier in pairs if identifier}
    return [*map(given.get, numbers.tolist())]


def _documented_text(request: Request) -> str:
    return request.status.text if request.status else ""


class _Words:
    """A column of few different words, missing at first."""

    def __init__(self, size: int) -> None:
        self._codes = np.full(size, -1, dtype=np.int32)
        self._words: dict[str, int] = {}

    def put(self, positions: npt.NDArray[np.int64], word: str | None) -> None:
        if word:
            self._codes[positions] = self._words.setdefault(word, len(self._words))

    def categorical(self) -> pd.Categorical:
        return categorical(self._codes, self._words)


OUTCOMES: Mapping[str, str] = {
    Outcome.ACCEPTED: "taken by the gateway",
    Outcome.SCHEDULED: "taken by the gateway for later",
    Outcome.REJECTED: "number refused by the gateway (not a mobile, or opted out)",
    Outcome.UNREPORTED: "request taken, number not named in the answer",
    Outcome.REFUSED: "request refused, not sent",
    Outcome.IN_DOUBT: "perhaps sent: no answer came; never sent again by itself",
    Outcome.PENDING: "not sent yet",
    Outcome.INVALID: "not sendable, see mms_problem",
    Outcome.DUPLICATE: "the number of an earlier row",
    Outcome.SUPPRESSED: "must not be written to: no consent, on a suppression list, contacted or "
    "refused too often before, held out, or erased",
}

OUTCOME_TONES: Final[Mapping[str, Tone]] = {
    Outcome.ACCEPTED: "good",
    Outcome.SCHEDULED: "good",
    Outcome.REJECTED: "look",
    Outcome.UNREPORTED: "bad",
    Outcome.REFUSED: "look",
    Outcome.IN_DOUBT: "bad",
    Outcome.PENDING: "look",
}
"""How an outcome is meant where it is shown; the others were no work to do."""
