"""What the gateway refuses of a request, and the options that change it (§1, §2). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from mmsbatch.sandbox.protocol import Flow, MediumTag, length


class MediaFact(BaseModel):
    """What the gateway would find at the address of a medium. Nothing is ever downloaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_bytes: Annotated[int, Field(ge=0)] = 10_000
    """Size of the file; too large is status 115."""
    reachable: bool = True
    """The host answers. If not: 116 for an image, 114 for a video or a sound."""
    downloadable: bool = True
    """The file can be fetched. If not: 117 for an image, 114 for a video or a sound."""


class AnotherAccount(BaseModel):
    """A further account of the sandbox; the cost of a number and all else are as for the first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passcode: SecretStr
    """Anything else is status 102."""
    credits: int = 100_000
    """Credits at the start."""
    mms_authorised: bool = True
    """False: every sending request of it is status 200."""
    active: bool = True
    """False: the account tool answers 303, and sending 200."""


class SandboxOptions(BaseModel):
    """The account of the sandbox, and which reading of the document it plays.

    The defaults take what the document takes, in the widest of its contradictory readings, from
    one account ``demo`` / ``demo`` with 100,000 credits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    # ----- the account (§1.1, §2, §3) -----
    login: Annotated[str, Field(min_length=1)] = "demo"
    """``clientcode``; the CLIENT tag must hold it in capitals (§1.2.1)."""
    passcode: SecretStr = SecretStr("demo")
    """``passcode``; anything else is status 102."""
    credits: int = 100_000
    """Credits at the start. None left is 103; fewer than a request costs is 104."""
    cost_per_recipient: Annotated[int, Field(ge=0)] = 1
    """Credits one number costs."""
    mms_authorised: bool = True
    """False: every sending request is status 200."""
    active: bool = True
    """False: the account tool answers 303, and sending 200, the nearest status of its table."""
    pro: bool = True
    """False: answers have no CampaignID line (§2)."""
    others: Mapping[str, AnotherAccount] = Field(default_factory=dict)
    """Further accounts by login, each with credits of its own."""
    other_logins: frozenset[str] = frozenset()
    """Logins that exist but belong to others: the account tool answers 302 for them."""
    active_status: Literal[300, 100] = 300
    """Which of its two codes the account tool uses for an active account (§3.3, §3.2)."""
    blacklist: frozenset[str] = frozenset()
    """Numbers (any accepted form) that opted out: they come back in UnvalidNums under status 100,
    or under 123 when no other number is left."""

    # ----- the reading of the document -----
    strict: bool = False
    """The letter of the document: 06 numbers only (§1.4), the smaller of two size limits (§1.2)."""
    class_4: bool = True
    """False: MSGCLASS 4, which only the prose of §1.2 knows, is status 109."""
    any_host: bool = False
    """True: media addresses need only begin with ``http://``, not ``http://www.`` (§1.2)."""
    count_bytes: bool = False
    """True: the length of a message is counted in UTF-8 bytes, as PHP's ``strlen`` does."""
    charset: Literal["utf-8", "latin-1", "cp1252"] = "utf-8"
    """How XMLFlow is decoded; the other two show and count an UTF-8 ``é`` as two characters."""
    newline: Literal["both", "lf", "literal"] = "both"
    """What a line break is: a line feed, the two characters ``\\n``, or both (§1.3)."""
    naive_xml: bool = False
    """True: tags are cut out of the text; entities and CDATA sections are not decoded."""
    collapse_duplicates: bool = False
    """True: a repeated number is sent, charged and listed once."""
    with_ids: bool = False
    """True: CUSTOMER holds an ``<ID>``, as §2 promises and its example omits."""

    # ----- the world -----
    media: Mapping[str, MediaFact] = Field(default_factory=dict)
    """What is found at an address; an address not named exists and is small."""
    latency_ms: Annotated[int, Field(ge=0)] = 0
    """Milliseconds every answer of the gateway's two scripts takes."""

    def account(self, login: str) -> AnotherAccount | None:
        """Return what is asked of whoever gives a login; None if no account has it."""
        if login == self.login:
            return AnotherAccount(
                passcode=self.passcode,
                credits=self.credits,
                mms_authorised=self.mms_authorised,
                active=self.active,
            )
        return self.others.get(login)


