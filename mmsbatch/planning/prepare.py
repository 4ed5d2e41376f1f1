"""``prepare``: contacts in, the same rows out with a number or the reason why not. Pure (§1.4)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mmsbatch import frames
from mmsbatch.campaign.consent import Consent
from mmsbatch.display import Document, Table
from mmsbatch.errors import ContactsError, kind_of, nearest
from mmsbatch.phones.abroad import detail_name
from mmsbatch.phones.column import guess_column, read_phones
from mmsbatch.phones.in_text import mask, mask_frame
from mmsbatch.phones.notation import e164_strings
from mmsbatch.phones.problems import PROBLEM_CODE, PROBLEMS, SENDABLE, repair_words
from mmsbatch.phones.reading import NO_NUMBER, Phones
from mmsbatch.planning.grouping import Seen, first_rows
from mmsbatch.planning.problems import _EXAMPLES, Summary, summarize
from mmsbatch.planning.suppression import SuppressionList

__all__ = ["Prepared", "Summary", "prepare", "prepare_batches", "summarize"]

PREFIX: Final = "mms_"
CONSENT: Final = "mmsbatch.consent"
"""The key in a prepared frame's ``attrs``: by which column and words consent was looked at."""
Finder = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64]]
"""Finds the first row of each number, as ``first_rows`` does."""
PROBLEM_DTYPE: Final = pd.CategoricalDtype(list(PROBLEMS))


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
        pyarrow or DuckDB is taken too, and whatever else has an Arrow C stream.
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
    contacts = _frame(contacts)
    names = _phone_columns(contacts, phone)
    asked = None if consent is None else Consent.read(consent)
    return _prepare(contacts, names, first_rows, fictional, suppress, asked)


