"""What audits and erasures say of a year of runs, held against the gateway's books."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

import mmsbatch as mms
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.run import write_results
from year_of_runs import REGULAR, Year


def audited(year: Year) -> dict[str, dict[str, int]]:
    """Return each run's rows by outcome as the audit has them."""
    rows = mms.audit(year.folder).to_dict("records")
    return {
        row["run"]: {word: row[word] for word in map(str, Outcome) if row[word]} for row in rows
    }


def test_the_audit_counts_what_the_books_say(year: Year) -> None:
    """Run by run, the one included whose sender died before it wrote any results."""
    assert {sent.name: dict(sent.counts) for sent in year.runs} == audited(year)


def test_the_audit_spends_what_the_gateway_charged(year: Year) -> None:
    """Where every answer was heard, or nothing was lost."""
    spent = mms.audit(year.folder).set_index("run")["credits_spent"]
    heard = {"accepted", "scheduled", "rejected", "invalid", "duplicate", "pending", "refused"}
    quiet = [sent for sent in year.runs if sent.counts.keys() <= heard]
    for sent in quiet:
        assert (sent.name, sent.credits_spent) == (sent.name, spent[sent.name])


def test_the_audit_names_the_runs_that_need_a_person(year: Year) -> None:
    """Those in which something is left that nobody has finished or settled."""
    frame = mms.audit(year.folder)
    needed = {sent.name for sent in year.runs if sent.recipe.needs_person}
    assert needed == set(frame["run"][frame["needs_person"] != ""])


def test_history_is_the_regulars_year(year: Year) -> None:
    """Every row of theirs in every run, whichever way their number is asked for."""
    for notation in (f"+{REGULAR}", f"0{REGULAR[2:]}", "06 39 98 00 42"):
        found = mms.history(notation, year.folder)
        said = Counter(zip(found["run"], found["outcome"], strict=True))
        assert Counter(year.history(REGULAR)) == said
    sent = found[found["outcome"].isin(["accepted", "scheduled"])].set_index("run")["message"]
    got = {
        one.name: delivery.message
        for one in year.runs
        for delivery in one.deliveries
        if delivery.number == REGULAR and one.name in sent.index
    }
    assert got == sent.to_dict()


def test_an_erased_person_leaves_counts_and_proofs(year: Year, tmp_path: Path) -> None:
    """Somebody of the newsletter and the campaigns is forgotten; nothing else changes."""
    copy = year.copy(tmp_path / "runs")
    for sent in copy.runs:
        if sent.recipe.unwritten:
            write_results(sent.path)
    number = next(
        f"33639{980000 + n}"
        for n in range(140, 300)
        if {word for _, word in year.history(f"33639{980000 + n}")} <= {"accepted", "scheduled"}
    )
    assert len(year.history(number)) > 2
    before = audited(copy)
    mms.forget(f"+{number}", copy.folder)
    assert before == audited(copy)
    assert [] == [sent.name for sent in copy.runs if not mms.verify(sent.path).holds]
    for sent in copy.runs:
        for name in ("plan", "results", "requests"):
            cells = pd.read_parquet(sent.path / f"{name}.parquet").to_csv()
            assert (sent.name, name, False) == (sent.name, name, number[2:] in cells)
        assert number[2:].encode() not in (sent.path / "journal.sqlite").read_bytes()
