"""`verify` finds what was changed, names the first broken place, and changes nothing itself."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import mmsbatch as mms
from changed_runs import broken, copy, forge, mms_rows, record, replaced, rewrite
from conftest import TESTS, account_at, fictional, planned
from mmsbatch import parquet
from mmsbatch.cli import app
from mmsbatch.gateway.wire import Answer, decode_answer
from mmsbatch.journal.facts import FactKind
from mmsbatch.journal.sqlite import SqliteJournal
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.opened import identity_in
from mmsbatch.runs.run import write_results
from mmsbatch.sandbox import Sandbox, SandboxOptions

FILES = ("plan.parquet", "campaign.toml", "journal.sqlite", "results.parquet", "requests.parquet")
PARTS = 40
"""Into which the sweep over every byte of a file is cut."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run with accepted, rejected and refused rows, a duplicate and an invalid one."""
    folder = tmp_path_factory.mktemp("runs") / "noel"
    numbers = [*fictional(402), fictional(1)[0], "0199000001"]
    options = SandboxOptions(blacklist=frozenset(fictional(1, start=3)), with_ids=True)
    with Sandbox(options=options, faults={2: "status:111"}) as sandbox:
        with pytest.raises(mms.RunStopped):
            mms.send(planned(numbers=numbers), account_at(sandbox), run=folder)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """Return a copy that may be harmed."""
    return copy(made, tmp_path / "noel")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest run there is."""
    folder = tmp_path_factory.mktemp("runs") / "noel"
    with Sandbox() as sandbox:
        mms.send(planned(3), account_at(sandbox), run=folder)
    return folder


# ----- a run that holds ------------------------------------------------------------------------


def test_a_run_as_it_was_sent_holds(made: Path) -> None:
    """Every check is made, and the counts are the run's."""
    found = mms.verify(made)
    assert (True, None, ()) == (found.holds, found.broken, found.notes)
    assert [check.name for check in found.checks] == [
        "journal",
        "chain",
        "files",
        "plan",
        "facts",
        "requests",
        "results",
        "attempts",
        "conservation",
        "evidence",
        "one folder",
    ]
    assert all(check.holds for check in found.checks)
    told = {check.name: check.found for check in found.checks}
    counts = mms.status(made).outcomes
    parts = ", ".join(f"{count} {word}" for word, count in counts.items())
    assert f"404 rows = {parts}" == told["conservation"]
    assert "199 rows that were taken are named in 1 answers" == told["evidence"]


def test_verifying_changes_nothing(made: Path) -> None:
    """Not a byte, not a file, not a time."""

    def look() -> dict[str, tuple[str, int]]:
        return {
            file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
            for file in made.rglob("*")
            if file.is_file()
        }

    before = look()
    mms.verify(made)
    assert before == look()


def test_results_may_be_deleted_and_rebuilt(run: Path) -> None:
    """They are derived: made anew, they are as good as before."""
    (run / "results.parquet").unlink()
    assert "results: results.parquet is not there" in broken(run)
    write_results(run)
    assert "" == broken(run)


SPELT_OTHERWISE = """create table facts (seq integer not null primary key,
    at VARCHAR(24) not null, kind VARCHAR(16) not null, request INTEGER, attempt INTEGER,
    data TEXT not null, body BLOB, hash VARCHAR(64) not null, unique (request, attempt, kind))"""


def with_table(run: Path, definition: str, *more: str) -> Path:
    """Put the facts of a run into a table that is defined otherwise."""
    with sqlite3.connect(run / "journal.sqlite") as connection:
        rows = connection.execute("SELECT * FROM facts").fetchall()
        connection.execute("DROP TABLE facts")
        for statement in (definition, *more):
            connection.execute(statement)
        connection.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    with sqlite3.connect(run / "journal.sqlite", isolation_level=None) as connection:
        connection.execute("VACUUM")
    connection.close()
    return run


def test_a_table_means_the_same_however_it_is_written(run: Path) -> None:
    """Other letters are no other table."""
    assert "" == broken(with_table(run, SPELT_OTHERWISE))


