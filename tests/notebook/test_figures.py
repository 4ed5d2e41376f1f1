"""Each figure says in a sentence what it shows, wherever a notebook is read."""

from __future__ import annotations

import io
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import lxml.html
import nbformat
import pytest
from IPython.core.formatters import DisplayFormatter
from nbconvert import HTMLExporter
from test_plots import WORDS, attempts, audited, left_at, results
from test_plots_of_runs import costs

import mmsbatch as mms
from conftest import planned
from mmsbatch.drawing import Diagram


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (
            lambda: mms.plots.problems(planned(numbers=["0639980001", "", "0139980001"])),
            "Rows by problem: 1 of 3 rows can be sent; 1 missing, 1 landline.",
        ),
        (
            lambda: mms.plots.outcomes(results({"accepted": 881, "in_doubt": 340})),
            "Rows by outcome: 881 of 1,221 rows accepted and 340 in doubt.",
        ),
        (
            lambda: mms.plots.outcomes_over_time(results({"accepted": 2, "in_doubt": 1})),
            (
                "Outcomes by request over time: 1 request left at 23 Nov 2026 09:00 (Europe/Paris "
                "time): 2 rows accepted and 1 in doubt."
            ),
        ),
        (
            lambda: mms.plots.outcomes_by_hour(left_at("2026-11-23 08:00", "2026-11-23 09:30")),
            (
                "Rows by outcome and hour, from 23 Nov 2026 09:00 to 10:30 (Europe/Paris time): 2 "
                "rows accepted; most in the hour 09:00 23 Nov 2026: 1."
            ),
        ),
        (
            lambda: mms.plots.latency(attempts(20)),
            "Latency of 20 attempts: median 1,050 ms, 95% within 1,905 ms, longest 2,000 ms.",
        ),
        (
            lambda: mms.plots.credits(attempts(3)),
            "Credits left: 99,800 after the first of 3 answers, 99,400 after the last.",
        ),
        (
            lambda: mms.plots.credits(attempts(1)),
            "Credits left: 99,800 after the only answer so far.",
        ),
        (
            lambda: mms.plots.runs_over_weeks(audited("2026-11-23", accepted=10)),
            "Rows by outcome of 1 live run in 2026-W48: 10 accepted.",
        ),
        (
            lambda: mms.plots.cost_over_weeks(costs(("2026-11-23", "live", "noel", 12.5))),
            "Credits spent by week in 2026-W48: 12.5 by 1 live run.",
        ),
        (lambda: mms.plots.latency(attempts(0)), "Latency: no attempt has ended yet."),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_a_figure_says_in_a_sentence_what_it_shows(draw: Callable[[], Diagram], said: str) -> None:
    """With its key figures."""
    figure = draw()
    assert said == figure.alt == repr(figure)


def formatted(figure: Diagram) -> tuple[dict[str, str], dict[str, Any]]:
    """Return what IPython gives a notebook: data and metadata by kind."""
    data, about = DisplayFormatter().format(figure)  # type: ignore[no-untyped-call]
    return data, about


def test_the_sentence_reaches_whatever_reads_a_notebook() -> None:
    """Beside the image as nbconvert reads it, in HTML for JupyterLab, as text for VS Code."""
    figure = mms.plots.outcomes(results({"accepted": 5}))
    figure.alt = '5 < 6 "rows"'
    shown, about = formatted(figure)
    assert '5 < 6 "rows"' == shown["text/plain"] == about["image/png"]["alt"]
    image = lxml.html.fromstring(shown["text/html"])
    assert figure.alt == image.get("alt")
    assert f"data:image/png;base64,{shown['image/png']}" == image.get("src")
    assert b64decode(shown["image/png"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("template", ["lab", "classic", "basic"])
def test_a_page_made_of_a_notebook_has_the_sentence(template: str) -> None:
    """By nbconvert, in each of its looks; the image is in the page once."""
    shown, about = formatted(mms.plots.outcomes(results({"accepted": 5})))
    output = nbformat.v4.new_output("display_data", shown, metadata=about)  # type: ignore[no-untyped-call]
    cell = nbformat.v4.new_code_cell(outputs=[output])  # type: ignore[no-untyped-call]
    exporter = HTMLExporter(template_name=template)  # type: ignore[no-untyped-call]
    page, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))  # type: ignore[no-untyped-call]
    (image,) = lxml.html.fromstring(page.encode()).iter("img")
    assert "Rows by outcome: 5 of 5 rows accepted." == image.get("alt")


def test_what_a_notebook_keeps_is_small() -> None:
    """The image twice, with few colours, has fewer bytes than once as matplotlib writes it."""
    figure = mms.plots.outcomes(results(dict.fromkeys(WORDS, 5)))
    plain = io.BytesIO()
    figure.savefig(plain, format="png", dpi=100, bbox_inches="tight")
    shown, _ = formatted(figure)
    assert sum(map(len, shown.values())) < len(b64encode(plain.getvalue()))
