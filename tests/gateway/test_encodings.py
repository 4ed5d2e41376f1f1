"""How bytes and line breaks are read is not documented: each reading can be chosen, and played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.campaign.rendering import Filled
from mmsbatch.errors import CampaignError
from mmsbatch.gateway.wire import encode_form, encode_request
from mmsbatch.sandbox import Sandbox, SandboxOptions

MESSAGE = "Été à 5 €\nœuf"


def campaign(**options: Any) -> mms.Campaign:
    return mms.Campaign("essai", mms.Text(MESSAGE), **options)


def planned(campaign: mms.Campaign, cities: list[str] | None = None) -> mms.Plan:
    contacts = pd.DataFrame({"mobile": fictional(3), "ville": cities or ["Nice"] * 3})
    return mms.plan(mms.prepare(contacts, phone="mobile", fictional=True), campaign)


@pytest.mark.parametrize(
    ("options", "message", "quoted"),
    [
        ({}, "Été à 5 €\nœuf".encode(), b"%C3%89t%C3%A9+%C3%A0+5+%E2%82%AC%0A%C5%93uf"),
        ({"newline": "literal"}, "Été à 5 €\\nœuf".encode(), b"%E2%82%AC%5Cn%C5%93uf"),
        ({"encoding": "cp1252"}, b"\xc9t\xe9 \xe0 5 \x80\n\x9cuf", b"%C9t%E9+%E0+5+%80%0A%9Cuf"),
        (
            {"encoding": "cp1252", "newline": "literal"},
            b"\xc9t\xe9 \xe0 5 \x80\\n\x9cuf",
            b"%80%5Cn%9Cuf",
        ),
    ],
)  # fmt: skip
def test_the_bytes_are_those_of_the_reading(
    options: dict[str, str], message: bytes, quoted: bytes
) -> None:
    xml = encode_request(
        campaign(**options),
        Filled.of(campaign(**options).content),
        ["+33639980001"],
        "demo",
    )
    assert b"<MESSAGE>%s</MESSAGE>" % message in xml
    assert quoted in encode_form(xml, "demo", "demo")


@pytest.mark.parametrize(
    ("said", "read", "shown"),
    [
        ("utf-8", "utf-8", "Été à 5 E\nœuf"),
        ("cp1252", "cp1252", "Été à 5 E\nœuf"),
        ("utf-8", "cp1252", "Ã‰tÃ© Ã\xa0 5 â‚¬\nÅ“uf"),
    ],
)
def test_a_phone_shows_what_the_gateway_reads(
    said: str, read: Any, shown: str, tmp_path: Path
) -> None:
    """The wrong reading is seen at once: that is what a first message is for."""
    with Sandbox(options=SandboxOptions(charset=read)) as sandbox:
        mms.send(planned(campaign(encoding=said)), account_at(sandbox), run=tmp_path / "run")
        assert {one.message for one in sandbox.ledger} == {shown}
    assert mms.verify(tmp_path / "run").holds
    assert mms.forget("0639980001", tmp_path).runs["rows"].tolist() == [1]
    assert mms.verify(tmp_path / "run").holds


def test_a_gateway_that_reads_utf_8_refuses_other_bytes(tmp_path: Path) -> None:
    with Sandbox() as sandbox, pytest.raises(mms.RunStopped, match="106"):
        mms.send(planned(campaign(encoding="cp1252")), account_at(sandbox), run=tmp_path / "run")


@pytest.mark.parametrize(
    ("said", "read", "shown"),
    [
        ("lf", "lf", "5 E\nœuf"),
        ("literal", "literal", "5 E\nœuf"),
        ("lf", "literal", "5 E œuf"),
        ("literal", "lf", r"5 E\nœuf"),
        ("literal", "both", "5 E\nœuf"),
    ],
)
def test_a_line_break_is_what_the_gateway_takes_for_one(
    said: str, read: Any, shown: str, tmp_path: Path
) -> None:
    with Sandbox(options=SandboxOptions(newline=read)) as sandbox:
        mms.send(planned(campaign(newline=said)), account_at(sandbox), run=tmp_path / "run")
        assert {one.message.partition("à ")[2] for one in sandbox.ledger} == {shown}


def test_the_usual_reading_leaves_fingerprints_as_they_are(tmp_path: Path) -> None:
    """Another one is in the fingerprint, in the file, and comes back from it."""
    usual = planned(campaign(encoding="utf-8", newline="lf")).fingerprint
    assert planned(campaign()).fingerprint == usual
    other = campaign(encoding="cp1252", newline="literal")
    assert planned(other).fingerprint != usual
    file = tmp_path / "essai.toml"
    file.write_text(
        'name = "essai"\nkind = "text"\nmessage = "Été à 5 €\\nœuf"\nencoding = "cp1252"\n'
        'newline = "literal"\n',
        encoding="utf-8",
    )
    assert mms.load_campaign(file) == other


def test_what_windows_1252_lacks_is_named() -> None:
    with pytest.raises(CampaignError, match=r"campaign.encoding: cp1252 has no '→' \(U\+2192\)"):
        mms.Campaign("essai", mms.Text("Nice → Pau"), encoding="cp1252")
    with pytest.raises(CampaignError, match=r"campaign\.encoding: 'utf-8' or 'cp1252' is needed"):
        campaign(encoding="utf8")
    with pytest.raises(CampaignError, match=r"campaign\.newline: 'lf' or 'literal' is needed"):
        campaign(newline="crlf")
    personal = mms.Campaign("essai", mms.Text("À {{ ville }}"), encoding="cp1252")
    plan = planned(personal, ["Nice", "Łódź", "Pau"])
    assert plan.summary.problems == {"message_not_encodable": 1}
