"""The pages say what the code says: commands, words, columns, settings, sections, rooms."""

from __future__ import annotations

import re
from itertools import pairwise

import mmsbatch as mms
from conftest import ROOT
from mmsbatch.cli.app import COMMANDS, GROUPS
from mmsbatch.frames import MMS_TYPES
from mmsbatch.phones.problems import PROBLEMS, REPAIRS
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.report import BAD_INPUT, DONE, IN_DOUBT, STOPPED
from mmsbatch.spec import SECTIONS
from pages import EVERYTHING, PAGES, README, TABLE_ROWS, blocks
from phone_differences import DIFFERENCES
from test_house import LAYERS


def test_the_readme_begins_with_the_two_commands() -> None:
    """What a newcomer runs first, and what a contributor runs first."""
    first = next(blocks("README.md")).text.splitlines()
    assert [line.split("  ")[0] for line in first] == [
        "pip install uv && uv run mmsbatch demo",
        "uv run pytest -n auto",
    ]


def test_the_readme_lists_the_commands_as_help_does() -> None:
    """In the same groups, in the same order, in the same words."""
    rows = []
    for group, names in GROUPS.items():
        heads = [f"**{group}**", *[""] * (len(names) - 1)]
        rows += [
            f"| {head} | `{name}` | {COMMANDS[name].line} |".replace("|  |", "| |")
            for head, name in zip(heads, names, strict=True)
        ]
    start = README.splitlines().index("| | command | what it does |") + 2
    assert README.splitlines()[start : start + len(rows) + 1] == [*rows, ""]


def test_every_word_of_the_results_is_on_a_page() -> None:
    """Outcomes, problems, repairs and columns: an auditor meets no unexplained word."""
    words = [*map(str, Outcome), *PROBLEMS, *REPAIRS, *MMS_TYPES]
    explained = "\n".join(row.split("|")[1] for row in TABLE_ROWS)
    assert [word for word in words if f"`{word}`" not in explained] == []


def test_problems_and_repairs_mean_the_same_on_the_pages() -> None:
    """The command line and the page say it in the same words."""
    rows = [f"| `{word}` | {meaning} | {to_do} |" for word, (meaning, to_do) in PROBLEMS.items()]
    rows += [f"| `{word}` | {meaning} |" for word, meaning in REPAIRS.items()]
    assert [row for row in rows if row not in TABLE_ROWS] == []


def test_every_difference_from_phonenumbers_is_on_a_page() -> None:
    """Whoever compares the two finds each departure explained."""
    missing = [one.name for one in DIFFERENCES if f"| {one.name} |" not in EVERYTHING]
    assert missing == []


def test_every_section_that_a_message_cites_is_on_a_page() -> None:
    """The person does not have the document; the words are those of `mmsbatch explain`."""
    rows = [f"| §{section} | {about} |" for section, about in SECTIONS.items()]
    assert [row for row in TABLE_ROWS if row.startswith("| §")] == rows


def test_every_exit_code_and_variable_is_in_the_readme() -> None:
    """What a scheduler looks at, and what it sets: each that the package reads, and no other."""
    for code in (DONE, BAD_INPUT, IN_DOUBT, STOPPED):
        assert f"| {code} |" in README
    code_of_package = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "mmsbatch").rglob("*.py")
    )
    variable = "MMSBATCH_[A-Z_]*[A-Z]"
    table = "\n".join(row.split("|")[1] for row in TABLE_ROWS if "`MMSBATCH_" in row)
    assert set(re.findall(variable, table)) == set(re.findall(variable, code_of_package))


def test_the_map_of_the_rooms_is_the_tests() -> None:
    """Each room is on it, and none above one that it may import from."""
    drawn = next(block.text for block in blocks("tests/README.md") if block.language == "text")
    lines = [re.split("   +", line)[0].split(" · ") for line in drawn.splitlines()]
    layer = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
    numbers = [[layer[room] for room in rooms] for rooms in lines]
    assert {room for rooms in lines for room in rooms} == set(layer)
    for above, below in pairwise(numbers):
        assert max(above) < min(below)


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
    """Samples, notebooks and pages could reach nobody by mistake."""
    shipped = [
        path
        for folder in ("data/samples", "notebooks")
        for path in (ROOT / folder).iterdir()
        if path.suffix in {".csv", ".toml", ".ipynb"}
    ]
    number = re.compile(r"(?<![0-9])(?:0|\+?33 ?|0033 ?)[67](?:[ .-]?[0-9]{2}){4}(?![0-9])")
    for path in [*shipped, *(ROOT / page for page in PAGES)]:
        text = path.read_bytes().decode("cp1252", errors="replace")
        digits = [re.sub(r"\D", "", found)[-9:] for found in number.findall(text)]
        assert [found for found in digits if not found.startswith("63998")] == [], path.name
