"""A campaign as it is really run: consent, two variants, a hold-out, an objection, closing time.

Whatever happens on the way, who got what is what the rules say: worked out here from the export
alone, row by row, and compared with the gateway's own books.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import fictional
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox

CAMPAIGN = """
name = "noel"
kind = "text"
message = "Maison Flore : joyeux Noël {{ prenom }} ! STOP au 36000"
advertiser = "Maison Flore"
purpose = "commercial"
consent = "optin"
[split]
hold_out = 15
[split.variants.A]
[split.variants.B]
kind = "image"
message = "Maison Flore vous attend à {{ ville }} ! STOP au 36000"
image = "http://www.example.com/{{ ville }}.jpg"
"""
REMINDER = (
    'name = "rappel"\nkind = "text"\nmessage = "Votre commande est prête"\npurpose = "service"'
)
FRIDAY = datetime(2026, 12, 4, 18, 55, tzinfo=UTC)
"""19:55 in Paris: five minutes before closing time."""
WORDS = ["crm.csv", "--phone", "mobile", "--not-contacted-within", "7", "--suppress", "stops.csv"]
RUN = "data/runs/noel"


class Told(NamedTuple):
    """What somebody is to get."""

    variant: str
    message: str
    image: str


class Story:
    """The export, the lists and the past; and what follows from them."""

    def __init__(self, folder: Path) -> None:
        choose = random.Random(7)  # noqa: S311
        numbers = fictional(2000)
        self.export = pd.DataFrame(
            {
                "mobile": [*numbers, *choose.sample(numbers, 100), *["01 99 00 12 34"] * 20],
                "prenom": [f"P{row % 4}" for row in range(2120)],
                "ville": [choose.choice(["lyon", "lille"]) for _ in range(2120)],
                "optin": [choose.choice(["oui", "oui", "oui", "non", ""]) for _ in range(2120)],
            }
        )
        self.past = set(numbers[50:300])
        self.listed = set(numbers[280:400])
        self.objected = set(numbers[900:905])
        self.export.to_csv(folder / "crm.csv", index=False)
        pd.DataFrame({"mobile": sorted(self.past)}).to_csv(folder / "past.csv", index=False)
        (folder / "noel.toml").write_text(CAMPAIGN, encoding="utf-8")
        (folder / "rappel.toml").write_text(REMINDER, encoding="utf-8")
        self.write_stops(folder, self.listed)

    def write_stops(self, folder: Path, numbers: set[str]) -> None:
        """Write the suppression list."""
        pd.DataFrame({"mobile": sorted(numbers)}).to_csv(folder / "stops.csv", index=False)

    def told(self, *, stops: set[str]) -> dict[str, Told]:
        """Work out who is to get what, from the rows alone."""
        refusing = set(self.export.loc[self.export["optin"] == "non", "mobile"])
        found: dict[str, Told] = {}
        row: Any
        for row in self.export.itertuples():
            number = f"33{row.mobile[1:]}"
            may = row.optin == "oui" and row.mobile not in refusing | stops | self.past
            if not may or number in found or not row.mobile.startswith("06"):
                continue
            digest = hmac.new(b"noel", number.encode(), hashlib.sha256).digest()
            percent = int.from_bytes(digest[:8], "big") / 2**64 * 100
            if percent < 15:
                continue
            a = Told("A", f"Maison Flore : joyeux Noël {row.prenom} ! STOP au 36000", "")
            place = f"http://www.example.com/{row.ville}.jpg"
            b = Told("B", f"Maison Flore vous attend à {row.ville} ! STOP au 36000", place)
            found[number] = a if percent < 57.5 else b
        return found


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.chdir(tmp_path)
    with Sandbox() as sandbox:
        for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
            monkeypatch.setenv(f"MMSBATCH_{name}", value)
        yield sandbox


def clock(monkeypatch: pytest.MonkeyPatch, begins: datetime, gateway: Sandbox) -> None:
    """Let a minute pass with each request."""
    before = len(gateway.requests)

    def now() -> datetime:
        return begins + timedelta(minutes=len(gateway.requests) - before)

    for place in ("mmsbatch.times", "mmsbatch.cli.inputs", "mmsbatch.cli.preparing"):
        monkeypatch.setattr(f"{place}.utc_now", now)


def call(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def prepared(folder: Path, gateway: Sandbox, monkeypatch: pytest.MonkeyPatch) -> tuple[Story, str]:
    """Send the reminder of three days before, and have the plan looked at."""
    story = Story(folder)
    clock(monkeypatch, FRIDAY - timedelta(days=3), gateway)
    call("send", "past.csv", "--campaign", "rappel.toml", "--run", "data/runs/rappel")
    clock(monkeypatch, FRIDAY - timedelta(hours=2), gateway)
    saved = call("plan", *WORDS, "--campaign", "noel.toml", "--save", "noel.plan")
    assert saved["recipients"] == len(story.told(stops=story.listed))
    shown = CliRunner().invoke(app, ["show", "noel.plan", "--html", "noel.html"])
    assert shown.exit_code == 0, shown.output
    page = (folder / "noel.html").read_text(encoding="utf-8")
    for variant in ("A", "B"):
        assert f"variant {variant} to" in shown.stdout
        assert f"variant {variant} to" in page
    assert not any(number in page for number in story.export["mobile"])
    story.write_stops(folder, story.listed | story.objected)
    return story, str(saved["fingerprint"])


def sent(gateway: Sandbox) -> list[tuple[str, str, str]]:
    """Return what the gateway's books say of the campaign: number, message, image."""
    return [
        (one.number, one.message, one.media[0].url if one.media else "")
        for one in gateway.ledger
        if "commande" not in one.message
    ]


