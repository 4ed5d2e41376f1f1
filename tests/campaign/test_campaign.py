"""Campaigns: every rule that can be checked before sending, its limit and its section."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mmsbatch.campaign.campaign import Campaign, Image, Sound, SoundImage, Text, Video
from mmsbatch.errors import CampaignError
from mmsbatch.spec import ContentKind

JPG = "http://www.example.com/noel.jpg"
FILM = "http://www.example.com/film.3gp"
AIR = "http://www.example.com/air.mid"


def refusal(build: Callable[[], object]) -> list[str]:
    """Return the lines of the error that building raises."""
    with pytest.raises(CampaignError) as caught:
        build()
    return str(caught.value).split("\n")


def campaign(**changes: Any) -> Campaign:
    """Build a campaign that obeys every rule, but for the changes."""
    return Campaign(**{"name": "noel", "content": Text("Bonjour"), **changes})


BROKEN: list[tuple[str, Callable[[], object], str, str, str]] = [
    # rule, what is built, field, section, part of the line
    ("R16", lambda: campaign(content="Bonjour"), "content", "§1.2", "found 'Bonjour' (str)"),
    ("R16", lambda: campaign(content=None), "content", "§1.2", "one of Text, Image, Video"),
    ("R17", lambda: Text(), "message", "§1.2", "missing"),  # type: ignore[call-arg]  # noqa: PLW0108
    ("R17", lambda: Text(""), "message", "§1.2", "only blanks"),
    ("R17", lambda: Text(" \n\t\u00a0\u200b\ufeff"), "message", "§1.2", "only blanks"),
    ("R17", lambda: Text(5), "message", "§1.2", "found 5 (int)"),  # type: ignore[arg-type]
    ("R17", lambda: Text(None), "message", "§1.2", "found None"),  # type: ignore[arg-type]
    ("R17", lambda: Text(b"a"), "message", "§1.2", "found b'a' (bytes)"),  # type: ignore[arg-type]
    ("R17", lambda: Image("", JPG), "message", "§1.2", "also for an image"),
    ("R18", lambda: Text("a" * 1001), "message", "§1.2", "1000 characters for a text"),
    ("R18", lambda: Text("a" * 999 + "\n"), "message", "§1.2", "found 1001. Shorten it by 1."),
    ("R19", lambda: Image("a" * 134, JPG), "message", "§1.2", "found 134. Shorten it by 34."),
    ("R19", lambda: Video("a" * 101, FILM, 9), "message", "§1.2", "100 characters for a video"),
    ("R19", lambda: Sound("a" * 101, AIR, 9), "message", "§1.2", "100 characters for a sound"),
    ("R19", lambda: SoundImage("a" * 101, JPG, AIR, 9), "message", "§1.2", "at most 100"),
    ("R19", lambda: Image("a" * 99 + "\r\n", JPG), "message", "§1.2", "found 101"),
    ("R21", lambda: Text("ab\x07c"), "message", "§1.3", "U+0007 at position 3"),
    ("R21", lambda: Text("a\x00"), "message", "§1.3", "U+0000 at position 2"),
    ("R21", lambda: Text("a\x0bb"), "message", "§1.3", "U+000B at position 2"),
    ("R21", lambda: Text("é\ud83d"), "message", "§1.3", "U+D83D at position 2"),
    ("R21", lambda: Text("\ufffe"), "message", "§1.3", "U+FFFE at position 1"),
    ("R21", lambda: Text("a\uffff"), "message", "§1.3", "U+FFFF at position 2"),
    ("R25", lambda: Image("a"), "image", "§1.2", "missing"),  # type: ignore[call-arg]
    ("R25", lambda: Image("a", None), "image", "§1.2", "found None"),  # type: ignore[arg-type]
    ("R26", lambda: Image("a", ""), "image", "§1.2", "begins with http://"),
    ("R26", lambda: Image("a", "www.example.com/a.jpg"), "image", "§1.2", "begins with http://"),
    ("R26", lambda: Image("a", "HTTP://www.example.com/a.jpg"), "image", "§1.2", "http://"),
    ("R26", lambda: Image("a", "https://www.example.com/a.jpg"), "image", "§1.2", "not https://"),
    ("R26", lambda: Image("a", "ftp://www.example.com/a.jpg"), "image", "§1.2", "http://"),
    ("R26", lambda: Image("a", "http:///a.jpg"), "image", "§1.2", "name of a server"),
    ("R26", lambda: Image("a", "http://www.a.com:x/a.jpg"), "image", "§1.2", "name of a server"),
    ("R26", lambda: Image("a", "http://[::1/a.jpg"), "image", "§1.2", "name of a server"),
    ("R26", lambda: Image("a", "http://www.é.com/a.jpg"), "image", "§1.2", "found 'é'"),
    ("R26", lambda: Image("a", "http://www.a.com/a b.jpg"), "image", "§1.2", "no blank"),
    ("R26", lambda: Image("a", JPG + "\n"), "image", "§1.2", "no blank"),
    ("R26", lambda: Image("a", "http://www.a.com/\ta.jpg"), "image", "§1.2", "no blank"),
    ("R26", lambda: Image("a", JPG + "?a=1&b=2"), "image", "§1.2", "no &"),
    ("R26", lambda: Image("a", "http://www.a.com/<a>.jpg"), "image", "§1.2", "< is not allowed"),
    ("R26", lambda: Image("a", "ftp://www.a.com/{{ id }}.jpg"), "image", "§1.2", "http://"),
    ("R26", lambda: Image("a", "http://www.a.com/{{ i&d }}.jpg"), "image", "line 1", "template"),
    ("R28", lambda: Image("a", "http://www.a.com/{{ id }}.png"), "image", "§1.2", ".jpg"),
    ("R28", lambda: Image("a", "http://www.a.com/a.png"), "image", "§1.2", ".gif or .jpg or .jpeg"),
    ("R28", lambda: Image("a", "http://www.a.com/a?b=.jpg"), "image", "§1.2", "must end in"),
    (
        "R29",
        lambda: Image("a", JPG, image_bytes=1_000_001),
        "image_bytes",
        "§1.2",
        "at most 1000000",
    ),
    ("R29", lambda: Image("a", JPG, image_bytes=0), "image_bytes", "§1.2", "at least 1 byte"),
    ("R29", lambda: Image("a", JPG, image_bytes=True), "image_bytes", "§1.2", "found True (bool)"),
    ("R30", lambda: Video("a", duration_s=9), "video", "§1.2", "missing"),  # type: ignore[call-arg]
    ("R31", lambda: Video("a", "https://www.a.com/a.3gp", 9), "video", "§1.2", "not https://"),
    ("R32", lambda: Video("a", "http://www.a.com/a.mp4", 9), "video", "§1.2", ".3gp"),
    ("R33", lambda: Video("a", FILM, 9, video_bytes=600_001), "video_bytes", "§1.2", "by 1."),
    ("R34", lambda: Video("a", FILM), "duration_s", "§1.2", "missing"),  # type: ignore[call-arg]
    ("R35", lambda: Video("a", FILM, 0), "duration_s", "§1.2", "nothing lasts 0 seconds"),
    ("R35", lambda: Video("a", FILM, 1001), "duration_s", "§1.2", "found 1001"),
    ("R35", lambda: Video("a", FILM, -1), "duration_s", "§1.2", "found -1"),
    ("R35", lambda: Video("a", FILM, "{{ a.b }}"), "duration_s", "line 1", "a dot"),
    ("R35", lambda: Video("a", FILM, True), "duration_s", "§1.2", "found True (bool)"),
    ("R35", lambda: Video("a", FILM, 9.0), "duration_s", "§1.2", "9.0 (float)"),  # type: ignore[arg-type]
    ("R35", lambda: Video("a", FILM, "9"), "duration_s", "§1.2", "'9' (str)"),
    ("R36", lambda: Sound("a", duration_s=9), "sound", "§1.2", "missing"),  # type: ignore[call-arg]
    ("R37", lambda: Sound("a", "www.a.com/a.mid", 9), "sound", "§1.2", "begins with http://"),
    ("R38", lambda: Sound("a", "http://www.a.com/a.midi", 9), "sound", "§1.2", ".mid or .amr"),
    ("R38", lambda: Sound("a", "http://www.a.com/a.mp3", 9), "sound", "§1.2", ".mid or .amr"),
    ("R39", lambda: Sound("a", AIR, 9, sound_bytes=600_001), "sound_bytes", "§1.2", "600000"),
    ("R40", lambda: Sound("a", AIR), "duration_s", "§1.2", "missing"),  # type: ignore[call-arg]
    ("R41", lambda: Sound("a", AIR, 0), "duration_s", "§1.2", "found 0"),
    ("R41", lambda: SoundImage("a", JPG, AIR, 1001), "duration_s", "§1.2", "1 to 1000"),
    ("R42", lambda: campaign(send_at="2030-01-31"), "send_at", "§1.2", "a time is needed"),
    ("R42", lambda: campaign(send_at="31/01/2030 09:00"), "send_at", "§1.2", "not written as"),
    ("R42", lambda: campaign(send_at="2030-01-31 09:00:00.5"), "send_at", "§1.2", "whole seconds"),
    ("R42", lambda: campaign(send_at="٢٠٣٠-01-31 09:00:00"), "send_at", "§1.2", "not written as"),
    ("R42", lambda: campaign(send_at="2030-02-30 09:00:00"), "send_at", "§1.2", "calendar"),
    ("R42", lambda: campaign(send_at="2030-01-31 24:00:00"), "send_at", "§1.2", "calendar"),
    ("R42", lambda: campaign(send_at=date(2030, 1, 31)), "send_at", "§1.2", "(date)"),
    ("R42", lambda: campaign(send_at=0), "send_at", "§1.2", "found 0 (int)"),
    ("R42", lambda: campaign(send_at=True), "send_at", "§1.2", "found True (bool)"),
    ("R42", lambda: campaign(send_at=datetime(2030, 1, 1, 0, 0, 0, 5)), "send_at", "§1.2", "whole"),  # noqa: DTZ001
    ("R42", lambda: campaign(send_at=pd.Timestamp(1, unit="ns")), "send_at", "§1.2", "whole"),
    (
        "R42",
        lambda: campaign(
            send_at=datetime.max.replace(microsecond=0, tzinfo=timezone(-timedelta(hours=9)))
        ),
        "send_at",
        "§1.2",
        "year",
    ),
    ("R43", lambda: campaign(send_at=pd.NaT), "send_at", "§1.2", "is needed (§1.2); found NaT"),
    ("R43", lambda: campaign(send_at=float("nan")), "send_at", "§1.2", "found nan"),
    ("R43", lambda: campaign(send_at=np.datetime64("2030-01-31")), "send_at", "§1.2", "datetime64"),
    ("R43", lambda: campaign(send_at="2026-03-29 02:00:00"), "send_at", "§1.2", "does not exist"),
    ("R43", lambda: campaign(send_at="2026-03-29 02:59:59"), "send_at", "§1.2", "03:00:00 on"),
    ("R44", lambda: campaign(name=""), "name", "§1.2", "1 to 255"),
    ("R44", lambda: campaign(name=" \u200b "), "name", "§1.2", "only blanks"),
    ("R44", lambda: campaign(name="a" * 256), "name", "§1.2", "found 256. Shorten it by 1."),
    ("R44", lambda: campaign(name="a\nb"), "name", "§1.2", "U+000A"),
    ("R44", lambda: campaign(name="a\ud800"), "name", "§1.2", "U+D800"),
    ("R44", lambda: campaign(name="a\uffff"), "name", "§1.2", "U+FFFF"),
    ("R44", lambda: campaign(name=3), "name", "§1.2", "found 3 (int)"),
    ("R45", lambda: campaign(notify_by_mail=1), "notify_by_mail", "§1.2", "found 1 (int)"),
    ("R45", lambda: campaign(notify_by_mail="true"), "notify_by_mail", "§1.2", "'true' (str)"),
    ("R46", lambda: Text("a", image=JPG), "image", "§1.2", "not used by a text"),  # type: ignore[call-arg]
    ("R46", lambda: Video("a", FILM, 9, vidoe=1), "vidoe", "§1.2", "mean 'video'"),  # type: ignore[call-arg]
]


@pytest.mark.parametrize(
    ("build", "field", "section", "part"),
    [case[1:] for case in BROKEN],
    ids=[f"{case[0]}-{case[2]}-{number}" for number, case in enumerate(BROKEN)],
)
def test_a_broken_rule_is_named(
    build: Callable[[], object], field: str, section: str, part: str
) -> None:
    """Each broken rule gives an error that names field, section and what was found."""
    lines = [line for line in refusal(build) if part in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"campaign.{field}: ")
    assert section in lines[0]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Text("a" * 1000),
        lambda: Text("a" * 998 + "\n"),
        lambda: Text("a" * 998 + "\r\n"),
        lambda: Text("é" * 1000),
        lambda: Text("\U0001f384" * 1000),
        lambda: Text("a\tb\u0085\ue000\ufffd"),
        lambda: Image("a" * 100, JPG),
        lambda: Image("a", "http://www.example.com/NOEL.JPEG"),
        lambda: Image("a", "http://x/.gif"),
        lambda: Image("a", "http://www.example.com:8080/a.gif?v=1#x"),
        lambda: Image("a", JPG, image_bytes=1_000_000),
        lambda: Image(message="a", image=JPG, image_bytes=1),
        lambda: Video("a", FILM, 1, video_bytes=600_000),
        lambda: Video("a", FILM, 1000),
        lambda: Sound("a", "http://www.example.com/air.AMR", 30, sound_bytes=600_000),
        lambda: SoundImage("a", JPG, AIR, 30, image_bytes=1, sound_bytes=1),
        lambda: campaign(name="a" * 255),
        lambda: campaign(name="Noël, c'est <bientôt> !"),
        lambda: campaign(notify_by_mail=False),
        lambda: campaign(send_at="2028-02-29 23:59:59"),
        lambda: campaign(send_at=" 2030-01-31T09:00 "),
        lambda: campaign(send_at="2026-03-29 01:59:59"),
        lambda: campaign(send_at="2026-03-29 03:00:00"),
    ],
)
def test_a_value_at_its_limit_is_taken(build: Callable[[], object]) -> None:
    """What stands exactly at a limit breaks no rule."""
    assert build() == build()


def test_all_broken_rules_are_listed_at_once() -> None:
    """One error holds a line for each rule that any field breaks."""
    lines = refusal(lambda: SoundImage("a" * 101, "https://x/a.png", "y", 0, image_bytes=0))
    fields = [line.split(":")[0] for line in lines]
    assert fields == [
        "campaign.message",
        "campaign.image",
        "campaign.image",
        "campaign.sound",
        "campaign.sound",
        "campaign.duration_s",
        "campaign.image_bytes",
    ]


def test_a_campaign_lists_all_its_own_broken_rules() -> None:
    """The campaign's fields are all checked, too, whatever the first one breaks."""
    lines = refusal(lambda: campaign(name="", content=3, send_at="soon", notify_by_mail=2))
    fields = [line.split(":")[0] for line in lines]
    expected = ["campaign.name", "campaign.content", "campaign.send_at", "campaign.notify_by_mail"]
    assert expected == fields


