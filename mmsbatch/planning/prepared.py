"""The prepared frame, and how it shows itself."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

import pandas as pd

from mmsbatch.display import Document, Table
from mmsbatch.frame_display import DisplayedFrame, displayed
from mmsbatch.phones.in_text import mask
from mmsbatch.phones.problems import PROBLEMS
from mmsbatch.planning.corrections import cells_to_correct
from mmsbatch.planning.problems import _EXAMPLES, Summary, summarize

_ROWS_SHOWN: Final = 5


class Prepared(DisplayedFrame):
    """A prepared frame; whatever is made of it is an ordinary one that is shown masked."""

    @property
    def summary(self) -> Summary:
        """How many rows can be sent, and why not the others."""
        return summarize(self)

    @property
    def problems(self) -> pd.DataFrame:
        """The cells that need a person, with the row that a spreadsheet shows beside them."""
        return cells_to_correct(self, self.phone_columns)

    def show(self, *, masked: bool = True) -> Document:
        """Return what a terminal and a notebook show: counts, problems, and the first rows.

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
        return Document((*parts, displayed(start, self.phone_columns) if masked else start))

    def __repr__(self) -> str:
        return self.show().text()

    def _repr_html_(self) -> str:
        return self.show().html()

    def _headline(self) -> str:
        counts = self.summary
        repaired = sum(counts.repairs.values())
        column = " and ".join(map(repr, self.phone_columns))
        return (
            f"{counts.rows:,} rows, phones from {column}: {counts.sendable:,} can be sent, "
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
