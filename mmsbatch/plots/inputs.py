"""What the plots take and give: frames or a run's folder that are checked, a figure that tells."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mmsbatch import hints, spec
from mmsbatch.errors import InputError, kind_of, nearest
from mmsbatch.runs.attempts import attempts
from mmsbatch.runs.outcomes import Outcome
from mmsbatch.runs.run import Run

if TYPE_CHECKING:
    from mmsbatch.drawing import Diagram

ZONE: Final = spec.TIME_ZONE
"""Times are drawn as the people concerned read them on their clocks."""

WORDS: Final = tuple(map(str, Outcome))

RESULTS: Final = "results, or a run's folder"
REQUESTS: Final = "requests.parquet, or a run's folder"
AUDIT: Final = "what mms.audit gave"


def drawing() -> ModuleType:
    """Import what draws, and matplotlib with it.

    Raises
    ------
    InputError
        matplotlib is not installed.
    """
    try:
        from mmsbatch import drawing  # noqa: PLC0415  (matplotlib: only for who draws)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise InputError(
            f"plots need matplotlib, which is not installed: `{hints.install('matplotlib')}`"
        ) from None
    return drawing


def drawn(made: Any, alt: str = "") -> Diagram:
    """Give a figure the sentence that says what it shows, if it has none, and its type."""
    figure: Diagram = made
    figure.alt = alt or figure.alt
    return figure


def listed(parts: Iterable[str]) -> str:
    """Write parts one after the other, as a sentence has them."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def results_of(given: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
    """Take results, or a run's folder."""
    return Run.load(given).results if isinstance(given, str | os.PathLike) else given


def requests_of(given: pd.DataFrame | str | os.PathLike[str]) -> pd.DataFrame:
    """Take the frame of ``requests.parquet``, or a run's folder."""
    return attempts(Run.load(given).facts) if isinstance(given, str | os.PathLike) else given


def need(frame: pd.DataFrame, plot: str, wanted: str, *columns: str) -> None:
    """Check that this is a frame with these columns, and with times where they are wanted.

    Raises
    ------
    InputError
        It is not; says what is wanted.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"plots.{plot} takes {wanted}, not {kind_of(frame)}")
    for column in columns:
        if column not in frame.columns:
            hint = nearest(column, map(str, frame.columns))
            raise InputError(
                f"plots.{plot} needs the column {column!r}, which this frame has not: give it "
                f"{wanted}.{hint}"
            )
        dtype = frame[column].dtype
        if column.endswith("_at") and not isinstance(dtype, pd.DatetimeTZDtype):
            raise InputError(
                f"plots.{plot} needs times with their zone in the column {column!r}, which is "
                f"{dtype}: give it {wanted} as it came (Parquet keeps its types, CSV does not)"
            )


def local(times: pd.Series) -> pd.DatetimeIndex:
    """Return times as clocks in Paris show them."""
    return pd.DatetimeIndex(times).tz_convert(ZONE)


def day(moment: pd.Timestamp) -> str:
    """Write a day as people do: ``3 Dec 2026``."""
    return f"{moment.day} {moment:%b %Y}"


def span(times: pd.DatetimeIndex) -> str:
    """Write from when to when times reach, in a sentence."""
    first, last = (moment.tz_convert(ZONE) for moment in (times.min(), times.max()))
    begin, end = (f"{day(moment)} {moment:%H:%M}" for moment in (first, last))
    if begin == end:
        return f"at {begin}"
    return f"from {begin} to {f'{last:%H:%M}' if day(first) == day(last) else end}"
