"""What a campaign sends: text, image, video, sound, sound with image; checked when built. Pure.

Source: §1.2. Every broken rule of a content is reported at once, as one line of a
`mmsbatch.errors.CampaignError`. Nothing given is ever changed: an address or a text goes out as it
was written.
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    ValidationError,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from mmsbatch import spec
from mmsbatch.campaign import media
from mmsbatch.campaign import message as messages
from mmsbatch.campaign.message import ARTICLES
from mmsbatch.errors import BrokenRules, CampaignError, nearest, shown
from mmsbatch.spec import ContentKind, MediumLimits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_NEEDED = {
    "string_type": "a text (str) is needed",
    "int_type": "a whole number (int) is needed",
    "bool_type": "True, False or None is needed",
}


def require(rules: Iterable[str]) -> None:
    """Raise `BrokenRules` if there is any broken rule."""
    found = tuple(rules)
    if found:
        raise BrokenRules(*found)


def reported(
    error: ValidationError, what: str, fields: Sequence[str], place: str = "campaign"
) -> CampaignError:
    """Write pydantic's findings as this package's error, one broken rule a line.

    Parameters
    ----------
    error
        What pydantic found.
    what
        What was being built, as in "an image".
    fields
        Its fields in the order of its arguments.
    place
        Where it stands in a campaign.
    """
    lines = [
        f"{field}: {rule}"
        for detail in error.errors()
        for field, rule in _lines(detail, what, fields, place)
    ]
    return CampaignError("\n".join(lines))


def _lines(
    detail: ErrorDetails, what: str, fields: Sequence[str], place: str
) -> Iterable[tuple[str, str]]:
    given, kind = detail["loc"][0], detail["type"]
    takes = f"{what} takes {', '.join(fields)}"
    if kind == "unexpected_positional_argument":
        yield place, f"one value too many, {shown(detail['input'])}; {takes}."
        return
    name = fields[given] if isinstance(given, int) else given
    field = f"{place}.{name}"
    broken = detail.get("ctx", {}).get("error")
    if isinstance(broken, BrokenRules):
        yield from ((field, rule) for rule in broken.rules)
    elif kind in ("missing", "missing_argument"):
        yield field, f"missing; {takes} (§1.2)."
    elif kind == "unexpected_keyword_argument":
        yield field, f"not used by {what} (§1.2); {takes}.{nearest(name, fields)}"
    elif kind == "multiple_argument_values":
        yield field, f"given twice; {takes}."
    else:
        needed = _NEEDED.get(kind, detail["msg"])
        yield field, f"{needed} (§1.2); found {shown(detail['input'])}."


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import ModelWrapValidatorHandler

STRICT: Final = ConfigDict(strict=True, extra="forbid")
"""No value is turned into another type: "5" and True are not numbers."""


def _obeys(rule: Callable[..., Iterator[str]], *medium: MediumLimits) -> AfterValidator:
    """Make pydantic apply a rule to a field and return the value back as it was."""

    def check(value: Any) -> Any:
        require(rule(value, *medium))
        return value

    return AfterValidator(check)


def _duration(value: Any, _handler: object) -> Any:
    require(media.duration_rules(value))
    return value


_Duration = Annotated[int | str, WrapValidator(_duration)]
_ImageUrl = Annotated[str, _obeys(media.url_rules, spec.IMAGE)]
_VideoUrl = Annotated[str, _obeys(media.url_rules, spec.VIDEO)]
_SoundUrl = Annotated[str, _obeys(media.url_rules, spec.SOUND)]
_ImageBytes = Annotated[int | None, _obeys(media.size_rules, spec.IMAGE)]
_VideoBytes = Annotated[int | None, _obeys(media.size_rules, spec.VIDEO)]
_SoundBytes = Annotated[int | None, _obeys(media.size_rules, spec.SOUND)]

MEDIA: Final = {"image": spec.IMAGE, "video": spec.VIDEO, "sound": spec.SOUND}
"""The limits of each medium, by the field that has its address."""


@dataclass(frozen=True, config=STRICT)
class _Captioned:
    """What the five contents share: a message, and errors and warnings that list everything."""

    kind: ClassVar[ContentKind]

    message: str

    @field_validator("message")
    @classmethod
    def _message(cls, value: str) -> str:
        require(messages.broken_rules(value, cls.kind))
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return build(given)
        except ValidationError as error:
            names = [one.name for one in fields(cls)]
            raise reported(error, ARTICLES[cls.kind], names) from None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What breaks no rule and may go wrong all the same; each names field and section."""
        return tuple(f"campaign.{name}: {doubt}" for name, doubt in self._doubts())

    def _doubts(self) -> Iterator[tuple[str, str]]:
        yield from (("message", doubt) for doubt in messages.doubts(self.message, self.kind))
        for name, medium in MEDIA.items():
            url, size = getattr(self, name, None), getattr(self, f"{name}_bytes", None)
            if url is not None:
                yield from ((name, doubt) for doubt in media.url_doubts(url))
                yield from ((f"{name}_bytes", doubt) for doubt in media.size_doubts(size, medium))


