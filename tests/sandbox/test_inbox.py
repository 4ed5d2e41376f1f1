"""The inbox without a browser: what is found and masked, what goes wrong by hand, and who may."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import html

import mmsbatch as mms
from mmsbatch.errors import InputError
from mmsbatch.sandbox import FaultRule, Sandbox, SandboxOptions, read_faults
from mmsbatch.sandbox.pages import masked
from sandbox_client import ONE, SEND, THREE, TWO, call, flow, form, numbers_sent, post

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def filled() -> Iterator[Sandbox]:
    """A sandbox that has received three campaigns, one of them refused."""
    with Sandbox() as sandbox:
        post(sandbox, flow(ONE, TWO, MESSAGE="Joyeux Noël à Étretat", CAMPAIGN_NAME="noel"))
        post(sandbox, flow(TWO, MESSAGE="Les soldes", CAMPAIGN_NAME="soldes"))
        post(sandbox, flow(THREE, MESSAGE="x" * 2000, CAMPAIGN_NAME="trop long"))
        yield sandbox


def get(sandbox: Sandbox, path: str) -> Any:
    reply = call(sandbox, "GET", path)
    assert reply.http_status == 200, reply.body
    return json.loads(reply.body)


def found(sandbox: Sandbox, query: str) -> list[int]:
    """Return the requests that the page and the API find, which are the same."""
    tree = html.fromstring(call(sandbox, "GET", f"/?{query}").body)
    shown = [int(str(a.get("aria-labelledby")).split("-")[1]) for a in tree.iter("article")]
    assert shown == [one["request"] for one in get(sandbox, f"/api/requests?{query}")["requests"]]
    return shown


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        ("", [3, 2, 1]),
        (f"q={TWO}", [2, 1]),
        ("q=06%2039%2098%2000%2002", [2, 1]),
        ("q=%2B33%20(0)6.39.98.00.01", [1]),
        ("q=0639989999", []),
        ("q=noel", [1]),
        ("q=etretat%20joyeux", [1]),
        ("q=solde", [2]),
        ('q="%20OR%20*%20NEAR(', []),
        ("q=%27;DROP", []),
        ("campaign=soldes", [2]),
        ("campaign=sold", []),
        ("status=111", [3]),
        ("status=100&q=33639980002", [2, 1]),
        ("status=none", []),
        ("status=abc", []),
    ],
)
def test_what_is_looked_for_is_found(query: str, requests: list[int], filled: Sandbox) -> None:
    """By number in any notation, by words whatever their accents, by campaign and status."""
    assert found(filled, query) == requests


def test_pages_are_turned(filled: Sandbox) -> None:
    """Fifty requests on each, without a gap, also of what was looked for."""
    for _ in range(120):
        post(filled, flow(ONE, MESSAGE="encore"))
    pages = [found(filled, f"page={page}") for page in (1, 2, 3)]
    assert [number for page in pages for number in page] == list(range(123, 0, -1))
    assert found(filled, "page=99") == pages[-1]
    encore = [found(filled, f"q=encore&page={page}") for page in (1, 2, 3)]
    assert [number for page in encore for number in page] == list(range(123, 3, -1))
    for wrong in ("0", "x", "-1", "9" * 30):
        assert call(filled, "GET", f"/?page={wrong}").http_status == 200
        assert call(filled, "GET", f"/api/requests?page={wrong}").http_status == 400


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("33639980001", "3363998••••"),
        ("+33639980001", "+3363998••••"),
        ("06 39 98 00 01", "06 39 98 •• ••"),
        ("04", "••"),
        ("x", "x"),
    ],
)
def test_the_end_of_a_number_is_hidden(number: str, shown: str) -> None:
    assert masked(number) == shown


def test_numbers_are_hidden_until_somebody_asks(filled: Sandbox) -> None:
    """In the list, in a conversation and in the XML; a link says which phone without its number."""
    for path in ("/", "/requests/1", "/phones/1", "/?q=noel"):
        page = call(filled, "GET", path).body.decode()
        assert "9980001" not in page.replace(" ", "")
        assert "•" in page
        revealed = call(filled, "GET", path + ("&" if "?" in path else "?") + "reveal=1")
        assert "39980001" in revealed.body.decode()
    tree = html.fromstring(call(filled, "GET", "/?reveal=1").body)
    links = [
        str(link.get("href")) for link in tree.iter("a") if "/phones/" in str(link.get("href"))
    ]
    assert links
    assert all(link.endswith("?reveal=1") for link in links)


def test_a_request_shows_what_travelled_and_no_credential(filled: Sandbox) -> None:
    page = call(filled, "GET", "/requests/1?reveal=1").body.decode()
    assert "&lt;CLIENT&gt;…&lt;/CLIENT&gt;" in page
    assert f"&lt;MOBILEPHONE&gt;{ONE}&lt;/MOBILEPHONE&gt;" in page
    assert "Status=100" in page
    one = get(filled, "/api/requests/1")
    assert one["xml"].startswith("<DATA>")
    assert "Credits=" in one["answer"]
    assert "passcode" not in json.dumps(one)
    assert call(filled, "GET", "/requests/99").http_status == 404
    assert call(filled, "GET", "/api/requests/99").http_status == 404


def test_a_conversation_is_all_that_one_phone_got(filled: Sandbox) -> None:
    messages = get(filled, "/api/messages?number=06%2039%2098%2000%2002")["messages"]
    assert [one["message"] for one in messages] == ["Les soldes", "Joyeux Noël à Étretat"]
    assert get(filled, "/api/messages?number=0639989999")["total"] == 0
    assert call(filled, "GET", "/api/messages").http_status == 400
    page = call(filled, "GET", "/phones/2?reveal=1").body.decode()
    assert page.index("Les soldes") < page.index("Joyeux Noël")
    assert call(filled, "GET", "/phones/99").http_status == 404
    counted = {
        one["campaign"]: one["messages"] for one in get(filled, "/api/campaigns")["campaigns"]
    }
    assert counted == {"noel": 2, "soldes": 1, "trop long": 0}


def test_links_survive_a_restart_and_clearing_ends_them(tmp_path: Path) -> None:
    """Requests are numbered on, so that no link ever means another one."""
    file = tmp_path / "ledger.sqlite"
    with Sandbox(ledger_file=file) as sandbox:
        post(sandbox, flow(ONE, MESSAGE="avant"))
    with Sandbox(ledger_file=file) as sandbox:
        assert "avant" in call(sandbox, "GET", "/requests/1").body.decode()
        post(sandbox, flow(TWO, MESSAGE="après"))
        assert found(sandbox, "") == [2, 1]
        assert call(sandbox, "POST", "/clear").http_status == 303
        assert found(sandbox, "") == []
        assert call(sandbox, "GET", "/requests/1").http_status == 404
        assert sandbox.ledger == ()
    with Sandbox(ledger_file=file) as sandbox:
        post(sandbox, flow(THREE))
        assert found(sandbox, "") == [3]


# ----- faults ------------------------------------------------------------------------------------


def statuses(sandbox: Sandbox, *flows: str) -> list[int]:
    return [post(sandbox, xml).status for xml in flows]


def test_faults_are_added_and_removed_by_hand() -> None:
    """Over HTTP as on the page: the next one once, every n-th, a number, a campaign."""
    plain, noel = flow(ONE), flow(ONE, CAMPAIGN_NAME="noel")
    with Sandbox() as sandbox:

        def add(**rule: Any) -> Any:
            body = json.dumps({"do": "status:150", **rule}).encode()
            reply = call(sandbox, "POST", "/api/faults", body, **JSON)
            assert reply.http_status == 200, reply.body
            return json.loads(reply.body)

        add(next=True)
        assert statuses(sandbox, plain, plain) == [150, 100]
        third = add(every=3)["id"]
        assert statuses(sandbox, plain, plain) == [150, 100]
        assert call(sandbox, "DELETE", f"/api/faults/{third}").http_status == 200
        assert call(sandbox, "DELETE", f"/api/faults/{third}").http_status == 404
        add(number="06 39 98 00 02")
        assert statuses(sandbox, plain, flow(ONE, TWO), plain) == [100, 150, 100]
        add(campaign="noel")
        assert statuses(sandbox, noel, plain) == [150, 100]
        assert call(sandbox, "DELETE", "/api/faults").http_status == 200
        assert statuses(sandbox, noel, flow(TWO)) == [100, 100]
        body = form(do="credits:0", when="next", value="")
        assert call(sandbox, "POST", "/faults", body).http_status == 303
        assert statuses(sandbox, plain, plain) == [103, 103]


def test_each_kind_of_fault_can_be_asked_for_by_hand() -> None:
    """A time-out before or after, a part, a cut or garbled answer, a refusal, latency."""
    with Sandbox(options=SandboxOptions(credits=10)) as sandbox:
        for do in ("close:before", "close:after"):
            sandbox.faults.add(FaultRule.read({"do": do, "next": True}))
            with pytest.raises(OSError, match="closed connection"):
                post(sandbox, flow(ONE))
        assert numbers_sent(sandbox) == [ONE]
        sandbox.faults.add(FaultRule.read({"do": "process:1,http:504", "next": True}))
        assert post(sandbox, flow(ONE, TWO)).http_status == 504
        assert numbers_sent(sandbox) == [ONE, ONE]
        sandbox.faults.add(FaultRule.read({"do": "truncate:30:unsized,latin-1", "next": True}))
        assert len(post(sandbox, flow(ONE)).body) == 30


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"do": "clsoe:after"}, "no word 'clsoe'. Did you mean 'close'?"),
        ({"do": "close:later"}, "write 'close:later' like"),
        ({}, 'a fault needs do = "…"'),
        ({"do": "stall", "request": 0}, "request must be a whole number from 1 on, found 0"),
        ({"do": "stall", "every": "x"}, "every must be a whole number from 1 on, found 'x'"),
        ({"do": "stall", "next": 1}, "next must be true, found 1"),
        ({"do": "stall", "nombre": "06"}, "a fault has no 'nombre'. Did you mean 'number'?"),
        ({"do": "stall", "next": True, "every": 2}, "one of next and every, not for both"),
    ],
)
def test_a_fault_that_does_not_exist_is_named(
    rule: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """Over HTTP, on the page and in a file; the sandbox goes on."""
    with Sandbox() as sandbox:
        reply = call(sandbox, "POST", "/api/faults", json.dumps(rule).encode(), **JSON)
        assert reply.http_status == 400
        assert told in json.loads(reply.body)["error"]
        assert post(sandbox, flow()).status == 100
    file = tmp_path / "faults.toml"
    written = "".join(
        f"{key} = {json.dumps(value)}\n" for key, value in ({"do": "stall"} | rule).items()
    )
    file.write_text(f"[[fault]]\n{written if rule else ''}", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_faults(file)
    assert told in str(caught.value)
    assert "faults.toml, fault 1: " in str(caught.value)


def test_a_file_of_faults_is_one(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(
        '[[fault]]\ndo = "status:150"\ncampaign = "noel"\n[[fault]]\ndo = "delay:1"\n',
        encoding="utf-8",
    )
    with Sandbox(rules=read_faults(file)) as sandbox:
        assert statuses(sandbox, flow(ONE, CAMPAIGN_NAME="noel"), flow(ONE)) == [150, 100]
        assert sandbox.requests[1].fault == "delay:1"
    for text, told in (("[[fault]", "cannot be read"), ("fault = 3", r"write a table \[\[fault")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=told):
            read_faults(file)


def test_credits_are_set_over_http(filled: Sandbox) -> None:
    assert get(filled, "/api/credits") == {"demo": 99_997}
    reply = call(filled, "PUT", "/api/credits", b'{"demo": 5}', **JSON)
    assert (reply.http_status, filled.credits) == (200, 5)
    for wrong in (b'{"nobody": 5}', b'{"demo": -1}', b'{"demo": true}', b"[]", b"{"):
        assert call(filled, "PUT", "/api/credits", wrong, **JSON).http_status == 400
    assert filled.credits == 5


def test_the_description_names_every_door(filled: Sandbox) -> None:
    """What it says can be asked can be asked, and nothing else."""
    described = get(filled, "/openapi.json")
    assert described["openapi"].startswith("3.")
    for path, operations in described["paths"].items():
        where = path.replace("{number}", "1")
        where += "?number=0639980001" if path == "/api/messages" else ""
        for method in set(operations) - {"parameters"}:
            if method in {"get", "put", "post"}:
                body = None if method == "get" else b"{}"
                status = call(filled, method.upper(), where, body, **JSON).http_status
                assert status in {200, 400}, (method, path)
    assert call(filled, "GET", "/api/nothing").http_status == 404
    assert call(filled, "PATCH", "/api/faults").http_status == 405


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff" * 500, b"XMLFlow=%", b"<DATA>", b"clientcode=&XMLFlow=<a"]
)
def test_a_body_that_is_no_request_is_shown_as_what_it_is(body: bytes) -> None:
    """And the server goes on."""
    with Sandbox() as sandbox:
        call(sandbox, "POST", SEND, body)
        assert call(sandbox, "GET", "/requests/1").http_status == 200
        assert found(sandbox, "") == [1]
        assert post(sandbox, flow()).status == 100


# ----- who may -----------------------------------------------------------------------------------


def test_a_page_of_another_site_changes_nothing(filled: Sandbox) -> None:
    """A browser says where a form is from."""
    evil = {"Origin": "http://evil.example"}
    own = {"Origin": filled.url}
    assert call(filled, "POST", "/clear", b"", **evil).http_status == 403
    assert call(filled, "DELETE", "/api/requests", None, **evil).http_status == 403
    assert len(found(filled, "")) == 3
    assert call(filled, "POST", "/clear", b"", Host="evil.example").http_status == 403
    assert call(filled, "POST", "/clear", b"", **own).http_status == 303
    assert found(filled, "") == []


def test_a_token_opens_the_pages_and_nothing_else_does() -> None:
    """In the address once, then as a cookie; or as a header. The gateway itself has its login."""
    token = "0123456789abcdef"
    with Sandbox(token=token) as sandbox:
        assert post(sandbox, flow()).status == 100
        for path in ("/", "/requests/1", "/api/requests", "/sandbox/ledger", "/static/inbox.css"):
            assert call(sandbox, "GET", path).http_status == 401
            assert call(sandbox, "GET", f"{path}?token={token[:-1]}x").http_status == 401
            bearer = {"Authorization": f"Bearer {token}"}
            assert call(sandbox, "GET", path, None, **bearer).http_status == 200
        first = call(sandbox, "GET", f"/?token={token}")
        cookie = first.headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        assert token not in first.body.decode()
        kept = {"Cookie": cookie.split(";")[0]}
        assert call(sandbox, "GET", "/requests/1", None, **kept).http_status == 200
        assert token not in repr(sandbox)
    with pytest.raises(InputError, match="a token has at least 16 characters"):
        Sandbox(token="short")


# ----- media -------------------------------------------------------------------------------------


def test_a_local_picture_is_tried_before_it_is_hosted(tmp_path: Path) -> None:
    """Its size is the file's, one that is not there is refused, and nothing outside is given."""
    (tmp_path / "media").mkdir()
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "media" / "noel.gif").write_bytes(b"GIF89a" + bytes(100))
    (tmp_path / "media" / "big.gif").write_bytes(b"GIF89a" + bytes(1_100_000))

    def image(name: str) -> str:
        return flow(ONE, MSGCLASS="1", IMAGE=f"http://www.sandbox.invalid/{name}")

    with Sandbox(media_folder=tmp_path / "media") as sandbox:
        assert statuses(sandbox, image("noel.gif"), image("big.gif")) == [100, 115]
        assert statuses(sandbox, image("none.gif")) == [117]
        page = html.fromstring(call(sandbox, "GET", "/requests/1").body)
        (picture,) = page.iter("img")
        assert picture.get("alt")
        shown = call(sandbox, "GET", str(picture.get("src")))
        assert shown.body.startswith(b"GIF89a")
        assert shown.headers["Content-Type"] == "image/gif"
        for path in ("/media/../secret.txt", "/media/%2e%2e/secret.txt", "/static/..%2fapp.py"):
            assert call(sandbox, "GET", path).http_status == 404
    with pytest.raises(InputError, match="is no folder"):
        Sandbox(media_folder=tmp_path / "nowhere")


