"""A year of runs: every result file is what the gateway's books say, and each folder proves it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import mmsbatch as mms
from mmsbatch.runs.outcomes import Outcome
from year_of_runs import OPTED_OUT, REGULAR, Sent, Year
from year_recipes import RECIPES

RUNS = [recipe.run for recipe in RECIPES]


def results(sent: Sent) -> pd.DataFrame:
    """Read the file, or build what it would be where the sender died before writing it."""
    if sent.recipe.unwritten:
        return mms.results(sent.path)
    return pd.read_parquet(sent.path / "results.parquet")


@pytest.mark.parametrize("run", RUNS)
def test_every_row_of_every_file_is_what_the_books_say(year: Year, run: str) -> None:
    """Row by row: whatever was lost, killed, settled or refused on the way."""
    sent = year[run]
    frame = results(sent)
    assert list(sent.outcomes) == frame["mms_outcome"].astype(str).tolist()
    numbers = [person.number and f"+{person.number}" for person in sent.people]
    found = frame["mms_e164"].where(frame["mms_outcome"] != "invalid", "").tolist()
    assert numbers == found


@pytest.mark.parametrize("run", RUNS)
def test_who_is_accepted_is_who_got_it(year: Year, run: str) -> None:
    """Nobody got a message twice, and the ledger names everybody who is said to have one."""
    sent = year[run]
    frame = results(sent)
    of = {
        outcome: set(rows["mms_e164"].dropna().str.removeprefix("+"))
        for outcome, rows in frame.groupby(frame["mms_outcome"].astype(str))
    }
    got = Counter(delivery.number for delivery in sent.deliveries)
    assert set() == {number for number, times in got.items() if times > 1}
    certain = of.get("accepted", set()) | of.get("scheduled", set())
    perhaps = of.get("in_doubt", set()) | of.get("unreported", set())
    assert set() == certain - got.keys()
    assert set() == got.keys() - certain - perhaps


@pytest.mark.parametrize("run", RUNS)
def test_every_run_is_verified(year: Year, run: str) -> None:
    """But for results that a dead sender did not write: it is those that are named."""
    sent = year[run]
    found = mms.verify(sent.path)
    broken = found.broken.name if found.broken else ""
    assert ("results" if sent.recipe.unwritten else "") == broken


def test_rows_are_conserved(year: Year) -> None:
    """Over the year, every row of contacts has one outcome."""
    counted = sum((Counter(mms.status(sent.path).outcomes) for sent in year.runs), Counter())
    assert year.counts == +counted
    assert sum(len(sent.people) for sent in year.runs) == counted.total()


def test_the_year_has_every_outcome_and_thirty_runs(year: Year) -> None:
    """Whatever an auditor may meet is in it, but for suppression lists, which plans do not have."""
    assert 30 == len(year.runs) == len(set(RUNS))
    assert set(map(str, Outcome)) - {"suppressed"} == set(year.counts)
    opened = [mms.audit(sent.path)["opened_at"].item() for sent in year.runs]
    assert opened == sorted(opened)
    assert (2025, 2026) == (opened[0].year, opened[-1].year)
    assert [recipe.day for recipe in RECIPES] == [f"{time:%Y-%m-%d}" for time in opened]


def test_credits_are_what_the_messages_cost(year: Year) -> None:
    """Where every answer was heard: what the account had at first, less what it has."""
    heard = {"accepted", "scheduled", "rejected", "invalid", "duplicate"}
    quiet = [sent for sent in year.runs if sent.counts.keys() <= heard and not sent.recipe.faults]
    assert 18 == len(quiet)
    for sent in quiet:
        report = mms.status(sent.path)
        spent = (report.credits_before or 0) - (report.credits or 0)
        assert (sent.name, sent.credits_spent) == (sent.name, spent)


def test_what_needs_a_person_is_said(year: Year) -> None:
    """The recipes' own word for it agrees with what is left undone."""
    left = {"in_doubt", "pending", "refused"}
    for sent in year.runs:
        named = bool(left & sent.counts.keys()) or (
            "unreported" in sent.counts and not sent.recipe.settled_as_sent
        )
        assert (sent.name, sent.recipe.needs_person) == (sent.name, named)


def test_one_person_has_a_rich_history(year: Year) -> None:
    """The regular is in every run, under nearly every outcome, and twice in each list."""
    history = year.history(REGULAR)
    assert 2 * len(year.runs) == len(history)
    first = Counter(outcome for _, outcome in history[::2])
    assert {"duplicate": len(year.runs)} == Counter(outcome for _, outcome in history[1::2])
    every = {"accepted", "scheduled", "rejected", "unreported", "refused", "in_doubt", "pending"}
    assert every == first.keys()
    assert set() == {"accepted", "scheduled"} & {word for _, word in year.history(OPTED_OUT[0])}


def test_a_copy_is_ones_own(year: Year, tmp_path: Path) -> None:
    """What a test changes in it, no other test sees."""
    copy = year.copy(tmp_path / "runs")
    (copy.runs[0].path / "results.parquet").unlink()
    assert (year.runs[0].path / "results.parquet").exists()
    assert mms.verify(copy.runs[1].path).holds
