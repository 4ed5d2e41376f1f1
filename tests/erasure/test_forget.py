"""`forget` leaves nothing of a person in any run, and everything of all others."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.cli import app
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.sqlite import SqliteJournal
from mmsbatch.phones.e164 import FIRST, seal, token
from mmsbatch.phones.in_text import Notation
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.outcomes import RESULT_COLUMNS
from mmsbatch.runs.run import write_results
from mmsbatch.sandbox import Sandbox, SandboxOptions
from year_of_runs import REGULAR, Year

NATIONAL = "639980005"
NUMBER = 33_000_000_000 + int(NATIONAL)
FORMS = (f"0{NATIONAL}", f"33{NATIONAL}", "06 39 98 00 05", "06.39.98.00.05", "Fantômette")
"""Digits in the notations of these runs, and a name."""


def contacts() -> pd.DataFrame:
    """Return 260 people; the fifth is in two rows, and in cells of two others."""
    mobile = fictional(260)
    mobile[5] = "06.39.98.00.05"
    frame = pd.DataFrame(
        {
            "id": range(1000, 1260),
            "mobile": mobile,
            "prenom": ["Alix"] * 260,
            "note": [f"note {place}" for place in range(260)],
            "ville": pd.Categorical(["Nice", "Lyon"] * 130),
            "achats": np.arange(260) / 4,
            "vip": [place % 2 == 0 for place in range(260)],
        }
    )
    frame.loc[5, "prenom"] = "Fantômette"
    frame.loc[9, "note"] = "conjoint: +33 (0)6 39 98 00 05"
    frame["ville"] = frame["ville"].cat.add_categories(["Fantômette-les-Bains"])
    frame.loc[5, "ville"] = "Fantômette-les-Bains"
    again = frame.iloc[[5]].assign(mobile="+33639980005", id=2000)
    two = frame.iloc[[20]].assign(mobile="06 39 98 00 05 / 06 39 98 00 21", id=2001)
    return pd.concat([frame, again, two], ignore_index=True)


def plan_of(frame: pd.DataFrame, message: str = "Bonjour {{ prenom }}") -> mms.Plan:
    prepared = mms.prepare(frame, phone="mobile", fictional=True)
    return mms.plan(prepared, mms.Campaign("essai", mms.Text(message)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make four runs: one personal, one for all, one without the person, one that stopped early."""
    runs = tmp_path_factory.mktemp("runs")
    options = SandboxOptions(blacklist=frozenset(fictional(1, start=3)), with_ids=True)
    with Sandbox(options=options) as sandbox:
        mms.send(plan_of(contacts()), account_at(sandbox), run=runs / "personal")
    with Sandbox(options=SandboxOptions(blacklist=frozenset(fictional(1, start=5)))) as sandbox:
        mms.send(plan_of(contacts(), "Bonjour"), account_at(sandbox), run=runs / "for-all")
        other = contacts().drop(index=[5, 9, 260, 261]).reset_index(drop=True)
        other["ville"] = other["ville"].cat.remove_unused_categories()
        mms.send(plan_of(other), account_at(sandbox), run=runs / "without")
    late = pd.concat([contacts().drop(index=[5, 260]), contacts().iloc[[5]]], ignore_index=True)
    with Sandbox(faults={2: "status:103"}) as sandbox:
        account = account_at(sandbox)
        # Requests 3 and 4 have not left: one person alone, and the last people of the list.
        frame = late.assign(prenom=["A"] * 200 + ["B"] * 20 + ["C"] + ["D"] * (len(late) - 221))
        with pytest.raises(mms.RunStopped):
            mms.send(plan_of(frame), account, run=runs / "stopped")
    (runs / "personal" / "campaign.ipynb").write_text('{"cells": ["06 39 98 00 05 envoyé"]}')
    return runs


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """Return copies that may be changed."""
    return copy(made, tmp_path / "runs")


