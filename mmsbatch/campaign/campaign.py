"""A campaign: its name, its content, when it is sent; checked when built. Pure. Source: §1.2.

The contents are in `mmsbatch.campaign.content`, the file in `mmsbatch.campaign.file`.
"""

from __future__ import annotations

import re
from dataclasses import field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

from pydantic import ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from mmsbatch import errors, spec
from mmsbatch.campaign.consent import Consent
from mmsbatch.campaign.content import (
    MEDIA,
    STRICT,
    Content,
    Image,
    Sound,
    SoundImage,
    Text,
    Video,
    reported,
    require,
)
from mmsbatch.campaign.message import (
    illegal_character,
    is_blank,
    unencodable,
    with_line_feeds,
)
from mmsbatch.campaign.rendering import content_columns
from mmsbatch.campaign.split import Split
from mmsbatch.errors import CampaignError, nearest
from mmsbatch.times import PARIS, happens_twice, instant, wall_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import ModelWrapValidatorHandler

__all__ = [
    "Campaign",
    "Consent",
    "Content",
    "Image",
    "Sound",
    "SoundImage",
    "Split",
    "Text",
    "Video",
]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9 _-]{1,50}")
_CONTROL = re.compile(r"[\x00-\x1f]")
PURPOSES: Final = ("commercial", "service")
ONE_PER: Final = ("number", "message")
ENCODINGS: Final = ("utf-8", "cp1252")
NEWLINES: Final = ("lf", "literal")
PREFIXES: Final = ("6", "7")
"""First digits of French mobile numbers; the gateway's document knows 06 only (§1.4)."""
PREFIX_PROBLEMS: Final = {
    "prefix_not_taken": (
        "the campaign's prefixes say that the gateway takes no numbers that begin like this one",
        "nothing; or add the digit to prefixes, if the gateway does take them",
    ),
}


def prefix_rules(given: object) -> Iterator[str]:
    """Return what is wrong with a campaign's prefixes."""
    listed = list(given) if isinstance(given, list | tuple) else []
    if not listed or any(digit not in PREFIXES for digit in listed):
        yield f'a list of "6" and "7" is needed; found {errors.shown(given)}.'


def _name_rules(name: str) -> Iterator[str]:
    control = _CONTROL.search(name)
    illegal = f"U+{ord(control[0]):04X}" if control else illegal_character(name)
    if illegal is not None:
        yield (
            "a line of text without control characters is needed (§1.2); found "
            f"{illegal}. Remove it."
        )
    limit = spec.MAX_CAMPAIGN_NAME_LENGTH
    if is_blank(name):
        yield f"1 to {limit} characters (§1.2); found only blanks. Give the campaign a name."
    elif len(name) > limit:
        over = len(name) - limit
        yield f"1 to {limit} characters (§1.2); found {len(name)}. Shorten it by {over}."


