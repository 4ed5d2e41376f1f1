"""What a first message has shown of how the gateway reads: a file that every command finds.

The gateway's document leaves open how bytes are read and what a line break is (§1.1, §1.3). What a
person saw on a phone is written down once, for people and for the sandbox apart.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mmsbatch import files
from mmsbatch.campaign.campaign import ENCODINGS, NEWLINES, PREFIXES, Campaign, prefix_rules
from mmsbatch.errors import CampaignError, nearest

VARIABLE: Final = "MMSBATCH_GATEWAY"
_LONGEST_S: Final = 600


def _one_of(words: Sequence[str]) -> tuple[Callable[[object], bool], str]:
    return words.__contains__, " or ".join(map(repr, words))


def _is_time_out(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value <= _LONGEST_S  # type: ignore[operator]


_KEYS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "encoding": _one_of(ENCODINGS),
    "newline": _one_of(NEWLINES),
    "prefixes": (lambda value: not [*prefix_rules(value)], 'a list of "6" and "7"'),
    "connect_timeout_s": (_is_time_out, f"above 0 and at most {_LONGEST_S} seconds"),
    "read_timeout_s": (_is_time_out, f"above 0 and at most {_LONGEST_S} seconds"),
}
_OF_CAMPAIGN: Final = ("encoding", "newline", "prefixes")
_TARGETS: Final = ("live", "sandbox")


def readings_path() -> Path:
    """Return where the file is: as ``MMSBATCH_GATEWAY`` says, else among the user's settings."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "mmsbatch" / "gateway.toml"


def read_readings(*, live: bool) -> dict[str, Any]:
    """Return what is known of the gateway; nothing if no trial has been made.

    Returns
    -------
    dict
        Some of ``encoding`` and ``newline``, which a trial writes, and of what only a person does:
        ``prefixes`` (first digits of the national numbers that the gateway takes),
        ``connect_timeout_s`` and ``read_timeout_s``.

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
        is_one, needed = _KEYS[key]
        if not is_one(value):
            raise CampaignError(f"{path}: {key} must be {needed}, found {value!r}")
    return found


def write_readings(readings: dict[str, str], *, live: bool) -> Path:
    """Write down what a trial has shown; what else is known stays.

    Raises
    ------
    RunError
        The file cannot be written.
    """
    path = readings_path()
    known, target = _read(path), _TARGETS[0] if live else _TARGETS[1]
    known[target] = known.get(target, {}) | readings
    lines = ["# What a first message has shown of how the gateway reads."]
    for target in _TARGETS:
        if found := known.get(target):
            lines += ["", f"[{target}]"]
            lines += [f"{key} = {json.dumps(value)}" for key, value in found.items()]
    text = "\n".join(lines) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace_text(path, text)
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
        known = known | {"encoding": campaign.encoding, "newline": campaign.newline}
    if campaign.prefixes != PREFIXES:
        known = known | {"prefixes": campaign.prefixes}
    found = {key: value for key, value in known.items() if key in _OF_CAMPAIGN}
    return replace(campaign, **found) if found else campaign


def _read(path: Path) -> dict[str, dict[str, Any]]:
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
