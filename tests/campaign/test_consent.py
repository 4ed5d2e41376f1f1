"""Who has agreed to be written to: the column, its words, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mmsbatch as mms
from mmsbatch.sandbox import Sandbox


def contacts(*answers: object) -> pd.DataFrame:
    """Return contacts with different numbers and these answers."""
    numbers = [f"06399800{n:02}" for n in range(len(answers))]
    return pd.DataFrame({"mobile": numbers, "optin": pd.Series(answers, dtype=object)})


def problems(frame: pd.DataFrame, **options: object) -> list[str]:
    """Prepare a frame by its column `optin`, and return each row's problem."""
    prepared = mms.prepare(frame, phone="mobile", fictional=True, consent="optin", **options)  # type: ignore[arg-type]
    return (
        prepared["mms_problem"].astype(object).where(prepared["mms_problem"].notna(), "").tolist()
    )


def test_only_a_clear_yes_is_sent() -> None:
    """The words of the sample export and of other systems; an empty cell is no consent."""
    said = ["Oui", "oui ", 1, 1.0, True, "non", "", None, 0, False, "STOP"]
    assert problems(contacts(*said)) == [""] * 5 + ["no_consent"] * 6


@pytest.mark.parametrize("dtype", ["str", "category", "object"])
def test_every_dtype_of_words_is_read(dtype: str) -> None:
    """A category or a string column says the same."""
    frame = contacts("oui", "non", None).astype({"optin": dtype})
    assert problems(frame) == ["", "no_consent", "no_consent"]


@pytest.mark.parametrize("values", [[1.0, 0.0, None], [True, False, None], [1, 0, pd.NA]])
def test_numbers_and_truth_values_are_words(values: list[object]) -> None:
    """A column of floats, of truth values or of nullable integers."""
    frame = contacts(*values)
    frame["optin"] = frame["optin"].infer_objects()
    assert problems(frame) == ["", "no_consent", "no_consent"]


def test_a_no_is_the_persons_and_covers_every_row_of_the_number() -> None:
    """Who said no in one row and yes in another is not written to; an empty cell says nothing."""
    frame = pd.DataFrame(
        {
            "mobile": ["0639980001", "0639980002", "+33639980001", "0639980002"],
            "optin": ["oui", None, "non", "oui"],
        }
    )
    assert problems(frame) == ["no_consent", "no_consent", "no_consent", ""]


def test_a_word_that_is_neither_names_its_rows() -> None:
    """Nobody knows what it means, so nothing is sent; the error says how to say it."""
    with pytest.raises(mms.ContactsError, match=r"'peut-être'.*in the rows 1, 3 .*yes = "):
        problems(contacts("oui", "peut-être", "non", "peut-être"))


def test_a_column_without_a_yes_is_the_wrong_one() -> None:
    """So is one that does not exist, with the nearest name."""
    with pytest.raises(mms.ContactsError, match="no row of the consent column 'optin' says yes"):
        problems(contacts("non", None))
    with pytest.raises(mms.ContactsError, match=r"no consent column 'opt_in'.*mean 'optin'"):
        mms.prepare(contacts("oui"), phone="mobile", consent="opt_in")


def test_the_words_can_be_set() -> None:
    """A column may have words of its own; those of the other list stay what they were."""
    own = mms.Consent("optin", yes=("A", "1"), no=("B",))
    frame = contacts("A", "b", "1")
    prepared = mms.prepare(frame, phone="mobile", fictional=True, consent=own)
    assert prepared["mms_problem"].isna().tolist() == [True, False, True]
    with pytest.raises(mms.CampaignError, match="'oui' cannot mean both"):
        mms.Consent.read({"column": "optin", "yes": ["oui"], "no": ["Oui"]})
    with pytest.raises(mms.CampaignError, match="a list of words is needed"):
        mms.Consent("optin", yes="oui")  # type: ignore[arg-type]
    with pytest.raises(mms.CampaignError, match="'x' cannot mean both"):
        mms.Consent("optin", yes=("x",), no=("X",))
    with pytest.raises(mms.CampaignError, match=r"consent.yess: unknown key.*mean 'yes'"):
        mms.Consent.read({"column": "optin", "yess": ["oui"]})


