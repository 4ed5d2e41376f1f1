"""A plan gives every sendable row one place, the same on any machine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmsbatch as mms
from conftest import fictional, planned
from mmsbatch.errors import CampaignError, PlanError


def prepared_from(contacts: pd.DataFrame) -> pd.DataFrame:
    return mms.prepare(contacts, phone="mobile", fictional=True)


def text(message: str = "Bonjour") -> mms.Campaign:
    return mms.Campaign("essai", mms.Text(message))


def test_rows_are_cut_into_requests_of_200_in_row_order() -> None:
    """401 recipients make 200, 200 and 1."""
    plan = planned(401)
    assert [len(request.numbers) for request in plan] == [200, 200, 1]
    sent = [number for request in plan for number in request.numbers]
    assert sent == [f"+33{number[1:]}" for number in fictional(401)]


def test_a_smaller_chunk_can_be_asked_for() -> None:
    """From 1 to 200, and nothing else."""
    prepared = prepared_from(pd.DataFrame({"mobile": fictional(5)}))
    assert mms.plan(prepared, text(), chunk_size=2).requests == 3
    for wrong in (0, 201, -1):
        with pytest.raises(PlanError, match="chunk_size must be from 1 to 200"):
            mms.plan(prepared, text(), chunk_size=wrong)


def test_each_message_has_requests_of_its_own() -> None:
    """A request carries one message, so rows are grouped by it, in order of appearance."""
    contacts = pd.DataFrame(
        {"mobile": fictional(5), "ville": ["Nice", "Lyon", "Nice", None, "Lyon"]}
    )
    plan = mms.plan(prepared_from(contacts), text("À {{ ville }}"))
    assert [(request.message, len(request.numbers)) for request in plan] == [
        ("À Nice", 2),
        ("À Lyon", 2),
    ]
    assert plan.rows["mms_request"].tolist() == [1, 2, 1, pd.NA, 2]
    assert plan.rows["mms_problem"].tolist()[3] == "message_value_missing"


def test_a_duplicate_names_the_first_row_with_its_number() -> None:
    """By position, whatever the notation and the index."""
    contacts = pd.DataFrame(
        {"mobile": ["06 39 98 00 01", "0639980002", "+33639980001", "639980001"]},
        index=[9, 9, 4, 4],
    )
    rows = mms.plan(prepared_from(contacts), text()).rows
    assert rows["mms_problem"].astype(object).where(rows["mms_problem"].notna(), "").tolist() == [
        "",
        "",
        "duplicate",
        "duplicate",
    ]
    assert rows["mms_duplicate_of"].tolist() == [pd.NA, pd.NA, 0, 0]


def test_a_personal_text_reaches_a_number_once() -> None:
    """One message for one number is the rule, however the number and the text are written."""
    contacts = pd.DataFrame(
        {
            "mobile": ["0639980012", "+33639980012", "0639980013"],
            "prenom": ["Jean", "J.", "Ana"],
        }
    )
    plan = mms.plan(prepared_from(contacts), text("Salut {{ prenom }}"))
    assert [request.message for request in plan] == ["Salut Jean", "Salut Ana"]
    assert plan.rows["mms_problem"].tolist() == [np.nan, "duplicate", np.nan]
    assert plan.rows["mms_duplicate_of"].tolist() == [pd.NA, 0, pd.NA]


def test_the_first_row_whose_text_can_be_sent_is_sent() -> None:
    """A row that has no text of its own does not keep the number's other row from being sent."""
    contacts = pd.DataFrame({"mobile": ["0639980012"] * 2, "prenom": [None, "Jean"]})
    plan = mms.plan(prepared_from(contacts), text("Salut {{ prenom }}"))
    assert [request.message for request in plan] == ["Salut Jean"]
    assert plan.rows["mms_problem"].tolist() == ["message_value_missing", np.nan]


ORDERS = pd.DataFrame({"mobile": ["0639980001"] * 3, "commande": ["A", "B", "A"]})
READY = "Commande {{ commande }} prête"


@pytest.mark.parametrize("by_campaign", [True, False])
def test_one_message_for_each_number_and_text_where_it_is_said(by_campaign: bool) -> None:
    """Two orders of one customer may be two messages; the plan says that a number gets several."""
    campaign = mms.Campaign("c", mms.Text(READY), one_per="message" if by_campaign else "number")
    plan = mms.plan(prepared_from(ORDERS), campaign, one_per=None if by_campaign else "message")
    assert [request.message for request in plan] == ["Commande A prête", "Commande B prête"]
    assert plan.rows["mms_duplicate_of"].tolist() == [pd.NA, pd.NA, 0]
    assert plan.campaign.one_per == "message"
    assert plan.to_json()["numbers_with_several_messages"] == 1
    assert any("1 number get" in warning for warning in plan.warnings)


def test_an_unknown_one_per_is_refused() -> None:
    """The words are named, and nothing is planned."""
    with pytest.raises(
        mms.CampaignError, match=r"one_per: 'number' or 'message' is needed.*'rows'"
    ):
        mms.Campaign("c", mms.Text("x"), one_per="rows")  # type: ignore[arg-type]
    with pytest.raises(mms.CampaignError, match="one_per"):
        mms.plan(prepared_from(ORDERS), text(READY), one_per="rows")  # type: ignore[arg-type]


