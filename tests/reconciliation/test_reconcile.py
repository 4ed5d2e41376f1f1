"""The oracle of reconciliation: what credits may settle, and every case in which they may not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, fictional, planned, quick
from mmsbatch import parquet
from mmsbatch.errors import InputError, RunInDoubt, RunStopped
from mmsbatch.gateway.client import GatewayClient, HttpReply
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.reconciliation.finding import Conclusion
from mmsbatch.reconciliation.reconcile import PATIENCE, Patience, reconcile, settle
from mmsbatch.reconciliation.reconciliation import Reconciliation
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.states import Request, State
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.sending import policy

COST = 3
ALL, PART = 200, 70

TRUTHS = {"none": ("process:none", 0), "all": ("process:all", ALL), "part": ("process:70", PART)}
EXPECTED = {"none": Conclusion.NOT_SENT, "all": Conclusion.ALL_SENT, "part": Conclusion.PARTLY_SENT}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.0)


@dataclass
class Scene:
    """A run of 500 people whose second request of 200 is in doubt, at a gateway of ours."""

    sandbox: Sandbox
    run: Path

    @property
    def account(self) -> mms.Account:
        """Whose credits are looked at."""
        return account_at(self.sandbox)

    def send(self, plan: mms.Plan | None = None, run: Path | None = None, **how: Any) -> None:
        """Send or resume, as far as it goes."""
        with suppress(RunInDoubt, RunStopped):
            mms.send(plan or planned(500), self.account, run=run or self.run, **how)

    def look(self, **asked: Any) -> Reconciliation:
        """Reconcile."""
        return reconcile(self.run, self.account, **asked)

    def others_spend(self, credits_: int) -> None:
        """Somebody whom no run folder knows spends credits; a negative number is a top-up."""
        self.sandbox.credits -= credits_

    def facts(self) -> list[Fact]:
        """Everything the journal holds."""
        with RunFolder(self.run).journal.open() as journal:
            return journal.facts()


Stage = Callable[..., Scene]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Make a scene: which of its requests meet which fault."""
    running: list[Sandbox] = []

    def make(faults: dict[int, str], *, cost: int = COST, **options: Any) -> Scene:
        options = {"credits": 100_000, "cost_per_recipient": cost, **options}
        sandbox = Sandbox(options=SandboxOptions(**options), faults=faults).start()
        running.append(sandbox)
        return Scene(sandbox, tmp_path / "runs" / "noel")

    yield make
    for sandbox in running:
        sandbox.stop()


def lost(truth: str, ending: str = "close:after") -> str:
    return f"{TRUTHS[truth][0]},{ending}"


def counts(scene: Scene) -> dict[str, int]:
    return dict(mms.status(scene.run).outcomes)


def failed(done: Reconciliation) -> list[str]:
    assert done.finding is not None
    return [check.name for check in done.finding.checks if not check.holds]


def shown(done: Reconciliation) -> Conclusion:
    assert done.finding is not None
    return done.finding.shown


def of_kind(scene: Scene, kind: FactKind) -> list[Fact]:
    return [fact for fact in scene.facts() if fact.kind is kind]


# ----- pure cases: the finding is the truth ------------------------------------------------------


@pytest.mark.parametrize("on_doubt", ["stop", "continue"])
@pytest.mark.parametrize("ending", ["close:after", "reset:after", "http:504"])
@pytest.mark.parametrize("truth", TRUTHS)
def test_with_nobody_else_about_the_finding_is_the_truth(
    stage: Stage, truth: str, ending: str, on_doubt: str
) -> None:
    """Also where later requests have moved the balance on: what they cost is taken off."""
    scene = stage({2: lost(truth, ending)})
    scene.send(on_doubt=on_doubt)
    done = scene.look()
    assert done.finding is not None
    assert EXPECTED[truth] is done.finding.shown, done
    assert TRUTHS[truth][1] * COST == done.finding.difference
    assert ((2,), 200) == (done.finding.requests, done.finding.recipients)
    assert (None, 3) == (done.verdict, done.report.exit_code)


def test_after_resuming_the_doubt_is_still_decided(stage: Stage) -> None:
    """The account tool was asked in between, and said the same story."""
    scene = stage({2: lost("all")})
    scene.send()
    scene.send()
    assert {"accepted": 300, "in_doubt": 200} == counts(scene)
    assert Conclusion.ALL_SENT is shown(scene.look())


