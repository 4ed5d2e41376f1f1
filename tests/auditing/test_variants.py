"""Variants compared: against published examples, and against a run's own books."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.auditing.variants import newcombe, wilson
from mmsbatch.errors import InputError
from mmsbatch.sandbox import Sandbox, SandboxOptions

SPLIT = mms.Split({"A": mms.Text("un"), "B": mms.Text("deux")}, hold_out=20)


def test_the_intervals_are_the_published_ones() -> None:
    """Newcombe (1998): 81 of 263 by Wilson's method; 56 of 70 against 48 of 80 by method 10."""
    assert wilson(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0, 0.1611), abs=5e-5)
    assert wilson(20, 20).high == 1
    assert newcombe(wilson(56, 70), wilson(48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.fixture
def results(run: Path) -> pd.DataFrame:
    """Results of 1,000 people, some of whose numbers the gateway refuses; one row stands twice."""
    numbers = fictional(1000)
    refused = [f"33{number[1:]}" for number in numbers[::10]]
    frame = pd.DataFrame({"mobile": [*numbers, numbers[0]]})
    plan = mms.plan(
        mms.prepare(frame, phone="mobile", fictional=True), mms.Campaign("noel", split=SPLIT)
    )
    with Sandbox(options=SandboxOptions(blacklist=frozenset(refused))) as sandbox:
        return mms.send(plan, account_at(sandbox), run=run)


def by_variant(compared: pd.DataFrame) -> dict[str, Any]:
    return {str(row["variant"]): row for row in compared.to_dict("records")}


def test_each_person_counts_once_whatever_became_of_the_message(results: pd.DataFrame) -> None:
    compared = by_variant(mms.variants(results))
    assert list(compared) == ["A", "B", "held_out"]
    assert sum(row["people"] for row in compared.values()) == 1000
    people = results.drop_duplicates("mms_e164")
    for name, row in compared.items():
        mine = people[people["mms_variant"] == name]
        assert (row["people"], row["yes"]) == (len(mine), (mine["mms_outcome"] == "accepted").sum())
    assert compared["held_out"]["yes"] == 0


def test_who_responded_is_a_column_of_the_analysts(results: pd.DataFrame) -> None:
    """Compared with who was held out, as people respond without a message too."""
    bought = results["mms_variant"].map({"A": 1.0, "B": 0.0, "held_out": None}).astype(float)
    compared = by_variant(mms.variants(results.assign(bought=bought), "bought"))
    assert (compared["A"]["share"], compared["B"]["share"]) == (1, 0)
    assert compared["A"]["against"] == compared["B"]["against"] == "held_out"
    assert compared["A"]["gap_low"] > 0.9
    assert compared["B"]["gap_low"] < 0 < compared["B"]["gap_high"]
    assert compared["held_out"]["against"] == ""


def test_without_a_hold_out_the_first_is_the_measure(results: pd.DataFrame) -> None:
    sent = results[results["mms_variant"] != "held_out"]
    assert mms.variants(sent)["against"].tolist() == ["", "A"]


@pytest.mark.parametrize(
    ("change", "response", "told"),
    [
        (lambda frame: frame.drop(columns="mms_variant"), None, "their campaign has no split"),
        (lambda frame: frame.assign(bought=1), "brought", "Did you mean 'bought'?"),
        (lambda frame: frame.assign(bought=[2, *[1] * 1000]), "bought", "row position 0 holds"),
        (lambda frame: frame.assign(bought="oui"), "bought", "row position 0 holds"),
        (lambda _frame: [], None, "variants takes what results gave, not list"),
    ],
)
def test_what_cannot_be_compared_is_named(
    results: pd.DataFrame, change: Any, response: str | None, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        mms.variants(change(results), response)
    assert told in str(caught.value)


def test_they_can_be_drawn(results: pd.DataFrame) -> None:
    drawn = mms.plots.variants(mms.variants(results))
    (axes,) = drawn.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B", "held out"]
    assert "1,000 people" in axes.get_title(loc="left")
    empty = mms.variants(results.iloc[:0])
    assert "nobody is in any variant" in repr_of(mms.plots.variants(empty))


def repr_of(figure: Any) -> str:
    return " ".join(text.get_text() for text in figure.axes[0].texts)
