"""A column of problems: merged, counted and shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch.campaign.campaign import PREFIX_PROBLEMS
from mmsbatch.campaign.rendering import CONTENT_PROBLEMS
from mmsbatch.campaign.split import SPLIT_PROBLEMS
from mmsbatch.display import Block, Document, ShowsItself, counts, plural
from mmsbatch.frames import categorical
from mmsbatch.phones.problems import PROBLEMS, REPAIRS
from mmsbatch.planning.frequency import FREQUENCY_PROBLEMS

_OF_PLAN: Final = CONTENT_PROBLEMS | FREQUENCY_PROBLEMS | SPLIT_PROBLEMS | PREFIX_PROBLEMS
PROBLEM_MEANINGS: Mapping[str, str] = {
    word: meaning for word, (meaning, _) in {**PROBLEMS, **_OF_PLAN}.items()
}

_EXAMPLES: Final = 2


@dataclass(frozen=True, repr=False)
class Summary(ShowsItself):
    """How many rows can be sent, and why not the others."""

    rows: int
    sendable: int
    problems: dict[str, int]
    """Rows by problem, worst first; only problems that occur."""
    repairs: dict[str, int]
    """Sendable, suppressed and duplicate rows by repair, in the order of ``REPAIRS``."""

    @property
    def headline(self) -> str:
        """How many rows can be sent, in a sentence."""
        left = self.rows - self.sendable
        return f"{plural(self.rows, 'row')}: {self.sendable:,} can be sent, {left:,} cannot"

    def document(self) -> Document:
        """Show how many rows can be sent, and why not the others."""
        blocks = [Block("check", (self.headline, counts(self.problems, PROBLEM_MEANINGS)))]
        if self.repairs:
            blocks.append(Block("repaired", (counts(self.repairs, REPAIRS),)))
        return Document(tuple(blocks))

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON's types."""
        return {
            "rows": self.rows,
            "sendable": self.sendable,
            "problems": dict(self.problems),
            "repairs": dict(self.repairs),
        }


def summarize(prepared: pd.DataFrame) -> Summary:
    """Count the rows of a prepared or planned frame by problem and by repair.

    Parameters
    ----------
    prepared : DataFrame
        With the columns ``mms_problem`` and ``mms_repair``.
    """
    found = prepared["mms_problem"].value_counts()
    problems = {str(word): int(count) for word, count in found.items() if count}
    repairs: Counter[str] = Counter()
    for words, count in prepared["mms_repair"].value_counts().items():
        for word in str(words).split(","):
            repairs[word] += int(count)
    return Summary(
        rows=len(prepared),
        sendable=len(prepared) - sum(problems.values()),
        problems=_worst_first(problems),
        repairs=_in_their_order(repairs),
    )


def total(parts: Iterable[Summary]) -> Summary:
    """Add up the counts of the parts of a table."""
    rows = sendable = 0
    problems: Counter[str] = Counter()
    repairs: Counter[str] = Counter()
    for part in parts:
        rows += part.rows
        sendable += part.sendable
        problems.update(part.problems)
        repairs.update(part.repairs)
    return Summary(rows, sendable, _worst_first(problems), _in_their_order(repairs))


def _worst_first(counts: Mapping[str, int]) -> dict[str, int]:
    known = {word: place for place, word in enumerate(PROBLEMS)}
    order = sorted(counts, key=lambda word: (-counts[word], known.get(word, len(known)), word))
    return {word: counts[word] for word in order}


def _in_their_order(counts: Mapping[str, int]) -> dict[str, int]:
    return {word: counts[word] for word in dict.fromkeys([*REPAIRS, *counts]) if counts.get(word)}


class ProblemColumn:
    """A column of problems as codes: -1 is none."""

    def __init__(self, codes: npt.NDArray[np.int32], words: list[str]) -> None:
        self.codes = codes
        self.words = words

    @classmethod
    def read(cls, column: pd.Series) -> ProblemColumn:
        """Take a column of words; missing is none."""
        category = pd.Categorical(column)
        return cls(category.codes.astype(np.int32), [str(word) for word in category.categories])

    @property
    def none(self) -> npt.NDArray[np.bool_]:
        """Where there is no problem."""
        return np.equal(self.codes, -1)

    def code(self, word: str) -> int:
        """Return a word's code, a new one if it has none yet."""
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)

    def clear(self, word: str) -> None:
        """Take a problem away wherever it stands."""
        self.codes[self.codes == self.code(word)] = -1

    def set(self, word: str, where: npt.NDArray[np.bool_]) -> None:
        """Write a problem, whatever stood there."""
        self.codes[where] = self.code(word)

    def add_at(self, rows: npt.NDArray[np.int64], other: pd.Categorical[str]) -> None:
        """Take the problems of some rows where there is none yet."""
        theirs = np.array([*map(self.code, other.categories), -1], dtype=np.int32)[other.codes]
        mine = self.codes[rows]
        self.codes[rows] = np.where(mine == -1, theirs, mine)

    def categorical(self) -> pd.Categorical:
        """Return the column back, with the words that occur."""
        return categorical(self.codes, self.words).remove_unused_categories()
