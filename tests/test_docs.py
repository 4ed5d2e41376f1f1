"""The README cannot lie: its commands exist, its tables are the code's, its numbers are fiction."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

import mmsbatch as mms
from conftest import ROOT
from forked_commands import commands
from mmsbatch.cli import app
from mmsbatch.frames import MMS_TYPES
from mmsbatch.phones.problems import PROBLEMS, REPAIRS
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.report import BAD_INPUT, DONE, IN_DOUBT, STOPPED
from mmsbatch.sandbox import Sandbox
from phone_differences import DIFFERENCES

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
    for name in ("URL", "CLIENTCODE", "PASSCODE", "ALLOW_HTTP", "ACCOUNTS"):
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


def shell_commands() -> list[str]:
    """Return the commands of the README that need no live account, as one pastes them.

    A block that says ``live`` needs one; a command without mmsbatch in it is for developers.
    """
    blocks = [block for block in README.split("```")[1::2] if block.startswith("sh\n")]
    tried = [block for block in blocks if "--live" not in block and "target=live" not in block]
    lines = "".join(block.removeprefix("sh\n").replace("\\\n", " ") for block in tried)
    return [line for line in lines.splitlines() if re.search(r"^[^#]*\bmmsbatch\b", line)]


def pasted(command: str, folder: Path, program: str) -> str:
    """Run a command in a clone, as a person does who has only uv; give what it prints.

    `uv` and `pip` are `program` and nothing. Nothing else is on the path, so a bare
    `mmsbatch` is not found here either.
    """
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    stands_in = '#!/bin/sh\n[ "$1 $2" = "run mmsbatch" ] && shift 2\n'
    stands_in += "export UV_RUN_RECURSION_DEPTH=1\n"  # as uv does
    stands_in += f'exec {program} "$@"\n'
    for name, text in (("uv", stands_in), ("pip", "#!/bin/sh\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    environ = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder)}
    words = ["sh", "-c", command]
    done = subprocess.run(
        words, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What mmsbatch is in a clone; its socket lies elsewhere, where paths are short."""
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "data" / "samples", clone / "data" / "samples")
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mmsbatch", clone / "mmsbatch", ignore=unwanted)
    with tempfile.TemporaryDirectory() as folder, commands(Path(folder), clone) as client:
        yield client


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the commands find in a clone, and may change."""
    shutil.copytree(ROOT / "data" / "samples", tmp_path / "data" / "samples")
    return tmp_path


def test_the_commands_of_the_readme_run_as_they_are_pasted(clone: Path, program: str) -> None:
    """One after the other, in a clone, on the samples and the sandbox."""
    lines = shell_commands()
    assert len(lines) >= 12
    for line in lines:
        pasted(line, clone, program)


def test_the_next_steps_of_the_demo_run_as_they_are_pasted(clone: Path, program: str) -> None:
    """What a newcomer does after the first command."""
    told = pasted("uv run mmsbatch demo", clone, program).partition("Next, ")[2]
    lines = [line for line in told.splitlines() if line.startswith("  ")]
    assert len(lines) == 4
    for line in lines:
        pasted(line, clone, program)


CLIENTS = {"bash": ["bash", "-e"], "php": ["php"], "py": [sys.executable]}


@pytest.mark.parametrize("language", CLIENTS)
def test_the_sample_clients_reach_the_sandbox(language: str, sandbox: Sandbox) -> None:
    """In each language, as it is pasted: the gateway's answer, and what the API says of it."""
    if not shutil.which(CLIENTS[language][0]):
        pytest.skip(f"needs {language}")
    (sample,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    code = sample.replace("http://127.0.0.1:8025", sandbox.url)
    done = subprocess.run(
        CLIENTS[language], input=code, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer, _, told = done.stdout.partition("{")
    assert "Status=100" in answer
    assert json.loads("{" + told)["messages"][0]["message"] == "Bonjour"
    assert [sent.number for sent in sandbox.ledger] == ["33639980001"]
