"""The README cannot lie: its commands exist, its tables are the code's, its numbers are fiction."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

import mmsbatch as mms
from mmsbatch.cli import app
from mmsbatch.frames import MMS_TYPES
from mmsbatch.phones.differences import DIFFERENCES
from mmsbatch.phones.problems import PROBLEMS, REPAIRS
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.report import BAD_INPUT, DONE, IN_DOUBT, STOPPED

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_begins_with_the_two_commands() -> None:
    """What a newcomer runs first, and what a contributor runs first."""
    block = README.split("```")[1]
    assert "pip install uv && uv run mmsbatch demo" in block
    assert "uv run pytest" in block


def test_every_command_is_in_the_readme() -> None:
    """A command nobody can read about does not exist."""
    commands = typer.main.get_command(app).list_commands(None)  # type: ignore[attr-defined]
    missing = [name for name in commands if f"mmsbatch {name}" not in README]
    assert missing == []


def test_every_word_of_the_results_is_in_the_readme() -> None:
    """Outcomes, problems, repairs and columns: an auditor meets no unexplained word."""
    words = [*map(str, Outcome), *PROBLEMS, *REPAIRS, *MMS_TYPES]
    missing = [word for word in words if f"`{word}`" not in README]
    assert missing == []


def test_problems_and_repairs_mean_the_same_in_the_readme() -> None:
    """The command line and the README say it in the same words."""
    rows = [f"| `{word}` | {meaning} | {to_do} |" for word, (meaning, to_do) in PROBLEMS.items()]
    rows += [f"| `{word}` | {meaning} |" for word, meaning in REPAIRS.items()]
    assert [row for row in rows if row not in README] == []


def test_every_difference_from_phonenumbers_is_in_the_readme() -> None:
    """Whoever compares the two finds each departure explained."""
    missing = [one.name for one in DIFFERENCES if f"| {one.name} |" not in README]
    assert missing == []


def test_every_exit_code_and_variable_is_in_the_readme() -> None:
    """What a scheduler looks at, and what it sets."""
    for code in (DONE, BAD_INPUT, IN_DOUBT, STOPPED):
        assert f"| {code} |" in README
    for name in ("URL", "CLIENTCODE", "PASSCODE", "ALLOW_HTTP"):
        assert f"`MMSBATCH_{name}`" in README


def test_every_public_name_exists_and_is_documented() -> None:
    """`__all__` is complete, sorted, and each name has a docstring."""
    assert sorted(mms.__all__) == mms.__all__
    undocumented = [
        name
        for name in mms.__all__
        if name != "__version__" and not (getattr(mms, name).__doc__ or "").strip()
    ]
    assert undocumented == []


def test_only_fictional_mobiles_are_in_what_we_ship() -> None:
    """Samples, notebooks and the README could reach nobody by mistake."""
    shipped = [
        path
        for folder in ("data/samples", "notebooks")
        for path in (ROOT / folder).iterdir()
        if path.suffix in {".csv", ".toml", ".ipynb"}
    ]
    number = re.compile(r"(?<![0-9])(?:0|\+?33 ?|0033 ?)[67](?:[ .-]?[0-9]{2}){4}(?![0-9])")
    for path in [*shipped, ROOT / "README.md"]:
        text = path.read_bytes().decode("cp1252", errors="replace")
        digits = [re.sub(r"\D", "", found)[-9:] for found in number.findall(text)]
        assert [found for found in digits if not found.startswith("63998")] == [], path.name
