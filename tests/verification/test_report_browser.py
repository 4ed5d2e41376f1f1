"""The page about a run in a browser: on a desk, on a phone, light and dark, without a barrier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By

import mmsbatch as mms
from browsing import NEEDS_CHROMIUM, barriers, chromium, keep_screenshot, screen
from conftest import account_at, planned
from mmsbatch.sandbox import Sandbox

pytestmark = [NEEDS_CHROMIUM, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of a run with a request in doubt."""
    run = tmp_path_factory.mktemp("runs") / "noel-2026"
    with Sandbox(faults={2: "close:after"}) as sandbox, pytest.raises(mms.RunInDoubt):
        mms.send(planned(450), account_at(sandbox), run=run)
    written = run.parent / "report.html"
    written.write_text(mms.report(run).html(), encoding="utf-8")
    return written


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 360])
def test_a_manager_reads_it_anywhere(
    scheme: str, width: int, browser: Any, page: Path, request: pytest.FixtureRequest
) -> None:
    """Nothing sticks out, axe-core finds nothing, and what matters is on the first screen."""
    with screen(browser, width, scheme):
        browser.get(page.as_uri())
        assert barriers(browser) == []
        doubt = browser.find_element(By.XPATH, "//*[contains(text(), '200 in doubt')]")
        assert doubt.rect["y"] < 900
        keep_screenshot(browser, request, f"report-{scheme}-{width}")
