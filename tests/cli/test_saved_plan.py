"""Two pairs of eyes: what one person planned and another approved is what is sent."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import mmsbatch as mms
from conftest import fictional
from mmsbatch.cli import app
from mmsbatch.errors import PlanError
from mmsbatch.sandbox import Sandbox


@pytest.fixture(autouse=True)
def gateway(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    for name, value in (("URL", sandbox.url), ("CLIENTCODE", "demo"), ("PASSCODE", "demo")):
        monkeypatch.setenv(f"MMSBATCH_{name}", value)
    return sandbox


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Contacts, a campaign, and who objected so far."""
    rows = [
        f"{number},{city}"
        for number, city in zip(fictional(250), ["Nice", "Pau"] * 125, strict=True)
    ]
    (tmp_path / "crm.csv").write_text("mobile,ville\n" + "\n".join(rows), encoding="utf-8")
    (tmp_path / "stop.csv").write_text(f"mobile\n{fictional(1, 7)[0]}\n", encoding="utf-8")
    (tmp_path / "noel.toml").write_text(
        'name = "noel"\nkind = "text"\nmessage = "À {{ ville }}"\n', encoding="utf-8"
    )
    return tmp_path


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def save(place: Path) -> str:
    """Save the plan; return its fingerprint."""
    words: list[str | Path] = [
        place / "crm.csv",
        "--campaign",
        place / "noel.toml",
        "--suppress",
        place / "stop.csv",
    ]
    made = said(call("plan", *words, "--save", place / "saved", "--json"))
    return str(made["fingerprint"])


def send(place: Path, confirm: str, *words: str) -> Result:
    return call(
        "send", "--plan", place / "saved", "--confirm", confirm, "--run", place / "run", *words
    )


def test_what_was_shown_is_what_is_sent(place: Path, sandbox: Sandbox) -> None:
    fingerprint = save(place)
    shown = call("show", place / "saved")
    assert shown.exit_code == 0, shown.output
    for part in (fingerprint, "249 recipients", "crm.csv", "À Nice", "suppressed"):
        assert part in shown.output
    assert "063998" not in shown.output.replace(" ", "")  # masked
    assert f"send --plan {place / 'saved'} --confirm {fingerprint[:12]} --run" in shown.output
    # What is printed is what is pasted.
    told = next(line for line in shown.output.splitlines() if line.startswith("next"))
    command = told.split("mmsbatch", 1)[1].replace("data/runs/noel", str(place / "run"))
    done = call(*shlex.split(command))
    assert done.exit_code == 0, done.output
    assert len(sandbox.ledger) == 249
    assert mms.status(place / "run").fingerprint == fingerprint
    again = send(place, fingerprint[:12])
    assert (again.exit_code, len(sandbox.ledger)) == (0, 249)


def test_a_page_can_be_sent_around(place: Path) -> None:
    """It loads nothing, runs nothing, and holds no number."""
    save(place)
    out = place / "plan.html"
    assert call("show", place / "saved", "--html", out).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert "À Nice" in text
    assert "default-src 'none'" in text
    for unwanted in ("<script", "http://", "https://", "0639980", "639980"):
        assert unwanted not in text


def test_who_objects_in_between_gets_nothing(place: Path, sandbox: Sandbox) -> None:
    """Without a new confirmation; after the run has begun, from the next one on."""
    fingerprint = save(place)
    gone = fictional(2, 100)
    with (place / "stop.csv").open("a", encoding="utf-8") as file:
        file.write(f"{gone[0]}\n")
    done = send(place, fingerprint)
    assert done.exit_code == 0, done.output
    assert "1 recipient of the plan objected since it was saved, and get nothing" in done.stderr
    assert f"33{gone[0][1:]}" not in {one.number for one in sandbox.ledger}
    assert len(sandbox.ledger) == 248
    with (place / "stop.csv").open("a", encoding="utf-8") as file:
        file.write(f"{gone[1]}\n")
    again = send(place, fingerprint)
    assert (again.exit_code, len(sandbox.ledger)) == (0, 248)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("crm.csv", "0639980012,Nice", "0639980312,Nice"), "1 rows have another number"),
        (("noel.toml", "À {{", "Bonjour de {{"), "campaign.content"),
        (("stop.csv", fictional(1, 7)[0], fictional(1, 8)[0]), "rows have another number"),
    ],
)
def test_any_other_change_needs_a_new_look(
    change: tuple[str, str, str], told: str, place: Path, sandbox: Sandbox
) -> None:
    """Contacts, content, or somebody who is no longer on the list."""
    fingerprint = save(place)
    name, old, new = change
    text = (place / name).read_text(encoding="utf-8")
    assert old in text
    (place / name).write_text(text.replace(old, new), encoding="utf-8")
    done = send(place, fingerprint)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Save the plan anew, and have it looked at again" in done.stderr
    assert sandbox.ledger == ()
    assert not (place / "run").exists()


def test_what_cannot_be_sent_is_refused(place: Path, sandbox: Sandbox) -> None:
    fingerprint = save(place)
    cases = {
        "--plan needs --confirm FINGERPRINT": call(
            "send", "--plan", place / "saved", "--run", place / "run"
        ),
        "is not that of": send(place, "0" * 12),
        "was made for the sandbox": send(place, fingerprint, "--live"),
        "--plan says what is sent: leave out --phone": send(
            place, fingerprint, "--phone", "mobile"
        ),
        "holds no plan that was saved": call("show", place),
        "exists: give a new folder as --save": call(
            "plan", place / "crm.csv", "--campaign", place / "noel.toml", "--save", place / "saved"
        ),
        "give CONTACTS and --campaign FILE, or --plan DIR": call("send", "--run", place / "run"),
    }
    for told, result in cases.items():
        assert told in result.stderr, (told, result.output)
        assert result.exit_code == 2
    (place / "saved" / "plan.parquet").write_bytes(b"PAR1")
    assert "plan.parquet is not the file that was saved" in call("show", place / "saved").stderr
    assert sandbox.ledger == ()


def test_a_plan_can_be_saved_from_a_notebook(tmp_path: Path) -> None:
    prepared = mms.prepare(mms.read_contacts(mms.sample("crm.csv")), "mobile", fictional=True)
    plan = mms.plan(prepared, mms.Campaign("noel", mms.Text("Bonjour")), part_rows=1_000)
    mms.SavedPlan.save(plan, tmp_path / "saved")
    loaded = mms.SavedPlan.load(tmp_path / "saved")
    assert loaded.fingerprint == plan.fingerprint
    assert loaded.checked(plan) is plan
    other = mms.plan(prepared, mms.Campaign("noel", mms.Text("Bonsoir")), part_rows=1_000)
    with pytest.raises(PlanError, match="has changed since"):
        loaded.checked(other)
