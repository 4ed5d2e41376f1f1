"""Commands to a gateway, or that are one: account, sandbox."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mmsbatch import display, spec
from mmsbatch.cli.inputs import account_from
from mmsbatch.cli.shared import JsonOption, LiveOption, errors, print_result
from mmsbatch.display import amount
from mmsbatch.errors import InputError, NotSent
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.journal.facts import read_account
from mmsbatch.runs.report import DONE, STOPPED
from mmsbatch.sandbox import Sandbox, SandboxOptions


def account(
    live: LiveOption = False,
    login: Annotated[
        str | None, typer.Option(help="Another account to ask about; your own without it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gateway about the account: does it exist, is it active, what has it left."""
    with errors(as_json):
        mine = account_from(live)
        gateway = GatewayClient(mine)
        gateway.check_sandbox()
        if login is not None and not login.strip():
            raise InputError("--login is empty: give the login to ask about, or leave it out")
        asked = login or mine.clientcode
        answer = read_account(gateway.account_info(asked).body)
        if answer is None:
            raise NotSent(f"{mine.url} did not answer as the account tool does: check its address")
        known = spec.account_status(answer.status)
        figures = {
            "login": asked,
            "status": answer.status,
            "status_text": answer.text or known.text,
            "active": known.accepted,
            "credits": display.plain(answer.credits),
        }
        text = f"{asked} at {mine.url}: {answer.status} {figures['status_text']}"
        credits_left = f"credits left: {amount(answer.credits)}"
        advice = "" if known.accepted else f"\nwhat to do: {known.what_to_do}"
        print_result(as_json, figures, f"{text}\n{credits_left}{advice}")
        raise typer.Exit(DONE if known.accepted else STOPPED)


def sandbox(
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0 takes a free one.")] = 8025,
    login: Annotated[str, typer.Option(help="Of its one account.")] = "demo",
    passcode: Annotated[str, typer.Option(help="Of its one account.")] = "demo",
    credits_: Annotated[int, typer.Option("--credits", help="What the account has.")] = 100_000,
    cost: Annotated[int, typer.Option(min=0, help="Credits a recipient costs.")] = 1,
    strict: Annotated[bool, typer.Option("--strict", help="The document to the letter.")] = False,
    latency_ms: Annotated[int, typer.Option(min=0, help="Before each answer.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="What goes wrong with the Nth request: '3=close:after' (see "
            "mmsbatch.sandbox.faults); '*=…' for every one."
        ),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Append each delivery to this file as a JSON line.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the sandbox gateway until Ctrl-C. It sends nothing; its inbox is at its address."""
    with errors(as_json):
        options = SandboxOptions(
            login=login,
            passcode=passcode,  # type: ignore[arg-type]  # pydantic makes it secret
            credits=credits_,
            cost_per_recipient=cost,
            strict=strict,
            latency_ms=latency_ms,
        )
        gateway = Sandbox(port, options=options, faults=fault or (), ledger_file=ledger)
        print_result(
            as_json,
            {"url": gateway.url, "login": login, "pid": os.getpid()},
            f"sandbox gateway at {gateway.url} (login {login}, {credits_:,} credits)\n"
            f"use it: export MMSBATCH_URL={gateway.url}   # in the terminal of the other commands\n"
            "stop it: Ctrl-C",
        )
        sys.stdout.flush()
        try:
            gateway.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            gateway.stop()
