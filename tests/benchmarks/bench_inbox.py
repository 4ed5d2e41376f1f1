"""How fast the sandbox's pages are over many stored messages.

Run ``python tests/benchmarks/bench_inbox.py [--messages N] [--each N]``: 1,000,000 messages in
requests of one, the worst case, without further words. The rival of each search is the same
question put to the same table as a scan (``LIKE``).
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from mmsbatch.sandbox.books import Books
from mmsbatch.sandbox.fault_rules import FaultRules
from mmsbatch.sandbox.ledger import Batch, Received
from mmsbatch.sandbox.media_folder import MediaFolder
from mmsbatch.sandbox.pages import Pages
from mmsbatch.sandbox.store import Store

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
TIMES = 5


def fill(path: Path, messages: int, each: int) -> None:
    store = Store(path)
    with store.writing():
        for place, first in enumerate(range(0, messages, each), start=1):
            numbers = tuple(f"33612{n % 1_000_000:06d}" for n in range(first, first + each))
            text = f"Bonjour P{place % 5000}, rendez-vous à Lyon"
            store.add_messages(Batch(place, numbers, text, "text", (), None, AT))
            store.add_request(
                Received(
                    place,
                    AT,
                    "POST",
                    verdict=100,
                    answered=150 if place % 1000 == 0 else 100,
                    login="demo",
                    campaign_name=f"week-{place % 50}",
                    kind="text",
                    message=text,
                    numbers=numbers,
                    delivered=len(numbers),
                    credits_left=1,
                ),
                None,
            )
    store.close()


def took_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(TIMES):
        begun_s = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun_s) * 1000)
    return sorted(times)[TIMES // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="data") as folder:
        path = Path(folder) / "ledger.sqlite"
        begun_s = time.perf_counter()
        fill(path, options.messages, options.each)
        took_s = time.perf_counter() - begun_s
        print(f"{options.messages:,} messages entered in {took_s:.0f} s")
        print(f"{path.stat().st_size / 1e6:,.0f} MB")
        books = Books({"demo": 1}, path)
        pages = Pages(books, FaultRules({}), MediaFolder(None))

        def page_ms(where: str) -> float:
            def ask() -> None:
                environ = EnvironBuilder(
                    path=where.partition("?")[0], query_string=where.partition("?")[2]
                )
                assert pages(Request(environ.get_environ())).status_code == 200

            return took_ms(ask)

        last = options.messages // options.each // 50
        for what, where in (
            ("the list", "/"),
            ("its last page", f"/?page={last}"),
            ("a number", "/?q=33612000123"),
            ("a word of every message", "/?q=bonjour"),
            ("a word of few", "/?q=P4321"),
            ("a campaign", "/?campaign=week-7"),
            ("a campaign's page 100", "/?campaign=week-7&page=100"),
            ("a rare status", "/?status=150"),
            ("a common one", "/?status=100"),
            ("a phone", "/phones/123"),
            ("a request", "/requests/123"),
        ):
            print(f"{what}: {page_ms(where):.0f} ms", flush=True)
        scan = sqlite3.connect(path)
        rival = took_ms(
            lambda: scan.execute(
                "SELECT * FROM requests WHERE message LIKE '%P4321%' ORDER BY number DESC LIMIT 50"
            ).fetchall()
        )
        print(
            f"a word of few: {page_ms('/?q=P4321') / rival:.2f} times the time of a scan "
            f"({rival:.0f} ms)"
        )
        scan.close()
        books.close()


if __name__ == "__main__":
    main()
