"""A run is sent from one folder only: copied, moved, restored from an older state, linked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, half_sent, planned
from mmsbatch.cli import app
from mmsbatch.errors import MmsbatchError, RunError, RunInDoubt, RunStopped
from mmsbatch.sandbox import Sandbox, SandboxOptions

PEOPLE = 1000


def reached(sandbox: Sandbox) -> Counter[str]:
    """Count the messages of each number."""
    return Counter(delivery.number for delivery in sandbox.ledger)


def finished_since(backup: Path, run: Path, account: mms.Account) -> Path:
    """Begin a run, back it up, and finish it; return the backup, which is of an older state."""
    half_sent(planned(PEOPLE), run, account)
    shutil.copytree(run, backup)
    mms.resume(run, account, progress=False)
    return backup


def copied(run: Path, to: Path) -> None:
    shutil.copytree(run, to)


def restored(run: Path, to: Path) -> None:
    """Pack the folder and unpack it elsewhere, as a backup does."""
    archive = shutil.make_archive(str(to.parent / "backup"), "tar", run)
    shutil.unpack_archive(archive, to, filter="data")


@pytest.mark.parametrize("how", [copied, restored])
@pytest.mark.parametrize("where", ["elsewhere/noel", "server/runs/noel"])
def test_a_copy_is_not_sent(
    how: Callable[[Path, Path], None], where: str, tmp_path: Path, sandbox: Sandbox, run: Path
) -> None:
    """Resumed, sent again or settled, it refuses; the original goes on."""
    account = account_at(sandbox)
    half_sent(planned(PEOPLE), run, account)
    copy = tmp_path / where
    copy.parent.mkdir(parents=True)
    how(run, copy)
    with pytest.raises(RunError, match=r"in other files than at .*moved=True"):
        mms.resume(copy, account, progress=False)
    with pytest.raises(RunError, match="in other files than"):
        mms.send(planned(PEOPLE), account, run=copy, progress=False)
    with pytest.raises(RunError, match="in other files than"):
        mms.reconcile(copy, account)
    mms.resume(run, account, progress=False)
    assert reached(sandbox) == Counter(dict.fromkeys(reached(sandbox), 1))
    assert len(reached(sandbox)) == PEOPLE


def test_a_word_lets_a_moved_run_go_on_and_is_recorded(
    tmp_path: Path, sandbox: Sandbox, run: Path
) -> None:
    """Said once; from then on it is in these files, and a copy of it is a copy again."""
    account = account_at(sandbox)
    half_sent(planned(PEOPLE), run, account)
    server = tmp_path / "server" / "noel"
    restored(run, server)
    shutil.rmtree(run)
    mms.resume(server, account, moved=True, progress=False)
    mms.resume(server, account, progress=False)
    kinds = [fact["kind"] for fact in facts_of(server)]
    assert kinds.count("moved") == 1
    assert len(reached(sandbox)) == PEOPLE == sum(reached(sandbox).values())
    assert mms.verify(server).holds


def facts_of(run: Path) -> list[dict[str, object]]:
    """Read the journal with SQLite itself."""
    import sqlite3  # noqa: PLC0415

    with closing(sqlite3.connect(f"file:{run / 'journal.sqlite'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT kind, data FROM facts ORDER BY seq").fetchall()
    return [{"kind": kind, **json.loads(data)} for kind, data in rows]


def test_a_renamed_folder_and_a_link_are_the_same_run(
    tmp_path: Path, sandbox: Sandbox, run: Path
) -> None:
    """Neither makes new files; a link beside the run is no second run."""
    account = account_at(sandbox)
    half_sent(planned(PEOPLE), run, account, 1)
    (run.parent / "link").symlink_to(run)
    half_sent(planned(PEOPLE), run.parent / "link", account, 1)
    renamed = tmp_path / "other" / "renamed"
    renamed.parent.mkdir()
    run.rename(renamed)
    (run.parent / "link").unlink()
    mms.resume(renamed, account, progress=False)
    assert len(reached(sandbox)) == PEOPLE == sum(reached(sandbox).values())


def test_copies_beside_each_other_are_refused_whatever_is_said(sandbox: Sandbox, run: Path) -> None:
    """Both of them, since nobody can tell which is the run; `audit` and `verify` name them."""
    account = account_at(sandbox)
    half_sent(planned(PEOPLE), run, account)
    copy = run.with_name("noel-copy")
    shutil.copytree(run, copy)
    sent = len(sandbox.ledger)
    for folder in (run, copy):
        with pytest.raises(RunError, match="are copies of one run"):
            mms.resume(folder, account, moved=True, progress=False)
        with pytest.raises(RunError, match="are copies of one run"):
            mms.moved(run.parent)
    assert len(sandbox.ledger) == sent
    checks = {check.name: check for check in mms.verify(copy).checks}
    assert checks["one folder"].holds is False
    assert f"{run}: a copy of this run" in checks["one folder"].found
    with pytest.warns(UserWarning, match="a copy of"):
        found = mms.audit(run.parent)
    assert found["rows"].sum() == PEOPLE
    shutil.rmtree(copy)
    mms.resume(run, account, progress=False)
    assert mms.verify(run).holds


def test_the_copy_that_went_further_is_the_one_that_counts(
    tmp_path: Path, sandbox: Sandbox, run: Path
) -> None:
    """An old backup beside the run hides nothing of it."""
    account = account_at(sandbox)
    backup = finished_since(tmp_path / "backup", run, account)
    shutil.move(backup, run.with_name("a-backup"))
    with pytest.warns(UserWarning, match=f"{run.with_name('a-backup')} is left out"):
        found = mms.audit(run.parent)
    assert found["accepted"].tolist() == [PEOPLE]


def over_it(backup: Path, run: Path) -> None:
    """Write each file of the backup into the one that is there, which keeps its inode."""
    shutil.copytree(backup, run, dirs_exist_ok=True)


def in_its_place(backup: Path, run: Path) -> None:
    shutil.rmtree(run)
    shutil.copytree(backup, run)


def the_journal_alone(backup: Path, run: Path) -> None:
    shutil.copy(backup / "journal.sqlite", run / "journal.sqlite")


@pytest.mark.parametrize("how", [over_it, in_its_place, the_journal_alone])
def test_an_older_state_is_not_sent(
    how: Callable[[Path, Path], None], tmp_path: Path, sandbox: Sandbox, run: Path
) -> None:
    """Restored over the run, in its place, or only its journal: whom it reached is not known."""
    account = account_at(sandbox)
    backup = finished_since(tmp_path / "backup", run, account)
    how(backup, run)
    with pytest.raises(RunError, match=r"other files than|older than the run"):
        mms.resume(run, account, progress=False)
    assert len(reached(sandbox)) == PEOPLE == sum(reached(sandbox).values())


def test_an_older_journal_is_not_sent_whatever_is_said(
    tmp_path: Path, sandbox: Sandbox, run: Path
) -> None:
    """Nobody moved anything; `verify` says the same."""
    account = account_at(sandbox)
    backup = finished_since(tmp_path / "backup", run, account)
    over_it(backup, run)
    with pytest.raises(RunError, match=r"an execution that began at .*is not in it"):
        mms.resume(run, account, moved=True, progress=False)
    assert not mms.verify(run).holds


def test_a_whole_folder_of_runs_is_moved_with_one_command(
    tmp_path: Path, sandbox: Sandbox, run: Path
) -> None:
    """Afterwards each goes on where it stood; those that were not moved are left alone."""
    account = account_at(sandbox)
    half_sent(planned(PEOPLE), run, account)
    mms.send(planned(10, "Bonjour"), account, run=run.with_name("done"), progress=False)
    server = tmp_path / "server"
    shutil.copytree(run.parent, server)
    shutil.rmtree(run.parent)
    told = CliRunner().invoke(app, ["moved", str(server), "--json"])
    assert (told.exit_code, json.loads(told.stdout)) == (
        0,
        {"moved": [str(server / "done"), str(server / "noel")]},
    )
    assert json.loads(CliRunner().invoke(app, ["moved", str(server), "--json"]).stdout) == {
        "moved": []
    }
    mms.resume(server / "noel", account, progress=False)
    assert mms.verify(server / "noel").holds


def test_the_commands_refuse_a_copy_with_exit_code_2(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says since when, and can be pasted."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        half_sent(planned(PEOPLE), run, account_at(sandbox))
        copy = tmp_path / "a copy" / "noel"
        shutil.copytree(run, copy)
        refused = CliRunner().invoke(app, ["resume", str(copy)])
        assert refused.exit_code == 2
        assert "(Paris)" in refused.stderr
        assert f"mmsbatch resume '{copy}' --moved`" in refused.stderr
        settled = CliRunner().invoke(
            app,
            ["reconcile", str(copy), "--verdict", "sent", "--request", "1", "--note", "I know"],
        )
        assert (settled.exit_code, "other files" in settled.stderr) == (2, True)
        shutil.rmtree(run)
        assert CliRunner().invoke(app, ["resume", str(copy), "--moved"]).exit_code == 0


def test_a_copy_made_while_the_run_is_sent_is_not_sent(tmp_path: Path, run: Path) -> None:
    """Whatever moment it holds; and the run itself is not disturbed."""
    with Sandbox(options=SandboxOptions(latency_ms=20)) as sandbox:
        account = account_at(sandbox)
        copies: list[Path] = []

        def copy(_request: object) -> None:
            copies.append(tmp_path / "copies" / str(len(copies)))
            shutil.copytree(run, copies[-1])

        mms.send(planned(PEOPLE), account, run=run, progress=False, on_request=copy)
        for one in copies:
            with pytest.raises(MmsbatchError):
                mms.resume(one, account, progress=False)
        assert len(copies) == PEOPLE // 200
        assert len(reached(sandbox)) == PEOPLE == sum(reached(sandbox).values())


def test_a_run_moved_while_it_is_sent_is_sent_once(tmp_path: Path, run: Path) -> None:
    """Its process cannot write the results any more; what was sent is in the journal."""
    with Sandbox() as sandbox:
        account = account_at(sandbox)
        elsewhere = tmp_path / "elsewhere"

        def move(_request: object) -> None:
            if run.exists():
                run.rename(elsewhere)

        with pytest.raises((RunStopped, RunInDoubt, RunError)):
            mms.send(planned(PEOPLE), account, run=run, progress=False, on_request=move)
        mms.resume(elsewhere, account, progress=False)
        assert sum(reached(sandbox).values()) == len(reached(sandbox))
        assert len(reached(sandbox)) + mms.status(elsewhere).outcomes.get("in_doubt", 0) == PEOPLE


RESUMES = """
import sys, mmsbatch as mms
try:
    account = mms.Account("demo", "demo", sys.argv[2], target="sandbox")
    mms.resume(sys.argv[1], account, progress=False)
