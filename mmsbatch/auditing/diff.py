"""``diff``: what is different between two runs, person by person, and who was contacted twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Final

import duckdb
import pandas as pd

from mmsbatch import hints
from mmsbatch.auditing.collection import Collection, campaign_of, open_runs, scheduled_for
from mmsbatch.auditing.opening import OpenedRun, listed, literal
from mmsbatch.display import Block, Document, ShowsItself, counts
from mmsbatch.errors import InputError, RunError
from mmsbatch.runs.outcomes import Outcome

CHANGES: Final[Mapping[str, str]] = {
    "new": "only in the second run",
    "gone": "only in the first run",
    "outcome": "in both, with another outcome",
    "reason": "in both with the same outcome, for another problem or status",
    "same": "in both, with the same outcome for the same reason",
}
_STRONGEST_FIRST: Final = (
    Outcome.ACCEPTED,
    Outcome.SCHEDULED,
    Outcome.UNREPORTED,
    Outcome.IN_DOUBT,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.REJECTED,
    Outcome.SUPPRESSED,
    Outcome.INVALID,
    Outcome.DUPLICATE,
)
"""Of several rows with one number, that which says most about what the person got."""
_DTYPES: Final = {
    "e164": "str",
    "change": "category",
    "outcome_a": "str",
    "outcome_b": "str",
    "problem_a": "str",
    "problem_b": "str",
    "status_a": "Int32",
    "status_b": "Int32",
    "contacted_a": "datetime64[ms, UTC]",
    "contacted_b": "datetime64[ms, UTC]",
    "contacted_twice": "bool",
    "days_between": "Float64",
    "rows_a": "int64",
    "rows_b": "int64",
}
_DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True, repr=False)
class Diff(ShowsItself):
    """What is different between two runs."""

    run_a: str
    run_b: str
    within_days: float
    people: pd.DataFrame
    """One row per person who is not the same in both, or was contacted twice: see `diff`."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """People by change (``new``, ``gone``, ``outcome``, ``reason``, ``same``: together all people),
    ``contacted_twice`` among them, and rows of each run without a number, which nobody can match
    (``rows_without_number_a``, ``rows_without_number_b``)."""

    def document(self) -> Document:
        """Show how many people changed how. No number is in it: `people` has them."""
        changed = {word: self.counts[word] for word in CHANGES if self.counts[word]}
        blocks = [
            Block("diff", (f"{self.run_a} (a) and {self.run_b} (b)",)),
            Block("people", (counts(changed, CHANGES),)),
        ]
        if twice := self.counts["contacted_twice"]:
            blocks.append(
                Block("twice", (f"{twice:,} contacted by both within {self.within_days:g} days",))
            )
        without = [self.counts[f"rows_without_number_{letter}"] for letter in "ab"]
        if any(without):
            line = "rows without a number, which nobody can match: {:,} in a, {:,} in b"
            blocks.append(Block("left out", (line.format(*without),)))
        return Document(tuple(blocks))

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values, under names that do not change."""
        return {
            "run_a": self.run_a,
            "run_b": self.run_b,
            "within_days": self.within_days,
            "counts": dict(self.counts),
        }


def diff(run_a: str | PathLike[str], run_b: str | PathLike[str], within_days: float = 7) -> Diff:
    """Compare two runs, person by person.

    A person is a number: whoever has it, in whichever row. Of several rows with one number, that
    whose outcome says most about what the person got counts (``accepted`` before ``rejected``
    before ``duplicate``; of equals the first), and ``rows_a``, ``rows_b`` say how many there are.
    Rows without a number (the phone column held no French mobile) cannot be matched; they are
    counted, and not in the frame.

    Parameters
    ----------
    run_a, run_b
        The folders of two runs, the earlier one first: paths, or URLs of fsspec.
    within_days
        Somebody to whom both runs sent within so many days was contacted twice.

    Returns
    -------
    Diff
        ``counts``, and ``people``: one row per person whose change is not ``same`` or who was
        contacted twice, in the order of the numbers:

        - ``e164`` (str), ``change`` (category): a word of `CHANGES`;
        - ``outcome_a``, ``outcome_b``, ``problem_a``, ``problem_b`` (str), ``status_a``,
          ``status_b`` (Int32): missing if the person is not in that run;
        - ``contacted_a``, ``contacted_b`` (datetime64[ms, UTC]): when a message last may have left
          for them; of a scheduled campaign, when the gateway was told to deliver; missing if
          none left;
        - ``contacted_twice`` (bool), ``days_between`` (Float64): days between the nearest contacts
          of the two runs, missing if one has none;
        - ``rows_a``, ``rows_b`` (int64): rows with this number.

    Raises
    ------
    InputError
        Both are the same run, one is not one run, or `within_days` is negative.
    RunError
        A run cannot be read.
    """
    if not within_days >= 0:
        raise InputError(f"within_days must be 0 or more days, found {within_days}")
    with open_runs([run_a, run_b], strict=True, copies=True) as collection:
        runs = collection.runs
        if len(runs) == 1:
            raise InputError(f"{run_a} and {run_b} are the same run: give two")
        if len(runs) > 2:  # noqa: PLR2004
            raise InputError(f"give the folders of two runs: {run_a} and {run_b} hold {len(runs)}")
        try:
            return _diff(collection, runs[0], runs[1], within_days)
        except duckdb.Error as error:
            raise RunError(
                f"results of {run_a} or {run_b} cannot be read ({str(error).splitlines()[0]}): "
                f"`{hints.results(run_a)}` and `{hints.results(run_b)}` make them anew"
            ) from None