def test_a_login_in_an_address_is_refused_and_not_shown() -> None:
    """An error about an address that holds a password does not repeat the password."""
    lines = refusal(lambda: Image("a", "https://me:hunter2@www.example.com/a.jpg"))
    assert any("must not hold a login" in line for line in lines)
    assert "hunter2" not in "\n".join(lines)


def test_a_refusal_is_one_line_whatever_was_found() -> None:
    """Line breaks and long values in what was found do not spill into the error."""
    lines = refusal(lambda: Image("a", "x\ny" + "z" * 500))
    assert len(lines) == 3
    assert all(len(line) < 250 for line in lines)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-12-20 09:00:00", datetime(2026, 12, 20, 9)),  # noqa: DTZ001
        (datetime(2026, 12, 20, 9), datetime(2026, 12, 20, 9)),  # noqa: DTZ001
        (datetime(2026, 12, 20, 8, tzinfo=UTC), datetime(2026, 12, 20, 9)),  # noqa: DTZ001
        (datetime(2026, 7, 14, 7, tzinfo=UTC), datetime(2026, 7, 14, 9)),  # noqa: DTZ001
        (pd.Timestamp("2026-12-20 09:00"), datetime(2026, 12, 20, 9)),  # noqa: DTZ001
        (pd.Timestamp("2026-12-20 03:00", tz="America/New_York"), datetime(2026, 12, 20, 9)),  # noqa: DTZ001
        # The instants around the spring gap exist, and so do their Paris times.
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 59, 59)),  # noqa: DTZ001
        (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 29, 3)),  # noqa: DTZ001
        # Both instants of the repeated autumn hour have one wall time.
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 2, 30)),  # noqa: DTZ001
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, 2, 30)),  # noqa: DTZ001
        (datetime(2026, 10, 25, 2, 30, fold=1), datetime(2026, 10, 25, 2, 30)),  # noqa: DTZ001
    ],
)
def test_a_time_becomes_paris_wall_time(given: datetime | str, kept: datetime) -> None:
    """Naive times are Paris times, others are converted; a plain datetime without zone is kept."""
    send_at = campaign(send_at=given).send_at
    assert kept == send_at
    assert type(send_at) is datetime
    assert (send_at.tzinfo, send_at.fold) == (None, 0)


