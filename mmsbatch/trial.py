"""``mmsbatch trial``: one message to one's own phone, and what it shows of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from mmsbatch.campaign.campaign import ENCODINGS, NEWLINES, Campaign
from mmsbatch.campaign.content import Text
from mmsbatch.campaign.readings import as_read, write_readings
from mmsbatch.errors import InputError
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.planning.planner import plan
from mmsbatch.planning.prepare import prepare
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.report import RunReport
from mmsbatch.sending.execution import SendOptions
from mmsbatch.sending.limits import Limits
from mmsbatch.sending.send import start

TEXT: Final = "Essai : été, à, ç, œ\nDeuxième ligne"
Accents = Literal["right", "wrong"]
Lines = Literal["two", "one", "backslash"]
ACCENTS: Final = {
    "right": "été, à, ç, œ stand there as they are here",
    "wrong": "other characters stand in their place, Ã© for é",
}
LINES: Final = {
    "two": "the text has two lines",
    "one": "it has one line, with a blank where the second begins",
    "backslash": "it has one line, with \\n where the second begins",
}
"""What a person may see, and the word for it."""


@dataclass(frozen=True)
class Trial:
    """What was sent, and how it was written."""

    report: RunReport
    campaign: Campaign


def send_trial(number: str, accounts: Accounts, run: str | Path, *, live: bool) -> Trial:
    """Send one text to one number, in a run of its own; the same call again sends nothing.

    Parameters
    ----------
    number
        One's own, in any notation.
    accounts
        The first of them is tried.
    run
        The run's folder.
    live
        Whether it is a phone, and not the sandbox.

    Raises
    ------
    InputError
        It is no French mobile number; nothing was sent.
    """
    prepared = prepare(pd.DataFrame({"number": [number]}), "number", fictional=not live)
    if prepared["mms_problem"].notna().any():
        word = str(prepared["mms_problem"].iloc[0])
        raise InputError(f"--to is not one French mobile number ({word}): give your own")
    folder = RunFolder.at(run)
    campaign = as_read(Campaign("trial", Text(TEXT), purpose="service"), live=live)
    if folder.exists():  # as it was written then
        campaign = folder.load_plan().campaign
    options = SendOptions(limits=Limits(max_recipients=1), progress=False)
    report = start(plan(prepared, campaign), Accounts((accounts.first,)), run, options)
    return Trial(report, campaign)


def conclude(
    trial: Campaign, accents: Accents, lines: Lines, *, live: bool
) -> tuple[Path, dict[str, str]]:
    """Write down what a person saw, where every later command finds it.

    Parameters
    ----------
    trial
        How the message was written.
    accents, lines
        Words of `ACCENTS` and `LINES`.
    live
        For people, or for the sandbox.

    Returns
    -------
    Path and dict
        The file, and what it says now.
    """
    utf_8, cp1252 = ENCODINGS
    lf, literal = NEWLINES
    other = cp1252 if trial.encoding == utf_8 else utf_8
    readings = {
        "encoding": trial.encoding if accents == "right" else other,
        "newline": {"two": trial.newline, "one": literal, "backslash": lf}[lines],
    }
    return write_readings(readings, live=live), readings
