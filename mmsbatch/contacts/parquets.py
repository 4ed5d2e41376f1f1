"""Parquet as text: only the columns asked for leave the file, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from mmsbatch.contacts.encodings import UNREADABLE
from mmsbatch.contacts.headers import check_names, choose
from mmsbatch.contacts.texts import column_text
from mmsbatch.errors import ContactsError

BATCH_ROWS: Final = 1 << 17


class ParquetFile:
    """One Parquet file.

    Parameters
    ----------
    file
        Its bytes, seekable.
    label
        The file's name for messages.

    Attributes
    ----------
    names : list of str
        The top-level columns.
    rows : int
        How many rows it has.

    Raises
    ------
    ContactsError
        A damaged or encrypted file, unusable names.
    """

    def __init__(self, file: BinaryIO, label: str) -> None:
        self._label = label
        try:
            self._file = pq.ParquetFile(file, page_checksum_verification=True)
            self.names: list[str] = list(self._file.schema_arrow.names)
        except UNREADABLE as error:
            raise _damaged(label, error) from error
        self.rows: int = self._file.metadata.num_rows
        check_names(self.names, label)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of these columns in batches, all text; empty is null."""
        wanted = choose(columns, self.names, self._label)
        try:
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
                table = pa.Table.from_batches([batch])
                yield pa.table(
                    [
                        column_text(table.column(name), f"{self._label}: column {name!r}")
                        for name in wanted
                    ],
                    names=wanted,
                )
        except UNREADABLE as error:
            raise _damaged(self._label, error) from error


def _damaged(label: str, error: Exception) -> ContactsError:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ContactsError(
        f"{label}: is a Parquet file that cannot be read ({said}). "
        "It was cut off or damaged on its way here: fetch or write it again."
    )
