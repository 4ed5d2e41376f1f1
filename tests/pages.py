"""The pages that people read: README.md, and the README.md of each room that has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from conftest import ROOT

PAGES: Final = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        *sorted(
            path
            for room in ("mmsbatch", "notebooks", "tests")
            for path in ROOT.glob(f"{room}/**/README.md")
        ),
    )
}
"""Each page's text by its path in the clone."""

README: Final = PAGES["README.md"]
EVERYTHING: Final = "\n".join(PAGES.values())
TABLE_ROWS: Final = [line for line in EVERYTHING.splitlines() if line.startswith("| ")]

_FENCED: Final = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    mark: str
    """The words behind the language: what the block needs to run, where tests do not have it."""
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in their order."""
    for opening, text in _FENCED.findall(PAGES[page]):
        language, _, mark = opening.partition(" ")
        yield Block(page, language, mark, text)


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return _FENCED.sub("", PAGES[page])


def commands(block: Block) -> list[str]:
    """The commands of a block, one each, without comments; continued lines are joined."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].strip() for line in lines if not line.startswith("#") and line]


def anchors(page: str) -> set[str]:
    """What a link to a heading of the page may name, as GitHub makes it."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
