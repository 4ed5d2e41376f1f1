"""Ctrl-C and SIGTERM on a real process: it ends in order, and what is left can be resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mmsbatch as mms
from conftest import account_at
from mmsbatch.errors import RunInDoubt
from mmsbatch.sandbox import Sandbox, SandboxOptions

ROWS = 2000
MINDFUL = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from mmsbatch.cli import main; main()"
)
"""The command line, which Ctrl-C reaches also where the tests were started in the background."""


def start(tmp_path: Path, sandbox: Sandbox, *options: str) -> subprocess.Popen[str]:
    """Send on the command line, in a process of its own."""
    contacts, campaign = tmp_path / "contacts.csv", tmp_path / "noel.toml"
    contacts.write_text("mobile\n" + "\n".join(f"063998{n:04d}" for n in range(ROWS)) + "\n")
    campaign.write_text('name = "noel"\nkind = "text"\nmessage = "Bonjour"\n')
    command = [sys.executable, "-c", MINDFUL, "send", str(contacts), "--phone", "mobile"]
    command += ["--campaign", str(campaign), "--run", str(tmp_path / "run"), "--json", *options]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MMSBATCH_URL": sandbox.url},
    )


def check_books(sandbox: Sandbox, run: Path) -> None:
    """Hold every claim against the ledger."""
    sent = [f"+{delivery.number}" for delivery in sandbox.ledger]
    results = mms.results(run)
    accepted = set(results.loc[results["mms_outcome"] == "accepted", "mms_e164"])
    doubtful = set(results.loc[results["mms_outcome"] == "in_doubt", "mms_e164"])
    assert len(sent) == len(set(sent))
    assert accepted <= set(sent) <= accepted | doubtful


def counts(run: Path) -> dict[str, int]:
    return dict(mms.status(run).outcomes)


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 4), (signal.SIGTERM, 1)])
def test_a_signal_stops_between_two_requests(
    number: signal.Signals, workers: int, tmp_path: Path
) -> None:
    """Exit code 4; the requests under way are finished and recorded; resuming sends the rest."""
    run = tmp_path / "run"
    with Sandbox(options=SandboxOptions(latency_ms=200)) as sandbox:
        process = start(tmp_path, sandbox, "--workers", str(workers))
        assert sandbox.wait_for(2, timeout_s=60)
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
        assert "Traceback" not in errors
        assert process.returncode == 4
        assert json.loads(said)["stopped"]["reason"] == "interrupted after the current request"
        assert counts(run)["accepted"] == len(sandbox.ledger) < ROWS
        assert "in_doubt" not in counts(run)
        check_books(sandbox, run)
        assert len(mms.resume(run, account_at(sandbox), workers=4)) == ROWS
        assert len(sandbox.ledger) == ROWS
        check_books(sandbox, run)


def test_a_signal_during_the_last_request_finds_nothing_left_to_stop(tmp_path: Path) -> None:
    """Exit code 0: the run is done."""
    with Sandbox(faults={ROWS // 200: "stall"}) as sandbox:
        process = start(tmp_path, sandbox)
        assert sandbox.wait_for(ROWS // 200, timeout_s=60)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "stopping after the current request" in process.stderr.readline()
        sandbox.release()
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert counts(tmp_path / "run") == {"accepted": ROWS}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_second_ctrl_c_is_immediate(workers: int, tmp_path: Path) -> None:
    """Exit code 3: what was under way is in doubt, said so, and never sent again."""
    run = tmp_path / "run"
    with Sandbox(faults=dict.fromkeys(range(1, workers + 1), "stall")) as sandbox:
        process = start(tmp_path, sandbox, "--workers", str(workers))
        assert sandbox.wait_for(workers, timeout_s=60)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "again to break it off" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 3
        listed = ", ".join(str(number) for number in range(1, workers + 1))
        assert f"request{'s' if workers > 1 else ''} {listed} in doubt" in errors
        assert "Traceback" not in errors
        sandbox.release()
        assert counts(run) == {"in_doubt": 200 * workers, "pending": ROWS - 200 * workers}
        with pytest.raises(RunInDoubt):
            mms.resume(run, account_at(sandbox))
        assert counts(run) == {"in_doubt": 200 * workers, "accepted": ROWS - 200 * workers}
        check_books(sandbox, run)


def test_a_signal_during_a_pause_ends_it(tmp_path: Path) -> None:
    """Between two tries, an hour of Retry-After or a slow pace are not waited for."""
    with Sandbox() as sandbox:
        process = start(tmp_path, sandbox, "--requests-per-minute", "0.01")
        assert sandbox.wait_for(1, timeout_s=60)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 4
        assert counts(tmp_path / "run") == {"accepted": 200, "pending": ROWS - 200}
