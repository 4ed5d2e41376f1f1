"""Campaign files: what is written is read back, and every mistake is named with its key."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from conftest import ROOT
from mmsbatch.campaign.campaign import Campaign, Content, Image, Sound, SoundImage, Text, Video
from mmsbatch.campaign.file import dump_campaign, load_campaign
from mmsbatch.errors import CampaignError
from mmsbatch.spec import ContentKind

JPG = "http://www.example.com/a.jpg"
FILM = "http://www.example.com/a.3gp"
AIR = "http://www.example.com/a.mid"


def load(folder: Path, text: str | bytes) -> Campaign:
    """Load a campaign from a file of this text."""
    path = folder / "campaign.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_campaign(path)


def refusal(folder: Path, text: str | bytes) -> list[str]:
    """Return the lines of the error that this file raises, each without the file's name."""
    with pytest.raises(CampaignError) as caught:
        load(folder, text)
    lines = str(caught.value).split("\n")
    start = f"{folder / 'campaign.toml'}: "
    assert all(line.startswith(start) for line in lines)
    return [line.removeprefix(start) for line in lines]


NAMED = 'name = "a"\nmessage = "b"\n'

# ----- what is written is read back ------------------------------------------------------------


def url(ending: str) -> st.SearchStrategy[str]:
    """Draw an address that ends like this."""
    return st.text("abXY019-_~.%/", max_size=12).map(
        lambda name: f"http://www.a.com/{name}{ending}"
    )


@st.composite
def campaigns(draw: st.DrawFn) -> Campaign:
    """Draw any campaign that can be built."""
    text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50)
    message = draw(text | st.just("Bonjour {{ prenom }}"))
    image, video, sound = draw(url(".jpg")), draw(url(".3gp")), draw(url(".AMR"))
    size, seconds = draw(st.none() | st.integers(1, 600_000)), draw(st.integers(1, 1000))
    content: Content
    try:
        match draw(st.sampled_from(ContentKind)):
            case ContentKind.TEXT:
                content = Text(message)
            case ContentKind.IMAGE:
                content = Image(message, image, image_bytes=size)
            case ContentKind.VIDEO:
                content = Video(message, video, seconds, video_bytes=size)
            case ContentKind.SOUND:
                content = Sound(message, sound, seconds, sound_bytes=size)
            case ContentKind.SOUND_IMAGE:
                content = SoundImage(message, image, sound, seconds, sound_bytes=size)
        return Campaign(
            draw(text),
            content,
            send_at=draw(st.none() | st.datetimes().map(lambda time: time.replace(microsecond=0))),
            notify_by_mail=draw(st.sampled_from([None, True, False])),
        )
    except CampaignError:
        reject()


@given(campaigns())
def test_a_campaign_comes_back_from_its_file(
    tmp_path_factory: pytest.TempPathFactory, campaign: Campaign
) -> None:
    """Whatever a campaign holds, its file gives it back, and the same file again."""
    written = dump_campaign(campaign)
    again = load(tmp_path_factory.getbasetemp(), written)
    assert campaign == again
    assert written == dump_campaign(again)


def test_a_file_is_written_a_key_a_line() -> None:
    """The keys stand in a fixed order, and what is absent is left out."""
    content = SoundImage('a "b"\\\n\té\x7f', JPG, AIR, 30, sound_bytes=5)
    full = Campaign("noel", content, send_at="2030-01-31 09:05:00", notify_by_mail=False)
    expected = (
        'name = "noel"\n'
        'kind = "sound+image"\n'
        r'message = "a \"b\"\\\n\té\u007F"'
        "\n"
        'image = "http://www.example.com/a.jpg"\n'
        'sound = {url = "http://www.example.com/a.mid", duration_s = 30, bytes = 5}\n'
        "send_at = 2030-01-31 09:05:00\n"
        "notify_by_mail = false\n"
    )
    assert expected == dump_campaign(full)
    assert dump_campaign(Campaign("a", Text("b"))) == 'name = "a"\nkind = "text"\nmessage = "b"\n'


