"""A campaign's schedule as the files that cron, systemd or Airflow take. Pure.

The texts are in ``templates/``; the recipes in ``notebooks/recipes`` are what they give.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mmsbatch.notebook.parameters import as_template
from mmsbatch.scheduling import quoting
from mmsbatch.scheduling.weekly import Weekly

KINDS: Final = ("cron", "systemd", "airflow")
_TEMPLATES: Final = Path(__file__).parent / "templates"
_UNITS: Final = (".service", "-failed.service", ".timer")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A campaign that recurs: what is run, when, where, and who is told if it does not end well.

    Parameters
    ----------
    campaign
        The campaign's name.
    at
        Days and time.
    program
        The words that start mmsbatch, whatever the path of commands is.
    notebook
        The campaign notebook's file, for Airflow.
    home
        The folder it runs in, absolute.
    runs
        The folder of the runs, absolute or seen from `home`.
    environ
        The file with the credentials, absolute.
    parameters
        What the notebook is given, without the day; paths as seen from `home`.
    mail
        Who is told; None: whom the scheduler mails to by itself.
    owner
        The account that it runs as.
    as_user
        Whether that account's own systemd runs it, and not the machine's.
    """

    campaign: str
    at: Weekly
    program: tuple[str, ...]
    notebook: str
    home: str
    runs: str
    environ: str
    parameters: Mapping[str, Any]
    mail: str | None
    owner: str
    as_user: bool = False

    @property
    def name(self) -> str:
        """What units, files and log lines are called: ASCII, without blanks."""
        ascii_only = unicodedata.normalize("NFKD", self.campaign).encode("ascii", "ignore").decode()
        plain = re.sub("[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
        return f"mmsbatch-{plain or 'campaign'}"

    @property
    def live(self) -> bool:
        """Whether it reaches people."""
        return bool(self.parameters.get("target") == "live")

    @property
    def words(self) -> list[str]:
        """The parameters as the command takes them, without the day."""
        return [f"{name}={value}" for name, value in self.parameters.items()]

    def files(self, kind: str) -> dict[str, str]:
        """Return the recipe for one of `KINDS`: each file's text by its name.

        Raises
        ------
        InputError
            Something in it cannot be written for this scheduler.
        """
        if kind == "cron":
            return {f"{self.name}.crontab": self._written("crontab")}
        if kind == "airflow":
            return {f"{self.name.replace('-', '_')}.py": self._written("dag.py")}
        return {self.name + unit: self._written(f"unit{unit}") for unit in _UNITS}

    def _written(self, template: str) -> str:
        return _environment().get_template(f"{template}.jinja").render(it=self)


@cache
def _environment() -> Environment:
    made = Environment(  # noqa: S701  (no HTML: each value is quoted by a filter of its own)
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "sh": quoting.sh,
        "cron": quoting.cron,
        "setting": quoting.systemd_setting,
        "files": quoting.systemd_files,
        "word": quoting.systemd_word,
        "python": quoting.python,
        "papermill": as_template,
        "airflow": quoting.airflow,
        "joined": lambda text: " ".join(text.split("\n")).strip(),
    }
    return made
