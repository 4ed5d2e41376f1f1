"""A journal in a file is made only where its locks hold."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.errors import RunError
from mmsbatch.journal import mounts
from mmsbatch.sandbox import Sandbox
from postgres_cluster import Cluster


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the system says is mounted over the network; its name has a blank."""
    mounted = tmp_path / "all machines"
    mounted.mkdir()
    place = str(mounted).replace(" ", "\\040")
    said = tmp_path / "mountinfo"
    said.write_text(
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"36 21 0:30 / {place} rw,relatime shared:2 - nfs4 server:/export rw\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(mounts, "_MOUNTS", said)
    return mounted


def test_a_file_on_a_network_file_system_is_refused(sandbox: Sandbox, mount: Path) -> None:
    """It says why, and what can be shared; nothing is made or sent."""
    with pytest.raises(RunError, match=r"network file system \(nfs4\).*keep the journal in Post"):
        mms.send(planned(), account_at(sandbox), run=mount / "runs" / "noel")
    assert not (mount / "runs" / "noel").exists()
    assert not sandbox.requests


def test_a_database_serves_a_folder_on_one(
    sandbox: Sandbox, mount: Path, postgres: Cluster
) -> None:
    """The folder keeps the plan; no lock of its file system is needed."""
    run = mount / "noel"
    mms.send(planned(), account_at(sandbox), run=run, journal=postgres.url)
    assert mms.status(run, journal=postgres.url).outcomes == {"accepted": 500}


def test_a_folder_beside_the_mount_is_of_this_machine(
    sandbox: Sandbox, mount: Path, run: Path
) -> None:
    """The longest place that it is in counts."""
    assert len(mms.send(planned(), account_at(sandbox), run=run)) == 500
