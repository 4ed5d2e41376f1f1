"""Commands across runs."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from mmsbatch import report, show
from mmsbatch.audit import audit as make_audit
from mmsbatch.cli.app import app
from mmsbatch.cli.options import JsonOption
from mmsbatch.cli.output import errors, print_result
from mmsbatch.outcomes import Outcome


@app.command()
def audit(
    places: Annotated[list[Path], typer.Argument(help="Folders of runs, or runs.")],
    as_json: JsonOption = False,
) -> None:
    """Sum up what was sent across runs."""
    with errors(as_json), warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always")
        found = make_audit(places)
        outcomes = [str(word) for word in Outcome]
        totals = {word: int(found[word].sum()) for word in ["rows", "requests", *outcomes]}
        listed = [
            {
                **{name: row[name] for name in ("run", "campaign", "target", "fingerprint")},
                "opened_at": row["opened_at"].isoformat(),
                "rows": row["rows"],
                "requests": row["requests"],
                "outcomes": {word: row[word] for word in outcomes if row[word]},
                "credits_spent": None if pd.isna(row["credits_spent"]) else row["credits_spent"],
                "stopped": None if pd.isna(row["stopped"]) else row["stopped"],
            }
            for row in found.to_dict("records")
        ]
        print_result(as_json, {"runs": listed, "totals": totals}, show.audit(found))
    for warning in left_out:
        print(f"mmsbatch: {warning.message}", file=sys.stderr)
    raise typer.Exit(report.BAD_INPUT if left_out else report.DONE)
