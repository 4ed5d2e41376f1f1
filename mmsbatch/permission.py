"""What must hold before anything is sent: the right plan, target, token and limits."""

from __future__ import annotations

from dataclasses import replace

from mmsbatch.errors import (
    PlanError,
    RunError,
)
from mmsbatch.gateway.account import Account, Target
from mmsbatch.limits import (
    Earlier,
    Limits,
    check,
)
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder

MIN_CONFIRMATION: int = 12
"""Characters of a fingerprint that are enough to confirm it."""


def check_belongs(folder: RunFolder, plan: Plan) -> None:
    """Make sure that a run that was made before is a run of this plan."""
    difference = folder.load_plan().difference(plan)
    if difference:
        raise RunError(
            f"{folder.path} belongs to another plan: {difference}. Give --run a new folder, "
            f"or send what is left of the old one with `mmsbatch resume {folder.path}`"
        )


def with_max_recipients(limits: Limits | None, max_recipients: int | None) -> Limits:
    """Give the limits with the stricter of two numbers of recipients."""
    limits = limits or Limits()
    if max_recipients is None:
        return limits
    both = [most for most in (limits.max_recipients, max_recipients) if most is not None]
    return replace(limits, max_recipients=min(both))


def check_may_send(
    plan: Plan, account: Account, confirm: str | None, limits: Limits, earlier: Earlier
) -> None:
    """Make sure of the plan, and that sending live was meant.

    Raises
    ------
    PlanError
        Another plan was confirmed, a limit is passed, or going live lacks its positive word.
    """
    if confirm is not None and not _confirms(confirm, plan.fingerprint):
        raise PlanError(
            f"the confirmed fingerprint {confirm} is not this plan's ({plan.fingerprint}): look "
            "at the plan again; the contacts, the campaign or the rules have changed"
        )
    check(plan, limits, earlier)
    if account.target is Target.SANDBOX:
        return
    if confirm is None and limits.max_recipients is None:
        raise PlanError(
            "sending live needs a positive word: confirm the plan's fingerprint (--confirm "
            f"{plan.fingerprint}) or give the most people it may reach (--max-recipients "
            f"{plan.recipients})"
        )
    if fictional := plan.fictional():
        raise PlanError(
            f"{fictional} recipients of this plan have numbers reserved for fiction (06 39 98), "
            "which are for the sandbox only: prepare the contacts with fictional=False"
        )


def _confirms(given: str, fingerprint: str) -> bool:
    return len(given) >= MIN_CONFIRMATION and fingerprint.startswith(given.lower())
