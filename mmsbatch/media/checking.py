"""``check_media``: every medium of a campaign or a plan, fetched and held against §1.2."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from mmsbatch import hints
from mmsbatch.campaign import media as rules
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.content import MEDIA
from mmsbatch.campaign.file import load_campaign
from mmsbatch.campaign.rendering import Filled, templates
from mmsbatch.display import Block, Document, ShowsItself, plural
from mmsbatch.errors import CampaignError
from mmsbatch.media.fetching import Fetched, NotFetched, fetch
from mmsbatch.media.formats import SUFFIXES, TYPES, format_of, seconds_of
from mmsbatch.planning.plan import Plan

SECONDS: Final = 20.0
"""For each file."""
_AT_ONCE: Final = 8
_HTTP_OK: Final = 200
_ROUNDED_S: Final = 1.0
"""A campaign says whole seconds, rounded either way."""


@dataclass(frozen=True)
class CheckedMedium:
    """One medium, and what was found."""

    field: str
    """``image``, ``video`` or ``sound``."""
    url: str
    duration_s: int | None
    """What the campaign says; None of an image."""
    where: str
    """Who gets it, if not all do."""
    format: str = ""
    size: int | None = None
    """Bytes."""
    lasts_s: float | None = None
    """What the file says."""
    broken: tuple[str, ...] = ()
    """Which rules it breaks."""
    doubts: tuple[str, ...] = ()
    """What may go wrong all the same."""

    def to_json(self) -> dict[str, Any]:
        """Return what was found as plain values."""
        return {
            "field": self.field,
            "url": self.url,
            "duration_s": self.duration_s,
            "where": self.where,
            "format": self.format,
            "bytes": self.size,
            "lasts_s": self.lasts_s,
            "broken": list(self.broken),
            "doubts": list(self.doubts),
        }


@dataclass(frozen=True, repr=False)
class MediaChecks(ShowsItself):
    """All media, and whether each can be sent."""

    media: tuple[CheckedMedium, ...]

    @property
    def holds(self) -> bool:
        """Whether no rule is broken."""
        return not any(medium.broken for medium in self.media)

    def require(self) -> None:
        """Raise `CampaignError` with a line for each rule that is broken."""
        lines = [
            f"campaign.{medium.field}: {medium.url}{medium.where}: {rule}."
            for medium in self.media
            for rule in medium.broken
        ]
        if lines:
            raise CampaignError("\n".join(lines))

    def document(self) -> Document:
        """Show what each file is."""
        if not self.media:
            return Document((Block("media", ("none: a text carries no file",)),))
        return Document(tuple(Block(one.field, tuple(_lines(one))) for one in self.media))

    def to_json(self) -> dict[str, Any]:
        """Return what was found as plain values."""
        return {"holds": self.holds, "media": [one.to_json() for one in self.media]}


def check_media(
    what: Plan | Campaign | str | os.PathLike[str],
    *,
    allow_private: bool = False,
    seconds: float = SECONDS,
) -> MediaChecks:
    """Fetch every medium once, as the gateway will, and hold it against the gateway's rules.

    Parameters
    ----------
    what
        A plan, whose rows may have media of their own; a campaign, or the path of its file.
    allow_private
        Whether servers may be asked that are not on the internet.
    seconds
        For each file.

    Returns
    -------
    MediaChecks
        Each different file once, in the order of the plan: its format by its first bytes, its size,
        how long it lasts. Shows itself.

    Raises
    ------
    CampaignError
        The campaign cannot be read, or its media name columns, which only a plan has.

    Source: §1.2 (types, sizes, durations), §2.2 (statuses 112 to 120).
    """
    if isinstance(what, str | os.PathLike):
        what = load_campaign(what)
    wanted = _of_plan(what) if isinstance(what, Plan) else _of_campaign(what)

    def check(medium: CheckedMedium) -> CheckedMedium:
        return _checked(medium, allow_private=allow_private, seconds=seconds)

    with ThreadPoolExecutor(_AT_ONCE) as at_once:
        return MediaChecks(tuple(at_once.map(check, wanted)))


def _of_plan(plan: Plan) -> Sequence[CheckedMedium]:
    found: dict[tuple[str, str, int | None], CheckedMedium] = {}
    shared = len(plan.campaign.contents) == 1 and not templates(plan.campaign.content)
    for number in range(1, plan.requests + 1):
        content = plan.content_of(number)
        for name, url, duration_s in _media(content):
            if (name, url, duration_s) not in found and plan.recipients_of(number):
                row = int(plan.positions(number)[0])
                where = "" if shared else f" (first at row position {row})"
                found[name, url, duration_s] = CheckedMedium(name, url, duration_s, where)
    return [*found.values()]


def _of_campaign(campaign: Campaign) -> Sequence[CheckedMedium]:
    found = []
    for variant, content in campaign.contents.items():
        if named := [name for name in templates(content) if name != "message"]:
            raise CampaignError(
                f"campaign.{named[0]}: names columns, so each row has its own: check a plan's, "
                f"by mms.check_media(plan) or `{hints.program()} plan … --check-media`."
            )
        where = f" (variant {variant})" if variant else ""
        found += [CheckedMedium(*medium, where) for medium in _media(Filled.of(content))]
    return found


def _media(content: Filled) -> Iterator[tuple[str, str, int | None]]:
    for name in MEDIA:
        if url := getattr(content, name):
            yield name, url, None if name == "image" else content.duration_s


def _checked(medium: CheckedMedium, *, allow_private: bool, seconds: float) -> CheckedMedium:
    most_bytes = MEDIA[medium.field].maximum_bytes
    try:
        fetched = fetch(
            medium.url, most_bytes=most_bytes, seconds=seconds, allow_private=allow_private
        )
    except NotFetched as why:
        return _with(medium, broken=(f"cannot be fetched: {why} (§2.2, status 114)",))
    if fetched.http_status != _HTTP_OK:
        told = f"the server answers {fetched.http_status} to who asks for it (§2.2, status 114)"
        return _with(medium, broken=(told,))
    known = _with(
        medium,
        format=format_of(fetched.content),
        size=fetched.size,
        lasts_s=seconds_of(fetched.content) if len(fetched.content) <= most_bytes else None,
    )
    return _with(known, broken=(*_broken(known, fetched),), doubts=(*_doubts(known, fetched),))


def _with(medium: CheckedMedium, **found: Any) -> CheckedMedium:
    return CheckedMedium(**{**vars(medium), **found})


def _broken(medium: CheckedMedium, fetched: Fetched) -> Iterator[str]:
    limits = MEDIA[medium.field]
    suffix = PurePosixPath(urlsplit(medium.url).path).suffix.lower()
    if medium.format == "" or suffix not in SUFFIXES[medium.format]:
        begins = fetched.content[:8]
        found = medium.format or (f"a file that begins with {begins!r}" if begins else "empty")
        yield f"it is named {suffix} and is {found} (§1.2, status 112)"
    if medium.size is None or medium.size > limits.maximum_bytes:
        found = "more" if medium.size is None else f"{medium.size:,}"
        yield f"at most {limits.maximum_bytes:,} bytes; found {found} (§1.2, status 115)"
    said, lasts = medium.duration_s, medium.lasts_s
    if said is not None and lasts is not None and abs(said - lasts) > _ROUNDED_S:
        yield f"the campaign says that it lasts {said} s, the file {lasts:.1f} s (§1.2, status 120)"


def _doubts(medium: CheckedMedium, fetched: Fetched) -> Iterator[str]:
    limits = MEDIA[medium.field]
    if medium.size is not None and medium.size <= limits.maximum_bytes:
        yield from rules.size_doubts(medium.size, limits)
    if medium.format and fetched.content_type not in TYPES[medium.format]:
        called = fetched.content_type or "nothing"
        yield f"the server calls it {called}, and it is {medium.format}: a phone may not show it"
    if fetched.redirects:
        yield f"the server sends on to {fetched.redirects[-1]}: the gateway may not follow"
    if medium.duration_s is not None and medium.lasts_s is None and medium.format != "MIDI":
        yield "how long it lasts cannot be read from the file"


def _lines(medium: CheckedMedium) -> Iterator[str]:
    yield f"{medium.url}{medium.where}"
    size = "" if medium.size is None else plural(medium.size, "byte")
    lasts = "" if medium.lasts_s is None else f"{medium.lasts_s:.1f} s"
    yield ", ".join(filter(None, (medium.format or "not known", size, lasts)))
    yield from (f"cannot be sent: {rule}" for rule in medium.broken)
    yield from medium.doubts