@dataclass(frozen=True, config=STRICT)
class Text(_Captioned):
    """A text of at most 1,000 characters; a line break counts twice.

    Parameters
    ----------
    message
        Plain text, or a template that names columns (`mmsbatch.campaign.template`).

    Raises
    ------
    CampaignError
        Lists every broken rule: field, limit, what was found, section.

    Notes
    -----
    Source: §1.2, §1.3.
    """

    kind: ClassVar[ContentKind] = ContentKind.TEXT


@dataclass(frozen=True, config=STRICT)
class Image(_Captioned):
    """An image (GIF or JPEG) with a message of at most 100 characters.

    Parameters
    ----------
    message
        As in `Text`.
    image
        Address of the image: ``http://``, ASCII, no ``&``; ends in .gif, .jpg or .jpeg.
    image_bytes
        Size of the image in bytes, when known: checked, never sent.

    Raises
    ------
    CampaignError
        As in `Text`.

    Notes
    -----
    Source: §1.2.
    """

    kind: ClassVar[ContentKind] = ContentKind.IMAGE

    image: _ImageUrl
    image_bytes: _ImageBytes = field(default=None, kw_only=True)


@dataclass(frozen=True, config=STRICT)
class Video(_Captioned):
    """A video (3GP) with a message of at most 100 characters.

    Parameters
    ----------
    message
        As in `Text`.
    video
        Address of the video: ``http://``, ASCII, no ``&``; ends in .3gp.
    duration_s
        Length of the video, 1 to 1000 whole seconds.
    video_bytes
        Size of the video in bytes, when known: checked, never sent.

    Raises
    ------
    CampaignError
        As in `Text`.

    Notes
    -----
    Source: §1.2.
    """

    kind: ClassVar[ContentKind] = ContentKind.VIDEO

    video: _VideoUrl
    duration_s: _Duration
    video_bytes: _VideoBytes = field(default=None, kw_only=True)


@dataclass(frozen=True, config=STRICT)
class Sound(_Captioned):
    """A sound (MIDI or AMR) with a message of at most 100 characters.

    Parameters
    ----------
    message
        As in `Text`.
    sound
        Address of the sound: ``http://``, ASCII, no ``&``; ends in .mid or .amr.
    duration_s
        Length of the sound, 1 to 1000 whole seconds.
    sound_bytes
        Size of the sound in bytes, when known: checked, never sent.

    Raises
    ------
    CampaignError
        As in `Text`.

    Notes
    -----
    Source: §1.2.
    """

    kind: ClassVar[ContentKind] = ContentKind.SOUND

    sound: _SoundUrl
    duration_s: _Duration
    sound_bytes: _SoundBytes = field(default=None, kw_only=True)


@dataclass(frozen=True, config=STRICT)
class SoundImage(_Captioned):
    """A sound with an image and a message of at most 100 characters.

    Parameters
    ----------
    message
        As in `Text`.
    image, image_bytes
        As in `Image`.
    sound, duration_s, sound_bytes
        As in `Sound`.

    Raises
    ------
    CampaignError
        As in `Text`.

    Notes
    -----
    Source: §1.2, in its prose only: no example shows this kind.
    """

    kind: ClassVar[ContentKind] = ContentKind.SOUND_IMAGE

    image: _ImageUrl
    sound: _SoundUrl
    duration_s: _Duration
    image_bytes: _ImageBytes = field(default=None, kw_only=True)
    sound_bytes: _SoundBytes = field(default=None, kw_only=True)


Content = Text | Image | Video | Sound | SoundImage

CONTENTS: Final[dict[ContentKind, type[Content]]] = {
    one.kind: one for one in (Text, Image, Video, Sound, SoundImage)
}