def test_filtering_out_the_first_of_two_sends_the_second() -> None:
    """A duplicate of a row that is no longer there is nobody's duplicate: nobody is lost."""
    prepared = prepared_from(pd.DataFrame({"mobile": ["0639980001", "0639980001"]}))
    plan = mms.plan(prepared.iloc[1:], text())
    assert (plan.recipients, bool(plan.rows["mms_problem"].isna().all())) == (1, True)


def test_the_fingerprint_is_of_what_is_sent_and_nothing_else() -> None:
    """Index, dtype, other columns and their order change nothing; anything sent does."""
    contacts = pd.DataFrame({"mobile": fictional(300), "nom": "x"})
    same = [
        contacts.set_index(np.arange(300)[::-1] * 7),
        contacts[["nom", "mobile"]],
        contacts.assign(autre=1.5),
        contacts.astype({"mobile": "category"}),
        contacts.astype({"mobile": object}),
    ]
    fingerprint = mms.plan(prepared_from(contacts), text()).fingerprint
    for variant in same:
        assert mms.plan(prepared_from(variant), text()).fingerprint == fingerprint
    other = [
        mms.plan(prepared_from(contacts), text("Bonsoir")),
        mms.plan(prepared_from(contacts), text(), chunk_size=199),
        mms.plan(prepared_from(contacts.iloc[::-1]), text()),
        mms.plan(prepared_from(contacts.iloc[:-1]), text()),
        mms.plan(prepared_from(pd.concat([contacts, contacts.iloc[:1]])), text()),
        mms.plan(prepared_from(contacts), mms.Campaign("autre", mms.Text("Bonjour"))),
        mms.plan(
            prepared_from(contacts),
            mms.Campaign("essai", mms.Text("Bonjour"), send_at="2030-01-01 10:00:00"),
        ),
    ]
    assert len({fingerprint, *(plan.fingerprint for plan in other)}) == 1 + len(other)


def test_the_fingerprint_never_changes_between_versions() -> None:
    """A run begun with one version is resumed with the next: this value is a promise."""
    assert (
        planned(3).fingerprint == "b9e7894dc1d3ad49c5c73e55447934dff2a92db342ff659298f6abd9b834d0e5"
    )


@pytest.mark.parametrize(
    ("frame", "word"),
    [
        (pd.DataFrame({"mobile": ["0639980001"]}), "no column mms_e164 and no column mms_problem"),
        (planned(2).rows, "already has mms_message and mms_request"),
        (
            pd.DataFrame({"mms_e164": ["0639980001"], "mms_problem": [None]}),
            "mms_e164 at row position 0 is not a French mobile",
        ),
        (
            pd.DataFrame({"mms_e164": ["+33639980001", None], "mms_problem": [None, None]}),
            "row position 1 has neither a number nor a problem",
        ),
    ],
)
def test_a_frame_that_was_not_prepared_is_refused(frame: pd.DataFrame, word: str) -> None:
    """Nothing reaches the wire that `prepare` did not vouch for."""
    with pytest.raises(PlanError, match=word):
        mms.plan(frame, text())


def test_no_sendable_row_is_an_error_that_counts_the_reasons() -> None:
    """The analyst most often gave the wrong column."""
    prepared = prepared_from(pd.DataFrame({"mobile": ["0199000001", "", "0199000002"]}))
    with pytest.raises(PlanError, match="no row can be sent: 3 rows, 2 landline, 1 missing"):
        mms.plan(prepared, text())


def test_a_column_the_message_names_must_exist() -> None:
    """The nearest name is offered."""
    prepared = prepared_from(pd.DataFrame({"mobile": ["0639980001"], "prenom": ["Zoé"]}))
    with pytest.raises(CampaignError, match="Did you mean 'prenom'"):
        mms.plan(prepared, text("Bonjour {{ prénom }}"))


def test_the_prepared_frame_is_left_as_it_was() -> None:
    """Frames that come in are not changed."""
    prepared = prepared_from(pd.DataFrame({"mobile": ["0639980001", "0639980001"]}))
    before = pd.DataFrame(prepared.copy(deep=True))
    mms.plan(prepared, text())
    pd.testing.assert_frame_equal(pd.DataFrame(prepared), before)


def test_a_difference_is_told_in_words() -> None:
    """What an analyst sees who reuses a run's name for something else."""
    difference = planned(3).difference(planned(4, message="Bonne année !"))
    assert "campaign.content" in difference
    assert "3 recipients there, 4 now" in difference
    assert planned(3).difference(planned(3)) == ""


@given(
    cells=st.lists(
        st.sampled_from(["0639980001", "06 39 98 00 02", "0639980003", "0199000001", "", None]),
        min_size=1,
        max_size=40,
    ),
    places=st.lists(st.sampled_from(["Nice", "Lyon", None]), min_size=40, max_size=40),
    size=st.integers(1, 5),
)
def test_every_row_has_a_problem_or_one_place(
    cells: list[str | None], places: list[str | None], size: int
) -> None:
    """Conservation: rows = places + problems, and no number twice with one message."""
    contacts = pd.DataFrame({"mobile": cells, "ville": places[: len(cells)]}, dtype=object)
    try:
        plan = mms.plan(prepared_from(contacts), text("À {{ ville }}"), chunk_size=size)
    except PlanError:
        return
    rows = plan.rows
    assert (rows["mms_problem"].isna() == rows["mms_request"].notna()).all()
    assert plan.recipients + int(rows["mms_problem"].notna().sum()) == len(rows)
    pairs = [(request.message, number) for request in plan for number in request.numbers]
    assert len(set(pairs)) == len(pairs) == plan.recipients
    assert all(1 <= len(request.numbers) <= size for request in plan)
