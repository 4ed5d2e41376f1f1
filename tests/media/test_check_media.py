"""Media are fetched as the gateway will, from a server on loopback that gives what it is told."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import fictional
from mmsbatch.campaign.content import Content
from mmsbatch.cli.app import app
from mmsbatch.errors import CampaignError
from mmsbatch.media import fetching
from mmsbatch.media.fetching import NotFetched, fetch, is_public
from mmsbatch.media.formats import SUFFIXES, format_of, seconds_of

GIF = b"GIF89a" + bytes(100)
JPEG = b"\xff\xd8\xff\xe0" + bytes(100)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
MIDI = b"MThd" + bytes(100)
AMR = b"#!AMR\n" + (b"\x3c" + bytes(31)) * 250  # 5 s at the highest rate


def film(seconds: float, *, wide: bool = False) -> bytes:
    """Write a 3GP file that holds no more than its header."""
    units = round(seconds * 600)
    times = struct.pack(">QQIQ" if wide else ">IIII", 0, 0, 600, units)
    header = box(b"mvhd", bytes([int(wide), 0, 0, 0]) + times + bytes(80))
    return box(b"ftyp", b"3gp5" + bytes(4)) + box(b"free", b"xx") + box(b"moov", header)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def not_found(handler: BaseHTTPRequestHandler) -> None:
    """Answer that there is no such file."""
    handler.send_error(404)


class Server:
    """Gives files, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                answer = server.answers.get(self.path, not_found)
                answer(self)

            def log_message(self, *_: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def give(self, path: str, content: bytes, kind: str = "", **headers: str) -> str:
        """Give a file at a path, and return its address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            if kind:
                handler.send_header("Content-Type", kind)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                if value:
                    handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(content)

        self.answers[path] = answer
        return self.at(path)

    def send_on(self, path: str, to: str) -> str:
        """Send whoever asks for a path on, and return its address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.answers[path] = answer
        return self.at(path)

    def at(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.http.server_port}{path}"


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def checked(content: Content, **options: Any) -> Any:
    """Check a campaign of one medium, and return what was found of it."""
    (medium,) = mms.check_media(mms.Campaign("noel", content), allow_private=True, **options).media
    return medium


@pytest.mark.parametrize(
    ("name", "content", "kind", "make"),
    [
        ("/a.gif", GIF, "image/gif", lambda url: mms.Image("x", url)),
        ("/a.jpg", JPEG, "image/jpeg", lambda url: mms.Image("x", url)),
        ("/a.JPEG", JPEG, "image/jpeg; q=1", lambda url: mms.Image("x", url)),
        ("/a.3gp", film(12.3), "video/3gpp", lambda url: mms.Video("x", url, 12)),
        ("/a.3gp", film(12.3, wide=True), "video/3gpp", lambda url: mms.Video("x", url, 13)),
        ("/a.mid", MIDI, "audio/midi", lambda url: mms.Sound("x", url, 30)),
        ("/a.amr", AMR, "audio/amr", lambda url: mms.Sound("x", url, 5)),
    ],
)
def test_what_is_right_is_said_to_be(
    server: Server, name: str, content: bytes, kind: str, make: Callable[[str], Content]
) -> None:
    medium = checked(make(server.give(name, content, kind)))
    assert (medium.broken, medium.doubts) == ((), ())
    assert medium.size == len(content)
    assert name.lower().endswith(SUFFIXES[medium.format])
    assert server.asked == [name]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("/a.jpg", PNG, "it is named .jpg and is PNG (§1.2, status 112)"),
        ("/a.gif", JPEG, "it is named .gif and is JPEG"),
        ("/a.jpg", b"<html>not found</html>", "is a file that begins with b'<html>no'"),
        ("/a.jpg", b"", "it is named .jpg and is empty"),
        (
            "/a.jpg",
            JPEG + bytes(1_000_000),
            "at most 1,000,000 bytes; found 1,000,104 (§1.2, status",
        ),
    ],
)
def test_a_broken_rule_is_named(server: Server, name: str, content: bytes, told: str) -> None:
    medium = checked(mms.Image("x", server.give(name, content, "image/jpeg")))
    assert any(told in rule for rule in medium.broken)


@pytest.mark.parametrize(
    ("content", "seconds"), [(film(12.3), 14), (film(12.3), 11), (AMR, 3), (AMR, 7)]
)
def test_a_duration_is_held_against_the_file(server: Server, content: bytes, seconds: int) -> None:
    """A second is the campaign's own rounding."""
    video = content is not AMR
    url = server.give("/a.3gp" if video else "/a.amr", content, "")
    medium = checked(mms.Video("x", url, seconds) if video else mms.Sound("x", url, seconds))
    (rule,) = medium.broken
    assert (
        f"the campaign says that it lasts {seconds} s, the file {'12.3' if video else '5.0'} s"
        in rule
    )