def test_nothing_in_doubt_asks_nobody(stage: Stage) -> None:
    """And writes nothing."""
    scene = stage({})
    scene.send()
    before = scene.facts()
    done = scene.look(release=True, confirm=True)
    assert (None, None, 0) == (done.finding, done.verdict, done.report.exit_code)
    assert before == scene.facts()
    assert "no request of this run is in doubt" in repr(done)


# ----- credit shown late -------------------------------------------------------------------------


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int, int], int]], None]:
    """Put words into the account tool's mouth: from the reading's number and the true balance."""
    honest = GatewayClient.account_info

    def speak(says: Callable[[int, int], int]) -> None:
        readings = 0

        def account_info(gateway: GatewayClient) -> HttpReply:
            nonlocal readings
            readings += 1
            reply = honest(gateway)
            head, _, true = reply.body.partition(b"Credits=")
            amount = str(says(readings, int(true))).encode()
            return HttpReply(reply.http_status, head + b"Credits=" + amount + b"\n")

        monkeypatch.setattr(GatewayClient, "account_info", account_info)

    return speak


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let reconciliation happen so many seconds from now."""

    def wait(seconds: float) -> None:
        offset = timedelta(seconds=seconds)
        monkeypatch.setattr("mmsbatch.times.utc_now", lambda: datetime.now(UTC) + offset)

    return wait


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_account_tool_is_read_until_it_has_caught_up(
    stage: Stage, tool: Callable[..., None], truth: str
) -> None:
    """A reading of before the request is followed by two that agree."""
    scene = stage({2: lost(truth)})
    scene.send()
    before = 100_000 - 200 * COST
    tool(lambda reading, true: before if reading == 1 else true)
    done = scene.look()
    assert EXPECTED[truth] is shown(done)


@pytest.mark.parametrize("age_s", [0, 300, 599, 602, 86_400])
@pytest.mark.parametrize("truth", TRUTHS)
def test_a_late_tool_is_waited_for(
    stage: Stage,
    tool: Callable[..., None],
    later: Callable[[float], None],
    truth: str,
    age_s: float,
) -> None:
    """Within the time it may be late, and the gateway busy, nothing is decided; after it, rightly.

    The tool shows the old balance for 590 seconds, so two old readings agree with each other.
    """
    scene = stage({2: lost(truth)})
    scene.send()
    later(age_s)
    tool(lambda _, true: 100_000 - 200 * COST if age_s < 590 else true)
    done = scene.look(release=True, confirm=True, patience=Patience(600, 0))
    if age_s < 600:
        assert (Conclusion.UNDECIDABLE, ["settled"]) == (shown(done), failed(done))
        assert "reconcile again after" in repr(done)
    else:
        assert EXPECTED[truth] is shown(done)


def test_a_live_account_is_given_ten_minutes(stage: Stage) -> None:
    """By default, where a second send would reach people."""
    scene = stage({2: lost("none")})
    contacts = pd.DataFrame({"m": [f"06123{n:05d}" for n in range(500)]})
    campaign = mms.Campaign("vrai", mms.Text("Bonjour"), purpose="service")
    plan = mms.plan(mms.prepare(contacts, phone="m"), campaign)
    live = mms.Account("demo", "demo", scene.sandbox.url, target="live")
    with pytest.raises(RunInDoubt):
        mms.send(plan, live, run=scene.run, max_recipients=500)
    done = reconcile(scene.run, live, release=True, patience=Patience(600, 0))
    assert (["settled"], None) == (failed(done), done.verdict)
    assert (600, 5) == (
        PATIENCE[live.target].settle_s,
        PATIENCE[live.target].readings,
    )


def test_a_balance_that_does_not_come_to_rest_decides_nothing(
    stage: Stage, tool: Callable[..., None]
) -> None:
    """Somebody is spending right now; the readings are bounded."""
    scene = stage({2: lost("none")})
    scene.send()
    tool(lambda reading, true: true - reading)
    done = scene.look(release=True)
    assert ["readings_agree"] == failed(done)
    assert done.finding is not None
    listed = next(one.found for one in done.finding.checks if one.name == "readings_agree")
    assert "99399, 99398, 99397, 99396, 99395" in listed
    assert "99394" not in listed


def test_a_tool_that_lags_behind_its_own_run_is_not_counted_from(
    stage: Stage, tool: Callable[..., None], later: Callable[[float], None]
) -> None:
    """On resuming at once it shows the balance of before the first answers: that is no anchor."""
    scene = stage({2: "http:404", 3: lost("none")})
    scene.send()
    tool(lambda _, true: true + 200 * COST)
    scene.send()
    tool(lambda _, true: true)
    later(700)
    done = scene.look(patience=Patience(600, 0))
    assert done.finding is not None
    assert (Conclusion.NOT_SENT, Decimal(100_000 - 200 * COST)) == (
        done.finding.shown,
        done.finding.before,
    )


@contextmanager
def answers_held(scene: Scene, *arrivals: int) -> Iterator[dict[int, threading.Event]]:
    """Let requests arrive one after the other; the answers to some come once their event is set."""
    held = {arrival: threading.Event() for arrival in arrivals}
    arriving, post = threading.Lock(), GatewayClient.send

    def send(gateway: GatewayClient, xml: bytes) -> HttpReply:
        with arriving:
            reply = post(gateway, xml)
            arrival = len(scene.sandbox.requests)
        if arrival in held:
            assert held[arrival].wait(30)
        return reply

    with mock.patch.object(GatewayClient, "send", send):
        yield held


@pytest.mark.parametrize("other", ["no-final-newline", "without:Credits"])
@pytest.mark.parametrize("truth", TRUTHS)
def test_an_answer_that_was_overtaken_is_not_counted_from(
    stage: Stage, later: Callable[[float], None], truth: str, other: str
) -> None:
    """It comes last and speaks of an earlier moment: the account has what the other said.

    Where that said nothing, what both took is counted from the balance before them.
    """
    scene = stage({2: "http:404", 4: other, 5: "http:404", 6: lost(truth)})
    plan = planned(800)
    scene.send(plan)

    with answers_held(scene, 3) as held:

        def let_it_come(request: Request) -> None:
            if request.state is State.PENDING:
                held[3].set()

        scene.send(plan, workers=2, on_request=let_it_come)
    said = [fact.reading.answer for fact in of_kind(scene, FactKind.ANSWER)]
    left = [answer.credits for answer in said if answer]
    assert [99_400, None if other == "without:Credits" else 98_200, 98_800] == left
    scene.send(plan)
    later(700)
    assert EXPECTED[truth] is shown(done := scene.look(patience=Patience(600, 0))), done


@pytest.mark.parametrize("truth", TRUTHS)
def test_a_tool_that_lags_confirms_no_answer_that_others_overlapped(
    stage: Stage, tool: Callable[..., None], later: Callable[[float], None], truth: str
) -> None:
    """It says what the last answer said; what was taken after that one is in neither."""
    scene = stage({2: "http:404", 5: "without:Credits", 6: lost(truth)})
    plan = planned(1_000)
    scene.send(plan)
    with answers_held(scene, 3, 5) as held:

        def in_turn(_request: Request) -> None:
            if held[3].is_set():
                held[5].set()
            else:  # the fourth: the fifth is under way, and none follows
                assert scene.sandbox.wait_for(5)
                signal.raise_signal(signal.SIGINT)
                held[3].set()

        scene.send(plan, workers=3, on_request=in_turn)
    said = [fact.reading.answer for fact in of_kind(scene, FactKind.ANSWER)]
    assert [99_400, 98_200, 98_800, None] == [answer.credits for answer in said if answer]
    tool(lambda _, true: true + 400 * COST)
    scene.send(plan)
    tool(lambda _, true: true)
    later(700)
    assert EXPECTED[truth] is shown(done := scene.look(patience=Patience(600, 0))), done


# ----- impure cases: nothing is settled ----------------------------------------------------------


@pytest.mark.parametrize(
    "spent", quick(1, 5_000, -700, -50_000, among=[1, 10, 1_000, 5_000, -1, -700, -50_000])
)
@pytest.mark.parametrize("truth", TRUTHS)
def test_somebody_else_spending_or_a_top_up_settles_nothing(
    stage: Stage, truth: str, spent: int
) -> None:
    """What is gone is no sum of the request's own, or the balance has risen."""
    scene = stage({2: lost(truth)})
    scene.send()
    scene.others_spend(spent)
    done = scene.look(release=True, confirm=True)
    assert Conclusion.UNDECIDABLE is shown(done), done
    assert {"accepted": 200, "in_doubt": 200, "pending": 100} == counts(scene)


