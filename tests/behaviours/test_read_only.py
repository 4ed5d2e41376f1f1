"""A run that may not be written, as in an archive, is read, and nothing is left in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import TESTS, account_at, planned
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox

KILLED = TESTS / "journals" / "0.1.0" / "killed"
"""A run whose process was killed: its last facts are in the log beside the journal."""

_RIGHTS = "-dac_override,-dac_read_search"
_UNPRIVILEGED = ["setpriv", f"--bounding-set={_RIGHTS}", f"--inh-caps={_RIGHTS}"]
UNPRIVILEGED = _UNPRIVILEGED if os.geteuid() == 0 else []
"""The administrator may write to everything; without these rights permissions hold."""

READERS = {
    "status": "mms.status(run).to_json()['outcomes']",
    "results": "len(mms.results(run))",
    "audit": "mms.audit(run.parent)[['run', 'rows', 'accepted']].to_dict('records')",
    "history": "len(mms.history('06 39 98 00 12', run.parent))",
    "verify": "mms.verify(run).to_json()['checks'][0]",
    "the command status": "command('status', run)",
    "the command results --out": "command('results', run, '--out', run.parents[1] / 'out.csv')",
    "the command verify": "command('verify', run) in {0, 1}",
    "the command audit": "command('audit', run.parent)",
    "retention": "len(mms.retention(run.parent, today=date(2040, 1, 1)))",
}


def command(*words: object) -> int:
    """Run a command; return its exit code."""
    return CliRunner().invoke(app, [*map(str, words)]).exit_code


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file of a folder, its bytes and when they were last written."""
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(
    params=[
        pytest.param("ended", marks=pytest.mark.full),
        "killed",
        pytest.param("copied without shared memory", marks=pytest.mark.full),
    ]
)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "runs" / "noel"
    if request.param == "ended":
        with Sandbox() as sandbox:
            mms.send(planned(300), account_at(sandbox), run=path)
    else:
        shutil.copytree(KILLED, path)
        if "without" in request.param:
            (path / "journal.sqlite-shm").unlink(missing_ok=True)
        assert (path / "journal.sqlite-wal").stat().st_size
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)
    path.parent.chmod(0o555)
    yield path
    path.parent.chmod(0o755)
    path.chmod(0o755)


@pytest.mark.skipif(
    bool(UNPRIVILEGED) and shutil.which("setpriv") is None, reason="needs util-linux's setpriv"
)
def test_a_run_that_may_not_be_written_is_read(run: Path) -> None:
    """The same is read as where it may be, and no file is made or changed."""
    code = (
        "import json, sys; from datetime import date; from pathlib import Path; "
        "import mmsbatch as mms; from mmsbatch.cli import app; "
        "from typer.testing import CliRunner; "
        "run = Path(sys.argv[1])\n"
        "def command(*words): return CliRunner().invoke(app, [*map(str, words)]).exit_code\n"
        "try: (run / 'mine').touch(); sys.exit('the folder can be written')\n"
        "except PermissionError: pass\n"
        "print(json.dumps([str(eval(reader)) for reader in json.loads(sys.argv[2])]))"
    )
    writable = run.parent.parent / "writable" / run.name
    shutil.copytree(run, writable)
    before = contents(run)
    done = subprocess.run(
        [*UNPRIVILEGED, sys.executable, "-c", code, str(run), json.dumps([*READERS.values()])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert before == contents(run)
    values = {"mms": mms, "run": writable, "date": date, "command": command}
    expected = {name: str(eval(reader, values)) for name, reader in READERS.items()}  # noqa: S307  (of this file)
    assert expected == dict(zip(READERS, json.loads(done.stdout), strict=True))
