"""Rules and doubts about a medium: its address, its size, its duration. Pure. Source: §1.2.

Rules forbid, doubts warn. Each line names the limit, what was found and the section.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from mmsbatch import spec
from mmsbatch.campaign import template
from mmsbatch.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmsbatch.spec import MediumLimits

_BLANK = re.compile(r"[\x00-\x20\x7f\s]")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_UNFIT = re.compile(r'["<>\\^`{|}]')  # RFC 3986 allows them nowhere in an address


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a ValueError, too, when it is no port
    except ValueError:
        return None
    return parts


def url_rules(url: str, medium: MediumLimits) -> Iterator[str]:
    """Return which rules an address breaks (§1.2); of a template, as far as no row decides it."""
    if template.is_template(url):
        yield from _template_rules(url, medium)
    else:
        yield from filled_url_rules(url, medium)


def _template_rules(url: str, medium: MediumLimits) -> Iterator[str]:
    try:
        fixed = template.parse(url).all_text
    except template.TemplateProblem as problem:
        yield f"{problem} (an address with {{{{ or {{% is a template)."
        return
    found = f"found {shown(url)}"
    begins = url[: url.index("{")]
    if not begins.startswith("http://"[: len(begins)]):
        yield f"an address that begins with http:// is needed (§1.2); {found}."
    ends = url[url.rindex("}") + 1 :].lower()
    if "." in ends and not ends.endswith(medium.extensions):
        extensions = " or ".join(medium.extensions)
        yield f"the file's name must end in {extensions} (§1.2); {found}."
    yield from _url_character_rules(fixed, found)


def filled_url_rules(url: str, medium: MediumLimits) -> Iterator[str]:
    """Return which rules an address breaks that names no columns (§1.2)."""
    found = "found a login in it" if "@" in url else f"found {shown(url)}"
    if url.startswith("https://"):
        yield (
            "http:// is needed, not https:// (§1.2): the gateway fetches the file itself and its "
            f"document knows http only; {found}. Publish the file at an http:// address."
        )
    elif not url.startswith("http://"):
        yield f"an address that begins with http:// is needed (§1.2); {found}."
    yield from _url_character_rules(url, found)
    parts = _split(url)
    if parts is None or (url.startswith(("http://", "https://")) and not parts.hostname):
        yield f"an address needs the name of a server (§1.2); {found}."
        return
    if "@" in parts.netloc:
        yield "an address must not hold a login (§1.2): it is sent in clear. Remove it."
    if not parts.path.lower().endswith(medium.extensions):
        yield (
            f"the file's name must end in {' or '.join(medium.extensions)} (§1.2); {found}. "
            "What follows ? or # does not count."
        )


def _url_character_rules(url: str, found: str) -> Iterator[str]:
    if "&" in url:
        yield f"no & is allowed in an address (§1.2); {found}. Publish the file at a plain address."
    if _BLANK.search(url):
        yield f"no blank is allowed in an address (§1.2); {found}. Write a space as %20."
    if foreign := _FOREIGN.search(url):
        yield (
            f"only ASCII characters are allowed in an address (§1.2); found {foreign[0]!r}. "
            "Percent-encode it, or rename the file."
        )
    if unfit := _UNFIT.search(url):
        yield f"{unfit[0]} is not allowed in an address (§1.2); {found}. Percent-encode it."


def url_doubts(url: str) -> Iterator[str]:
    """Return what may go wrong with an address that breaks no rule (§1.2)."""
    parts = urlsplit(url)
    if not (parts.hostname or "").startswith("www."):
        yield (
            f"{parts.hostname!r} does not begin with www., as the gateway's document writes it "
            "(§1.2); it may be refused (status 113) [www]"
        )
    for mark in "?#":
        if mark in url:
            yield (
                f"{mark} in the address: the gateway may not find the file's extension (§1.2, "
                "status 112) [query]"
            )


def size_rules(size: int | None, medium: MediumLimits) -> Iterator[str]:
    """Return which rules a file's size breaks, when it is known (§1.2)."""
    if size is None:
        return
    if size < 1:
        yield f"a file has at least 1 byte (§1.2); found {size}."
    if size > medium.maximum_bytes:
        yield (
            f"at most {medium.maximum_bytes} bytes (§1.2); found {size}. "
            f"Make the file smaller by {size - medium.maximum_bytes}."
        )


def size_doubts(size: int | None, medium: MediumLimits) -> Iterator[str]:
    """Return whether a size lies between the two figures that §1.2 gives for a medium."""
    if size is not None and size > medium.certain_bytes:
        yield (
            f"{size} bytes: §1.2 allows {medium.certain_bytes} in one place and "
            f"{medium.maximum_bytes} in another; it may be refused (status 115) [size]"
        )


def duration_rules(seconds: object) -> Iterator[str]:
    """Return which rules a duration breaks (§1.2); a text must be a template."""
    if isinstance(seconds, str):
        yield from _duration_template_rules(seconds)
        return
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        yield f"a whole number (int) is needed (§1.2); found {shown(seconds)}."
        return
    low, high = spec.MIN_DURATION_S, spec.MAX_DURATION_S
    if seconds == 0:
        yield (
            f"from {low} to {high} whole seconds; found 0. §1.2 allows 0, but nothing lasts 0 "
            "seconds and the gateway may read it as missing (status 119)."
        )
    elif not low <= seconds <= high:
        yield f"from {low} to {high} whole seconds (§1.2); found {seconds}."


def _duration_template_rules(text: str) -> Iterator[str]:
    if not template.is_template(text):
        yield f"a whole number (int) is needed (§1.2); found {shown(text)}."
        return
    try:
        template.parse(text)
    except template.TemplateProblem as problem:
        yield f"{problem} (a duration with {{{{ or {{% is a template)."
