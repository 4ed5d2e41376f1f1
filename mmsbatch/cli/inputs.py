"""From what was typed to values: a plan, an account, a policy."""

from __future__ import annotations

from pathlib import Path

from mmsbatch.campaign.file import load_campaign
from mmsbatch.contacts.reading import read_contacts
from mmsbatch.errors import InputError
from mmsbatch.gateway.account import Account, Target
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.plan import plan as make_plan
from mmsbatch.planning.prepare import prepare
from mmsbatch.planning.suppression import SuppressionList
from mmsbatch.planning.suppression_files import read_suppression_list
from mmsbatch.sending.policy import OnDoubt


def columns(phone: list[str] | None) -> str | list[str] | None:
    """Return what `prepare` takes: nothing, the one column, or the columns in order."""
    return phone[0] if phone and len(phone) == 1 else phone or None


def planned(
    contacts: str,
    phone: list[str] | None,
    campaign: Path,
    live: bool,
    sheet: str | None,
    separator: str | None,
    encoding: str | None,
    suppress: list[str] | None,
    key_file: Path | None,
) -> Plan:
    """Read the campaign, the suppression lists and the contacts, and plan."""
    loaded = load_campaign(campaign)  # first: it is quick, and most often what is wrong
    suppressed = suppression(suppress, key_file)
    frame = read_contacts(contacts, sheet=sheet, separator=separator, encoding=encoding)
    # Numbers reserved for fiction may go to the sandbox and nowhere else.
    prepared = prepare(frame, phone=columns(phone), fictional=not live, suppress=suppressed)
    return make_plan(prepared, loaded)


def suppression(sources: list[str] | None, key_file: Path | None) -> SuppressionList | None:
    """Read --suppress and --key-file."""
    if not sources:
        refuse_without("--suppress", {"--key-file": key_file})
        return None
    return read_suppression_list(*sources, key_file=key_file)


def account_from(live: bool) -> Account:
    """Take the account from the environment: live, or the sandbox."""
    return Account.from_env(Target.LIVE if live else Target.SANDBOX)


def refuse_without(wanted: str, given: dict[str, object]) -> None:
    """Refuse options that mean nothing without another."""
    strays = [name for name, value in given.items() if value is not None]
    if strays:
        needs = "needs" if len(strays) == 1 else "need"
        raise InputError(f"{' and '.join(strays)} {needs} {wanted}")


def doubt_policy(word: str) -> OnDoubt:
    """Read --on-doubt."""
    if word == "stop":
        return "stop"
    if word == "continue":
        return "continue"
    raise InputError(f"--on-doubt must be 'stop' or 'continue', found {word!r}")
