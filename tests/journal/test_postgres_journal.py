"""A journal in PostgreSQL keeps the same promises, also where the way to it is cut."""

from __future__ import annotations

import logging
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psycopg
import pytest

import mmsbatch as mms
from conftest import account_at, planned, quick
from mmsbatch.errors import InputError, RunError
from mmsbatch.journal import postgres as database
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.journal.journal import AlreadyClaimed
from mmsbatch.runs.folder import RunFolder
from mmsbatch.sandbox import Sandbox
from postgres_cluster import PASSWORD, Cluster, Cut, cluster


@pytest.fixture
def journal(postgres: Cluster) -> str:
    return postgres.url


@pytest.fixture
def cut(postgres: Cluster) -> Iterator[Cut]:
    """A way to the server that can be cut."""
    way = Cut(postgres.port)
    yield way
    way.close()


def through(cut: Cut, cluster: Cluster) -> str:
    return cluster.url.replace(str(cluster.port), str(cut.port))


def ledger(sandbox: Sandbox) -> Counter[str]:
    return Counter(f"+{delivery.number}" for delivery in sandbox.ledger)


def on_server(cluster: Cluster, statement: str) -> None:
    """Change what is on the server, behind the package's back."""
    url = cluster.url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def number_of(run: Path, cluster: Cluster) -> int:
    identity = RunFolder.at(run, cluster.url).facts(first=1)[0].data["identity"]
    with psycopg.connect(cluster.url.replace("+psycopg", "")) as connection:
        row = connection.execute(
            "SELECT id FROM mmsbatch.journals WHERE identity = %s", (identity,)
        ).fetchone()
        assert row is not None
        return int(row[0])


# ----- a run -------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
def test_a_run_is_sent_proved_and_read_elsewhere(
    workers: int, sandbox: Sandbox, run: Path, tmp_path: Path, journal: str
) -> None:
    """The folder has the plan and the results; a copy of it on another machine says the same."""
    results = mms.send(planned(), account_at(sandbox), run=run, workers=workers, journal=journal)
    assert ledger(sandbox) == Counter(results["mms_e164"])
    assert mms.verify(run, journal=journal).holds
    elsewhere = tmp_path / "elsewhere" / "noel"
    shutil.copytree(run, elsewhere)
    assert mms.status(elsewhere, journal=journal).outcomes["accepted"] == 500
    pd.testing.assert_frame_equal(mms.results(elsewhere, journal=journal), results)
    assert not (run / "journal.sqlite").exists()


def test_a_copy_of_the_folder_is_the_same_run(sandbox: Sandbox, run: Path, journal: str) -> None:
    """Beside the original or not: what one has sent the other knows, and nobody gets it twice."""
    account = account_at(sandbox)
    mms.send(planned(), account, run=run, journal=journal)
    copied = run.with_name("copied")
    shutil.copytree(run, copied)
    again = mms.resume(copied, account, journal=journal)
    assert again["mms_outcome"].eq("accepted").all()
    assert set(ledger(sandbox).values()) == {1}


