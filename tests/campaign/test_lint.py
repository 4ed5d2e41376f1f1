"""What a plan says of its campaign before anybody gets it: each warning names its rule."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import fictional
from mmsbatch.campaign.content import Content
from mmsbatch.campaign.file import dump_campaign
from mmsbatch.errors import CampaignError

FINE = "Maison Flore : joyeux Noël ! STOP au 36000"


def warned(content: Content | str, **options: object) -> list[str]:
    """Return the rules that a plan for people names."""
    text = mms.Text(content) if isinstance(content, str) else content
    options = {"purpose": "commercial", "advertiser": "Maison Flore"} | options
    campaign = mms.Campaign("noel", text, **options)  # type: ignore[arg-type]
    frame = pd.DataFrame({"mobile": fictional(1), "magasin": ["Lyon"]})
    plan = mms.plan(mms.prepare(frame, phone="mobile", fictional=True), campaign)
    return [
        line.rsplit("[", 1)[-1].rstrip("]") for line in plan.warnings if "[consent]" not in line
    ]


@pytest.mark.parametrize(
    ("content", "rules"),
    [
        (FINE, []),
        (FINE.lower(), []),
        (f"{FINE}\nÀ {{{{ magasin }}}}", ["line-breaks"]),
        (FINE.replace("STOP", "non"), ["way-out"]),
        (FINE.replace("Flore", "Rose"), ["advertiser"]),
        (f"{FINE} https://bit.ly/3xYz", ["short-link"]),
        (f"{FINE} T.CO/abc", ["short-link"]),
        (f"{FINE} https://www.habit.ly/3xYz about.co/x", []),
        (f"{FINE} 5 €", ["euro"]),
        (f"{FINE} Dupont & fils", ["markup"]),
        (f"{FINE} \U0001f384", ["rare-character"]),
        (f"{FINE} {{prenom}}", ["placeholder"]),
        (FINE + "é" * 500, ["bytes"]),
        (
            mms.Image(FINE, "http://example.com/a.jpg?v=1", image_bytes=700_000),
            ["www", "query", "size"],
        ),
    ],
)
def test_each_rule_names_itself(content: Content | str, rules: list[str]) -> None:
    assert warned(content) == rules


def test_a_message_that_is_no_advertising_needs_no_way_out() -> None:
    assert warned("Votre commande est prête", purpose="service", advertiser=None) == []


def test_who_advertises_and_the_way_out_are_the_campaigns_own_words() -> None:
    assert warned(FINE, advertiser=None) == ["advertiser"]
    assert warned("Maison Flore, désabonnement : 36000", way_out="désabonnement") == []
    assert warned(FINE, way_out="désabonnement") == ["way-out"]


@pytest.mark.parametrize(
    ("send_at", "told"),
    [
        ("2030-12-25 10:00", "Christmas Day"),
        ("2030-07-14 10:00", "National Day"),
        ("2030-12-22 10:00", "a Sunday"),
        ("2030-12-20 10:00", ""),
    ],
)
def test_a_day_on_which_nobody_expects_it_is_named(send_at: str, told: str) -> None:
    campaign = mms.Campaign("noel", mms.Text(FINE), send_at=send_at, purpose="service")
    frame = pd.DataFrame({"mobile": fictional(1)})
    plan = mms.plan(mms.prepare(frame, phone="mobile", fictional=True), campaign)
    assert bool(told) == any(told in line and line.endswith("[holiday]") for line in plan.warnings)


def test_each_variant_is_looked_at() -> None:
    split = mms.Split({"A": mms.Text(FINE), "B": mms.Text("Maison Flore !")})
    campaign = mms.Campaign("noel", split=split, purpose="commercial", advertiser="Maison Flore")
    frame = pd.DataFrame({"mobile": fictional(9)})
    plan = mms.plan(mms.prepare(frame, phone="mobile", fictional=True), campaign)
    assert any(line.startswith("B: campaign.message: no 'STOP'") for line in plan.warnings)
    assert not any(line.startswith("A: ") for line in plan.warnings)


def test_the_file_says_both_words(tmp_path: Path) -> None:
    campaign = mms.Campaign("noel", mms.Text("x"), advertiser="Flore", way_out="désabonnement")
    path = tmp_path / "campaign.toml"
    path.write_text(dump_campaign(campaign), encoding="utf-8")
    assert mms.load_campaign(path) == campaign
    with pytest.raises(CampaignError, match=r"campaign.way_out: a text is needed"):
        mms.Campaign("noel", mms.Text("x"), way_out=" ")
