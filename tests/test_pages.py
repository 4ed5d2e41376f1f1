"""The pages cannot lie: each block that can run is run, each name exists, each link arrives."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import typer.main

import mmsbatch as mms
from conftest import ROOT
from forked_commands import commands as forked
from mmsbatch.cli import app
from mmsbatch.cli.app import COMMANDS
from mmsbatch.sandbox import Sandbox
from mmsbatch.sandbox.fault_rules import read_faults
from pages import EVERYTHING, PAGES, README, Block, anchors, blocks, commands, prose

CLIENTS = {"bash": ["bash", "-e"], "php": ["php"], "py": [sys.executable]}
"""Languages of the sample clients of the sandbox, and what runs them."""
OURS = re.compile(r"(?:^|&& )(?:uv run )?mmsbatch |^export ")
"""A command that is run; the others are for developers."""


def every(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.language in languages]


def test_every_block_is_of_a_language_that_is_tried() -> None:
    """A block in another one would be read by people only."""
    tried = {"sh", "text", "python", "toml", *CLIENTS}
    assert {block.language for page in PAGES for block in blocks(page)} - tried == set()


def test_pages_are_short() -> None:
    """The first is read in five minutes, the others are looked things up in."""
    assert len(README.splitlines()) <= 240
    assert {
        page: len(text.splitlines()) for page, text in PAGES.items() if text.count("\n") > 350
    } == {}


# ----- commands ----------------------------------------------------------------------------------


@dataclass
class Clone:
    """A clone, a terminal in it, and a sandbox that stands in for the live gateway."""

    folder: Path
    package: Path
    """Where the package is imported from: a clone too, shared by all tests."""
    gateway: Sandbox
    environ: dict[str, str] = field(default_factory=dict)
    told: str = ""
    """What the commands have printed."""

    def paste(self, command: str, code: int = 0) -> str:
        """Run a command as a person does who has only uv; give what it prints.

        `uv` and `pip` are this interpreter, which has it all. Nothing else is on the path, so a
        bare `mmsbatch` is not found here either.
        """
        filled = self._filled(command)
        if filled.startswith("export "):
            self.environ |= dict(word.split("=", 1) for word in shlex.split(filled)[1:])
            return ""
        live = re.search("--live|target=live", filled)
        done = subprocess.run(
            ["sh", "-c", filled],
            cwd=self.folder,
            env=self._environ() | ({"MMSBATCH_URL": self.gateway.url} if live else {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, (filled, done.stdout, done.stderr)
        self.told += done.stdout
        return done.stdout

    def run(self, code: str) -> None:
        """Run Python in the clone's folder."""
        done = subprocess.run(
            [sys.executable, "-"],
            cwd=self.folder,
            env=self._environ(),
            input=code,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _environ(self) -> dict[str, str]:
        of_machine = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": str(self.folder)}
        of_tests = {
            "PYTHONPATH": str(self.package),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "MMSBATCH_HOURS": "off",
        }
        return of_machine | of_tests | self.environ

    def _filled(self, command: str) -> str:
        """Put what a person would into a command: an account, a number, a fingerprint, days."""
        printed = re.findall(r"fingerprint ([0-9a-f]{64})", self.told)
        today = datetime.now(ZoneInfo("Europe/Paris")).date()
        words = {
            "=…": "=demo",
            "NUMBER": "0612345678",
            "FINGERPRINT": printed[-1][:12] if printed else "none",
            "2026-11-23": f"{today}",
            "2026-11-25": f"{today + timedelta(days=2)}",
        }
        for word, meant in words.items():
            command = command.replace(word, meant)
        return command


def copied(folder: Path, *names: str) -> None:
    """Copy a part of the clone that the tests are in."""
    unwanted = shutil.ignore_patterns("__pycache__", "data", ".ipynb_checkpoints")
    for name in names:
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", folder)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """What runs mmsbatch, and where its package is."""
    package = tmp_path_factory.mktemp("clone")
    copied(package, "data/samples", "mmsbatch", "notebooks")
    # A socket's path must be short.
    with tempfile.TemporaryDirectory() as folder, forked(Path(folder), package) as client:
        yield client, package


@pytest.fixture
def clone(tmp_path: Path, program: tuple[str, Path]) -> Iterator[Clone]:
    """What the commands need of a clone, and files of one's own as the pages name them."""
    client, package = program
    copied(tmp_path, "data/samples", "notebooks")
    tools = tmp_path / "bin"
    tools.mkdir()
    stands_in = '#!/bin/sh\n[ "$1 $2" = "run mmsbatch" ] && shift 2\n'
    stands_in += "export UV_RUN_RECURSION_DEPTH=1\n"  # as uv does
    stands_in += f'exec {client} "$@"\n'
    for name, text in (("uv", stands_in), ("pip", "#!/bin/sh\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    numbers = [f"06 12 34 56 {last:02}" for last in range(90)]
    people = {"mobile": numbers, "prenom": "Anne", "optin_sms": "oui"}
    pd.DataFrame(people).to_csv(tmp_path / "export.csv", index=False)
    pd.DataFrame({"number": numbers[:2]}).to_csv(tmp_path / "stops.csv", index=False)
    with Sandbox() as gateway:
        yield Clone(tmp_path, package, gateway)


def exit_code(block: Block, command: str) -> int:
    """The exit code that the comment beside a command names; else 0."""
    ends = command.rsplit(maxsplit=1)[-1]
    beside = next(line for line in block.text.splitlines() if ends in line).partition("#")[2]
    named = re.search(r"exit code (\d)", beside)
    return int(named[1]) if named else 0


def ours(block: Block) -> list[str]:
    """The commands of a block that are run here. A marked block needs what it names."""
    runs = block.language == "sh" and not block.mark
    return [command for command in commands(block) if runs and OURS.search(command)]


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(ours, blocks(page)))])
def test_the_commands_of_a_page_run_as_they_are_pasted(page: str, clone: Clone) -> None:
    """One after the other, and print what the page shows."""
    if page != "README.md":  # which has been read before
        first = [command for block in blocks("README.md") for command in ours(block)]
        made = {
            "data/runs/demo": "uv run mmsbatch demo",
            "data/runs/noel-2026": next(command for command in first if " send " in command),
            "campaign.toml": "uv run mmsbatch init campaign.toml",
            "target=live": "export MMSBATCH_CLIENTCODE=… MMSBATCH_PASSCODE=…",
        }
        wanted = " ".join(command for block in blocks(page) for command in ours(block))
        for name, command in made.items():
            if name in wanted:
                clone.paste(command)
    for block in blocks(page):
        for command in ours(block):
            clone.paste(command, exit_code(block, command))
        if block.language == "text" and not block.mark:
            shown = [line.rstrip(" …") for line in block.text.splitlines()]
            assert [line for line in shown if line not in clone.told] == []


