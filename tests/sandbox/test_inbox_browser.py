"""The inbox in a real browser: what arrives, keyboard, colours, narrow screens, and no barrier.

Needs Debian's ``chromium`` and ``chromium-driver``. With ``--screenshots FOLDER`` it leaves what it
saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from browsing import NEEDS_CHROMIUM, barriers, chromium, keep_screenshot, screen
from mmsbatch.sandbox import Sandbox
from sandbox_client import ONE, TWO, flow, post

pytestmark = [NEEDS_CHROMIUM, pytest.mark.xdist_group("browser")]
PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xd0\x40\x40\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01"
    b"\x00\x00\x02\x02D\x01\x00;"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    (tmp_path / "noel.gif").write_bytes(PIXEL)
    with Sandbox(media_folder=tmp_path) as running:
        yield running


def fill(sandbox: Sandbox) -> None:
    """Send a text, a picture that is there, a video that is not, and something that is refused."""
    noel = flow(ONE, TWO, MESSAGE="Joyeux Noël !\n5 € offerts", CAMPAIGN_NAME="noel")
    post(sandbox, noel)
    image = "http://www.sandbox.invalid/noel.gif"
    post(sandbox, flow(ONE, "04", MSGCLASS="1", IMAGE=image, CAMPAIGN_NAME="noel"))
    film = "<VIDEO><URL>http://www.example.com/film.3gp</URL><DUREE>12</DUREE></VIDEO>"
    post(sandbox, flow(TWO, MSGCLASS="2", raw=film, CAMPAIGN_NAME="soldes"))
    post(sandbox, flow(ONE, MESSAGE="Un texte trop long. " * 60))


def wait(browser: Any) -> WebDriverWait[Any]:
    return WebDriverWait(browser, 60)


def articles(browser: Any) -> list[str]:
    return [str(one.text) for one in browser.find_elements(By.TAG_NAME, "article")]


def test_what_arrives_is_shown_as_it_comes(browser: Any, sandbox: Sandbox) -> None:
    """Without a reload, newest first; figures and announcement follow."""
    browser.get(sandbox.url)
    assert "Nothing has arrived yet" in browser.find_element(By.ID, "received").text
    fill(sandbox)
    wait(browser).until(lambda b: len(b.find_elements(By.TAG_NAME, "article")) == 4)
    assert "Joyeux Noël !\n5 E offerts" in articles(browser)[-1]
    assert "4 messages in 4 requests" in browser.find_element(By.ID, "figures").text
    assert browser.find_element(By.ID, "news").text == "New requests have arrived."
    picture = browser.find_element(By.TAG_NAME, "img")
    assert browser.execute_script("return arguments[0].naturalWidth", picture) == 1


def test_somebody_looks_for_a_number_with_the_keyboard_alone(
    browser: Any, sandbox: Sandbox
) -> None:
    """Tab reaches the search, Enter asks, a link opens what one phone got."""
    fill(sandbox)
    browser.get(sandbox.url)
    for _ in range(10):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if browser.switch_to.active_element.get_attribute("id") == "q":
            break
    browser.switch_to.active_element.send_keys("06 39 98 00 02", Keys.ENTER)
    wait(browser).until(lambda b: "q=06" in b.current_url)
    assert [text.splitlines()[0] for text in articles(browser)] == ["Request 3", "Request 1"]
    browser.find_element(By.LINK_TEXT, "Show the numbers").send_keys(Keys.ENTER)
    wait(browser).until(lambda b: b.find_elements(By.LINK_TEXT, TWO))
    browser.find_elements(By.LINK_TEXT, TWO)[0].send_keys(Keys.ENTER)
    wait(browser).until(lambda b: "/phones/" in b.current_url)
    assert f"What {TWO} got" in browser.find_element(By.TAG_NAME, "h1").text
    assert len(articles(browser)) == 2


def test_a_fault_is_set_and_everything_is_cleared_on_the_page(
    browser: Any, sandbox: Sandbox
) -> None:
    browser.get(sandbox.url)
    browser.find_element(By.ID, "do").send_keys("status:103", Keys.ENTER)
    wait(browser).until(lambda b: "the next request: status:103" in b.page_source)
    assert post(sandbox, flow(ONE)).status == 103
    assert post(sandbox, flow(ONE)).status == 100
    wait(browser).until(lambda b: len(articles(b)) == 2)
    assert "fault: status:103" in articles(browser)[1]
    browser.find_element(By.XPATH, "//button[starts-with(., 'Forget')]").click()
    wait(browser).until(lambda b: "Nothing has arrived yet" in b.page_source)
    assert sandbox.ledger == ()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 360])
def test_there_is_no_barrier_and_nothing_sticks_out(
    scheme: str, width: int, browser: Any, sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    """By axe-core, on each page, in both colour schemes, on a desk and on a phone."""
    fill(sandbox)
    with screen(browser, width, scheme):
        for name, path in (("inbox", "/"), ("request", "/requests/1"), ("phone", "/phones/1")):
            browser.get(sandbox.url + path)
            assert barriers(browser) == []
            keep_screenshot(browser, request, f"{name}-{scheme}-{width}")


def test_the_pages_ask_nothing_of_another_host(browser: Any, sandbox: Sandbox) -> None:
    """Whatever a message names is not loaded: of a picture that is hosted elsewhere the address."""
    fill(sandbox)
    browser.get_log("performance")
    for path in ("/", "/requests/3", "/phones/1"):
        browser.get(sandbox.url + path)
    events = [json.loads(one["message"])["message"] for one in browser.get_log("performance")]
    asked = [
        str(event["params"]["request"]["url"])
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert any("/static/inbox.css" in url for url in asked)
    assert [url for url in asked if not url.startswith((sandbox.url, "data:"))] == []
    blocked = [one for one in browser.get_log("browser") if "Content Security" in one["message"]]
    assert blocked == []
