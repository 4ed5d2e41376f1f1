"""What a phone will show of a plan, as far as the document says. Pure. Source: §1.2, §1.3.

What the document says of a message on its way: € becomes E, a line break is kept, a message that is
too long is refused and never cut. What it does not say is listed as unknown and never guessed. The
media are named and never loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mmsbatch import spec
from mmsbatch.campaign import message as messages
from mmsbatch.campaign import template
from mmsbatch.campaign.content import Content
from mmsbatch.campaign.message import ARTICLES, length
from mmsbatch.display import Block, Box, Document, ShowsItself
from mmsbatch.errors import PlanError, kind_of
from mmsbatch.phones.in_text import mask_e164, mask_phones, spaced_e164
from mmsbatch.planning.plan import Plan

_MEDIA: Final = ("image", "video", "sound")
_UNKNOWN: Final = (
    "which sender the phone names, and whether it adds a subject or a way to opt out",
    "where the phone breaks lines, and in which size it shows the text",
)
_MEDIUM_UNKNOWN: Final = (
    "whether text or medium comes first, and what a phone shows that cannot show the medium",
)
"""What the document does not say of any message, and of one with a medium."""


@dataclass(frozen=True, repr=False)
class PhoneView(ShowsItself):
    """One message as a phone will show it."""

    sent: str
    """The text that is sent; line breaks are LF."""
    shown: str
    """The text after the changes that the document announces."""
    length: int
    """Characters as the gateway counts them: a line break twice (§1.3)."""
    recipients: int
    """Rows that get this message."""
    number: str
    """Of the first of them, E.164."""
    request: int
    """The first request that carries it."""
    content: Content
    """The campaign's content: its kind and media."""

    def document(self) -> Document:
        """Show what the phone shows, the number and the numbers in the text masked."""
        return Document((self.block("message"),))

    def block(self, label: str, *, masked: bool = True) -> Block:
        """Lay it out beside a label."""
        number = mask_e164(self.number) if masked else spaced_e164(self.number)
        shown = self.shown
        if masked:  # a number that the campaign itself gives is meant to be read
            shown = mask_phones(shown, keep=self.content.message)
        others = self.recipients - 1
        more = f" and {others:,} more" if others else ""
        limit = spec.MAX_MESSAGE_LENGTH[self.content.kind]
        return Block(
            label,
            (
                f"to {number}{more}, first in request {self.request:,}",
                Box((*_media(self.content), *shown.split("\n"))),
                f"{self.length:,} of {limit:,} characters",
                *_doubts(self.sent, self.content),
            ),
        )


@dataclass(frozen=True, repr=False)
class Preview(ShowsItself):
    """What phones will show of a plan: its first and its longest message."""

    campaign: str
    messages: int
    """Different messages in the plan."""
    first: PhoneView
    longest: PhoneView
    masked: bool = True
    """Whether numbers are hidden where it shows itself."""

    def document(self) -> Document:
        """Show what phones show, and what the document does not say about it."""
        kind = self.first.content.kind
        count, each = (
            (f"{self.messages:,} different messages", " each")
            if self.messages > 1
            else ("one message", "")
        )
        headline = f"{self.campaign}: {count}, {ARTICLES[kind]}{each} (class {spec.MSGCLASS[kind]})"
        same = self.longest == self.first
        blocks = [
            Block("preview", (headline,)),
            self.first.block("first", masked=self.masked),
            Block("longest", ("the same message",))
            if same
            else self.longest.block("longest", masked=self.masked),
        ]
        more = () if kind is spec.ContentKind.TEXT else _MEDIUM_UNKNOWN
        blocks.append(Block("unknown", (*_UNKNOWN, *more)))
        return Document(tuple(blocks))


def preview(plan: Plan, *, masked: bool = True) -> Preview:
    """Show what a phone will show: for the first and for the longest message of a plan.

    Parameters
    ----------
    plan
        What will be sent.
    masked
        False: the recipients' numbers, and numbers from cells in a message, are shown whole.

    Returns
    -------
    Preview
        Shows itself in a terminal and in a notebook. Longest is counted as the gateway counts.

    Source: §1.2 (kinds and limits), §1.3 (line breaks, €). Phones and operators differ; nobody here
    has seen a message of the live gateway.
    """
    if not isinstance(plan, Plan):
        raise PlanError(
            f"a preview is of a plan, not of {kind_of(plan)}: mms.plan(prepared, campaign) makes "
            "one"
        )
    requests: dict[str, list[int]] = {}
    for number in range(1, plan.requests + 1):
        if plan.recipients_of(number):
            requests.setdefault(plan.message_of(number), []).append(number)
    # `max` keeps the first of several that are as long: equal plans preview alike.
    first, longest = next(iter(requests)), max(requests, key=length)
    return Preview(
        campaign=plan.campaign.name,
        messages=len(requests),
        first=_view(plan, first, requests[first]),
        longest=_view(plan, longest, requests[longest]),
        masked=masked,
    )


def _view(plan: Plan, text: str, requests: list[int]) -> PhoneView:
    return PhoneView(
        sent=text,
        shown=text.replace("€", "E"),  # §1.3
        length=length(text),
        recipients=sum(map(plan.recipients_of, requests)),
        number=f"+{plan.numbers_of(requests[0])[0]}",
        request=requests[0],
        content=plan.campaign.content,
    )


def _media(content: Content) -> Iterator[str]:
    for name in _MEDIA:
        if url := getattr(content, name, None):
            lasts = name != "image" and hasattr(content, "duration_s")
            seconds = f", {content.duration_s:,} s" if lasts else ""  # type: ignore[union-attr]
            yield f"[{name}{seconds}: {url}]"


def _doubts(text: str, content: Content) -> Iterator[str]:
    """Return what the document leaves open, or announces, about this very text."""
    if not template.is_template(text):  # a cell may hold braces; here they are only braces
        yield from messages.doubts(text, content.kind)
    if "\n" in text:
        yield (
            "a line break is sent as one (LF); the document may mean the two characters \\n "
            "instead, then a phone shows a space (§1.3)."
        )
    if "\\n" in text:
        yield "whether \\n is shown as a line break or as it stands is not documented (§1.3)."
    if text != text.strip():
        yield "blanks at the ends of a message may be lost: the document does not say (§1.2)."
