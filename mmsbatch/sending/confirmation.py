"""What must hold before a plan is sent: it is the one that was confirmed, and live was meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mmsbatch import hints
from mmsbatch.errors import PlanError, RunError
from mmsbatch.gateway.account import Target
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.opened import target_of
from mmsbatch.sending.limits import Limits, PreviousRuns, check

MIN_CONFIRMATION: Final = 12
"""Characters of a fingerprint that are enough to confirm it."""


def check_belongs(folder: RunFolder, plan: Plan) -> None:
    """Make sure that a run that was made before is a run of this plan."""
    difference = folder.load_plan().difference(plan)
    if difference:
        live = target_of(folder.facts(first=1)) == Target.LIVE
        raise RunError(
            f"{folder.place} belongs to another plan: {difference}. Give another folder as "
            f"{hints.option('run')}, or send what is left of the old one: "
            f"`{hints.resume(folder.place, live=live)}`"
        )


def with_max_recipients(limits: Limits | None, max_recipients: int | None) -> Limits:
    """Return the limits with the stricter of two numbers of recipients."""
    limits = limits or Limits()
    if max_recipients is None:
        return limits
    both = [most for most in (limits.max_recipients, max_recipients) if most is not None]
    return replace(limits, max_recipients=min(both))


def check_may_send(
    plan: Plan, target: Target, confirm: str | None, limits: Limits, previous: PreviousRuns
) -> None:
    """Make sure of the plan, and that sending live was meant.

    Raises
    ------
    PlanError
        Another plan was confirmed, a limit is passed, or going live lacks its positive word.
    """
    if confirm is not None and not confirms(confirm, plan.fingerprint):
        raise PlanError(
            f"the confirmed fingerprint {confirm} is not this plan's ({plan.fingerprint}): look "
            "at the plan again; the contacts, the campaign or the rules have changed"
        )
    check(plan, limits, previous)
    if target is Target.SANDBOX:
        return
    if confirm is None and limits.max_recipients is None:
        raise PlanError(
            "sending live needs a positive word: confirm the plan's fingerprint "
            f"({hints.option('confirm', plan.fingerprint)}) or give the most people it may reach "
            f"({hints.option('max_recipients', plan.recipients)})"
        )
    if fictional := plan.fictional():
        raise PlanError(
            f"{fictional} recipients of this plan have numbers reserved for fiction (06 39 98), "
            "which are for the sandbox only: prepare the contacts with fictional=False"
        )


def confirms(given: str, fingerprint: str) -> bool:
    """Return whether somebody has confirmed a plan: by its fingerprint, or enough of it."""
    return len(given) >= MIN_CONFIRMATION and fingerprint.startswith(given.lower())
