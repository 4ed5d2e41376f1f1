"""Each row of a frame, or of a part of one, with a number or the reason why not. Pure (§1.4)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mmsbatch import frames
from mmsbatch.campaign.consent import Consent
from mmsbatch.errors import ContactsError, kind_of, nearest
from mmsbatch.phones.abroad import detail_name
from mmsbatch.phones.column import guess_column, read_phones
from mmsbatch.phones.notation import e164_strings
from mmsbatch.phones.problems import PROBLEM_CODE, PROBLEMS, SENDABLE, repair_words
from mmsbatch.phones.reading import NO_NUMBER, Phones
from mmsbatch.planning.grouping import NO_ROW
from mmsbatch.planning.prepared import Prepared
from mmsbatch.planning.suppression import SuppressionList

PREFIX: Final = "mms_"
CONSENT: Final = "mmsbatch.consent"
"""The key in a prepared frame's ``attrs``: by which column and words consent was looked at."""
Finder = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64]]
"""Finds the first row of each number, as ``first_rows`` does."""
PROBLEM_DTYPE: Final = pd.CategoricalDtype(list(PROBLEMS))


def prepare_part(
    contacts: pd.DataFrame,
    names: list[str],
    find: Finder,
    fictional: bool,
    suppress: SuppressionList | None,
    consent: Consent | None,
    refusing: npt.NDArray[np.int64] | None = None,
) -> Prepared:
    """Prepare a frame, or a part of one, with a way of its own to find repeats."""
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


def refusing_in(
    part: pd.DataFrame, names: list[str], consent: Consent, fictional: bool
) -> tuple[npt.NDArray[np.int64], bool]:
    """Return the numbers that say no in a part of a table, and whether anybody says yes in it."""
    answers = consent.answers(part)
    said_no = part.loc[answers.no]
    found = [read_phones(said_no[name], fictional=fictional).numbers for name in names]
    numbers = np.unique(np.concatenate(found))
    return numbers[numbers > 0], bool(answers.yes.any())


def no_repeats(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Find no repeats: for who looks for them otherwise."""
    return np.full(len(numbers), NO_ROW, np.int64)


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


def as_frame(given: object) -> pd.DataFrame:
    """Take a dataframe of any library as one of pandas."""
    contacts = frames.as_pandas(given)
    if contacts is None:
        raise ContactsError(
            f"contacts must be a dataframe, not {kind_of(given)}; mms.read_contacts(FILE) makes "
            "one from a file"
        )
    return contacts


def phone_columns(contacts: pd.DataFrame, phone: str | Sequence[str] | None) -> list[str]:
    """Return the names of the phone columns, given or guessed.

    Raises
    ------
    ContactsError
        There is no such column, or the columns cannot be used.
    """
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
