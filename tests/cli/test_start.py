"""Starting is quick: a public name and a command are imported when they are first used."""

from __future__ import annotations

import ast
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

import mmsbatch as mms
from conftest import account_at, planned
from mmsbatch.cli import app
from mmsbatch.cli.app import COMMANDS, GROUPS
from mmsbatch.sandbox import Sandbox

PACKAGE = Path(mms.__file__).parent


def _imported_for_checkers() -> Iterator[tuple[str, str]]:
    """Read the imports below `if TYPE_CHECKING:`: which name from which module."""
    for outer in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(outer, ast.If) and ast.unparse(outer.test) == "TYPE_CHECKING":
            for line in outer.body:
                assert isinstance(line, ast.ImportFrom)
                yield from ((name.asname or name.name, str(line.module)) for name in line.names)


def _loaded(code: str, *names: str) -> list[str]:
    """Run code in a fresh process; say which of these packages it has imported."""
    script = f"""
import sys
try:
    {code}
except SystemExit as ended:
    assert ended.code == 0, ended.code
print("loaded", *[name for name in {names!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()[-1].split()[1:]


def _called(*arguments: str) -> str:
    """Return code that runs the command line."""
    return f"sys.argv = {['mmsbatch', *arguments]!r}; from mmsbatch.cli import main; main()"


# ----- names -------------------------------------------------------------------------------------


def test_checkers_and_users_find_the_same_names_at_the_same_place() -> None:
    """What an editor completes is what a program gets, and nothing public is left out."""
    homes = dict(_imported_for_checkers())
    assert sorted(homes) == mms.__all__
    for name, home in homes.items():
        module = import_module(home)
        there = import_module("mmsbatch.plots") if name == "plots" else getattr(module, name)
        assert getattr(mms, name) is there


@pytest.mark.parametrize("name", mms.__all__)
def test_no_module_is_named_like_a_public_name(name: str) -> None:
    """Importing such a module would put it in the place of the function."""
    modules = {module.name for module in pkgutil.iter_modules([str(PACKAGE)])} - {"plots"}
    assert name not in modules


def test_a_name_is_found_in_a_fresh_process() -> None:
    """Also when every name is used only after every module was imported."""
    code = (
        "import pkgutil, mmsbatch; "
        "from importlib import import_module; "
        "paths = pkgutil.walk_packages(mmsbatch.__path__, 'mmsbatch.'); "
        "[import_module(m.name) for m in paths if not m.name.endswith(('__main__', 'drawing'))]; "
        "found = {name: getattr(mmsbatch, name) for name in mmsbatch.__all__}; "
        "assert [n for n, v in found.items() if type(v) is type(mmsbatch)] == ['plots'], found"
    )
    assert [] == _loaded(code)


def test_names_are_listed_before_they_are_used() -> None:
    """A notebook completes `mms.` with all public names, and importing * gives them."""
    assert mms.__all__ == dir(mms)
    assert [] == _loaded("import mmsbatch; assert dir(mmsbatch) == mmsbatch.__all__", "pandas")


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module; `hasattr` and `from mmsbatch import …` rest on it."""
    with pytest.raises(AttributeError, match="module 'mmsbatch' has no attribute 'sned'"):
        getattr(mms, "sned")  # noqa: B009  (a type checker knows that it is not there)
    with pytest.raises(ImportError, match="cannot import name 'sned'"):
        exec("from mmsbatch import sned")  # noqa: S102


# ----- commands ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_the_command_says(name: str) -> None:
    """The table's line is the first line of the docstring."""
    module = import_module(f"mmsbatch.cli.{COMMANDS[name].module}")
    assert (getattr(module, name.replace("-", "_")).__doc__ or "").splitlines()[0] == COMMANDS[
        name
    ].line