def test_the_address_may_stand_in_the_environment(
    sandbox: Sandbox, run: Path, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that every command finds it, and nobody sees it on a command line."""
    monkeypatch.setenv("MMSBATCH_JOURNAL", journal)
    mms.send(planned(), account_at(sandbox), run=run)
    assert mms.status(run).outcomes == {"accepted": 500}
    assert mms.verify(run).holds


def test_a_run_that_is_in_its_folder_stays_there(
    sandbox: Sandbox, run: Path, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder says where its journal is, whatever new runs get."""
    mms.send(planned(), account_at(sandbox), run=run)
    monkeypatch.setenv("MMSBATCH_JOURNAL", journal)
    assert mms.status(run).outcomes == {"accepted": 500}


def test_no_secret_of_the_address_is_seen(
    sandbox: Sandbox, run: Path, journal: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the folder, the facts, the log, a repr or an error."""
    caplog.set_level(logging.DEBUG)
    mms.send(planned(), account_at(sandbox), run=run, journal=journal)
    said = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    said += [repr(RunFolder.at(run, journal)).encode(), caplog.text.encode()]
    said += [repr(fact).encode() for fact in RunFolder.at(run, journal).facts()]
    wrong = journal.replace(PASSWORD, PASSWORD + "x")
    with pytest.raises(RunError, match="cannot be used") as refused:
        mms.status(run, journal=wrong)
    said.append(repr(refused.value).encode())
    assert not [text for text in said if PASSWORD.encode() in text]


# ----- the same promises as a file ---------------------------------------------------------------


def test_an_attempt_is_claimed_once(sandbox: Sandbox, run: Path, journal: str) -> None:
    """The second claim of an attempt fails in the database, not by anybody's care."""
    mms.send(planned(200), account_at(sandbox), run=run, journal=journal)
    folder = RunFolder.at(run, journal)
    at = folder.facts()[0].at
    claim = Fact(FactKind.SENDING, at, request=1, attempt=1)
    with folder.journal.open() as opened:
        before = opened.facts()
        with pytest.raises(AlreadyClaimed, match="request 1, attempt 1"):
            opened.record(Fact(FactKind.SENDING, at, request=1, attempt=2), claim)
        assert opened.facts() == before


def test_one_process_drives_a_run(sandbox: Sandbox, run: Path, journal: str) -> None:
    """The second is refused and names the first; a stop from outside is heard by it."""
    account = account_at(sandbox)
    tried: list[str] = []

    def another(_request: object) -> None:
        if not tried:
            with pytest.raises(RunError, match=r"is being sent by process \d+ on"):
                mms.resume(run, account, journal=journal)
            mms.stop(run, journal=journal)
            tried.append("yes")

    with pytest.raises(mms.RunStopped, match=r"stopped by .* on "):
        mms.send(planned(1000), account, run=run, journal=journal, on_request=another)
    assert mms.status(run, journal=journal).outcomes == {"accepted": 200, "pending": 800}
    with pytest.raises(RunError, match="nothing to stop"):
        mms.stop(run, journal=journal)
    assert mms.resume(run, account, journal=journal)["mms_outcome"].eq("accepted").all()


def test_a_worker_that_waits_in_vain_for_who_settles_says_so(
    sandbox: Sandbox, run: Path, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mms.send(planned(), account_at(sandbox), run=run, journal=journal)
    monkeypatch.setattr(database, "_SESSION", ("SET lock_timeout = '100ms'",))
    location = RunFolder.at(run, journal).journal
    with location.writer(), pytest.raises(RunError, match="settling or erasing this run: wait"):
        location.open_for_worker()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE mmsbatch.facts SET data = '{}' WHERE journal = RUN AND seq = 5", "fact 5"),
        ("DELETE FROM mmsbatch.facts WHERE journal = RUN AND seq = 5", "fact 5 is missing"),
        (
            "DELETE FROM mmsbatch.facts WHERE journal = RUN AND kind = 'written'",
            "its last fact is",
        ),
    ],
)
def test_what_was_changed_in_the_database_is_found(
    change: str, found: str, sandbox: Sandbox, run: Path, postgres: Cluster
) -> None:
    """The chain is the same as in a file, and the run's row names its end."""
    mms.send(planned(), account_at(sandbox), run=run, journal=postgres.url)
    on_server(postgres, change.replace("RUN", str(number_of(run, postgres))))
    verified = mms.verify(run, journal=postgres.url)
    assert not verified.holds
    assert found in repr(verified)


# ----- the way to the database is cut ------------------------------------------------------------


@pytest.mark.parametrize("passed_on", [True, False])
@pytest.mark.parametrize("message", [b"COMMIT", b"INSERT INTO mmsbatch.facts", b"FOR UPDATE"])
@pytest.mark.parametrize("nth", quick(3, 6, among=[3, 5, 6]))
def test_a_cut_connection_sends_nobody_twice(
    message: bytes, nth: int, passed_on: bool, sandbox: Sandbox, run: Path,
    postgres: Cluster, cut: Cut,
) -> None:  # fmt: skip
    """A claim whose commit was answered to nobody is looked up, not claimed again."""
    cut.cut_at(message, nth, passed_on=passed_on)
    results = mms.send(planned(1000), account_at(sandbox), run=run, journal=through(cut, postgres))
    assert cut.cuts == 1
    assert results["mms_outcome"].eq("accepted").all()
    assert ledger(sandbox) == Counter(results["mms_e164"])
    attempts = pd.read_parquet(run / "requests.parquet")
    assert attempts["attempt"].eq(1).all()
    assert mms.verify(run, journal=through(cut, postgres)).holds


def test_a_database_that_is_gone_stops_the_run(
    run: Path, postgres: Cluster, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way is in doubt, and says by which worker; nothing else leaves."""
    monkeypatch.setattr(database, "RECONNECT_S", 0.0)
    with Sandbox(faults={2: "stall"}) as sandbox:

        def gone(_request: object) -> None:
            cut.close()

        with pytest.raises(mms.RunStopped, match="cannot be used"):
            mms.send(planned(1000), account_at(sandbox), run=run,
                     journal=through(cut, postgres), on_request=gone)  # fmt: skip
        assert len(sandbox.requests) == 1


def restarts(count: int, mode: str, tmp_path: Path) -> None:
    """Restart a server of their own during runs."""
    with cluster() as own:
        done = 0
        while done < count:
            run = tmp_path / f"run-{done}" / "noel"
            left = min(5, count - done)
            with Sandbox() as sandbox:

                def restart(_request: object, own: Cluster = own) -> None:
                    nonlocal left, done
                    if left:
                        own.restart(mode)
                        left -= 1
                        done += 1

                results = mms.send(
                    planned(1200), account_at(sandbox), run=run, workers=2, journal=own.url,
                    on_request=restart,
                )  # fmt: skip
                assert results["mms_outcome"].eq("accepted").all()
                assert ledger(sandbox) == Counter(results["mms_e164"])
            assert mms.verify(run, journal=own.url).holds


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_database_is_waited_for(mode: str, tmp_path: Path) -> None:
    """In the midst of a run: nothing is lost, nobody gets it twice."""
    restarts(2, mode, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_sweep_of_restarts(mode: str, tmp_path: Path) -> None:
    """Fifty in all."""
    restarts(25, mode, tmp_path)


# ----- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://localhost/journals", "begins with 'mysql'"),
        ("postgresql://localhost", "names 'no database'"),
        ("journals.sqlite", "begins with 'no scheme'"),
        ("postgresql://localhost:port/journals", "cannot be read"),
    ],
)
def test_an_address_that_is_none_is_refused(
    address: str, said: str, sandbox: Sandbox, run: Path
) -> None:
    """It says how one is written; nothing is made or sent."""
    with pytest.raises(InputError, match=f"{said}.*postgresql.psycopg://USER:PASSWORD@HOST"):
        mms.send(planned(), account_at(sandbox), run=run, journal=address)
    assert not run.exists()
    assert not sandbox.requests


def test_a_database_that_cannot_be_reached_is_named(sandbox: Sandbox, run: Path) -> None:
    """Nothing is made or sent."""
    with pytest.raises(RunError, match=r"127\.0\.0\.1:9/journals cannot be used.*can be reached"):
        mms.send(
            planned(), account_at(sandbox), run=run, journal="postgresql://u:p@127.0.0.1:9/journals"
        )
    assert not run.exists()
    assert not sandbox.requests


def test_without_an_address_the_run_says_which_it_needs(
    sandbox: Sandbox, run: Path, journal: str
) -> None:
    """Its folder knows the database, and no login."""
    mms.send(planned(), account_at(sandbox), run=run, journal=journal)
    with pytest.raises(RunError, match=r"is in postgresql://.*MMSBATCH_JOURNAL"):
        mms.status(run)
    with pytest.raises(RunError, match="localhost:1/other was given"):
        mms.status(run, journal="postgresql://localhost:1/other")


def test_a_journal_that_the_database_does_not_have_is_named(
    sandbox: Sandbox, run: Path, postgres: Cluster
) -> None:
    """As after the database was restored from before the run."""
    mms.send(planned(), account_at(sandbox), run=run, journal=postgres.url)
    number = number_of(run, postgres)
    on_server(postgres, f"DELETE FROM mmsbatch.facts WHERE journal = {number}")
    on_server(postgres, f"DELETE FROM mmsbatch.journals WHERE id = {number}")
    with pytest.raises(RunError, match=r"has no journal of the run in .*identity"):
        mms.resume(run, account_at(sandbox), journal=postgres.url)
    assert len(sandbox.requests) == 3


def test_an_older_journal_is_known_for_one(sandbox: Sandbox, run: Path, postgres: Cluster) -> None:
    """Restored from the midst of the run: it does not know whom the rest reached."""
    account = account_at(sandbox)
    mms.send(planned(), account, run=run, journal=postgres.url)
    number = number_of(run, postgres)
    on_server(postgres, f"DELETE FROM mmsbatch.facts WHERE journal = {number} AND seq > 1")
    on_server(
        postgres,
        "UPDATE mmsbatch.journals j SET seq = 1, hash = f.hash FROM mmsbatch.facts f "
        f"WHERE f.journal = j.id AND j.id = {number}",
    )
    with pytest.raises(RunError, match="the journal is older than the run"):
        mms.resume(run, account, journal=postgres.url)
    assert len(sandbox.requests) == 3


def test_a_newer_database_is_left_alone(sandbox: Sandbox, run: Path, postgres: Cluster) -> None:
    """An older mmsbatch says so instead of misreading."""
    mms.send(planned(), account_at(sandbox), run=run, journal=postgres.url)
    on_server(postgres, "INSERT INTO mmsbatch.migrations VALUES (99)")
    try:
        with pytest.raises(RunError, match=r"newer mmsbatch \(journal version 99"):
            mms.status(run, journal=postgres.url)
        with pytest.raises(RunError, match=r"newer mmsbatch \(journal version 99"):
            mms.send(
                planned(), account_at(sandbox), run=run.with_name("other"), journal=postgres.url,
                again=True,
            )  # fmt: skip
    finally:
        on_server(postgres, "DELETE FROM mmsbatch.migrations WHERE version = 99")
    assert len(sandbox.requests) == 3


def test_a_login_that_may_only_read_can_look_and_not_send(
    sandbox: Sandbox, run: Path, postgres: Cluster
) -> None:
    """It says what login is needed; nothing is sent."""
    account = account_at(sandbox)
    with pytest.raises(mms.RunStopped):
        mms.send(planned(), account, run=run, journal=postgres.url, on_request=_stop(run, postgres))
    on_server(postgres, "DROP ROLE IF EXISTS reader")
    on_server(postgres, "CREATE ROLE reader LOGIN PASSWORD 'reads'")
    on_server(postgres, "GRANT USAGE ON SCHEMA mmsbatch TO reader")
    on_server(postgres, "GRANT SELECT ON ALL TABLES IN SCHEMA mmsbatch TO reader")
    reader = postgres.url.replace(f"mms:{PASSWORD}", "reader:reads")
    assert mms.status(run, journal=reader).outcomes == {"accepted": 200, "pending": 300}
    with pytest.raises(RunError, match=r"permission denied.*a login that may write"):
        mms.resume(run, account, journal=reader)
    assert len(sandbox.requests) == 1
    on_server(postgres, "DROP OWNED BY reader")


def _stop(run: Path, cluster: Cluster) -> Callable[[object], None]:
    def stop(_request: object) -> None:
        mms.stop(run, journal=cluster.url)

    return stop


def test_without_the_driver_its_package_is_named(
    sandbox: Sandbox, run: Path, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to type."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(RunError, match=r"pip install 'psycopg\[binary\]'`"):
        mms.send(planned(), account_at(sandbox), run=run, journal=journal)
    assert not run.exists()
