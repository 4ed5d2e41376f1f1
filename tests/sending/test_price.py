"""What is learned of prices, and what happens where the credits do not pay for all."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, fictional, planned
from mmsbatch.cli import app
from mmsbatch.errors import RunInDoubt, RunStopped
from mmsbatch.planning.plan import Plan
from mmsbatch.runs.run import status
from mmsbatch.sandbox import Sandbox, SandboxOptions


def test_a_refusal_for_credit_teaches_the_price(tmp_path: Path) -> None:
    """Status 104 names what a request takes, before anything was ever sent."""
    with Sandbox(options=SandboxOptions(cost_per_recipient=7, credits=1000)) as sandbox:
        account = account_at(sandbox)
        with pytest.raises(RunStopped):
            mms.send(planned(150), account, run=tmp_path / "first")
        found = mms.estimate(planned(50, message="Autre"), account, run=tmp_path / "second")
    assert sandbox.ledger == ()
    assert (found.earlier.cost, found.needed) == (Decimal(7), Decimal(350))


def test_what_cannot_be_paid_is_not_begun_unless_asked_for(tmp_path: Path) -> None:
    """The price is known from another run: nobody gets anything, or as many as the credits pay."""
    with Sandbox(options=SandboxOptions(cost_per_recipient=2, credits=2000)) as sandbox:
        account = account_at(sandbox)
        mms.send(planned(200), account, run=tmp_path / "first")
        sent = len(sandbox.ledger)
        plan = planned(2000, numbers=fictional(2000, start=4000))
        with pytest.raises(RunStopped, match=r"about 4000 credits are needed .* has 1600") as told:
            mms.send(plan, account, run=tmp_path / "second")
        assert len(sandbox.ledger) == sent
        assert "as_far_as_credits=True)`" in str(told.value)
        with pytest.raises(RunStopped):
            mms.resume(tmp_path / "second", account, as_far_as_credits=True)
        assert len(sandbox.ledger) == sent + 800
    outcomes = status(tmp_path / "second").outcomes
    assert outcomes["accepted"] == 800
    assert sum(outcomes.values()) == 2000


def test_kinds_of_another_price_are_not_mixed_up(tmp_path: Path) -> None:
    """A cost that was learned from images says nothing of a campaign that sends videos too."""
    with Sandbox() as sandbox:
        account = account_at(sandbox)
        mms.send(planned(400), account, run=tmp_path / "first")
        plan = two_kinds()
        found = mms.estimate(plan, account, run=tmp_path / "second")
        assert found.earlier.cost is None
        mms.send(plan, account, run=tmp_path / "second")
        again = mms.estimate(plan, account, run=tmp_path / "third")
        assert again.earlier.cost == Decimal(1)


def two_kinds() -> Plan:
    """Plan texts and images for 900 people."""
    image = mms.Image("Noël", "http://www.example.com/a.jpg")
    split = mms.Split({"A": mms.Text("Bonjour"), "B": image})
    return plan_of(900, mms.Campaign("noel", split=split))


def plan_of(people: int, campaign: mms.Campaign) -> Plan:
    """Plan a campaign for so many people of three cities."""
    cities = [("paris", "lyon", "lille")[row % 3] for row in range(people)]
    frame = pd.DataFrame({"mobile": fictional(people), "ville": cities})
    return mms.plan(mms.prepare(frame, phone="mobile", fictional=True), campaign)


def test_credits_settle_no_doubt_of_several_kinds(tmp_path: Path) -> None:
    """Half of the dear ones costs as much as all of the cheap ones: that shows nothing."""
    run = tmp_path / "noel"
    with Sandbox(faults={3: "close:after"}) as sandbox:
        account = account_at(sandbox)
        with pytest.raises(RunInDoubt):
            mms.send(two_kinds(), account, run=run)
        found = mms.reconcile(run, account, release=True, confirm=True)
    assert not found.settled
    assert "the campaign sends text and image, which may cost differently" in repr(found)


@pytest.fixture
def place(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crm.csv").write_text("mobile\n" + "\n".join(fictional(300)), encoding="utf-8")
    for name in ("noel", "soldes"):
        text = f'name = "{name}"\nkind = "text"\nmessage = "{name}"\n'
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


def call(*words: str) -> Any:
    return CliRunner().invoke(app, words)


def test_a_plan_says_what_it_will_cost(place: Path) -> None:
    """From the runs beside it alone, or with what the account says where that is asked."""
    words = ["plan", "crm.csv", "--campaign", "soldes.toml"]
    assert "cost" not in call(*words).stdout
    sent = call("send", "crm.csv", "--campaign", "noel.toml", "--run", "data/runs/noel")
    assert sent.exit_code == 0, sent.output
    assert "cost       about 300 credits, at 1 a recipient as before" in call(*words).stdout
    told = json.loads(call(*words, "--json").stdout)
    assert (told["credits_needed"], told["cost_per_recipient"]) == (300, 1)
    asked = call(*words, "--ask-account")
    assert "99,700 there" in asked.stdout
    assert json.loads(call(*words, "--ask-account", "--json").stdout)["credits"] == 99_700


def test_a_canary_stops_with_what_it_has_shown(place: Path) -> None:
    words = ["send", "crm.csv", "--campaign", "noel.toml", "--run", "noel", "--canary", "40"]
    done = call(*words)
    assert done.exit_code == 4
    assert "so far     0.0% of 40 recipients rejected, 1.00 credits for each" in done.stdout
    assert "the canary is sent: the first 40 recipients" in done.stdout
    assert "resume noel`" in done.stdout


# ----- to one's own phone ------------------------------------------------------------------------


def test_the_content_goes_to_ones_own_numbers_as_a_run_of_its_own(
    place: Path, sandbox: Sandbox
) -> None:
    """Again, nothing is sent again; the people's own run begins as if nothing had been."""
    own = ["0639989001", "06 39 98 90 02"]
    words = ["send", "crm.csv", "--campaign", "noel.toml", "--run", "noel"]
    test = [*words, "--test-to", own[0], "--test-to", own[1]]
    for _ in range(2):
        done = call(*test)
        assert done.exit_code == 0, done.output
        assert [one.number for one in sandbox.ledger] == ["33639989001", "33639989002"]
        assert "noel-test/results.parquet" in done.stdout
    assert mms.verify("noel-test").holds
    assert call(*words).exit_code == 0
    assert len(sandbox.ledger) == 302
    past = mms.past_contacts(".", target="sandbox")
    assert len(past) == 300


