"""What truly became of everybody in a run, by the gateway's books. Pure; never asks the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mmsbatch.sandbox.ledger import Received

_TAKEN: Final = {100: "accepted", 101: "scheduled"}
_NO_VALID_NUMBER: Final = 123


@dataclass(frozen=True)
class Person:
    """One row of contacts, and what must become of it before anything is sent."""

    number: str
    """``336…``, of whom the row is; empty if it holds no mobile."""
    cell: str
    """The number as the contacts write it."""
    fate: str = ""
    """``invalid`` or ``duplicate``; empty for a row that can be sent."""


def outcomes(
    people: Sequence[Person],
    received: Iterable[Received],
    *,
    unheard: frozenset[int] = frozenset(),
    settled_as_sent: bool = False,
) -> tuple[str, ...]:
    """Return the outcome that each row must have.

    Parameters
    ----------
    people
        The contacts, in order.
    received
        What the gateway dealt with, in order.
    unheard
        The requests, by arrival, whose answers the sender did not live to record.
    settled_as_sent
        What stayed in doubt was settled as sent.
    """
    of: dict[str, str] = {}
    for request in received:
        of.update(_said(request, heard=request.request not in unheard))
    doubt = "unreported" if settled_as_sent else "in_doubt"
    found = (person.fate or of.get(person.number, "pending") for person in people)
    return tuple(doubt if outcome == "in_doubt" else outcome for outcome in found)


def _said(request: Received, *, heard: bool) -> dict[str, str]:
    """Return what one request's answer says of its numbers."""
    if request.answered is None or not heard:
        return dict.fromkeys(request.numbers, "in_doubt")
    if request.answered == _NO_VALID_NUMBER:
        return dict.fromkeys(request.numbers, "rejected")
    if request.answered not in _TAKEN:
        return dict.fromkeys(request.numbers, "refused")
    taken = [number for number in request.numbers if number not in request.refused]
    said = dict.fromkeys(request.refused, "rejected")
    said |= dict.fromkeys(taken, _TAKEN[request.answered])
    if request.fault.startswith("lose-id:"):
        lost = int(request.fault.removeprefix("lose-id:"))
        said |= dict.fromkeys(taken[len(taken) - lost :], "unreported")
    return said
