"""A campaign's contents by person: A, B, … and those who get none, to compare with. Pure.

Who gets what is decided by a keyed hash of the number alone. So a person keeps a variant whatever
else is in the export, however often it is made, and on every machine.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import field, fields
from itertools import accumulate
from math import isclose
from typing import TYPE_CHECKING, Any, Final, Self, get_args

import numpy as np
from pydantic import ValidationError, field_validator, model_validator
from pydantic.dataclasses import dataclass

from mmsbatch.campaign.content import STRICT, Content, reported, require
from mmsbatch.errors import BrokenRules, CampaignError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from pydantic import ModelWrapValidatorHandler

HELD_OUT: Final = "held_out"
"""The problem of a row that is not written to, so that others can be compared with it; in
``mms_variant`` too."""
SPLIT_PROBLEMS: Final = {
    HELD_OUT: (
        "the campaign's split keeps this person from being written to, to compare with",
        "nothing; who is held out is decided by the number and the split's key",
    ),
}

_WHOLE: Final = 100.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,20}")
_HASH_BITS: Final = 64


@dataclass(frozen=True, config=STRICT)
class Split:
    """Which part of the people gets which content.

    Parameters
    ----------
    variants
        The contents by name, as in ``{"A": mms.Text("…"), "B": mms.Image("…", "http://…")}``. None:
        all who are not held out get the campaign's content.
    hold_out
        Per cent of the people who get nothing: their rows become ``held_out``.
    shares
        Per cent of the people by variant; with `hold_out` they add up to 100. None: equal parts of
        those who are not held out.
    key
        Another key gives another split. Empty: the campaign's name. Campaigns with one key give the
        same people the same place.

    Raises
    ------
    CampaignError
        Lists every broken rule.

    Notes
    -----
    A number's place is HMAC-SHA-256 with the key over its digits (``33639980012``), the first eight
    bytes as a fraction of their range: below `hold_out` it is held out, then come the variants in
    their order.
    """

    variants: Mapping[str, Content] = field(default_factory=dict)
    hold_out: float = field(default=0.0, kw_only=True)
    shares: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    key: str = field(default="", kw_only=True)

    @field_validator("variants", mode="plain")
    @classmethod
    def _named_contents(cls, given: Any) -> dict[str, Content]:
        if not isinstance(given, Mapping):
            raise BrokenRules(f"contents by name are needed; found {shown(given)}.")
        require(_variant_rules(given))
        return dict(given)

    @field_validator("hold_out", mode="plain")
    @classmethod
    def _percent(cls, given: Any) -> float:
        require(_percent_rules(given, least=0.0))
        return float(given)

    @field_validator("shares", mode="plain")
    @classmethod
    def _percents(cls, given: Any) -> dict[str, float]:
        if not isinstance(given, Mapping):
            raise BrokenRules(f"per cent by variant are needed; found {shown(given)}.")
        for name, share in given.items():
            require(f"{name}: {rule}" for rule in _percent_rules(share))
        return {str(name): float(share) for name, share in given.items()}

    @model_validator(mode="after")
    def _fit_each_other(self) -> Self:
        if rules := [*self._rules()]:
            raise CampaignError("\n".join(f"campaign.split: {rule}" for rule in rules))
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return build(given)
        except ValidationError as error:
            names = [one.name for one in fields(cls)]
            raise reported(error, "a split", names, "campaign.split") from None

    def __hash__(self) -> int:
        return hash((*self.variants.items(), *self._percents_in_order(), self.key))

    def _rules(self) -> Iterator[str]:
        if not self.variants and not self.hold_out:
            yield "variants, a hold_out or both are needed; found neither."
        if self.shares and self.shares.keys() != self.variants.keys():
            yield (
                f"a share for each variant ({', '.join(self.variants) or 'there is none'}), or for "
                f"none; found {', '.join(self.shares)}."
            )
        elif self.shares and not isclose(sum(self.shares.values()) + self.hold_out, _WHOLE):
            yield (
                "shares and hold_out must add up to 100; found "
                f"{sum(self.shares.values()) + self.hold_out:g}."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The variants' names in order; an empty one if all get the campaign's content."""
        return tuple(self.variants) or ("",)

    @property
    def first(self) -> Content:
        """The content of the first variant."""
        return self.variants[self.names[0]]

    def places(self, numbers: npt.NDArray[np.int64], name: str) -> npt.NDArray[np.int8]:
        """Return each number's place in `names`; -1 where it is held out.

        Parameters
        ----------
        numbers
            33639980012; 0 where there is none, which has the first place.
        name
            The campaign's, for a split that has no key of its own.
        """
        key = (self.key or name).encode()
        distinct, inverse = np.unique(numbers, return_inverse=True)
        begins = b"".join(
            hmac.digest(key, b"%d" % number, hashlib.sha256)[: _HASH_BITS // 8]
            for number in distinct.tolist()
        )
        fractions = np.frombuffer(begins, dtype=">u8").astype(np.float64) / 2.0**_HASH_BITS * _WHOLE
        begins_at = [*accumulate(self._percents_in_order()[:-1], initial=self.hold_out)]
        found = np.searchsorted(begins_at, fractions, side="right") - 1
        return np.where(numbers > 0, found[inverse], 0).astype(np.int8)

    def _percents_in_order(self) -> list[float]:
        equal = (_WHOLE - self.hold_out) / len(self.names)
        return [self.shares.get(one, equal) for one in self.names]

    def canonical(self) -> dict[str, Any]:
        """Return who gets which variant as a mapping that goes to JSON unchanged."""
        found: dict[str, Any] = {"hold_out": self.hold_out, "key": self.key}
        if self.variants:
            found["shares"] = dict(zip(self.names, self._percents_in_order(), strict=True))
        return found


def _variant_rules(given: Mapping[Any, Any]) -> Iterator[str]:
    if len(given) == 1:
        yield "two variants or more are needed, or none; found one."
    for name, content in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name == HELD_OUT:
            yield (
                "a variant's name is 1 to 20 letters, digits, _ and -, and not "
                f"{HELD_OUT}; found {shown(name)}."
            )
        if not isinstance(content, get_args(Content)):
            yield f"{name}: a content is needed; found {shown(content)}."


def _percent_rules(given: Any, least: float | None = None) -> Iterator[str]:
    if isinstance(given, bool) or not isinstance(given, int | float):
        yield f"per cent (a number) are needed; found {shown(given)}."
    elif not (0 < given < _WHOLE or given == least):
        above = "from 0" if least == 0 else "above 0"
        yield f"per cent {above} and below 100 are needed; found {given:g}."
