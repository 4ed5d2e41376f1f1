"""The first minutes: a campaign file to begin with, its schema, notebooks to open, what § means."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import ROOT
from mmsbatch.cli import app
from mmsbatch.spec import SECTIONS
from pages import EVERYTHING


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str) -> Any:
    return CliRunner().invoke(app, words)


def valid(text: str) -> bool:
    """Return whether a campaign file is one by the schema, as an editor looks at it."""
    schema = json.loads(call("schema").stdout)
    given = json.loads(json.dumps(tomllib.loads(text), default=str))
    return bool(jsonschema.Draft7Validator(schema).is_valid(given))


# ----- a campaign file ---------------------------------------------------------------------------


def test_a_first_campaign_is_one_and_its_next_steps_run(place: Path) -> None:
    """As it is written, and with each line that is only a comment taken for one."""
    done = call("init", "sub/noel-2026.toml")
    assert done.exit_code == 0, done.output
    campaign = mms.load_campaign("sub/noel-2026.toml")
    assert (campaign.name, campaign.purpose) == ("noel-2026", "commercial")
    assert (place / "sub" / "campaign.schema.json").read_text("utf-8") == call("schema").stdout
    text = (place / "sub" / "noel-2026.toml").read_text("utf-8")
    assert text.startswith("#:schema ./campaign.schema.json\n")
    assert valid(text)
    steps = re.findall(r"mmsbatch ((?:check|plan) .*)", done.stdout)
    assert len(steps) == 2
    for step in steps:
        ran = call(*shlex.split(step))
        assert ran.exit_code == 0, ran.output
        assert "warnings" not in ran.stdout or "[line-breaks]" in ran.stdout


def test_nothing_is_written_over(place: Path) -> None:
    (place / "campaign.toml").write_text("mine", encoding="utf-8")
    done = call("init")
    assert (done.exit_code, "campaign.toml exists" in done.stderr) == (2, True)
    assert (place / "campaign.toml").read_text("utf-8") == "mine"


def test_a_schema_of_another_version_is_said_and_written_anew(place: Path) -> None:
    """Else an editor would call right what this version does not know."""
    call("init", "my campaigns/noel.toml")
    schema = place / "my campaigns" / "campaign.schema.json"
    schema.write_text(schema.read_text("utf-8").replace("advertiser", "sender"), "utf-8")
    with pytest.warns(UserWarning, match="schema of another version") as told:
        mms.load_campaign("my campaigns/noel.toml")
    program, *words = shlex.split(str(told[0].message).split("`")[1])
    assert (program, words[:2]) == ("mmsbatch", ["schema", ">"])
    (place / words[2]).write_text(call("schema").stdout, "utf-8")
    mms.load_campaign("my campaigns/noel.toml")


@pytest.mark.parametrize("sample", sorted((ROOT / "data" / "samples").glob("*.toml")), ids=str)
def test_the_samples_are_campaigns_by_the_schema(sample: Path) -> None:
    assert valid(sample.read_text("utf-8"))


WHOLE = """
name = "noel"
kind = "sound+image"
message = "Bonjour {{ prenom }}"
image = {url = "http://www.example.com/{{ ville }}.jpg", bytes = 5}
sound = {url = "http://www.example.com/a.mid", duration_s = "{{ s }}"}
send_at = 2030-12-20 10:00:00
notify_by_mail = false
purpose = "service"
consent = {column = "optin", yes = ["A"], no = ["B"]}
one_per = "message"
encoding = "cp1252"
newline = "literal"
prefixes = ["6"]
advertiser = "Flore"
way_out = "fin"
[split]
hold_out = 10
key = "k"
[split.variants.A]
[split.variants.B]
kind = "text"
"""


def test_the_schema_knows_every_key_that_the_reader_knows(place: Path) -> None:
    (place / "c.toml").write_text(WHOLE, encoding="utf-8")
    assert mms.load_campaign("c.toml").split is not None
    assert valid(WHOLE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "noel"', ""),
        ('kind = "sound+image"', 'kind = "sms"'),
        ("one_per", "one_pre"),
        ('encoding = "cp1252"', 'encoding = "latin-1"'),
        ("http://www.example.com/a.mid", "https://www.example.com/a.mid"),
        ('duration_s = "{{ s }}"', "duration_s = 0"),
        ('duration_s = "{{ s }}"', 'duration_s = "12"'),
        ("hold_out = 10", "hold_out = 100"),
        ("[split.variants.B]", "[split.variants.B]\nmesage = 'x'"),
        ('prefixes = ["6"]', 'prefixes = ["8"]'),
    ],
)
def test_an_editor_and_the_reader_refuse_the_same(old: str, new: str, place: Path) -> None:
    text = WHOLE.replace(old, new)
    assert text != WHOLE
    assert not valid(text)
    (place / "c.toml").write_text(text, encoding="utf-8")
    with pytest.raises(mms.CampaignError):
        mms.load_campaign("c.toml")


# ----- notebooks ---------------------------------------------------------------------------------


def test_a_notebook_says_what_it_takes() -> None:
    """Each parameter with its default and what it is for; without a name, the command's help."""
    told = call("notebook", "campaign", "--help")
    assert told.exit_code == 0
    assert "-p workers = 1  requests under way at once" in told.stdout
    assert "-p date = None  2026-11-23; passed in, never the clock's" in told.stdout
    assert "--parameter" in call("notebook", "--help").stdout
    unknown = call("notebook", "campain", "--help")
    assert (unknown.exit_code, "Did you mean 'campaign'" in unknown.stderr) == (2, True)
    assert "name a notebook: " in call("notebook").stderr


def test_the_notebooks_are_put_beside_ones_data(place: Path) -> None:
    """What is there already is left alone."""
    done = call("notebook", "--copy", "my notebooks")
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (place / "my notebooks").iterdir())
    assert names == [
        "audit.ipynb",
        "campaign.ipynb",
        "compare.ipynb",
        "reconcile.ipynb",
        "tour.ipynb",
    ]
    assert "jupyter lab 'my notebooks'" in done.stdout
    (place / "my notebooks" / "tour.ipynb").write_text("mine", encoding="utf-8")
    assert "0 notebooks put into" in call("notebook", "--copy", "my notebooks").stdout
    assert (place / "my notebooks" / "tour.ipynb").read_text("utf-8") == "mine"


# ----- the document ------------------------------------------------------------------------------


def test_every_section_that_is_cited_is_explained() -> None:
    """The person does not have the document: each § in a message can be asked about."""
    package = Path(mms.__file__).parent
    texts = [*(path.read_text("utf-8") for path in package.rglob("*.py")), EVERYTHING]
    cited = {name for text in texts for name in re.findall(r"§([0-9]\.[0-9](?:\.[0-9])?)", text)}
    assert cited - set(SECTIONS) == set()
    for name in SECTIONS:
        told = call("explain", f"§{name}")
        assert SECTIONS[name] in told.stdout
    assert "becomes E" in call("explain", "1.3").stdout
    everything = call("explain").stdout
    assert all(
        f"§{name} " in everything and about in everything for name, about in SECTIONS.items()
    )


def test_a_status_is_explained() -> None:
    told = call("explain", "104").stdout
    assert "104 of a send (§2.2), refused, nothing was sent: Crédit insuffisant" in told
    assert json.loads(call("explain", "100", "--json").stdout)["meanings"][1].startswith(
        "100 of the"
    )
    strange = call("explain", "§1.9")
    assert (strange.exit_code, "the document has no '§1.9'" in strange.stderr) == (2, True)
