"""Splits: who gets which variant, and what a split must not say."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mmsbatch as mms
from mmsbatch.campaign.content import Content
from mmsbatch.campaign.file import dump_campaign
from mmsbatch.errors import CampaignError

NUMBERS = np.arange(33_639_980_000, 33_639_990_000)
TWO: dict[str, Content] = {
    "A": mms.Text("un"),
    "B": mms.Image("deux", "http://www.example.com/{{ ville }}.jpg"),
}


def test_a_place_is_the_hash_that_is_documented() -> None:
    """So an auditor can find it again with any tool, years later."""
    split = mms.Split(TWO, hold_out=10, key="noel")
    places = split.places(NUMBERS[:300], "another name")
    for number, place in zip(NUMBERS.tolist(), places.tolist(), strict=False):
        digest = hmac.new(b"noel", str(number).encode(), hashlib.sha256).digest()
        percent = int.from_bytes(digest[:8], "big") / 2**64 * 100
        assert place == (-1 if percent < 10 else 0 if percent < 55 else 1)


def test_the_shares_are_those_that_were_asked_for() -> None:
    split = mms.Split(TWO, hold_out=20, shares={"A": 60, "B": 20})
    places = split.places(NUMBERS, "noel")
    found = [np.count_nonzero(places == place) / len(places) for place in (-1, 0, 1)]
    assert np.allclose(found, [0.2, 0.6, 0.2], atol=0.02)


def test_who_gets_what_depends_on_the_number_and_the_key_alone() -> None:
    """Not on the other rows, their order, or the campaign's name where there is a key."""
    split = mms.Split(TWO, key="noel")
    shuffled = np.random.default_rng(5).permutation(NUMBERS)
    by_number = dict(zip(NUMBERS.tolist(), split.places(NUMBERS, "a").tolist(), strict=True))
    again = split.places(shuffled[:4000], "b").tolist()
    assert again == [by_number[number] for number in shuffled[:4000].tolist()]
    other = mms.Split(TWO, key="soldes").places(NUMBERS, "a")
    agree = np.count_nonzero(other == split.places(NUMBERS, "a")) / len(NUMBERS)
    assert 0.47 < agree < 0.53


def test_without_a_key_the_campaigns_name_is_the_key() -> None:
    named, keyed = mms.Split(TWO), mms.Split(TWO, key="noel")
    assert (named.places(NUMBERS, "noel") == keyed.places(NUMBERS, "")).all()


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (mms.Split, "campaign.split: variants, a hold_out or both are needed"),
        (lambda: mms.Split({"A": mms.Text("un")}), "two variants or more are needed, or none"),
        (lambda: mms.Split(TWO, hold_out=100), "from 0 and below 100 are needed; found 100"),
        (lambda: mms.Split(TWO, hold_out=-1), "from 0 and below 100 are needed; found -1"),
        (lambda: mms.Split(TWO, hold_out=True), "per cent (a number) are needed; found True"),
        (lambda: mms.Split(TWO, shares={"A": 50}), "a share for each variant (A, B), or for none"),
        (lambda: mms.Split(TWO, shares={"A": 50, "B": 40}), "must add up to 100; found 90"),
        (lambda: mms.Split(TWO, shares={"A": 0, "B": 100}), "A: per cent above 0 and below 100"),
        (lambda: mms.Split({**TWO, "held_out": mms.Text("x")}), "and not held_out; found"),
        (lambda: mms.Split({**TWO, "C d": mms.Text("x")}), "1 to 20 letters, digits, _ and -"),
        (lambda: mms.Split({**TWO, "C": "x"}), "variants: C: a content is needed; found 'x'"),  # type: ignore[dict-item]
        (lambda: mms.Campaign("noel", mms.Text("x"), split=mms.Split(TWO)), "leave content out"),
        (lambda: mms.Campaign("noel", mms.Text("x"), split=7), "a Split is needed; found 7"),  # type: ignore[arg-type]
        (
            lambda: mms.Campaign("noel", split=mms.Split(hold_out=5)),
            "campaign.content: missing",
        ),
        (
            lambda: mms.Campaign(
                "noel",
                split=mms.Split({"A": mms.Text("x"), "B": mms.Text("Noël 🎄")}),
                encoding="cp1252",
            ),
            "campaign.split: variants.B: cp1252 has no '🎄'",
        ),
    ],
)
def test_what_cannot_be_is_named(build: Callable[[], object], told: str) -> None:
    with pytest.raises(CampaignError) as caught:
        build()
    assert told in str(caught.value)


FILE = """
name = "noel"
kind = "image"
message = "Joyeux Noël {{ prenom }}"
image = "http://www.example.com/{{ ville }}.jpg"
[split]
hold_out = 10
key = "k"
[split.variants.A]
share = 30
[split.variants.B]
share = 60
kind = "video"
video = {url = "http://www.example.com/film.3gp", duration_s = "{{ secondes }}"}
"""


def read(tmp_path: Path, text: str) -> mms.Campaign:
    path = tmp_path / "campaign.toml"
    path.write_text(text, encoding="utf-8")
    return mms.load_campaign(path)


def test_a_file_gives_the_variants_what_they_leave_out(tmp_path: Path) -> None:
    """Message and media are the campaign's, as far as the variant's kind has them."""
    message = "Joyeux Noël {{ prenom }}"
    expected = mms.Campaign(
        "noel",
        split=mms.Split(
            {
                "A": mms.Image(message, "http://www.example.com/{{ ville }}.jpg"),
                "B": mms.Video(message, "http://www.example.com/film.3gp", "{{ secondes }}"),
            },
            hold_out=10,
            shares={"A": 30, "B": 60},
            key="k",
        ),
    )
    assert read(tmp_path, FILE) == expected
    assert read(tmp_path, dump_campaign(expected)) == expected
    assert expected.columns == {"prenom", "ville", "secondes"}


def test_a_hold_out_alone_keeps_the_one_content(tmp_path: Path) -> None:
    campaign = mms.Campaign("noel", mms.Text("x"), split=mms.Split(hold_out=12.5))
    assert read(tmp_path, dump_campaign(campaign)) == campaign


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("hold_out", "holdout"), "campaign.split.holdout: unknown key; there are hold_out"),
        (("share = 30", "shares = 30"), "campaign.split.variants.A.shares: unknown key"),
        (('kind = "video"', 'kind = "film"'), "campaign.split.variants.B.kind: one of text"),
        (("film.3gp", "film.mp4"), "campaign.split.variants.B.video.url: the file's name must"),
        (("[split.variants.A]\nshare = 30", "variants = 3"), "campaign.toml: not TOML"),
    ],
)
def test_what_a_file_says_wrongly_is_named(
    change: tuple[str, str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(CampaignError) as caught:
        read(tmp_path, FILE.replace(*change))
    assert told in str(caught.value)


def test_a_split_that_is_no_table_is_named(tmp_path: Path) -> None:
    text = 'name = "noel"\nkind = "text"\nmessage = "x"\nsplit = 10\n'
    with pytest.raises(CampaignError, match=r"write \[split\] with hold_out"):
        read(tmp_path, text)
