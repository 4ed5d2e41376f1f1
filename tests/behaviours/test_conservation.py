"""Conservation: whatever befalls a run, in whatever order, its promises hold after every step.

A state machine sends, crashes, interrupts, resumes and reconciles one run, while other runs and
people use the same account and the clock jumps, against a sandbox whose ledger is the truth.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pandas as pd
import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import mmsbatch as mms
from conftest import account_at, fictional, planned
from mmsbatch import files, parquet
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.journal.facts import Fact, FactKind, Verdict
from mmsbatch.journal.journal import Journal, NumberedFact, Transaction
from mmsbatch.reconciliation.finding import Conclusion, Finding
from mmsbatch.reconciliation.reconcile import reconcile, settle
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.states import fold
from mmsbatch.sandbox import Fault, FaultRule, Sandbox, SandboxOptions
from mmsbatch.sending import policy

COST = 3
PER_REQUEST = 5
ROWS = 38
OTHER = "Autre chose"
"""What other runs say."""

DOUBTS = (
    "close:after",
    "process:none,close:after",
    "process:2,close:after",
    "close:before",
    "process:none,reset:after",
    "process:all,http:504",
    "process:none,http:502",
    "empty",
    "process:none,page",
    "truncate:9",
)
FAULTS = (
    *DOUBTS,
    "lose-id:1",
    "http:429",
    "http:404",
    "status:103",
    "credits:4",
)
THEN = (None, "look", "settle")
"""What is done at once about a doubt that a step has left."""
CRASHES = ("claiming", "claimed", "posting", "posted", "recorded", "writing")


class Killed(BaseException):
    """The process ends here: nothing after it happens."""


class Jumping:
    """A clock that can be set, for every part of the package."""

    offset = timedelta()

    @classmethod
    def now(cls) -> datetime:
        """Return the time this machine believes it is."""
        return datetime.now(UTC) + cls.offset


@contextmanager
def crashing(point: str, nth: int) -> Iterator[None]:
    """Kill the process the nth time it comes to a point."""
    passed = 0

    def dies(here: str) -> None:
        nonlocal passed
        if here and here == point:
            passed += 1
            if passed == nth:
                raise Killed

    append, alone, send = Journal._append, Journal._alone, GatewayClient.send
    replaced = files.replace_file

    def _append(self: Journal, moment: Transaction, facts: Sequence[Fact]) -> list[NumberedFact]:
        of_request = any(fact.request for fact in facts)
        sending = any(fact.kind is FactKind.SENDING for fact in facts)
        dies("claiming" if sending else "posted" if of_request else "")
        return append(self, moment, facts)

    def _alone(self: Journal, choose: Callable[..., Sequence[Fact]]) -> list[NumberedFact]:
        recorded = alone(self, choose)
        of_request = any(fact.request for _, fact in recorded)
        sending = any(fact.kind is FactKind.SENDING for _, fact in recorded)
        dies("claimed" if sending else "recorded" if of_request else "")
        return recorded

    def _send(self: GatewayClient, xml: bytes) -> Any:
        dies("posting")
        return send(self, xml)

    def _replace(path: Path, write: Callable[[Path], object]) -> None:
        dies("writing")
        replaced(path, write)

    with (
        mock.patch.object(Journal, "_append", _append),
        mock.patch.object(Journal, "_alone", _alone),
        mock.patch.object(GatewayClient, "send", _send),
        mock.patch.object(parquet, "replace_file", _replace),
    ):
        yield


def _ctrl_c(after: int) -> Callable[[object], None]:
    left = after

    def on_request(_request: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)

    return on_request


def plan_of(numbers: list[str], message: str = "Joyeux Noël !") -> mms.Plan:
    prepared = mms.prepare(pd.DataFrame({"m": numbers}), phone="m", fictional=True)
    return mms.plan(prepared, mms.Campaign("noel", mms.Text(message)), chunk_size=PER_REQUEST)


PLAN = plan_of(fictional(ROWS))
REQUESTS = PLAN.requests


class Conservation(RuleBasedStateMachine):
    """One run, everything that may happen to it, and the truth beside it."""

    findings: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="conservation-"))
        self.stack.callback(shutil.rmtree, self.folder)
        self.run = self.folder / "noel"
        options = SandboxOptions(cost_per_recipient=COST, credits=100_000)
        self.sandbox = self.stack.enter_context(Sandbox(options=options))
        self.account = account_at(self.sandbox)
        Jumping.offset = timedelta()
        self.stack.enter_context(mock.patch("mmsbatch.times.utc_now", Jumping.now))
        self.stack.enter_context(mock.patch.object(policy, "FIRST_PAUSE_S", 0.0))
        self.facts: list[Fact] = []
        self.others = 0
        self.clock_behind = timedelta()
        """How far it has still to go to be where it once was."""
        self.resends: Counter[int] = Counter()
        """Of each request, how often a person said to send it again."""
        self.told: set[int] = set()
        """Requests that a person settled as sent."""
        self.delivered_before: Counter[int] = Counter()
        """Of each request, how many it had reached when a person released it."""
        self.in_step = True
        """Whether the results on disk are those of the facts: a crash may leave them behind."""

    def teardown(self) -> None:
        """Free the port and the folder."""
        self.stack.close()

    # ----- what happens --------------------------------------------------------------------------

    @initialize(
        holds=st.sampled_from([100_000, 100_000, 45]),
        nth=st.integers(1, 4),
        fault=st.sampled_from(DOUBTS),
        on_doubt=st.sampled_from(["stop", "continue"]),
        then=st.sampled_from(THEN),
    )
    def begin(self, holds: int, nth: int, fault: str, on_doubt: Any, then: str | None) -> None:
        """An earlier run has shown what a recipient costs, and this one comes into doubt."""
        self._meet({})
        mms.send(plan_of(fictional(1, start=1_000), OTHER), self.account, run=self.folder / "avant")
        self.sandbox.credits = holds
        self._meet({nth: fault})
        self._go(again=True, on_doubt=on_doubt)
        self._then(then)

    # Which requests three workers reach first is theirs to say, so nothing that is drawn may hang
    # on it: a step that does not apply does nothing.

    @rule(
        faults=st.dictionaries(st.integers(1, 4), st.sampled_from(FAULTS), max_size=2),
        ends=st.one_of(
            st.just(("", 0)),
            st.tuples(st.just("interrupted"), st.integers(1, 3)),
            st.tuples(st.sampled_from(CRASHES), st.integers(1, 4)),
        ),
        on_doubt=st.sampled_from(["stop", "continue"]),
        workers=st.sampled_from([1, 1, 3]),
        again=st.booleans(),
        then=st.sampled_from(THEN),
    )
    def send(
        self,
        faults: dict[int, str],
        ends: tuple[str, int],
        on_doubt: Any,
        workers: int,
        again: bool,
        then: str | None,
    ) -> None:
        """Send, or go on, while things go wrong at the gateway; until Ctrl-C, or a sudden death."""
        if not self._unfinished():
            return
        self._meet(faults)
        point, nth = ends
        if point == "interrupted":
            how = {"workers": workers, "on_request": _ctrl_c(nth)}
        else:  # a dead process has no threads: one that only seems dead has, so it gets none
            how = {"workers": 1 if point else workers}
        self.in_step = False
        with suppress(Killed), crashing(point, nth):
            self._go(again, on_doubt=on_doubt, **how)
        self._then(then)

    @rule(release=st.booleans(), confirm=st.booleans())
    def reconcile(self, release: bool, confirm: bool) -> None:
        """Look at the credits; what they decide is the truth."""
        if self.run.exists() and self._requests("in_doubt"):
            self._look(release=release, confirm=confirm)

    def _then(self, then: str | None) -> None:
        if then and self.run.exists() and self._requests("in_doubt"):
            self._look(release=then == "settle", confirm=then == "settle")

    def _look(self, *, release: bool, confirm: bool) -> None:
        truth = {
            number: self._delivered(number) - self.delivered_before[number]
            for number in range(1, REQUESTS + 1)
        }
        doubts = self._requests("in_doubt")
        done = reconcile(self.run, self.account, release=release, confirm=confirm)
        assert done.finding is not None
        note(repr(done))
        self.findings[done.finding.shown] += 1
        assert set(done.finding.requests) == doubts
        self._check_finding(done.finding, [truth[number] for number in done.finding.requests])
        expected = {
            Conclusion.NOT_SENT: Verdict.RESEND if release else None,
            Conclusion.ALL_SENT: Verdict.SENT if confirm else None,
        }
        assert expected.get(done.finding.shown) is done.verdict
        if done.verdict:
            self.in_step = True

    @rule(place=st.integers(0, REQUESTS - 1), verdict=st.sampled_from(Verdict))
    def person(self, place: int, verdict: Verdict) -> None:
        """Somebody settles a doubt, knowing or not."""
        doubts = sorted(self._requests("in_doubt")) if self.run.exists() else []
        if not doubts:
            return
        number = doubts[place % len(doubts)]
        settle(self.run, number, verdict, "somebody said so")
        if verdict is Verdict.RESEND:
            self.resends[number] += 1
            self.delivered_before[number] = self._delivered(number)
        else:
            self.told.add(number)
        self.in_step = True

    # Where the clock was set back, another run may seem to be of before: the order of what happened
    # is lost, and reconciling says so only until the clock has caught up.
    @precondition(lambda self: not self.clock_behind and self.others < 2)
    @rule(rows=st.integers(1, 3))
    def another_run(self, rows: int) -> None:
        """The same account sends something else."""
        self._meet({})
        self.others += 1
        plan = plan_of(fictional(rows, start=1_000 + 10 * self.others), OTHER)
        with suppress(mms.RunStopped):
            mms.send(plan, self.account, run=self.folder / f"autre-{self.others}")

    # Sums that no request of this run can come to: what nobody can tell apart is in the oracle.
    @rule(event=st.sampled_from(["spent", "topped up", -1, 1, 24, 1_000]))
    def the_world_goes_on(self, event: str | int) -> None:
        """Somebody spends credits or buys some, or the clock jumps so many hours."""
        if event == "spent":
            self.sandbox.credits = max(0, self.sandbox.credits - 1_000)
        elif event == "topped up":
            self.sandbox.credits += 100_000
        else:
            jump = timedelta(hours=float(event))
            Jumping.offset += jump
            self.clock_behind = max(timedelta(), self.clock_behind - jump)

    # ----- what always holds ---------------------------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        """Whatever has happened."""
        ledger = self._ledger()
        if not self.run.exists():
            assert not ledger
            return
        with RunFolder(self.run).journal.open() as journal:
            facts = journal.facts()
        assert self.facts == facts[: len(self.facts)], "facts are only ever appended"
        if self.facts == facts:
            return  # nothing has happened to this run
        self.facts = facts
        self._check_results(mms.results(self.run), ledger)
        for number in self._requests("confirmed") - self.told:
            reached = self._delivered(number) - self.delivered_before[number]
            assert len(PLAN.positions(number)) == reached

    def _check_results(self, results: pd.DataFrame, ledger: Counter[str]) -> None:
        report = mms.status(self.run)
        assert ROWS == len(results) == sum(report.outcomes.values())
        assert results["mms_outcome"].notna().all()
        columns = ("mms_e164", "mms_outcome", "mms_request")
        for number, outcome, request in zip(*map(results.get, columns), strict=True):
            times, resent = ledger[number], self.resends[request]
            assert times <= 1 + resent, f"request {request} was sent {times} times"
            if outcome == Outcome.ACCEPTED:
                assert times, f"request {request} is accepted, and not in the ledger"
            if times and not resent:
                assert outcome in {Outcome.ACCEPTED, Outcome.UNREPORTED, Outcome.IN_DOUBT}
        vouched = not report.doubts and report.outcomes.get("unreported", 0) == report.settled
        assert vouched is (report.exit_code != 3)
        if self.in_step:
            written = parquet.read(self.run / "results.parquet")[0]
            pd.testing.assert_frame_equal(results, written, check_categorical=False)

    # ----- shared --------------------------------------------------------------------------------

    def _meet(self, faults: dict[int, str]) -> None:
        """Let the next requests that arrive meet these faults, and no others."""
        app: Any = self.sandbox._server.app
        arrived = self.sandbox._books._arrived
        app.faults.clear()
        for n, words in faults.items():
            app.faults.add(FaultRule(Fault.parse(words), "request", arrived + n))

    def _go(self, again: bool, **how: Any) -> None:
        """Send, or resume where there is something to resume; `again`: by the same command."""
        with suppress(mms.RunInDoubt, mms.RunStopped, UserWarning):
            if again or not self.run.exists():
                mms.send(PLAN, self.account, run=self.run, **how)
            else:
                mms.resume(self.run, self.account, **how)
        self.in_step = True

    def _unfinished(self) -> bool:
        return not self.run.exists() or bool(self._requests("pending") | self._requests("refused"))

    def _requests(self, state: str) -> set[int]:
        with RunFolder(self.run).journal.open() as journal:
            states = fold(journal.facts(), REQUESTS)
        return {number for number, request in states.items() if request.state == state}

    def _ledger(self) -> Counter[str]:
        return Counter(
            f"+{delivery.number}"
            for delivery in self.sandbox.ledger
            if not self._is_other(delivery)
        )

    @staticmethod
    def _is_other(delivery: Any) -> bool:
        return bool(delivery.message == OTHER)

    def _delivered(self, number: int) -> int:
        ledger = self._ledger()
        return sum(ledger[f"+{n}"] for n in PLAN.numbers[PLAN.positions(number)])

    def _check_finding(self, finding: Finding, truth: list[int]) -> None:
        """A finding that decides says what the ledger says."""
        if finding.shown is Conclusion.NOT_SENT:
            assert 0 == sum(truth)
        if finding.shown is Conclusion.ALL_SENT:
            assert finding.recipients == sum(truth)
        if finding.shown is Conclusion.PARTLY_SENT:
            assert 0 < sum(truth) < finding.recipients


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

TestConservation = Conservation.TestCase
TestConservation.settings = settings(
    max_examples=10, stateful_step_count=12, suppress_health_check=SLOW
)


@pytest.mark.full
class TestConservationAtLength(Conservation.TestCase):  # type: ignore[misc, valid-type]
    """The same, for many long histories."""

    settings = settings(max_examples=300, stateful_step_count=40, suppress_health_check=SLOW)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", CRASHES)
def test_every_point_of_a_crash_is_reached(point: str, nth: int, tmp_path: Path) -> None:
    """The machine above kills nobody where a point is passed by; here each is, and is survived."""
    run, plan = tmp_path / "noel", planned(700)
    with Sandbox() as sandbox:
        with pytest.raises(Killed), crashing(point, nth):
            mms.send(plan, account_at(sandbox), run=run)
        with suppress(mms.RunInDoubt):
            mms.send(plan, account_at(sandbox), run=run)
        reached = Counter(sent.number for sent in sandbox.ledger)
        assert set(reached.values()) == {1}
        assert sum(mms.status(run).outcomes.values()) == 700
        assert mms.status(run).outcomes["accepted"] <= len(reached)


ENOUGH_FINDINGS = 20


def test_the_histories_came_into_doubt_and_out_of_it() -> None:
    """A machine in which evidence never decided, or always did, would prove little."""
    if Conservation.findings.total() < ENOUGH_FINDINGS:
        pytest.skip("too few histories to tell: pytest --full runs more")
    assert {Conclusion.UNDECIDABLE} < set(Conservation.findings)