def copy(runs: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(runs, to)
    mms.moved(to)
    return to


def folders(runs: Path) -> list[Path]:
    return sorted(path for path in runs.iterdir() if path.is_dir())


def contents(runs: Path) -> dict[str, str]:
    """Return the digest of every file, but of locks."""
    return {
        str(path.relative_to(runs)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(runs.rglob("*"))
        if path.is_file() and path.name != "writer.lock"
    }


def texts(runs: Path) -> Iterator[tuple[str, str]]:
    """Return all text there is, as raw bytes and as each format's reader gives it."""
    for path in sorted(runs.rglob("*")):
        if not path.is_file() or ".erasing" in path.parts:  # half made; it counts for nothing
            continue
        raw = path.read_bytes()
        yield str(path), raw.decode("latin-1")
        yield str(path), raw.decode("utf-8", errors="replace")
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            for name in table.column_names:
                column = table.column(name)
                for chunk in column.chunks:
                    words = getattr(chunk, "dictionary", None)
                    yield f"{path}:{name}", repr(words.to_pylist() if words is not None else "")
                yield f"{path}:{name}", repr(column.to_pylist())
            yield f"{path}:metadata", repr(table.schema.metadata)
        if path.suffix == ".sqlite":
            with sqlite3.connect(path) as connection:
                for row in connection.execute("SELECT * FROM facts"):
                    yield f"{path}:facts", repr(row)
            connection.close()


def traces(runs: Path) -> set[str]:
    return {place for place, text in texts(runs) for form in FORMS if form in text}


# ----- what is erased, and what is not -----------------------------------------------------------


def test_nothing_is_left_of_the_person(runs: Path) -> None:
    """In no file, raw or read, in no notation; the name neither."""
    assert len(traces(runs)) > 10
    mms.forget("06 39 98 00 05", runs)
    assert set() == traces(runs)


def test_counts_and_proofs_hold_afterwards(runs: Path) -> None:
    """Outcomes, requests, credits and the audit are what they were; every run verifies."""
    whole = ("personal", "for-all", "without")
    before = {name: mms.status(runs / name).to_json() for name in whole}
    done = mms.forget("+33639980005", runs).runs.set_index("run")
    after = {name: mms.status(runs / name).to_json() for name in whole}
    for one in (*before.values(), *after.values()):
        del one["fingerprint"]
    assert before == after
    assert [None] * 4 == [mms.verify(path).broken for path in folders(runs)]
    assert {"personal": 2, "for-all": 2, "without": 0, "stopped": 1} == done["rows"].to_dict()
    assert {"personal": 2, "for-all": 2, "without": 0, "stopped": 2} == done["cells"].to_dict()
    assert "not in it" == done.loc["without", "state"]


@pytest.mark.parametrize("name", ["personal", "for-all"])
def test_other_rows_are_as_they_were(runs: Path, name: str) -> None:
    """Value by value, type by type; of the person the verdict is left, under a token."""
    tables = [pq.read_table(runs / name / "results.parquet")]
    frames = [pd.read_parquet(runs / name / "results.parquet")]
    done = mms.forget("0639980005", runs)
    tables.append(pq.read_table(runs / name / "results.parquet"))
    frames.append(pd.read_parquet(runs / name / "results.parquet"))
    mine, emptied = [5, 260], {("note", 9), ("mobile", 261)}
    assert tables[0].schema.types == tables[1].schema.types
    assert tables[0].column_names == tables[1].column_names
    for column in tables[0].column_names:
        old, new = (table.column(column).to_pylist() for table in tables)
        for place, (then, now) in enumerate(zip(old, new, strict=True)):
            if place not in mine and (column, place) not in emptied:
                assert then == now, (column, place)
        if not column.startswith("mms_"):
            assert [None, None] == [new[place] for place in mine], column
        elif column not in {"mms_e164", "mms_message"}:
            assert [old[place] for place in mine] == [new[place] for place in mine], column
    assert [None, None] == [
        tables[1].column(column).to_pylist()[place] for column, place in sorted(emptied)
    ]
    assert [done.token] * 2 == frames[1]["mms_e164"].iloc[mine].tolist()
    message = frames[1]["mms_message"].iloc[5]
    assert message == ("(erased)" if name == "personal" else "Bonjour")
    # Figures that were whole are whole, though some are missing now.
    assert "Int64" == frames[1]["id"].dtype
    assert [*range(1000, 1005)] == frames[1]["id"].iloc[:5].tolist()


def test_the_verdict_of_the_person_is_kept(runs: Path) -> None:
    """Refused by the gateway in one run, accepted in the other: the evidence says so still."""
    columns = list(RESULT_COLUMNS)
    before = {
        name: pd.read_parquet(runs / name / "results.parquet")[columns].iloc[[5, 260]]
        for name in ("personal", "for-all")
    }
    mms.forget("0639980005", runs)
    for name, then in before.items():
        now = pd.read_parquet(runs / name / "results.parquet")[columns].iloc[[5, 260]]
        assert then.astype(str).to_dict("records") == now.astype(str).to_dict("records")
    assert "rejected" == before["for-all"]["mms_outcome"].iloc[0]
    assert "accepted" == before["personal"]["mms_outcome"].iloc[0]


def test_no_hash_over_the_number_is_left(runs: Path) -> None:
    """Of what is kept, none can be undone by trying all numbers."""
    folder = runs / "personal"
    with sqlite3.connect(folder / "journal.sqlite") as connection:
        rows = connection.execute("SELECT data, body, hash FROM facts").fetchall()
    connection.close()
    plan = RunFolder(folder).load_plan()
    data = [json.loads(row[0]) for row in rows]
    concerned = plan.rows["mms_request"].iloc[5]
    old = {plan.fingerprint, *(row[2] for row in rows[1:])}
    old |= {hashlib.sha256(row[1]).hexdigest() for row in rows if row[1] and b"980005" in row[1]}
    old |= {one for said in data for one in said.get("files", {}).values()}
    old |= set(contents(runs).values())
    old -= {hashlib.sha256((folder / "campaign.toml").read_bytes()).hexdigest()}
    attempts = pd.read_parquet(folder / "requests.parquet").set_index("request")
    old.add(attempts.loc[concerned, "request_sha256"])
    mms.forget("0639980005", folder)
    kept = " ".join(text for _, text in texts(folder))
    assert set() == {one for one in old if one in kept}


def test_the_old_fingerprint_can_still_be_proved(runs: Path) -> None:
    """Whoever confirmed a send by its fingerprint can show, with the key, that it is this run."""
    old = mms.status(runs / "personal").fingerprint
    mms.forget("0639980005", runs)
    with SqliteJournal(runs / "personal" / "journal.sqlite") as journal:
        fact = next(fact for fact in journal.facts() if fact.kind is FactKind.FORGOTTEN)
    assert seal(old, (runs / ".forget-key").read_bytes()) == fact.data["sealed"]["fingerprint"]


def test_what_has_not_left_never_leaves(runs: Path) -> None:
    """The person's row becomes suppressed; the others of the run are served when it goes on."""
    before = mms.status(runs / "stopped").outcomes
    mms.forget("0639980005", runs)
    after = mms.status(runs / "stopped").outcomes
    assert before["pending"] - 1 == after["pending"]
    assert 1 == after["suppressed"]
    with Sandbox() as sandbox:
        results = mms.resume(runs / "stopped", account_at(sandbox))
    assert {"accepted", "invalid", "suppressed"} == set(results["mms_outcome"])
    assert mms.verify(runs / "stopped").holds


def test_a_request_that_was_for_one_person_is_empty(runs: Path) -> None:
    """Nothing is posted for it, and the requests behind it keep their numbers."""
    rows = pd.read_parquet(runs / "stopped" / "plan.parquet")
    alone = rows.loc[rows["mms_request"] == 3, "mms_e164"].item()
    mms.forget(alone, runs / "stopped")
    with Sandbox() as sandbox:
        results = mms.resume(runs / "stopped", account_at(sandbox))
        posted = sum(len(one.numbers) for one in sandbox.requests)
    assert {"accepted": 259, "invalid": 1, "suppressed": 1} == mms.status(runs / "stopped").outcomes
    assert {1, 2, 4} == set(results["mms_request"].dropna())
    assert 59 == posted
    assert mms.verify(runs / "stopped").holds


def test_a_refused_request_may_go_again_without_the_person(runs: Path) -> None:
    """Out of credit: nothing of it was sent, so the person is taken out of it as if never there."""
    rows = pd.read_parquet(runs / "stopped" / "plan.parquet")
    second = rows.loc[rows["mms_request"] == 2, "mms_e164"].tolist()
    mms.forget(second[3], runs / "stopped")
    assert mms.verify(runs / "stopped").holds
    with Sandbox() as sandbox:
        mms.resume(runs / "stopped", account_at(sandbox))
        posted = [number for one in sandbox.requests for number in one.numbers]
    assert [number[1:] for number in second if number != second[3]] == posted[:19]
    assert 1 == mms.status(runs / "stopped").outcomes["suppressed"]
    assert mms.verify(runs / "stopped").holds


def test_a_refused_request_for_one_person_never_goes_again(tmp_path: Path) -> None:
    """There is nobody left to send it to; what the gateway said of it stays."""
    frame = pd.DataFrame({"mobile": fictional(2), "prenom": ["A", "B"]})
    run = tmp_path / "runs" / "run"
    with Sandbox(faults={1: "status:103"}) as sandbox, pytest.raises(mms.RunStopped):
        mms.send(plan_of(frame), account_at(sandbox), run=run)
    mms.forget(fictional(1)[0], run)
    with Sandbox() as sandbox:
        mms.resume(run, account_at(sandbox))
        posted = [number for one in sandbox.requests for number in one.numbers]
    assert ["33639980001"] == posted
    assert {"accepted": 1, "refused": 1} == mms.status(run).outcomes
    assert mms.verify(run).holds


def test_the_files_that_need_a_look_are_named(runs: Path) -> None:
    """The number is replaced in text; what is not text is not searched, and that is said."""
    (runs / "without" / "export.xlsx").write_bytes(b"PK\0\0" + NATIONAL.encode())
    half = runs / ".noel.x1y2"
    half.mkdir()
    shutil.copy(runs / "personal" / "plan.parquet", half)
    (runs / "reports").mkdir()
    left = mms.forget("0639980005", runs).left
    assert any("reports: not searched, not a run" in note for note in left)
    assert any("campaign.ipynb: the number was replaced" in note for note in left)
    assert any("export.xlsx: not text" in note for note in left)
    assert any(".noel.x1y2: a run that was never made" in note for note in left)


def test_what_a_killed_process_left_goes(runs: Path) -> None:
    """Half a plan or half of the results, written beside and never renamed."""
    shutil.copy(runs / "without" / "plan.parquet", runs / "without" / ".plan.parquet.x1y2")
    shutil.copy(runs / "personal" / "plan.parquet", runs / "without" / ".results.parquet.x1y2")
    mms.forget("0639980005", runs)
    assert set() == traces(runs)
    assert [] == list((runs / "without").glob(".*"))


def test_whoever_has_the_journal_open_sees_the_new_one(runs: Path) -> None:
    """A file put in the old one's place would leave a reader, and SQLite's log, with the old."""
    with sqlite3.connect(runs / "personal" / "journal.sqlite") as reader:
        reader.execute("SELECT count(*) FROM facts").fetchone()
        mms.forget("0639980005", runs)
        facts = repr(reader.execute("SELECT * FROM facts").fetchall())
    reader.close()
    assert [] == [form for form in FORMS if form in facts]
    assert set() == traces(runs)


def test_forgetting_twice_changes_nothing(runs: Path) -> None:
    """The second time says so, and not a byte differs."""
    first = mms.forget("0639980005", runs)
    before = contents(runs)
    again = mms.forget("06 39 98 00 05", runs)
    assert before == contents(runs)
    assert first.token == again.token
    states = again.runs.set_index("run")["state"].to_dict()
    assert "already erased" == states["personal"]
    assert "not in it" == states["without"]


def test_two_people_one_after_the_other(runs: Path) -> None:
    """Seals are not sealed again, and both are nobody now."""
    mms.forget("0639980005", runs)
    mms.forget("0639980009", runs)
    assert [None] * 4 == [mms.verify(path).broken for path in folders(runs)]
    rows = pd.read_parquet(runs / "personal" / "results.parquet")
    assert 3 == rows["mms_e164"].str.startswith("+999").sum()


def test_somebody_in_every_run_of_a_year(year: Year, tmp_path: Path) -> None:
    """Crashes, doubts and reconciliations among them: counts stay, proofs hold, nothing is left."""
    runs = tmp_path / "runs"
    year.copy(runs)
    mms.moved(runs)
    for path in folders(runs):
        write_results(path)
        for request in mms.status(path).doubts:
            mms.settle(path, request.number, "sent", "the back office shows it")
    before = {path.name: dict(mms.status(path).outcomes) for path in folders(runs)}
    done = mms.forget(f"+{REGULAR}", runs)
    after = {path.name: dict(mms.status(path).outcomes) for path in folders(runs)}
    for name, counts in after.items():
        # A row that may still have left is suppressed now; all others are what they were.
        unsent = ("suppressed", "pending", "refused")
        assert sum(counts.pop(word, 0) for word in unsent) == sum(
            before[name].pop(word, 0) for word in unsent
        )
    assert before == after
    assert len(before) == len(done.runs)
    assert {} == {
        path.name: found.found for path in folders(runs) if (found := mms.verify(path).broken)
    }
    national = REGULAR[2:]
    forms = (f"0{national}", f"33{national}")
    assert set() == {where for where, text in texts(runs) for form in forms if form in text}


# ----- refusals ----------------------------------------------------------------------------------


def refused(runs: Path, match: str) -> None:
    """Make sure that nothing at all is changed, in no run."""
    before = contents(runs)
    with pytest.raises(mms.InputError, match=match):
        mms.forget("0639980005", runs)
    after = contents(runs)
    after.pop(".forget-key", None)
    before.pop(".forget-key", None)
    assert before == after


def test_a_run_that_is_being_sent_is_named(runs: Path) -> None:
    """By the process that does; the others are left alone too."""
    with RunFolder(runs / "without").writer():
        refused(runs, f"without is being sent by process {os.getpid()}")


def test_a_damaged_run_is_not_made_to_look_whole(runs: Path) -> None:
    """It is named, and the way out."""
    with sqlite3.connect(runs / "for-all" / "journal.sqlite") as connection:
        connection.execute("UPDATE facts SET at = '2026-01-01T00:00:00.000Z' WHERE seq = 3")
    connection.close()
    refused(runs, r"for-all does not verify \(journal.sqlite: fact 3 ")


@pytest.mark.parametrize("name", ["journal.sqlite", "plan.parquet", "campaign.toml"])
def test_a_run_copied_in_part_is_not_passed_over(runs: Path, name: str) -> None:
    """The person may be in what is there of it."""
    (runs / "for-all" / name).unlink()
    refused(runs, f"for-all: {name} is missing: the folder was copied in part")


def test_a_request_in_doubt_is_settled_first(runs: Path) -> None:
    """It might be sent again, to a number that is none."""
    plan = plan_of(contacts(), "Bonjour")
    with Sandbox(faults={1: "close:after"}) as sandbox, pytest.raises(mms.RunInDoubt):
        mms.send(plan, account_at(sandbox), run=runs / "doubt", again=True)
    refused(runs, "doubt: request 1 is in_doubt and names this person")
    mms.settle(runs / "doubt", 1, "sent", "the back office shows it")
    mms.forget("0639980005", runs)
    assert mms.verify(runs / "doubt").holds
    assert set() == traces(runs)


@pytest.mark.parametrize("number", ["", "0199000001", "06 39 98 00 05 / 06 39 98 00 06", "Alix"])
def test_what_is_no_mobile_is_refused(runs: Path, number: str) -> None:
    """And the message does not repeat it."""
    with pytest.raises(mms.InputError, match="not one French mobile number") as error:
        mms.forget(number, runs)
    assert not number or number not in str(error.value)


def test_a_key_that_is_none_is_refused(runs: Path, tmp_path: Path) -> None:
    """Too short a key is no key."""
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(mms.InputError, match="32 bytes are needed, found 5"):
        mms.forget("0639980005", runs, key_file=tmp_path / "key")


# ----- a kill ------------------------------------------------------------------------------------

_EVENTS = frozenset(
    {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect", "os.chmod"}
)


def killed(runs: Path, moment: int) -> bool:
    """Forget in a process of its own, which dies before its nth step on a file of the runs."""
    child = os.fork()
    if child == 0:
        passed = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal passed
            if event in _EVENTS and str(runs) in str(arguments[0]):
                passed += 1
                if passed == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            mms.forget("0639980005", runs)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def check_kill(made: Path, runs: Path, moment: int) -> bool:
    """Kill, look at each run, and forget again; say whether there was such a moment."""
    copy(made, runs)
    fingerprints = {path.name: mms.status(path).fingerprint for path in folders(runs)}
    if not killed(runs, moment):
        return False
    for path in folders(runs):
        if (path / ".erased").exists():
            with pytest.raises(mms.RunError, match="erasing a person was broken off half-way"):
                mms.status(path)
            continue
        found = mms.verify(path)
        assert found.holds, (moment, found.broken)
        old = mms.status(path).fingerprint == fingerprints[path.name]
        assert old == bool(traces(path)) or path.name == "without", moment
    mms.forget("0639980005", runs)
    assert set() == traces(runs)
    assert [None] * 4 == [mms.verify(path).broken for path in folders(runs)]
    assert [] == list(runs.rglob(".era*"))
    return True


def test_a_kill_while_files_are_replaced(made: Path, tmp_path: Path) -> None:
    """Some moments of each part: each run is old, or new, or is finished by the same command."""
    for moment in (1, 140, 215):
        if not check_kill(made, tmp_path / "runs", moment):
            assert moment > 100
            break


@pytest.mark.full
@pytest.mark.parametrize("part", range(36))
def test_a_kill_at_every_moment(part: int, made: Path, tmp_path: Path) -> None:
    """The same for each step on a file that there is; in parts, for -n."""
    moment = 1 + part
    while check_kill(made, tmp_path / "runs", moment):
        moment += 36
    assert moment > 100


# ----- the token, and the list -------------------------------------------------------------------


def test_forgotten_people_are_known_again(runs: Path) -> None:
    """By the key alone; a number that never was in a run too."""
    mms.forget("0639980005", runs)
    mms.forget("0639989999", runs)
    numbers = np.array([639980005, 639980006, -1, 639989999])
    assert [True, False, False, True] == mms.read_suppression_list(runs).covers(numbers).tolist()
    assert (runs / ".forget-key").stat().st_mode & 0o777 == 0o600
    assert set() == traces(runs)


def test_a_key_that_knows_nobody_again_is_refused(runs: Path) -> None:
    """Without a word they would all be written to."""
    mms.forget("0639980005", runs)
    own = (runs / ".forget-key").read_bytes()
    (runs / ".forget-key").write_bytes(bytes(32))
    mms.forget("0639980006", runs)  # a lost key keeps nobody from being erased
    for key in (own, bytes(32)):
        (runs / ".forget-key").write_bytes(key)
        with pytest.raises(mms.InputError, match="1 of 2 people were erased under another key"):
            mms.read_suppression_list(runs)
    (runs / ".forget-key").unlink()
    with pytest.raises(mms.InputError, match=r"forget-key: the key cannot be used"):
        mms.read_suppression_list(runs)


def test_the_key_may_lie_elsewhere(runs: Path, tmp_path: Path) -> None:
    """The same people, whichever file the key is in."""
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    mms.forget("0639980005", runs, key_file=key)
    assert 1 == mms.read_suppression_list(runs, key_file=key).covers(np.array([639980005])).sum()


def test_a_list_whose_key_is_not_on_record_is_read(runs: Path) -> None:
    """A token alone is enough; a line that is none is an error that names the file."""
    mms.forget("0639980005", runs)
    path = runs / ".forgotten"
    path.write_text(path.read_text().split()[0] + "\n")
    assert mms.read_suppression_list(runs).covers(np.array([639980005])).all()
    path.write_text("quelqu'un\n")
    with pytest.raises(mms.InputError, match=r"\.forgotten, the list of people who were erased"):
        mms.read_suppression_list(runs)


@given(number=st.integers(33_600_000_000, 33_799_999_999), key=st.binary(min_size=32, max_size=32))
def test_a_token_is_nobodys_number(number: int, key: bytes) -> None:
    """It fits in 64 bits, begins with 999, and says nothing without the key."""
    made = token(number, key)
    assert FIRST <= made < FIRST + 10**15 < 2**63
    assert made == token(number, key) != token(number, bytes([key[0] ^ 1]) + key[1:])


@given(
    number=st.integers(600_000_000, 799_999_999),
    prefix=st.sampled_from(["0", "+33", "33", "0033", "+33 (0)", "+33 ", "tél. 0", ""]),
    separators=st.lists(
        st.sampled_from(["", " ", ".", "-", "\u00a0", " - "]), min_size=8, max_size=8
    ),
)
def test_a_number_is_found_in_any_notation(number: int, prefix: str, separators: list[str]) -> None:
    """And is not found in its neighbour, nor in a longer figure."""
    written = prefix + "".join(map("".join, zip(f"{number:09d}", [*separators, ""], strict=True)))
    notation = Notation(33_000_000_000 + number)
    assert notation.is_in(f"appeler {written} svp")
    neighbour = Notation(33_000_000_000 + number % 799_999_999 + 1)
    assert not neighbour.is_in(written)
    assert not notation.is_in(f"EAN 4{number}5")
    assert notation.is_in_bytes(written.encode())
    replaced = notation.replaced_bytes(written.encode(), FIRST)
    assert not notation.is_in_bytes(replaced)


# ----- the command -------------------------------------------------------------------------------


def test_the_command_says_what_it_did(runs: Path) -> None:
    """One JSON document; 2 where nothing could be done."""
    words = ["forget", "06 39 98 00 05", str(runs)]
    done = CliRunner().invoke(app, [*words, "--erase", "--json"])
    document = json.loads(done.stdout)
    assert 0 == done.exit_code
    assert {"dry_run", "token", "key_file", "runs", "left"} == set(document)
    assert ("for-all", "erased", 2) == tuple(
        document["runs"][0][name] for name in ("run", "state", "rows")
    )
    assert NATIONAL not in done.output
    done = CliRunner().invoke(app, ["forget", "x", str(runs)])
    assert (2, "") == (done.exit_code, done.stdout)


def test_the_command_only_shows_what_it_would_erase_until_it_is_told(runs: Path) -> None:
    """A dry run changes nothing, makes no key, and prints the command that erases."""
    before = contents(runs)
    words = ["forget", "06 39 98 00 05", str(runs)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0
    assert "nothing was changed" in shown.stdout
    again = f"mmsbatch forget '06 39 98 00 05' {runs} --erase"
    assert again in shown.stdout
    assert contents(runs) == before
    erased = CliRunner().invoke(app, shlex.split(again)[1:])
    assert erased.exit_code == 0
    assert f"{runs / '.forget-key'}: keep it" in erased.stdout
    assert set() == traces(runs)