def test_the_next_steps_of_the_demo_run_as_they_are_pasted(clone: Clone) -> None:
    """What a newcomer does after the first command."""
    told = clone.paste("uv run mmsbatch demo").partition("Next, ")[2]
    steps = [line for line in told.splitlines() if line.startswith("  ")]
    assert len(steps) == 4
    for command in steps:
        clone.paste(command)


# ----- Python, campaign files and clients --------------------------------------------------------


def python(page: str) -> str:
    """The Python of a page; its names are those of the README's."""
    own = [block.text for block in blocks(page) if block.language == "python" and not block.mark]
    read = [] if page == "README.md" else [python("README.md")]
    return "\n".join(read + own)


@pytest.mark.parametrize("page", [page for page in PAGES if python(page)])
def test_the_python_of_a_page_runs(page: str, clone: Clone) -> None:
    """In the clone's folder, after the README's example."""
    if page == "README.md" or python(page) != python("README.md"):
        clone.run(python(page))


def test_python_that_needs_more_than_this_machine_calls_what_there_is() -> None:
    """Marked blocks: each call of ours takes the arguments that it is given."""
    marked = [block for block in every("python") if block.mark]
    calls = [
        call
        for block in marked
        for call in ast.walk(ast.parse(block.text))
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("mms.")
    ]
    for call in calls:
        function = getattr(mms, ast.unparse(call.func).removeprefix("mms."))
        given = {str(keyword.arg): None for keyword in call.keywords}
        inspect.signature(function).bind(*call.args, **given)
    assert len(calls) >= len(marked)


