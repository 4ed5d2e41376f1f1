"""The verbs over a run: send, resume, results, status. The shell around the pure core."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import pandas as pd

from mmsbatch import hints, parquet, times
from mmsbatch.errors import (
    PlanError,
    RunInDoubt,
    RunStopped,
    kind_of,
)
from mmsbatch.frame_display import DisplayedFrame
from mmsbatch.gateway.account import Account, Target
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.hours import OpeningHours
from mmsbatch.planning.plan import Plan
from mmsbatch.runs import outcomes
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.names import check_filled_in
from mmsbatch.runs.opened import check_target
from mmsbatch.runs.report import RunReport
from mmsbatch.sending.confirmation import check_belongs, check_may_send, with_max_recipients
from mmsbatch.sending.execution import OnRequest, SendOptions, send_rest
from mmsbatch.sending.limits import Limits, check
from mmsbatch.sending.policy import OnDoubt
from mmsbatch.sending.previous import previous_runs
from mmsbatch.sending.repeats import check_not_begun
from mmsbatch.times import NotAfter


def send(
    plan: Plan,
    account: Account | Accounts | Literal["sandbox", "live"] | None = None,
    *,
    run: str | Path,
    accounts: Sequence[Account] | None = None,
    confirm: str | None = None,
    max_recipients: int | None = None,
    limits: Limits | None = None,
    again: bool = False,
    spent_elsewhere: bool = False,
    as_far_as_credits: bool = False,
    moved: bool = False,
    on_doubt: OnDoubt = "stop",
    workers: int = 1,
    requests_per_minute: float | None = None,
    not_after: NotAfter = None,
    hours: str | None = None,
    at_opening: bool = False,
    canary: int | None = None,
    progress: bool | None = None,
    on_request: OnRequest | None = None,
    journal: str | None = None,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Send a plan as a run; called again, go on where the run stands and repeat nothing.

    Parameters
    ----------
    plan
        What to send to whom.
    account
        Through which gateway; ``"sandbox"`` and ``"live"`` are taken from the environment, where
        ``MMSBATCH_ACCOUNTS`` may name several. On a live account one of `confirm` and a limit of
        recipients is needed.
    run
        The run's folder; made when it does not exist. Its name is the run's name. A name with a
        date in it is made by `run_name`; a template such as ``weekly-{date:%G-W%V}`` is refused.
    accounts
        Several of one gateway, in place of `account`: they share the requests evenly. One that is
        out of credit or is refused takes no more (a warning says so), and what was refused goes
        with another; the run stops if none can go on. ``max_credits`` and `requests_per_minute`
        are kept over all of them.
    confirm
        The plan's fingerprint, or at least its first 12 characters.
    max_recipients
        The most people this run may reach; a larger plan is refused. The same as in `limits`.
    limits
        What the run must keep within (`mmsbatch.Limits`): recipients, credits, the share of rows
        with a problem, the change against the previous run of the campaign.
    again
        Send although another run beside this one has begun the very same plan within the last 20
        hours.
    spent_elsewhere
        Go on although the account has fewer credits than this run left it with, and no run beside
        it says why: something else has spent them, not a copy of this run.
    as_far_as_credits
        Begin although the account has too few credits for all; the first request that it cannot pay
        for is refused, and the run stops. Without it, nothing is sent then.
    moved
        The run's folder was copied or moved here, and is gone from where it was.
    on_doubt
        ``"stop"``: nothing follows a request in doubt, so at most 200 rows per worker ever are;
        ``"continue"``: the next requests go.
    workers
        How many requests may be under way at once.
    requests_per_minute
        How many may leave in a minute, evenly spaced; None: as fast as the gateway answers.
    not_after
        The last day (all of it) or moment at which a request may leave, in Paris time where it has
        no zone: a run that was missed is not sent late. A run that is done is none the worse.
    hours
        When requests may leave: ``"default"`` (Monday to Saturday 08:00 to 20:00 in Paris, no
        public holidays), ``"operator"`` (to 22:00), ``"service"``, ``"off"``, or with the holidays
        of a region ``"default+alsace-moselle"``. None: what ``MMSBATCH_HOURS`` says, and else
        ``"default"`` for people, unless the campaign's purpose is ``"service"``. A run stops at
        closing time, and goes on when it is called again after the opening.
    at_opening
        If it is closed now: have the gateway send it at the next opening.
    canary
        Stop behind the first so many recipients, of a plan that was made with the same `canary`:
        `resume` sends the others.
    progress
        None: a bar where somebody looks, on a terminal or in a notebook, else log lines; True:
        plain lines where no bar can be; False: nothing.
    on_request
        Called after each request.
    journal
        The address of a PostgreSQL database to keep the run's journal in,
        ``postgresql+psycopg://USER:PASSWORD@HOST:5432/DATABASE``, so that workers on several
        machines can share it; without it, ``MMSBATCH_JOURNAL`` is, and without both the journal is
        a file in the run's folder.
    executor
        Has `workers` workers send in its processes instead of threads of this one: any of
        `concurrent.futures`, or ``client.get_executor()`` of a Dask client. Workers on other
        machines need a folder that all of them share and a journal in a database.

    Returns
    -------
    pandas.DataFrame
        The contacts with the columns of `mmsbatch.runs.outcomes.results` added; also in
        ``results.parquet`` in the run's folder.

    Raises
    ------
    InputError
        Nothing was sent: the plan, the account or the folder cannot be used.
    RunInDoubt
        Rows may or may not have been sent. The results are written: `results` gives them.
    RunStopped
        The run ended early; what is left was not sent. The results are written.
    """
    options = SendOptions(
        confirm=confirm,
        limits=with_max_recipients(limits, max_recipients),
        moved=moved,
        again=again,
        spent_elsewhere=spent_elsewhere,
        as_far_as_credits=as_far_as_credits,
        on_doubt=on_doubt,
        workers=workers,
        requests_per_minute=requests_per_minute,
        not_after=not_after,
        hours=hours,
        at_opening=at_opening,
        canary=canary,
        progress=progress,
        on_request=on_request,
        journal=journal,
        executor=executor,
    )
    if not isinstance(plan, Plan):
        raise PlanError(
            f"send takes a plan, not {kind_of(plan)}: mms.plan(prepared, campaign) makes one"
        )
    shared = Accounts.of(account, accounts)
    for warning in plan.consent_warning(live=shared.target is Target.LIVE):
        warnings.warn(warning, stacklevel=2)
    done = start(plan, shared, run, options)
    return results_or_error(done, RunFolder.at(run))