def test_the_campaigns_column_counts_also_for_a_frame_prepared_without_it() -> None:
    """Both ways give one plan, and the plan says by which column and words it was made."""
    frame = contacts("oui", "non", "oui")
    stated = mms.Campaign("c", mms.Text("Bonjour"), consent="optin")
    plain = mms.Campaign("c", mms.Text("Bonjour"))
    by_campaign = mms.plan(mms.prepare(frame, phone="mobile", fictional=True), stated)
    by_prepare = mms.plan(
        mms.prepare(frame, phone="mobile", fictional=True, consent="optin"), plain
    )
    assert by_campaign.fingerprint == by_prepare.fingerprint
    assert by_campaign.recipients == by_prepare.recipients == 2
    assert by_prepare.campaign.consent == mms.Consent("optin")


def test_a_campaign_file_names_the_column(tmp_path: Path) -> None:
    """As a name or with words; what is wrong with it stands beside everything else."""
    path = tmp_path / "c.toml"
    path.write_text('name = "c"\nkind = "text"\nmessage = "x"\nconsent = "optin"\n')
    assert mms.load_campaign(path).consent == mms.Consent("optin")
    path.write_text(
        'name = "c"\nkind = "text"\nmessage = "x"\npurpose = "comercial"\n'
        'consent = {column = "optin", yes = "oui"}\n'
    )
    with pytest.raises(mms.CampaignError) as caught:
        mms.load_campaign(path)
    assert "campaign.purpose: 'commercial' or 'service' is needed" in str(caught.value)
    assert "Did you mean 'commercial'?" in str(caught.value)
    assert "campaign.consent: yes: a list of words is needed" in str(caught.value)


def test_the_run_keeps_the_words_and_goes_on_with_them(tmp_path: Path) -> None:
    """The proof of who had agreed is in the run: the column and the words, whatever comes later."""
    frame = contacts("oui", "non", "oui")
    campaign = mms.Campaign("c", mms.Text("Bonjour"), consent="optin", purpose="commercial")
    plan = mms.plan(mms.prepare(frame, phone="mobile", fictional=True), campaign)
    with Sandbox() as sandbox:
        account = mms.Account("demo", "demo", sandbox.url, target="sandbox")
        results = mms.send(plan, account, run=tmp_path / "run", progress=False)
        sent = [delivery.number for delivery in sandbox.ledger]
    assert results["mms_outcome"].tolist() == ["accepted", "suppressed", "accepted"]
    assert sent == ["33639980000", "33639980002"]
    kept = mms.load_campaign(tmp_path / "run" / "campaign.toml")
    assert kept.consent == campaign.consent
    assert "yes = [" in (tmp_path / "run" / "campaign.toml").read_text()
    assert mms.verify(tmp_path / "run").holds


@pytest.mark.parametrize(
    ("purpose", "number", "warned"),
    [
        (None, "0612345678", True),
        (None, "0639980001", False),  # of the sandbox only
        ("commercial", "0639980001", True),
        ("service", "0612345678", False),
    ],
)
def test_a_plan_without_a_consent_column_warns(
    purpose: str | None, number: str, warned: bool
) -> None:
    """Unless it is a service, or can reach nobody."""
    campaign = mms.Campaign("c", mms.Text("Bonjour"), purpose=purpose)  # type: ignore[arg-type]
    prepared = mms.prepare(pd.DataFrame({"mobile": [number]}), phone="mobile", fictional=True)
    warnings = mms.plan(prepared, campaign).warnings
    assert any("no consent column" in warning for warning in warnings) == warned


def test_consent_that_was_looked_at_is_not_asked_for_again() -> None:
    """Whatever became of the frame between `prepare` and `plan`: its rows say so themselves."""
    frame = contacts("oui", "non", "oui")
    prepared = mms.prepare(frame, phone="mobile", fictional=True, consent="optin")
    campaign = mms.Campaign("c", mms.Text("Bonjour"), purpose="commercial")
    kept = mms.plan(prepared[prepared["optin"] != "?"], campaign)
    assert kept.campaign.consent == mms.Consent("optin")
    rebuilt = pd.DataFrame({name: prepared[name] for name in prepared.columns})
    for plan in (kept, mms.plan(rebuilt, campaign)):
        assert plan.recipients == 2
        assert not any("no consent column" in warning for warning in plan.warnings)