@pytest.mark.parametrize(
    "change",
    [
        (", unique (request, attempt, kind)", ""),
        ("unique (request, attempt, kind)", "unique (request, attempt, kind, at)"),
        ("VARCHAR(24)", "VARCHAR(25)"),
        ("hash VARCHAR(64) not null", "hash VARCHAR(64)"),
        ("data TEXT not null", "data TEXT not null default ''"),
    ],
)
def test_a_table_that_means_something_else_is_named(run: Path, change: tuple[str, str]) -> None:
    """What is unique keeps a request from being claimed twice."""
    assert SPELT_OTHERWISE != SPELT_OTHERWISE.replace(*change)
    rebuilt = with_table(run, SPELT_OTHERWISE.replace(*change))
    assert "its table of facts is not the one mmsbatch makes" in broken(rebuilt)


def test_a_trigger_beside_the_table_is_named(run: Path) -> None:
    """It could change what is recorded."""
    trigger = "CREATE TRIGGER late AFTER INSERT ON facts BEGIN SELECT 1; END"
    assert "its table of facts is not" in broken(with_table(run, SPELT_OTHERWISE, trigger))


def test_runs_of_earlier_versions_hold_as_far_as_they_say(tmp_path: Path) -> None:
    """They recorded no digests: that is a note, and what can be recomputed is."""
    journals = TESTS / "journals" / "0.1.0"
    for name in ("done", "settled", "released", "retried", "killed"):
        run = copy(journals / name, tmp_path / name)
        (run / "journal.sqlite-shm").unlink(missing_ok=True)
        write_results(run)
        found = mms.verify(run)
        assert (True, None) == (found.holds, found.broken), name
        assert any("recorded no digests" in note for note in found.notes), name


# ----- a crash -----------------------------------------------------------------------------------


def test_results_that_are_out_of_date_do_not_hold(run: Path) -> None:
    """A crash came after an attempt and before the files: said as such, with what to do."""
    with SqliteJournal(run / "journal.sqlite") as journal:
        facts = journal.facts()
        first = next(fact for fact in facts if fact.kind is FactKind.SENDING)
        data = {"recipients": 200, "sha256": _sha256_of(run, 2)}
        journal.append(first.kind, at=first.at, request=2, attempt=2, data=data)
        journal.append(
            FactKind.NOT_SENT, at=first.at, request=2, attempt=2, data={"reason": "no net"}
        )
    place = len(facts) + 1
    assert (
        f"results: results.parquet is out of date: it was written before fact {place} "
        in broken(run)
    )
    write_results(run)
    assert "" == broken(run)


def _sha256_of(run: Path, request: int) -> str:
    attempts = pq.read_table(run / "requests.parquet").to_pylist()
    return str(next(row for row in attempts if row["request"] == request)["request_sha256"])


def test_facts_in_the_log_of_a_dead_writer_are_read(made: Path, tmp_path: Path) -> None:
    """What SQLite has not yet brought into the file counts; the log is left as it is."""
    run = copy(made, tmp_path / "noel")
    with SqliteJournal(run / "journal.sqlite") as journal:
        journal.append(FactKind.STARTED, at=journal.facts()[0].at, data={"login": "x"})
        dead = copy(run, tmp_path / "dead" / "noel")
    (dead / "journal.sqlite-shm").unlink()
    log = (dead / "journal.sqlite-wal").read_bytes()
    assert log
    found = mms.verify(dead)
    facts = len(mms_rows(made)) + 1
    assert (True, f"{facts:,} facts, nothing damaged") == (found.holds, found.checks[0].found)
    assert any("journal.sqlite-wal is there" in note for note in found.notes)
    assert log == (dead / "journal.sqlite-wal").read_bytes()


# ----- what does not hold ------------------------------------------------------------------------