def test_help_lists_every_command_whole_and_once() -> None:
    """In groups by what it is for; no line ends in dots, however narrow the terminal."""
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)
    for columns in ("60", "110"):
        shown = CliRunner(env={"COLUMNS": columns}).invoke(app, ["--help"])
        assert 0 == shown.exit_code
        assert "..." not in shown.stdout.replace("[ARGS]...", "")
        words = " ".join(shown.stdout.split())
        for name, command in COMMANDS.items():
            assert f"{name} {command.line}" in words
    group = typer.main.get_command(app)
    assert list(COMMANDS) == group.list_commands(None)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_in_the_words_of_people(name: str) -> None:
    """No type of Python, and every option in a group that it belongs to."""
    shown = CliRunner(env={"COLUMNS": "110"}).invoke(app, [name, "--help"])
    assert 0 == shown.exit_code
    assert "<" not in shown.stdout
    if name in {"check", "plan", "send"}:
        assert "Contacts:" in shown.stdout
        options = shown.stdout.partition("\nOptions:")[2]
        assert set(re.findall(r"--[a-z-]+", options)) <= {"--help"}


def test_a_shell_is_offered_columns_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As bash asks: the words of the line so far."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crm.csv").write_text("nom;mobile;mobile 2\na;b;c\n", encoding="utf-8")
    (tmp_path / "data" / "runs" / "noel").mkdir(parents=True)
    (tmp_path / "data" / "runs" / "noel" / "journal.sqlite").touch()

    def offered(line: str) -> list[str]:
        words = {
            "_MMSBATCH_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        }
        code = "import sys; sys.argv[0] = 'mmsbatch'; from mmsbatch.cli import main; main()"
        start = [sys.executable, "-c", code]
        done = subprocess.run(
            start, env=os.environ | words, check=False, capture_output=True, text=True
        )
        return [*filter(None, done.stdout.split("\n"))]

    assert offered("mmsbatch check crm.csv --phone mo") == ["mobile", "mobile 2"]
    assert offered("mmsbatch check nowhere.csv --phone mo") == []
    assert offered("mmsbatch status data/r") == ["data/runs/noel"]


def test_an_unknown_command_is_refused_with_the_name_that_was_meant() -> None:
    """Exit code 2, as for everything that was typed wrongly."""
    for start in ([sys.executable, "-m", "mmsbatch"], ["mmsbatch"]):
        done = subprocess.run([*start, "statu"], check=False, capture_output=True, text=True)
        assert (2, "") == (done.returncode, done.stdout)
        assert "No such command 'statu'. Did you mean 'status'?" in done.stderr


def test_a_missing_argument_is_named() -> None:
    """Exit code 2; the command's own usage is shown."""
    told = CliRunner().invoke(app, ["status"])
    assert 2 == told.exit_code
    assert "Usage: mmsbatch status" in told.stderr
    assert "missing argument 'run'" in told.stderr.casefold()


def test_names_of_commands_are_completed_without_importing_them() -> None:
    """A shell asks at each press of a key."""
    code = (
        "from mmsbatch.cli import app; import typer.main; g = typer.main.get_command(app); "
        "c = g.make_context('mmsbatch', [], resilient_parsing=True); "
        "assert [x.value for x in g.shell_complete(c, 're')] == "
        "['resume', 'reconcile', 'results', 'report', 'retention']"
    )
    assert [] == _loaded(code, "pandas")


# ----- what is imported --------------------------------------------------------------------------

HEAVY = (
    "pandas",
    "pyarrow",
    "duckdb",
    "requests",
    "pydantic",
    "lxml",
    "jinja2",
    "numpy",
)


def test_help_needs_no_library_for_data_or_for_the_network() -> None:
    """Neither does importing the package."""
    code = f"import mmsbatch, mmsbatch.cli.app; {_called('--help')}"
    assert [] == _loaded(code, *HEAVY)


def test_the_version_needs_none_either() -> None:
    """Except pydantic, with which Typer reads what was typed."""
    assert [] == _loaded(_called("--version"), *(name for name in HEAVY if name != "pydantic"))


def test_a_status_needs_nothing_that_reads_contacts_sends_or_audits(tmp_path: Path) -> None:
    """It reads one folder."""
    with Sandbox() as sandbox:
        mms.send(planned(2), account_at(sandbox), run=tmp_path / "run", progress=False)
    others = ("duckdb", "requests", "werkzeug", "fsspec", "python_calamine", "papermill")
    assert [] == _loaded(_called("status", str(tmp_path / "run")), *others)
