"""The verbs over a run: send, resume, results, status. The shell around the pure core."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from mmsbatch import outcomes, parquet, policy, report, spec
from mmsbatch.account import Account, Target
from mmsbatch.attempts import attempts
from mmsbatch.deadline import Deadline, NotAfter
from mmsbatch.earlier import earlier_runs
from mmsbatch.errors import (
    AccountError,
    InDoubt,
    NotSent,
    PlanError,
    RunError,
    RunInDoubt,
    RunStopped,
)
from mmsbatch.folder import RunFolder
from mmsbatch.gateway import Gateway
from mmsbatch.journal import Journal
from mmsbatch.limits import (
    Budget,
    Earlier,
    Limits,
    check,
    cost_per_recipient,
    credit_stop,
    heard_in,
)
from mmsbatch.pace import Pace
from mmsbatch.plan import Plan
from mmsbatch.policy import OnDoubt, Stop
from mmsbatch.progress import sending
from mmsbatch.report import RunReport
from mmsbatch.sender import Sender
from mmsbatch.states import Fact, Kind, Request, fold, read_account
from mmsbatch.workers import check_count

MIN_CONFIRMATION: int = 12
"""Characters of a fingerprint that are enough to confirm it."""

_log = logging.getLogger(__name__)

OnRequest = Callable[[Request], None]


def send(
    plan: Plan,
    account: Account,
    *,
    run: str | Path,
    confirm: str | None = None,
    max_recipients: int | None = None,
    limits: Limits | None = None,
    on_doubt: OnDoubt = "stop",
    workers: int = 1,
    requests_per_minute: float | None = None,
    not_after: NotAfter = None,
    progress: bool | None = None,
    on_request: OnRequest | None = None,
) -> pd.DataFrame:
    """Send a plan as a run; called again, go on where the run stands and repeat nothing.

    Parameters
    ----------
    plan
        What to send to whom.
    account
        Through which gateway. On a live account one of `confirm` and a limit of recipients is
        needed.
    run
        The run's folder; made when it does not exist. Its name is the run's name.
    confirm
        The plan's fingerprint, or at least its first 12 characters.
    max_recipients
        The most people this run may reach; a larger plan is refused. The same as in `limits`.
    limits
        What the run must keep within (`mmsbatch.Limits`): recipients, credits, the share of rows
        with a problem, the change against the previous run of the campaign.
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
    progress
        None: a bar where somebody looks, on a terminal or in a notebook, else log lines; True:
        plain lines where no bar can be; False: nothing.
    on_request
        Called after each request.

    Returns
    -------
    pandas.DataFrame
        The contacts with the columns of `mmsbatch.outcomes.results` added; also in
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
    done = execute(
        plan,
        account,
        run=run,
        confirm=confirm,
        max_recipients=max_recipients,
        limits=limits,
        on_doubt=on_doubt,
        workers=workers,
        requests_per_minute=requests_per_minute,
        not_after=not_after,
        progress=progress,
        on_request=on_request,
    )
    return _results_or_error(done, Path(run))


def execute(
    plan: Plan,
    account: Account,
    *,
    run: str | Path,
    confirm: str | None = None,
    max_recipients: int | None = None,
    limits: Limits | None = None,
    on_doubt: OnDoubt = "stop",
    workers: int = 1,
    requests_per_minute: float | None = None,
    not_after: NotAfter = None,
    progress: bool | None = None,
    on_request: OnRequest | None = None,
) -> RunReport:
    """Do what `send` does, and give the report instead of an exception where the run ended early.

    Raises
    ------
    InputError
        Nothing was sent.
    NotSent, InDoubt
        A sandbox target did not answer when asked whether it is one. Nothing was sent.
    """
    folder = RunFolder(Path(run))
    new = not folder.exists()
    if not new:
        _check_belongs(folder, plan)
    limits = _limits(limits, max_recipients)
    earlier = earlier_runs(folder, plan, account)
    pace = Pace(requests_per_minute)
    last = Deadline.read(not_after)
    count = check_count(workers)
    options = _Options(limits, earlier, on_doubt, count, pace, last, progress, on_request)
    _check_may_send(plan, account, confirm, limits, earlier)
    if new and last:
        last.check(_utc_now())
    gateway = Gateway(account)
    gateway.check_sandbox()
    if new:
        plan.campaign.check_schedule(_utc_now())
        if not folder.create(plan, account.target):  # another process was faster, with what plan?
            _check_belongs(folder, plan)
    return _send_rest(folder, plan, gateway, options)


