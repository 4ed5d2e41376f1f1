"""A run's folder: what is in it, and how it is made."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from string import ascii_lowercase
from typing import Final, Self

from mmsbatch import files, hints, times
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.file import dump_campaign, load_campaign
from mmsbatch.errors import (
    InputError,
    MmsbatchError,
    RunError,
    kind_of,
    nearest,
)
from mmsbatch.files import __version__, digests
from mmsbatch.gateway.account import Target
from mmsbatch.journal import lock
from mmsbatch.journal.address import Address
from mmsbatch.journal.facts import Fact, FactKind
from mmsbatch.journal.location import JournalLocation, folder_held, journal_of
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.plan_files import FINGERPRINT, read_plan, write_plan
from mmsbatch.runs.mirror import Mirror, is_url

SCHEMA_VERSION: Final = "1"
"""Of the Parquet files; raised when a column changes its meaning."""

_MARKS: Final = ("journal.sqlite", "journal.json", "plan.parquet")
"""A folder with one of these is a run, or part of one."""

_LONGEST_NAME: Final = 200
"""Bytes; 255 are allowed, and the folder is first made under a longer name."""
_TOKEN_LETTERS: Final = 24
"""112 bits."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    ``plan.parquet`` (never changed), ``campaign.toml``, ``journal.sqlite`` (the facts),
    ``results.parquet`` and ``requests.parquet`` (rebuilt from them), ``writer.lock``.
    The folder is readable by its owner only.
    """

    path: Path
    address: Address | None = field(default=None, repr=False, compare=False)
    """Of the database that the journal is in, or is to be made in, if not in the folder."""
    mirror: Mirror | None = field(default=None, repr=False, compare=False)
    """Of a run at a URL; `path` is then where its copies are."""

    @classmethod
    def at(cls, given: str | os.PathLike[str], journal: str | None = None) -> Self:
        """Take a run's folder as a caller gives it: a path (``~`` is the home folder) or a URL.

        Parameters
        ----------
        given
            The folder.
        journal
            The address of the database for its journal; without it, ``MMSBATCH_JOURNAL`` is.

        Raises
        ------
        InputError
            It is no path, or its name is too long for a folder.
        """
        if not isinstance(given, str | os.PathLike):
            raise InputError(f"a run is given by its folder, not by {kind_of(given)}")
        return cls.of(given, Address.read(journal))

    @classmethod
    def of(cls, given: str | os.PathLike[str], address: Address | None) -> Self:
        """Take a run's folder, with the address of its journal."""
        if is_url(given):
            mirror = Mirror(str(given))
            return cls(mirror.path, address, mirror)
        path = Path(given).expanduser()
        if len(os.fsencode(path.name)) > _LONGEST_NAME:
            raise RunError(
                f"the run's name has {len(path.name)} characters: a folder's name has at most "
                f"{_LONGEST_NAME} bytes here. Give a shorter one as {hints.option('run')}"
            )
        return cls(path, address)

    @property
    def place(self) -> str | Path:
        """The folder as a person would write it."""
        return self.mirror.url if self.mirror else self.path

    @property
    def name(self) -> str:
        """The run's name: the folder's."""
        return self.path.resolve().name

    @property
    def plan_path(self) -> Path:
        """Which row has a place in which request, with the contacts' own columns."""
        return self._here("plan.parquet")

    @property
    def campaign_path(self) -> Path:
        """What is sent."""
        return self._here("campaign.toml")

    @property
    def journal(self) -> JournalLocation:
        """Where the facts are."""
        self._here("journal.json")
        return journal_of(self.path, self.address)

    @property
    def results_path(self) -> Path:
        """One outcome per row."""
        return self._here("results.parquet")

    @property
    def requests_path(self) -> Path:
        """One row per attempt."""
        return self._here("requests.parquet")

    @property
    def executions_path(self) -> Path:
        """An empty file for each execution, so that an older journal is known for one."""
        return self._here("executions")

    @property
    def erasing_path(self) -> Path:
        """Where `forget` makes the files anew; nothing in it counts yet."""
        return self.path / ".erasing"

    @property
    def erased_path(self) -> Path:
        """The same folder once all is made: its files are to take the places of the old ones."""
        return self.path / ".erased"

    def exists(self) -> bool:
        """Return whether there is a run in the folder."""
        if self.mirror:
            return {"journal.json", "plan.parquet"} <= self.mirror.names()
        return self.journal.exists() and self.plan_path.exists()

    def load_plan(self) -> Plan:
        """Read the plan back.

        Raises
        ------
        RunError
            The folder holds no run, or its plan is not the one that was written.
        """
        self.check_exists()
        plan, metadata = read_plan(self.plan_path, self._load_campaign())
        written = metadata.get(FINGERPRINT)
        if written != plan.fingerprint:
            raise RunError(
                f"{self.place}: plan.parquet and campaign.toml do not give the plan that was "
                f"written (fingerprint {plan.fingerprint}, written {written}): one of them was "
                "changed; restore the folder from a copy"
            )
        return plan

    def facts(self, first: int | None = None) -> list[Fact]:
        """Read the facts, or the first so many; nothing in the folder is written.

        Raises
        ------
        RunError
            The journal cannot be read.
        """
        return self.journal.facts(first)

    def siblings(self) -> list[RunFolder]:
        """Return the other runs in the same folder of runs, those copied in part among them.

        A name with a dot is of a run that is being made, or never was: nothing of it was sent.
        """
        if self.mirror:
            beside = [RunFolder.of(url, self.address) for url in self.mirror.beside()]
            return [run for run in beside if run.exists()]
        here = self.path.resolve()
        paths = {path.parent for name in _MARKS for path in here.parent.glob(f"[!.]*/{name}")}
        # A link to this very folder is no other run.
        return [RunFolder(path, self.address) for path in sorted(paths) if path.resolve() != here]

    def check_exists(self) -> None:
        """Make sure that there is a run in the folder, and not one half of which is replaced."""
        if self.erased_path.exists():
            raise RunError(
                f"{self.place}: erasing a person was broken off half-way: "
                f"finish it with `{hints.forget('NUMBER', self.place)}`, for the same number"
            )
        if self.exists():
            return
        if self.mirror:
            raise RunError(f"{self.place} holds no run (no plan.parquet and journal.json)")
        within = RunFolder(self.path / "run").siblings() if self.path.is_dir() else []
        if within:
            listed = ", ".join(str(run.path) for run in within)
            raise RunError(f"{self.place} is a folder of runs, not a run. Its runs are {listed}")
        beside = [run.name for run in self.siblings()] if self.path.parent.is_dir() else []
        hint = f"{nearest(self.name, beside)} Beside it are {', '.join(beside)}" if beside else ""
        if not self.path.exists():
            raise RunError(f"{self.place} does not exist.{hint}")
        raise RunError(f"{self.place} holds no run (no plan.parquet and journal.sqlite).{hint}")

    def metadata(self, plan: Plan, identity: str | None) -> dict[str, str]:
        """Return what every Parquet file of the run says of itself.

        Parameters
        ----------
        plan, identity
            Of the run; None is of a run that was begun before there was an identity.
        """
        return {
            **({"mmsbatch.identity": identity} if identity else {}),
            "mmsbatch.schema_version": SCHEMA_VERSION,
            "mmsbatch.run": self.name,
            "mmsbatch.campaign": json.dumps(plan.campaign.canonical(), ensure_ascii=False),
            FINGERPRINT: plan.fingerprint,
            "mmsbatch.package_version": __version__,
        }

    def create(self, plan: Plan, target: Target, *, again: str = "", test: bool = False) -> bool:
        """Make the folder for a plan, whole or not at all.

        Parameters
        ----------
        plan, target
            What is sent, on which gateway.
        again
            The run by which the same was just sent, if that was meant.
        test
            Whether it is for one's own phones, and counts with no other run.

        Returns
        -------
        bool
            False if another process has made a run there first.

        Raises
        ------
        RunError
            Something else is there, or the place cannot be written to.
        """
        if self.mirror and self.address is None:
            raise RunError(
                f"{self.place} is a URL, where SQLite cannot keep a journal: keep it in PostgreSQL "
                f"({hints.option('journal', 'postgresql+psycopg://…')}), or give a folder of this "
                f"machine as {hints.option('run')}"
            )
        if self.names():
            if self.exists():
                return False
            raise RunError(
                f"{self.place} exists and holds something else: give another folder as "
                f"{hints.option('run')}"
            )
        beside: Path | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # mkdtemp makes it 0700. Filled beside and renamed: a crash leaves no half run.
            beside = Path(tempfile.mkdtemp(dir=self.path.parent, prefix=f".{self.path.name}."))
            made = RunFolder(beside, self.address)
            identity = token()
            write_plan(plan, made.plan_path, self.metadata(plan, identity))
            files.replace_text(made.campaign_path, dump_campaign(plan.campaign))
            with made.journal.create(identity) as journal:
                journal.append(
                    FactKind.OPENED,
                    at=times.utc_now(),
                    data={
                        "campaign": plan.campaign.name,
                        "files": digests(made.plan_path, made.campaign_path),
                        "fingerprint": plan.fingerprint,
                        "identity": identity,
                        "inodes": made.journal.inodes(),
                        "package_version": __version__,
                        "requests": plan.requests,
                        "rows": plan.size,
                        "target": target.value,
                        **({"again": again} if again else {}),
                        **({"test": True} if test else {}),
                    },
                )
            beside.rename(self.path)
            files.sync_folder(self.path.parent)
            if not self._put_first():
                self.journal.discard()
                rmtree(self.path)
                return False
        except (OSError, MmsbatchError) as error:
            if beside is not None:
                with suppress(MmsbatchError):
                    RunFolder(beside, self.address).journal.discard()
                rmtree(beside, ignore_errors=True)
            if self.exists():  # the name was taken meanwhile, by a run that is whole
                return False
            raise RunError(f"{self.place} cannot be made: {error}") from None
        return True

    def names(self) -> set[str]:
        """Return the names of what is in the folder."""
        if self.mirror:
            return self.mirror.names()
        return {path.name for path in self.path.iterdir()} if self.path.is_dir() else set()

    def put(self, name: str) -> None:
        """Bring a file or a folder of the run to where the run is; of a local one it is there."""
        if self.mirror:
            self.mirror.put(name)

    def _put_first(self) -> bool:
        """Bring a run that was made to its URL; return False if another process was faster."""
        if not self.mirror:
            return True
        if not self.mirror.put_first("journal.json"):
            return False
        try:
            for name in ("campaign.toml", "plan.parquet"):  # with the plan it is a run
                self.mirror.put(name)
        except RunError:
            self.mirror.remove("journal.json")
            raise
        return True

    def _here(self, name: str) -> Path:
        if self.mirror:
            self.mirror.fetch(name)
        return self.path / name

    def alone_beside(self) -> AbstractContextManager[None]:
        """Be the one process that makes a run in this folder of runs; see `lock.folder_held`."""
        if self.mirror and self.address:
            return folder_held(self.address, self.mirror.url.rpartition("/")[0])
        return lock.folder_held(self.path)

    def check_opened_for(self, plan: Plan, facts: Sequence[Fact]) -> None:
        """Make sure that facts are about this plan, and not one that was replaced meanwhile.

        Raises
        ------
        RunError
            The run was opened for another plan.
        """
        opened = next((fact for fact in facts if fact.kind is FactKind.OPENED), None)
        if opened is not None and opened.data.get("fingerprint") != plan.fingerprint:
            raise RunError(
                f"{self.place}: the journal was opened for another plan (fingerprint "
                f"{opened.data.get('fingerprint')}, plan.parquet has {plan.fingerprint}). If "
                f"`{hints.verify(self.place)}` says so too, restore the folder from a copy"
            )

    def record_written(self, facts: Sequence[Fact]) -> None:
        """Record which derived files were written, unless the last such fact says the same.

        After the files, never before: if a crash comes between the two, `verify` says that they
        are not the recorded ones, and writing them again settles it.
        """
        files = digests(self.results_path, self.requests_path)
        last = next((fact for fact in reversed(facts) if fact.kind is FactKind.WRITTEN), None)
        if last is None or last.data.get("files") != files:
            with self.journal.open() as journal:
                journal.append(FactKind.WRITTEN, at=times.utc_now(), data={"files": files})

    def writer(self, *, with_workers: bool = False) -> AbstractContextManager[None]:
        """Be the one process that writes to the run; see `JournalLocation.writer`."""
        return self.journal.writer(with_workers=with_workers)

    def being_written(self) -> bool:
        """Return whether a process sends this run now."""
        return self.journal.being_written()

    def _load_campaign(self) -> Campaign:
        try:
            return load_campaign(self.campaign_path)
        except InputError as error:
            raise RunError(f"{self.place}: {error}") from None


def token() -> str:
    """Return a random word: of letters, so that it never holds what looks like a phone number."""
    return "".join(secrets.choice(ascii_lowercase) for _ in range(_TOKEN_LETTERS))
