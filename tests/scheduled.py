"""A folder for a campaign that recurs, its recipes, and programs that stand in for a machine's."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from typer.testing import CliRunner, Result

from conftest import fictional
from mmsbatch.cli import app

PROGRAMS = Path(sys.executable).parent
"""Where this interpreter's mmsbatch is."""
CAMPAIGN = 'name = "weekly"\nkind = "text"\nmessage = "Bonjour"\n'


def schedule(*words: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(app, ["schedule", *words])


@dataclass
class Home:
    """A folder with contacts, a campaign and credentials."""

    path: Path

    @property
    def environ_file(self) -> Path:
        """The credentials, for the owner only."""
        return self.path / "env"

    def fill(self, campaign: str = CAMPAIGN, rows: int = 300) -> None:
        """Write contacts and a campaign."""
        contacts = pd.DataFrame({"mobile": fictional(rows)})
        contacts.to_csv(self.path / "contacts.csv", index=False)
        (self.path / "weekly.toml").write_text(campaign, encoding="utf-8")

    def write_credentials(self, url: str, passcode: str) -> None:
        """Write the file that cron sources and systemd reads."""
        self.environ_file.write_text(f"MMSBATCH_URL={url}\nMMSBATCH_PASSCODE='{passcode}'\n")
        self.environ_file.chmod(0o600)

    def recipe(self, kind: str, *words: str) -> dict[str, str]:
        """Return the files of the recipe that the command writes for this folder."""
        files = self.path / f"recipe-{kind}"
        given = [str(self.path / "weekly.toml"), "--contacts", str(self.path / "contacts.csv")]
        given += ["--home", str(self.path), "--as", kind, "--out", str(files)]
        given += [] if kind == "airflow" else ["--env", str(self.environ_file)]
        done = schedule(*given, *words)
        assert done.exit_code == 0, done.output
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(files.iterdir())}


def as_read_by_cron(command: str) -> str:
    r"""Read a command as cron does: an unescaped percent sign ends it, ``\%`` is one.

    Crons differ on a backslash behind a backslash, so that there must be none before either.
    """
    assert not re.search(r"(?<!\\)%|\\\\", command)
    assert len(command.encode()) <= 998
    return command.replace(r"\%", "%")


def crontab_of(text: str) -> tuple[dict[str, str], str, str]:
    """Return a crontab's variables, the five fields of its one line, and the command as it runs."""
    lines = text.splitlines()
    variables = dict(line.split("=", 1) for line in lines if re.match("[A-Z_]+=", line))
    (line,) = (line for line in lines if line[:1].isdigit())
    fields = line.split(maxsplit=5)
    return variables, " ".join(fields[:5]), as_read_by_cron(fields[5])


def setting(unit: str, name: str, default: str = "") -> str:
    """Return a setting of a systemd unit that is taken whole."""
    lines = unit.splitlines()
    found = (line[len(name) + 1 :] for line in lines if line.startswith(f"{name}="))
    return next(found, default).replace("%%", "%")


def command_of(unit: str) -> list[str]:
    """Return the words of a unit's ExecStart, as systemd reads them.

    Its double quotes are a shell's, but that percent and dollar signs are doubled.
    """
    (line,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    written = line.removeprefix("ExecStart=")
    assert not re.search(r"(?<!%)(%%)*%(?!%)|(?<!\$)(\$\$)*\$(?!\$)", written)
    words = shlex.split(written.replace("$$", "\\$").replace("%%", "%"))
    return [word.replace("\\$", "$") for word in words]


@dataclass
class Programs:
    """Programs that write down how they were called, in a folder for the path of commands."""

    path: Path

    def add(self, name: str, does: str = "cat >/dev/null") -> None:
        """Add one: it notes its words, then does something."""
        self.path.mkdir(exist_ok=True)
        noted = shlex.quote(str(self.path / f"{name}.called"))
        script = f'#!/bin/sh\nprintf "%s\\n" "$*" >>{noted}\n{does}\n'
        (self.path / name).write_text(script, encoding="utf-8")
        (self.path / name).chmod(0o755)

    def add_listener(self, name: str) -> None:
        """Add one that notes what it is given to read, too."""
        self.add(name, f"cat >>{shlex.quote(str(self.path / f'{name}.read'))}")

    def called(self, name: str) -> list[str]:
        """Return the words of each call."""
        noted = self.path / f"{name}.called"
        return noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []

    def read(self, name: str) -> str:
        """Return what it was given to read."""
        return (self.path / f"{name}.read").read_text(encoding="utf-8")

    def environ(self, **more: Any) -> dict[str, str]:
        """Return an environment in which they are found first."""
        return {"PATH": f"{self.path}:/usr/bin:/bin", **more}
