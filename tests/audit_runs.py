"""Small runs for the tests of audits, made by the real sender on the sandbox."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import time_machine

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.sandbox import Sandbox, SandboxOptions

COST = 2


def contacts(count: int = 5, start: int = 0, **columns: Any) -> pd.DataFrame:
    """Return `count` people, one of them twice, and a landline."""
    mobile = [*fictional(count, start), fictional(1, start)[0], "0199000001"]
    return pd.DataFrame({"mobile": mobile, **columns})


def made(
    run: Path,
    frame: pd.DataFrame | None = None,
    content: mms.Text | mms.Image | None = None,
    *,
    at: str = "2026-03-02 09:00",
    campaign: str = "lettre",
    send_at: str | None = None,
    chunk: int = 2,
    faults: dict[int, str] | None = None,
    refused: list[str] | None = None,
    on_doubt: Any = "continue",
    credits_left: int = 1000,
) -> Path:
    """Send a run at a moment (UTC) of the past; however it ends, it is a run."""
    frame = contacts() if frame is None else frame
    prepared = mms.prepare(frame, phone="mobile", fictional=True)
    options = SandboxOptions(
        credits=credits_left,
        cost_per_recipient=COST,
        with_ids=True,
        blacklist=frozenset(refused or []),
    )
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    with (
        Sandbox(options=options, faults=faults or {}) as sandbox,
        time_machine.travel(moment),
        suppress(mms.RunInDoubt, mms.RunStopped),
    ):
        plan = mms.plan(
            prepared,
            mms.Campaign(campaign, content or mms.Text("Bonjour"), send_at=send_at),
            chunk_size=chunk,
        )
        mms.send(plan, account_at(sandbox), run=run, again=True, on_doubt=on_doubt, progress=False)
    return run