except mms.RunError as error:
    print(error); sys.exit(2)
"""


def test_two_processes_resume_a_run_and_its_copy_at_once(tmp_path: Path, run: Path) -> None:
    """The user's story: stopped, copied to the server, resumed on both."""
    with Sandbox(options=SandboxOptions(latency_ms=50)) as sandbox:
        half_sent(planned(PEOPLE), run, account_at(sandbox))
        copy = tmp_path / "server" / "noel"
        copied(run, copy)

        def resume(folder: Path) -> int:
            words = [sys.executable, "-c", RESUMES, str(folder), sandbox.url]
            return subprocess.run(words, check=False, capture_output=True).returncode

        with ThreadPoolExecutor(2) as both:
            assert list(both.map(resume, [run, copy])) == [0, 2]
        assert len(reached(sandbox)) == PEOPLE == sum(reached(sandbox).values())


def test_a_run_of_before_identities_goes_on_and_is_known_from_then(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Runs that an earlier version began are not lost; their next execution records their files."""
    old = Path(__file__).parents[1] / "journals" / "0.1.0" / "killed"
    run = tmp_path / "old"
    shutil.copytree(old, run)
    before = mms.status(run).outcomes
    assert "identity" not in json.dumps(facts_of(run))
    assert before["pending"]
    mms.reconcile(run, account_at(sandbox))
    copy = tmp_path / "server" / "old"
    shutil.copytree(run, copy)
    with pytest.raises(RunInDoubt):
        mms.resume(run, account_at(sandbox), progress=False)
    late = tmp_path / "late" / "old"
    shutil.copytree(run, late)
    with pytest.raises(RunError, match="in other files than"):
        mms.resume(late, account_at(sandbox), progress=False)


def test_a_container_that_is_started_again_is_not_asked(sandbox: Sandbox, run: Path) -> None:
    """Another host name and another path to the same files: the inodes are the same."""
    account = account_at(sandbox)
    half_sent(planned(PEOPLE), run, account)
    inodes = {name: (run / name).stat().st_ino for name in ("journal.sqlite", "writer.lock")}
    opened = facts_of(run)[0]
    assert opened["inodes"] == inodes
    assert "host" not in opened
    mms.resume(run, account, progress=False)
    assert pd.read_parquet(run / "results.parquet")["mms_outcome"].eq("accepted").all()
