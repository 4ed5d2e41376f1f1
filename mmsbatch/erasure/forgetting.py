"""What was erased where, as `forget` returns and shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mmsbatch.display import Block, Document, ShowsItself, frame_table

ERASED: Final = "erased"
ALREADY: Final = "already erased"
NOT_IN_IT: Final = "not in it"


@dataclass(frozen=True, repr=False)
class Forgetting(ShowsItself):
    """What was erased where."""

    token: str
    """What stands for the number now."""
    runs: pd.DataFrame
    """One row per run: ``run``, ``state`` (erased, already erased, not in it), ``rows``, ``cells``
    of other rows, ``facts`` and ``files`` that held the number (int64)."""
    left: tuple[str, ...]
    """What a person must look at."""
    key_file: Path
    """The key that the token was made under."""
    dry_run: bool = False
    """Whether it was only looked at: nothing was changed."""

    def document(self) -> Document:
        """Show what was erased in which run, and what a person must look at."""
        blocks = [Block("runs", (frame_table(self.runs),))]
        if self.dry_run:
            blocks.insert(0, Block("dry run", ("nothing was changed; this would be erased",)))
        else:
            kept = (
                f"{self.key_file}: keep it as confidential as the numbers were; without it this "
                "person is not known again"
            )
            blocks = [Block("token", (self.token,)), *blocks, Block("key", (kept,))]
        if self.left:
            blocks.append(Block("look at", self.left))
        return Document(tuple(blocks))

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values, under names that do not change."""
        return {
            "dry_run": self.dry_run,
            "token": self.token,
            "key_file": str(self.key_file),
            "runs": self.runs.to_dict("records"),
            "left": list(self.left),
        }
