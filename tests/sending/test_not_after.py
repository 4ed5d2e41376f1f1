"""A run that was missed is not sent late: `not_after`, before the first request and between two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import time_machine
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import SERVICE, account_at, fictional, planned
from mmsbatch.cli import app
from mmsbatch.runs.states import Request
from mmsbatch.sandbox import Sandbox
from mmsbatch.times import Deadline

NOON = datetime(2026, 11, 25, 11, tzinfo=UTC)
"""Noon in Paris, on a Wednesday."""


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


# ----- what may be given -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "last"),
    [
        ("2026-11-25", "2026-11-25T22:59:59.999999"),
        (date(2026, 11, 25), "2026-11-25T22:59:59.999999"),
        ("2026-W48", "2026-11-29T22:59:59.999999"),  # its Sunday
        ("2026-W43", "2026-10-25T22:59:59.999999"),  # the clocks go back on it
        ("2026-W13", "2026-03-29T21:59:59.999999"),  # or forward
        ("2026-W53", "2027-01-03T22:59:59.999999"),
        ("2026-07-01", "2026-07-01T21:59:59.999999"),
        ("2026-11-25 18:00", "2026-11-25T17:00:00"),
        ("2026-11-25T18:00:30", "2026-11-25T17:00:30"),
        ("2026-11-25T18:00:00+00:00", "2026-11-25T18:00:00"),
        ("2026-11-25T18:00Z", "2026-11-25T18:00:00"),
        (datetime(2026, 11, 25, 18), "2026-11-25T17:00:00"),  # noqa: DTZ001  (Paris is the point)
        (pd.Timestamp("2026-11-25 18:00", tz="UTC"), "2026-11-25T18:00:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00"),  # of an hour that happens twice, the first
    ],
)
def test_a_day_is_included_and_a_time_is_that_of_paris(given: object, last: str) -> None:
    """A day counts to its end; a time without a zone is Paris wall time."""
    read = Deadline.read(given)  # type: ignore[arg-type]
    assert read is not None
    assert datetime.fromisoformat(last).replace(tzinfo=UTC) == read.at


@pytest.mark.parametrize(
    "given",
    [
        "",
        "tomorrow",
        "25/11/2026",
        "2026-W54",
        "2026-W53-1",
        "20261125",
        "2026-02-30",
        "2026-03-29 02:30",
        "9999-12-31 23:59:59-12:00",
        pd.NaT,
        1764028800,
    ],
)
def test_what_is_no_day_and_no_time_is_refused(given: object) -> None:
    """The clock's missing hour in spring too; the message shows what can be given."""
    with pytest.raises(mms.InputError, match=r"not_after must be .* 2026-11-25 .*found"):
        Deadline.read(given)  # type: ignore[arg-type]


def test_the_last_moment_is_still_in_time() -> None:
    """It passes once that moment is over, and says for how long it has."""
    last = Deadline(NOON)
    assert "" == last.passed(NOON)
    assert "2026-11-25 12:00:00" in last.passed(NOON + timedelta(microseconds=1))
    late = last.passed(NOON + timedelta(days=1, hours=2, minutes=3))
    assert late.endswith("that was 1 day and 2 hours ago")


# ----- before the first request ------------------------------------------------------------------


def test_a_run_that_begins_too_late_sends_nothing_and_leaves_nothing(
    sandbox: Sandbox, run: Path, clock: time_machine.Traveller
) -> None:
    """No request, no folder; the error says how late it is and what to do."""
    with pytest.raises(
        mms.InputError, match=r"12 hours ago: nothing was sent\. If .* a later not_after"
    ):
        mms.send(planned(), account_at(sandbox), run=run, not_after="2026-11-25 00:00")
    assert () == sandbox.requests
    assert not run.exists()


def test_on_the_day_itself_it_is_sent(
    sandbox: Sandbox, run: Path, clock: time_machine.Traveller
) -> None:
    """To the last moment of that day in Paris."""
    clock.move_to(datetime(2026, 11, 25, 22, 59, 59, tzinfo=UTC))
    results = mms.send(planned(), account_at(sandbox), run=run, not_after=date(2026, 11, 25))
    assert 500 == results["mms_outcome"].eq("accepted").sum()


