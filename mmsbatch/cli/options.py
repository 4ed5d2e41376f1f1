"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmsbatch.sending.workers import MAX_WORKERS

ContactsArgument = Annotated[
    str, typer.Argument(help="CSV, Excel or Parquet: a file, a folder of parts, or a URL.")
]
PhoneOption = Annotated[
    list[str] | None,
    typer.Option(
        help="The column with the mobile numbers; several times: the first that can be "
        "sent to. Without it: the one column that looks like phones."
    ),
]
CampaignOption = Annotated[Path, typer.Option(help="The campaign's TOML file.")]
RunOption = Annotated[Path, typer.Option(help="The run's folder; its name is the run's name.")]
RunArgument = Annotated[Path, typer.Argument(help="A run's folder.")]
LiveOption = Annotated[
    bool,
    typer.Option(
        "--live",
        help="People, not the sandbox. The account is taken from "
        "MMSBATCH_CLIENTCODE and MMSBATCH_PASSCODE.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
SheetOption = Annotated[str | None, typer.Option(help="The sheet of an Excel workbook.")]
SeparatorOption = Annotated[str | None, typer.Option(help="Of a CSV; found out without it.")]
EncodingOption = Annotated[str | None, typer.Option(help="Of a CSV; found out without it.")]
SuppressOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Who must not be written to: a file of numbers, or a folder of runs for whom "
        "`forget` erased from them. Several times: all of them."
    ),
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option(help="32 random bytes; without it .forget-key in the folder of the runs."),
]
OnDoubtOption = Annotated[
    str, typer.Option(help="After a request in doubt: 'stop', or 'continue' with the next.")
]
WorkersOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=MAX_WORKERS,
        help="Requests under way at once; up to 200 rows for each can be left in doubt.",
    ),
]
PaceOption = Annotated[
    float | None, typer.Option(help="No more requests than this a minute, evenly spaced.")
]
MaxCreditsOption = Annotated[
    float | None, typer.Option(min=0, help="Stop before the run spends more credits.")
]