def prepare_batches(
    batches: Iterable[pd.DataFrame],
    phone: str | Sequence[str] | None = None,
    *,
    fictional: bool = False,
    suppress: SuppressionList | None = None,
    consent: Consent | None = None,
    refusing: npt.NDArray[np.int64] | None = None,
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
    find = Seen().first_rows
    for given in batches:
        batch = _frame(given)
        names = _phone_columns(batch, phone)
        phone = names
        yield _prepare(batch, names, find, fictional, suppress, consent, refusing)


def _prepare(
    contacts: pd.DataFrame,
    names: list[str],
    find: Finder,
    fictional: bool,
    suppress: SuppressionList | None,
    consent: Consent | None,
    refusing: npt.NDArray[np.int64] | None = None,
) -> Prepared:
    read = [read_phones(contacts[name], fictional=fictional) for name in names]
    phones, chosen = _first_sendable(read)
    numbers, given = phones.numbers, phones.problems
    if suppress is not None:
        suppressed = _covered(read, suppress)  # only what can be sent to has a number
        given = np.where(suppressed, np.int8(PROBLEM_CODE["suppressed"]), given)
        numbers = np.where(suppressed, NO_NUMBER, numbers)  # a row that is not sent has no repeats
    if consent is not None:
        answers, columns = consent.answers(contacts), [phones.numbers for phones in read]
        if refusing is None:  # the whole table, not one of its batches
            consent.check_any(any_yes=bool(answers.yes.any()))
            refusing = answers.refusing(columns)
        missing = answers.missing(columns, refusing) & (given == SENDABLE)
        given = np.where(missing, np.int8(PROBLEM_CODE["no_consent"]), given)
        numbers = np.where(missing, NO_NUMBER, numbers)
    earlier = find(numbers)
    problems = np.where(earlier >= 0, np.int8(PROBLEM_CODE["duplicate"]), given)

    added: dict[str, Any] = {
        "mms_e164": _strings(e164_strings(phones.numbers, phones.numbers >= 0)),
        "mms_problem": pd.Categorical.from_codes(problems, dtype=PROBLEM_DTYPE),
        "mms_repair": _category(phones.repairs, _words_of_repairs(phones.repairs)),
        "mms_detail": _category(phones.details, _words_of_details(phones.details)),
        "mms_duplicate_of": pd.arrays.IntegerArray(np.maximum(earlier, 0), earlier < 0),
    }
    if len(names) > 1:
        added["mms_phone_column"] = pd.Categorical.from_codes(
            chosen, dtype=pd.CategoricalDtype(names)
        )
    beside = pd.DataFrame(added, index=contacts.index, copy=False)
    prepared = Prepared(pd.concat([pd.DataFrame(contacts), beside], axis=1))
    prepared.phone_columns = tuple(names)
    if consent is not None:
        prepared.attrs[CONSENT] = consent.canonical()
    return prepared


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
        names = _phone_columns(batch, phone)
        phone = names
        answers = consent.answers(batch)
        any_yes = any_yes or bool(answers.yes.any())
        said_no = batch.loc[answers.no]
        found += [read_phones(said_no[name], fictional=fictional).numbers for name in names]
    consent.check_any(any_yes=any_yes)
    numbers = np.unique(np.concatenate(found))
    return numbers[numbers > 0]


def _covered(columns: list[Phones], suppress: SuppressionList) -> npt.NDArray[np.bool_]:
    """Return which rows are of people on the list, by any of their numbers."""
    if not isinstance(suppress, SuppressionList):
        raise ContactsError(
            f"suppress must be a suppression list, not {kind_of(suppress)}; "
            "mms.read_suppression_list() makes one from files, folders of runs and columns"
        )
    found = np.zeros(len(columns[0]), dtype=np.bool_)
    for phones in columns:
        found |= suppress.covers(phones.numbers)
    return found


# ----- which columns ------------------------------------------------------------------------------


def _frame(given: object) -> pd.DataFrame:
    """Take a dataframe of any library as one of pandas."""
    contacts = frames.as_pandas(given)
    if contacts is None:
        raise ContactsError(
            f"contacts must be a dataframe, not {kind_of(given)}; mms.read_contacts(FILE) makes "
            "one from a file"
        )
    return contacts


def _phone_columns(contacts: pd.DataFrame, phone: str | Sequence[str] | None) -> list[str]:
    if contacts.columns.nlevels > 1:
        raise ContactsError("the columns have several levels: give each one name first")
    if not contacts.columns.is_unique:
        twice = contacts.columns[contacts.columns.duplicated()].unique()
        raise ContactsError(f"column names occur twice: {_listed(twice)}; rename them first")
    # Whatever their case, to which SQL is blind.
    ours = [name for name in contacts.columns if str(name).casefold().startswith(PREFIX)]
    if ours:
        raise ContactsError(
            f"the contacts have columns that begin with {PREFIX}: {_listed(ours)}; "
            "drop or rename them first (a frame is prepared once)"
        )
    if phone is None:
        return [guess_column(contacts)]
    names = [phone] if isinstance(phone, str) else list(dict.fromkeys(phone))
    if not names:
        raise ContactsError("phone is an empty list: name a column, or leave phone out")
    for name in names:
        if name not in contacts.columns:
            raise ContactsError(
                f"there is no column {name!r}.{nearest(str(name), map(str, contacts.columns))} "
                f"The columns are: {_listed(contacts.columns)}"
            )
    return names


def _listed(names: Iterable[Hashable]) -> str:
    return ", ".join(map(repr, names)) or "(none)"


def _first_sendable(columns: list[Phones]) -> tuple[Phones, npt.NDArray[np.int8]]:
    """Take from each row the first column that can be sent to, else the first that says why not.

    Returns
    -------
    Phones and array of shape (rows,)
        Place of the column taken; -1 if every column is missing.
    """
    first = columns[0]
    if len(columns) == 1:
        return first, np.zeros(len(first), np.int8)
    problems = np.stack([phones.problems for phones in columns])
    sendable, telling = problems == SENDABLE, problems != PROBLEM_CODE["missing"]
    chosen = np.where(sendable.any(axis=0), sendable.argmax(axis=0), telling.argmax(axis=0))
    rows = np.arange(len(first))
    taken = Phones(
        *(
            np.stack([getattr(phones, field) for phones in columns])[chosen, rows]
            for field in ("numbers", "problems", "repairs", "details")
        )
    )
    return taken, np.where(telling.any(axis=0), chosen, -1).astype(np.int8)


# ----- columns of words ---------------------------------------------------------------------------


def _strings(values: pa.LargeStringArray) -> Any:
    dtype: Any = pd.StringDtype(na_value=np.nan)
    return dtype.__from_arrow__(pa.chunked_array([values]))


def _words_of_repairs(repairs: npt.NDArray[np.uint8]) -> dict[int, str]:
    return {
        mask: repair_words(mask)
        for mask in np.flatnonzero(np.bincount(repairs, minlength=1)).tolist()
        if mask
    }


def _words_of_details(details: npt.NDArray[np.int16]) -> dict[int, str]:
    present = np.flatnonzero(np.bincount(details[details >= 0], minlength=1))
    names = {code: detail_name(code) for code in present.tolist() if code}
    return dict(sorted(names.items(), key=lambda item: item[1]))


def _category(codes: npt.NDArray[Any], words: dict[int, str]) -> pd.Categorical:
    """Make a category of those words that occur; a code without a word is missing."""
    places: dict[str, int] = {}
    table = np.full(max(words, default=0) + 2, -1, np.int16)  # the last is for a code of -1
    for code, word in words.items():
        table[code] = places.setdefault(word, len(places))
    dtype = pd.CategoricalDtype(pd.Index(list(places), dtype="str"))
    return pd.Categorical.from_codes(table[codes], dtype=dtype)


_ROWS_SHOWN: Final = 5


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
        return Document((*parts, mask_frame(start, self.phone_columns) if masked else start))

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
