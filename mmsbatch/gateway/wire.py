"""What travels: a request as XML and form (§1.1-§1.4), an answer from bytes (§2, §3.2). Pure.

Writing follows the example of §1.2 to the letter: no XML declaration, no white space between tags,
optional tags left out when unused. Reading survives what an undocumented server may do to a text
(line ends, junk before it, keys missing, repeated or in another order, a cut anywhere), and never
reads more out of the bytes than they show.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Final
from urllib.parse import quote_plus, urlencode

from lxml import etree

from mmsbatch import spec
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.rendering import Filled
from mmsbatch.errors import UnreadableAnswer

MAX_ANSWER_BYTES: Final = 1 << 20
"""An answer about 200 numbers has some 20 kB; a mebibyte is not an answer."""


# ----- writing ---------------------------------------------------------------------------------


def encode_request(
    campaign: Campaign, content: Filled, numbers: Sequence[str], login: str
) -> bytes:
    """Write one request's XML.

    Parameters
    ----------
    campaign
        Its name, its date, and how the gateway reads.
    content
        What these recipients get.
    numbers
        1 to 200 numbers in E.164 (``+33639980012``); they travel without the ``+``.
    login
        The account's login; travels in capitals, as §1.2 demands.

    Returns
    -------
    bytes
        In the campaign's encoding, without a declaration: what ``XMLFlow`` holds before
        percent-encoding.

    Source: §1.2.1, §1.4.
    """
    before, after = _around_the_numbers(campaign, content, login)
    # Digits need no escaping, and 200 elements made one by one cost more than all the rest.
    digits = [number.removeprefix("+") for number in numbers]
    if not "".join(digits).isdecimal() or not all(digits):
        raise ValueError("a number to be sent is not made of digits")
    listed = _NEXT_NUMBER.join(digits).encode("ascii")
    return b"%s<MOBILEPHONE>%s</MOBILEPHONE>%s" % (before, listed, after)


_NEXT_NUMBER: Final = "</MOBILEPHONE><MOBILEPHONE>"


@lru_cache(maxsize=64)
def _around_the_numbers(campaign: Campaign, content: Filled, login: str) -> tuple[bytes, bytes]:
    """Write a request without its numbers: what comes before them, and what comes after."""
    data = etree.Element("DATA")
    _add(data, "CLIENT", login.strip().upper())
    _add(data, "CAMPAIGN_NAME", campaign.name)
    if campaign.send_at is not None:
        _add(data, "DATE", campaign.send_at.strftime(spec.DATE_FORMAT))
    if campaign.notify_by_mail is not None:
        _add(data, "MAIL_NOTIF", str(int(campaign.notify_by_mail)))
    etree.SubElement(data, "MOBILEPHONE")
    _add(data, "MSGCLASS", str(spec.MSGCLASS[content.kind]))
    literal = campaign.newline == "literal"
    text = content.message
    _add(data, "MESSAGE", text.replace("\n", r"\n") if literal else text)
    if content.image:
        _add(data, "IMAGE", content.image)
    if content.video:
        _add_clip(data, "VIDEO", content.video, content.duration_s)
    if content.sound:
        _add_clip(data, "SON", content.sound, content.duration_s)
    # A plan holds no text that the encoding lacks.
    xml: bytes = etree.tostring(data, encoding=campaign.encoding, xml_declaration=False)  # type: ignore[assignment]
    before, _, after = xml.partition(b"<MOBILEPHONE/>")  # in a text it would be escaped
    return before, after


def encode_form(xml: bytes, login: str, passcode: str) -> bytes:
    """Write the body of a sending POST: the three fields of §1.1, each percent-encoded."""
    login_form = urlencode([(spec.FIELD_LOGIN, login), (spec.FIELD_PASSCODE, passcode)])
    return b"%s&%s=%s" % (login_form.encode("ascii"), spec.FIELD_XML.encode("ascii"), _quoted(xml))


def _quoted(value: bytes) -> bytes:
    """Percent-encode as `urllib.parse.quote_plus` does, several times as fast for long values."""
    quoted = value.replace(b"%", b"%25")  # first: what follows brings more of it
    # Most of a request, so one replacement where each of its marks would be one.
    quoted = quoted.replace(_NEXT_NUMBER.encode(), quote_plus(_NEXT_NUMBER).encode())
    for byte in set(quoted.translate(None, _UNRESERVED)):
        quoted = quoted.replace(bytes([byte]), b"%%%02X" % byte)
    return quoted.replace(b" ", b"+")  # last: a plus of the text itself is %2B by now


_UNRESERVED: Final = f"_.-~% {string.ascii_letters}{string.digits}".encode()


def encode_account_form(info: str, login: str, passcode: str) -> bytes:
    """Write the body of a POST to the account tool: the three fields of §3.1."""
    return urlencode(
        [(spec.FIELD_LOGIN, login), (spec.FIELD_PASSCODE, passcode), (spec.FIELD_INFO, info)]
    ).encode("ascii")


def _add(parent: etree._Element, tag: str, text: str) -> None:
    etree.SubElement(parent, tag).text = text


def _add_clip(parent: etree._Element, tag: str, url: str, duration_s: int) -> None:
    clip = etree.SubElement(parent, tag)
    _add(clip, "URL", url)
    _add(clip, "DUREE", str(duration_s))


# ----- reading ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What an answer's bytes show, no more (§2, §3.2)."""

    status: int
    text: str
    credits: Decimal | None = None
    """What the account has left, in the account's own unit (§2 calls it SMS credits)."""
    refused: tuple[str, ...] = field(default=(), repr=False)
    """``UnvalidNums`` as echoed: the numbers the gateway did not take."""
    campaign_id: str | None = None
    """Given to "pro" accounts only."""
    ids: tuple[str, ...] = field(default=(), repr=False)
    """``IDs`` as it came: a document of its own, see `contacted`."""
    needed: Decimal | None = None
    """Credits this request would take (status 104 says it in its text)."""
    available: Decimal | None = None
    """Credits there were (status 104)."""

    @cached_property
    def contacted(self) -> tuple[tuple[str, str | None], ...]:
        """Each number that ``IDs`` shows whole, as echoed, with its ID if there is one.

        Read when first asked for: whether there is a next request does not hang on it.
        """
        return tuple(_contacted(self.ids))


