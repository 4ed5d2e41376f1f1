"""The journal keeps facts: in order, once, for the owner only."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from mmsbatch.errors import RunError
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.journal.journal import AlreadyClaimed
from mmsbatch.journal.sqlite import SqliteJournal

AT = datetime(2026, 12, 1, 9, 0, 0, 123_000, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_facts_come_back_as_they_went_in(path: Path) -> None:
    """Another process reads the same facts, with bytes and accents untouched."""
    with SqliteJournal(path, create=True) as journal:
        journal.append(FactKind.OPENED, at=AT, data={"campaign": "Noël", "rows": 3})
        journal.append(FactKind.SENDING, at=AT, request=1, attempt=1)
        journal.append(FactKind.ANSWER, at=AT, request=1, attempt=1, body=b"\x00\xe9Status")
    with SqliteJournal(path) as journal:
        assert journal.facts() == [
            Fact(FactKind.OPENED, AT, data={"campaign": "Noël", "rows": 3}),
            Fact(FactKind.SENDING, AT, 1, 1),
            Fact(FactKind.ANSWER, AT, 1, 1, body=b"\x00\xe9Status"),
        ]


def test_times_are_utc_to_the_millisecond(path: Path) -> None:
    """Whatever the zone of the clock."""
    paris = timezone(timedelta(hours=1))
    with SqliteJournal(path, create=True) as journal:
        journal.append(FactKind.STARTED, at=datetime(2026, 12, 1, 10, 0, 0, 123_999, tzinfo=paris))
        assert [fact.at for fact in journal.facts()] == [AT]


def test_an_attempt_is_claimed_once(path: Path) -> None:
    """The second claim of an attempt fails in the database, not by anybody's care."""
    with SqliteJournal(path, create=True) as first, SqliteJournal(path) as second:
        first.append(FactKind.SENDING, at=AT, request=7, attempt=1)
        with pytest.raises(AlreadyClaimed, match="request 7, attempt 1"):
            second.append(FactKind.SENDING, at=AT, request=7, attempt=1)
        second.append(FactKind.SENDING, at=AT, request=7, attempt=2)
        assert len(first.facts()) == 2


def test_facts_recorded_together_are_all_there_or_none(path: Path) -> None:
    """One that cannot be there takes the others with it; by themselves they can be written."""
    answer, claim = Fact(FactKind.ANSWER, AT, 1, 1), Fact(FactKind.SENDING, AT, 2, 1)
    with SqliteJournal(path, create=True) as journal:
        journal.record(Fact(FactKind.SENDING, AT, 1, 1), claim)
        with pytest.raises(AlreadyClaimed, match=r"request 1, .* or request 2, .*sending"):
            journal.record(answer, claim)
        assert [fact.kind for fact in journal.facts()] == [FactKind.SENDING] * 2
        journal.record(answer)
        assert journal.facts()[2:] == [answer]


def test_each_fact_is_chained_to_the_one_before(path: Path) -> None:
    """Equal facts get different hashes: what came before is in them."""
    with SqliteJournal(path, create=True) as journal:
        for _ in range(3):
            journal.append(FactKind.STARTED, at=AT)
    with sqlite3.connect(path) as connection:
        hashes = [row[0] for row in connection.execute("SELECT hash FROM facts ORDER BY seq")]
    connection.close()
    assert len(set(hashes)) == 3


def test_the_file_is_its_owners(path: Path) -> None:
    """Answers hold phone numbers."""
    with SqliteJournal(path, create=True) as journal:
        journal.append(FactKind.STARTED, at=AT)
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}


def test_a_missing_journal_is_not_made_by_reading(path: Path) -> None:
    """Only a new run makes one."""
    with pytest.raises(RunError, match="is not a run's folder"):
        SqliteJournal(path)
    assert not path.exists()


def test_a_file_that_is_no_journal_is_named(path: Path) -> None:
    """Not a stack of database errors."""
    path.write_bytes(b"this is not a database, it is a note somebody left here" * 100)
    with pytest.raises(RunError, match=r"journal\.sqlite cannot be used"):
        SqliteJournal(path)


def test_a_newer_journal_is_left_alone(path: Path) -> None:
    """An older mmsbatch says so instead of misreading."""
    SqliteJournal(path, create=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(RunError, match=r"newer mmsbatch \(journal version 99"):
        SqliteJournal(path)


def test_a_fact_of_an_unknown_kind_is_named(path: Path) -> None:
    """It may mean anything, so nothing is concluded from the others."""
    with SqliteJournal(path, create=True) as journal:
        journal.append(FactKind.STARTED, at=datetime.now(UTC))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE facts SET kind='recalled'")
    connection.close()
    with SqliteJournal(path) as journal, pytest.raises(RunError, match="fact 1 is a 'recalled'"):
        journal.facts()
