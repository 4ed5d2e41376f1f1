"""The words of what is shown: outcomes and problems in plain language, counts and amounts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from mmsbatch.display import Table
from mmsbatch.message import MESSAGE_PROBLEMS
from mmsbatch.outcomes import Outcome
from mmsbatch.phones.words import PROBLEMS

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.ACCEPTED: "taken by the gateway",
    Outcome.SCHEDULED: "taken by the gateway for later",
    Outcome.REJECTED: "number refused by the gateway (not a mobile, or opted out)",
    Outcome.UNREPORTED: "request taken, number not named in the answer",
    Outcome.REFUSED: "request refused, not sent",
    Outcome.IN_DOUBT: "perhaps sent: no answer came; never sent again by itself",
    Outcome.PENDING: "not sent yet",
    Outcome.INVALID: "not sendable, see mms_problem",
    Outcome.DUPLICATE: "same number and message as an earlier row",
    Outcome.SUPPRESSED: "on a suppression list, or erased before it left",
}

PROBLEM_MEANINGS: Mapping[str, str] = {
    word: meaning for word, (meaning, _) in {**PROBLEMS, **MESSAGE_PROBLEMS}.items()
}


def amount(value: Decimal | int | None) -> str:
    """Write a number with thousands apart; a question mark where it is not known."""
    return "?" if value is None else f"{value:,}"


def plural(count: int, word: str) -> str:
    """Write a count and its word: ``1 row``, ``1,500 rows``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def counts(rows_by_word: Mapping[str, int], meanings: Mapping[str, str]) -> Table:
    """Lay rows by word out, most first."""
    most_first = sorted(rows_by_word.items(), key=lambda item: -item[1])
    return Table(tuple((f"{count:,}", word, meanings.get(word, "")) for word, count in most_first))