SWITCHES = tuple(
    name
    for name, field in SandboxOptions.model_fields.items()
    if field.annotation is bool and field.default is False
)
"""The options a fault can switch on for one request."""

PARIS: Final = ZoneInfo("Europe/Paris")
"""§1.2 gives no zone: the service is French, so its clock is."""

KINDS: Final = {"0": "text", "1": "image", "2": "video", "3": "sound", "4": "sound+image"}
_BLOCKS: Final = {"0": (), "1": ("IMAGE",), "2": ("VIDEO",), "3": ("SON",), "4": ("IMAGE", "SON")}
_MAX_LENGTH: Final = {"0": 1000, "1": 100, "2": 100, "3": 100, "4": 100}  # §1.2
_EXTENSIONS: Final = {
    "IMAGE": (".gif", ".jpg", ".jpeg"),
    "VIDEO": (".3gp",),
    "SON": (".mid", ".amr"),
}  # §1.2, §5
_SIZES: Final = {"IMAGE": (600, 1000), "VIDEO": (299, 600), "SON": (99, 600)}
"""Ko; both figures of §1.2."""
_KO: Final = 1024
_MAX_DURATION_S: Final = 1000  # §1.2, and 0 is inside
_ADDRESS = re.compile(r"http://www\.[A-Za-z0-9][!-%'-Z^-~\\]*")  # printable ASCII without & [ ]
_ADDRESS_ANY_HOST = re.compile(r"http://[A-Za-z0-9][!-%'-Z^-~\\]*")
_DURATION = re.compile(r"[0-9]{1,4}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_MOBILE = re.compile(r"(?:\+33|33|0)([67][0-9]{8})")
_MOBILE_STRICT = re.compile(r"(?:\+33|33|0)(6[0-9]{8})")  # the table of §1.4


def canonical(number: str) -> str | None:
    """Return ``336...`` for one of the three forms of §1.4, else None. ``07`` counts as ``06``."""
    found = _MOBILE.fullmatch(number)
    return f"33{found[1]}" if found else None


@dataclass(frozen=True)
class Case:
    """Everything a check may look at."""

    options: SandboxOptions
    login: str
    passcode: str = field(repr=False)
    xml_given: bool
    flow: Flow | None
    credits: int
    now: datetime

    @property
    def account(self) -> AnotherAccount | None:
        """The account, if login and passcode are one's."""
        account = self.options.account(self.login)
        if account is None or self.passcode != account.passcode.get_secret_value():
            return None
        return account

    @property
    def sheet(self) -> Flow:
        """The flow, once check 106 has passed."""
        if self.flow is None:
            raise AssertionError("read before check 106")  # pragma: no cover
        return self.flow

    @property
    def media(self) -> tuple[MediumTag, ...]:
        """The blocks the class asks for; those it does not use are ignored."""
        sheet = self.sheet
        return tuple(sheet.media[tag] for tag in _BLOCKS[sheet.msgclass or ""])

    @cached_property
    def scheduled_for(self) -> datetime | None:
        """DATE as Paris wall time, if it lies in the future; otherwise the send is at once."""
        date = self.sheet.date
        when = None if date is None else datetime.fromisoformat(date).replace(tzinfo=PARIS)
        return when if when is not None and when > self.now else None

    @cached_property
    def sorted_numbers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The numbers taken, canonical, and those refused, as written; both in request order."""
        match = (_MOBILE_STRICT if self.options.strict else _MOBILE).fullmatch
        opted_out = {canonical(number) for number in self.options.blacklist}
        taken, refused = [], []
        for number in self.sheet.numbers:
            found = match(number)
            if found is None or (known := f"33{found[1]}") in opted_out:
                refused.append(number)
            else:
                taken.append(known)
        if self.options.collapse_duplicates:
            taken = list(dict.fromkeys(taken))
        return tuple(taken), tuple(refused)

    @property
    def cost(self) -> int:
        """Credits this request takes."""
        return len(self.sorted_numbers[0]) * self.options.cost_per_recipient


def judge(case: Case) -> int:
    """Return the one status of a request (§2.2): the first check that fails, else 100 or 101."""
    for status, fails in CHECKS:
        if fails(case):
            return status
    return 100 if case.scheduled_for is None else 101


def _fact(case: Case, medium: MediumTag) -> MediaFact:
    return case.options.media.get(medium.url, MediaFact())


def _content_missing(case: Case) -> bool:
    if not case.sheet.message:
        return True
    blocks = (case.sheet.media.get(tag) for tag in _BLOCKS[case.sheet.msgclass or ""])
    return any(block is None or block.blank for block in blocks)


def _too_long(case: Case) -> bool:
    counted = length(case.sheet.message or "", in_bytes=case.options.count_bytes)
    return counted > _MAX_LENGTH[case.sheet.msgclass or ""]


def _bad_address(case: Case, medium: MediumTag) -> bool:
    pattern = _ADDRESS_ANY_HOST if case.options.any_host else _ADDRESS
    return not pattern.fullmatch(medium.url)


def _bad_extension(_: Case, medium: MediumTag) -> bool:
    return not urlsplit(medium.url).path.lower().endswith(_EXTENSIONS[medium.tag])


def _too_big(case: Case, medium: MediumTag) -> bool:
    smaller, larger = _SIZES[medium.tag]
    limit_ko = smaller if case.options.strict else larger
    return _fact(case, medium).size_bytes > limit_ko * _KO


def _bad_duration(_: Case, medium: MediumTag) -> bool:
    if medium.duration is None:  # an image
        return False
    return not _DURATION.fullmatch(medium.duration) or int(medium.duration) > _MAX_DURATION_S


def _bad_date(case: Case) -> bool:
    date = case.sheet.date
    if date is None:
        return False
    try:
        datetime.fromisoformat(date)
    except ValueError:
        return True
    return not _DATE.fullmatch(date)


def _some(fails: Callable[[Case, MediumTag], bool]) -> Callable[[Case], bool]:
    return lambda case: any(fails(case, medium) for medium in case.media)


CHECKS: Final[tuple[tuple[int, Callable[[Case], bool]], ...]] = (
    (102, lambda c: c.account is None),
    (200, lambda c: c.account is None or not (c.account.mms_authorised and c.account.active)),
    (103, lambda c: c.credits <= 0),
    (105, lambda c: not c.xml_given),
    (106, lambda c: c.flow is None),
    (107, lambda c: c.sheet.client != c.login.upper()),
    (108, lambda c: not c.sheet.msgclass),
    (109, lambda c: c.sheet.msgclass not in KINDS
        or (c.sheet.msgclass == "4" and not c.options.class_4)),
    (110, _content_missing),
    (111, _too_long),
    (118, _some(lambda _, m: not m.url)),
    (113, _some(_bad_address)),
    (112, _some(_bad_extension)),
    (116, _some(lambda c, m: m.tag == "IMAGE" and not _fact(c, m).reachable)),
    (117, _some(lambda c, m: m.tag == "IMAGE" and not _fact(c, m).downloadable)),
    (114, _some(lambda c, m: not (_fact(c, m).reachable and _fact(c, m).downloadable))),
    (115, _some(_too_big)),
    (119, _some(lambda _, m: m.tag != "IMAGE" and not m.duration)),
    (120, _some(_bad_duration)),
    (121, _bad_date),
    (122, lambda c: not c.sheet.numbers or "" in c.sheet.numbers),
    (123, lambda c: not c.sorted_numbers[0]),
    (104, lambda c: c.cost > c.credits),
)  # fmt: skip
