"""What ``prepare`` gives: a frame that shows what is wrong with its rows, and counts. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mmsbatch.campaign.message import MESSAGE_PROBLEMS
from mmsbatch.display import Block, Document, ShowsItself, Table, counts, plural
from mmsbatch.phones.in_text import mask, mask_frame
from mmsbatch.phones.problems import PROBLEMS, REPAIRS

PROBLEM_MEANINGS: Mapping[str, str] = {
    word: meaning for word, (meaning, _) in {**PROBLEMS, **MESSAGE_PROBLEMS}.items()
}

_EXAMPLES: Final = 2
_ROWS_SHOWN: Final = 5


@dataclass(frozen=True, repr=False)
class Summary(ShowsItself):
    """How many rows can be sent, and why not the others."""

    rows: int
    sendable: int
    problems: dict[str, int]
    """Rows by problem, worst first; only problems that occur."""
    repairs: dict[str, int]
    """Sendable, suppressed and duplicate rows by repair, in the order of ``REPAIRS``."""

    def document(self) -> Document:
        """Say how many rows can be sent, and why not the others."""
        headline = (
            f"{plural(self.rows, 'row')}: {self.sendable:,} can be sent, "
            f"{self.rows - self.sendable:,} cannot"
        )
        blocks = [Block("check", (headline, counts(self.problems, PROBLEM_MEANINGS)))]
        if self.repairs:
            blocks.append(Block("repaired", (counts(self.repairs, REPAIRS),)))
        return Document(tuple(blocks))

    def to_json(self) -> dict[str, Any]:
        """Give the counts as JSON's types."""
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
    known = {word: place for place, word in enumerate(PROBLEMS)}
    counts = {str(word): int(count) for word, count in found.items() if count}
    problems = sorted(counts, key=lambda word: (-counts[word], known.get(word, len(known)), word))
    repairs = dict.fromkeys(REPAIRS, 0)
    for words, count in prepared["mms_repair"].value_counts().items():
        for word in str(words).split(","):
            repairs[word] = repairs.get(word, 0) + int(count)
    return Summary(
        rows=len(prepared),
        sendable=len(prepared) - sum(counts.values()),
        problems={word: counts[word] for word in problems},
        repairs={word: count for word, count in repairs.items() if count},
    )


class Prepared(pd.DataFrame):
    """A prepared frame. Whatever is made of it is a plain ``DataFrame``."""

    _metadata = ["phone_columns"]  # noqa: RUF012  (pandas' name for attributes that are no columns)

    phone_columns: Sequence[Hashable] = ()
    """Where the numbers were read."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    @property
    def summary(self) -> Summary:
        """How many rows can be sent, and why not the others."""
        return summarize(self)

    def show(self, *, masked: bool = True) -> Document:
        """Give what a terminal and a notebook show: counts, problems, and the first rows.

        Parameters
        ----------
        masked
            False: the first rows and the examples with their whole numbers.
        """
        parts: list[str | Table | pd.DataFrame] = [self._headline(), ""]
        if problems := self._problems(masked=masked):
            head = ("rows", "problem", "for example", "what to do")
            parts += [Table(problems, head, below=2), ""]
        start = pd.DataFrame(self).head(_ROWS_SHOWN)
        return Document((*parts, mask_frame(start, self.phone_columns) if masked else start))

    def __repr__(self) -> str:
        return self.show().text()

    def _repr_html_(self) -> str:
        return self.show().html()

    def _headline(self) -> str:
        counts = self.summary
        repaired = sum(counts.repairs.values())
        return (
            f"{counts.rows:,} rows: {counts.sendable:,} can be sent, "
            f"{counts.rows - counts.sendable:,} cannot"
            + (f"; {repaired:,} repairs" if repaired else "")
        )

    def _problems(self, *, masked: bool) -> tuple[tuple[str, str, str, str], ...]:
        """Rows, word, examples and what to do, worst first."""
        return tuple(
            (f"{count:,}", word, self.examples(word, masked=masked), PROBLEMS[word].what_to_do)
            for word, count in self.summary.problems.items()
        )

    def examples(self, problem: str, *, masked: bool = True) -> str:
        """Show a few cells with a problem, their digits masked unless asked for."""
        chosen = self["mms_problem"] == problem
        if problem == "missing" or not self.phone_columns:
            return ""
        seen: dict[str, None] = {}
        for place in chosen.to_numpy().nonzero()[0][: 10 * _EXAMPLES]:
            column: Hashable = self.phone_columns[0]
            if "mms_phone_column" in self.columns:
                column = self["mms_phone_column"].iloc[place]
            cell = self[column].iloc[place] if column in self.columns else ""
            text = " ".join(str(cell).split())
            seen.setdefault(mask(text) if masked else text)
        return ", ".join(list(seen)[:_EXAMPLES])
