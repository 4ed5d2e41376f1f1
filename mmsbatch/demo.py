"""The whole job on the sample export, on a sandbox inside this process; what a newcomer sees."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mmsbatch import hints
from mmsbatch.campaign.file import load_campaign
from mmsbatch.contacts.reading import read_contacts
from mmsbatch.display import Block, Line, Part, ShowsItself, plural
from mmsbatch.errors import InputError, nearest
from mmsbatch.gateway.account import SANDBOX_LOGIN, SANDBOX_PASSCODE, Account, Target
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.planner import plan as make_plan
from mmsbatch.planning.prepare import prepare
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.report import RunReport
from mmsbatch.runs.run import results as results_of
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.sending.execution import SendOptions
from mmsbatch.sending.send import start

_HERE = Path(__file__).parent
_FOLDERS = (_HERE.parent / "data" / "samples", _HERE / "_samples")  # a checkout; an installation


def sample(name: str) -> Path:
    """Return the path of a sample, in a clone as in an installation.

    Parameters
    ----------
    name
        ``crm.csv``, ``crm.xlsx`` and ``crm.parquet`` are the same export of 1,500 fictional people;
        ``noel.toml`` and ``soldes.toml`` are campaigns.

    Raises
    ------
    InputError
        There is no such sample.
    """
    for folder in _FOLDERS:
        path = folder / name
        if path.exists():
            return path
    known = sorted(
        {path.name for folder in _FOLDERS if folder.is_dir() for path in folder.iterdir()}
    )
    raise InputError(
        f"there is no sample {name!r}.{nearest(name, known)} The samples are {', '.join(known)}"
    )


OPTED_OUT: Final = 97
"""Every 97th recipient has opted out at the gateway, as some always have: refused numbers hide
under a status that says "sent"."""


@dataclass(frozen=True)
class DemoRun:
    """What happened, in figures and in words."""

    report: RunReport
    shown: tuple[ShowsItself | Part, ...]


def run_demo(run: Path) -> DemoRun:
    """Read, check, plan, send and report.

    Parameters
    ----------
    run
        The run's folder. If it was sent before, nothing is sent again.
    """
    contacts_path, campaign_path = sample("crm.csv"), sample("noel.toml")
    contacts = read_contacts(contacts_path)
    prepared = prepare(contacts, phone="mobile", fictional=True)
    # A name of its own: the sample campaign itself is for the reader's first run.
    plan = make_plan(prepared, replace(load_campaign(campaign_path), name="demo"))
    options = SandboxOptions(blacklist=frozenset(_opted_out(plan)))
    with Sandbox(options=options) as sandbox:
        account = Account(SANDBOX_LOGIN, SANDBOX_PASSCODE, sandbox.url, target=Target.SANDBOX)
        report = start(plan, Accounts((account,)), run, SendOptions())
        delivered = [f"+{delivery.number}" for delivery in sandbox.ledger]
    results = results_of(run)
    claimed = results.loc[results["mms_outcome"] == Outcome.ACCEPTED, "mms_e164"].tolist()
    export, campaign = (shlex.quote(_short(path)) for path in (contacts_path, campaign_path))
    words = f"{export} --phone mobile --campaign {campaign}"
    problems = (f"{count:,} {word}" for word, count in plan.summary.problems.items())
    steps = (
        f"check {export} --phone mobile --out checked.csv",
        f"plan {words}",
        f"send {words} --run data/runs/noel-2026",
        f"status {shlex.quote(_short(run))}",
    )
    shown: tuple[ShowsItself | Part, ...] = (
        "The whole job on fictional people; no connection leaves this machine.",
        "",
        Block("contacts", (f"{_short(contacts_path)}, column 'mobile'",)),
        Block("check", (plan.summary.headline, f"not sent: {', '.join(problems)}")),
        *plan.headline(),
        report,
        Block("sandbox", (_compared(claimed, delivered),)),
        Block(
            "files",
            (
                f"{_short(run / 'results.parquet')}   your contacts, one outcome per row",
                f"{_short(run / 'requests.parquet')}  one row per request: times, status, answer",
                f"{_short(run / 'plan.parquet')}      who gets what in which request",
            ),
        ),
        "",
        "Next, with an export of your own (still nobody gets anything; --live is another word):",
        *(Line(f"  {hints.program()} {step}") for step in steps),
    )
    return DemoRun(report, shown)


def _opted_out(plan: Plan) -> list[str]:
    recipients = plan.rows.loc[plan.rows["mms_request"].notna(), "mms_e164"]
    return [str(number) for number in recipients.iloc[OPTED_OUT - 1 :: OPTED_OUT]]


def _compared(claimed: list[str], delivered: list[str]) -> str:
    """Hold the numbers that the results claim against those the sandbox truly served."""
    if not delivered:
        return "this run was sent before: nothing was sent again"
    same = sorted(claimed) == sorted(delivered)
    verdict = "exactly the rows called accepted" if same else "NOT the rows called accepted!"
    return f"its ledger holds {plural(len(delivered), 'message')}, {verdict}"


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
