"""What a phone will show of a plan, as far as the document says. Pure. Source: §1.2, §1.3.

What the document says of a message on its way: € becomes E, a line break is kept, a message that is
too long is refused and never cut. What it does not say is listed as unknown and never guessed. The
media are named and never loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from mmsbatch import spec
from mmsbatch.campaign import message as messages
from mmsbatch.campaign import template
from mmsbatch.campaign.content import MEDIA
from mmsbatch.campaign.message import ARTICLES, length
from mmsbatch.campaign.rendering import Filled
from mmsbatch.display import Block, Box, Document, ShowsItself, plural
from mmsbatch.errors import PlanError, kind_of
from mmsbatch.phones.in_text import mask_e164, mask_phones, spaced_e164
from mmsbatch.planning.plan import Plan

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
    content: Filled
    """The whole content: its kind and its media too."""
    own: frozenset[str]
    """The campaign's texts: what everybody gets is not hidden."""

    def document(self) -> Document:
        """Show what the phone shows, the number and the numbers in the text masked."""
        return Document((self.block("message"),))

    def block(self, label: str, *, masked: bool = True) -> Block:
        """Lay it out beside a label."""
        number = mask_e164(self.number) if masked else spaced_e164(self.number)
        shown = self.shown
        if masked:  # a number that the campaign itself gives is meant to be read
            shown = mask_phones(shown, keep="\n".join(sorted(self.own)))
        others = self.recipients - 1
        more = f" and {others:,} more" if others else ""
        limit = spec.MAX_MESSAGE_LENGTH[self.content.kind]
        return Block(
            label,
            (
                f"to {number}{more}, first in request {self.request:,}",
                Box((*_media(self.content), *shown.split("\n"))),
                f"{self.length:,} of {limit:,} characters",
                *_doubts(self.content),
            ),
        )


@dataclass(frozen=True, repr=False)
class Preview(ShowsItself):
    """What phones will show of a plan: the first and the longest message of each variant."""

    campaign: str
    variants: tuple[VariantView, ...]
    """One, without a name, if the campaign has a single content."""
    masked: bool = True
    """Whether numbers are hidden where it shows itself."""

    @property
    def messages(self) -> int:
        """Different messages in the plan."""
        return sum(variant.messages for variant in self.variants)

    @property
    def first(self) -> PhoneView:
        """The first message of the first variant."""
        return self.variants[0].first

    @property
    def longest(self) -> PhoneView:
        """The longest message of the first variant."""
        return self.variants[0].longest

    def document(self) -> Document:
        """Show what phones show, and what the document does not say about it."""
        blocks: list[Block] = []
        for variant in self.variants:
            blocks += variant.blocks(self.campaign, masked=self.masked)
        kinds = {variant.first.content.kind for variant in self.variants}
        more = () if kinds == {spec.ContentKind.TEXT} else _MEDIUM_UNKNOWN
        blocks.append(Block("unknown", (*_UNKNOWN, *more)))
        return Document(tuple(blocks))


@dataclass(frozen=True)
class VariantView:
    """What phones show of one content."""

    name: str
    messages: int
    recipients: int
    first: PhoneView
    longest: PhoneView

    def blocks(self, campaign: str, *, masked: bool) -> Iterator[Block]:
        """Lay it out."""
        kind = self.first.content.kind
        count, each = (
            (f"{self.messages:,} different messages", " each")
            if self.messages > 1
            else ("one message", "")
        )
        what = f"{count}, {ARTICLES[kind]}{each} (class {spec.MSGCLASS[kind]})"
        if self.name:
            whom = f"to {plural(self.recipients, 'recipient')}"
            yield Block("preview", (f"{campaign}, variant {self.name} {whom}: {what}",))
        else:
            yield Block("preview", (f"{campaign}: {what}",))
        yield self.first.block("first", masked=masked)
        if self.longest == self.first:
            yield Block("longest", ("the same message",))
        else:
            yield self.longest.block("longest", masked=masked)


def preview(plan: Plan, *, masked: bool = True) -> Preview:
    """Show what a phone will show: for the first and for the longest message of each variant.

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
    requests: dict[Filled, list[int]] = {}
    for number in range(1, plan.requests + 1):
        if plan.recipients_of(number):
            requests.setdefault(plan.content_of(number), []).append(number)
    found = []
    for variant in plan.campaign.contents:
        mine = {content: where for content, where in requests.items() if content.variant == variant}
        if mine:
            # `max` keeps the first of several that are as long: equal plans preview alike.
            longest = max(mine, key=lambda content: length(content.message))
            first = next(iter(mine))
            found.append(
                VariantView(
                    name=variant,
                    messages=len(mine),
                    recipients=sum(map(plan.recipients_of, chain(*mine.values()))),
                    first=_view(plan, first, mine[first]),
                    longest=_view(plan, longest, mine[longest]),
                )
            )
    return Preview(plan.campaign.name, tuple(found), masked)


def _view(plan: Plan, content: Filled, requests: list[int]) -> PhoneView:
    text = content.message
    return PhoneView(
        sent=text,
        shown=text.replace("€", "E"),  # §1.3
        length=length(text),
        recipients=sum(map(plan.recipients_of, requests)),
        number=f"+{plan.numbers_of(requests[0])[0]}",
        request=requests[0],
        content=content,
        own=plan.campaign.texts,
    )


def _media(content: Filled) -> Iterator[str]:
    for name in MEDIA:
        if url := getattr(content, name):
            seconds = f", {content.duration_s:,} s" if name != "image" else ""
            yield f"[{name}{seconds}: {url}]"


def _doubts(content: Filled) -> Iterator[str]:
    """Return what the document leaves open, or announces, about this very text."""
    text = content.message
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
