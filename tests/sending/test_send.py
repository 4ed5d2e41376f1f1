"""A run: what is sent, what is claimed, what a second try does; against the sandbox's ledger."""

from __future__ import annotations

import socket
from pathlib import Path

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, fictional, planned
from mmsbatch import spec
from mmsbatch.errors import (
    AccountError,
    CampaignError,
    PlanError,
    RunError,
    RunInDoubt,
    RunStopped,
)
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.run import write_results
from mmsbatch.sandbox import MediaFact, Sandbox, SandboxOptions
from mmsbatch.sending import policy


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once; how long a pause is belongs to the policy's own tests."""
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.0)


def ledger(sandbox: Sandbox) -> list[str]:
    return [f"+{delivery.number}" for delivery in sandbox.ledger]


def numbers(results: pd.DataFrame, *outcomes: str) -> list[str]:
    return results.loc[results["mms_outcome"].isin(outcomes), "mms_e164"].tolist()


def counts(run: Path) -> dict[str, int]:
    return dict(mms.status(run).outcomes)


# ----- the whole job -----------------------------------------------------------------------------


def test_every_accepted_row_was_sent_and_no_other(sandbox: Sandbox, run: Path) -> None:
    """The claim equals the ledger, number by number, in order."""
    results = mms.send(planned(450), account_at(sandbox), run=run)
    assert ledger(sandbox) == numbers(results, "accepted")
    assert results["mms_request"].value_counts().to_dict() == {1: 200, 2: 200, 3: 50}
    assert results["mms_status"].eq(100).all()
    assert results["mms_sent_at"].notna().all()
    assert sandbox.credits == 100_000 - 450


def test_results_keep_the_contacts_as_they_came(sandbox: Sandbox, run: Path) -> None:
    """Rows, order, index and columns: the results lie beside the contacts."""
    contacts = pd.DataFrame(
        {"mobile": [*fictional(3), None, "0199000001"], "nom": list("abcde")},
        index=[7, 7, 3, 2, 1],
    )
    prepared = mms.prepare(contacts, phone="mobile", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("essai", mms.Text("Bonjour")))
    results = mms.send(plan, account_at(sandbox), run=run)
    pd.testing.assert_frame_equal(results[["mobile", "nom"]], contacts)
    assert results["mms_outcome"].tolist() == ["accepted"] * 3 + ["invalid"] * 2


def test_refused_numbers_hide_under_status_100(run: Path) -> None:
    """Opted-out people come back in UnvalidNums of a request that "was sent"."""
    out = frozenset(fictional(2, start=100))
    with Sandbox(options=SandboxOptions(blacklist=out)) as sandbox:
        results = mms.send(planned(300), account_at(sandbox), run=run)
    rejected = results[results["mms_rejected"]]
    assert rejected["mobile"].tolist() == sorted(out)
    assert rejected["mms_outcome"].eq("rejected").all()
    assert rejected["mms_sent_at"].isna().all()
    assert ledger(sandbox) == numbers(results, "accepted")


def test_a_scheduled_campaign_is_scheduled_not_sent(sandbox: Sandbox, run: Path) -> None:
    """Status 101 is a success of its own."""
    content = mms.Text("Bonjour")
    campaign = mms.Campaign("plus-tard", content, send_at="2099-06-01 10:00:00")
    prepared = mms.prepare(pd.DataFrame({"m": fictional(3)}), phone="m", fictional=True)
    results = mms.send(mms.plan(prepared, campaign), account_at(sandbox), run=run)
    assert results["mms_outcome"].eq("scheduled").all()
    assert results["mms_status"].eq(101).all()


def test_ids_are_kept_where_the_gateway_gives_them(run: Path) -> None:
    """Otherwise mms_id is missing, never made up."""
    with Sandbox(options=SandboxOptions(with_ids=True)) as sandbox:
        results = mms.send(planned(3), account_at(sandbox), run=run)
    assert results["mms_id"].nunique() == 3
    assert len(set(results["mms_campaign_id"])) == 1


