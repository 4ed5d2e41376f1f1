"""Requests read and answers written, from the document alone (§1, §2). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from lxml import etree

from mmsbatch.spec import ACCOUNT, SENDING

MAX_NAME_LENGTH: Final = 255
"""No figure in §1.2; the usual width of such a column."""

_LINE_END = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class MediumTag:
    """An IMAGE, VIDEO or SON block of §1.2.1. ``None``: the tag is missing."""

    tag: str
    url: str
    duration: str | None
    blank: bool
    """The block is there and holds nothing at all."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The tags under DATA, trimmed. ``None``: the tag is missing. Nothing is judged yet."""

    client: str | None
    campaign_name: str | None
    date: str | None
    mail_notif: str | None
    msgclass: str | None
    message: str | None
    media: dict[str, MediumTag]
    numbers: tuple[str, ...]
    """As written, in request order; ``""`` for a MOBILEPHONE that holds no plain text."""


def read_form(body: bytes) -> dict[str, bytes]:
    """Split a form or a query into fields, as PHP does: exact names, the last one wins (§1.1)."""
    fields: dict[str, bytes] = {}
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        key = unquote_to_bytes(name.replace(b"+", b" ")).decode("utf-8", "replace")
        for escape, plain in _FREQUENT:  # in C; none of them makes a new "%", so no byte changes
            value = value.replace(escape, plain)
        fields[key] = unquote_to_bytes(value)
    return fields


_FREQUENT = ((b"+", b" "), (b"%3C", b"<"), (b"%3E", b">"), (b"%2F", b"/"))


_CHARSETS: Final = {"utf-8": None, "latin-1": "iso-8859-1", "cp1252": "windows-1252"}


