"""What every test file shares: the `--full` option, a sandbox, and small plans."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import settings

import mmsbatch as mms
from mmsbatch.sandbox import Sandbox

if TYPE_CHECKING:
    from postgres_cluster import Cluster
    from year_of_runs import Year

TESTS = Path(__file__).parent
ROOT = TESTS.parent

os.environ["MMSBATCH_GATEWAY"] = os.devnull  # nothing is known of the gateway
os.environ["MMSBATCH_HOURS"] = "off"  # whatever the time is when the tests run
os.environ.pop("UV_RUN_RECURSION_DEPTH", None)  # hints begin with "mmsbatch", however tests are run
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # some hundred processes would each compile it all

SERVICE = TESTS / "service.toml"
"""A campaign for contacts that have no consent column."""

# Shared machines stall at times; a deadline would measure the neighbours. Derandomized: a suite
# that fails by luck teaches people to run it again.
settings.register_profile("quick", deadline=None, derandomize=True, max_examples=80)
settings.register_profile("full", settings.get_profile("quick"), max_examples=500)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also run the long sweeps")
    parser.addoption(
        "--slice",
        metavar="N/M",
        help="also run the N-th of M parts of the long sweeps; N may be any number, such as a "
        "commit's hash in decimal",
    )
    parser.addoption("--screenshots", help="where test_jupyterlab.py leaves what it saw")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("full" if config.getoption("--full") else "quick")


def quick(*characteristic: Any, among: Iterable[Any]) -> list[Any]:
    """Return a test's parameters, all but the characteristic ones left to the long sweeps."""
    return [
        one if one in characteristic else pytest.param(one, marks=pytest.mark.full) for one in among
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    nth, parts = map(int, (config.getoption("--slice") or "0/0").split("/"))
    for item in items:
        # A sweep that is one test may take ten minutes: a slice is of those that have parts.
        in_slice = (
            parts
            and hasattr(item, "callspec")
            and zlib.crc32(item.nodeid.encode()) % parts == nth % parts
        )
        if item.get_closest_marker("full") and not in_slice:
            item.add_marker(pytest.mark.skip(reason="a long sweep: pytest --full"))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own environment reaches a test."""
    for name in ("URL", "CLIENTCODE", "PASSCODE", "ALLOW_HTTP", "JOURNAL", "ACCOUNTS"):
        monkeypatch.delenv(f"MMSBATCH_{name}", raising=False)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def account_at(sandbox: Sandbox, passcode: str = "demo") -> mms.Account:
    return mms.Account("demo", passcode, sandbox.url, target="sandbox")


def fictional(count: int, start: int = 0) -> list[str]:
    """Return `count` different numbers of the block reserved for fiction, national form."""
    return [f"063998{number:04d}" for number in range(start, start + count)]


def planned(
    rows: int = 500, message: str = "Joyeux Noël !", numbers: list[str] | None = None
) -> mms.Plan:
    """Plan an image for `rows` fictional people (or for `numbers`)."""
    contacts = pd.DataFrame({"id": range(rows), "mobile": fictional(rows)})
    if numbers is not None:
        contacts = pd.DataFrame({"id": range(len(numbers)), "mobile": numbers})
    prepared = mms.prepare(contacts, phone="mobile", fictional=True)
    content = mms.Image(message, "http://www.example.com/noel.jpg")
    return mms.plan(prepared, mms.Campaign("noel-2026", content))


def half_sent(plan: mms.Plan, run: str | Path, account: mms.Account, requests: int = 2) -> None:
    """Begin a run, and stop it after some requests."""

    def stop(_request: object) -> None:
        nonlocal requests
        requests -= 1
        if not requests:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mms.send(plan, account, run=run, progress=False, on_request=stop)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Where a run may be made."""
    return tmp_path / "runs" / "noel"


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    """A year of 30 runs (`year_of_runs`); to be read only: `year.copy(tmp_path / "runs")`."""
    from year_of_runs import make  # noqa: PLC0415  (which is written with this module's words)

    return make(tmp_path_factory.mktemp("year"))


@pytest.fixture(scope="session")
def processes() -> Iterator[Executor]:
    """Two processes that are started anew, not forked from one with threads."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Spark on this machine, with two threads and no sockets but on loopback."""
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: apt-get install default-jre-headless")
    sql = pytest.importorskip("pyspark.sql")
    loopback = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    # Of the 200 parts that Spark cuts a table into by itself, nearly all would be empty.
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "4", **loopback}
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = sql.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL server with an empty database for the journals of a session's tests."""
    from postgres_cluster import cluster, programs  # noqa: PLC0415

    if programs() is None:
        pytest.skip("PostgreSQL's server programs are not installed: apt-get install postgresql")
    with cluster() as running:
        yield running