def start(plan: Plan, accounts: Accounts, run: str | Path, options: SendOptions) -> RunReport:
    """Do what `send` does, and return the report instead of an exception if the run ended early.

    Raises
    ------
    InputError
        Nothing was sent.
    NotSent, InDoubt
        A sandbox target did not answer when asked whether it is one. Nothing was sent.
    """
    folder = RunFolder.at(run, options.journal)
    check_filled_in(folder.path)
    new = not folder.exists()
    hours = options.opening_hours(plan.campaign, accounts)
    if options.canary is not None:
        plan.last_within(options.canary)  # which says so if it was planned without
    wanted = plan
    if not new:
        plan = as_begun(folder, plan) if options.at_opening else plan
        check_belongs(folder, plan)
        check_target(folder, folder.facts(first=1), accounts.first)
    previous = previous_runs(folder, plan, accounts.target, accounts.logins)
    check_may_send(wanted, accounts.target, options.confirm, options.limits, previous)
    if new and hours:
        plan = within(plan, hours, times.utc_now(), at_opening=options.at_opening)
    if new and options.deadline:
        options.deadline.check(times.utc_now())
    GatewayClient(accounts.first).check_sandbox()
    if new:
        plan.campaign.check_schedule(times.utc_now())
        # Two processes that begin one plan under two names see each other here.
        with folder.alone_beside():
            twice = check_not_begun(
                folder, plan, accounts.target, times.utc_now(), again=options.again
            )
            made = folder.create(plan, accounts.target, again=twice, test=options.test)
        if not made:  # another process was faster, with what plan?
            check_belongs(folder, plan)
    return send_rest(folder, plan, accounts, options, previous)


