"""A frame as people read it: numbers masked, times in Paris, the columns that matter first. Pure.

Only what is shown is changed: the cells of the frame are as they are.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Hashable, Sequence
from typing import Final

import pandas as pd

from mmsbatch.display import plural
from mmsbatch.phones.in_text import mask_frame
from mmsbatch.times import PARIS

_WIDE: Final = 12
"""From so many columns on, a screen cuts some off: those that matter stand first."""
_FIRST: Final = ("mms_problem", "mms_outcome", "mms_status_text")
_ENDS: Final = 5
"""Rows shown of the beginning and of the end of a long frame."""


class DisplayedFrame(pd.DataFrame):
    """A frame that shows itself as people read it; so does whatever is made of it.

    ``pandas.DataFrame(frame)`` shows every cell whole.
    """

    _metadata = ["phone_columns"]  # noqa: RUF012  (pandas' name for attributes that are no columns)

    phone_columns: Sequence[Hashable] = ()
    """Where numbers were read; elsewhere what may be a phone number is masked."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return DisplayedFrame

    def __repr__(self) -> str:
        if self.empty:
            return f"no rows, of the columns {', '.join(map(str, self.columns))}"
        shown, footer = self._shown()
        with pd.option_context("display.show_dimensions", False):
            return f"{shown!r}\n\n[{footer}]" if footer else repr(shown)

    def _repr_html_(self) -> str:
        if self.empty:
            return f"<p>{html.escape(repr(self))}</p>"
        shown, footer = self._shown()
        with pd.option_context("display.show_dimensions", False):
            table = shown._repr_html_()  # type: ignore[operator]  # pandas-stubs leave it out
        return f"{table}<p>{footer}</p>" if footer else str(table)

    def _shown(self) -> tuple[pd.DataFrame, str]:
        """Return the rows that are shown, and what is said of the others."""
        rows, columns = self.shape
        size = f"{plural(rows, 'row')} × {plural(columns, 'column')}"
        if rows <= (pd.options.display.max_rows or rows):
            return displayed(self, self.phone_columns), size if rows > 2 * _ENDS else ""
        ends = pd.concat([pd.DataFrame(self).head(_ENDS), pd.DataFrame(self).tail(_ENDS)])
        shown = displayed(ends, self.phone_columns)
        return shown, f"{size}; the first {_ENDS} and the last {_ENDS} are shown"


def displayed(frame: pd.DataFrame, phone_columns: Collection[Hashable] = ()) -> pd.DataFrame:
    """Return a few rows as people read them.

    Parameters
    ----------
    frame
        Every cell of it is looked into.
    phone_columns
        Whatever digits these hold are masked; in the others, what may be a phone number.

    Returns
    -------
    pandas.DataFrame
        Plain, of the same rows. Times that have a zone are in Paris, in whole seconds. Of many
        columns the phone, the problem and the outcome stand first.
    """
    shown = mask_frame(pd.DataFrame(frame), phone_columns)
    for place, dtype in enumerate(shown.dtypes):
        if isinstance(dtype, pd.DatetimeTZDtype):
            shown.isetitem(place, shown.iloc[:, place].dt.tz_convert(PARIS).dt.floor("s"))
    if shown.shape[1] > _WIDE and shown.columns.is_unique:
        first = [name for name in (*phone_columns, *_FIRST) if name in shown.columns]
        shown = shown[[*first, *(name for name in shown.columns if name not in first)]]
    return shown