def resume(
    run: str | Path,
    account: Account,
    *,
    limits: Limits | None = None,
    on_doubt: OnDoubt = "stop",
    workers: int = 1,
    requests_per_minute: float | None = None,
    not_after: NotAfter = None,
    progress: bool | None = None,
    on_request: OnRequest | None = None,
) -> pd.DataFrame:
    """Go on with a run where it stands: what is pending is sent, what is in doubt is left alone.

    Parameters and errors are those of `send`; a run that was confirmed needs no second token.
    """
    done = execute_rest(
        run,
        account,
        limits=limits,
        on_doubt=on_doubt,
        workers=workers,
        requests_per_minute=requests_per_minute,
        not_after=not_after,
        progress=progress,
        on_request=on_request,
    )
    return _results_or_error(done, Path(run))


def execute_rest(
    run: str | Path,
    account: Account,
    *,
    limits: Limits | None = None,
    on_doubt: OnDoubt = "stop",
    workers: int = 1,
    requests_per_minute: float | None = None,
    not_after: NotAfter = None,
    progress: bool | None = None,
    on_request: OnRequest | None = None,
) -> RunReport:
    """Do what `resume` does, and give the report."""
    folder = RunFolder(Path(run))
    plan = folder.load_plan()
    limits = limits or Limits()
    earlier = earlier_runs(folder, plan, account)
    pace = Pace(requests_per_minute)
    last = Deadline.read(not_after)
    count = check_count(workers)
    options = _Options(limits, earlier, on_doubt, count, pace, last, progress, on_request)
    check(plan, limits, earlier)
    gateway = Gateway(account)
    gateway.check_sandbox()
    return _send_rest(folder, plan, gateway, options)


def results(run: str | Path) -> pd.DataFrame:
    """Rebuild the results of a run from its plan and its facts.

    Returns
    -------
    pandas.DataFrame
        As `send` gives them, as of now.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one.
    """
    folder = RunFolder(Path(run))
    plan = folder.load_plan()
    facts = _facts(folder)
    folder.check_opened_for(plan, facts)
    return outcomes.results(plan, fold(facts, plan.requests))


def status(run: str | Path) -> RunReport:
    """Say where a run stands, from its facts alone; nothing is sent or written.

    Raises
    ------
    RunError
        The folder holds no run, or a damaged one.
    """
    folder = RunFolder(Path(run))
    plan = folder.load_plan()
    facts = _facts(folder)
    folder.check_opened_for(plan, facts)
    made = _report(folder, plan, facts)
    if made.stopped or not made.outcomes.get("pending") or folder.being_written():
        return made
    return _report(
        folder,
        plan,
        facts,
        Stop("no process sends this run", f"mmsbatch resume {folder.path}"),
    )


def write_results(run: str | Path) -> None:
    """Rebuild ``results.parquet`` and ``requests.parquet`` in a run's folder."""
    folder = RunFolder(Path(run))
    plan = folder.load_plan()
    _write_results(folder, plan, _facts(folder))


# ----- before the first POST ---------------------------------------------------------------------


def _check_belongs(folder: RunFolder, plan: Plan) -> None:
    difference = folder.load_plan().difference(plan)
    if difference:
        raise RunError(
            f"{folder.path} belongs to another plan: {difference}. Give --run a new folder, "
            f"or send what is left of the old one with `mmsbatch resume {folder.path}`"
        )


def _limits(limits: Limits | None, max_recipients: int | None) -> Limits:
    limits = limits or Limits()
    if max_recipients is None:
        return limits
    both = [most for most in (limits.max_recipients, max_recipients) if most is not None]
    return replace(limits, max_recipients=min(both))


def _check_may_send(
    plan: Plan, account: Account, confirm: str | None, limits: Limits, earlier: Earlier
) -> None:
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


# ----- sending -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Options:
    """How to send, whatever is left to send."""

    limits: Limits
    earlier: Earlier
    on_doubt: OnDoubt
    workers: int
    pace: Pace
    not_after: Deadline | None
    progress: bool | None
    on_request: OnRequest | None


