"""Limits refuse before the first POST; costs are learned, never guessed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmsbatch as mms
from conftest import account_at, fictional, planned
from mmsbatch.errors import InputError, PlanError, RunStopped
from mmsbatch.gateway.wire import Answer
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.sending.limits import Budget, CreditReading, Limits, cost_per_recipient, credit_stop


def beside(run: Path, name: str) -> Path:
    return run.parent / name


# ----- refused before the first POST -------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(max_recipients=249), "250 recipients and at most 249 are allowed"),
        (Limits(max_problem_share=0.05), r"20 of 270 rows have a problem \(7.4%: 20 missing\)"),
    ],
)
def test_a_plan_beyond_a_limit_is_refused(
    limits: Limits, said: str, sandbox: Sandbox, run: Path
) -> None:
    """Nothing is made, nothing is posted, and the error has the figures."""
    contacts = pd.DataFrame({"m": [*fictional(250), *[None] * 20]})
    prepared = mms.prepare(contacts, phone="m", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("essai", mms.Text("Bonjour"), purpose="service"))
    with pytest.raises(PlanError, match=said):
        mms.send(plan, account_at(sandbox), run=run, limits=limits)
    assert not run.exists()
    assert sandbox.requests == ()


def test_a_plan_within_its_limits_goes(sandbox: Sandbox, run: Path) -> None:
    """Each limit is reached and none is passed."""
    contacts = pd.DataFrame({"m": [*fictional(9), None]})
    prepared = mms.prepare(contacts, phone="m", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("essai", mms.Text("Bonjour"), purpose="service"))
    limits = Limits(max_recipients=9, max_credits=9, max_problem_share=0.1, max_change=0.0)
    mms.send(plan, account_at(sandbox), run=run, limits=limits)
    assert len(sandbox.ledger) == 9


def test_the_tighter_of_two_limits_counts(sandbox: Sandbox, run: Path) -> None:
    """`max_recipients=` and `limits=` may both be given."""
    with pytest.raises(PlanError, match="at most 249"):
        mms.send(
            planned(250),
            account_at(sandbox),
            run=run,
            max_recipients=300,
            limits=Limits(max_recipients=249),
        )


def test_a_change_against_the_previous_run_is_refused(sandbox: Sandbox, run: Path) -> None:
    """The newest run of the same campaign on the same target counts, and no other."""
    account = account_at(sandbox)
    mms.send(planned(10), account, run=beside(run, "january"))
    mms.send(planned(200), account, run=beside(run, "february"))
    contacts = mms.prepare(pd.DataFrame({"m": fictional(3)}), phone="m", fictional=True)
    mms.send(
        mms.plan(contacts, mms.Campaign("other", mms.Text("x"))), account, run=beside(run, "x")
    )
    limits = Limits(max_change=0.2)
    said = r"241 recipients where run february of the same campaign had 200 \(\+20.5%\)"
    with pytest.raises(PlanError, match=said):
        mms.send(planned(241), account, run=run, limits=limits)
    with pytest.raises(PlanError, match="159 recipients where run february"):
        mms.send(planned(159), account, run=run, limits=limits)
    assert len(mms.send(planned(240), account, run=run, limits=limits)) == 240


def test_a_first_run_has_nothing_to_be_compared_with(sandbox: Sandbox, run: Path) -> None:
    """Nor has one beside folders that are no runs."""
    beside(run, "reports").mkdir(parents=True)
    assert len(mms.send(planned(3), account_at(sandbox), run=run, limits=Limits(max_change=0))) == 3


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda wreck: (wreck / "journal.sqlite").write_bytes(b"no database" * 100), "journal"),
        (lambda wreck: (wreck / "journal.sqlite").unlink(), "journal.sqlite does not exist"),
        (lambda wreck: (wreck / "journal.sqlite").write_bytes(b""), "journal"),
        (lambda wreck: (wreck / "plan.parquet").write_bytes(b"PAR1"), "plan.parquet cannot be"),
    ],
)
def test_a_change_against_what_cannot_be_read_is_not_within_a_limit(
    damage: Callable[[Path], object], said: str, sandbox: Sandbox, run: Path
) -> None:
    """A guard that somebody asked for is not left out in silence; who asks for none may send."""
    account, wreck = account_at(sandbox), beside(run, "wreck")
    mms.send(planned(10), account, run=wreck)
    damage(wreck)
    with pytest.raises(PlanError, match=f"max_change cannot be checked.*wreck.*{said}.*move it"):
        mms.send(planned(10), account, run=run, limits=Limits(max_change=0.5))
    assert not run.exists()
    assert len(mms.send(planned(10), account, run=run, again=True)) == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_recipients", 0),
        ("max_credits", -1),
        ("max_credits", float("nan")),
        ("max_problem_share", 1.1),
        ("max_change", -0.1),
    ],
)
def test_a_limit_out_of_range_is_named(name: str, value: float) -> None:
    """A typing slip must not switch a limit off."""
    with pytest.raises(InputError, match=f"{name} must be .*, found {value}"):
        Limits(**{name: value})  # type: ignore[arg-type]


# ----- credits -----------------------------------------------------------------------------------


def test_an_empty_account_stops_before_the_first_post(run: Path) -> None:
    """Nothing else is known of what it would cost."""
    with Sandbox(options=SandboxOptions(credits=0)) as sandbox:
        with pytest.raises(RunStopped, match="no credits left"):
            mms.send(planned(3), account_at(sandbox), run=run)
        assert sandbox.requests == ()


def test_an_account_with_too_little_stops_before_the_first_post(run: Path) -> None:
    """Where an earlier run has shown the price, half a campaign is not sent."""
    with Sandbox(options=SandboxOptions(credits=1500, cost_per_recipient=3)) as sandbox:
        mms.send(planned(10), account_at(sandbox), run=beside(run, "rehearsal"))
        said = r"about 1500 credits are needed \(500 recipients at 3\) and the account has 1470"
        with pytest.raises(RunStopped, match=said):
            mms.send(planned(500), account_at(sandbox), run=run)
        assert len(sandbox.requests) == 1
        sandbox.credits = 1500
        assert len(mms.send(planned(500), account_at(sandbox), run=run)) == 500
        assert sandbox.credits == 0


def test_another_kind_of_message_has_another_price(run: Path) -> None:
    """A text's price says nothing about an image's."""
    with Sandbox(options=SandboxOptions(credits=100, cost_per_recipient=3)) as sandbox:
        contacts = mms.prepare(pd.DataFrame({"m": fictional(10)}), phone="m", fictional=True)
        text = mms.plan(contacts, mms.Campaign("texte", mms.Text("x")))
        mms.send(text, account_at(sandbox), run=beside(run, "text"))
        with pytest.raises(RunStopped, match="needed 120 credits, available 70"):
            mms.send(planned(40), account_at(sandbox), run=run)


def test_max_credits_refuses_where_the_price_is_known(run: Path) -> None:
    """Before anything is made."""
    with Sandbox(options=SandboxOptions(cost_per_recipient=3)) as sandbox:
        mms.send(planned(10), account_at(sandbox), run=beside(run, "rehearsal"))
        said = r"about 1500 credits \(500 recipients at 3\) and at most 1499 are allowed"
        with pytest.raises(PlanError, match=said):
            mms.send(planned(500), account_at(sandbox), run=run, limits=Limits(max_credits=1499))
        assert not run.exists()


@pytest.mark.parametrize("workers", [1, 4])
def test_max_credits_stops_a_run_that_learns_its_price(run: Path, workers: int) -> None:
    """The first request alone shows the price, however many workers there are."""
    with Sandbox(options=SandboxOptions(cost_per_recipient=3)) as sandbox:
        account, limits = account_at(sandbox), Limits(max_credits=1300)
        with pytest.raises(RunStopped, match=r"about 1800 credits .* at most 1300 are allowed"):
            mms.send(planned(1000), account, run=run, limits=limits, workers=workers)
        assert 100_000 - sandbox.credits == 1200
        with pytest.raises(RunStopped, match="about 1800 credits"):
            mms.resume(run, account, limits=limits, workers=workers)
        assert len(sandbox.requests) == 2
        assert len(mms.resume(run, account)) == 1000


def test_max_credits_needs_a_gateway_that_says_what_is_left(run: Path) -> None:
    """Where it does not, one request shows it, and the run stops."""
    faults = {0: "without:Credits"}
    with Sandbox(faults=faults) as sandbox:
        with pytest.raises(RunStopped, match="max_credits=300 cannot be kept"):
            mms.send(planned(500), account_at(sandbox), run=run, limits=Limits(max_credits=300))
        assert len(sandbox.requests) == 1


def test_credit_stop_decides_by_what_is_known() -> None:
    """No balance: go. No price: only an empty account stops. Else the estimate decides."""
    assert credit_stop(None, Decimal(1), 10) is None
    assert credit_stop(Decimal(5), None, 10) is None
    assert credit_stop(Decimal(10), Decimal(1), 10) is None
    for available, cost in (
        (Decimal(0), None),
        (Decimal(-3), Decimal(1)),
        (Decimal(9), Decimal(1)),
    ):
        assert credit_stop(available, cost, 10) is not None


def test_requests_under_way_count_as_spent() -> None:
    """And are given back when they turn out not to have been taken."""
    budget = Budget(most=1000, cost=Decimal(2), committed=200)
    budget.commit(200)
    assert budget.stop(100) is None
    assert budget.stop(101) is not None
    budget.commit(-200)
    assert budget.stop(300) is None


def test_no_limit_never_stops() -> None:
    """Whatever the answers say."""
    budget = Budget()
    budget.learn(Answer(100, ""))
    assert not budget.unknown
    assert budget.stop(10**9) is None


# ----- the price ---------------------------------------------------------------------------------


@given(
    price=st.integers(1, 50),
    sizes=st.lists(st.integers(1, 200), min_size=3, max_size=30),
    spender=st.integers(1, 10_000),
    data=st.data(),
)
def test_the_price_is_learned_whatever_comes_back_first(
    price: int, sizes: list[int], spender: int, data: st.DataObject
) -> None:
    """Answers in any order, and one colleague who spends in between."""
    left, words = 10**7, [CreditReading(Decimal(10**7), 0)]
    meddled = data.draw(st.integers(0, len(sizes) - 1))
    for place, size in enumerate(sizes):
        left -= price * size + (spender if place == meddled else 0)
        words.append(CreditReading(Decimal(left), size))
    assert cost_per_recipient(data.draw(st.permutations(words))) == price


def test_a_price_is_not_made_up() -> None:
    """A balance that does not fall, or was heard once, shows none."""
    assert cost_per_recipient([]) is None
    assert cost_per_recipient([CreditReading(Decimal(5), 0)]) is None
    assert cost_per_recipient([CreditReading(Decimal(5), 0), CreditReading(Decimal(5), 3)]) is None
