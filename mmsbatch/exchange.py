"""One attempt at a request: the claim that goes on record before it, and the fact of how it ended.

Nothing is recorded here: that is for the sender, who knows what goes on record together.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mmsbatch.errors import NotSent
from mmsbatch.gateway import wire
from mmsbatch.gateway.client import Gateway, Interrupted
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.states import Fact, Kind, stamp

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Claim:
    """An attempt about to be made; its XML may leave once its fact is on record."""

    fact: Fact
    xml: bytes = field(repr=False)


@dataclass(frozen=True)
class Ended:
    """An attempt that was made: what came of it, to be recorded before anything else is done."""

    fact: Fact
    retry_after_s: float | None = None
    """Seconds the server asks to wait, if it asks."""


def claim(plan: Plan, number: int, attempt: int, clientcode: str, clock: Clock) -> Claim:
    """Write the XML of a request of a plan, and the fact that claims this attempt at it."""
    planned = plan.request(number)
    xml = wire.encode_request(plan.campaign, planned.message, planned.numbers, clientcode)
    data = {"recipients": len(planned.numbers), "sha256": hashlib.sha256(xml).hexdigest()}
    return Claim(Fact(Kind.SENDING, stamp(clock()), number, attempt, data), xml)


def exchange(gateway: Gateway, claimed: Claim, clock: Clock) -> Ended:
    """Post what was claimed; whatever comes of that is a fact."""
    started_s = time.perf_counter()
    retry_after_s: float | None = None
    data: dict[str, Any]
    body: bytes | None
    try:
        reply = gateway.send(claimed.xml)
    except NotSent as error:
        kind, data, body = Kind.NOT_SENT, {"reason": str(error)}, None
    except Interrupted as error:
        kind, body = Kind.BROKEN_OFF, error.body
        data = {"reason": str(error), "http_status": error.http_status}
    else:
        kind, body, retry_after_s = Kind.ANSWER, reply.body, reply.retry_after_s
        elapsed_ms = round((time.perf_counter() - started_s) * 1000)
        data = {"http_status": reply.http_status, "elapsed_ms": elapsed_ms}
        if retry_after_s is not None:
            data["retry_after_s"] = retry_after_s
    request, attempt = claimed.fact.request, claimed.fact.attempt
    return Ended(Fact(kind, stamp(clock()), request, attempt, data, body), retry_after_s)