def test_a_run_that_was_made_and_never_begun_is_refused_too(
    sandbox: Sandbox, run: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash before the first request left the folder: it is as if nothing had been asked."""

    def crash(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr("mmsbatch.sending.execution._send_until_stopped", crash)
        with pytest.raises(MemoryError):
            mms.send(planned(), account_at(sandbox), run=run)
    with pytest.raises(mms.InputError, match="nothing was sent"):
        mms.resume(run, account_at(sandbox), not_after="2026-11-24")
    with pytest.raises(mms.InputError, match="nothing was sent"):
        mms.send(planned(), account_at(sandbox), run=run, not_after="2026-11-24")
    assert () == sandbox.requests


# ----- in the middle -----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_becomes_late_stops_between_two_requests(
    sandbox: Sandbox, run: Path, clock: time_machine.Traveller, workers: int
) -> None:
    """What has left has left; the rest is pending, nothing is in doubt, and it can be gone on."""

    def later(_request: Request) -> None:
        clock.move_to(NOON + timedelta(days=2))

    with pytest.raises(mms.RunStopped, match=r"not_after.* ago\. What to do: .*later not_after"):
        mms.send(
            planned(1000),
            account_at(sandbox),
            run=run,
            workers=workers,
            not_after="2026-11-26",
            on_request=later,
        )
    sent = len(sandbox.requests)
    assert 0 < sent < 5
    done = mms.status(run)
    assert {"accepted": 200 * sent, "pending": 1000 - 200 * sent} == dict(done.outcomes)
    assert 4 == done.exit_code
    with pytest.raises(mms.RunStopped, match="not_after"):  # still too late: it stops again
        mms.resume(run, account_at(sandbox), not_after="2026-11-26")
    assert sent == len(sandbox.requests)
    results = mms.resume(run, account_at(sandbox), not_after="2026-11-30")
    assert 1000 == results["mms_outcome"].eq("accepted").sum()


def test_no_worker_takes_what_waits_when_it_is_late(
    run: Path, clock: time_machine.Traveller
) -> None:
    """What is under way is finished, and nothing else leaves."""

    def later(_request: Request) -> None:
        sandbox.wait_for(5)
        clock.move_to(NOON + timedelta(days=2))
        sandbox.release()

    with Sandbox(faults=dict.fromkeys(range(2, 6), "stall")) as sandbox:
        with pytest.raises(mms.RunStopped, match="not_after"):
            mms.send(
                planned(2000),
                account_at(sandbox),
                run=run,
                workers=4,
                not_after="2026-11-26",
                on_request=later,
            )
        assert len(sandbox.requests) == 5
        assert dict(mms.status(run).outcomes) == {"accepted": 1000, "pending": 1000}


def test_a_run_that_is_done_may_be_asked_for_again_at_any_time(
    sandbox: Sandbox, run: Path, clock: time_machine.Traveller
) -> None:
    """There is nothing to send, so nothing is late."""
    first = mms.send(planned(), account_at(sandbox), run=run, not_after="2026-11-25")
    clock.move_to(NOON + timedelta(days=30))
    for again in (
        mms.send(planned(), account_at(sandbox), run=run, not_after="2026-11-25"),
        mms.resume(run, account_at(sandbox), not_after="2026-11-25"),
    ):
        pd.testing.assert_frame_equal(first, again)
    assert 3 == len(sandbox.requests)


# ----- the command line --------------------------------------------------------------------------


def test_the_commands_take_it_and_exit_accordingly(
    sandbox: Sandbox, tmp_path: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 before anything was sent, 0 where nothing is left to send."""
    monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
    contacts = tmp_path / "export.csv"
    contacts.write_text("\n".join(["id;mobile", *(f"1;{number}" for number in fictional(3))]))
    words = ["send", str(contacts), "--campaign", str(SERVICE)]
    words += ["--run", str(tmp_path / "run"), "--not-after"]
    late = CliRunner().invoke(app, [*words, "2026-11-20"])
    assert (2, ()) == (late.exit_code, sandbox.requests)
    assert "4 days and 12 hours ago" in late.stderr
    assert 0 == CliRunner().invoke(app, [*words, "2026-11-25"]).exit_code
    assert 0 == CliRunner().invoke(app, [*words, "2026-11-20"]).exit_code
    again = ["resume", str(tmp_path / "run"), "--not-after", "2026-11-20"]
    assert 0 == CliRunner().invoke(app, again).exit_code
    assert 1 == len(sandbox.requests)
