"""Figures in a real JupyterLab: described for who does not see them, in the dark theme too.

A long check, like ``tests/notebook/test_jupyterlab.py``, whose JupyterLab and browser it takes.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import nbformat
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from test_jupyterlab import TOKEN, Lab, browser, choose, idle, lab, pytestmark, saved_whole, wait

__all__ = ["browser", "lab", "pytestmark"]

CODE = """
import pandas as pd
import mmsbatch as mms
words = pd.Categorical(["accepted"] * 3 + ["in_doubt"], categories=list(mms.Outcome))
mms.plots.outcomes(pd.DataFrame({"mms_outcome": words}))
"""
ALT = "Rows by outcome: 3 of 4 rows accepted and 1 in doubt."


def described(browser: webdriver.Chrome) -> list[str | None]:
    """Return the `alt` of every image that the cells show."""
    images = browser.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output img")
    return [image.get_dom_attribute("alt") for image in images]


def test_a_figure_has_its_sentence_where_it_is_shown(
    lab: Lab, browser: webdriver.Chrome, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """When it is drawn, and when somebody else opens the saved notebook, whom nothing trusts."""
    notebook = lab.folder / "figure.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3"}
    made = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(CODE)],  # type: ignore[no-untyped-call]
        metadata={"kernelspec": kernel},
    )
    notebook.write_text(nbformat.writes(made))  # type: ignore[no-untyped-call]
    settings = lab.folder / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "themes.jupyterlab-settings").write_text('{"theme": "JupyterLab Dark"}')
    browser.get(f"{lab.url}lab/tree/{notebook.name}?token={TOKEN}&reset")
    wait(browser, lambda: idle(lab))
    choose(browser, "Run", "Run All Cells")
    wait(browser, partial(saved_whole, browser, notebook))
    assert [ALT] == described(browser)
    kept = Path(request.config.getoption("--screenshots") or tmp_path)
    kept.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(kept / "figure-dark.png"))

    lab.end_kernels()
    stored = json.loads(notebook.read_text())
    (output,) = stored["cells"][0]["outputs"]
    assert {"alt": ALT} == output["metadata"]["image/png"]
    (lab.folder / "from-elsewhere.ipynb").write_text(json.dumps(stored))
    browser.get(f"{lab.url}lab/tree/from-elsewhere.ipynb?token={TOKEN}&reset")
    wait(browser, lambda: bool(described(browser)))
    assert [ALT] == described(browser)
    wait(browser, lambda: idle(lab))
    browser.get("about:blank")
    lab.end_kernels()