def test_another_content_is_another_test(place: Path, sandbox: Sandbox) -> None:
    test = ["send", "crm.csv", "--run", "noel", "--test-to", "0639989001"]
    assert call(*test, "--campaign", "noel.toml").exit_code == 0
    assert call(*test, "--campaign", "soldes.toml").exit_code == 0
    assert [one.message for one in sandbox.ledger] == ["noel", "soldes"]
    assert mms.status("noel-test-2").outcomes == {"accepted": 1}


def test_every_variant_is_tested(sandbox: Sandbox, tmp_path: Path) -> None:
    """The first and the longest of each, with what cells say."""
    split = mms.Split(
        {
            "A": mms.Text("Bonjour {{ ville }}"),
            "B": mms.Image("Noël", "http://www.example.com/{{ ville }}.jpg"),
        }
    )
    plan = plan_of(300, mms.Campaign("noel", split=split))
    results = mms.send_test(plan, "0639989001", account_at(sandbox), run=tmp_path / "noel")
    sent = {(one.message, one.media and one.media[0].url) for one in sandbox.ledger}
    expected = {
        (view.content.message, (view.content.image or ()))
        for variant in mms.preview(plan).variants
        for view in (variant.first, variant.longest)
    }
    assert sent == expected
    assert set(results["mms_variant"]) == {"A", "B"}


@pytest.mark.parametrize("number", ["0145678901", "N/A", "0639989001 0639989002"])
def test_what_is_no_mobile_is_refused(number: str, place: Path, sandbox: Sandbox) -> None:
    test = ["send", "crm.csv", "--campaign", "noel.toml", "--run", "noel"]
    done = call(*test, "--test-to", "0639989003", "--test-to", number)
    assert (done.exit_code, sandbox.ledger) == (2, ())
    assert "number 2 of --test-to is not one French mobile number" in done.stderr