@pytest.mark.parametrize("recipients", [1, 70, 130, 199, 200, 500])
def test_whoever_spends_like_the_request_can_only_keep_it_from_being_sent_again(
    stage: Stage, recipients: int
) -> None:
    """What the balance cannot tell apart errs on the side of nobody getting it twice."""
    scene = stage({2: lost("none")})
    scene.send()
    scene.others_spend(recipients * COST)
    done = scene.look(release=True)
    assert Conclusion.NOT_SENT is not shown(done)
    assert (None, 200) == (done.verdict, counts(scene)["in_doubt"])


def test_a_balance_that_changes_after_it_had_come_to_rest_decides_nothing(stage: Stage) -> None:
    """The first look is on record, so whoever spends the request's very sum later is seen."""
    scene = stage({2: lost("none")})
    scene.send()
    assert Conclusion.NOT_SENT is shown(scene.look())
    scene.others_spend(200 * COST)
    done = scene.look(confirm=True)
    assert (Conclusion.UNDECIDABLE, ["balance_steady"]) == (shown(done), failed(done))


def test_a_top_up_seen_between_decides_nothing(stage: Stage) -> None:
    """The account tool, asked on resuming, showed it; that the sums fit later proves nothing."""
    scene = stage({2: lost("all")})
    scene.send()
    scene.others_spend(-5_000)
    scene.send()
    scene.others_spend(5_000 - 200 * COST)
    done = scene.look(release=True)
    assert (Conclusion.UNDECIDABLE, ["balance_steady"]) == (shown(done), failed(done))