def test_the_repeated_autumn_hour_is_warned_of() -> None:
    """A wall time that happens twice is sent as it stands, with a warning."""
    warned = campaign(send_at="2026-10-25 02:59:59").warnings
    assert len(warned) == 1
    assert "happens twice" in warned[0]
    assert campaign(send_at="2026-10-25 03:00:00").warnings == ()


@pytest.mark.parametrize(
    ("send_at", "now", "in_time"),
    [
        (None, datetime(2026, 1, 1, tzinfo=UTC), True),
        ("2026-12-20 09:00:00", datetime(2026, 12, 20, 7, 59, 59, tzinfo=UTC), True),
        ("2026-12-20 09:00:00", datetime(2026, 12, 20, 8, tzinfo=UTC), False),
        ("2026-07-14 09:00:00", datetime(2026, 7, 14, 6, 59, 59, tzinfo=UTC), True),
        ("2026-07-14 09:00:00", datetime(2026, 7, 14, 7, tzinfo=UTC), False),
        # Of the hour that happens twice, the first: 00:30 UTC.
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 0, 29, tzinfo=UTC), True),
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 0, 31, tzinfo=UTC), False),
    ],
)
def test_a_time_must_be_to_come(send_at: str | None, now: datetime, in_time: bool) -> None:
    """Only a time after now can be sent at; the error gives Paris time for both."""
    planned = campaign(send_at=send_at)
    if in_time:
        planned.check_schedule(now)
    else:
        lines = refusal(lambda: planned.check_schedule(now))
        assert lines[0].startswith("campaign.send_at: ")
        assert "§1.2" in lines[0]


