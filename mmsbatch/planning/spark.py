"""``prepare`` for a dataframe of Spark: a function for ``mapInPandas``, and its schema.

Spark's rows have no order, and a task sees no other task's rows. So repeats are not looked for
here: `plan` finds them over all rows, in the order in which it is given them. A no to being written
to does count for the rows of other tasks: it is collected first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import hints
from mmsbatch.campaign.consent import Consent
from mmsbatch.errors import ContactsError, kind_of
from mmsbatch.planning.rows import no_repeats, phone_columns, prepare_part, refusing_in
from mmsbatch.planning.suppression import SuppressionList

Parts = Callable[[Iterable[pd.DataFrame]], Iterator[pd.DataFrame]]
_SAMPLE_ROWS: Final = 10_000
"""Of which a phone column that was not named is guessed."""
_REFUSING_SCHEMA: Final = "number long, yes boolean"


def spark_prepare(
    contacts: Any,
    phone: str | Sequence[str] | None = None,
    *,
    fictional: bool = False,
    suppress: SuppressionList | None = None,
    consent: str | Consent | None = None,
) -> tuple[Parts, Any]:
    """Return a function for ``contacts.mapInPandas``, and the schema of what it gives.

    Parameters
    ----------
    contacts : pyspark.sql.DataFrame
        Any columns.
    phone, fictional, suppress, consent
        As for `prepare`. A phone column that is not named is looked for in the first rows. With
        `consent` a job is run here: whoever says no in one row has said it in all rows.

    Returns
    -------
    (function, pyspark.sql.types.StructType)
        The columns of `prepare`, with texts in place of categories; ``mms_duplicate_of`` is empty,
        and no row is called ``duplicate``.

    Raises
    ------
    ContactsError
        As from `prepare`; it is no dataframe of Spark, or pyspark is not installed. What is wrong
        with a cell is said when Spark runs the function.
    """
    types = _types()
    if not _is_spark(contacts):
        raise ContactsError(
            f"contacts must be a dataframe of Spark, not {kind_of(contacts)}; mms.prepare takes "
            "those of pandas, polars, Arrow and Dask"
        )
    agreed = None if consent is None else Consent.read(consent)
    sample = _first(contacts, _SAMPLE_ROWS if phone is None else 0)
    names = phone_columns(sample, phone)
    refusing = None if agreed is None else _refusing(contacts, names, agreed, fictional)

    def prepared(parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for part in parts:
            found = prepare_part(part, names, no_repeats, fictional, suppress, agreed, refusing)
            yield _plain(found)

    schema = types.StructType(list(contacts.schema.fields))
    text, number = types.StringType(), types.LongType()
    added = ["mms_e164", "mms_problem", "mms_repair", "mms_detail", "mms_duplicate_of"]
    for name in [*added, *(["mms_phone_column"] if len(names) > 1 else [])]:
        schema = schema.add(name, number if name == "mms_duplicate_of" else text)
    return prepared, schema


def _is_spark(given: object) -> bool:
    return type(given).__module__.startswith("pyspark.sql") and hasattr(given, "mapInPandas")


def _types() -> Any:
    try:
        return import_module("pyspark.sql.types")
    except ImportError:
        raise ContactsError(
            f"contacts of Spark need its package: `{hints.install('pyspark')}`"
        ) from None


def _refusing(
    contacts: Any, names: list[str], consent: Consent, fictional: bool
) -> npt.NDArray[np.int64]:
    """Collect the numbers that say no in any row."""

    def looked(parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for part in parts:
            numbers, any_yes = refusing_in(part, names, consent, fictional)
            # One row besides the numbers says whether anybody says yes.
            yield pd.DataFrame({"number": [*numbers.tolist(), 0], "yes": any_yes})

    consent.answers(_first(contacts, 0))  # which says so if there is no such column
    needed = contacts.select(*dict.fromkeys([*names, consent.column]))
    found = needed.mapInPandas(looked, _REFUSING_SCHEMA).distinct().toArrow().to_pandas()
    consent.check_any(any_yes=bool(found["yes"].any()))
    numbers: npt.NDArray[np.int64] = found["number"].to_numpy(dtype=np.int64)
    return np.unique(numbers[numbers > 0])


def _first(contacts: Any, rows: int) -> pd.DataFrame:
    frame: pd.DataFrame = contacts.limit(rows).toArrow().to_pandas()
    return frame


def _plain(prepared: pd.DataFrame) -> pd.DataFrame:
    """Return words as texts: Spark has no categories."""
    frame = pd.DataFrame(prepared)
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            words = frame[name].astype("object")
            frame[name] = words.where(words.notna(), None)
    return frame