def test_doubts_are_named_and_nothing_is_forbidden(server: Server) -> None:
    """A size between the two figures, a type that the server does not know, a redirect."""
    server.give("/there.gif", GIF + bytes(700_000), "text/plain")
    medium = checked(mms.Image("x", server.send_on("/a.gif", "/there.gif")))
    assert not medium.broken
    size, kind, onwards = medium.doubts
    assert "§1.2 allows 600000 in one place" in size
    assert "the server calls it text/plain, and it is GIF" in kind
    assert f"the server sends on to {server.at('/there.gif')}" in onwards


def test_a_cut_film_has_no_duration(server: Server) -> None:
    """What cannot be read is a doubt: the gateway may know better."""
    medium = checked(mms.Video("x", server.give("/a.3gp", film(9)[:40], "video/3gpp"), 9))
    assert medium.broken == ()
    assert medium.doubts == ("how long it lasts cannot be read from the file",)


@pytest.mark.parametrize("cut", range(0, len(film(9)), 7))
def test_no_cut_of_a_film_breaks_anything(cut: int) -> None:
    assert seconds_of(film(9)[:cut]) in (None, 9)


def test_durations_of_both_kinds_of_amr() -> None:
    wide = b"#!AMR-WB\n" + (b"\x44" + bytes(60)) * 50 + b"\x4c" + bytes(5)
    assert format_of(wide) == "AMR"
    assert seconds_of(wide) == pytest.approx(51 * 0.02)
    assert seconds_of(b"#!AMR\n\x48") is None  # a type that no frame has


# ----- the server ------------------------------------------------------------------------------


def test_what_cannot_be_fetched_is_named(server: Server) -> None:
    assert "the server answers 404" in checked(mms.Image("x", server.at("/b.jpg"))).broken[0]
    url = server.give("/a.jpg", JPEG, **{"Content-Length": "500"})
    assert "broke off after 104 of 500 bytes" in checked(mms.Image("x", url)).broken[0]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    gone = checked(mms.Image("x", f"http://127.0.0.1:{port}/a.jpg"))
    assert "refused" in gone.broken[0]
    nobody = checked(mms.Image("x", "http://www.example.invalid/a.jpg"))
    assert "there is no server 'www.example.invalid'" in nobody.broken[0]


def test_a_file_that_trickles_is_given_up(server: Server) -> None:
    """A byte now and then keeps any time-out of the socket away, and not the one for the whole."""
    ended = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while not ended.wait(0.02):
                handler.wfile.write(b"\xff")

    server.answers["/a.jpg"] = trickle
    began = time.monotonic()
    medium = checked(mms.Image("x", server.at("/a.jpg")), seconds=0.5)
    ended.set()
    assert "it did not come within 0.5 seconds" in medium.broken[0]
    assert time.monotonic() - began < 10


def test_no_more_is_read_than_is_allowed(server: Server) -> None:
    """A file without end, and one that says how long it is."""
    ended = threading.Event()

    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while not ended.is_set():
                handler.wfile.write(JPEG * 100)

    server.answers["/a.jpg"] = pour
    medium = checked(mms.Image("x", server.at("/a.jpg")))
    ended.set()
    assert medium.size is None
    assert "at most 1,000,000 bytes; found more" in medium.broken[0]


# ----- addresses that are not public -----------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.0.0.8", False),
        ("172.16.4.4", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
    ],
)
def test_an_address_is_public_whatever_it_embeds(address: str, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]"])
def test_the_own_network_is_not_asked(server: Server, host: str) -> None:
    """However its address is written."""
    url = server.give("/a.jpg", JPEG, "image/jpeg").replace("127.0.0.1", host)
    with pytest.raises(NotFetched, match=r"is not a public address|no server"):
        fetch(url, most_bytes=1000, seconds=5)
    assert server.asked == []


def test_a_redirect_into_the_own_network_is_not_followed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first server counts as public here; the one that it sends on to does not."""
    url = server.send_on("/a.jpg", f"http://localhost:{server.http.server_port}/secret.jpg")
    monkeypatch.setattr(fetching, "is_public", lambda _address: len(server.asked) == 0)
    with pytest.raises(NotFetched, match=r"localhost is .* not a public address"):
        fetch(url, most_bytes=1000, seconds=5)
    assert server.asked == ["/a.jpg"]


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means another server at the second look gains nothing."""
    server.give("/a.jpg", JPEG, "image/jpeg")
    looked_up: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    url = f"http://www.example.com:{server.http.server_port}/a.jpg"
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(fetching, "is_public", lambda _address: True)
    monkeypatch.setattr(socket, "create_connection", connected_to_an_address)
    assert fetch(url, most_bytes=1000, seconds=5).content == JPEG
    assert looked_up == ["www.example.com"]


