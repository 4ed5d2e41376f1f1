"""Makes the runs of this folder, with the real sender: `python tests/journals/make_journals.py`.

Run once for each version whose journals differ; what was made is never made again, because every
later version has to read it. Beside each run stands what it said when it was made.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pandas as pd

import mmsbatch as mms
from mmsbatch.reconciliation.reconcile import settle
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.sending import policy

HERE: Final = Path(__file__).parent
KEPT: Final = ("plan.parquet", "campaign.toml", "journal.sqlite", "journal.sqlite-wal")
"""All that cannot be rebuilt; the dead writer's lock is made by the tests where they need it."""

sys.path.insert(0, str(HERE.parent))
from crash_points import Points  # noqa: E402  (beside the tests, not in a package)


def plan() -> mms.Plan:
    """Plan ten rows, of which eight are sendable, in three requests."""
    numbers = [f"063998{row:04d}" for row in range(8)]
    contacts = pd.DataFrame({"nom": list("ABCDEFGHIJ"), "m": [*numbers, "0639980000", "néant"]})
    prepared = mms.prepare(contacts, phone="m", fictional=True)
    image = mms.Image("Joyeux Noël !", "http://www.example.com/noel.jpg")
    return mms.plan(prepared, mms.Campaign("noel-2026", image), chunk_size=3)


def send(run: Path, url: str, passcode: str = "demo") -> None:
    """Send, whatever comes of it."""
    account = mms.Account("demo", passcode, url, target="sandbox")
    with suppress(mms.RunInDoubt, mms.RunStopped):
        mms.send(plan(), account, run=run)


def killed(run: Path) -> None:
    """Leave a run whose sender was killed once its second request had left."""
    sandbox = Sandbox()  # bound, and without a thread yet: so this process may fork
    child = os.fork()
    if child == 0:
        Points("after body", 2).install()
        send(run, sandbox.url)
        os._exit(1)
    with sandbox:
        os.waitpid(child, 0)


def expectations(run: Path) -> dict[str, Any]:
    """Return what a run says of itself, in words that do not change."""
    report = mms.status(run).to_json()
    results = mms.results(run)
    columns = ["mms_request", "mms_outcome", "mms_status", "mms_id", "mms_campaign_id"]
    rows = results[columns].astype(object).where(results[columns].notna(), None)
    lines = [tuple(row) for row in rows.itertuples(index=False)]
    return {
        **{key: report[key] for key in ("rows", "outcomes", "requests", "credits", "fingerprint")},
        "exit_code": mms.status(run).exit_code,
        "columns": columns,
        "in_order": [[len(list(same)), *line] for line, same in groupby(lines)],
    }


def finished(run: Path) -> dict[str, int]:
    """Resume a run against a sound gateway and return its outcomes."""
    with Sandbox() as sandbox, suppress(mms.RunInDoubt, mms.RunStopped):
        mms.resume(run, mms.Account("demo", "demo", sandbox.url, target="sandbox"))
    return dict(mms.status(run).outcomes)


def person(run: Path, _url: str) -> None:
    """Have somebody say that the request in doubt was sent."""
    settle(run, 2, "sent", "seen in the back office")


def credits_(run: Path, url: str) -> None:
    """Have the credits say that the request in doubt was not sent."""
    account = mms.Account("demo", "demo", url, target="sandbox")
    mms.reconcile(run, account, release=True)


def make(
    name: str,
    sandbox: Sandbox | None,
    passcode: str = "demo",
    afterwards: Callable[[Path, str], None] = lambda _run, _url: None,
) -> None:
    """Make one run, keep its files, and write down what it says."""
    kept = HERE / mms.__version__ / name
    run = Path(tempfile.mkdtemp()) / name  # alone: a send looks at the runs beside it
    if sandbox is None:
        killed(run)
    else:
        with sandbox:
            send(run, sandbox.url, passcode)
            afterwards(run, sandbox.url)
    kept.mkdir(parents=True)
    for file in KEPT:
        if (run / file).exists():
            shutil.copy(run / file, kept / file)
    told = {**expectations(run), "after_resuming": finished(run)}
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    kept.with_suffix(".json").write_text(text, encoding="utf-8")
    shutil.rmtree(run.parent)


def main() -> None:
    """Make them all."""
    policy.FIRST_PAUSE_S = 0.0  # type: ignore[misc]  # nothing to wait for here
    socket.gethostname = lambda: "recorder"  # whose machine it was is nobody's business
    pro = SandboxOptions(with_ids=True, blacklist=frozenset({"0639980004"}))
    make("done", Sandbox(options=pro))
    make("in-doubt", Sandbox(faults={2: "close:after"}))
    make("page", Sandbox(faults={2: "page"}))
    make("out-of-credit", Sandbox(options=SandboxOptions(credits=4)))
    make("refused-login", Sandbox(), passcode="wr0ng")
    make("retried", Sandbox(faults={1: "http:429:0", 3: "status:117", 4: "status:117"}))
    make("unreported", Sandbox(faults={3: "lose-id:1"}))
    make("settled", Sandbox(faults={2: "close:after"}), afterwards=person)
    make("released", Sandbox(faults={2: "close:before"}), afterwards=credits_)
    make("killed", None)


if __name__ == "__main__":
    main()