def _send_rest(folder: RunFolder, plan: Plan, gateway: Gateway, options: _Options) -> RunReport:
    with ExitStack() as held:
        held.enter_context(folder.writer())
        journal = held.enter_context(Journal(folder.journal_path))
        facts = journal.facts()
        check_target(folder, facts, gateway.account)
        folder.check_opened_for(plan, facts)
        cost = cost_per_recipient(heard_in(facts)) or options.earlier.cost
        sender = Sender(
            plan,
            gateway,
            journal,
            fold(facts, plan.requests),
            on_doubt=options.on_doubt,
            workers=options.workers,
            pace=options.pace,
            budget=Budget(options.limits.max_credits, cost),
            not_after=options.not_after,
        )
        try:
            if waiting := sender.waiting():
                if options.not_after and not any(fact.kind is Kind.SENDING for fact in facts):
                    options.not_after.check(_utc_now())
                told = sending(plan, waiting, shown=options.progress, then=options.on_request)
                with told as sender.on_request:
                    _send_until_stopped(folder, sender)
            facts += journal.recorded  # as they are on disk, and their answers are read already
            frame = _write_results(folder, plan, facts)
            return _report(folder, plan, facts, frame=frame)
        except RunError as error:
            raise sender.cannot_go_on(error) from None
        except KeyboardInterrupt:
            _let_go_after(sender.under_way(), held.pop_all())
            raise


def _let_go_after(threads: list[threading.Thread], held: ExitStack) -> None:
    """Let go of journal and lock when no thread of this process can send any more.

    Where the process goes on, as a notebook's does, requests that were broken off may still be
    answered: their answers are recorded, and until then nobody else may send or settle them.
    """
    if not threads:
        held.close()
        return

    def wait() -> None:
        for thread in threads:
            thread.join()
        held.close()

    threading.Thread(target=wait, name="mmsbatch-let-go", daemon=True).start()


def _send_until_stopped(folder: RunFolder, sender: Sender) -> None:
    """Send, and record who does and why it ended."""
    me = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "login": sender.gateway.account.clientcode,
        "url": sender.gateway.account.url,
    }
    sender.journal.append(Kind.STARTED, at=_utc_now(), data=me)
    try:
        with _interrupts(sender.halt):
            stop = sender.too_late() or _balance_stop(sender) or sender.run()
    except KeyboardInterrupt:
        raise _broken_off(folder, sender) from None
    sender.journal.append(Kind.STOPPED, at=_utc_now(), data=_stop_data(stop))


def _broken_off(folder: RunFolder, sender: Sender) -> KeyboardInterrupt:
    doubts = sender.in_doubt()
    if not doubts:
        return KeyboardInterrupt()
    waiting = (
        " (where this process goes on, as a notebook does, an answer may still come: until then "
        "the run is not let go)"
        if sender.under_way()
        else ""
    )
    return KeyboardInterrupt(
        f"broken off with {doubts} in doubt{waiting}: {folder.path} keeps the facts; "
        f"`mmsbatch resume {folder.path}` sends the others"
    )


def check_target(folder: RunFolder, facts: list[Fact], account: Account) -> None:
    """Make sure that a run goes on where it was begun: on the sandbox, or on people."""
    target = _target(facts)
    if target != account.target:
        raise AccountError(
            f"{folder.path} was begun on the {target} target and this account's is "
            f"{account.target}: " + ("add --live" if target == "live" else "leave --live out")
        )


def _balance_stop(sender: Sender) -> Stop | None:
    """Ask the account tool, record what it says, and stop where it says that sending would fail.

    A tool that does not answer, or may not tell (302), speaks against nothing.
    """
    try:
        reply = sender.gateway.account_info()
    except (NotSent, InDoubt):
        return None
    sender.journal.append(
        Kind.BALANCE, at=_utc_now(), data={"http_status": reply.http_status}, body=reply.body
    )
    answer = read_account(reply.body)
    if answer is None:
        return None
    known = spec.account_status(answer.status)
    if known.stop is spec.Stop.RUN:
        reason = f"the account tool said {answer.status} {answer.text or known.text}"
        return Stop(reason, known.what_to_do)
    sender.budget.hear(answer)
    return credit_stop(answer.credits, sender.budget.cost, sender.recipients_left())