def test_now_needs_a_zone() -> None:
    """A present without a zone is a mistake of the caller, not of the campaign."""
    with pytest.raises(ValueError, match="time zone"):
        campaign().check_schedule(datetime(2026, 1, 1))  # noqa: DTZ001


WARNED = [
    ("R20", Text("é" * 501), "message", "1002 bytes"),
    ("R22", Text("10 €"), "message", "replaces € by E"),
    ("R23", Text("Dupont & fils <3"), "message", "& <"),
    ("R24", Text("Joyeux Noël \U0001f384"), "message", "U+1F384"),
    ("", Text("Bonjour {prenom}"), "message", "{{ column }}"),
    ("", Text("Bonjour prenom }}"), "message", "{{ column }}"),
    ("R27", Image("a", "http://example.com/a.jpg"), "image", "'example.com'"),
    ("B24", Image("a", JPG + "?v=2"), "image", "? in the address"),
    ("B24", Image("a", JPG + "#v"), "image", "# in the address"),
    ("R29", Image("a", JPG, image_bytes=600_001), "image_bytes", "600001 bytes"),
    ("R33", Video("a", FILM, 9, video_bytes=299_001), "video_bytes", "299000"),
    ("R39", Sound("a", AIR, 9, sound_bytes=99_001), "sound_bytes", "99000"),
    ("B16", SoundImage("a", JPG, AIR, 9), "kind", "status 109"),
]