def read_flow(xml: bytes, *, charset: str = "utf-8", naive: bool = False) -> Flow | None:
    """Read the XML of a sending request (§1.2.1). Tags are case-sensitive, their order is free.

    Returns
    -------
    Flow or None
        None if the text is not XML, has a DTD, or its root is not DATA: status 106.
    """
    if naive:  # cut out by tag: what XML would decode stays as written
        xml = xml.replace(b"&", b"&amp;").replace(b"<![CDATA[", b"&lt;![CDATA[")
        xml = xml.replace(b"]]>", b"]]&gt;")
    parser = etree.XMLParser(
        encoding=_CHARSETS[charset],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(xml.strip(), parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return None
    if root.tag != "DATA" or root.getroottree().docinfo.internalDTD is not None:
        return None
    name = _text(root, "CAMPAIGN_NAME")
    if name is not None and len(name) > MAX_NAME_LENGTH:
        return None
    return Flow(
        client=_text(root, "CLIENT"),
        campaign_name=name,
        date=_text(root, "DATE"),
        mail_notif=_text(root, "MAIL_NOTIF"),
        msgclass=_text(root, "MSGCLASS"),
        message=_text(root, "MESSAGE"),
        media={tag: medium for tag in _MEDIA if (medium := _medium(root, tag)) is not None},
        numbers=_numbers(root),
    )


def _numbers(root: etree._Element) -> tuple[str, ...]:
    elements = root.iterchildren("MOBILEPHONE")
    return tuple(["" if len(element) else (element.text or "").strip() for element in elements])


_MEDIA = ("IMAGE", "VIDEO", "SON")


def _text(parent: etree._Element, tag: str) -> str | None:
    found = parent.find(tag)
    return None if found is None else (found.text or "").strip()


def _medium(root: etree._Element, tag: str) -> MediumTag | None:
    found = root.find(tag)
    if found is None:
        return None
    blank = not len(found) and not (found.text or "").strip()
    if tag == "IMAGE":  # the address itself; VIDEO and SON hold URL and DUREE
        return MediumTag(tag, (found.text or "").strip(), None, blank)
    return MediumTag(tag, _text(found, "URL") or "", _text(found, "DUREE"), blank)


def length(message: str, *, in_bytes: bool) -> int:
    r"""Count a message as §1.3 does: a line break is two; a literal ``\n`` is two already."""
    text = _LINE_END.sub("\n", message)
    return (len(text.encode()) if in_bytes else len(text)) + text.count("\n")


def as_shown(message: str, newline: str = "both") -> str:
    r"""What a phone shows (§1.3): € becomes E; ``\n`` and line ends become a line break.

    Where only one of the two is a line break, ``\n`` stands as it is, or a line end is a blank.
    """
    text = _LINE_END.sub(" " if newline == "literal" else "\n", message)
    return (text if newline == "lf" else text.replace(r"\n", "\n")).replace("€", "E")


FIELDS: Final = ("Status", "StatusText", "Credits", "UnvalidNums", "CampaignID", "IDs")


@dataclass(frozen=True)
class AnswerFields:
    """An answer before it becomes bytes: ``Key=value`` lines and how they are written."""

    fields: tuple[tuple[str, str], ...]
    preamble: str = ""
    newline: str = "\n"
    blank_lines: bool = False
    final_newline: bool = True
    charset: str = "UTF-8"

    @property
    def content_type(self) -> str:
        """``text/html`` whatever it holds; a charset only if it is true."""
        return "text/html; charset=UTF-8" if self.charset == "UTF-8" else "text/html"

    @property
    def status(self) -> int | None:
        """The status the answer claims, if it says one."""
        value = dict(self.fields).get("Status")
        return None if value is None else int(value)

    def to_bytes(self) -> bytes:
        """Write the answer out."""
        between = self.newline * (2 if self.blank_lines else 1)
        text = self.preamble + between.join(f"{key}={value}" for key, value in self.fields)
        return (text + self.newline * self.final_newline).encode(self.charset, "replace")


def status_text(status: int, *, needed: int | None = None, available: int | None = None) -> str:
    """Return the text of a sending status (§2.2), for 104 with its two figures."""
    known = SENDING.get(status)
    text = known.text if known else ""
    if needed is not None:
        text = text.replace("XX", str(needed), 1).replace("XX", str(available), 1)
    return text


def accepted(
    status: int,
    *,
    credits_left: int,
    numbers: tuple[str, ...],
    refused: tuple[str, ...],
    campaign_id: str | None,
    ids: tuple[str, ...] | None = None,
) -> AnswerFields:
    """Answer 100 or 101 (§2): refused numbers echoed as written, accepted ones in national form.

    ``numbers`` are canonical (``336...``); ``campaign_id`` is None if the account is not pro.
    """
    own_ids = [""] * len(numbers) if ids is None else [f"<ID>{own}</ID>" for own in ids]
    customers = [
        f"<CUSTOMER>{own}<MOBILEPHONE>0{number[2:]}</MOBILEPHONE></CUSTOMER>"
        for own, number in zip(own_ids, numbers, strict=True)
    ]
    fields = [
        ("Status", str(status)),
        ("StatusText", status_text(status)),
        ("Credits", str(credits_left)),
        ("UnvalidNums", "|".join(" ".join(number.split()) for number in refused)),
        ("CampaignID", campaign_id or ""),
        ("IDs", f"<RECOVERIDS>{''.join(customers)}</RECOVERIDS>"),
    ]
    return AnswerFields(tuple(field for field in fields if campaign_id or field[0] != "CampaignID"))


def refused(
    status: int, *, needed: int | None = None, available: int | None = None
) -> AnswerFields:
    """Answer an error (§2.2): the status and its text, nothing else."""
    text = status_text(status, needed=needed, available=available)
    return AnswerFields((("Status", str(status)), ("StatusText", text)))


def account_answer(status: int, *, credits_left: int | None = None) -> AnswerFields:
    """Answer the account tool (§3.2), whose example has a blank after ``StatusText=``.

    102 and 105 are not in its table; its script is the SMS one, which knows them.
    """
    known = ACCOUNT.get(status) or SENDING[status]
    fields = [("Status", str(status)), ("StatusText", f" {known.text}")]
    if credits_left is not None:
        fields.append(("Credits", str(credits_left)))
    return AnswerFields(tuple(fields))
