"""One execution of a run: under the lock, until nothing is left or something stops it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from mmsbatch import hints, times
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.display import plural
from mmsbatch.errors import BrokenOff, RunError, RunInDoubt, RunStopped
from mmsbatch.gateway.account import Target
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.gateway.client import TIMEOUTS_S, GatewayClient
from mmsbatch.hours import OpeningHours, read_hours
from mmsbatch.journal.facts import Fact, FactKind, of_account
from mmsbatch.planning.plan import Plan
from mmsbatch.progress import silence
from mmsbatch.runs.folder import RunFolder, token
from mmsbatch.runs.identity import check_same_files, mark_execution
from mmsbatch.runs.opened import check_target
from mmsbatch.runs.report import RunReport, Stop
from mmsbatch.runs.run import Run
from mmsbatch.runs.states import Request
from mmsbatch.sending.balance import balance_stop
from mmsbatch.sending.limits import Limits, Pace, PreviousRuns
from mmsbatch.sending.policy import OnDoubt
from mmsbatch.sending.previous import cost_in
from mmsbatch.sending.progress import sending
from mmsbatch.sending.queue import Queue, Rules
from mmsbatch.sending.remote import RemoteWorkers, Task, check_executor
from mmsbatch.sending.sender import Sender
from mmsbatch.sending.workers import check_pace, check_workers
from mmsbatch.times import Deadline, NotAfter

_log = logging.getLogger("mmsbatch")


OnRequest = Callable[[Request], None]


class ClosesBefore(UserWarning):
    """The run will not be done by closing time, should it go as fast as earlier ones."""


class AccountLeftOut(UserWarning):
    """An account could not go on, and the others of the run did."""


@dataclass(frozen=True, kw_only=True)
class SendOptions:
    """How to send, whatever is left to send: the keywords of `mmsbatch.send`, checked when made.

    Raises
    ------
    InputError
        A value is out of its range.
    """

    confirm: str | None = None
    limits: Limits = field(default_factory=Limits)
    moved: bool = False
    again: bool = False
    spent_elsewhere: bool = False
    as_far_as_credits: bool = False
    on_doubt: OnDoubt = "stop"
    workers: int = 1
    requests_per_minute: float | None = None
    not_after: NotAfter = None
    hours: str | None = None
    at_opening: bool = False
    canary: int | None = None
    test: bool = False
    """Whether the run is for one's own phones."""
    progress: bool | None = None
    on_request: OnRequest | None = None
    journal: str | None = field(default=None, repr=False)
    executor: Executor | None = None
    deadline: Deadline | None = field(init=False)
    """What `not_after` means."""

    def __post_init__(self) -> None:
        """Check the values."""
        check_workers(self.workers)
        check_executor(self.executor)
        check_pace(self.requests_per_minute)
        object.__setattr__(self, "deadline", Deadline.read(self.not_after))

    def opening_hours(self, campaign: Campaign, accounts: Accounts) -> OpeningHours | None:
        """Return when requests may leave; raises as `read_hours` does."""
        live = accounts.target is Target.LIVE
        return read_hours(self.hours, campaign.purpose, live=live)

    def rules(self, plan: Plan, accounts: Accounts, costs: Mapping[str, Decimal]) -> Rules:
        """Return what the workers keep to, with what a recipient costs by login, where known."""
        return Rules(
            on_doubt=self.on_doubt,
            requests_per_minute=self.requests_per_minute,
            max_credits=self.limits.max_credits,
            logins=accounts.logins,
            costs=costs,
            not_after=self.deadline,
            upto=None if self.canary is None else plan.last_within(self.canary),
            hours=self.opening_hours(plan.campaign, accounts),
            lost_after=_lost_after(accounts),
        )


def _lost_after(accounts: Accounts) -> timedelta:
    timeouts_s = GatewayClient(accounts.first).timeouts_s
    return timedelta() if timeouts_s == TIMEOUTS_S else timedelta(seconds=sum(timeouts_s) + 60)