@pytest.mark.parametrize("truth", TRUTHS)
def test_a_scheduled_run_decides_nothing(stage: Stage, truth: str) -> None:
    """The document does not say when its credits are taken."""
    scene = stage({2: lost(truth)})
    content = mms.Text("Bonjour")
    campaign = mms.Campaign("plus-tard", content, send_at="2099-06-01 10:00:00")
    prepared = mms.prepare(pd.DataFrame({"m": fictional(500)}), phone="m", fictional=True)
    scene.send(mms.plan(prepared, campaign))
    done = scene.look(release=True, confirm=True)
    assert Conclusion.UNDECIDABLE is shown(done)
    assert "not_scheduled" in failed(done)


# ----- other runs in the same folder -------------------------------------------------------------


@pytest.mark.parametrize("truth", TRUTHS)
def test_another_run_of_the_account_since_decides_nothing(stage: Stage, truth: str) -> None:
    """It is named, with what was scanned."""
    scene = stage({2: lost(truth)})
    scene.send()
    scene.send(planned(7, "Autre"), scene.run.parent / "autre")
    done = scene.look(release=True, confirm=True)
    assert (Conclusion.UNDECIDABLE, "no_other_run") == (shown(done), failed(done)[0])
    assert done.finding is not None
    assert "run autre used this account too (scanned: autre)" == done.finding.reason


def test_another_run_of_the_account_before_is_no_obstacle(stage: Stage) -> None:
    """Its credits were gone when the balance before the doubt was heard."""
    scene = stage({3: lost("none")})
    scene.send(planned(7, "Autre"), scene.run.parent / "autre")
    scene.send()
    assert Conclusion.NOT_SENT is shown(scene.look())


