"""``variants``: what the contents of a split came to, with how sure that is. Pure."""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

import pandas as pd

from mmsbatch.campaign.split import HELD_OUT
from mmsbatch.errors import InputError, kind_of, nearest
from mmsbatch.runs.outcomes import Outcome

_Z: Final = 1.959963984540054
"""Of the normal distribution: 95 % lie within."""
_SENT: Final = (Outcome.ACCEPTED, Outcome.SCHEDULED)
COLUMNS: Final = (
    "variant",
    "people",
    "yes",
    "share",
    "low",
    "high",
    "against",
    "gap_low",
    "gap_high",
)


class Interval(NamedTuple):
    """A share, and where it lies with 95 % confidence."""

    share: float
    low: float
    high: float


def variants(results: pd.DataFrame, response: str | None = None) -> pd.DataFrame:
    """Compare the variants of a campaign with a split.

    Parameters
    ----------
    results
        What `results` gave, with ``mms_variant``.
    response
        A column of the results that says who responded (True or 1, else False, 0 or missing): a
        purchase, a visit. None: whether the gateway took the message.

    Returns
    -------
    pandas.DataFrame
        One row per variant, who was held out last:

        - ``variant`` (str);
        - ``people`` (int64): each counted once, whatever became of the message, since leaving out
          those whose message failed would compare people who are no longer alike;
        - ``yes`` (int64): how many responded;
        - ``share``, ``low``, ``high`` (float64): their share, with Wilson's 95 % interval;
        - ``against`` (str): what it is compared with: who was held out, else the first variant;
        - ``gap_low``, ``gap_high`` (float64): the 95 % interval of the difference to that
          (Newcombe's, from Wilson's); if 0 lies between the two, the difference may be chance.

    Raises
    ------
    InputError
        There is no split in these results, or no such column.

    Notes
    -----
    Sources: Wilson, JASA 22 (1927), 209; Newcombe, Statistics in Medicine 17 (1998), 873, where it
    is method 10.
    """
    if not isinstance(results, pd.DataFrame):
        raise InputError(f"variants takes what results gave, not {kind_of(results)}")
    if "mms_variant" not in results.columns:
        raise InputError("these results have no mms_variant: their campaign has no split")
    if response is not None and response not in results.columns:
        known = [str(name) for name in results.columns]
        raise InputError(
            f"there is no column {response!r} that says who responded.{nearest(response, known)}"
        )
    rows = results[results["mms_variant"].notna() & (results["mms_outcome"] != Outcome.DUPLICATE)]
    yes = rows["mms_outcome"].isin(_SENT) if response is None else _responded(rows[response])
    of_variant = yes.groupby(rows["mms_variant"].astype(str), sort=False)
    counted = {str(name): (len(part), int(part.sum())) for name, part in of_variant}
    order = sorted(counted, key=lambda name: (name == HELD_OUT, name))
    against = HELD_OUT if HELD_OUT in counted and len(order) > 1 else order[0] if order else ""
    found = [_row(name, counted, against) for name in order]
    return pd.DataFrame(found, columns=list(COLUMNS))


def _responded(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce") if column.dtype != bool else column
    wrong = column.notna() & ~numbers.isin([0, 1])
    if wrong.any():
        raise InputError(
            f"column {column.name!r} says who responded with True, False, 1 or 0; row position "
            f"{int(wrong.to_numpy().argmax())} holds something else"
        )
    return numbers.fillna(0).astype(bool)


def _row(name: str, counted: dict[str, tuple[int, int]], against: str) -> tuple[object, ...]:
    people, yes = counted[name]
    mine = wilson(yes, people)
    if name == against:
        return (name, people, yes, *mine, "", None, None)
    low, high = newcombe(mine, wilson(counted[against][1], counted[against][0]))
    return (name, people, yes, *mine, against, low, high)


def wilson(yes: int, of: int) -> Interval:
    """Return a share with Wilson's score interval."""
    share, z2 = yes / of, _Z * _Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return Interval(share, max(middle - half, 0.0), min(middle + half, 1.0))


def newcombe(one: Interval, other: Interval) -> tuple[float, float]:
    """Return the interval of the difference of two independent shares."""
    gap = one.share - other.share
    below = sqrt((one.share - one.low) ** 2 + (other.high - other.share) ** 2)
    above = sqrt((one.high - one.share) ** 2 + (other.share - other.low) ** 2)
    return gap - below, gap + above
