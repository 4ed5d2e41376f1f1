"""``prepare``: contacts in, the same rows out with a number or the reason why not. Pure (§1.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import frames
from mmsbatch.campaign.consent import Consent
from mmsbatch.planning.grouping import Seen, first_rows
from mmsbatch.planning.prepared import Prepared
from mmsbatch.planning.rows import (
    as_frame,
    no_repeats,
    phone_columns,
    prepare_part,
    refusing_in,
)
from mmsbatch.planning.suppression import SuppressionList


def prepare(
    contacts: pd.DataFrame,
    phone: str | Sequence[str] | None = None,
    *,
    fictional: bool = False,
    suppress: SuppressionList | None = None,
    consent: str | Consent | None = None,
) -> Prepared:
    """Read the phone column and give each row a number that can be sent to, or a problem.

    Parameters
    ----------
    contacts : DataFrame of shape (rows, any)
        Any columns and index, the phone column of any dtype. Not modified. A dataframe of polars,
        pyarrow or DuckDB is taken too, and whatever else has an Arrow C stream. A dataframe of Dask
        is prepared lazily, and comes back as one: `mmsbatch.planning.partitions`.
    phone : str or sequence of str, optional
        The phone column; of several, the first that can be sent to counts, row by row. Without
        it, the one column that looks like phones.
    fictional : bool
        Whether 06 39 98 xx xx, reserved for fiction, can be sent: for the sandbox gateway only.
    suppress : SuppressionList, optional
        Who must not be written to, from `read_suppression_list`. Of several phone columns every
        one is looked at: it is the person who does not want messages, not the telephone.
    consent : str or Consent, optional
        The column that says who has agreed to be written to. A row without a clear yes becomes
        ``no_consent``, and so does every other row of a number that says no in one. A plan made of
        the frame says by which column and words.

    Returns
    -------
    Prepared of shape (rows, any + 5 or 6)
        The same rows in the same order under the same index, with these columns added:

        ``mms_e164`` : str
            ``+33612345678``; missing if the cell holds no French mobile.
        ``mms_problem`` : category
            A word of ``PROBLEMS``; missing if the row can be sent.
        ``mms_repair`` : category
            Words of ``REPAIRS``, comma between; missing if nothing was repaired.
        ``mms_detail`` : category
            The territory of ``overseas``, the country of ``foreign``; else missing.
        ``mms_duplicate_of`` : Int64
            For ``duplicate``, the position of the first row with this number; else missing.
        ``mms_phone_column`` : category
            Only with several phone columns: the one that the other columns speak of.

    Raises
    ------
    ContactsError
        No such column, several that could be meant, column names that occur twice or that begin
        with ``mms_``, or something that is no frame or no suppression list; a consent column in
        which a word is neither yes nor no, or nobody says yes.

    Source: §1.4.
    """
    asked = None if consent is None else Consent.read(consent)
    if frames.is_dask(contacts):
        from mmsbatch.planning.partitions import prepare_partitions  # noqa: PLC0415  (an extra)

        lazy: Prepared = prepare_partitions(  # which it is to who reads it: the same columns
            contacts, phone, fictional=fictional, suppress=suppress, consent=asked
        )
        return lazy
    contacts = as_frame(contacts)
    names = phone_columns(contacts, phone)
    return prepare_part(contacts, names, first_rows, fictional, suppress, asked)


def prepare_batches(
    batches: Iterable[pd.DataFrame],
    phone: str | Sequence[str] | None = None,
    *,
    fictional: bool = False,
    suppress: SuppressionList | None = None,
    consent: Consent | None = None,
    refusing: npt.NDArray[np.int64] | None = None,
    duplicates: bool = True,
) -> Iterator[Prepared]:
    """Prepare a long file batch by batch, as if it were one frame.

    Keeps nothing of a batch but its distinct numbers, 8 bytes each (16 at moments).

    Parameters
    ----------
    batches : iterable of DataFrame
        Parts of one table, in order, with the same columns.
    phone, fictional, suppress, consent
        As in ``prepare``; without ``phone``, the first batch decides.
    refusing : array of int64, optional
        The numbers that say no in any row of the table, as `refusing_numbers` finds them; without
        it, a no is known from its batch on.
    duplicates : bool
        Whether to look for repeated numbers; `plan` does so itself.

    Yields
    ------
    Prepared
        As from ``prepare``; ``mms_duplicate_of`` counts rows from the first batch on. Categories
        of ``mms_repair`` and ``mms_detail`` are those of the batch.

    Raises
    ------
    ContactsError
        As from ``prepare``.

    Source: §1.4.
    """
    find = Seen().first_rows if duplicates else no_repeats
    for given in batches:
        batch = as_frame(given)
        names = phone_columns(batch, phone)
        phone = names
        yield prepare_part(batch, names, find, fictional, suppress, consent, refusing)


def refusing_numbers(
    batches: Iterable[pd.DataFrame],
    phone: str | Sequence[str] | None,
    consent: Consent,
    *,
    fictional: bool = False,
) -> npt.NDArray[np.int64]:
    """Return the numbers that say no in any row of a long file, for ``prepare_batches``.

    Raises
    ------
    ContactsError
        As from ``prepare``.
    """
    found = [np.empty(0, np.int64)]
    any_yes = False
    for batch in batches:
        names = phone_columns(batch, phone)
        phone = names
        numbers, yes = refusing_in(batch, names, consent, fictional)
        any_yes = any_yes or yes
        found.append(numbers)
    consent.check_any(any_yes=any_yes)
    return np.unique(np.concatenate(found))