_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_KEY = re.compile(r"[ \t]*(Status|StatusText|Credits|UnvalidNums|CampaignID|IDs)[ \t]*=")
# Three digits and the end of the line: `Status=10`, cut from a longer one, says nothing.
_STATUS = re.compile(r"[ \t]*([1-9][0-9]{2})[ \t]*(?:\n|\Z)")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(?:[.,][0-9]{1,6})?\Z")
_CREDIT_FIGURES = re.compile(
    r"A utiliser\s*:\s*([0-9]{1,15}(?:[.,][0-9]{1,6})?)"
    r".*?Disponibles\s*:\s*(-?[0-9]{1,15}(?:[.,][0-9]{1,6})?)",
    re.DOTALL,
)
_IDS_END = "</RECOVERIDS>"


def decode_answer(body: bytes) -> Answer:
    """Read an answer of either endpoint.

    Parameters
    ----------
    body
        The bytes as they came, in an undeclared charset, perhaps cut.

    Raises
    ------
    UnreadableAnswer
        There is no readable ``Status`` line, or there are two that disagree, or the body is
        longer than `MAX_ANSWER_BYTES`. Nothing else is ever raised.

    Source: §2, §2.1, §3.2.
    """
    if len(body) > MAX_ANSWER_BYTES:
        raise UnreadableAnswer(
            f"the answer has more than {MAX_ANSWER_BYTES} bytes, so it is not the gateway's"
        )
    text = _text(body)
    if b"<br" in body.lower():  # nearly never, and looking costs less than replacing nothing
        text = _LINE_BREAK_TAG.sub("\n", text)
    values = _values(text.replace("\r\n", "\n").replace("\r", "\n"))
    status = _status(values.get("Status", ()))
    status_text = _first_line(values.get("StatusText", ()))
    figures = _CREDIT_FIGURES.search(" ".join(values.get("StatusText", ())))
    return Answer(
        status=status,
        text=status_text,
        credits=_amount(_first_line(values.get("Credits", ()))),
        refused=tuple(_refused(values.get("UnvalidNums", ()))),
        campaign_id=_first_line(values.get("CampaignID", ())) or None,
        ids=tuple(value.strip() for value in values.get("IDs", ())),
        needed=_amount(figures[1]) if figures else None,
        available=_amount(figures[2]) if figures else None,
    )


