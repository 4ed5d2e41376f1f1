"""What must hold of a run after a kill, against the sandbox's ledger, and the sum over a sweep."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

import mmsbatch as mms
from conftest import account_at
from mmsbatch import parquet
from mmsbatch.sandbox import Sandbox

MAX_REQUEST = 200


@dataclass
class Tally:
    """The promises, counted over many kills; every figure but the first two must stay 0."""

    kills: int = 0
    most_in_doubt: int = 0
    """Rows, per kill."""
    sent_twice: int = 0
    claimed_not_sent: int = 0
    """``accepted``, and not in the ledger."""
    sent_not_claimed: int = 0
    """In the ledger, and neither ``accepted`` nor ``in_doubt``."""
    uncounted: int = 0
    """Rows without exactly one outcome, or left ``pending`` after resuming."""
    broken: list[str] = field(default_factory=list)
    """The trials behind the figures."""

    def __str__(self) -> str:
        """Return the line that a sweep prints."""
        return (
            f"{self.kills} kills: sent twice {self.sent_twice}, claimed accepted but not sent "
            f"{self.claimed_not_sent}, sent but neither accepted nor in doubt "
            f"{self.sent_not_claimed}, rows without an outcome {self.uncounted}, "
            f"at most {self.most_in_doubt} rows in doubt per kill"
        )

    def look(self, run: Path, sandbox: Sandbox, rows: int, trial: str) -> pd.DataFrame:
        """Compare what a run claims now with the ledger as of now."""
        results = mms.results(run)
        outcome = results["mms_outcome"]
        number = results["mms_e164"].str.removeprefix("+")
        ledger = Counter(delivery.number for delivery in sandbox.ledger)
        accepted = set(number[outcome == "accepted"])
        maybe = accepted | set(number[outcome == "in_doubt"])
        twice = sum(count > 1 for count in ledger.values())
        false = len(accepted - ledger.keys())
        lost = len(ledger.keys() - maybe)
        counts = mms.status(run).outcomes
        uncounted = abs(rows - sum(counts.values())) + abs(rows - len(results))
        self.sent_twice += twice
        self.claimed_not_sent += false
        self.sent_not_claimed += lost
        self.uncounted += uncounted
        if twice or false or lost or uncounted:
            self.broken.append(f"{trial}: {twice=} {false=} {lost=} {uncounted=}")
        return results

    def recover(self, run: Path, sandbox: Sandbox, plan: mms.Plan, trial: str) -> pd.DataFrame:
        """Look at a run as its dead sender left it, finish it, and look again."""
        rows = len(plan.rows)
        account = account_at(sandbox)
        if run.exists():
            self.look(run, sandbox, rows, f"{trial}, before resuming")
            with suppress(mms.RunInDoubt):
                mms.resume(run, account)
        else:
            with suppress(mms.RunInDoubt):
                mms.send(plan, account, run=run)
        settle()
        results = self.look(run, sandbox, rows, f"{trial}, after resuming")
        # Through the package's own reader: in pandas' a column of words without a single word has
        # forgotten that they would be text.
        pd.testing.assert_frame_equal(results, parquet.read(run / "results.parquet")[0])
        left = set(results["mms_outcome"]) - {"accepted", "in_doubt"}
        if left:
            self.uncounted += int(results["mms_outcome"].isin(list(left)).sum())
            self.broken.append(f"{trial}: rows left {sorted(left)}")
        return results

    def count_kill(self, run: Path, in_doubt_before: int = 0) -> int:
        """Count a kill, and how many rows more than before it left in doubt; give how many are."""
        in_doubt = mms.status(run).outcomes.get("in_doubt", 0) if run.exists() else 0
        self.kills += 1
        self.most_in_doubt = max(self.most_in_doubt, in_doubt - in_doubt_before)
        return in_doubt

    def check(self, *, workers: int = 1) -> None:
        """Fail with the trials that broke a promise."""
        assert [] == self.broken
        assert (0, 0, 0, 0) == (
            self.sent_twice,
            self.claimed_not_sent,
            self.sent_not_claimed,
            self.uncounted,
        )
        assert self.most_in_doubt <= MAX_REQUEST * workers


def settle() -> None:
    """Wait until the sandbox has dealt with every request it was given, a dead client's too.

    Connections are taken in the order they were made, so after a resume those of the dead sender
    have a thread already.
    """
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(10)
            assert not thread.is_alive()
