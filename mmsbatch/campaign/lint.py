"""What a careful colleague would say of a campaign before it is sent: warnings, never errors. Pure.

Each names its rule at its end, in brackets. What the gateway may do to a text or a medium is said
by the contents themselves; this is about people and the law (CNIL on prospecting by SMS and MMS;
CPCE art. L. 34-5), and about what operators filter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mmsbatch.campaign import template
from mmsbatch.campaign.message import length, with_line_feeds
from mmsbatch.hours import holiday
from mmsbatch.spec import MAX_MESSAGE_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmsbatch.campaign.campaign import Campaign
    from mmsbatch.campaign.content import Content

WAY_OUT: Final = "STOP"
"""What a commercial message is expected to offer, unless the campaign says another word."""

_SHORTENERS: Final = (
    "bit.ly|tinyurl.com|t.co|goo.gl|ow.ly|is.gd|buff.ly|cutt.ly|rb.gy|rebrand.ly|shorturl.at|"
    "tiny.cc|urlz.fr|lc.cx|vu.fr|t.ly|s.id|v.gd|bl.ink|dub.sh"
)
_SHORT_LINK = re.compile(rf"(?<![\w.-])(?:{_SHORTENERS.replace('.', '[.]')})/\S*", re.IGNORECASE)


def warnings_of(campaign: Campaign, *, commercial: bool) -> tuple[str, ...]:
    """Return what may be said of a campaign.

    Parameters
    ----------
    campaign
        Its messages, its ``advertiser`` and its ``way_out``.
    commercial
        Whether it is advertising for people.
    """
    found = [f"campaign.send_at: {told}" for told in _of_day(campaign)]
    for variant, content in campaign.contents.items():
        where = f"{variant}: " if variant else ""
        found += [f"{where}campaign.message: {told}" for told in _of_message(content)]
        if commercial:
            found += [f"{where}campaign.message: {told}" for told in _of_law(campaign, content)]
    return tuple(found)


def _of_day(campaign: Campaign) -> Iterator[str]:
    if campaign.send_at is not None and (name := holiday(campaign.send_at.date())):
        yield f"{campaign.send_at:%Y-%m-%d} is {name}: nobody expects advertising then [holiday]"


def _of_message(content: Content) -> Iterator[str]:
    text = with_line_feeds(_written(content.message))
    if breaks := text.strip("\n").count("\n"):
        limit = MAX_MESSAGE_LENGTH[content.kind]
        yield (
            f"{breaks} line break{'s' if breaks > 1 else ''} count twice: {length(text):,} of "
            f"{limit:,} characters (§1.3) [line-breaks]"
        )
    if short := _SHORT_LINK.search(text):
        yield (
            f"{short[0]} is a shortened link: operators filter them, and people do not see where "
            "it leads. Write the whole address [short-link]"
        )


def _of_law(campaign: Campaign, content: Content) -> Iterator[str]:
    text = _written(content.message).casefold()
    if campaign.advertiser is None:
        yield (
            "nothing says who advertises, and every commercial message has to: write the name in "
            'the text, and advertiser = "…" in the campaign file [advertiser]'
        )
    elif campaign.advertiser.casefold() not in text:
        yield f"the text does not name {campaign.advertiser!r}, the advertiser [advertiser]"
    way_out = campaign.way_out or WAY_OUT
    if way_out.casefold() not in text:
        yield (
            f"no {way_out!r}: a commercial message offers a simple and free way out. Write it in "
            'the text, or say another wording with way_out = "…" [way-out]'
        )


def _written(message: str) -> str:
    return template.parse(message).all_text if template.is_template(message) else message
