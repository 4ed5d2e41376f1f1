"""Who has agreed to be written to: a column of the contacts, and the words that mean yes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ConfigDict, ValidationError, field_validator, model_validator
from pydantic.dataclasses import dataclass

from mmsbatch.errors import BrokenRules, CampaignError, ContactsError, nearest, shown

if TYPE_CHECKING:
    from pydantic import ModelWrapValidatorHandler

YES: Final = ("oui", "o", "yes", "y", "true", "vrai", "1", "x", "ok", "optin", "opt-in")
NO: Final = ("non", "n", "no", "false", "faux", "0", "optout", "opt-out", "stop")
_MOST_NAMED: Final = 5


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Consent:
    """The column that says who has agreed to be written to, and how it says so.

    Parameters
    ----------
    column
        Its name in the contacts.
    yes, no
        The words, whatever their case. An empty cell is no consent either. A word that is in
        neither list is an error, because nobody knows what it means.

    Raises
    ------
    CampaignError
        A word is in both lists, or one of them is not a list of texts.
    """

    column: str
    yes: tuple[str, ...] = YES
    no: tuple[str, ...] = NO

    @field_validator("yes", "no", mode="before")
    @classmethod
    def _words(cls, given: object) -> object:
        if isinstance(given, str) or not isinstance(given, list | tuple):
            raise BrokenRules(f"a list of words is needed; found {shown(given)}.")
        if wrong := [word for word in given if not isinstance(word, str) or not word.strip()]:
            raise BrokenRules(f"words are needed; found {shown(wrong[0])}.")
        return tuple(dict.fromkeys(folded(word) for word in given))

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        # A word that is given as a yes is one, though it may be a no by default.
        if self.no == NO:
            object.__setattr__(self, "no", tuple(word for word in NO if word not in self.yes))
        elif self.yes == YES:
            object.__setattr__(self, "yes", tuple(word for word in YES if word not in self.no))
        if both := [word for word in self.yes if word in self.no]:
            raise BrokenRules(f"{both[0]!r} cannot mean both yes and no.")
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, given: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return build(given)
        except ValidationError as error:
            raise CampaignError("\n".join(_lines(error))) from None

    @classmethod
    def read(cls, given: object) -> Consent:
        """Take what a caller or a file gives: the column's name, or a mapping with its words.

        Raises
        ------
        CampaignError
            Says what is wrong with it.
        """
        if isinstance(given, Consent):
            return given
        return cls(**(given if isinstance(given, Mapping) else {"column": given}))

    def canonical(self) -> dict[str, Any]:
        """Return the column and the words as JSON's types."""
        return {"column": self.column, "yes": list(self.yes), "no": list(self.no)}

    def answers(self, contacts: pd.DataFrame) -> Answers:
        """Read the column.

        Raises
        ------
        ContactsError
            There is no such column, a cell holds a word of neither list, or no cell says yes.
        """
        if self.column not in contacts.columns:
            known = [str(name) for name in contacts.columns if not str(name).startswith("mms_")]
            raise ContactsError(
                f"there is no consent column {self.column!r}.{nearest(self.column, known)} "
                f"The columns are: {', '.join(map(repr, known))}"
            )
        codes, cells = pd.factorize(contacts[self.column])
        words = [folded(cell) for cell in cells]
        # The last place is that of a missing cell, whose code is -1.
        yes = np.array([*(word in self.yes for word in words), False])[codes]
        no = np.array([*(word in self.no for word in words), False])[codes]
        empty = np.array([*(not word for word in words), True])[codes]
        self._check_known(contacts[self.column], ~(yes | no | empty))
        return Answers(yes, no)

    def check_any(self, *, any_yes: bool) -> None:
        """Refuse a column in which nobody says yes: it is the wrong one, or read wrongly."""
        if not any_yes:
            raise ContactsError(
                f"no row of the consent column {self.column!r} says yes (yes is: "
                f"{', '.join(self.yes)}): is it the right column? If it has a word of its own for "
                f"yes, {self._own_words()}"
            )

    def _check_known(self, column: pd.Series, strange: npt.NDArray[np.bool_]) -> None:
        if not strange.any():
            return
        positions = np.flatnonzero(strange)
        word = shown(column.iloc[positions[0]])
        rows = ", ".join(map(str, column.index[positions[:_MOST_NAMED]]))
        more = f" and {len(positions) - _MOST_NAMED:,} more" if len(positions) > _MOST_NAMED else ""
        raise ContactsError(
            f"the consent column {self.column!r} holds {word}, which is neither yes "
            f"({', '.join(self.yes)}) nor no ({', '.join(self.no)}, or empty), in the rows "
            f"{rows}{more} (of the index, from 0): correct the cells or, if it is a word of its "
            f"own, {self._own_words()}"
        )

    def _own_words(self) -> str:
        return (
            f'write consent = {{column = "{self.column}", yes = ["…"], no = ["…"]}} in the '
            "campaign file"
        )


class Answers(NamedTuple):
    """What a consent column says: one answer per row."""

    yes: npt.NDArray[np.bool_]
    no: npt.NDArray[np.bool_]
    """A no in so many words; an empty cell is neither."""

    def refusing(self, numbers: Iterable[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
        """Return the numbers of the rows that say no, of one phone column or several.

        Parameters
        ----------
        numbers
            Of each phone column one array of shape (rows,); no more than 0 is no number.
        """
        said = np.unique(np.concatenate([column[self.no] for column in numbers]))
        return said[said > 0]

    def missing(
        self, numbers: Sequence[npt.NDArray[np.int64]], refusing: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Return the rows without consent: no yes, or a number of one that says no."""
        found = ~self.yes
        for column in numbers:
            found |= np.isin(column, refusing)
        return found


def folded(cell: Any) -> str:
    """Return a cell as a word is compared: 1, 1.0 and True are words like any other."""
    text = "" if pd.isna(cell) else str(cell).strip().casefold()
    return text.removesuffix(".0")


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for detail in error.errors():
        place = ".".join(str(part) for part in detail["loc"])
        name = f"consent.{place}" if place else "consent"
        broken = detail.get("ctx", {}).get("error")
        if isinstance(broken, BrokenRules):
            lines += [f"{name}: {rule}" for rule in broken.rules]
        elif detail["type"] == "unexpected_keyword_argument":
            known = ("column", "yes", "no")
            lines.append(f"{name}: unknown key; there are column, yes, no.{nearest(place, known)}")
        elif detail["type"] in ("missing", "missing_argument"):
            lines.append(f"{name}: missing; name the column of the contacts.")
        else:
            lines.append(f"{name}: the name of a column is needed; found {shown(detail['input'])}.")
    return lines
