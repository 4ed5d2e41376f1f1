"""Pages in a real browser: Chromium, and axe-core, which looks for barriers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_core_python  # type: ignore[import-untyped]
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

NEEDS_CHROMIUM = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="needs Chromium and its driver",
)
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --window-size=1000,900"
AXE = Path(str(axe_core_python.__file__)).with_name("axe.min.js").read_text(encoding="utf-8")


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """Open Chromium, which notes every request that a page makes."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def screen(browser: Any, width: int, scheme: str) -> Iterator[None]:
    """Show pages as on a screen of so many pixels, light or dark."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def barriers(browser: Any) -> list[tuple[str, str]]:
    """Return what axe-core finds on the page, and by how much it sticks out of the screen."""
    out = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    # By the driver's own door: a page may forbid scripts of its own.
    browser.execute_script(AXE)
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    broken = [(str(one["id"]), str(one["nodes"][0]["html"])) for one in found["violations"]]
    return broken + ([("sticks out", f"{out} pixels")] if out > 0 else [])


def keep_screenshot(browser: Any, request: pytest.FixtureRequest, name: str) -> None:
    """Leave what is on the screen in the folder that ``--screenshots`` names."""
    if folder := request.config.getoption("--screenshots"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))
