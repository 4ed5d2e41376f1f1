"""What each column of the result files means, as the files themselves say it. Pure (§2, §2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

DESCRIPTION: Final = "description"
"""The key of a meaning in a field's Arrow metadata."""

RESULTS: Final[Mapping[str, str]] = {
    "mms_e164": "the number as +33639980012",
    "mms_problem": "why the row is not sent; missing when it can be",
    "mms_repair": "what was done to read the number",
    "mms_detail": "the territory or country of an overseas or foreign number",
    "mms_phone_column": "which column the number is from, when several were given",
    "mms_duplicate_of": "position of the earlier row with the same number and message",
    "mms_message": "the message this row gets",
    "mms_request": "the request it is in, from 1",
    "mms_outcome": "the verdict: accepted, scheduled, rejected, unreported, refused, in_doubt, "
    "pending, invalid, duplicate or suppressed",
    "mms_id": "the gateway's ID of this number, where it gives one",
    "mms_rejected": "the gateway refused this number",
    "mms_status": "the gateway's answer to the request: a status of its table",
    "mms_status_text": "the words of that status",
    "mms_campaign_id": 'the gateway\'s ID of the request ("pro" accounts)',
    "mms_sent_at": "when the request left; missing when the row certainly was not sent",
}
"""``results.parquet``: one row per contact; all other columns are the contacts' own."""

ATTEMPTS: Final[Mapping[str, str]] = {
    "request": "the request, from 1: mms_request of the results",
    "attempt": "which attempt at it, from 1",
    "sending_at": "when it was about to leave",
    "ended_at": "when its answer, or its failure, was recorded; missing where nothing is known",
    "recipients": "how many numbers were in it",
    "state": "where the attempt led: accepted, refused, in_doubt, pending (it did not leave, or "
    "may be sent again) or confirmed (settled as sent)",
    "reason": "why, in words",
    "http_status": "the HTTP status of the answer",
    "status": "the gateway's status",
    "status_text": "its words, as they came",
    "campaign_id": 'the gateway\'s ID of the request ("pro" accounts)',
    "credits": "what the account had left after it, in its own unit",
    "request_sha256": "SHA-256 of the XML that was sent, which holds no password (hexadecimal)",
    "answer": "the answer's bytes as they came",
}
"""``requests.parquet``: one row per attempt at a request."""


def meanings(names: Iterable[str]) -> Mapping[str, str]:
    """Give the meanings of a frame's columns, by the file it is for.

    Contacts may have columns named ``request`` or ``status``, so those names mean something only
    where they are all there and nothing else is.
    """
    return ATTEMPTS if set(names) == ATTEMPTS.keys() else RESULTS