def test_another_run_that_never_got_a_connection_is_no_obstacle(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was begun since and tried, but nothing of it has left, so it took no credits."""
    scene = stage({2: lost("none")})
    scene.send()

    def unreachable(_client: object, _xml: bytes) -> None:
        raise mms.NotSent("no connection")

    with monkeypatch.context() as patched:
        patched.setattr("mmsbatch.gateway.client.GatewayClient.send", unreachable)
        account = account_at(scene.sandbox)
        with pytest.raises(mms.RunStopped):
            mms.send(planned(7, "Autre"), account, run=scene.run.parent / "autre")
    assert Conclusion.NOT_SENT is shown(scene.look())


def test_another_run_sent_now_decides_nothing(stage: Stage) -> None:
    """It may have a request under way."""
    scene = stage({3: lost("none")})
    other = scene.run.parent / "autre"
    scene.send(planned(7, "Autre"), other)
    scene.send()
    with RunFolder(other).writer():
        done = scene.look(release=True)
    assert ["no_other_run"] == failed(done)


def test_another_run_scheduled_before_decides_nothing(stage: Stage) -> None:
    """Its credits may be taken at any time."""
    scene = stage({3: lost("none")})
    campaign = mms.Campaign("rdv", mms.Text("Bonjour"), send_at="2099-06-01 10:00:00")
    prepared = mms.prepare(pd.DataFrame({"m": fictional(3)}), phone="m", fictional=True)
    scene.send(mms.plan(prepared, campaign), scene.run.parent / "rdv")
    scene.send()
    done = scene.look(release=True)
    assert ["no_other_run"] == failed(done)
    assert "is scheduled" in repr(done)


def test_a_run_that_cannot_be_read_decides_nothing(stage: Stage) -> None:
    """It may have used the account; the message says what to do about it."""
    scene = stage({2: lost("none")})
    scene.send()
    broken = scene.run.parent / "abime"
    broken.mkdir()
    (broken / "journal.sqlite").write_text("not a database")
    done = scene.look(release=True)
    assert ["no_other_run"] == failed(done)
    assert "run abime cannot be read" in repr(done)


def test_runs_of_other_accounts_are_no_obstacle(stage: Stage) -> None:
    """Another sandbox has another account's credits."""
    scene = stage({2: lost("none")})
    scene.send()
    with Sandbox() as elsewhere:
        mms.send(planned(7), account_at(elsewhere), run=scene.run.parent / "ailleurs")
    assert Conclusion.NOT_SENT is shown(scene.look())


# ----- what must be known ------------------------------------------------------------------------


@pytest.mark.parametrize("truth", TRUTHS)
def test_without_a_cost_seen_before_nothing_is_decided(stage: Stage, truth: str) -> None:
    """The very first request is lost: even an unchanged balance may mean that it costs nothing."""
    scene = stage({1: lost(truth)})
    scene.send()
    done = scene.look(release=True, confirm=True)
    assert (Conclusion.UNDECIDABLE, ["cost_seen"]) == (shown(done), failed(done))


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_cost_may_come_from_an_earlier_run_of_the_same_kind(stage: Stage, truth: str) -> None:
    """So a run of one request can be decided too."""
    scene = stage({2: lost(truth)})
    scene.send(planned(7), scene.run.parent / "avant")
    scene.send()
    done = scene.look()
    assert EXPECTED[truth] is shown(done)
    assert "3 credits a recipient, as run avant shows" in repr(done)


def send_overtaken(scene: Scene) -> None:
    """Send an earlier run of six requests among three workers; one that stalls is answered last."""

    def let_go() -> None:
        assert scene.sandbox.wait_for(6)
        scene.sandbox.release()

    when_all_came = threading.Thread(target=let_go)
    when_all_came.start()
    scene.send(planned(1_150), scene.run.parent / "avant", workers=3)
    when_all_came.join()


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_cost_may_come_from_requests_that_overlapped(stage: Stage, truth: str) -> None:
    """The balances that they said, in falling order, are the order in which they were taken."""
    scene = stage({1: "stall", 7: lost(truth)})
    send_overtaken(scene)
    scene.send()
    done = scene.look()
    assert EXPECTED[truth] is shown(done), done
    assert "3 credits a recipient, as run avant shows" in repr(done)


@pytest.mark.parametrize("credits_", [90_000, 99_950, 200_000])
def test_a_cost_that_differs_among_requests_that_overlapped_decides_nothing(
    stage: Stage, credits_: int
) -> None:
    """Somebody was spending, or topped the account up, while they were under way."""
    scene = stage({1: "stall", 3: f"credits:{credits_}", 7: lost("none")})
    send_overtaken(scene)
    scene.send()
    assert ["cost_seen"] == failed(scene.look(release=True))


@pytest.mark.parametrize("fault", ["without:Credits", "credits:200000"])
def test_a_cost_is_not_guessed_where_the_balance_is_not_known(stage: Stage, fault: str) -> None:
    """The first of two requests does not say what is left, or somebody topped the account up."""
    recipients = {"without:Credits": 400, "credits:200000": 200}[fault]
    scene = stage({1: fault, 1 + recipients // 200: lost("none")})
    scene.send(planned(recipients), scene.run.parent / "avant")
    scene.send()
    done = scene.look(release=True)
    assert ["cost_seen"] == failed(done)
    assert "no answered request shows what a recipient costs" in repr(done)


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_account_tool_may_say_what_an_answer_does_not(stage: Stage, truth: str) -> None:
    """It was asked before a request and after it, with no other between."""
    scene = stage({1: "without:Credits", 2: "http:404", 3: lost(truth)})
    scene.send()
    scene.send()
    assert EXPECTED[truth] is shown(scene.look())


@pytest.mark.parametrize("truth", TRUTHS)
def test_a_top_up_before_the_doubt_is_no_obstacle(stage: Stage, truth: str) -> None:
    """What the account had is what the last answer said, however little there was before."""
    scene = stage({2: "credits:200000", 3: lost(truth)})
    scene.send(planned(600))
    assert EXPECTED[truth] is shown(scene.look())


def test_another_kind_of_message_may_cost_otherwise(stage: Stage) -> None:
    """A text's cost says nothing of an image's."""
    scene = stage({2: lost("none")})
    text = mms.Campaign("texte", mms.Text("Bonjour"))
    prepared = mms.prepare(pd.DataFrame({"m": fictional(3)}), phone="m", fictional=True)
    scene.send(mms.plan(prepared, text), scene.run.parent / "texte")
    scene.send()
    assert ["cost_seen"] == failed(scene.look())


def test_a_cost_that_differs_from_request_to_request_decides_nothing(stage: Stage) -> None:
    """Somebody was spending while the run was sent."""
    scene = stage({2: "credits:90000", 3: lost("none")})
    scene.send(planned(700))
    done = scene.look()
    assert ["cost_seen"] == failed(done)
    assert "differs from request to request" in repr(done)


def test_what_costs_nothing_leaves_no_trace(stage: Stage) -> None:
    """An unchanged balance proves nothing then."""
    scene = stage({2: lost("all")}, cost=0)
    scene.send()
    done = scene.look(release=True)
    assert ["cost_seen"] == failed(done)


def test_refused_numbers_cost_nothing(stage: Stage) -> None:
    """Costs are counted by the numbers an answer names, before the doubt and after it."""
    out = frozenset([*fictional(5, start=10), *fictional(3, start=410)])
    scene = stage({2: lost("all")}, blacklist=out)
    scene.send(on_doubt="continue")
    assert Conclusion.ALL_SENT is shown(scene.look())


def test_numbers_refused_within_the_doubt_look_like_a_part(stage: Stage) -> None:
    """All that could be sent was, and no one can know: it stays in doubt."""
    scene = stage({2: lost("all")}, blacklist=frozenset(fictional(5, start=210)))
    scene.send()
    done = scene.look(confirm=True)
    assert (Conclusion.PARTLY_SENT, None) == (shown(done), done.verdict)


def test_a_later_answer_that_names_too_few_decides_nothing(stage: Stage) -> None:
    """What that request cost is not known."""
    scene = stage({2: lost("none"), 3: "lose-id:2"})
    scene.send(on_doubt="continue")
    done = scene.look(release=True)
    assert ["others_accounted"] == failed(done)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("none", "none", Conclusion.NOT_SENT),
        ("all", "all", Conclusion.ALL_SENT),
        ("none", "all", Conclusion.UNDECIDABLE),
        ("all", "part", Conclusion.UNDECIDABLE),
        ("part", "none", Conclusion.UNDECIDABLE),
    ],
)
def test_several_doubts_are_decided_only_together(
    stage: Stage, first: str, second: str, expected: Conclusion
) -> None:
    """Nothing taken, or all: any other sum has several readings."""
    scene = stage({2: lost(first), 4: lost(second)})
    scene.send(planned(900), on_doubt="continue")
    done = scene.look()
    assert done.finding is not None
    assert ((2, 4), 400, expected) == (
        done.finding.requests,
        done.finding.recipients,
        done.finding.shown,
    )


@pytest.mark.parametrize("truth", TRUTHS)
def test_with_many_workers_the_finding_is_the_truth_or_none(stage: Stage, truth: str) -> None:
    """Requests that overlap may hide what one costs, and never make it look otherwise."""
    scene = stage({4: lost(truth), 0: "delay:20"})
    scene.send(planned(2_000), on_doubt="continue", workers=4)
    assert shown(scene.look()) in {EXPECTED[truth], Conclusion.UNDECIDABLE}


def test_another_account_decides_nothing(stage: Stage) -> None:
    """Another sandbox has another balance, however well it fits."""
    scene = stage({2: lost("none")})
    scene.send()
    with Sandbox(options=SandboxOptions(credits=100_000 - 200 * COST)) as other:
        done = reconcile(scene.run, account_at(other), release=True)
    assert ["same_account"] == failed(done)


def test_a_clock_set_back_decides_nothing(stage: Stage, later: Callable[[float], None]) -> None:
    """The order of runs is told by it."""
    scene = stage({2: lost("none")})
    scene.send()
    later(-3_600)
    done = scene.look(release=True)
    assert "clock" in failed(done)


@pytest.mark.parametrize("problem", ["silent", "inactive", "page"])
def test_an_account_tool_that_says_nothing_decides_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    """It did not answer, or not as the account tool."""
    scene = stage({2: lost("none")})
    scene.send()

    def account_info(_: GatewayClient) -> HttpReply:
        if problem == "silent":
            raise mms.NotSent("no connection")
        body = {"inactive": b"Status=303\nStatusText=Compte inactif\n", "page": b"<html></html>"}
        return HttpReply(200, body[problem])

    monkeypatch.setattr(GatewayClient, "account_info", account_info)
    done = scene.look(release=True)
    assert ["readings_agree"] == failed(done)
    assert [None if problem == "silent" else account_info(GatewayClient(scene.account)).body] == [
        fact.body for fact in of_kind(scene, FactKind.EVIDENCE)
    ]


# ----- verdicts ----------------------------------------------------------------------------------


def test_what_was_not_sent_can_be_released_and_is_then_sent_once(stage: Stage) -> None:
    """Asked for with `release`; resuming makes a second attempt at it, and the run is done."""
    scene = stage({2: lost("none")})
    scene.send()
    assert 200 == counts(scene)["in_doubt"]
    done = scene.look(release=True)
    assert ("resend", (2,)) == (done.verdict, done.settled)
    again = f"mms.resume('{scene.run}', 'sandbox')"
    assert again == done.what_to_do
    assert ({"accepted": 200, "pending": 300}, 4) == (counts(scene), done.report.exit_code)
    results = mms.resume(scene.run, scene.account)
    assert results["mms_outcome"].eq("accepted").all()
    sent = [f"+{delivery.number}" for delivery in scene.sandbox.ledger]
    assert sorted(results["mms_e164"]) == sorted(sent)
    attempts = parquet.read(scene.run / "requests.parquet")[0]
    assert [("pending", 1), ("accepted", 2)] == [
        (row.state, row.attempt) for row in attempts.itertuples() if row.request == 2
    ]


def test_what_was_all_sent_can_be_confirmed(stage: Stage) -> None:
    """Its rows are sent without their numbers named: `unreported`, settled, and the run is done."""
    scene = stage({2: lost("all", "http:504")})
    scene.send()
    scene.send()
    done = scene.look(confirm=True)
    assert ("sent", (2,), 0) == (done.verdict, done.settled, done.report.exit_code)
    assert {"accepted": 300, "unreported": 200} == counts(scene)
    results = mms.send(planned(500), scene.account, run=scene.run)  # no warning, no exception
    settled = results[results["mms_request"] == 2]
    assert settled["mms_outcome"].eq(Outcome.UNREPORTED).all()
    assert settled["mms_status"].isna().all()
    assert settled["mms_sent_at"].notna().all()
    assert 500 == len(scene.sandbox.ledger)
    pd.testing.assert_frame_equal(results, parquet.read(scene.run / "results.parquet")[0])
    attempts = parquet.read(scene.run / "requests.parquet")[0]
    row = attempts[attempts["request"] == 2].iloc[0]
    assert ("confirmed", 504) == (row["state"], row["http_status"])
    assert b"Gateway Time-out" in row["answer"]


@pytest.mark.parametrize(
    ("truth", "asked"),
    [
        ("none", {}),
        ("none", {"confirm": True}),
        ("all", {"release": True}),
        ("all", {}),
        ("part", {"release": True, "confirm": True}),
    ],
)
def test_nothing_is_settled_that_was_not_asked_for_or_not_found(
    stage: Stage, truth: str, asked: dict[str, bool]
) -> None:
    """The look is recorded, no verdict is."""
    scene = stage({2: lost(truth)})
    scene.send()
    before = counts(scene)
    done = scene.look(**asked)
    assert (None, (), 3) == (done.verdict, done.settled, done.report.exit_code)
    assert before == counts(scene)
    assert [] == of_kind(scene, FactKind.VERDICT)
    assert [EXPECTED[truth]] == [one.data["shown"] for one in of_kind(scene, FactKind.EVIDENCE)]


def test_a_verdict_is_a_fact_with_its_evidence(stage: Stage) -> None:
    """Whoever audits the run sees the balances, the cost, and each condition."""
    scene = stage({2: lost("none")})
    scene.send()
    earlier = scene.facts()
    scene.look(release=True)
    facts = scene.facts()
    assert earlier == facts[: len(earlier)]
    evidence, verdict, written = facts[len(earlier) :]
    assert (FactKind.EVIDENCE, FactKind.VERDICT, FactKind.WRITTEN) == (
        evidence.kind,
        verdict.kind,
        written.kind,
    )
    assert b"Credits=99400" in (evidence.body or b"")
    assert ("resend", "credits", 2, 1) == (
        verdict.data["verdict"],
        verdict.data["by"],
        verdict.request,
        verdict.attempt,
    )
    assert evidence.data == verdict.data["evidence"]
    assert (99_400, 99_400, 3, 0) == tuple(
        evidence.data[name]
        for name in ("balance_before", "balance_now", "cost_per_recipient", "difference")
    )
    names = [check["name"] for check in evidence.data["checks"]]
    assert len(names) == len(set(names)) == 11
    assert all(check["holds"] and check["found"] for check in evidence.data["checks"])


def test_a_released_request_that_is_lost_again_is_decided_again(stage: Stage) -> None:
    """Each attempt has its own verdict."""
    scene = stage({2: lost("none"), 3: lost("all")})
    scene.send()
    scene.look(release=True)
    scene.send()
    assert Conclusion.ALL_SENT is shown(scene.look(confirm=True))
    verdicts = of_kind(scene, FactKind.VERDICT)
    assert [(1, "resend"), (2, "sent")] == [(one.attempt, one.data["verdict"]) for one in verdicts]
    scene.send()
    assert {"accepted": 300, "unreported": 200} == counts(scene)
    assert 500 == len(scene.sandbox.ledger)


def test_a_person_may_know_better(stage: Stage) -> None:
    """A note is kept; `sent` is never sent again, `resend` is, whatever became of it before."""
    scene = stage({2: lost("part"), 3: lost("all")})
    scene.send(planned(900), on_doubt="continue")
    settle(scene.run, 2, "resend", " back office shows none of them ")
    done = settle(scene.run, 3, "sent", "back office shows 200 sent")
    assert ("sent", (3,)) == (done.verdict, done.settled)
    verdicts = of_kind(scene, FactKind.VERDICT)
    assert [
        ("resend", "back office shows none of them"),
        ("sent", "back office shows 200 sent"),
    ] == [(one.data["verdict"], one.data["note"]) for one in verdicts]
    assert {"person"} == {one.data["by"] for one in verdicts}
    mms.resume(scene.run, scene.account)
    assert {"accepted": 700, "unreported": 200} == counts(scene)
    assert 900 + PART == len(scene.sandbox.ledger)


def test_credits_do_not_decide_across_a_persons_verdict(stage: Stage) -> None:
    """A person says whether to send again, not what was charged."""
    scene = stage({2: lost("all"), 3: lost("none")})
    scene.send(planned(900), on_doubt="continue")
    settle(scene.run, 2, "sent", "seen in the back office")
    done = scene.look(release=True)
    assert ["others_accounted"] == failed(done)


@pytest.mark.parametrize(
    ("request_", "verdict", "note", "message"),
    [
        (2, "send", "x", "a verdict is 'sent' or 'resend', found 'send'. Did you mean"),
        (2, "sent", "  ", "a verdict needs a note"),
        (1, "sent", "x", r"request 1 is accepted, not in doubt \(in doubt: 2\)"),
        (3, "sent", "x", "request 3 is pending, not in doubt"),
        (4, "sent", "x", "there is no request 4: this run has 3"),
    ],
)
def test_a_verdict_that_cannot_be_is_refused(
    stage: Stage, request_: int, verdict: str, note: str, message: str
) -> None:
    """With what was wrong; nothing is recorded."""
    scene = stage({2: lost("all")})
    scene.send()
    before = scene.facts()
    with pytest.raises(InputError, match=message):
        settle(scene.run, request_, verdict, note)
    assert before == scene.facts()


def test_a_run_that_is_being_sent_is_left_alone(stage: Stage) -> None:
    """Its sender may be about to settle the doubt itself."""
    scene = stage({2: lost("all")})
    scene.send()
    with RunFolder(scene.run).writer():
        with pytest.raises(mms.RunError, match="is being sent by"):
            scene.look()
        with pytest.raises(mms.RunError, match="is being sent by"):
            settle(scene.run, 2, "sent", "x")


def test_the_stop_names_the_next_command(stage: Stage) -> None:
    """Ready to paste, with the run's folder."""
    scene = stage({2: lost("all")})
    scene.send()
    stopped = mms.status(scene.run).stopped
    assert stopped is not None
    assert f"`mms.reconcile('{scene.run}', " in stopped.what_to_do
