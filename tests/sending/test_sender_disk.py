"""A disk that fails: nothing leaves without its claim on record, and the facts so far are kept.

Permissions mean nothing to root, so read-only and full disks are real ones here: a limit on the
size of files, which any process may set itself, and a small file system of its own where the
machine lets us mount one.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, planned, quick
from mmsbatch.errors import MmsbatchError, RunError, RunInDoubt, RunStopped
from mmsbatch.gateway.client import GatewayClient, HttpReply
from mmsbatch.runs.run import write_results
from mmsbatch.sandbox import Sandbox, SandboxOptions

_NO_LIMIT = resource.RLIM_INFINITY


@contextmanager
def files_up_to(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: writing fails as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def disk(path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MB, or skip."""
    path.mkdir()
    options = ("mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(path))
    if subprocess.run(options, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets us mount nothing")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def remount(path: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(path)], check=True)


def fill(path: Path) -> Path:
    """Leave no byte free on the disk of a folder."""
    filler = path / "filler"
    with filler.open("wb", buffering=0) as file:
        for size_bytes in (4096, 1):
            try:
                while file.write(b"x" * size_bytes):
                    pass
            except OSError:
                continue
    return filler


def counts(run: Path) -> dict[str, int]:
    return dict(mms.status(run).outcomes)


def check_books(sandbox: Sandbox, run: Path, error: BaseException | None) -> None:
    """Hold what the run claims, and what its error said, against the ledger."""
    sent = [f"+{delivery.number}" for delivery in sandbox.ledger]
    assert len(sent) == len(set(sent))
    if not run.exists():
        assert sent == []
        return
    results = mms.results(run)
    numbers = {
        word: set(results.loc[results["mms_outcome"] == word, "mms_e164"])
        for word in ("accepted", "in_doubt", "pending")
    }
    assert sum(map(len, numbers.values())) == len(results)
    assert numbers["accepted"] <= set(sent) <= numbers["accepted"] | numbers["in_doubt"]
    if error is not None:
        # What nothing was sent of may still be in doubt on record (a claim that was written and
        # not known to be); but what may have been sent is never called not sent.
        unaccounted = set(sent) - numbers["accepted"]
        assert isinstance(error, RunInDoubt) or not unaccounted


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    "limit_kb",
    quick(1, 20, 34, 50, 80, 110, 140, 400, among=[1, 20, 34, *range(40, 160, 10), 400]),
)
def test_a_disk_that_fills_at_any_moment(limit_kb: int, workers: int, run: Path) -> None:
    """Stopped before the next POST; afterwards the run is resumed and nobody gets it twice."""
    plan = planned(1000)
    with Sandbox() as sandbox:
        account, error = account_at(sandbox), None
        with files_up_to(limit_kb * 1024):
            try:
                mms.send(plan, account, run=run, workers=workers)
            except MmsbatchError as raised:
                error = raised
        check_books(sandbox, run, error)
        assert limit_kb > 40 or error is not None
        try:
            mms.send(plan, account, run=run, workers=workers)
        except RunInDoubt:
            assert counts(run)["in_doubt"] <= 200 * workers
        check_books(sandbox, run, None)
        assert "pending" not in counts(run)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_answer_that_cannot_be_recorded_is_in_doubt(
    workers: int, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3: the gateway took it, and there is no evidence of it any more."""
    mms_send = GatewayClient.send

    def send_and_fill_the_disk(gateway: GatewayClient, xml: bytes) -> HttpReply:
        reply = mms_send(gateway, xml)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, _NO_LIMIT))
        return reply

    with Sandbox() as sandbox:
        monkeypatch.setattr(GatewayClient, "send", send_and_fill_the_disk)
        with files_up_to(_NO_LIMIT):
            with pytest.raises(RunInDoubt, match=r"requests? 1.* in doubt.* cannot be used"):
                mms.send(planned(1000), account_at(sandbox), run=run, workers=workers)
        monkeypatch.undo()
        taken = len(sandbox.ledger)
        assert 200 <= taken <= 200 * workers
        assert mms.status(run).exit_code == 3
        with pytest.raises(RunInDoubt):
            mms.resume(run, account_at(sandbox))
        assert counts(run)["accepted"] >= 1000 - 200 * workers
        check_books(sandbox, run, None)


def test_a_claim_that_cannot_be_recorded_is_not_sent(run: Path) -> None:
    """The disk is full after the first request: the second does not leave, nothing is in doubt."""
    with Sandbox() as sandbox, files_up_to(_NO_LIMIT):

        def fill_the_disk(_request: object) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, _NO_LIMIT))

        with pytest.raises(RunStopped, match=r"nothing in doubt.*journal\.sqlite cannot be used"):
            mms.send(planned(1000), account_at(sandbox), run=run, on_request=fill_the_disk)
        assert len(sandbox.requests) == 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (_NO_LIMIT, _NO_LIMIT))
        assert counts(run) == {"accepted": 200, "pending": 800}
        assert len(mms.resume(run, account_at(sandbox))) == 1000
        assert len(sandbox.ledger) == 1000


def test_results_that_cannot_be_written_do_not_undo_the_sending(
    sandbox: Sandbox, run: Path
) -> None:
    """Something stands where results.parquet goes: said so, and mended by the same command."""
    plan, account = planned(250), account_at(sandbox)
    with pytest.raises(RunStopped, match="102"):
        mms.send(plan, account_at(sandbox, passcode="wrong"), run=run)
    (run / "results.parquet").unlink()
    (run / "results.parquet").mkdir()
    with pytest.raises(RunStopped, match=r"nothing in doubt.*results\.parquet cannot be written"):
        mms.send(plan, account, run=run)
    assert counts(run) == {"accepted": 250}
    assert [path.name for path in run.iterdir() if path.name.startswith(".results")] == []
    (run / "results.parquet").rmdir()
    assert mms.send(plan, account, run=run)["mms_outcome"].eq("accepted").all()
    assert len(sandbox.requests) == 2


def test_results_are_the_old_ones_or_the_new_ones(run: Path) -> None:
    """A disk that fills while they are written leaves the earlier file whole."""
    with Sandbox(options=SandboxOptions(credits=200)) as sandbox:
        with pytest.raises(RunStopped):
            mms.send(planned(400), account_at(sandbox), run=run)
        before = pd.read_parquet(run / "results.parquet")
        with files_up_to(5000), pytest.raises(RunError):
            write_results(run)
        pd.testing.assert_frame_equal(pd.read_parquet(run / "results.parquet"), before)


def test_a_full_disk(tmp_path: Path, sandbox: Sandbox) -> None:
    """A real one: the run stops between two requests and goes on once there is room."""
    with disk(tmp_path / "disk") as place:
        run, fillers = place / "runs" / "noel", []

        def fill_the_disk(_request: object) -> None:
            fillers.append(fill(place))

        with pytest.raises((RunStopped, RunInDoubt)) as raised:
            mms.send(planned(1000), account_at(sandbox), run=run, on_request=fill_the_disk)
        assert "full" in str(raised.value)
        assert len(sandbox.requests) < 5
        for filler in fillers:
            filler.unlink(missing_ok=True)
        check_books(sandbox, run, raised.value)
        try:
            mms.resume(run, account_at(sandbox))
        except RunInDoubt:
            assert isinstance(raised.value, RunInDoubt)
        check_books(sandbox, run, None)
        assert "pending" not in counts(run)


def test_a_disk_that_turned_read_only(tmp_path: Path) -> None:
    """As a disk does that reports errors: nothing is posted until it can be written again."""
    with disk(tmp_path / "disk") as place, Sandbox(options=SandboxOptions(credits=300)) as sandbox:
        run = place / "noel"
        with pytest.raises(RunStopped):
            mms.send(planned(600), account_at(sandbox), run=run)
        posted, sandbox.credits = len(sandbox.requests), 1000
        remount(place, "ro")
        with pytest.raises(RunError, match=r"writer\.lock cannot be written"):
            mms.resume(run, account_at(sandbox))
        with pytest.raises(RunError, match="cannot be made"):
            mms.send(planned(3), account_at(sandbox), run=place / "other")
        assert len(sandbox.requests) == posted
        remount(place, "rw")
        assert len(mms.resume(run, account_at(sandbox))) == 600
        assert len(sandbox.ledger) == 600


def test_a_run_cannot_be_made_below_a_file(tmp_path: Path, sandbox: Sandbox) -> None:
    """Where nobody, root included, can write: nothing is posted."""
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match="cannot be made"):
        mms.send(planned(3), account_at(sandbox), run=tmp_path / "file" / "noel")
    assert sandbox.requests == ()


@pytest.mark.parametrize("limit_kb", [20, 90])
def test_exit_codes_of_a_full_disk(limit_kb: int, tmp_path: Path, sandbox: Sandbox) -> None:
    """2 where nothing was begun; 3 or 4, as the facts say, where it was."""
    contacts = tmp_path / "contacts.csv"
    numbers = "\n".join(f"063998{n:04d}" for n in range(1000))
    contacts.write_text(f"mobile\n{numbers}\n")
    campaign = tmp_path / "noel.toml"
    campaign.write_text('name = "noel"\nkind = "text"\nmessage = "Bonjour"\n')
    command = [sys.executable, "-m", "mmsbatch", "send", str(contacts), "--phone", "mobile"]
    command += ["--campaign", str(campaign), "--run", str(tmp_path / "run")]
    limited = f'ulimit -f {limit_kb}; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", limited, "send", *command],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "MMSBATCH_URL": sandbox.url, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "Traceback" not in done.stderr
    if limit_kb == 20:
        assert (done.returncode, sandbox.requests) == (2, ())
        return
    assert done.returncode == mms.status(tmp_path / "run").exit_code
    assert done.returncode in {3, 4}
    check_books(sandbox, tmp_path / "run", None)
