"""Campaigns as TOML files: reading (which opens the file) and writing (which only makes the text).

The keys are §1.2's fields::

    name = "noel-2026"
    kind = "text"                    # or image, video, sound, sound+image
    message = "Bonjour {{ prenom }}"
    image = "http://www.…/noel.jpg"  # or {url = "…", bytes = 52000}
    video = {url = "http://www.…/film.3gp", duration_s = 12, bytes = 200000}
    sound = {url = "http://www.…/air.mid", duration_s = 30}
    send_at = 2026-12-20 09:00:00    # Paris; with an offset, that instant
    notify_by_mail = true
    purpose = "commercial"           # or service
    consent = "optin_sms"            # or {column = "optin_sms", yes = ["oui"], no = ["non"]}
    one_per = "number"               # or message: a number gets each text once
    encoding = "utf-8"               # or cp1252: how the gateway reads bytes
    newline = "lf"                   # or literal: what it takes for a line break
    prefixes = ["6"]                 # the gateway takes 06 only; without it, 07 too
    advertiser = "Maison Flore"      # whom a commercial text has to name
    way_out = "STOP"                 # how it offers a way out

    [split]                          # several contents to compare
    hold_out = 10                    # per cent who get nothing
    key = "noel"                     # another key, another split; else the campaign's name
    [split.variants.A]               # what it leaves out is as above
    share = 45                       # per cent; without shares, equal parts
    message = "Joyeux Noël {{ prenom }}"
    [split.variants.B]
    share = 45
    kind = "image"

An address and a duration may name columns as the message does: ``"http://www.…/{{ ville }}.jpg"``.
``bytes`` and what begins with ``send_at`` may be left out; a medium that the kind does not use
must be. A mistake names the key and the nearest known one, and all mistakes are named at once.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmsbatch import hints
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.content import CONTENTS, Content, Text
from mmsbatch.campaign.message import ARTICLES
from mmsbatch.campaign.schema import schema_text
from mmsbatch.campaign.split import Split
from mmsbatch.errors import CampaignError, nearest, shown
from mmsbatch.spec import ContentKind

if TYPE_CHECKING:
    from os import PathLike

_OPTIONS: Final = (
    "send_at",
    "notify_by_mail",
    "purpose",
    "consent",
    "one_per",
    "encoding",
    "newline",
    "prefixes",
    "advertiser",
    "way_out",
)
_ABOUT: Final = ("name", *_OPTIONS)
_SPLIT: Final = ("hold_out", "key", "variants")
_MEDIA: Final = {
    ContentKind.TEXT: (),
    ContentKind.IMAGE: ("image",),
    ContentKind.VIDEO: ("video",),
    ContentKind.SOUND: ("sound",),
    ContentKind.SOUND_IMAGE: ("image", "sound"),
}
_TABLE_KEYS: Final = {
    "image": ("url", "bytes"),
    "video": ("url", "duration_s", "bytes"),
    "sound": ("url", "duration_s", "bytes"),
}
_SHAPES: Final = {
    "image": 'image = "http://www…"',
    "video": 'video = {url = "http://www…", duration_s = …}',
    "sound": 'sound = {url = "http://www…", duration_s = …}',
}
_USUAL: Final = {
    "one_per": "number",
    "encoding": "utf-8",
    "newline": "lf",
    "prefixes": ("6", "7"),
    "advertiser": None,
    "way_out": None,
}
_STAND_INS: Final[dict[str, dict[str, Any]]] = {
    "image": {"image": "http://www.example.com/a.jpg"},
    "video": {"video": "http://www.example.com/a.3gp", "duration_s": 1},
    "sound": {"sound": "http://www.example.com/a.mid", "duration_s": 1},
}
_SHORT_ESCAPES: Final = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_CONTENT: Final = ("kind", "message", *_TABLE_KEYS)
_SCHEMA_LINE: Final = re.compile(r"#:schema +(\./\S+)")
"""The first line, if it names a file beside the campaign."""
_KEYS: Final = ("name", *_CONTENT, *_OPTIONS, "split")


def load_campaign(path: str | PathLike[str]) -> Campaign:
    """Read a campaign file.

    Parameters
    ----------
    path
        A TOML file in UTF-8.

    Returns
    -------
    Campaign

    Raises
    ------
    CampaignError
        The file cannot be read, is not TOML (names the line), or breaks rules: then every key and
        every broken rule has a line of its own.

    Warns
    -----
    UserWarning
        The schema beside it that its first line names is that of another version.

    Notes
    -----
    Source: §1.2.
    """
    path = Path(path).expanduser()
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:  # a ValueError if the path holds a NUL
        reason = getattr(error, "strerror", None) or error
        raise CampaignError(f"{path!s}: the campaign file cannot be read: {reason}.") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CampaignError(
            f"{path}: line {line} is not UTF-8. Save the campaign file as UTF-8."
        ) from None
    try:
        given = tomllib.loads(text)
    except RecursionError:
        raise CampaignError(f"{path}: nested too deeply for a campaign.") from None
    except ValueError as error:
        last = f"at line {text.count(chr(10)) + 1}, the last"
        where = str(error).replace("at end of document", last)
        raise CampaignError(f"{path}: not TOML: {where}. Correct that line.") from None
    problems, campaign = _read(given)
    if campaign is None:
        raise CampaignError("\n".join(f"{path}: {problem}" for problem in problems))
    _check_schema(path, text)
    return campaign


def _check_schema(path: Path, text: str) -> None:
    """Warn of a schema by which editors would check the file as another version reads it."""
    named = _SCHEMA_LINE.match(text)
    beside = path.parent / named[1] if named else None
    if beside is not None and beside.is_file() and beside.read_bytes() != schema_text().encode():
        warnings.warn(
            f"{beside}, by which editors check {path.name}, is the schema of another version: "
            f"`{hints.schema(beside)}` writes this one's",
            stacklevel=3,
        )


def _read(given: dict[str, Any]) -> tuple[list[str], Campaign | None]:
    """Build a campaign from a file's keys, or list all that is wrong with them."""
    problems = _unknown("campaign", given, _KEYS)
    split, content = _split(given, problems), None
    several = isinstance(given.get("split"), dict) and "variants" in given["split"]
    if not several:
        content = _content(given, problems)
    if "name" not in given:
        problems.append("campaign.name: missing (§1.2). Give the campaign a name.")
    # Stand-ins for what is missing or broken let everything else be checked all the same.
    values: dict[str, Any] = {"name": "-", "split": split}
    if split is None or not split.variants:
        values["content"] = content or Text("-")
    values |= {key: given[key] for key in _ABOUT if key in given}
    try:
        campaign = Campaign(**values)
    except CampaignError as error:
        return [*problems, *str(error).split("\n")], None
    return problems, None if problems else campaign


