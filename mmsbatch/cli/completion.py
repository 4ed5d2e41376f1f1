"""What a shell is offered behind an option: columns of the contacts, folders of runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

_RUNS: Final = "data/runs"
_ROWS: Final = 100


def columns(ctx: Any, incomplete: str) -> list[str]:
    """Return the columns of the contacts that stand on the line already."""
    # Where the option's own value is still missing, the words before it are not read yet.
    contacts = ctx.params.get("contacts") or next(iter(ctx.args), None)
    if not contacts:
        return []
    from mmsbatch.contacts.reading import contact_batches  # noqa: PLC0415  (only for who asks)
    from mmsbatch.errors import MmsbatchError  # noqa: PLC0415

    try:
        first = next(contact_batches(contacts, batch_rows=_ROWS), None)
    except MmsbatchError:
        return []  # the command itself says what is wrong
    names = [] if first is None else [str(name) for name in first.columns]
    return [name for name in names if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Return the runs in the folder that is typed, and else those of data/runs."""
    above = os.path.dirname(incomplete) or _RUNS  # noqa: PTH120  (its trailing part is no path yet)
    found = [one for depth in ("*", "*/*") for one in Path(above).glob(f"{depth}/journal.sqlite")]
    return sorted(str(journal.parent) for journal in found)
