"""The columns of a plan that say what each row gets, and the contents they stand for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.content import MEDIA
from mmsbatch.campaign.rendering import (
    CONTENT_PROBLEMS,
    FIELDS,
    Filled,
    combinations,
    render,
    templates,
)
from mmsbatch.campaign.split import HELD_OUT, Split
from mmsbatch.frames import categorical
from mmsbatch.planning.grouping import in_order
from mmsbatch.planning.problems import ProblemColumn

MESSAGE: Final = "mms_message"
VARIANT: Final = "mms_variant"
DURATION: Final = "mms_duration_s"
TEXTS: Final = (MESSAGE, *(f"mms_{name}" for name in MEDIA))
"""The columns that may hold what was written from a row's cells."""


def plan_columns(campaign: Campaign) -> tuple[str, ...]:
    """Return the columns that tell the contents of a campaign apart, its message first."""
    named = {name for content in campaign.contents.values() for name in templates(content)}
    media = (f"mms_{name}" for name in FIELDS[1:] if name in named)
    variants = (VARIANT,) if len(campaign.contents) > 1 else ()
    return (MESSAGE, *variants, *media)


class Contents:
    """Contents by codes, in the order of appearance, over all parts of a plan."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.columns: Final = plan_columns(campaign)
        self._places: dict[tuple[str, ...], int] = {}

    def code(self, part: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Code what each row of a part gets; -1 is nothing.

        Parameters
        ----------
        part
            With the columns of `columns`.
        """
        found = [in_order(part[name]) for name in self.columns]
        message, texts = found[0]
        if len(found) == 1:
            places = [self._places.setdefault((text,), len(self._places)) for text in texts]
            return np.array([*places, -1], dtype=np.int64)[message]
        found = [(np.where(message < 0, -1, codes), words) for codes, words in found]
        inverse, first_rows = combinations([codes for codes, _ in found], len(part))
        places = []
        for row in first_rows.tolist():
            key = tuple(words[codes[row]] if codes[row] >= 0 else "" for codes, words in found)
            given = message[row] >= 0
            places.append(self._places.setdefault(key, len(self._places)) if given else -1)
        return np.array([*places, -1], dtype=np.int64)[inverse]

    def listed(self) -> list[Any]:
        """Return what a plan's fingerprint holds of the contents: of one column, its texts."""
        if len(self.columns) == 1:
            return [text for (text,) in self._places]
        return [*map(list, self._places)]

    @property
    def distinct(self) -> list[tuple[str, ...]]:
        """What `filled` takes, by code."""
        return list(self._places)

    def filled(self, key: Sequence[str]) -> Filled:
        """Return a content that rows get."""
        words = dict(zip((name.removeprefix("mms_") for name in self.columns), key, strict=True))
        variant = words.pop("variant", "")
        content = self.campaign.contents.get(variant, self.campaign.content)
        given: dict[str, Any] = {name: word for name, word in words.items() if word}
        if "duration_s" in given:
            given["duration_s"] = int(given["duration_s"])
        return Filled.of(content, {"message": "", **given}, variant)


def written(
    columns: Sequence[str], codes: npt.NDArray[np.int64], contents: Sequence[Filled]
) -> dict[str, Any]:
    """Return the columns that say what each row gets; missing where its code is -1."""
    made: dict[str, Any] = {}
    for name in columns:
        if name == VARIANT:  # also of those who get nothing, which a content does not say
            continue
        values = [getattr(content, name.removeprefix("mms_")) for content in contents]
        places: dict[Any, int] = {}
        of_content = [places.setdefault(value, len(places)) if value else -1 for value in values]
        of_row = np.array([*of_content, -1], dtype=np.int64)[codes]
        if name == DURATION:
            seconds = np.array([*places, 0], dtype=np.int32)
            made[name] = pd.arrays.IntegerArray(seconds[of_row], of_row < 0)
        else:  # without the words of people who get none
            made[name] = categorical(of_row, list(places)).remove_unused_categories()
    return made


class Variants:
    """Which variant each row has, by its number."""

    def __init__(self, campaign: Campaign, numbers: npt.NDArray[np.int64]) -> None:
        self.contents: Final = campaign.contents
        self.split: Final[Split | None] = campaign.split
        if self.split is None:
            self.places = np.zeros(len(numbers), np.int8)
        else:
            self.places = self.split.places(numbers, campaign.name)

    def held_out(self) -> npt.NDArray[np.bool_]:
        """Return who gets nothing, to compare with."""
        return np.less(self.places, 0)

    def render(
        self,
        prepared: pd.DataFrame,
        problem: ProblemColumn,
        encoding: str,
        known: dict[Filled, int],
    ) -> npt.NDArray[np.int64]:
        """Write what each row gets, and add to `problem` what forbids it.

        Parameters
        ----------
        known
            The codes of earlier parts' contents; those of this part are added.

        Returns
        -------
        array of shape (rows,)
            Codes; -1 where nothing can be sent.
        """
        codes = np.full(len(prepared), -1, np.int64)
        contents: list[Filled] = []
        for place, (variant, content) in enumerate(self.contents.items()):
            mine = np.flatnonzero(self.places == place)
            some = prepared if len(mine) == len(prepared) else prepared.iloc[mine]
            rendered = render(content, some, encoding, variant)
            codes[mine] = np.where(rendered.codes < 0, -1, rendered.codes + len(contents))
            contents += rendered.contents
            problem.add_at(mine, rendered.problem)
        for code in pd.unique(codes[codes >= 0]).tolist():  # in the order of the rows
            known.setdefault(contents[code], len(known))
        return np.array([*map(known.__getitem__, contents), -1], dtype=np.int64)[codes]

    def column(self, problem: ProblemColumn) -> dict[str, pd.Categorical]:
        """Return the column of variants, if there are any; missing where there is no number for it.

        Parameters
        ----------
        problem
            Rows that were not to be written to before any content was looked at have no variant.
        """
        if self.split is None:
            return {}
        of_content = [HELD_OUT, *CONTENT_PROBLEMS, "duplicate"]
        looked_at = problem.none | np.isin(problem.codes, [*map(problem.code, of_content)])
        places = np.where(self.places < 0, len(self.contents), self.places)
        words = [*(name or "all" for name in self.contents), HELD_OUT]
        found = categorical(np.where(looked_at, places, -1), words)
        return {VARIANT: found.remove_unused_categories()}
