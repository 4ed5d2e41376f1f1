"""What a first message has shown of how the gateway reads: a file that every command finds.

The gateway's document leaves open how bytes are read and what a line break is (§1.1, §1.3). What a
person saw on a phone is written down once, for people and for the sandbox apart.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Final

from mmsbatch import files
from mmsbatch.campaign.campaign import ENCODINGS, NEWLINES, Campaign
from mmsbatch.errors import CampaignError, nearest

VARIABLE: Final = "MMSBATCH_GATEWAY"
_KEYS: Final = {"encoding": ENCODINGS, "newline": NEWLINES}
_TARGETS: Final = ("live", "sandbox")


def readings_path() -> Path:
    """Return where the file is: as ``MMSBATCH_GATEWAY`` says, else among the user's settings."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "mmsbatch" / "gateway.toml"


def read_readings(*, live: bool) -> dict[str, str]:
    """Return what is known: ``encoding`` and ``newline``; nothing if no trial has been made.

    Raises
    ------
    CampaignError
        The file cannot be read, or holds what it should not; names the key.
    """
    path = readings_path()
    found = _read(path).get(_TARGETS[0] if live else _TARGETS[1], {})
    for key, value in found.items():
        if key not in _KEYS:
            raise CampaignError(
                f"{path}: unknown key {key!r}; there are {', '.join(_KEYS)}.{nearest(key, _KEYS)}"
            )
        if value not in _KEYS[key]:
            words = " or ".join(map(repr, _KEYS[key]))
            raise CampaignError(f"{path}: {key} must be {words}, found {value!r}")
    return found


def write_readings(readings: dict[str, str], *, live: bool) -> Path:
    """Write down what a trial has shown; what is known of the other target stays.

    Raises
    ------
    RunError
        The file cannot be written.
    """
    path = readings_path()
    known = _read(path) | {_TARGETS[0] if live else _TARGETS[1]: readings}
    lines = ["# What a first message has shown of how the gateway reads."]
    for target in _TARGETS:
        if found := known.get(target):
            lines += ["", f"[{target}]", *(f'{key} = "{value}"' for key, value in found.items())]
    text = "\n".join(lines) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path


def as_read(campaign: Campaign, *, live: bool) -> Campaign:
    """Return a campaign as the gateway reads it.

    Parameters
    ----------
    campaign
        What it says itself of encoding and newline, other than usual, stays.
    live
        Which gateway: a trial may have shown how it reads.

    Raises
    ------
    CampaignError
        The file of readings holds what it should not.
    """
    known = read_readings(live=live)
    if campaign.encoding != ENCODINGS[0] or campaign.newline != NEWLINES[0]:
        return campaign
    return replace(campaign, **known) if known else campaign  # type: ignore[arg-type]


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CampaignError(f"{path} cannot be read ({error}): correct it, or remove it") from None
    strange = [name for name in found if name not in _TARGETS or not isinstance(found[name], dict)]
    if strange:
        raise CampaignError(
            f"{path}: {strange[0]!r} is no table of it; there are [live] and [sandbox]"
        )
    return found
