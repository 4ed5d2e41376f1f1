"""What ``prepare`` gives: a frame that shows what is wrong with its rows, and counts. Pure."""

from __future__ import annotations

import html
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mmsbatch.phones.masking import mask
from mmsbatch.phones.words import PROBLEMS, REPAIRS

_EXAMPLES: Final = 2
_ROWS_SHOWN: Final = 5


@dataclass(frozen=True)
class Summary:
    """How many rows can be sent, and why not the others."""

    rows: int
    sendable: int
    problems: dict[str, int]
    """Rows by problem, worst first; only problems that occur."""
    repairs: dict[str, int]
    """Sendable and duplicate rows by repair, in the order of ``REPAIRS``."""

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

    def __repr__(self) -> str:
        lines = [self._headline(), ""]
        if table := self._problems():
            width = max(len(word) for word, *_ in table)
            for word, count, examples, what_to_do in table:
                lines += [
                    f"  {count:>9,}  {word:<{width}}  {what_to_do}",
                    *([f"  {'':>9}  {'':<{width}}  e.g. {examples}"] if examples else []),
                ]
            lines.append("")
        return "\n".join([*lines, repr(self._start())])

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
            for word, count, examples, what_to_do in self._problems()
            for cells in [(f"{count:,}", word, examples, what_to_do)]
        )
        table = (
            "<table><thead><tr><th>rows</th><th>problem</th><th>for example</th>"
            f"<th>what to do</th></tr></thead><tbody>{rows}</tbody></table>"
            if rows
            else ""
        )
        frame = self._start()._repr_html_()  # type: ignore[operator]  # pandas-stubs leave it out
        return f"<p>{html.escape(self._headline())}</p>{table}{frame}"

    def _start(self) -> pd.DataFrame:
        return pd.DataFrame(self).head(_ROWS_SHOWN)

    def _headline(self) -> str:
        counts = self.summary
        repaired = sum(counts.repairs.values())
        return (
            f"{counts.rows:,} rows: {counts.sendable:,} can be sent, "
            f"{counts.rows - counts.sendable:,} cannot"
            + (f"; {repaired:,} repairs" if repaired else "")
        )

    def _problems(self) -> list[tuple[str, int, str, str]]:
        """Word, rows, masked examples and what to do, worst first."""
        return [
            (word, count, self.examples(word), PROBLEMS[word].what_to_do)
            for word, count in self.summary.problems.items()
        ]

    def examples(self, problem: str) -> str:
        """Show a few cells with a problem, their digits masked."""
        chosen = self["mms_problem"] == problem
        if problem == "missing" or not self.phone_columns:
            return ""
        seen: dict[str, None] = {}
        for place in chosen.to_numpy().nonzero()[0][: 10 * _EXAMPLES]:
            column: Hashable = self.phone_columns[0]
            if "mms_phone_column" in self.columns:
                column = self["mms_phone_column"].iloc[place]
            cell = self[column].iloc[place] if column in self.columns else ""
            seen.setdefault(mask(" ".join(str(cell).split())))
        return ", ".join(list(seen)[:_EXAMPLES])