SEND = ["send", "--plan", "noel.plan", "--run", RUN, "--hours", "default", "--confirm"]


def test_everybody_gets_what_the_rules_say(
    tmp_path: Path, gateway: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed in the middle, gone on with the next morning, and again: nobody twice, nobody lost."""
    story, fingerprint = prepared(tmp_path, gateway, monkeypatch)
    expected = story.told(stops=story.listed | story.objected)
    clock(monkeypatch, FRIDAY, gateway)
    stopped = call(*SEND, fingerprint, code=4)
    assert "closing time" in stopped["stopped"]["reason"]
    assert 0 < stopped["outcomes"]["pending"] < len(expected)
    clock(monkeypatch, FRIDAY + timedelta(hours=3), gateway)
    call("resume", RUN, "--hours", "default", code=4)  # still closed
    clock(monkeypatch, FRIDAY + timedelta(hours=14), gateway)
    for _ in range(2):
        done = call("resume", RUN, "--hours", "default")
        assert done["outcomes"]["accepted"] == len(expected)
    found = sent(gateway)
    assert {number: (message, image) for number, message, image in found} == {
        number: (told.message, told.image) for number, told in expected.items()
    }
    assert len(found) == len(expected)
    check_rows(story, expected, mms.results(RUN))
    assert mms.verify(RUN).holds


def check_rows(story: Story, expected: dict[str, Told], results: pd.DataFrame) -> None:
    """Hold each row of the results against what the rules say of it."""
    assert results["mobile"].astype(str).tolist() == story.export["mobile"].tolist()
    reached: set[str] = set()
    row: Any
    for row in results.itertuples():
        number = str(row.mms_e164).removeprefix("+")
        first = number in expected and number not in reached and row.mms_outcome == "accepted"
        if first:
            reached.add(number)
            assert (row.mms_variant, row.mms_message) == expected[number][:2]
            continue
        word = row.mms_problem
        if row.mobile in story.past and word == "too_soon":
            assert str(row.mms_last_contact).startswith("rappel")
        assert word in {"duplicate", "landline", "no_consent", "suppressed", "too_soon", "held_out"}
        assert (word == "landline") == row.mobile.startswith("01")
        assert (number in expected) <= (word in {"duplicate", "no_consent"})
    assert reached == set(expected)


CRASHING = """
import sys
from datetime import datetime
sys.path.insert(0, sys.argv.pop(1))
now = datetime.fromisoformat(sys.argv.pop(1))
from crash_points import Points
from mmsbatch import times
from mmsbatch.cli import app, inputs
times.utc_now = inputs.utc_now = lambda: now
Points("after body", 3).install()
app()
"""


def test_a_crash_at_the_worst_moment_changes_nobodys_message(
    tmp_path: Path, gateway: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when a request has left and nothing has come back: those people, and no others."""
    story, fingerprint = prepared(tmp_path, gateway, monkeypatch)
    expected = story.told(stops=story.listed | story.objected)
    now = (FRIDAY - timedelta(hours=1)).isoformat()
    code = [sys.executable, "-c", CRASHING, str(Path(__file__).parents[1]), now]
    crashed = subprocess.run([*code, *SEND, fingerprint], check=False, capture_output=True)
    assert crashed.returncode == -9, crashed.stderr
    assert gateway.wait_for(len(gateway.requests))
    clock(monkeypatch, FRIDAY - timedelta(hours=1), gateway)
    call("resume", RUN, "--hours", "default", code=3)
    results = mms.results(RUN)
    doubtful = results.loc[results["mms_outcome"] == "in_doubt"]
    assert doubtful["mms_request"].unique().tolist() == [3]
    books = Counter(number for number, _, _ in sent(gateway))
    assert set(books.values()) == {1}
    certain = set(results.loc[results["mms_outcome"] == "accepted", "mms_e164"].str[1:])
    in_doubt = set(doubtful["mms_e164"].str[1:])
    assert certain | in_doubt == set(expected)
    assert certain <= set(books) <= set(expected)
    assert call("reconcile", RUN, "--release", "--confirm-sent", code=3)["settled"] == []
    note = ["--note", "the vendor's back office shows the request"]
    call("reconcile", RUN, "--verdict", "sent", "--request", "3", *note)
    call("resume", RUN, "--hours", "default")
    assert {number: (message, image) for number, message, image in sent(gateway)} == {
        number: (told.message, told.image) for number, told in expected.items()
    }
    assert mms.verify(RUN).holds