def resume(
    run: str | Path,
    account: Account | Accounts | Literal["sandbox", "live"] | None = None,
    *,
    accounts: Sequence[Account] | None = None,
    limits: Limits | None = None,
    spent_elsewhere: bool = False,
    as_far_as_credits: bool = False,
    moved: bool = False,
    on_doubt: OnDoubt = "stop",
    workers: int = 1,
    requests_per_minute: float | None = None,
    not_after: NotAfter = None,
    hours: str | None = None,
    progress: bool | None = None,
    on_request: OnRequest | None = None,
    journal: str | None = None,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Go on with a run where it stands: what is pending is sent, what is in doubt is left alone.

    Parameters and errors are those of `send`; a run that was confirmed needs no second token. The
    accounts may be others than before.
    """
    options = SendOptions(
        limits=limits or Limits(),
        spent_elsewhere=spent_elsewhere,
        as_far_as_credits=as_far_as_credits,
        moved=moved,
        on_doubt=on_doubt,
        workers=workers,
        requests_per_minute=requests_per_minute,
        not_after=not_after,
        hours=hours,
        progress=progress,
        on_request=on_request,
        journal=journal,
        executor=executor,
    )
    done = go_on(run, Accounts.of(account, accounts), options)
    return results_or_error(done, RunFolder.at(run))


def go_on(run: str | Path, accounts: Accounts, options: SendOptions) -> RunReport:
    """Do what `resume` does, and return the report."""
    folder = RunFolder.at(run, options.journal)
    plan = folder.load_plan()
    check_target(folder, folder.facts(first=1), accounts.first)
    previous = previous_runs(folder, plan, accounts.target, accounts.logins)
    check(plan, options.limits, previous)
    GatewayClient(accounts.first).check_sandbox()
    return send_rest(folder, plan, accounts, options, previous)


def within(plan: Plan, hours: OpeningHours, now: datetime, *, at_opening: bool) -> Plan:
    """Return a plan that may be begun now.

    Parameters
    ----------
    plan
        What is to be sent; one that is scheduled must be for a moment within the hours.
    hours, now
        When messages may leave, and what time it is.
    at_opening
        Whether to have the gateway send it at the next opening, if it is closed now.

    Raises
    ------
    PlanError
        It is closed, and nothing says what to do about that.
    """
    send_at = plan.campaign.send_at
    if why := hours.why_closed(now if send_at is None else times.instant(send_at)):
        if send_at is not None:
            raise PlanError(f"campaign.send_at is {send_at}, and {why}: choose another time")
        if not at_opening:
            raise PlanError(
                f"{why}. Send it then; or let the gateway send it then "
                f"({hints.option('at_opening')}); or give other hours "
                f"({hints.option('hours', 'operator')})"
            )
        opening = hours.next_opening(now).astimezone(times.PARIS).replace(tzinfo=None)
        return Plan(plan.parts, replace(plan.campaign, send_at=opening))
    return plan


def as_begun(folder: RunFolder, plan: Plan) -> Plan:
    """Return a plan for the moment that its run was begun for."""
    begun = folder.load_plan().campaign.send_at
    return Plan(plan.parts, replace(plan.campaign, send_at=begun))


def _doubts(done: RunReport, run: str | Path) -> str:
    """Return which requests an execution found in doubt and left so, and what to do."""
    evidence = hints.reconcile(run, live=done.target == Target.LIVE)
    found = "; ".join(f"request {request.number}: {request.reason}" for request in done.doubts)
    return f"{found}. What to do: `{evidence}` looks for evidence of what became of it"


def results_or_error(done: RunReport, folder: RunFolder) -> pd.DataFrame:
    """Return the results of an execution, or raise what it ended with."""
    frame = DisplayedFrame(parquet.read(folder.results_path)[0])
    written = f"The results are in {folder.place}/results.parquet"
    in_doubt = done.outcomes.get(outcomes.Outcome.IN_DOUBT, 0)
    unreported = done.outcomes.get(outcomes.Outcome.UNREPORTED, 0) - done.settled
    reason = f"{done.stopped.reason}. What to do: {done.stopped.what_to_do}" if done.stopped else ""
    if in_doubt:
        raise RunInDoubt(
            f"{in_doubt} rows of run {done.run} are in doubt. "
            f"{reason or _doubts(done, folder.place)}. {written}"
        )
    if done.stopped:
        raise RunStopped(
            f"run {done.run} stopped with {done.outcomes.get('pending', 0)} rows left. {reason}. "
            f"{written}"
        )
    if unreported:
        warnings.warn(
            f"the gateway took the requests of {unreported} rows of run {done.run} "
            "without naming them in its answer: they are 'unreported'",
            stacklevel=3,
        )
    return frame
