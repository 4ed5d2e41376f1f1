"""What the first fact of a run says of it: its identity, and the target that it is for."""

from __future__ import annotations

from collections.abc import Sequence

from mmsbatch import hints
from mmsbatch.errors import AccountError, RunError
from mmsbatch.gateway.account import Account
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.runs.folder import RunFolder


def identity_in(facts: Sequence[Fact]) -> str | None:
    """Return the identity that a run was given when it was begun, if it was given one."""
    given = facts[0].data.get("identity") if facts else None
    return None if given is None else str(given)


def target_of(facts: list[Fact]) -> str:
    """Say on which target a run was begun."""
    opened = next((fact for fact in facts if fact.kind is FactKind.OPENED), None)
    if opened is None:
        raise RunError("the journal is damaged: it does not say what was opened")
    return str(opened.data["target"])


def check_target(folder: RunFolder, facts: list[Fact], account: Account) -> None:
    """Make sure that a run goes on where it was begun: on the sandbox, or on people."""
    target = target_of(facts)
    if target != account.target:
        raise AccountError(
            f"{folder.place} was begun on the {target} target and this account's is "
            f"{account.target}. {_on_its_target(folder, live=target == 'live')}"
        )


def _on_its_target(folder: RunFolder, *, live: bool) -> str:
    way_on = f"To go on with it: `{hints.resume(folder.place, live=live)}`"
    if live:
        return way_on
    # A weekly name that was tried on the sandbox is wanted for people.
    live_name = f"{folder.place}-live"
    return f"{way_on}. To send the same to people: {hints.option('run', live_name)}"
