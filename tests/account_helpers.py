"""Two accounts, north and south, of one sandbox: what the tests of several accounts share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

import mmsbatch as mms
from conftest import fictional
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.runs.folder import RunFolder
from mmsbatch.sandbox import AnotherAccount, Sandbox, SandboxOptions

PASSCODES = {"north": "North-Pa55", "south": "South-Pa55"}


def two_accounts(
    north: int = 100_000,
    south: int = 100_000,
    faults: dict[int, str] | None = None,
    *,
    cost: int = 1,
    latency_ms: int = 0,
) -> Sandbox:
    """A sandbox of two accounts, with what each has."""
    other = AnotherAccount(passcode=PASSCODES["south"], credits=south)  # type: ignore[arg-type]
    options = SandboxOptions(
        login="north",
        passcode=PASSCODES["north"],  # type: ignore[arg-type]
        credits=north,
        others={"south": other},
        cost_per_recipient=cost,
        latency_ms=latency_ms,
    )
    return Sandbox(options=options, faults=faults or {})


def account(sandbox: Sandbox, login: str, passcode: str | None = None) -> mms.Account:
    """One of them."""
    return mms.Account(login, passcode or PASSCODES[login], sandbox.url, target="sandbox")


def both(sandbox: Sandbox) -> list[mms.Account]:
    """Both of them."""
    return [account(sandbox, "north"), account(sandbox, "south")]


def small_requests(requests: int, size: int = 10) -> mms.Plan:
    """Plan ten people a request."""
    people = pd.DataFrame({"m": fictional(size * requests)})
    prepared = mms.prepare(people, phone="m", fictional=True)
    return mms.plan(prepared, mms.Campaign("noel", mms.Text("Bonjour")), chunk_size=size)


def ledger(sandbox: Sandbox) -> Counter[str]:
    """How often each number got a message."""
    return Counter(f"+{delivery.number}" for delivery in sandbox.ledger)


def delivered(sandbox: Sandbox) -> Counter[str]:
    """How many messages each account sent."""
    found: Counter[str] = Counter()
    for one in sandbox.requests:
        found[one.login] += one.delivered
    return found


def facts(run: Path, kind: FactKind, journal: str | None = None) -> list[Fact]:
    """The facts of a kind."""
    return [fact for fact in RunFolder.at(run, journal).facts() if fact.kind is kind]


def claims(run: Path, journal: str | None = None) -> Counter[str]:
    """How many attempts were claimed with each account."""
    return Counter(str(fact.data["login"]) for fact in facts(run, FactKind.SENDING, journal))
