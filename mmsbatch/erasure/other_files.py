"""What lies in a run's folder besides the run: leftovers, and texts that may name somebody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mmsbatch.phones.in_text import Notation
from mmsbatch.runs.folder import RunFolder

ERASED: Final = "erased"
ALREADY: Final = "already erased"
NOT_IN_IT: Final = "not in it"

OWN_FILES: Final = ("plan.parquet", "campaign.toml", "results.parquet", "requests.parquet")


def remove_leftovers(folder: RunFolder) -> None:
    """Remove what a killed process left of a file that was being written."""
    for name in OWN_FILES:
        for path in folder.path.glob(f".{name}.*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def texts_in(folder: RunFolder, notation: Notation) -> tuple[dict[Path, bytes], list[str]]:
    """Read the files that are not a run's; give those to change, and what a person must look at."""
    own = {*OWN_FILES, "writer.lock"}
    found: dict[Path, bytes] = {}
    left = []
    for path in sorted(folder.path.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(folder.path).parts[0]
        if name in own or name.startswith("journal."):
            continue
        content = path.read_bytes()
        if b"\0" in content:
            left.append(f"{path}: not text, so not searched")
        elif notation.is_in_bytes(content):
            found[path] = content
            left.append(f"{path}: the number was replaced; look what else it shows of the person")
    return found, left


def half_made(home: Path) -> Iterator[Path]:
    """Return the folders of runs whose making was cut off, with contacts in them."""
    yield from sorted(path.parent for path in home.glob(".*/plan.parquet"))