def send_rest(
    folder: RunFolder,
    plan: Plan,
    accounts: Accounts,
    options: SendOptions,
    previous: PreviousRuns,
) -> RunReport:
    """Send what may be sent of a run, write its files and return its report."""
    with silence(options.progress is False), ExitStack() as held:
        held.enter_context(folder.writer(with_workers=options.executor is not None))
        journal = held.enter_context(folder.journal.open())
        begun = Run.read(folder, plan).known
        facts, seen = begun.facts, begun.seen
        check_target(folder, facts, accounts.first)
        if fact := check_same_files(folder, facts, moved=options.moved):
            journal.record(fact)
            facts.append(fact)
            seen += 1
        rules = options.rules(plan, accounts, _costs(facts, accounts, previous))
        queue = Queue(plan, begun.requests, seen, rules, token())
        sender = Sender(queue, accounts, journal, workers=options.workers)
        try:
            if waiting := queue.waiting():
                if options.deadline and not any(fact.kind is FactKind.SENDING for fact in facts):
                    options.deadline.check(times.utc_now())
                _tell_of_closing(plan, rules, len(waiting), options, previous)
                told = sending(plan, waiting, shown=options.progress, then=options.on_request)
                with told as sender.on_request:
                    _send_until_stopped(folder, sender, facts, seen, options)
            if begun.whole:  # their answers are read already
                since = [fact for _, fact in journal.since(seen)]
                ended = Run.of(folder, plan, facts + since)
            else:
                ended = Run.read(folder, plan)
            ended.write()
            _tell_of_accounts(sender)
            return ended.report()
        except RunError as error:
            raise _cannot_go_on(folder, sender, error) from None
        except KeyboardInterrupt:
            _let_go_after(sender.under_way(), held.pop_all())
            raise


def _costs(facts: list[Fact], accounts: Accounts, previous: PreviousRuns) -> dict[str, Decimal]:
    """Return what a recipient costs by login, from this run's own answers or those of earlier ones.

    What was heard of one account says nothing of another.
    """
    seen = {
        login: cost_in(of_account(facts, login)) or previous.costs.get(login)
        for login in accounts.logins
    }
    return {login: cost for login, cost in seen.items() if cost is not None}


def _cannot_go_on(folder: RunFolder, sender: Sender, error: RunError) -> RunStopped | RunInDoubt:
    """Say of a failure to write what it means: a request not claimed has not left.

    One whose answer is not on record is in doubt.
    """
    live = sender.accounts.target is Target.LIVE
    again = f"Then: `{hints.resume(folder.place, live=live)}`"
    if doubts := sender.queue.in_doubt():
        return RunInDoubt(f"{doubts} in doubt, and the run cannot go on: {error}. {again}")
    return RunStopped(f"the run cannot go on, with nothing in doubt: {error}. {again}")


