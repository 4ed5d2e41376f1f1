"""Progress: a bar for whoever looks, lines elsewhere, silence for what is quickly done."""

from __future__ import annotations

import io
import logging
import re
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.gateway.wire import Answer
from mmsbatch.progress import counting
from mmsbatch.runs.states import Request, State
from mmsbatch.sandbox import Sandbox
from mmsbatch.sending.progress import sending


class Terminal(io.StringIO):
    """What somebody looks at."""

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True


class Clock:
    """Seconds, moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def look(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal: in the test itself, since pytest sets it anew after fixtures."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "40")
    return shown


def test_a_sending_on_a_terminal_shows_requests_rows_and_credits(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, run: Path
) -> None:
    """Slow enough to be looked at: two seconds a request."""
    terminal = look(monkeypatch)
    told = []
    with time_machine.travel("2026-11-23 09:00:00+00:00", tick=False) as clock:

        def on_request(request: Request) -> None:
            told.append(request.number)
            clock.shift(timedelta(seconds=2))

        mms.send(planned(500), account_at(sandbox), run=run, on_request=on_request)
    assert [1, 2, 3] == told
    shown = terminal.getvalue()
    assert "2/3" in shown
    assert re.search(r"400 of 500 rows, 99,600 credits left", shown)
    assert "0639" not in shown
    assert "33639" not in shown


def test_what_takes_less_than_a_second_shows_no_bar(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, run: Path
) -> None:
    """A bar that flashes is noise."""
    terminal = look(monkeypatch)
    with time_machine.travel("2026-11-23 09:00:00+00:00", tick=False):
        mms.send(planned(500), account_at(sandbox), run=run)
    assert "" == terminal.getvalue()


def test_progress_can_be_turned_off(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, run: Path
) -> None:
    """Also on a terminal, also for slow work."""
    terminal = look(monkeypatch)
    with time_machine.travel("2026-11-23 09:00:00+00:00", tick=False) as clock:
        mms.send(
            planned(500),
            account_at(sandbox),
            run=run,
            progress=False,
            on_request=lambda _request: clock.shift(timedelta(seconds=2)),
        )
    assert "" == terminal.getvalue()


def test_a_resumed_run_counts_what_is_left_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, run: Path
) -> None:
    """The first of three requests was sent before, the second is in doubt: one is left."""
    monkeypatch.setattr("mmsbatch.progress.LINE_EVERY_S", 0.0)
    with Sandbox(faults={2: "close:after"}) as sandbox:
        with pytest.raises(mms.RunInDoubt):
            mms.send(planned(450), account_at(sandbox), run=run, progress=False)
        with caplog.at_level(logging.INFO, "mmsbatch"), pytest.raises(mms.RunInDoubt):
            mms.resume(run, account_at(sandbox))
    lines = [record.message for record in caplog.records if record.name == "mmsbatch"]
    assert "sending: 1 of 1 request, 50 of 50 rows, 99,550 credits left" == lines[0]
    assert not any(line.startswith("sending") for line in lines[1:])


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        pytest.param(29, [], id="soon"),
        pytest.param(31, ["1 of 4 requests, half"], id="later"),
    ],
)
def test_lines_come_at_most_every_half_minute(
    after_s: int, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for where no bar can be: plain lines without control characters."""
    clock = Clock()
    with counting(4, "request", shown=True, clock=clock) as progress:
        clock.now += after_s
        progress.update(note="half")
        clock.now += 0.5
        progress.update()
    written = capsys.readouterr()
    assert "" == written.out
    lines = written.err.splitlines()
    assert expected == [line.partition(", done at about")[0] for line in lines]
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", written.err)


def test_a_line_says_when_it_will_be_over(capsys: pytest.CaptureFixture[str]) -> None:
    """A quarter took an hour: three hours are left."""
    clock = Clock()
    with (
        time_machine.travel("2026-11-23 09:00:00+00:00", tick=False),
        counting(4_000, "row", shown=True, clock=clock) as progress,
    ):
        clock.now += 3600
        progress.update(1_000)
    line = capsys.readouterr().err
    assert line.startswith("1,000 of 4,000 rows, done at about 2026-11-23 ")
    assert line.endswith(" (3 h 00 min left)\n")


def test_where_nobody_looks_lines_go_to_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Under cron and papermill nothing is written unless the log is wanted."""
    clock = Clock()
    with caplog.at_level(logging.INFO), counting(None, "row", clock=clock) as progress:
        clock.now += 60
        progress.update(1_500)
    assert ["1,500 rows"] == [record.message for record in caplog.records]
    assert ("", "") == tuple(capsys.readouterr())


def test_a_terminal_that_went_away_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, run: Path
) -> None:
    """A campaign is not broken off because nobody can look any more."""
    terminal = look(monkeypatch)
    with time_machine.travel("2026-11-23 09:00:00+00:00", tick=False) as clock:

        def on_request(_request: Request) -> None:
            clock.shift(timedelta(seconds=2))
            terminal.close()

        results = mms.send(planned(500), account_at(sandbox), run=run, on_request=on_request)
    monkeypatch.undo()
    assert {"accepted": 500} == results["mms_outcome"].value_counts().loc[lambda n: n > 0].to_dict()


def test_a_pipe_that_went_away_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little as a terminal that did."""
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    clock = Clock()
    with counting(4, "request", shown=True, clock=clock) as progress:
        clock.now += 60
        progress.update()
        pipe.close()
        clock.now += 60
        progress.update()
    monkeypatch.undo()
    assert 120 == clock.now


def test_credits_stay_known_after_a_request_without_an_answer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was heard last is still the best that is known."""
    monkeypatch.setattr("mmsbatch.progress.LINE_EVERY_S", 0.0)
    answer = Answer(status=100, text="", credits=Decimal(7))
    with caplog.at_level(logging.INFO), sending(planned(400), [1, 2]) as on_request:
        on_request(Request(1, State.ACCEPTED, answer=answer))
        on_request(Request(2, State.IN_DOUBT))
    assert caplog.records[-1].message == "sending: 2 of 2 requests, 400 of 400 rows, 7 credits left"
