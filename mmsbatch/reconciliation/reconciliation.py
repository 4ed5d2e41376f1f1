"""What a reconciliation found, account by account, and how it shows itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mmsbatch.display import Block, Document, ShowsItself, Table, Tone, joined
from mmsbatch.journal.facts import Verdict
from mmsbatch.reconciliation.finding import Finding
from mmsbatch.runs.report import RunReport

_SETTLED: Final = {Verdict.SENT: "settled as sent", Verdict.RESEND: "may be sent again"}


@dataclass(frozen=True)
class Look:
    """What one account's credits show of the requests in doubt that were claimed with it."""

    login: str
    finding: Finding
    verdict: Verdict | None = None
    """What was recorded about all of them."""


@dataclass(frozen=True, repr=False)
class Reconciliation(ShowsItself):
    """What was found about a run's requests in doubt, what was settled, and where the run stands.

    ``finding`` is None if nothing was in doubt; ``verdict`` and ``settled`` say what was
    recorded about which requests. Where the doubts are of several accounts, ``finding`` and
    ``verdict`` are those of the first that is left in doubt, and ``looks`` has each.
    """

    report: RunReport
    finding: Finding | None = None
    verdict: Verdict | None = None
    settled: tuple[int, ...] = ()
    what_to_do: str = ""
    looks: tuple[Look, ...] = ()
    """One for each account that has doubts, if several have."""

    def document(self) -> Document:
        """Show what was found, what was settled, and where the run stands."""
        blocks = []
        if self.looks:
            for look in self.looks:
                blocks.append(Block("account", (look.login,)))
                blocks += _shown(look.finding)
            numbers = ", ".join(map(str, self.settled))
            if numbers:
                blocks.append(Block("settled", (f"request {numbers}",)))
        elif self.finding is not None:
            blocks += _shown(self.finding)
        elif self.verdict is None:
            blocks.append(Block("finding", ("no request of this run is in doubt",)))
        if self.verdict is not None and not self.looks:
            numbers = ", ".join(map(str, self.settled))
            blocks.append(Block("settled", (f"request {numbers}: {_SETTLED[self.verdict]}",)))
        if self.what_to_do:
            blocks.append(Block("next", (self.what_to_do,)))
        return joined((Document(tuple(blocks)), self.report.document()))

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values, under names that do not change."""
        return {
            "finding": self.finding.to_json() if self.finding else None,
            "verdict": self.verdict.value if self.verdict else None,
            "settled": list(self.settled),
            "what_to_do": self.what_to_do,
            "run": self.report.to_json(),
            **(
                {
                    "accounts": {
                        look.login: {
                            "finding": look.finding.to_json(),
                            "verdict": look.verdict.value if look.verdict else None,
                        }
                        for look in self.looks
                    }
                }
                if self.looks
                else {}
            ),
        }


def _shown(found: Finding) -> list[Block]:
    listed = ", ".join(map(str, found.requests))
    rows = tuple(("yes" if one.holds else "NO", one.found) for one in found.checks)
    tones: tuple[Tone, ...] = tuple("good" if one.holds else "bad" for one in found.checks)
    evidence = Table(rows, numbers=(), tones=tones)
    return [
        Block("in doubt", (f"request {listed}: {found.recipients:,} recipients",), "look"),
        Block("finding", (f"{found.shown.replace('_', ' ')}: {found.reason}",)),
        Block("evidence", (evidence,)),
    ]
