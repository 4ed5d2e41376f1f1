"""The gateway's checks, in the order of its statuses: one request, one status. Pure. (§1, §2.2).

The order of :data:`CHECKS` follows the numbering of §2.2, with what concerns the account first and
an address before its extension before its download. The first check that fails is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from mmsbatch.sandbox.options import MediaFact, SandboxOptions
from mmsbatch.sandbox.reading import Flow, MediumTag, length

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
    """Give ``336...`` for one of the three forms of §1.4, else None. ``07`` counts as ``06``."""
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
        """DATE as Paris wall time, where it lies in the future; otherwise the send is at once."""
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
    """Give the one status of a request (§2.2): the first check that fails, else 100 or 101."""
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
    (102, lambda c: c.login != c.options.login
        or c.passcode != c.options.passcode.get_secret_value()),
    (200, lambda c: not (c.options.mms_authorised and c.options.active)),
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