def sql(run: Path, *statements: str) -> None:
    with sqlite3.connect(run / "journal.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_changed_fact_is_named(run: Path) -> None:
    """By its number, with the hash that was expected."""
    sql(run, "UPDATE facts SET at = '2026-11-22T00:00:00.000Z' WHERE seq = 4")
    assert "chain: journal.sqlite: fact 4 (" in broken(run)


def test_a_removed_fact_is_named(run: Path) -> None:
    """A gap in the numbers; and closing it breaks the hashes."""
    sql(run, "DELETE FROM facts WHERE seq = 5")
    assert "chain: journal.sqlite: fact 5 is missing, 6 follows" == broken(run)


def test_facts_cut_off_at_the_end_are_missed_by_the_results(run: Path) -> None:
    """The chain alone cannot see its own end."""
    sql(run, "DELETE FROM facts WHERE seq >= (SELECT max(seq) FROM facts WHERE kind = 'answer')")
    assert "results: results.parquet was never recorded" in broken(run)


def test_an_answer_that_was_improved_is_found(run: Path) -> None:
    """Even when the chain was made anew: the results do not say that."""

    def improve(row: dict[str, Any]) -> None:
        if row["body"] and b"Status=111" in row["body"]:
            row["body"] = row["body"].replace(b"Status=111", b"Status=100")

    forge(run, improve)
    assert "results: results.parquet: row 200, column mms_outcome is not what is rebuilt" == broken(
        run
    )


def test_a_request_that_left_with_other_bytes_is_found(run: Path) -> None:
    """The XML is made once more from the plan."""

    def change(row: dict[str, Any]) -> None:
        if row["kind"] == "sending" and row["request"] == 1:
            row["data"] = json.dumps({**json.loads(row["data"]), "sha256": "0" * 64})

    forge(run, change)
    assert "requests: fact 4: request 1 left with SHA-256 000" in broken(run)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("mms_outcome", "accepted"),
        ("mms_id", "forged"),
        ("mms_status", 100),
        ("mobile", "0639989999"),
        ("mms_sent_at", None),
        ("mms_rejected", False),
    ],
)
def test_a_changed_cell_of_the_results_is_named(run: Path, column: str, value: object) -> None:
    """By row and column; what stands there is a person's and not said."""
    row = 3 if column == "mms_rejected" else 0 if column == "mms_sent_at" else 200
    rewrite(run / "results.parquet", column, replaced(value, row))
    record(run)
    found = broken(run)
    assert f"results: results.parquet: row {row}, column {column} is not what is rebuilt" == found


def test_a_plan_that_was_changed_is_found(run: Path) -> None:
    """Also where nobody computes a fingerprint over it: the contacts' own columns."""
    rewrite(run / "plan.parquet", "id", replaced(7, 0))
    assert "files: plan.parquet was changed" in broken(run)


def test_another_plan_under_the_same_journal_is_found(run: Path, made: Path) -> None:
    """A plan and its metadata that agree with each other, not with what was opened."""
    other = planned(404)
    folder = RunFolder(run)
    parquet.write(
        other.rows, folder.plan_path, folder.metadata(other, identity_in(folder.facts(first=1)))
    )

    def change(row: dict[str, Any]) -> None:
        if row["kind"] == "opened":
            data = json.loads(row["data"])
            data["files"]["plan.parquet"] = hashlib.sha256(
                folder.plan_path.read_bytes()
            ).hexdigest()
            row["data"] = json.dumps(data)

    forge(run, change)
    assert "plan: plan.parquet and campaign.toml give fingerprint" in broken(run)