def test_personal_messages_reach_their_people(sandbox: Sandbox, run: Path) -> None:
    """Each number gets the text of its own row."""
    contacts = pd.DataFrame({"m": fictional(4), "ville": ["Nice", "Lyon", "Nice", "Brest"]})
    prepared = mms.prepare(contacts, phone="m", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("villes", mms.Text("À {{ ville }} !")))
    mms.send(plan, account_at(sandbox), run=run)
    heard = {f"0{delivery.number[2:]}": delivery.message for delivery in sandbox.ledger}
    assert heard == {
        number: f"À {ville} !"
        for number, ville in zip(contacts["m"], contacts["ville"], strict=True)
    }


# ----- again -------------------------------------------------------------------------------------


def test_run_all_twice_sends_once(sandbox: Sandbox, run: Path) -> None:
    """The second call returns the same frame and posts nothing."""
    first = mms.send(planned(250), account_at(sandbox), run=run)
    second = mms.send(planned(250), account_at(sandbox), run=run)
    pd.testing.assert_frame_equal(first, second)
    assert len(sandbox.requests) == 2


def test_another_plan_under_the_same_name_is_refused(sandbox: Sandbox, run: Path) -> None:
    """With the difference in words; nothing sent, nothing overwritten."""
    mms.send(planned(250), account_at(sandbox), run=run)
    before = {path.name: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=r"belongs to another plan: .*250 recipients there, 251 now"):
        mms.send(planned(251), account_at(sandbox), run=run)
    assert {path.name: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert len(sandbox.requests) == 2


def test_a_folder_with_something_else_in_it_is_left_alone(sandbox: Sandbox, run: Path) -> None:
    """A wrong --run must not cost anybody's files."""
    run.mkdir(parents=True)
    (run / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="holds something else"):
        mms.send(planned(3), account_at(sandbox), run=run)
    assert [path.name for path in run.iterdir()] == ["thesis.txt"]
    assert sandbox.requests == ()


def test_a_lost_answer_stops_the_run_and_is_never_sent_again(run: Path) -> None:
    """In doubt: 200 rows, named; resuming sends the others and leaves these alone."""
    with Sandbox(faults={2: "close:after"}) as sandbox:
        with pytest.raises(RunInDoubt, match="200 rows of run noel are in doubt"):
            mms.send(planned(500), account_at(sandbox), run=run)
        assert counts(run) == {"accepted": 200, "in_doubt": 200, "pending": 100}
        with pytest.raises(RunInDoubt):
            mms.resume(run, account_at(sandbox))
        results = mms.results(run)
        assert counts(run) == {"accepted": 300, "in_doubt": 200}
        assert len(ledger(sandbox)) == len(set(ledger(sandbox))) == 500
    assert set(ledger(sandbox)) == set(numbers(results, "accepted", "in_doubt"))


def test_going_on_past_a_doubt_can_be_asked_for(run: Path) -> None:
    """`on_doubt="continue"`: one doubt, everybody else served."""
    with Sandbox(faults={1: "close:before"}) as sandbox:
        with pytest.raises(RunInDoubt):
            mms.send(planned(500), account_at(sandbox), run=run, on_doubt="continue")
        assert counts(run) == {"accepted": 300, "in_doubt": 200}
        assert len(ledger(sandbox)) == 300


def test_something_that_is_not_the_gateway_stops_even_then(run: Path) -> None:
    """It would answer every further request too."""
    with Sandbox(faults={1: "page"}) as sandbox:
        with pytest.raises(RunInDoubt):
            mms.send(planned(500), account_at(sandbox), run=run, on_doubt="continue")
        assert counts(run) == {"in_doubt": 200, "pending": 300}


def test_an_answer_that_names_too_few_claims_too_few(run: Path) -> None:
    """A number in neither list is unreported, with a warning; the others are accepted."""
    with Sandbox(faults={1: "lose-id:2"}) as sandbox:
        with pytest.warns(UserWarning, match="2 rows of run noel without naming them"):
            results = mms.send(planned(10), account_at(sandbox), run=run)
    assert results["mms_outcome"].tolist() == ["accepted"] * 8 + ["unreported"] * 2
    assert mms.status(run).exit_code == 3


# ----- stops -------------------------------------------------------------------------------------


def test_credit_that_runs_out_stops_with_the_figures(run: Path) -> None:
    """Nothing in doubt; more credit and the same command finish the run."""
    with Sandbox(options=SandboxOptions(credits=450)) as sandbox:
        with pytest.raises(RunStopped, match="needed 200 credits, available 50"):
            mms.send(planned(700), account_at(sandbox), run=run)
        assert counts(run) == {"accepted": 400, "refused": 200, "pending": 100}
        assert mms.status(run).exit_code == 4
        sandbox.credits = 1000
        results = mms.send(planned(700), account_at(sandbox), run=run)
        assert ledger(sandbox) == numbers(results, "accepted")
        assert len(results) == 700


def test_a_refused_login_stops_before_the_first_request(sandbox: Sandbox, run: Path) -> None:
    """Trying on may lock the account; the right passcode finishes the run."""
    with pytest.raises(RunStopped, match="102") as raised:
        mms.send(planned(250), account_at(sandbox, passcode="wr0ng"), run=run)
    assert "correct" not in str(raised.value) or "wr0ng" not in str(raised.value)
    assert counts(run) == {"pending": 250}
    assert sandbox.ledger == ()
    assert len(mms.send(planned(250), account_at(sandbox), run=run)) == 250
    assert len(ledger(sandbox)) == 250


def test_a_gateway_that_is_down_stops_and_is_tried_again(run: Path) -> None:
    """Never connected means never sent: the requests stay pending."""
    with Sandbox() as sandbox:
        account = account_at(sandbox)
        plan = planned(250)
        with pytest.raises(RunStopped):
            mms.send(plan, account_at(sandbox, passcode="no"), run=run)
    with pytest.raises(mms.NotSent, match="no connection"):
        mms.send(plan, account, run=run)
    assert counts(run) == {"pending": 250}


def test_a_server_that_does_not_take_the_request_stops_the_run(run: Path) -> None:
    """A redirect, a 404: nothing was sent, and every other request would fare the same."""
    with Sandbox(faults={1: "http:404"}) as sandbox:
        with pytest.raises(RunStopped, match="HTTP 404: not taken"):
            mms.send(planned(250), account_at(sandbox), run=run)
        assert counts(run) == {"pending": 250}
        assert len(mms.resume(run, account_at(sandbox))) == 250
        assert len(ledger(sandbox)) == 250


def test_a_busy_server_is_asked_again(run: Path) -> None:
    """429 is before processing, so the same request may go again; each attempt is a fact."""
    with Sandbox(faults={1: "http:429", 2: "http:429:0"}) as sandbox:
        mms.send(planned(10), account_at(sandbox), run=run)
        assert len(ledger(sandbox)) == 10
    attempts = pd.read_parquet(run / "requests.parquet")
    assert attempts["attempt"].tolist() == [1, 2, 3]
    assert attempts["state"].tolist() == ["pending", "pending", "accepted"]
    assert attempts["http_status"].tolist() == [429, 429, 200]


def test_a_medium_that_cannot_be_fetched_is_tried_three_times(run: Path) -> None:
    """Statuses 114, 116 and 117 may pass; then the content is held back."""
    down = {"http://www.example.com/noel.jpg": MediaFact(downloadable=False)}
    with Sandbox(options=SandboxOptions(media=down)) as sandbox:
        with pytest.raises(RunStopped, match="117"):
            mms.send(planned(250), account_at(sandbox), run=run)
        assert [received.answered for received in sandbox.requests] == [117, 117, 117]
    assert counts(run) == {"refused": 200, "pending": 50}


def test_one_refused_message_does_not_hold_up_the_others(run: Path) -> None:
    """Requests with the refused content stay pending; resuming does not try them again."""
    contacts = pd.DataFrame({"m": fictional(402), "mot": ["bon"] * 201 + ["mauvais"] * 201})
    prepared = mms.prepare(contacts, phone="m", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("mots", mms.Text("{{ mot }}")))
    with Sandbox(faults={1: "status:111"}) as sandbox:
        with pytest.raises(RunStopped, match="111"):
            mms.send(plan, account_at(sandbox), run=run)
        assert counts(run) == {"accepted": 201, "refused": 200, "pending": 1}
        with pytest.raises(RunStopped, match="111"):
            mms.resume(run, account_at(sandbox))
        assert len(sandbox.requests) == 3


@pytest.mark.parametrize("code", sorted(spec.SENDING))
def test_every_status_of_the_table_is_obeyed(code: int, run: Path) -> None:
    """Driven through a whole send: the outcome of its rows, and whether another request follows."""
    known = spec.SENDING[code]
    with Sandbox(faults={0: f"status:{code}"}) as sandbox:
        try:
            mms.send(planned(201), account_at(sandbox), run=run)
            stopped = False
        except RunStopped:
            stopped = True
        sent = len(sandbox.requests)
    first = mms.results(run)["mms_outcome"].iloc[0]
    accepted = {100: "accepted", 101: "scheduled", 123: "rejected"}
    assert first == accepted.get(code, "refused")
    assert stopped is (known.scope is not spec.Scope.NOTHING)
    tries = policy.MAX_TRIES if known.retry else 1
    assert sent == (2 if known.scope is spec.Scope.NOTHING else tries)
    assert mms.results(run)["mms_status"].iloc[0] == code


def test_an_undocumented_status_holds_its_content_back(run: Path) -> None:
    """The gateway said a status, and success has two names: this is none of them."""
    with Sandbox(faults={1: "status:150"}) as sandbox:
        with pytest.raises(RunStopped, match="ask the vendor what status 150 means"):
            mms.send(planned(250), account_at(sandbox), run=run)
    assert counts(run) == {"refused": 200, "pending": 50}


# ----- before the first POST ---------------------------------------------------------------------


@pytest.fixture
def live(sandbox: Sandbox) -> mms.Account:
    """A live account whose gateway is the sandbox: only the word differs."""
    return mms.Account("demo", "demo", sandbox.url, target="live")


SERVICE_TEXT = mms.Campaign("vrai", mms.Text("Bonjour"), purpose="service")


def live_plan() -> mms.Plan:
    contacts = pd.DataFrame({"m": [f"06123456{n:02d}" for n in range(10)]})
    return mms.plan(
        mms.prepare(contacts, phone="m"),
        mms.Campaign("vrai", mms.Text("Bonjour"), purpose="service"),
    )


def test_sending_live_needs_a_positive_word(live: mms.Account, run: Path) -> None:
    """The fingerprint, or the most people it may reach."""
    plan = live_plan()
    with pytest.raises(PlanError, match=f"confirm='{plan.fingerprint}'"):
        mms.send(plan, live, run=run)
    with pytest.raises(PlanError, match="is not this plan's"):
        mms.send(plan, live, run=run, confirm="0" * 64)
    with pytest.raises(PlanError, match="is not this plan's"):
        mms.send(plan, live, run=run, confirm=plan.fingerprint[:11])
    with pytest.raises(PlanError, match="10 recipients and at most 9"):
        mms.send(plan, live, run=run, max_recipients=9)
    assert not run.exists()
    assert len(mms.send(plan, live, run=run, confirm=plan.fingerprint[:12])) == 10


def test_a_limit_is_a_positive_word(live: mms.Account, run: Path, sandbox: Sandbox) -> None:
    """And is kept."""
    mms.send(live_plan(), live, run=run, max_recipients=10)
    assert len(ledger(sandbox)) == 10


def test_fiction_never_goes_live(live: mms.Account, run: Path, sandbox: Sandbox) -> None:
    """Even where somebody prepared it with fictional=True."""
    contacts = pd.DataFrame({"m": fictional(3)})
    plan = mms.plan(mms.prepare(contacts, phone="m", fictional=True), SERVICE_TEXT)
    with pytest.raises(PlanError, match="numbers reserved for fiction"):
        mms.send(plan, live, run=run, max_recipients=10)
    assert sandbox.requests == ()


def test_a_run_keeps_its_target(live: mms.Account, run: Path, sandbox: Sandbox) -> None:
    """What was begun on the sandbox is not finished on people, nor the other way round."""
    mms.send(live_plan(), live, run=run, max_recipients=10)
    with pytest.raises(AccountError, match="begun on the live target"):
        mms.resume(run, account_at(sandbox))


def test_a_time_that_has_passed_is_refused(sandbox: Sandbox, run: Path) -> None:
    """The gateway might send it at once."""
    campaign = mms.Campaign("hier", mms.Text("Bonjour"), send_at="2020-01-01 10:00:00")
    prepared = mms.prepare(pd.DataFrame({"m": fictional(3)}), phone="m", fictional=True)
    with pytest.raises(CampaignError, match="send_at"):
        mms.send(mms.plan(prepared, campaign), account_at(sandbox), run=run)
    assert not run.exists()


def test_a_changed_plan_file_is_found(sandbox: Sandbox, run: Path) -> None:
    """The plan is checked against its fingerprint whenever it is read."""
    mms.send(planned(3), account_at(sandbox), run=run)
    text = (run / "campaign.toml").read_text().replace("Joyeux", "Triste")
    (run / "campaign.toml").write_text(text)
    with pytest.raises(RunError, match="do not give the plan that was written"):
        mms.results(run)


def test_a_second_process_is_refused_and_told_who_is_first(sandbox: Sandbox, run: Path) -> None:
    """One writer at a time; a dead one's lock is free."""
    mms.send(planned(3), account_at(sandbox), run=run)
    folder = RunFolder(run)
    with folder.writer():
        with pytest.raises(RunError, match=rf"process \d+ on {socket.gethostname()} since 2"):
            mms.resume(run, account_at(sandbox))
    assert len(mms.resume(run, account_at(sandbox))) == 3


def test_the_folder_is_its_owners(sandbox: Sandbox, run: Path) -> None:
    """It holds phone numbers: 0700 and 0600."""
    mms.send(planned(3), account_at(sandbox), run=run)
    assert run.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in run.rglob("*") if path.is_file()} == {0o600}