def _stop_data(stop: Stop | None) -> dict[str, Any]:
    return {"reason": stop.reason, "what_to_do": stop.what_to_do} if stop else {}


@contextmanager
def _interrupts(interrupted: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM stop after the current request; a second one is immediate."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, _frame: object) -> None:
        interrupted.set()
        signal.signal(number, earlier[number])
        _log.warning(
            "stopping after the current request; again to break it off, which leaves it in doubt"
        )

    signals = (signal.SIGINT, signal.SIGTERM)
    earlier = {int(number): signal.signal(number, first) for number in signals}
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, earlier[number])


# ----- after it ----------------------------------------------------------------------------------


def _facts(folder: RunFolder) -> list[Fact]:
    with Journal(folder.journal_path) as journal:
        return journal.facts()


def _target(facts: list[Fact]) -> str:
    opened = next((fact for fact in facts if fact.kind is Kind.OPENED), None)
    if opened is None:
        raise RunError("the journal is damaged: it does not say what was opened")
    return str(opened.data["target"])


def _write_results(folder: RunFolder, plan: Plan, facts: list[Fact]) -> pd.DataFrame:
    folder.check_opened_for(plan, facts)
    metadata = folder.metadata(plan)
    frame = outcomes.results(plan, fold(facts, plan.requests))
    parquet.write(frame, folder.results_path, metadata)
    parquet.write(attempts(facts), folder.requests_path, metadata)
    folder.record_written(facts)
    return frame


def _report(
    folder: RunFolder,
    plan: Plan,
    facts: list[Fact],
    stopped: Stop | None = None,
    frame: pd.DataFrame | None = None,
) -> RunReport:
    requests = fold(facts, plan.requests)
    frame = outcomes.results(plan, requests) if frame is None else frame
    return RunReport(
        run=folder.name,
        target=_target(facts),
        rows=len(plan.rows),
        outcomes=outcomes.count(frame),
        requests=report.by_state(requests),
        credits=report.last_credits(facts),
        fingerprint=plan.fingerprint,
        stopped=stopped or _named(report.last_stop(facts), folder),
        credits_before=report.first_balance(facts),
        problems=plan.summary.problems,
        doubts=[request for request in requests.values() if request.state == "in_doubt"],
        settled=sum(
            len(plan.positions(request.number))
            for request in requests.values()
            if request.state == "confirmed"
        ),
    )


def _named(stop: Stop | None, folder: RunFolder) -> Stop | None:
    """Put the run's folder where the policy, which knows of none, had to leave a place for it."""
    if stop is None:
        return None
    return Stop(stop.reason, stop.what_to_do.replace(policy.THE_RUN, str(folder.path)))


def _doubts(done: RunReport, run: Path) -> str:
    """Say what an execution that went to its end found in doubt from earlier ones, and left so."""
    found = "; ".join(f"request {request.number}: {request.reason}" for request in done.doubts)
    return (
        f"{found}. What to do: `mmsbatch reconcile {run}` looks for evidence of what became of it"
    )


def _results_or_error(done: RunReport, run: Path) -> pd.DataFrame:
    frame = parquet.read(RunFolder(run).results_path)[0]
    in_doubt = done.outcomes.get(outcomes.Outcome.IN_DOUBT, 0)
    unreported = done.outcomes.get(outcomes.Outcome.UNREPORTED, 0) - done.settled
    reason = f"{done.stopped.reason}. What to do: {done.stopped.what_to_do}" if done.stopped else ""
    if in_doubt:
        raise RunInDoubt(
            f"{in_doubt} rows of run {done.run} are in doubt. {reason or _doubts(done, run)}. "
            f"The results are in {run / 'results.parquet'}"
        )
    if done.stopped:
        raise RunStopped(
            f"run {done.run} stopped with {done.outcomes.get('pending', 0)} rows left. {reason}. "
            f"The results are in {run / 'results.parquet'}"
        )
    if unreported:
        warnings.warn(
            f"the gateway took the requests of {unreported} rows of run {done.run} "
            "without naming them in its answer: they are 'unreported'",
            stacklevel=3,
        )
    return frame


def _utc_now() -> datetime:
    return datetime.now(UTC)
