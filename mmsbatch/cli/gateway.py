"""Commands to a gateway, or that are one: account, sandbox."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from mmsbatch import display, spec
from mmsbatch.cli.inputs import accounts_from
from mmsbatch.cli.shared import JsonOption, LiveOption, errors, print_result
from mmsbatch.display import amount
from mmsbatch.errors import InputError, NotSent
from mmsbatch.gateway.account import Account
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.journal.facts import read_account
from mmsbatch.runs.report import DONE, STOPPED
from mmsbatch.sandbox import AnotherAccount, Sandbox, SandboxOptions, read_faults


def account(
    live: LiveOption = False,
    login: Annotated[
        str | None, typer.Option(help="Another account to ask about; your own without it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gateway about the account: does it exist, is it active, what has it left.

    Where MMSBATCH_ACCOUNTS names several, each is asked about.
    """
    with errors(as_json):
        mine = accounts_from(live)
        GatewayClient(mine.first).check_sandbox()
        if login is not None and not login.strip():
            raise InputError("--login is empty: give the login to ask about, or leave it out")
        asked = mine.each if login is None else (mine.named(login) or mine.first,)
        found = [_about(one, login or one.clientcode) for one in asked]
        figures: dict[str, Any] = found[0].figures
        if len(found) > 1:
            figures = {"accounts": [one.figures for one in found]}
        print_result(as_json, figures, "\n".join(one.text for one in found))
        raise typer.Exit(DONE if all(one.active for one in found) else STOPPED)


@dataclass(frozen=True)
class _AccountWord:
    """What the account tool said of a login."""

    active: bool
    figures: dict[str, Any]
    text: str


def _about(account: Account, login: str) -> _AccountWord:
    answer = read_account(GatewayClient(account).account_info(login).body)
    if answer is None:
        raise NotSent(f"{account.url} did not answer as the account tool does: check its address")
    known = spec.account_status(answer.status)
    figures = {
        "login": login,
        "status": answer.status,
        "status_text": answer.text or known.text,
        "active": known.accepted,
        "credits": display.plain(answer.credits),
    }
    text = f"{login} at {account.url}: {answer.status} {figures['status_text']}"
    credits_left = f"credits left: {amount(answer.credits)}"
    advice = "" if known.accepted else f"\nwhat to do: {known.what_to_do}"
    return _AccountWord(known.accepted, figures, f"{text}\n{credits_left}{advice}")


def sandbox(
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0 takes a free one.")] = 8025,
    login: Annotated[str, typer.Option(help="Of its account.")] = "demo",
    passcode: Annotated[str, typer.Option(help="Of its account.")] = "demo",
    credits_: Annotated[int, typer.Option("--credits", help="What the account has.")] = 100_000,
    account: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOGIN:PASSCODE:CREDITS", help="Another account; several times: all of them."
        ),
    ] = None,
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
    faults: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TOML file of faults, by place or content."),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep what arrives in this SQLite file.")
    ] = None,
    media: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Files for http://www.sandbox.invalid/NAME, shown on its pages."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(help="What opens the pages; needed for a --host that others can reach."),
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
            others=dict(_others(account or (), login)),
        )
        more = "".join(f", {name}: {one.credits:,}" for name, one in options.others.items())
        gateway = Sandbox(
            port,
            host=host,
            options=options,
            faults=fault or (),
            rules=read_faults(faults) if faults else (),
            ledger_file=ledger,
            media_folder=media,
            token=token or "",
        )
        print_result(
            as_json,
            {
                "url": gateway.url,
                "login": login,
                "pid": os.getpid(),
                "inbox": f"{gateway.url}/",
                "api": f"{gateway.url}/api/",
                "openapi": f"{gateway.url}/openapi.json",
            },
            f"sandbox gateway at {gateway.url} (login {login}, {credits_:,} credits{more})\n"
            f"look: {gateway.url}/ in a browser\n"
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


def _others(given: Iterable[str], first: str) -> Iterator[tuple[str, AnotherAccount]]:
    """Read --account."""
    seen = {first}
    for text in given:
        login, _, rest = text.partition(":")
        passcode, _, credits_ = rest.rpartition(":")
        if not (login and passcode and credits_.isascii() and credits_.isdigit()):
            raise InputError("--account must be LOGIN:PASSCODE:CREDITS, such as nord:demo:500")
        if login in seen:
            raise InputError(f"--account {login} is given twice: each login is one account")
        seen.add(login)
        yield login, AnotherAccount(passcode=SecretStr(passcode), credits=int(credits_))