def test_no_file_of_a_run_holds_the_passcode(run: Path) -> None:
    """Neither text nor bytes, also where the login was refused."""
    with Sandbox(options=SandboxOptions(passcode="s3cr3t-Passcode")) as sandbox:  # type: ignore[arg-type]
        mms.send(planned(3), account_at(sandbox, "s3cr3t-Passcode"), run=run)
    for path in (path for path in run.rglob("*") if path.is_file()):
        assert b"s3cr3t-Passcode" not in path.read_bytes()


def test_results_can_be_deleted_and_rebuilt(sandbox: Sandbox, run: Path) -> None:
    """They are a function of plan and facts."""
    first = mms.send(planned(250), account_at(sandbox), run=run)
    (run / "results.parquet").unlink()
    (run / "requests.parquet").unlink()
    write_results(run)
    pd.testing.assert_frame_equal(first, pd.read_parquet(run / "results.parquet"))
    pd.testing.assert_frame_equal(mms.results(run), first)


def test_results_are_not_rebuilt_under_another_writer(sandbox: Sandbox, run: Path) -> None:
    """Whoever sends, settles or erases writes them itself: those of before would undo it."""
    mms.send(planned(3), account_at(sandbox), run=run)
    before = (run / "results.parquet").stat()
    with RunFolder(run).writer(), pytest.raises(mms.RunError, match="is being sent by"):
        write_results(run)
    assert (run / "results.parquet").stat() == before
    write_results(run)