def connected_to_an_address(address: tuple[str, int], timeout: float) -> socket.socket:
    """Connect without looking anything up."""
    made = socket.socket()
    made.settimeout(timeout)
    made.connect(address)
    return made


@pytest.mark.parametrize("to", ["/a.jpg", "ftp://127.0.0.1/a.jpg", "file:///etc/passwd"])
def test_no_redirect_goes_on_for_ever_or_elsewhere(server: Server, to: str) -> None:
    url = server.send_on("/a.jpg", to)
    with pytest.raises(NotFetched, match=r"sent on more than 3 times|which is no http address"):
        fetch(url, most_bytes=1000, seconds=5, allow_private=True)


# ----- plans and the command line ----------------------------------------------------------------


def plan_of(server: Server) -> mms.Plan:
    """Plan an image by city for three people; one of the files is not there."""
    server.give("/paris.jpg", JPEG, "image/jpeg")
    server.give("/lyon.jpg", JPEG, "image/jpeg")
    frame = pd.DataFrame({"mobile": fictional(3), "ville": ["paris", "lyon", "lille"]})
    prepared = mms.prepare(frame, phone="mobile", fictional=True)
    image = mms.Image("Noël", server.at("/{{ ville }}.jpg"))
    return mms.plan(prepared, mms.Campaign("noel", image))


def test_each_rows_file_is_fetched_once(server: Server) -> None:
    checks = mms.check_media(plan_of(server), allow_private=True)
    assert sorted(server.asked) == ["/lille.jpg", "/lyon.jpg", "/paris.jpg"]
    assert [bool(medium.broken) for medium in checks.media] == [False, False, True]
    with pytest.raises(
        CampaignError, match=r"lille.jpg \(first at row position 2\): the server answers 404"
    ):
        checks.require()


def test_a_campaign_whose_rows_have_their_own_needs_the_plan(server: Server) -> None:
    with pytest.raises(CampaignError, match="names columns, so each row has its own"):
        mms.check_media(plan_of(server).campaign)


def test_a_text_has_no_media() -> None:
    assert "none: a text carries no file" in repr(mms.check_media(mms.Campaign("a", mms.Text("b"))))


def command(*words: str) -> Any:
    return CliRunner().invoke(app, words)


def test_the_command_says_what_a_file_is(server: Server, tmp_path: Path) -> None:
    url = server.give("/a.3gp", film(12), "video/3gpp")
    file = tmp_path / "campaign.toml"
    video = f'{{url = "{url}", duration_s = 12}}'
    text = f'name = "noel"\nkind = "video"\nmessage = "x"\nvideo = {video}\n'
    file.write_text(text, encoding="utf-8")
    done = command("check-media", str(file), "--allow-private")
    assert (done.exit_code, "3GP, 142 bytes, 12.0 s" in done.stdout) == (0, True), done.output
    file.write_text(text.replace("= 12", "= 60"), encoding="utf-8")
    done = command("check-media", str(file), "--allow-private")
    assert done.exit_code == 2
    assert "cannot be sent: the campaign says that it lasts 60 s" in done.stdout
    refused = command("check-media", str(file))
    assert "which is not a public address" in refused.stdout
    assert refused.exit_code == 2


def test_a_plan_with_a_broken_file_is_refused(server: Server, tmp_path: Path) -> None:
    """Before anybody confirms it; a plan that is to be saved is not."""
    plan_of(server)
    contacts, file = tmp_path / "crm.csv", tmp_path / "campaign.toml"
    contacts.write_text("mobile,ville\n0639980001,paris\n0639980002,lyon\n", encoding="utf-8")
    image = server.at("/{{ ville }}.jpg")
    file.write_text(
        f'name = "noel"\nkind = "image"\nmessage = "x"\nimage = "{image}"\n', encoding="utf-8"
    )
    words = ["plan", str(contacts), "--campaign", str(file), "--check-media", "--allow-private"]
    done = command(*words)
    assert (done.exit_code, done.stdout.count("JPEG, 104 bytes")) == (0, 2), done.output
    del server.answers["/lyon.jpg"]
    done = command(*words, "--save", str(tmp_path / "plan"))
    assert done.exit_code == 2
    assert "lyon.jpg (first at row position 1): the server answers 404" in done.stderr
    assert not (tmp_path / "plan").exists()
    stray = command("plan", str(contacts), "--campaign", str(file), "--allow-private")
    assert "--allow-private needs --check-media" in stray.stderr