# ----- what can be written by hand -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('kind = "text"', Text("b")),
        (f'kind = "image"\nimage = "{JPG}"', Image("b", JPG)),
        (f'kind = "image"\nimage = {{url = "{JPG}"}}', Image("b", JPG)),
        (f'kind = "image"\n[image]\nurl = "{JPG}"\nbytes = 9', Image("b", JPG, image_bytes=9)),
        (f'kind = "video"\nvideo = {{url = "{FILM}", duration_s = 9}}', Video("b", FILM, 9)),
        (f'kind = "sound"\nsound.url = "{AIR}"\nsound.duration_s = 9', Sound("b", AIR, 9)),
        (
            f'kind = "sound+image"\nimage = "{JPG}"\nsound = {{url = "{AIR}", duration_s = 9}}',
            SoundImage("b", JPG, AIR, 9),
        ),
    ],
)
def test_each_kind_is_read(tmp_path: Path, text: str, content: Content) -> None:
    """Each kind takes the keys of its media, as text or table."""
    assert Campaign("a", content) == load(tmp_path, NAMED + text)


@pytest.mark.parametrize(
    "written",
    [
        "2030-01-31 09:00:00",
        "2030-01-31T09:00:00",
        "2030-01-31T08:00:00Z",
        "2030-01-31 03:00:00-05:00",
        '"2030-01-31 09:00:00"',
    ],
)
def test_a_time_is_read(tmp_path: Path, written: str) -> None:
    """A TOML time without offset is Paris time; one with an offset becomes it; so does a text."""
    campaign = load(tmp_path, NAMED + f'kind = "text"\nsend_at = {written}')
    assert campaign.send_at == datetime(2030, 1, 31, 9)  # noqa: DTZ001


def test_files_of_windows_are_read(tmp_path: Path) -> None:
    """A byte order mark and CRLF change nothing, nor does the path's type."""
    text = 'name = "a"\r\nkind = "text"\r\nmessage = """\r\nNoël\r\nb"""\r\n'
    campaign = load(tmp_path, b"\xef\xbb\xbf" + text.encode())
    assert Campaign("a", Text("Noël\nb")) == campaign
    assert load_campaign(str(tmp_path / "campaign.toml")) == campaign


def test_the_sample_campaigns_are_read() -> None:
    """The campaigns that come with the package obey every rule."""
    samples = sorted((ROOT / "data" / "samples").glob("*.toml"))
    assert samples
    assert len(samples) == len({load_campaign(sample) for sample in samples})


