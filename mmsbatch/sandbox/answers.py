"""The texts the gateway answers with, as fields that a fault can still disturb. Pure. (§2, §3.2).

One key a line, ended by a newline: the document's own ``extract_param`` (§2.1) needs exactly that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mmsbatch.spec import ACCOUNT, SENDING

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
        """``text/html`` whatever it holds; a charset only where it is true."""
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
    """Give the text of a sending status (§2.2), for 104 with its two figures."""
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

    ``numbers`` are canonical (``336...``); ``campaign_id`` is None where the account is not pro.
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


def account(status: int, *, credits_left: int | None = None) -> AnswerFields:
    """Answer the account tool (§3.2), whose example has a blank after ``StatusText=``.

    102 and 105 are not in its table; its script is the SMS one, which knows them.
    """
    known = ACCOUNT.get(status) or SENDING[status]
    fields = [("Status", str(status)), ("StatusText", f" {known.text}")]
    if credits_left is not None:
        fields.append(("Credits", str(credits_left)))
    return AnswerFields(tuple(fields))