@pytest.mark.parametrize(("rule", "content", "field", "part"), WARNED)
def test_what_is_doubtful_is_warned_of(rule: str, content: Any, field: str, part: str) -> None:
    """What may go wrong is one warning with field and section, and is sent as it stands."""
    warned = campaign(content=content).warnings
    assert len(warned) == 1, rule
    assert warned[0].startswith(f"campaign.{field}: ")
    assert part in warned[0]
    assert "§1." in warned[0] or part == "{{ column }}"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Noël"}, "name"),
        ({"name": "a" * 51}, "name"),
        ({"notify_by_mail": True}, "notify_by_mail"),
    ],
)
def test_a_doubtful_campaign_field_is_warned_of(changes: dict[str, Any], field: str) -> None:
    """The campaign's own fields are warned of, too."""
    assert [field] == [line[9:].split(":")[0] for line in campaign(**changes).warnings]


@pytest.mark.parametrize(
    "content",
    [
        Text("a" * 1000),
        Image("Joyeux Noël !", JPG, image_bytes=600_000),
        Video("a", FILM, 9, video_bytes=299_000),
        Sound("a", AIR, 9, sound_bytes=99_000),
    ],
)
def test_what_is_certain_is_not_warned_of(content: Any) -> None:
    """Up to where the document agrees with itself, nothing is said."""
    assert campaign(content=content).warnings == ()