# ----- as they come ------------------------------------------------------------------------------


def test_a_reader_is_told_when_something_arrives() -> None:
    """Server-sent events: one for each change, and the stream ends with the sandbox."""
    with Sandbox() as sandbox:
        with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as reader:
            reader.sendall(
                f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{sandbox.port}\r\n\r\n".encode()
            )
            lines = reader.makefile("rb")
            assert b"200" in lines.readline()
            while lines.readline() != b"retry: 1000\n":
                pass
            post(sandbox, flow())
            told = [lines.readline() for _ in range(3)]
            assert told[1:] == [b"event: received\n", b"data: 1\n"]
            sandbox.stop()
            assert lines.read() in (b"\n", b"\nevent: received\ndata: 2\n\n")


# ----- in a notebook, and in other projects' tests ------------------------------------------------


def test_a_notebook_shows_a_link_and_the_latest() -> None:
    with mms.Sandbox() as sandbox:
        post(sandbox, flow(ONE, TWO, MESSAGE="<b>Noël</b>"))
        shown = sandbox._repr_html_()
    assert f'href="{sandbox.url}/"' in shown
    assert "&lt;b&gt;Noël&lt;/b&gt;" in shown
    assert "3363998•••• and 1 more" in shown
    assert ONE not in shown


def test_the_fixture_gives_other_projects_the_gateway(
    mms_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the package's pytest plugin installs it."""
    account = mms.Account.from_env("sandbox")
    assert account.url == mms_sandbox.url
    post(mms_sandbox, flow(ONE))
    assert [sent.number for sent in mms_sandbox.ledger] == [ONE]