# ----- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start", "part"),
    [
        # keys
        ('kind = "text"\nmesage = "c"', "campaign.mesage: unknown key", "Did you mean 'message'?"),
        ('kind = "text"\nduration_s = 9', "campaign.duration_s: unknown key", "there are name"),
        (
            f'kind = "image"\nimage = {{url = "{JPG}", size = 9}}',
            "campaign.image.size: unknown",
            "",
        ),
        (
            f'kind = "video"\nvideo = {{url = "{FILM}", duration = 9, duration_s = 9}}',
            "campaign.video.duration: unknown key",
            "Did you mean 'duration_s'?",
        ),
        # kind
        ("", "campaign.kind: missing", "sound+image"),
        ('kind = "txt"', "campaign.kind: one of text", "Did you mean 'text'?"),
        ('kind = "Image"', "campaign.kind: one of text", "Did you mean 'image'?"),
        ("kind = 1", "campaign.kind: one of text", "found 1 (int)"),
        ('kind = ["text"]', "campaign.kind: one of text", "(list)"),
        # media
        ('kind = "image"', "campaign.image: missing", "an image needs"),
        ('kind = "video"', "campaign.video: missing", "duration_s"),
        ('kind = "sound"\nsound = "a"', "campaign.sound: write sound = {url", "found 'a' (str)"),
        ('kind = "image"\nimage = 5', "campaign.image: write image =", "found 5 (int)"),
        ('kind = "image"\nimage = {}', "campaign.image.url: missing", "§1.2"),
        ('kind = "image"\nimage = "a.jpg"', "campaign.image: an address", "http://"),
        ('kind = "image"\nimage = {url = "a.jpg"}', "campaign.image.url: an address", "http://"),
        (f'kind = "video"\nvideo.url = "{FILM}"', "campaign.video.duration_s: missing", "§1.2"),
        (
            f'kind = "video"\nvideo = {{url = "{FILM}", duration_s = 0}}',
            "campaign.video.duration_s: from 1 to 1000",
            "found 0",
        ),
        (
            f'kind = "sound"\nsound = {{url = "{AIR}", duration_s = 9.0}}',
            "campaign.sound.duration_s: a whole number",
            "found 9.0 (float)",
        ),
        (
            f'kind = "sound"\nsound = {{url = "{AIR}", duration_s = 9, bytes = true}}',
            "campaign.sound.bytes: a whole number",
            "found True (bool)",
        ),
        (f'kind = "text"\nimage = "{JPG}"', "campaign.image: not used by a text", "change kind"),
        # the rest
        ('kind = "text"\nsend_at = 2030-01-31', "campaign.send_at: a datetime", "(date)"),
        ('kind = "text"\nsend_at = 09:00:00', "campaign.send_at: a datetime", "(time)"),
        ('kind = "text"\nsend_at = 2030-01-31 09:00:00.5', "campaign.send_at: whole", "Round"),
        ('kind = "text"\nsend_at = 2026-03-29 02:30:00', "campaign.send_at:", "does not exist"),
        ('kind = "text"\nnotify_by_mail = 1', "campaign.notify_by_mail: True, False", "1 (int)"),
        ('kind = "text"\nnotify_by_mail = "no"', "campaign.notify_by_mail: True, False", "'no'"),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, text: str, start: str, part: str) -> None:
    """One mistake is one line, which begins with the key as the file writes it."""
    lines = [line for line in refusal(tmp_path, NAMED + text) if line.startswith(start)]
    assert len(lines) == 1
    assert part in lines[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'kind = "text"\nmessage = "a"',
            "campaign.name: missing (§1.2). Give the campaign a name.",
        ),
        ('kind = "text"\nname = "a"', "campaign.message: missing; a text needs one (§1.2)."),
        (
            'kind = "text"\nname = "a"\nmessage = 5',
            "campaign.message: a text (str) is needed (§1.2); found 5 (int).",
        ),
    ],
)
def test_a_missing_key_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    """What is missing is told once, and nothing else is told."""
    assert [line] == refusal(tmp_path, text)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """Every key is looked at, whatever is wrong with the others."""
    lines = refusal(
        tmp_path,
        """
        kind = "video"
        message = "{{ a"
        image = "a"
        video = {ur = "b", duration_s = 0, bytes = 600001}
        send_at = "soon"
        nmae = ""
        """,
    )
    assert [line.split(":")[0].removeprefix("campaign.") for line in lines] == [
        "nmae",
        "image",
        "video.ur",
        "video.url",
        "message",
        "video.duration_s",
        "video.bytes",
        "name",
        "send_at",
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('name = "a"\nkind = text', "line 2"),
        ('name = "a"\nname = "b"', "line 2"),
        ('name = "a"\n\n"', "line 3"),
        ("send_at = 2030-02-30 09:00:00", "not TOML"),
        ("a = " + "[" * 9999, "nested too deeply"),
        ("a = " + "9" * 5000, "not TOML"),
        (
            b'name = "a"\nmessage = "No\xebl"',
            "line 2 is not UTF-8. Save the campaign file as UTF-8",
        ),
        (b"\xff\xfen\x00", "line 1 is not UTF-8"),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_its_line(
    tmp_path: Path, text: str | bytes, part: str
) -> None:
    """What cannot be read at all says where."""
    lines = refusal(tmp_path, text)
    assert len(lines) == 1
    assert part in lines[0]


def test_an_empty_file_lacks_everything(tmp_path: Path) -> None:
    """An empty file is TOML, and no campaign."""
    assert [line.split(":")[0] for line in refusal(tmp_path, "")] == [
        "campaign.kind",
        "campaign.name",
    ]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A missing file, a folder and an impossible name are errors of the campaign."""
    for path in (tmp_path / "none.toml", tmp_path, "a\x00b.toml"):
        with pytest.raises(CampaignError, match="campaign file cannot be read"):
            load_campaign(path)