def test_an_accepted_row_needs_its_number_in_the_answer(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the code that reads answers wrong, this check would still say so."""
    real = decode_answer

    def generous(body: bytes) -> Answer:
        return replace(real(body), refused=())

    monkeypatch.setattr("mmsbatch.journal.facts.decode_answer", generous)
    number = f"<MOBILEPHONE>{fictional(1, start=3)[0]}</MOBILEPHONE>".encode()

    def name_it(row: dict[str, Any]) -> None:
        if row["body"] and b"<RECOVERIDS>" in row["body"] and row["request"] == 1:
            customer = b"<RECOVERIDS><CUSTOMER>" + number + b"</CUSTOMER>"
            row["body"] = row["body"].replace(b"<RECOVERIDS>", customer)

    forge(run, name_it)
    write_results(run)
    found = mms.verify(run)
    assert "evidence" == (found.broken.name if found.broken else "")
    assert "row 3 is claimed as taken" in (found.broken.found if found.broken else "")


def test_a_table_that_was_made_otherwise_is_found(run: Path) -> None:
    """Without its constraint an attempt could be claimed twice."""
    sql(run, "CREATE INDEX another ON facts (at)")
    assert "journal: journal.sqlite: its table of facts is not the one" in broken(run)


def test_a_value_of_another_type_is_named(run: Path) -> None:
    """Text that was bytes: equal to the eye."""
    sql(run, "UPDATE facts SET body = CAST(body AS TEXT) WHERE kind = 'balance'")
    assert "chain: journal.sqlite: fact 3: body is of another type (str)" == broken(run)


def test_strange_files_are_named(run: Path) -> None:
    """An executed notebook is not verified, and that is said."""
    (run / "campaign.ipynb").write_text("{}")
    found = mms.verify(run)
    assert found.holds
    assert "campaign.ipynb is not one of a run's files: not verified" in found.notes


# ----- the command -------------------------------------------------------------------------------


def test_the_command_says_which_place_and_ends_with_1(run: Path) -> None:
    """0 where all holds, 1 where something does not, 2 if there is no run to look at."""
    done = CliRunner().invoke(app, ["verify", str(run), "--json"])
    assert (0, True) == (done.exit_code, json.loads(done.stdout)["holds"])
    (run / "campaign.toml").write_bytes(b"# " + (run / "campaign.toml").read_bytes())
    done = CliRunner().invoke(app, ["verify", str(run), "--json"])
    document = json.loads(done.stdout)
    assert (1, False, "files") == (
        done.exit_code,
        document["holds"],
        document["broken"]["check"],
    )
    done = CliRunner().invoke(app, ["verify", str(run)])
    assert (1, True) == (done.exit_code, "BROKEN     campaign.toml was changed" in done.stdout)
    done = CliRunner().invoke(app, ["verify", str(run.parent / "none")])
    assert (2, "") == (done.exit_code, done.stdout)


@pytest.mark.parametrize("missing", FILES)
def test_a_half_copied_run_does_not_hold(run: Path, missing: str) -> None:
    """Without plan or journal it is no run; without the others it does not hold."""
    (run / missing).unlink()
    if missing in {"plan.parquet", "journal.sqlite"}:
        with pytest.raises(mms.RunError, match="holds no run"):
            mms.verify(run)
    else:
        assert missing in broken(run)


def test_a_run_that_is_being_sent_is_left_alone(run: Path) -> None:
    """What is not finished cannot be judged."""
    with RunFolder(run).writer(), pytest.raises(mms.RunError, match="is being sent"):
        mms.verify(run)


def test_a_newer_version_is_named(run: Path) -> None:
    """Not called damaged: upgrade."""
    sql(run, "PRAGMA user_version = 2", "ALTER TABLE facts ADD COLUMN zone TEXT")
    with pytest.raises(mms.RunError, match=r"newer mmsbatch \(journal version 2"):
        mms.verify(run)


# ----- one byte ----------------------------------------------------------------------------------


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read SQLite's variable-length integer; give it and where it ends."""
    value = 0
    for count in range(9):
        byte = data[at + count]
        if count == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    raise AssertionError


def without_meaning(data: bytes) -> set[int]:
    """List the bytes that SQLite gives no meaning, as `mmsbatch.verify` states them.

    Source: SQLite's "Database File Format", sections 1.3 and 1.6.
    """
    size = struct.unpack(">H", data[16:18])[0]
    free = {*range(40, 44), *range(96, 100)}
    definition = data.index(b"CREATE TABLE facts")  # other letters may mean the same
    free |= {*range(definition, data.index(b"\n)", definition) + 2)}
    overflow: dict[int, int] = {}
    trees = {}
    for number in range(len(data) // size):
        begin = number * size
        header = begin + (100 if number == 0 else 0)
        kind = data[header]
        if kind in {2, 5, 10, 13} and number not in overflow:
            trees[number] = (begin, header, kind)
            overflow |= dict(_overflows(data, begin, header, kind, size))
    for number in range(len(data) // size):
        begin = number * size
        if number in overflow:
            free |= set(range(begin + 4 + overflow[number], begin + size))
        elif number in trees:
            _, header, kind = trees[number]
            head = 12 if kind in {2, 5} else 8
            cells = struct.unpack(">H", data[header + 3 : header + 5])[0]
            taken = set(range(begin, header + head + 2 * cells))
            for start, end, _ in _cells(data, begin, header, kind, size):
                taken |= set(range(start, end))
            free |= set(range(begin, begin + size)) - taken
        else:  # a page of the list of free pages
            free |= set(range(begin, begin + size))
    return free


def _cells(
    data: bytes, begin: int, header: int, kind: int, size: int
) -> Iterator[tuple[int, int, int]]:
    """Return where each cell of a page begins and ends, and how much of it lies elsewhere."""
    head = 12 if kind in {2, 5} else 8
    for cell in range(struct.unpack(">H", data[header + 3 : header + 5])[0]):
        at = header + head + 2 * cell
        start = end = begin + struct.unpack(">H", data[at : at + 2])[0]
        end += 4 if kind in {2, 5} else 0
        if kind == 5:
            yield start, varint(data, end)[1], 0
            continue
        payload, end = varint(data, end)
        if kind == 13:
            end = varint(data, end)[1]
        most = size - 35 if kind == 13 else (size - 12) * 64 // 255 - 23
        least = (size - 12) * 32 // 255 - 23
        if payload <= most:
            yield start, max(end + payload, start + 4), 0
        else:
            local = least + (payload - least) % (size - 4)
            local = local if local <= most else least
            yield start, end + local + 4, payload - local


def _overflows(
    data: bytes, begin: int, header: int, kind: int, size: int
) -> Iterator[tuple[int, int]]:
    for _, end, elsewhere in _cells(data, begin, header, kind, size):
        rest = elsewhere
        page = struct.unpack(">I", data[end - 4 : end])[0] - 1 if rest else 0
        while rest > 0:
            used = min(rest, size - 4)
            yield page, used
            rest -= used
            page = struct.unpack(">I", data[page * size : page * size + 4])[0] - 1


def found(run: Path, name: str, offset: int, value: int) -> bool:
    """Return whether a byte with another value is found; put the old one back."""
    path = run / name
    data = path.read_bytes()
    changed = bytearray(data)
    changed[offset] = value
    path.write_bytes(changed)
    try:
        return not mms.verify(run).holds
    except mms.RunError:
        return True
    finally:
        path.write_bytes(data)


@given(data=st.data())
def test_one_byte_changed_anywhere_is_found(small: Path, data: st.DataObject) -> None:
    """Wherever and whatever it is, but where the format gives it no meaning."""
    name = data.draw(st.sampled_from(FILES))
    content = (small / name).read_bytes()
    nothing = without_meaning(content) if name == "journal.sqlite" else set()
    offset = data.draw(st.integers(0, len(content) - 1).filter(lambda at: at not in nothing))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[offset]))
    assert found(small, name, offset, value)


def test_the_bytes_without_meaning_are_the_ones_stated(small: Path) -> None:
    """A few of each kind are not found, so the list is neither too short nor made up."""
    content = (small / "journal.sqlite").read_bytes()
    nothing = without_meaning(content)
    for offset in (*range(40, 44), *range(96, 100)):
        assert offset in nothing
    # Every byte that is set belongs to a record, but for leftovers: most of the rest is zero.
    page = struct.unpack(">H", content[16:18])[0]
    assert not found(small, "journal.sqlite", 97, content[97] ^ 1)
    assert any(
        not found(small, "journal.sqlite", offset, content[offset] ^ 255)
        for offset in sorted(nothing)
        if offset > page
    )


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", FILES)
def test_every_single_byte(small: Path, name: str, part: int) -> None:
    """The same for each byte of each file, one bit and all bits of it; in parts, for -n."""
    content = (small / name).read_bytes()
    nothing = without_meaning(content) if name == "journal.sqlite" else set()
    missed = [
        offset
        for offset in range(part, len(content), PARTS)
        if offset not in nothing
        and not all(found(small, name, offset, content[offset] ^ bits) for bits in (1, 255))
    ]
    assert [] == missed
