"""Who may import whom: rooms lie in layers, and an arrow runs only to a layer below."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import mmsbatch

PACKAGE: Final = Path(mmsbatch.__file__).parent

LAYERS: Final = (
    {"errors"},
    {"spec", "hints"},
    {"times", "display", "files", "drawing", "bars"},
    {"hours", "progress"},
    {"frames"},
    {"parquet"},
    {"phones", "contacts", "campaign", "sandbox"},
    {"frame_display"},
    {"planning", "gateway"},
    {"media"},
    {"journal"},
    {"runs"},
    {"sending", "reconciliation", "auditing", "verification"},
    {"erasure"},
    {"notebook", "plots"},
    {"demo", "trial", "doctor", "scheduling"},
    {"cli"},
)
"""From the ground up; rooms of one layer know nothing of each other."""

NEVER: Final = {
    "sandbox": {"times", "display", "files", "frames"},
    "gateway": {"phones", "contacts"},
    "journal": {"phones", "contacts", "campaign", "planning"},
    "auditing": {"contacts"},
    "erasure": {"sending", "auditing", "reconciliation"},
    "notebook": {"reconciliation", "auditing", "verification", "erasure"},
    "scheduling": {"sending", "reconciliation", "auditing", "verification", "erasure", "gateway"},
    "plots": {"sending", "reconciliation", "auditing", "verification", "erasure", "gateway"},
}
"""What a layer alone would allow, and is not wanted."""


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name, the package's own face left out."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    del found["mmsbatch"], found["mmsbatch.__main__"]
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The package's modules that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports by a relative path"
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                if module in known:
                    yield module
                elif node.module in known:
                    yield str(node.module)


def arrows() -> set[tuple[str, str]]:
    """(importing module, imported module)."""
    known = modules()
    return {(name, to) for name, path in known.items() for to in imports(name, path, known)}


def room(module: str) -> str:
    """The room a module is in."""
    return module.split(".")[1]


def test_every_room_has_a_layer() -> None:
    """A new room is argued for here."""
    assert {room(module) for module in modules()} == set().union(*LAYERS)


def test_rooms_import_from_lower_layers_only() -> None:
    """Also inside functions, and for type checkers only."""
    layer = {name: height for height, names in enumerate(LAYERS) for name in names}
    upward = sorted(
        f"{importer} imports {imported}"
        for importer, imported in arrows()
        if room(importer) != room(imported) and layer[room(importer)] <= layer[room(imported)]
    )
    assert upward == []


def test_no_file_imports_itself_by_way_of_another() -> None:
    """A circle is named."""
    graph = defaultdict(set)
    for importer, imported in arrows():
        graph[importer].add(imported)
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_what_a_layer_would_allow_and_is_never_wanted() -> None:
    """The sandbox shares no code with the client; nothing that erases or proves can send."""
    unwanted = sorted(
        f"{importer} imports {imported}"
        for importer, imported in arrows()
        if room(imported) in NEVER.get(room(importer), set())
    )
    assert unwanted == []


def test_the_face_of_a_room_imports_nothing() -> None:
    """Names are imported from where they live; what users call by its room hands its names on."""
    faces = {name for name, path in modules().items() if path.name == "__init__.py"} - {
        "mmsbatch.sandbox",
        "mmsbatch.plots",
        "mmsbatch.cli",
    }
    assert sorted(importer for importer, _ in arrows() if importer in faces) == []


def test_one_room_knows_which_database_a_journal_is_in() -> None:
    """Nobody else imports a driver, or a module of one database."""
    drivers = {"sqlite3", "psycopg"}
    knowing = {name for name, path in modules().items() if _imported(path) & drivers}
    kinds = ("sqlite", "postgres")
    knowing |= {name for name, to in arrows() if to.split(".")[-1].startswith(kinds)}
    # The sandbox has a ledger of its own, and no journal.
    assert {room(name) for name in knowing} - {"sandbox"} == {"journal"}


def _imported(path: Path) -> set[str]:
    """The packages that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found