def _unknown(place: str, given: dict[str, Any], known: tuple[str, ...]) -> list[str]:
    return [
        f"{place}.{key}: unknown key; there are {', '.join(known)}.{nearest(key, known)}"
        for key in given
        if key not in known
    ]


def _split(given: dict[str, Any], problems: list[str]) -> Split | None:
    """Read the contents that are compared, or add what is wrong with them to ``problems``."""
    if "split" not in given:
        return None
    table = given["split"]
    variants = table.get("variants", {}) if isinstance(table, dict) else None
    if not isinstance(variants, dict) or not all(
        isinstance(one, dict) for one in variants.values()
    ):
        problems.append(
            "campaign.split: write [split] with hold_out = …, and a [split.variants.NAME] for each "
            f"content; found {shown(table)}."
        )
        return None
    found = _unknown("campaign.split", table, _SPLIT)
    contents, shares = {}, {}
    for name, variant in variants.items():
        place, wrong = f"campaign.split.variants.{name}", list[str]()
        found += _unknown(place, variant, ("share", *_CONTENT))
        if "share" in variant:
            shares[name] = variant["share"]
        contents[name] = _content(_inherited(given, variant), wrong)
        found += [line.replace("campaign", place, 1) for line in wrong]
    options = {key: table[key] for key in ("hold_out", "key") if key in table}
    stand_ins = {name: content or Text("-") for name, content in contents.items()}
    try:
        split = Split(stand_ins, shares=shares, **options)
    except CampaignError as error:
        found += str(error).split("\n")
    problems += found
    return None if found else split


def _inherited(given: dict[str, Any], variant: dict[str, Any]) -> dict[str, Any]:
    """Return a variant's content with what it leaves to the campaign."""
    kind = str(variant.get("kind", given.get("kind")))
    media = _MEDIA[ContentKind(kind)] if kind in [*ContentKind] else ()
    return {key: given[key] for key in ("kind", "message", *media) if key in given} | {
        key: variant[key] for key in _CONTENT if key in variant
    }


def _kind(given: dict[str, Any], problems: list[str]) -> ContentKind | None:
    kinds = [str(kind) for kind in ContentKind]
    if "kind" not in given:
        problems.append(f"campaign.kind: missing; one of {', '.join(kinds)} (§1.2).")
        return None
    if given["kind"] not in kinds:
        problems.append(
            f"campaign.kind: one of {', '.join(kinds)} is needed (§1.2); "
            f"found {shown(given['kind'])}.{nearest(str(given['kind']), kinds)}"
        )
        return None
    return ContentKind(given["kind"])


