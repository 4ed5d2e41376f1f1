"""Every notebook in a real JupyterLab, in headless Chromium: opened, run from the menu, looked at.

A long check, run with ``pytest --full tests/notebook/test_jupyterlab.py`` where JupyterLab,
Chromium and its driver are installed (Debian: ``chromium chromium-driver``). The screenshots are
left in the folder that ``--screenshots`` names.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import mmsbatch as mms
from conftest import ROOT
from mmsbatch.sandbox import Sandbox

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        not (find_spec("jupyterlab") and shutil.which("chromium") and shutil.which("chromedriver")),
        reason="needs JupyterLab, Chromium and its driver",
    ),
]

TIMEOUT_S = 120
TOKEN = "loopback-only"
CHROMIUM_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --window-size=1300,1600"
)
NOTEBOOKS = ["tour", "campaign", "audit", "compare", "reconcile"]
"""In this order: the later ones look at the runs of the earlier ones."""


class Lab:
    """A JupyterLab on loopback, over a folder with the notebooks and the samples."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
        command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
        # It asks an index of packages, and does not end before that has answered.
        command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        runtime = folder / ".jupyter"
        places = {"JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(runtime)}
        self._log = (folder / "jupyterlab.log").open("w+")
        self._process = subprocess.Popen(
            command, cwd=folder, env={**environ, **places}, stderr=self._log, stdout=self._log
        )
        self.url = self._announced(runtime)

    def _announced(self, runtime: Path) -> str:
        """Wait for the file in which a server says where it listens."""
        for _ in range(TIMEOUT_S * 10):
            for path in runtime.glob("jpserver-*.json"):
                try:
                    return str(json.loads(path.read_text())["url"])
                except ValueError:  # half written
                    continue
            try:
                self._process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            break
        raise AssertionError((self.folder / "jupyterlab.log").read_text())

    def kernels(self) -> list[dict[str, Any]]:
        """Ask which kernels there are, and what each is doing."""
        return list(json.loads(self._ask("GET", "api/kernels")))

    def end_kernels(self) -> None:
        """End them, so that the next one to be seen is the next notebook's."""
        for kernel in self.kernels():
            self._ask("DELETE", f"api/kernels/{kernel['id']}")

    def _ask(self, method: str, path: str) -> bytes:
        asked = urllib.request.Request(  # noqa: S310  (loopback)
            self.url + path, headers={"Authorization": f"token {TOKEN}"}, method=method
        )
        with urllib.request.urlopen(asked) as reply:  # noqa: S310
            return bytes(reply.read())

    def stop(self) -> None:
        """End the server and its kernels."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    shutil.copytree(ROOT / "notebooks", tmp_path / "lab", dirs_exist_ok=True)
    shutil.copytree(ROOT / "data" / "samples", tmp_path / "lab" / "data" / "samples")
    with Sandbox() as sandbox:
        running = Lab(tmp_path / "lab", {**os.environ, "MMSBATCH_URL": sandbox.url})
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in [*CHROMIUM_FLAGS.split(), f"--user-data-dir={tmp_path / 'chromium'}"]:
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=str(shutil.which("chromedriver")))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def test_every_notebook_runs_from_the_menu(
    lab: Lab, browser: webdriver.Chrome, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """As an analyst does it; no cell shows an error or a warning, and each has run.

    The tour runs again after its kernel was restarted.
    """
    screenshots = Path(request.config.getoption("--screenshots") or tmp_path / "screenshots")
    screenshots.mkdir(parents=True, exist_ok=True)
    previous = make_an_earlier_run(lab)
    for name in NOTEBOOKS:
        notebook = lab.folder / f"{name}.ipynb"
        if name == "compare":
            set_parameter(notebook, "previous", f'"{previous}"')
        browser.get(f"{lab.url}lab/tree/{notebook.name}?token={TOKEN}&reset")
        wait(browser, lambda: idle(lab))
        choose(browser, "Run", "Run All Cells")
        wait(browser, partial(saved_whole, browser, notebook))
        for theme in ("Dark", "Light"):
            choose(browser, "Settings", "Theme", f"JupyterLab {theme}")
            wait(browser, lambda: not browser.find_elements(By.ID, "jupyterlab-splash"))
            for place in ("top", "middle", "end"):
                scroll(browser, place)
                browser.save_screenshot(str(screenshots / f"{name}-{place}-{theme}.png"))
        assert troubles(notebook) == [], name
        if name == "tour":
            choose(browser, "Edit", "Clear Outputs of All Cells")
            wait(browser, partial(saved_empty, browser, notebook))
            choose(browser, "Kernel", "Restart Kernel and Run All Cells…")
            browser.find_element(By.CSS_SELECTOR, ".jp-Dialog .jp-mod-accept").click()
            wait(browser, partial(saved_whole, browser, notebook))
            assert troubles(notebook) == []
        browser.get("about:blank")
        lab.end_kernels()
    print(f"screenshots: {screenshots}")  # noqa: T201  (to be looked at)


def test_a_bar_is_seen_while_it_runs_and_only_its_line_is_saved(
    lab: Lab, browser: webdriver.Chrome
) -> None:
    """A sending is held until the bar has been seen."""
    notebook = lab.folder / "bar.ipynb"
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
    }
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    document = {"cells": [cell | {"source": HELD}], "metadata": kernel}
    notebook.write_text(json.dumps({**document, "nbformat": 4, "nbformat_minor": 4}))
    browser.get(f"{lab.url}lab/tree/{notebook.name}?token={TOKEN}&reset")
    wait(browser, lambda: idle(lab))
    choose(browser, "Run", "Run All Cells")
    wait(browser, lambda: bool(browser.find_elements(By.CSS_SELECTOR, ".jp-OutputArea .progress")))
    (lab.folder / "seen").touch()
    wait(browser, partial(saved_whole, browser, notebook))
    wait(browser, lambda: not browser.find_elements(By.CSS_SELECTOR, ".jp-OutputArea .progress"))
    (saved,) = outputs(notebook)
    assert ["text/plain"] == [*saved["data"]]
    assert re.fullmatch(r"sending: 3 requests, \d+ s", "".join(saved["data"]["text/plain"]))


HELD = """
import pathlib, time
from mmsbatch.progress import counting
with counting(3, "request", "sending") as progress:
    while not pathlib.Path("seen").exists():
        time.sleep(0.1)
        progress.update(0)
    progress.update(3)
"""


def make_an_earlier_run(lab: Lab) -> str:
    """Return the comparison something to compare with."""
    contacts = mms.read_contacts(str(lab.folder / "data" / "samples" / "crm.csv"))
    prepared = mms.prepare(contacts.iloc[:900], phone="mobile", fictional=True)
    plan = mms.plan(prepared, mms.load_campaign(lab.folder / "data" / "samples" / "noel.toml"))
    with Sandbox() as sandbox:
        account = mms.Account("demo", "demo", sandbox.url, target="sandbox")
        mms.send(plan, account, run=lab.folder / "data" / "runs" / "noel-2025")
    return "noel-2025"


def set_parameter(notebook: Path, name: str, value: str) -> None:
    """Change a parameter in its cell, as a person would."""
    stored = json.loads(notebook.read_text(encoding="utf-8"))
    cells = (cell for cell in stored["cells"] if "parameters" in cell["metadata"].get("tags", []))
    for cell in cells:
        cell["source"] = [
            f"{name} = {value}\n" if line.startswith(f"{name}:") else line
            for line in cell["source"]
        ]
    notebook.write_text(json.dumps(stored), encoding="utf-8")


def wait(browser: webdriver.Chrome, done: Callable[[], bool]) -> None:
    WebDriverWait(browser, TIMEOUT_S).until(lambda _: done())


def idle(lab: Lab) -> bool:
    try:
        kernels = lab.kernels()
    except urllib.error.HTTPError:  # the server knows little of a kernel that is being made
        return False
    return bool(kernels) and all(kernel["execution_state"] == "idle" for kernel in kernels)


def choose(browser: webdriver.Chrome, *labels: str) -> None:
    """Choose from the menu, again where the page was still being laid out."""

    def chosen() -> bool:
        try:
            for label in labels:
                xpath = f"//div[contains(@class, 'lm-Menu') and text()={label!r}]"
                browser.find_element(By.XPATH, xpath).click()
        except WebDriverException:  # not there yet, or something is in front of it
            ActionChains(browser).send_keys(Keys.ESCAPE).perform()
            return False
        return True

    wait(browser, chosen)


def saved_whole(browser: webdriver.Chrome, notebook: Path) -> bool:
    """Save, and look whether the last code cell has been run."""
    ActionChains(browser).key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL).perform()
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    return all(cell["execution_count"] for cell in code) or any(
        output["output_type"] == "error" for output in outputs(notebook)
    )


def saved_empty(browser: webdriver.Chrome, notebook: Path) -> bool:
    """Save, and look whether no cell has an output any more."""
    ActionChains(browser).key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL).perform()
    return not outputs(notebook) and not any(
        cell.get("execution_count") for cell in cells(notebook)
    )


def troubles(notebook: Path) -> list[dict[str, Any]]:
    """Return the errors and the warnings that a notebook shows."""
    return [
        output
        for output in outputs(notebook)
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ]


def scroll(browser: webdriver.Chrome, place: str) -> None:
    """Show the first, the middle or the last cell."""
    browser.execute_async_script(
        "const [place, done] = arguments;"
        "const cells = document.querySelectorAll('.jp-Notebook .jp-Cell');"
        "const at = {top: 0, middle: cells.length >> 1, end: cells.length - 1}[place];"
        "cells[at].scrollIntoView({block: place === 'end' ? 'end' : 'start'});"
        "requestAnimationFrame(() => requestAnimationFrame(done));",
        place,
    )


def cells(notebook: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(notebook.read_text(encoding="utf-8"))["cells"])
    except ValueError:  # being written
        return [{"cell_type": "code", "execution_count": None, "outputs": []}]


def outputs(notebook: Path) -> list[dict[str, Any]]:
    return [output for cell in cells(notebook) for output in cell.get("outputs", [])]