@dataclass(frozen=True, config=STRICT)
class Campaign:
    """What is sent, under which name, and when.

    Parameters
    ----------
    name
        1 to 255 characters on one line; blanks around it are dropped. Every request carries it.
    content
        `Text`, `Image`, `Video`, `Sound` or `SoundImage`. Of a split with variants the first has
        its place.
    split
        Several contents to compare, or a part of the people who get nothing: a `Split`.
    send_at
        When the gateway is to send: a datetime or ``YYYY-MM-DD HH:MM:SS``, in whole seconds; None
        sends at once. A time without a zone is Paris wall time; one with a zone becomes Paris wall
        time. The attribute is always Paris wall time without a zone. In autumn one hour happens
        twice: the first is meant, ``fold`` is not looked at, and a warning says so, because the
        gateway is told no zone.
    notify_by_mail
        Whether the gateway mails the account's owner; None leaves it to the gateway.
    purpose
        ``"commercial"`` needs consent; ``"service"`` (an order is ready, a visit is confirmed)
        does not. None counts as commercial wherever people are written to.
    consent
        The column that says who has agreed, or a `Consent`: a row without a clear yes is not sent.
    one_per
        ``"number"``: a run reaches a number once, whatever the text. ``"message"``: once with each
        text, so that two children of one phone get an invitation each.
    encoding
        How the gateway reads the bytes of a request, which its document does not say: ``"utf-8"``
        or ``"cp1252"`` (Windows-1252). Where the other is true, people read Ã© for é.
    newline
        What it takes for a line break: ``"lf"``, a line feed, or ``"literal"``, a backslash and an
        n. Where the other is true, people see a blank, or the backslash and the n.
    prefixes
        First digits of the national numbers that the gateway takes: ``("6",)`` if it refuses 07,
        which its document does not know. Other rows become ``prefix_not_taken``.
    advertiser
        Whose name a commercial text has to hold; a plan warns of one that does not.
    way_out
        How a text offers a way out, if not with the word STOP; a plan warns of one that does not.

    Raises
    ------
    CampaignError
        Lists every broken rule on a line of its own: field, limit, what was found, section.

    Notes
    -----
    Source: §1.2.
    """

    name: str
    content: Content
    send_at: datetime | None = field(default=None, kw_only=True)
    notify_by_mail: bool | None = field(default=None, kw_only=True)
    purpose: str | None = field(default=None, kw_only=True)
    consent: Consent | None = field(default=None, kw_only=True)
    one_per: str = field(default="number", kw_only=True)
    encoding: str = field(default="utf-8", kw_only=True)
    newline: str = field(default="lf", kw_only=True)
    split: Split | None = field(default=None, kw_only=True)
    prefixes: tuple[str, ...] = field(default=PREFIXES, kw_only=True)
    advertiser: str | None = field(default=None, kw_only=True)
    way_out: str | None = field(default=None, kw_only=True)

    if TYPE_CHECKING:
        # What may be given is wider than what is kept.
        def __init__(
            self,
            name: str,
            content: Content | None = None,
            *,
            split: Split | None = None,
            send_at: datetime | str | None = None,
            notify_by_mail: bool | None = None,
            purpose: Literal["commercial", "service"] | None = None,
            consent: Consent | str | None = None,
            one_per: Literal["number", "message"] = "number",
            encoding: Literal["utf-8", "cp1252"] = "utf-8",
            newline: Literal["lf", "literal"] = "lf",
            prefixes: Sequence[str] = PREFIXES,
            advertiser: str | None = None,
            way_out: str | None = None,
        ) -> None: ...

    @field_validator("name")
    @classmethod
    def _trimmed(cls, name: str) -> str:
        name = name.strip()
        require(_name_rules(name))
        return name

    @field_validator("content", mode="plain")  # built contents were checked when built
    @classmethod
    def _one_of_five(cls, content: object) -> object:
        if not isinstance(content, get_args(Content)):
            known = ", ".join(one.__name__ for one in get_args(Content))
            raise errors.BrokenRules(
                f"one of {known} is needed (§1.2); found {errors.shown(content)}."
            )
        return content

    @field_validator("send_at", mode="before")
    @classmethod
    def _in_paris(cls, given: object) -> datetime | None:
        return None if given is None else wall_time(given)

    @field_validator("purpose")
    @classmethod
    def _known_purpose(cls, given: str | None) -> str | None:
        require(() if given is None else _word_rules(given, PURPOSES))
        return given

    @field_validator("consent", mode="before")
    @classmethod
    def _of_column(cls, given: object) -> Consent | None:
        try:
            return None if given is None else Consent.read(given)
        except CampaignError as error:  # a line for each broken rule, beginning with "consent"
            lines = str(error).split("\n")
            rules = (line.removeprefix("consent").lstrip(".: ") for line in lines)
            raise errors.BrokenRules(*rules) from None

    @field_validator("one_per")
    @classmethod
    def _number_or_message(cls, given: str) -> str:
        require(_word_rules(given, ONE_PER))
        return given

    @field_validator("encoding")
    @classmethod
    def _holds_the_texts(cls, given: str, info: ValidationInfo) -> str:
        require(_word_rules(given, ENCODINGS))
        content = info.data.get("content")
        texts = (info.data.get("name", ""), content.message if content else "")
        require(_encoding_rules(given, *texts))
        return given

    @field_validator("split", mode="plain")  # it was checked when built
    @classmethod
    def _of_these_contents(cls, given: object, info: ValidationInfo) -> object:
        if given is not None and not isinstance(given, Split):
            raise errors.BrokenRules(f"a Split is needed; found {errors.shown(given)}.")
        if given is None or not given.variants:
            return given
        if info.data.get("content", given.first) != given.first:
            raise errors.BrokenRules("its variants have contents of their own: leave content out.")
        if "encoding" in info.data:
            for name, content in given.variants.items():
                rules = _encoding_rules(info.data["encoding"], content.message)
                require(f"variants.{name}: {rule}" for rule in rules)
        return given

    @field_validator("newline")
    @classmethod
    def _lf_or_literal(cls, given: str) -> str:
        require(_word_rules(given, NEWLINES))
        return given

    @field_validator("prefixes", mode="before")
    @classmethod
    def _first_digits(cls, given: Any) -> tuple[str, ...]:
        require(prefix_rules(given))
        return tuple(digit for digit in PREFIXES if digit in given)

    @field_validator("advertiser", "way_out")
    @classmethod
    def _visible(cls, given: str | None) -> str | None:
        if given is not None and is_blank(given):
            raise errors.BrokenRules("a text is needed; found only blanks. Or leave it out.")
        return given

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(given, ArgsKwargs) and len(given.args) < 2:  # noqa: PLR2004  (name, content)
            named = dict(given.kwargs or {})
            split = named.get("split")
            if isinstance(split, Split) and split.variants and named.get("content") is None:
                given = ArgsKwargs(given.args, named | {"content": split.first})
        try:
            return build(given)
        except ValidationError as error:
            raise reported(error, "a campaign", [one.name for one in fields(cls)]) from None

    @property
    def contents(self) -> Mapping[str, Content]:
        """Every content by the name of its variant; under an empty name if there is only one."""
        return (self.split and self.split.variants) or {"": self.content}

    @property
    def kinds(self) -> tuple[spec.ContentKind, ...]:
        """The kinds of content, which may differ in price; each once."""
        return tuple(dict.fromkeys(one.kind for one in self.contents.values()))

    @property
    def texts(self) -> frozenset[str]:
        """The contents' messages and addresses, as the campaign has them."""
        return frozenset(
            value
            for content in self.contents.values()
            for name in ("message", *MEDIA)
            if (value := getattr(content, name, None))
        )

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the contents name."""
        return frozenset().union(*map(content_columns, self.contents.values()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What breaks no rule and may go wrong all the same; each names field and section."""
        of_contents = (
            f"{name}: {doubt}" if name else doubt
            for name, content in self.contents.items()
            for doubt in content.warnings
        )
        return (*(f"campaign.{doubt}" for doubt in self._doubts()), *of_contents)

    def _doubts(self) -> Iterator[str]:
        if not _PLAIN_NAME.fullmatch(self.name):
            yield (
                "name: only letters A-Z, digits, blanks, _ and - (at most 50) are certain to be "
                "taken; §1.2 does not say what else is [name]"
            )
        if self.content.kind is spec.ContentKind.SOUND_IMAGE:
            yield (
                "kind: sound+image is in the prose of §1.2 only, not in its example; it may be "
                "refused (status 109) [sound-image]"
            )
        if self.send_at is not None and happens_twice(self.send_at):
            yield (
                f"send_at: {self.send_at} happens twice in Paris, where the clocks go back; the "
                "first is meant, and the gateway may take the second (§1.2 knows no zone) "
                "[clock-change]"
            )
        if self.notify_by_mail:
            yield "notify_by_mail: one mail for each request of 200 is possible (§1.2, §2) [mails]"

    def check_schedule(self, now: datetime) -> None:
        """Check that there is still time to send.

        Parameters
        ----------
        now
            The present instant, with its zone; this package's core has no clock.

        Raises
        ------
        CampaignError
            ``send_at`` is not after ``now``; of an hour that happens twice, the first counts.
        ValueError
            ``now`` has no zone.

        Notes
        -----
        Source: §1.2. What the gateway does with a past time is not said; it may send at once.
        """
        if now.utcoffset() is None:
            raise ValueError("now must have a time zone: datetime.now(UTC)")
        if self.send_at is not None and instant(self.send_at) <= now:
            local = now.astimezone(PARIS).replace(tzinfo=None, microsecond=0)
            raise CampaignError(
                f"campaign.send_at: a time to come is needed (§1.2); found {self.send_at}, and in "
                f"Paris it is {local}. Choose a later time, or leave it out to send at once."
            )

    def canonical(self) -> dict[str, Any]:
        """Return what is sent as a mapping that goes to JSON unchanged.

        It is part of the definition of a plan's fingerprint, so it never changes for a campaign
        whose requests do not change: keys are sorted, what is absent is left out, line breaks are
        LF, a time is Paris wall time ``YYYY-MM-DD HH:MM:SS``. Known sizes are left out, because
        they are not sent.

        Returns
        -------
        dict
            ``{"content": {"kind", "message", …}, "name", "split", "notify_by_mail", "send_at",
            "purpose", "consent", "one_per", "encoding", "newline", "prefixes"}``.
        """
        whole: dict[str, Any] = {"content": _canonical(self.content), "name": self.name}
        if self.split is not None:
            contents = {name: _canonical(one) for name, one in self.split.variants.items()}
            whole["split"] = self.split.canonical() | {"contents": contents}
        if self.notify_by_mail is not None:
            whole["notify_by_mail"] = self.notify_by_mail
        if self.send_at is not None:
            whole["send_at"] = self.send_at.isoformat(sep=" ")
        if self.purpose is not None:
            whole["purpose"] = self.purpose
        if self.consent is not None:
            whole["consent"] = self.consent.canonical()
        if self.one_per != "number":
            whole["one_per"] = self.one_per
        if self.encoding != "utf-8":
            whole["encoding"] = self.encoding
        if self.newline != "lf":
            whole["newline"] = self.newline
        if self.prefixes != PREFIXES:
            whole["prefixes"] = list(self.prefixes)
        return whole


def _canonical(content: Content) -> dict[str, Any]:
    given = {
        one.name: getattr(content, one.name)
        for one in fields(content)
        if not one.name.endswith("_bytes")
    }
    given |= {"kind": str(content.kind), "message": with_line_feeds(content.message)}
    return dict(sorted(given.items()))


def _encoding_rules(encoding: str, *texts: str) -> Iterator[str]:
    found = next(filter(None, (unencodable(text, encoding) for text in texts)), None)
    if found:
        yield (
            f"{encoding} has no {found!r} (U+{ord(found):04X}), which the campaign's own text "
            "holds. Write it otherwise."
        )


def _word_rules(given: str, known: tuple[str, ...]) -> Iterator[str]:
    if given not in known:
        words = " or ".join(map(repr, known))
        yield f"{words} is needed; found {errors.shown(given)}.{nearest(given, known)}"