def test_a_campaign_is_a_value() -> None:
    """Campaigns are equal, hashed, copied and pickled by what they hold, and cannot be changed."""
    one, same = (campaign(content=Video("a", FILM, 9), send_at="2030-01-31 09:00:00") for _ in "ab")
    assert {one} == {same, pickle.loads(pickle.dumps(one))}  # noqa: S301  (our own bytes)
    assert one != dataclasses.replace(one, name="other")
    assert ContentKind.VIDEO is one.content.kind
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "other"  # type: ignore[misc]


def test_texts_are_kept_as_written() -> None:
    """Only blanks around the name go; message and address stay as they were given."""
    kept = campaign(name="  noël  2026 ", content=Image(" a\r\nb ", "http://WWW.a.com/A.JPG"))
    assert (
        kept.name,
        kept.content.message,
        getattr(kept.content, "image", None),
    ) == ("noël  2026", " a\r\nb ", "http://WWW.a.com/A.JPG")


def test_the_canonical_form_is_what_is_sent() -> None:
    """It has sorted keys, leaves out what is absent or only known, and is the same for one wire."""
    full = campaign(
        content=SoundImage("a\r\nb", JPG, AIR, 9, image_bytes=5),
        send_at=datetime(2030, 1, 31, 8, tzinfo=UTC),
        notify_by_mail=False,
    )
    expected = (
        '{"content": {"duration_s": 9, "image": "http://www.example.com/noel.jpg", '
        '"kind": "sound+image", "message": "a\\nb", "sound": "http://www.example.com/air.mid"}, '
        '"name": "noel", "notify_by_mail": false, "send_at": "2030-01-31 09:00:00"}'
    )
    assert expected == json.dumps(full.canonical())
    assert (campaign().canonical()) == {
        "content": {"kind": "text", "message": "Bonjour"},
        "name": "noel",
    }
