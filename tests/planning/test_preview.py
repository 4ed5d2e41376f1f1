"""The preview: what a phone will show, as far as the gateway's document says, and no further."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.campaign.content import Content
from mmsbatch.sandbox import Sandbox

IMAGE = "http://www.example.com/noel.jpg"
SOUND = "http://www.example.com/noel.amr"


def plan_of(content: Content, names: Sequence[str] = ("Zoé", "Marie-Claude", "Léa")) -> mms.Plan:
    """Plan a content for people with these names."""
    contacts = pd.DataFrame({"mobile": fictional(len(names)), "prenom": names})
    prepared = mms.prepare(contacts, phone="mobile", fictional=True)
    return mms.plan(prepared, mms.Campaign("noel", content))


def test_the_first_and_the_longest_message_are_shown() -> None:
    """With who gets them, and how long they are of what is allowed."""
    names = ["Zoé", "Zoé", "Marie-Claude", "Léa"]
    shown = repr(mms.preview(plan_of(mms.Image("Bonjour {{ prenom }} !", IMAGE), names)))
    assert (
        "preview    noel: 3 different messages, an image each (class 1)\n"
        "first      to +33 6 39 98 •• •• and 1 more, first in request 1\n"
        "           │ [image: http://www.example.com/noel.jpg]\n"
        "           │ Bonjour Zoé !\n"
        "           13 of 100 characters\n"
        "longest    to +33 6 39 98 •• ••, first in request 2\n"
        "           │ [image: http://www.example.com/noel.jpg]\n"
        "           │ Bonjour Marie-Claude !\n"
        "           22 of 100 characters\n"
    ) == shown[: shown.index("unknown")]


def test_one_message_for_all_is_shown_once() -> None:
    """The longest is the first."""
    preview = mms.preview(plan_of(mms.Text("Joyeux Noël !")))
    assert "noel: one message, a text (class 0)" in repr(preview)
    assert "longest    the same message" in repr(preview)
    assert 1 == repr(preview).count("Joyeux Noël !")


@pytest.mark.parametrize("masked", [True, False])
def test_numbers_are_hidden_unless_asked_for(masked: bool) -> None:
    """Those of recipients, and those that cells put into a message; not the campaign's own."""
    content = mms.Text("{{ prenom }}, 01 99 00 12 34")
    preview = mms.preview(plan_of(content, ["0639985678"]), masked=masked)
    for shown in (repr(preview), preview._repr_html_()):
        assert masked == ("+33 6 39 98 •• ••" in shown)
        assert masked != ("+33 6 39 98 00 00" in shown)
        assert masked != ("0639985678" in shown)
        assert "01 99 00 12 34" in shown


def test_the_preview_shows_what_phones_of_the_sandbox_get(run: Path) -> None:
    """€ and line breaks: the sandbox is written from the same document, separately."""
    plan = plan_of(mms.Text("Bonjour {{ prenom }},\r\n5 € de moins !"))
    preview = mms.preview(plan)
    with Sandbox() as sandbox:
        mms.send(plan, account_at(sandbox), run=run)
        delivered = [delivery.message for delivery in sandbox.ledger]
    assert "Bonjour Zoé,\n5 E de moins !" == preview.first.shown == delivered[0]
    assert preview.longest.shown == delivered[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5 €", "the gateway replaces € by E"),
        ("a\nb", "a line break is sent as one (LF); the document may mean the two characters"),
        ("a\\nb", "whether \\n is shown as a line break or as it stands is not documented"),
        ("a & b", "whether the gateway undoes it is not documented"),
        ("Noël 🎄", "may be lost or cut the message"),
        ("Noël ", "blanks at the ends of a message may be lost"),
        ("é" * 501, "the gateway may count bytes"),
    ],
)
def test_doubts_are_said_beside_the_message(text: str, said: str) -> None:
    """Only where the text gives cause."""
    assert said in repr(mms.preview(plan_of(mms.Text(text))))
    assert said not in repr(mms.preview(plan_of(mms.Text("Joyeux Noel"))))


def test_braces_from_a_cell_are_only_braces() -> None:
    """A name may look like a template."""
    preview = mms.preview(plan_of(mms.Text("Bonjour {{ prenom }}"), ["{{ x }} {% if"]))
    assert "│ Bonjour {{ x }} {% if" in repr(preview)


def test_media_are_named_with_their_length_and_never_loaded() -> None:
    """Also in a notebook: an address is text there."""
    preview = mms.preview(plan_of(mms.SoundImage("Noël", IMAGE, SOUND, 12)))
    assert f"[image: {IMAGE}]" in repr(preview)
    assert f"[sound, 12 s: {SOUND}]" in repr(preview)
    shown = preview._repr_html_()
    assert SOUND in shown
    for loads in ("<img", "src=", "href=", "url("):
        assert loads not in shown


def test_what_the_document_does_not_say_is_said_to_be_unknown() -> None:
    """A text has no medium to wonder about."""
    text = repr(mms.preview(plan_of(mms.Text("Noël"))))
    image = repr(mms.preview(plan_of(mms.Image("Noël", IMAGE))))
    assert "unknown    which sender the phone names" in text
    assert "cannot show the medium" not in text
    assert "cannot show the medium" in image