def canonical_echo(number: str) -> str | None:
    """Bring an echoed number into E.164, or say that it is none of ours.

    The gateway was sent ``33639980012`` and echoes ``0639980012`` (§2); siblings of it echo other
    forms. Forms are matched whole, never by a suffix. What stands for an erased number
    (`mmsbatch.forget`) is one of ours too.
    """
    match = _ECHO.fullmatch(number.strip())
    if match is None:
        return None
    return f"+33{match[1]}" if match[1] else f"+{match[2]}"


_ECHO = re.compile(r"(?:0|33|\+33)([67][0-9]{8})|\+?(999[0-9]{15})")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace")


def _values(text: str) -> dict[str, list[str]]:
    """Cut the text at its keys; a value runs to the next key, since `IDs` may span lines."""
    keys = [key for start in _line_starts(text) if (key := _KEY.match(text, start))]
    ends = [*(key.start() for key in keys), len(text)][1:]
    values: dict[str, list[str]] = {}
    for key, end in zip(keys, ends, strict=True):
        values.setdefault(key[1], []).append(text[key.end() : end])
    return values


def _line_starts(text: str) -> Iterable[int]:
    start, following = 0, text.find("\n") + 1
    while following:
        yield start
        start, following = following, text.find("\n", following) + 1
    yield start


def _status(values: Sequence[str]) -> int:
    found = {int(match[1]) for value in values if (match := _STATUS.match(value))}
    if not found:
        raise UnreadableAnswer("the answer has no readable Status line")
    if len(found) > 1:
        raise UnreadableAnswer(f"the answer has several statuses: {sorted(found)}")
    return found.pop()


def _first_line(values: Sequence[str]) -> str:
    return values[0].partition("\n")[0].strip() if values else ""


def _amount(text: str) -> Decimal | None:
    return Decimal(text.replace(",", ".")) if _AMOUNT.match(text) else None


def _refused(values: Iterable[str]) -> Iterable[str]:
    for value in values:
        for number in value.partition("\n")[0].split("|"):
            if stripped := number.strip():
                yield stripped


def _contacted(values: Iterable[str]) -> Iterable[tuple[str, str | None]]:
    for value in values:
        xml = value.partition(_IDS_END)[0]
        if (plain := _plain_customers(xml)) is not None:
            yield from plain
        elif "<!" not in xml:  # a document type is where entities come from: it is not believed
            yield from filter(itemgetter(0), map(_number_and_id, _whole_customers(xml)))


_PLAIN_CUSTOMER = re.compile(
    r"<CUSTOMER><MOBILEPHONE>([0-9+]+)</MOBILEPHONE>(?:<([A-Z]*ID)>([0-9A-Za-z_-]*)</\2>)?</CUSTOMER>"
)


def _plain_customers(xml: str) -> list[tuple[str, str | None]] | None:
    """Read the list as the gateway writes it; nothing if anything in it is otherwise.

    The parser reads this too, at several times the price: an answer of 200 numbers is read for
    every request, while others wait.
    """
    before, opened, inner = xml.strip().partition("<RECOVERIDS>")
    if before or not opened or _PLAIN_CUSTOMER.sub("", inner):
        return None
    return [(number, given or None) for number, _, given in _PLAIN_CUSTOMER.findall(inner)]


def _whole_customers(xml: str) -> Iterable[etree._Element]:
    """Return the CUSTOMER elements that are closed; what follows a cut or a fault is not read."""
    # Pulled, not parsed as a whole: a cut document still shows the elements before the cut, and
    # one that is merely "recovered" would close a half-written number as if it were whole.
    parser = etree.XMLPullParser(
        events=("end",), tag="CUSTOMER", resolve_entities=False, no_network=True
    )
    with suppress(etree.XMLSyntaxError):
        parser.feed(xml.strip().encode("utf-8", errors="replace"))
    for _, element in parser.read_events():
        if isinstance(element, etree._Element):  # noqa: SLF001  (the only name lxml gives it)
            yield element


def _number_and_id(customer: etree._Element) -> tuple[str, str | None]:
    """Find the number and its ID: §2 promises one, its example shows none, siblings say SMSID."""
    number, identifier = None, None
    for child in customer:
        tag = child.tag
        if tag == "MOBILEPHONE":
            number = number if number is not None else (child.text or "").strip()
        elif identifier is None and isinstance(tag, str) and tag.upper().endswith("ID"):
            identifier = (child.text or "").strip() or None
    return number or "", identifier