def _diff(collection: Collection, a: OpenedRun, b: OpenedRun, within_days: float) -> Diff:
    connection = collection.connection
    for letter, run in (("a", a), ("b", b)):
        connection.execute(f"CREATE TEMP TABLE {letter} AS {_people(collection, run)}")
    connection.execute(
        f"CREATE TEMP VIEW compared AS SELECT *, {_CHANGE} AS change, "  # noqa: S608
        f"coalesce(days_between <= {float(within_days)}, false) AS contacted_twice FROM ({_JOINED})"
    )
    found = dict.fromkeys([*CHANGES, "contacted_twice"], 0)
    for change, twice, size in connection.execute(
        "SELECT change, contacted_twice, count(*) FROM compared GROUP BY ALL"
    ).fetchall():
        found[change] += size
        found["contacted_twice"] += size if twice else 0
    for letter, run in (("a", a), ("b", b)):
        # A table has no row for the missing number, so what it has not is without.
        [(having,)] = connection.execute(f"SELECT coalesce(sum(rows), 0) FROM {letter}").fetchall()  # noqa: S608
        found[f"rows_without_number_{letter}"] = run.rows - int(having)
    columns = ", ".join(_DTYPES)
    table = connection.sql(
        f"SELECT {columns} FROM compared WHERE change <> 'same' OR contacted_twice ORDER BY e164"  # noqa: S608
    ).to_arrow_table()
    people: pd.DataFrame = table.to_pandas()
    people["change"] = pd.Categorical(people["change"], categories=list(CHANGES))
    return Diff(a.place.name, b.place.name, within_days, people.astype(_DTYPES), found)


def _people(collection: Collection, run: OpenedRun) -> str:
    """Write the query that gives one row per number of a run."""
    at = "mms_sent_at"
    if (when := scheduled_for(campaign_of(collection, run))) is not None:
        # Sent after all when the request came late.
        at = (
            "CASE WHEN mms_sent_at IS NOT NULL THEN "
            f"greatest(mms_sent_at, TIMESTAMPTZ {literal(when.isoformat())}) END"
        )
    files = listed(run.results)
    ranked = ", ".join(map(literal, map(str, _STRONGEST_FIRST)))
    strongest = (
        "arg_min({'outcome': mms_outcome, 'problem': mms_problem, 'status': mms_status}, "
        f"[list_position([{ranked}], mms_outcome), list_position({files}, filename), "
        "file_row_number])"
    )
    return (
        f"SELECT mms_e164 AS e164, count(*) AS rows, {strongest} AS told, "  # noqa: S608
        f"min({at}) AS first, max({at}) AS last "
        f"FROM read_parquet({files}, filename = true) WHERE mms_e164 IS NOT NULL GROUP BY mms_e164"
    )


_CHANGE: Final = (
    "CASE WHEN rows_a = 0 THEN 'new' WHEN rows_b = 0 THEN 'gone' "
    "WHEN outcome_a <> outcome_b THEN 'outcome' "
    "WHEN problem_a IS DISTINCT FROM problem_b OR status_a IS DISTINCT FROM status_b "
    "THEN 'reason' ELSE 'same' END"
)
_JOINED: Final = (
    "SELECT e164, coalesce(a.rows, 0) AS rows_a, coalesce(b.rows, 0) AS rows_b, "  # noqa: S608  (no input is in it)
    "a.told.outcome AS outcome_a, b.told.outcome AS outcome_b, "
    "a.told.problem AS problem_a, b.told.problem AS problem_b, "
    "a.told.status AS status_a, b.told.status AS status_b, "
    "a.last AS contacted_a, b.last AS contacted_b, "
    # If the times of the two runs overlap, there is no time between them.
    "CASE WHEN a.last IS NOT NULL AND b.last IS NOT NULL THEN greatest(0, "
    f"epoch_ms(b.first) - epoch_ms(a.last), epoch_ms(a.first) - epoch_ms(b.last)) / {_DAY_MS} "
    "END AS days_between "
    "FROM a FULL JOIN b USING (e164)"
)
