"""A plan saved for another person to look at, before anybody sends it.

The folder holds the plan itself and what it was made from, so that sending can make it again and
compare: what was approved is what is sent. Only people who objected since are taken out unasked.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from getpass import getuser
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from mmsbatch import files, hints, times
from mmsbatch.campaign.file import dump_campaign, load_campaign
from mmsbatch.display import Block, Document, ShowsItself, joined
from mmsbatch.errors import PlanError, RunError
from mmsbatch.files import __version__, digests
from mmsbatch.planning.contents import plan_columns
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.plan_files import FINGERPRINT, read_plan, write_plan
from mmsbatch.planning.preview import preview

_PLAN: Final = "plan.parquet"
_CAMPAIGN: Final = "campaign.toml"
_MADE: Final = "saved.json"
_VERSION: Final = 1


@dataclass(frozen=True, repr=False)
class SavedPlan(ShowsItself):
    """A plan in a folder, with what it was made from.

    Parameters
    ----------
    path
        The folder; readable by its owner only.
    plan
        What will be sent to whom.
    sources
        What it was made from: the words of the command, as plain values.
    at, by
        When, and by whom on which machine.
    """

    path: Path
    plan: Plan
    sources: Mapping[str, Any]
    at: datetime
    by: str
    cost: str = ""
    """What it will cost, as it was known then, in words."""

    @classmethod
    def save(
        cls,
        plan: Plan,
        path: str | os.PathLike[str],
        sources: Mapping[str, Any] | None = None,
        cost: str = "",
    ) -> Self:
        """Save a plan in a new folder, with what it was made from and what it will cost.

        Raises
        ------
        PlanError
            Something is there already.
        RunError
            The folder cannot be made or written.
        """
        folder = Path(path).expanduser()
        if folder.exists():
            raise PlanError(
                f"{folder} exists: give a new folder as {hints.option('save')}, or remove it"
            )
        saved = cls(folder, plan, dict(sources or {}), times.utc_now(), _somebody(), cost)

        def fill(place: Path) -> None:
            write_plan(plan, place / _PLAN, {FINGERPRINT: plan.fingerprint})
            (place / _CAMPAIGN).write_text(dump_campaign(plan.campaign), encoding="utf-8")
            made = {
                "version": _VERSION,
                "package_version": __version__,
                "at": saved.at.isoformat(timespec="seconds"),
                "by": saved.by,
                "fingerprint": plan.fingerprint,
                "files": digests(place / _PLAN, place / _CAMPAIGN),
                "sources": saved.sources,
                **({"cost": cost} if cost else {}),
            }
            text = json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True)
            (place / _MADE).write_text(f"{text}\n", encoding="utf-8")

        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{folder} cannot be made: {error}") from None
        files.replace_folder(folder, fill)
        return saved

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a saved plan.

        Raises
        ------
        PlanError
            The folder holds none, one of a newer version, or one that was changed.
        """
        folder = Path(path).expanduser()
        try:
            made = json.loads((folder / _MADE).read_text(encoding="utf-8"))
            if made["version"] > _VERSION:
                raise PlanError(
                    f"{folder} was saved by a newer mmsbatch ({made['package_version']}): "
                    f"{hints.UPGRADE}"
                )
            found = digests(folder / _PLAN, folder / _CAMPAIGN)
            if changed := sorted(
                name
                for name in found.keys() | made["files"].keys()
                if found.get(name) != made["files"].get(name)
            ):
                raise PlanError(
                    f"{folder / changed[0]} is not the file that was saved: save the plan anew, "
                    "and have it looked at again"
                )
            plan, _ = read_plan(folder / _PLAN, load_campaign(folder / _CAMPAIGN))
            at = datetime.fromisoformat(made["at"])
            by, cost = str(made["by"]), str(made.get("cost", ""))
            return cls(folder, plan, made["sources"], at, by, cost)
        except (OSError, ValueError, KeyError, TypeError, RunError) as error:
            raise PlanError(
                f"{folder} holds no plan that was saved ({error}): "
                f"`{hints.program()} plan … {hints.option('save', folder)}` makes one"
            ) from None

    @property
    def fingerprint(self) -> str:
        """What the person who looks at it confirms."""
        return self.plan.fingerprint

    def checked(self, again: Plan) -> Plan:
        """Return what is to be sent, given the same plan made again from its sources.

        Parameters
        ----------
        again
            Made now from the contacts, the campaign and the suppression lists as they are.

        Returns
        -------
        Plan
            `again`: the plan that was saved, without those who objected since.

        Raises
        ------
        PlanError
            Anything else has changed; says what.
        """
        if again.fingerprint == self.fingerprint or self.objected_since(again) is not None:
            return again
        raise PlanError(
            f"what {self.path} was made from has changed since {times.in_paris(self.at)}: "
            f"{self.plan.difference(again)}. Save the plan anew, and have it looked at again"
        )

    def objected_since(self, again: Plan) -> int | None:
        """Count the recipients who came on a suppression list since; None if more has changed."""
        mine, its = self.plan.campaign.canonical(), again.campaign.canonical()
        if mine != its or len(self.plan.parts) != len(again.parts):
            return None
        objected = 0
        needed = ["mms_e164", "mms_problem", *plan_columns(again.campaign)]
        for old, new in zip(self.plan.parts, again.parts, strict=True):
            before, after = (_texts(part.frame(needed)) for part in (old, new))
            if len(before) != len(after):
                return None
            listed = (
                (after["mms_problem"] == "suppressed")
                & (after["mms_message"] == "")
                & (after["mms_e164"] == before["mms_e164"])
            )
            if not ((before == after).all(axis=1) | listed).all():
                return None
            objected += int(np.count_nonzero(listed & (before["mms_problem"] == "")))
        return objected

    def document(self) -> Document:
        """Show who saved what, and the plan, numbers masked."""
        sources = ", ".join(
            f"{name.replace('_', ' ')} {' '.join(value) if isinstance(value, list) else value}"
            for name, value in self.sources.items()
            if name != "live" and value not in (None, [], "")
        )
        saved = Block("saved", (f"{times.in_paris(self.at)} by {self.by}", str(self.path)))
        target = "people (live)" if self.sources.get("live") else "the sandbox"
        made = Block("made from", (sources or "not recorded",))
        whom = Block("for", (target,))
        cost = Block("cost", (self.cost or "not known: no earlier run beside it has shown it",))
        return joined(
            (
                Document((saved, whom, made, cost)),
                self.plan.document(),
                preview(self.plan).document(),
            )
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures of the plan, and who saved it, as plain values."""
        return {
            **self.plan.to_json(),
            "path": str(self.path),
            "saved_at": self.at.isoformat(),
            "saved_by": self.by,
            "cost": self.cost or None,
            "sources": dict(self.sources),
        }


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype("object").where(frame.notna(), "").astype("str").reset_index(drop=True)


def _somebody() -> str:
    try:
        return f"{getuser()} on {socket.gethostname()}"
    except (OSError, KeyError):
        return socket.gethostname()