def _let_go_after(threads: list[threading.Thread], held: ExitStack) -> None:
    """Let go of journal and lock when no thread of this process can send any more.

    If the process goes on, as a notebook's does, requests that were broken off may still be
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


def _send_until_stopped(
    folder: RunFolder, sender: Sender, facts: list[Fact], seen: int, options: SendOptions
) -> None:
    """Send, and record who does and why it ended."""
    accounts = sender.accounts
    timeouts_s = sender.gateways[accounts.first.clientcode].timeouts_s
    me = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        # Whose a request is, its claim says where there are several.
        **(
            {"logins": list(accounts.logins)}
            if accounts.several
            else {"login": accounts.first.clientcode}
        ),
        "url": accounts.url,
        "execution": sender.queue.execution,
        "inodes": folder.journal.inodes(),
        **({} if timeouts_s == TIMEOUTS_S else {"timeouts_s": list(timeouts_s)}),
        **({"spent_elsewhere": True} if options.spent_elsewhere else {}),
        **({"as_far_as_credits": True} if options.as_far_as_credits else {}),
    }
    sender.journal.append(FactKind.STARTED, at=times.utc_now(), data=me)
    mark_execution(folder, str(me["execution"]))
    try:
        with _interrupts(sender.halt):
            stop = (
                sender.queue.too_late(times.utc_now())
                or balance_stop(
                    folder,
                    sender,
                    facts,
                    spent_elsewhere=options.spent_elsewhere,
                    as_far_as_credits=options.as_far_as_credits,
                )
                or _workers(folder, sender, seen, options)
            )
    except KeyboardInterrupt:
        raise _broken_off(folder, sender) from None
    sender.journal.append(FactKind.STOPPED, at=times.utc_now(), data=_stop_data(stop))


def _tell_of_closing(
    plan: Plan, rules: Rules, requests: int, options: SendOptions, previous: PreviousRuns
) -> None:
    """Warn of a run that will have to stop at closing time and go on after the opening."""
    if rules.hours is None or plan.campaign.send_at is not None:
        return
    now = times.utc_now()
    pace = Pace(options.workers, options.requests_per_minute)
    needed_s = pace.seconds(requests, previous.seconds_a_request)
    if needed_s is None or not rules.hours.is_open(now):
        return
    left_s = (rules.hours.closing(now) - now).total_seconds()
    if needed_s > left_s:
        warnings.warn(
            f"{plural(requests, 'request')} will take about {times.duration(needed_s)}, as fast as "
            f"earlier runs went, and it closes in {times.duration(left_s)}: the run will stop "
            "then; call it again after the opening, or send with more workers",
            ClosesBefore,
            stacklevel=2,
        )


def _tell_of_accounts(sender: Sender) -> None:
    """Warn of accounts that took no more while others went on; a stop names them itself."""
    shares = sender.queue.accounts
    for share in shares.stopped if shares.open else ():
        assert share.stop is not None  # noqa: S101  (which is what makes it one of them)
        what_to_do = share.stop.what_to_do.removesuffix(", then resume")
        warnings.warn(
            f"account {share.login} took no more requests, and the others went on: "
            f"{share.stop.reason}. What to do: {what_to_do}",
            AccountLeftOut,
            stacklevel=2,
        )


def _workers(
    folder: RunFolder, sender: Sender, began_after: int, options: SendOptions
) -> Stop | None:
    """Send with the workers of this process, or with those of an executor."""
    if options.executor is None:
        return sender.run()
    task = Task(
        run=str(folder.place if folder.mirror else folder.path.resolve()),
        address=folder.address,
        accounts=sender.accounts,
        rules=sender.queue.rules,
        execution=sender.queue.execution,
        began_after=began_after,
        host=socket.gethostname(),
    )
    remote = RemoteWorkers(
        options.executor,
        task,
        options.workers,
        sender.queue,
        sender.journal,
        sender.halt,
        sender.on_request,
    )
    return remote.run()


def _broken_off(folder: RunFolder, sender: Sender) -> BrokenOff:
    doubts = sender.queue.in_doubt()
    live = sender.accounts.target is Target.LIVE
    again = hints.resume(folder.place, live=live)
    if not doubts:
        return BrokenOff(f"broken off with nothing in doubt: `{again}` goes on", in_doubt=False)
    waiting = (
        " (where this process goes on, as a notebook does, an answer may still come: until then "
        "the run is not let go)"
        if sender.under_way()
        else ""
    )
    return BrokenOff(
        f"broken off with {doubts} in doubt{waiting}: {folder.place} keeps the facts. "
        f"`{hints.reconcile(folder.place, live=live)}` looks for evidence of what became of it; "
        f"`{again}` sends the others",
        in_doubt=True,
    )


def _stop_data(stop: Stop | None) -> dict[str, Any]:
    if stop is None:
        return {}
    cause = {"cause": stop.cause} if stop.cause else {}
    return {"reason": stop.reason, "what_to_do": stop.what_to_do, **cause}


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