@pytest.mark.parametrize("block", every("toml"), ids=lambda block: block.page)
def test_files_as_the_pages_show_them_are_read(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign, faults, accounts: by the reader that the package has for them."""
    path = tmp_path / "shown.toml"
    path.write_text(block.text, encoding="utf-8")
    path.chmod(0o600)
    keys = set(tomllib.loads(block.text))
    if "account" in keys:
        monkeypatch.setenv("MMSBATCH_ACCOUNTS", str(path))
        assert len(mms.Accounts.from_env("live").each) == block.text.count("[[account]]")
    elif "fault" in keys:
        assert len(read_faults(path)) == block.text.count("[[fault]]")
    elif "live" in keys:
        monkeypatch.setenv("MMSBATCH_GATEWAY", str(path))
        text = mms.Campaign("c", mms.Text("Bonjour"))
        assert mms.as_read(text, live=True) != text
    else:
        mms.load_campaign(path)


@pytest.mark.parametrize("language", CLIENTS)
def test_the_sample_clients_reach_the_sandbox(language: str, sandbox: Sandbox) -> None:
    """In each language, as it is pasted: the gateway's answer, and what the API says of it."""
    if not shutil.which(CLIENTS[language][0]):
        pytest.skip(f"needs {language}")
    (sample,) = every(language)
    code = sample.text.replace("http://127.0.0.1:8025", sandbox.url)
    done = subprocess.run(
        CLIENTS[language], input=code, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer, _, told = done.stdout.partition("{")
    assert "Status=100" in answer
    assert json.loads("{" + told)["messages"][0]["message"] == "Bonjour"
    assert [sent.number for sent in sandbox.ledger] == ["33639980001"]


# ----- names, paths and links --------------------------------------------------------------------


def spans() -> list[str]:
    """What stands between backticks in a line, and the commands of blocks."""
    found = [span for page in PAGES for span in re.findall(r"`([^`]+)`", prose(page))]
    in_lines = [" ".join(span.split()) for span in found]
    return in_lines + [command for block in every("sh") for command in commands(block)]


def options(command: str) -> set[str]:
    """The options of a command."""
    known = typer.main.get_command(app).get_command(None, command)  # type: ignore[attr-defined]
    takes = {name for param in known.params for name in (*param.opts, *param.secondary_opts)}
    return takes | {"--help"}


DEVELOPERS = {"--full", "--slice", "--extra", "--all-extras", "--check", "--install-completion"}
"""Options of pytest, uv, ruff, and of mmsbatch before a command."""


def test_every_command_has_the_options_that_the_pages_give_it() -> None:
    """Those that stand alone are of some command."""
    known = {name: options(name) for name in COMMANDS}
    anywhere = DEVELOPERS.union(*known.values())
    wrong = []
    for span in spans():
        named = re.search(r"(?:^|&& )(?:uv run )?mmsbatch ([a-z-]+)", span)
        takes = known.get(named[1], set()) if named and named[1][0] != "-" else anywhere
        said = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", span))
        wrong += [span] if not takes or said - takes else []
    assert wrong == []


def test_every_name_of_ours_exists() -> None:
    """`mms.send`, `mms.plots.outcomes`: in sentences and in blocks."""
    dotted = set(re.findall(r"\bmms\.(?:plots\.)?[A-Za-z_]+", EVERYTHING))
    missing = []
    for name in dotted:
        found: object = mms
        for part in name.split(".")[1:]:
            found = getattr(found, part, None)
        missing += [name] if found is None else []
    assert missing == []


def test_every_file_that_a_page_names_is_there() -> None:
    """Of ours: code, tests, notebooks and samples, from the clone, the package or the page."""
    missing = []
    for page in PAGES:
        places = (ROOT, ROOT / "mmsbatch", (ROOT / page).parent)
        named = re.findall(r"(?<![\w/.~-])(?:[\w-]+/)+[\w-]+\.(?:py|ipynb|md)", PAGES[page])
        missing += [
            (page, path) for path in named if not any((place / path).exists() for place in places)
        ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_arrives(page: str) -> None:
    """At a file or folder of the clone, and at a heading of it."""
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        if path.startswith("https://"):
            continue
        arrived = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        named = arrived.relative_to(ROOT).as_posix()
        if not arrived.exists() or (anchor and anchor not in anchors(named)):
            lost.append(target)
    assert lost == []
