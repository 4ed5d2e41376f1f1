"""Contacts, plans, results and audits at a URL: an S3 server on loopback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, fictional, half_sent, planned
from mmsbatch.cli.app import app
from mmsbatch.errors import RunError
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.mirror import Mirror
from mmsbatch.sandbox import Sandbox
from postgres_cluster import Cluster

RUN = "s3://agency/runs/noel"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(autouse=True)
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[fsspec.AbstractFileSystem]:
    """An empty bucket; its address and login stand where boto3 looks for them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    files = fsspec.filesystem("s3")
    files.mkdir("agency")
    yield files
    files.rm("agency", recursive=True)
    fsspec.filesystem("s3").clear_instance_cache()


@pytest.mark.parametrize("part_rows", [1_000_000, 200])
def test_a_run_at_a_url_is_sent_proved_and_audited(
    part_rows: int, sandbox: Sandbox, postgres: Cluster, bucket: fsspec.AbstractFileSystem
) -> None:
    """From contacts there to results there; this machine keeps nothing."""
    contacts = pd.DataFrame({"id": range(500), "mobile": fictional(500)})
    with bucket.open("agency/crm.csv", "wb") as file:
        contacts.to_csv(file, index=False)
    read = mms.read_contacts("s3://agency/crm.csv")
    prepared = mms.prepare(read, phone="mobile", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("noel", mms.Text("Bonjour")), part_rows=part_rows)
    results = mms.send(plan, account_at(sandbox), run=RUN, journal=postgres.url)
    assert Counter(f"+{one.number}" for one in sandbox.ledger) == Counter(results["mms_e164"])
    assert mms.verify(RUN, journal=postgres.url).holds, mms.verify(RUN, journal=postgres.url)
    report = mms.status(RUN, journal=postgres.url)
    assert (report.outcomes, report.path) == ({"accepted": 500}, RUN)
    there = pd.read_parquet(f"{RUN}/results.parquet")
    assert there["mms_e164"].tolist() == results["mms_e164"].tolist()
    again = mms.send(plan, account_at(sandbox), run=RUN, journal=postgres.url)
    pd.testing.assert_frame_equal(again, results, check_categorical=False)
    assert len(sandbox.ledger) == 500


def test_a_run_at_a_url_goes_on_and_is_audited_there(
    sandbox: Sandbox, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMSBATCH_JOURNAL", postgres.url)
    half_sent(planned(), RUN, account_at(sandbox))
    mms.resume(RUN, account_at(sandbox))
    assert len({one.number for one in sandbox.ledger}) == len(sandbox.ledger) == 500
    mms.send(planned(300), account_at(sandbox), run="s3://agency/runs/later")
    found = mms.audit("s3://agency/runs")
    assert found["run"].tolist() == ["noel", "later"]
    assert found["accepted"].tolist() == [500, 300]
    mms.write_results(RUN)
    assert mms.verify(RUN).holds


def test_the_command_line_takes_urls(
    sandbox: Sandbox,
    postgres: Cluster,
    tmp_path: Path,
    bucket: fsspec.AbstractFileSystem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MMSBATCH_JOURNAL", postgres.url)
    for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)
    monkeypatch.setenv("MMSBATCH_ALLOW_HTTP", "1")
    campaign = tmp_path / "noel.toml"
    campaign.write_text('name = "noel"\nkind = "text"\nmessage = "Bonjour"\n', encoding="utf-8")
    bucket.pipe_file("agency/crm.csv", ("mobile\n" + "\n".join(fictional(20))).encode())
    source = ["s3://agency/crm.csv", "--phone", "mobile"]

    def run(*words: str) -> None:
        done = CliRunner().invoke(app, [*words])
        assert done.exit_code == 0, done.output

    run("check", *source, "--out", "s3://agency/checked.parquet")
    run("send", *source, "--campaign", str(campaign), "--run", "s3://agency/runs/w-{date:%G-W%V}",
        "--date", "2026-11-23")  # fmt: skip
    run("status", "s3://agency/runs/w-2026-W48")
    run("results", "s3://agency/runs/w-2026-W48", "--out", "s3://agency/results.csv")
    run("verify", "s3://agency/runs/w-2026-W48")
    run("audit", "s3://agency/runs")
    assert len(pd.read_parquet("s3://agency/checked.parquet")) == 20
    assert len(pd.read_csv("s3://agency/results.csv", sep=";")) == 20


def test_two_processes_that_begin_one_run_make_one(
    sandbox: Sandbox, postgres: Cluster, bucket: fsspec.AbstractFileSystem
) -> None:
    """The second finds what the first has made, whenever it comes."""
    plan = planned()
    ours = RunFolder.at(RUN, postgres.url)
    theirs = RunFolder.at(RUN, postgres.url)
    target = account_at(sandbox).target
    assert ours.create(plan, target) is True
    assert theirs.create(plan, target) is False
    assert mms.status(RUN, journal=postgres.url).outcomes == {"pending": 500}
    # Between its look and its own try, another has put the journal's place there.
    late = RunFolder.at("s3://agency/runs/late", postgres.url)
    bucket.pipe_file("agency/runs/late/journal.json", b"{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mirror, "names", lambda _mirror: set())
        assert late.create(plan, target) is False
    assert bucket.ls("agency/runs/late") == ["agency/runs/late/journal.json"]
    assert bucket.cat_file("agency/runs/late/journal.json") == b"{}"


def test_without_a_database_a_url_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(RunError, match=r"is a URL, where SQLite cannot keep a journal: keep it in"):
        mms.send(planned(), account_at(sandbox), run=RUN)
    assert sandbox.ledger == ()


def test_what_is_not_there_is_named(
    postgres: Cluster, bucket: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunError, match=r"s3://agency/runs/noel holds no run"):
        mms.status(RUN, journal=postgres.url)
    with pytest.raises(RunError, match=r"s4:// is not known\. Give a folder"):
        mms.status("s4://agency/noel", journal=postgres.url)
    bucket.pipe_file("agency/runs/noel/journal.json", b"{}")
    with pytest.raises(RunError, match="is not on this machine: run the command where it is"):
        mms.forget("0639980000", RUN)
    monkeypatch.setattr(S3FileSystem, "exists", lambda *_: 1 / 0)
    with pytest.raises(RunError, match="check its permissions, the network and the credentials"):
        mms.status(RUN, journal=postgres.url)