def _content(given: dict[str, Any], problems: list[str]) -> Content | None:
    """Build the content, or add all that is wrong with it to ``problems``."""
    kind = _kind(given, problems)
    if kind is None:
        return None
    if "message" not in given:
        problems.append(f"campaign.message: missing; {ARTICLES[kind]} needs one (§1.2).")
    values: dict[str, Any] = {"message": given.get("message", "-")}
    places: dict[str, str] = {}
    for key in _TABLE_KEYS:
        if key in _MEDIA[kind]:
            values |= _medium(key, given, kind, problems, places)
        elif key in given:
            problems.append(
                f"campaign.{key}: not used by {ARTICLES[kind]} (§1.2). Remove it, or change kind."
            )
    try:
        return CONTENTS[kind](**values)
    except CampaignError as error:
        for line in str(error).split("\n"):
            field, rule = line.split(":", 1)
            problems.append(f"{places.get(field, field)}:{rule}")
        return None


def _medium(
    key: str, given: dict[str, Any], kind: ContentKind, problems: list[str], places: dict[str, str]
) -> dict[str, Any]:
    """Read one medium's arguments, and note under which key of the file each stands."""
    value, shape = given.get(key), _SHAPES[key]
    arguments = dict(_STAND_INS[key])
    if key not in given:
        problems.append(f"campaign.{key}: missing; {ARTICLES[kind]} needs {shape} (§1.2).")
    elif key == "image" and isinstance(value, str):
        arguments["image"] = value
    elif not isinstance(value, dict):
        problems.append(f"campaign.{key}: write {shape} (§1.2); found {shown(value)}.")
    else:
        problems += _unknown(f"campaign.{key}", value, _TABLE_KEYS[key])
        names = {"url": key, "duration_s": "duration_s", "bytes": f"{key}_bytes"}
        for inner in _TABLE_KEYS[key]:
            places[f"campaign.{names[inner]}"] = f"campaign.{key}.{inner}"
            if inner in value:
                arguments[names[inner]] = value[inner]
            elif inner != "bytes":
                problems.append(f"campaign.{key}.{inner}: missing; write {shape} (§1.2).")
    return arguments


def dump_campaign(campaign: Campaign) -> str:
    """Write a campaign as TOML, so that `load_campaign` reads the same campaign back.

    Returns
    -------
    str
        The same text for equal campaigns; one key a line, in the order of the module's example.
    """
    variants = campaign.split.variants if campaign.split else {}
    lines = {"name": _quoted(campaign.name)} | ({} if variants else _dumped(campaign.content))
    if campaign.send_at is not None:
        lines["send_at"] = campaign.send_at.isoformat(sep=" ")
    if campaign.notify_by_mail is not None:
        lines["notify_by_mail"] = str(campaign.notify_by_mail).lower()
    if campaign.purpose is not None:
        lines["purpose"] = _quoted(campaign.purpose)
    if campaign.consent is not None:  # with its words, whatever a later version takes for a yes
        lines["consent"] = _table(
            {
                "column": _quoted(campaign.consent.column),
                "yes": _listed(campaign.consent.yes),
                "no": _listed(campaign.consent.no),
            }
        )
    for key, usual in _USUAL.items():
        if getattr(campaign, key) != usual:
            value = getattr(campaign, key)
            lines[key] = _quoted(value) if isinstance(value, str) else _listed(value)
    text = _lines(lines)
    if campaign.split is not None:
        options = {"hold_out": f"{campaign.split.hold_out!r}"}
        options |= {"key": _quoted(campaign.split.key)} if campaign.split.key else {}
        text += f"\n[split]\n{_lines(options)}"
        for name, content in variants.items():
            share = campaign.split.shares.get(name)
            shown_share = {} if share is None else {"share": f"{share!r}"}
            text += f"\n[split.variants.{name}]\n{_lines(shown_share | _dumped(content))}"
    return text


def _dumped(content: Content) -> dict[str, str]:
    """Write a content's keys."""
    lines = {"kind": _quoted(content.kind), "message": _quoted(content.message)}
    for key in _MEDIA[content.kind]:
        inner = {"url": _quoted(getattr(content, key))}
        if "duration_s" in _TABLE_KEYS[key]:
            lasts = getattr(content, "duration_s")  # noqa: B009  (a union)
            inner["duration_s"] = _quoted(lasts) if isinstance(lasts, str) else str(lasts)
        size = getattr(content, f"{key}_bytes")
        if size is not None:
            inner["bytes"] = str(size)
        lines[key] = inner["url"] if len(inner) == 1 else _table(inner)
    return lines


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{key} = {value}\n" for key, value in values.items())


def _table(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name} = {value}" for name, value in values.items()) + "}"


def _listed(words: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_quoted, words)) + "]"


def _quoted(text: str) -> str:
    """Write a TOML basic string: on one line, whatever the text holds."""
    return '"' + _ESCAPED.sub(lambda found: _escape(found[0]), text) + '"'


def _escape(char: str) -> str:
    return _SHORT_ESCAPES.get(char) or f"\\u{ord(char):04X}"
