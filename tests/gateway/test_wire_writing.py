"""What is written is the golden bytes, to the last one."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

import mmsbatch as mms
from conftest import TESTS
from mmsbatch.campaign.rendering import Filled
from mmsbatch.gateway.wire import encode_account_form, encode_form, encode_request

GOLDEN = TESTS / "golden"
NUMBERS = ("+33639980001", "+33639980002", "+33739980003")

CAMPAIGNS = {
    "text": mms.Campaign("soldes", mms.Text("Bonjour & à bientôt,\n1 < 2 > 0 €")),
    "image": mms.Campaign("noel-2026", mms.Image("Joyeux Noël !", "http://www.example.com/n.jpg")),
    "video": mms.Campaign(
        "film",
        mms.Video("À voir", "http://www.example.com/f.3gp", 12),
        send_at="2030-01-31 15:10:00",
    ),
    "sound": mms.Campaign(
        "radio", mms.Sound("À écouter", "http://www.example.com/s.amr", 1000), notify_by_mail=True
    ),
    "sound+image": mms.Campaign(
        "tout",
        mms.SoundImage(
            "Les deux", "http://www.example.com/n.gif", "http://www.example.com/s.mid", 7
        ),
        send_at="2030-07-01 08:00:00",
        notify_by_mail=False,
    ),
}


@pytest.mark.parametrize("kind", CAMPAIGNS)
def test_a_request_is_the_golden_xml(kind: str) -> None:
    """Each of the five kinds, with every optional tag present or absent in one of them."""
    campaign = CAMPAIGNS[kind]
    xml = encode_request(campaign, Filled.of(campaign.content), NUMBERS, " demo ")
    assert xml == (GOLDEN / f"request-{kind}.xml").read_bytes()


@pytest.mark.parametrize("kind", CAMPAIGNS)
def test_a_form_is_the_golden_body(kind: str) -> None:
    """All three values are percent-encoded: a passcode may hold what separates fields."""
    xml = (GOLDEN / f"request-{kind}.xml").read_bytes()
    body = encode_form(xml, "demo", "p&s+=%é")
    assert body == (GOLDEN / f"request-{kind}.form").read_bytes()


def test_a_form_decodes_to_what_was_encoded() -> None:
    """A decoder that is not ours gives back the three fields."""
    xml = (GOLDEN / "request-text.xml").read_bytes()
    assert parse_qsl(encode_form(xml, "demo", "p&s+=%é").decode("ascii"), strict_parsing=True) == [
        ("clientcode", "demo"),
        ("passcode", "p&s+=%é"),
        ("XMLFlow", xml.decode()),
    ]


def test_the_account_form_asks_about_a_login() -> None:
    """The account tool takes three fields, in the body."""
    assert encode_account_form("autre", "demo", "p s") == b"clientcode=demo&passcode=p+s&info=autre"
