"""`diff`: what is different between two runs, person by person."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from audit_runs import made
from conftest import fictional
from mmsbatch.cli import app

STAYS, LEAVES, COMES, WORSENS, TWICE = (f"+33{number[1:]}" for number in fictional(5))


def people(*numbers: str) -> pd.DataFrame:
    return pd.DataFrame({"mobile": list(numbers)})


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Return two runs, five days apart."""
    return (
        made(tmp_path / "a", people(STAYS, LEAVES, WORSENS, "0199000001"), at="2026-03-02 09:00"),
        made(
            tmp_path / "b",
            people(STAYS, COMES, WORSENS, "", "non"),
            at="2026-03-07 09:00",
            refused=[WORSENS],
        ),
    )


def test_new_gone_changed_and_contacted_twice(two: tuple[Path, Path]) -> None:
    """Each person has one change; whoever got both within a week was contacted twice."""
    found = mms.diff(*two)
    changes = found.people.set_index("e164")["change"].to_dict()
    assert {STAYS: "same", LEAVES: "gone", COMES: "new", WORSENS: "outcome"} == changes
    assert {
        "new": 1,
        "gone": 1,
        "outcome": 1,
        "reason": 0,
        "same": 1,
        "contacted_twice": 1,
        "rows_without_number_a": 1,
        "rows_without_number_b": 2,
    } == found.counts
    stays = found.people.set_index("e164").loc[STAYS]
    assert stays["contacted_twice"]
    assert 5 == round(stays["days_between"], 2)
    worsens = found.people.set_index("e164").loc[WORSENS]
    assert ("accepted", "rejected") == (worsens["outcome_a"], worsens["outcome_b"])
    assert not worsens["contacted_twice"]


def test_the_other_way_round(two: tuple[Path, Path]) -> None:
    """New is gone and gone is new; the time between is the same."""
    there, back = mms.diff(*two), mms.diff(two[1], two[0])
    assert there.counts["new"] == back.counts["gone"]
    assert {LEAVES} == set(back.people.query("change == 'new'")["e164"])
    days = [found.people.set_index("e164")["days_between"].to_dict() for found in (there, back)]
    assert days[0][STAYS] == days[1][STAYS]


@pytest.mark.parametrize(("within_days", "twice"), [(4.9, 0), (5.1, 1), (0, 0)])
def test_within_how_many_days_is_chosen(
    two: tuple[Path, Path], within_days: float, twice: int
) -> None:
    """And whoever is the same and was not contacted twice is not in the frame."""
    found = mms.diff(*two, within_days=within_days)
    assert twice == found.counts["contacted_twice"]
    assert bool(twice) == (STAYS in set(found.people["e164"]))


def test_a_refusal_for_another_reason(tmp_path: Path) -> None:
    """The same outcome, another status: what has to be mended is another thing."""
    a = made(tmp_path / "a", people(STAYS), faults={1: "status:111"})
    b = made(tmp_path / "b", people(STAYS), faults={1: "status:113"})
    found = mms.diff(a, b)
    assert 1 == found.counts["reason"]
    row = found.people.iloc[0]
    assert ("refused", "refused", 111, 113) == tuple(
        row[["outcome_a", "outcome_b", "status_a", "status_b"]]
    )


def test_a_number_in_several_rows_is_one_person(tmp_path: Path) -> None:
    """The row that was sent counts, not its duplicate, whichever comes first."""
    a = made(tmp_path / "a", people(STAYS, STAYS, STAYS), campaign="a")
    b = made(tmp_path / "b", people(STAYS), campaign="b")
    found = mms.diff(a, b)
    assert 1 == found.counts["same"]
    row = found.people.iloc[0]
    assert ("accepted", "accepted", 3, 1) == tuple(
        row[["outcome_a", "outcome_b", "rows_a", "rows_b"]]
    )
    assert pd.isna(row["problem_a"])


def test_a_scheduled_message_comes_when_it_was_scheduled_for(tmp_path: Path) -> None:
    """Sent a month apart and delivered on one day is twice on that day."""
    a = made(tmp_path / "a", people(TWICE), at="2026-02-01 09:00", send_at="2026-03-01 10:00:00")
    b = made(tmp_path / "b", people(TWICE), at="2026-03-01 12:00")
    found = mms.diff(a, b, within_days=1)
    assert 1 == found.counts["contacted_twice"]
    assert pd.Timestamp("2026-03-01 09:00", tz="UTC") == found.people["contacted_a"].iloc[0]


def test_what_may_have_left_counts_as_contact(tmp_path: Path) -> None:
    """A message in doubt may have come; one that was refused has not."""
    a = made(tmp_path / "a", people(TWICE), faults={1: "close:after"})
    b = made(tmp_path / "b", people(TWICE))
    c = made(tmp_path / "c", people(TWICE), faults={1: "status:111"})
    assert 1 == mms.diff(a, b).counts["contacted_twice"]
    assert 0 == mms.diff(b, c).counts["contacted_twice"]


def test_counts_are_all_people(two: tuple[Path, Path]) -> None:
    """Changes add up to the numbers in either run."""
    numbers = pd.concat([mms.results(run)["mms_e164"] for run in two]).dropna().nunique()
    counts = mms.diff(*two).counts
    assert numbers == sum(counts[word] for word in ("new", "gone", "outcome", "reason", "same"))


def test_it_shows_itself_without_a_number(two: tuple[Path, Path]) -> None:
    """As text and in a notebook; the people are in the frame."""
    found = mms.diff(*two)
    for shown in (repr(found), found._repr_html_()):
        assert "only in the second run" in shown
        assert "63998" not in shown


@pytest.mark.parametrize(
    ("which", "said"),
    [
        (("a", "a"), "are the same run"),
        (("a", "."), "hold"),
        (("a", "c"), "does not exist"),
    ],
)
def test_two_runs_are_needed(two: tuple[Path, Path], which: tuple[str, str], said: str) -> None:
    """Neither one, nor three, nor none."""
    folder = two[0].parent
    made(folder / "third", people(COMES))
    with pytest.raises(mms.InputError, match=said):
        mms.diff(folder / which[0], folder / which[1])


def test_a_time_that_runs_backwards_is_an_error(two: tuple[Path, Path]) -> None:
    """Nobody is contacted within less than no days."""
    with pytest.raises(mms.InputError, match="within_days"):
        mms.diff(*two, within_days=-1)


def test_a_run_that_cannot_be_read_is_an_error(two: tuple[Path, Path]) -> None:
    """A comparison with half of it would be wrong."""
    (two[1] / "campaign.toml").unlink()
    with pytest.raises(mms.RunError, match=r"campaign\.toml is missing"):
        mms.diff(*two)


def test_on_the_command_line(two: tuple[Path, Path], tmp_path: Path) -> None:
    """Counts as JSON, the people as a file."""
    out = tmp_path / "people.parquet"
    arguments = ["diff", *map(str, two), "--within-days", "4", "--out", str(out), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert 0 == done.exit_code
    told = json.loads(done.stdout)
    assert (0, 4) == (told["counts"]["contacted_twice"], told["within_days"])
    assert {LEAVES, COMES, WORSENS} == set(pd.read_parquet(out)["e164"])
