"""JSON and Feather files: records of named values, read as text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa

from mmsbatch.contacts.encodings import UNREADABLE, utf8_blocks
from mmsbatch.contacts.formats import check_names, choose
from mmsbatch.contacts.typed import BATCH_ROWS, column_text
from mmsbatch.errors import ContactsError


class JsonFile:
    """Records as JSON: one object a line, or one list of objects.

    Numbers come as they are written, nested values as JSON, ``true`` and ``false`` as these words,
    ``null`` and a name that a record does not have as missing. Lines are read batch by batch; a
    list is held whole.

    Parameters
    ----------
    opener
        Opens the file anew, as bytes without compression.
    label
        The file's name for messages.

    Attributes
    ----------
    names : list of str
        All names that occur, in the order in which they do.

    Raises
    ------
    ContactsError
        A record that is no object or no JSON, with its line or its number; unusable names.
    """

    def __init__(self, opener: Callable[[], BinaryIO], label: str) -> None:
        self._opener, self._label = opener, label
        found: dict[str, None] = {}
        for record in self._records():
            found |= dict.fromkeys(record)
        self.names = list(found)
        check_names(self.names, label)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the records' values of these names in batches, all text; empty is null."""
        wanted = choose(columns, self.names, self._label)
        records = self._records()
        while batch := list(islice(records, BATCH_ROWS)):
            yield pa.table(
                [
                    pa.array([_text(record.get(name)) for record in batch], pa.string())
                    for name in wanted
                ],
                names=wanted,
            )

    def _records(self) -> Iterator[dict[str, Any]]:
        with self._opener() as file:
            text = io.TextIOWrapper(
                io.BufferedReader(_Joined(utf8_blocks(file, None, self._label))), encoding="utf-8"
            )
            line = next((line for line in text if line.strip()), "")
            if line.lstrip().startswith("["):
                yield from self._list(line + text.read())
                return
            number = 1
            while line:
                if line.strip():
                    yield self._object(self._parsed(line, f"line {number}"), f"line {number}")
                line, number = next(text, ""), number + 1

    def _list(self, text: str) -> Iterator[dict[str, Any]]:
        for number, record in enumerate(self._parsed(text, "the list"), start=1):
            yield self._object(record, f"record {number}")

    def _parsed(self, text: str, where: str) -> Any:
        try:
            return json.loads(text, parse_int=str, parse_float=str, parse_constant=lambda _: None)
        except (ValueError, RecursionError) as error:
            raise ContactsError(
                f"{self._label}: {where} is no JSON ({error}). One object a line is read, or one "
                "list of objects: export the file again."
            ) from None

    def _object(self, record: Any, where: str) -> dict[str, Any]:
        if isinstance(record, dict):
            return record
        raise ContactsError(
            f"{self._label}: {where} is {type(record).__name__}, not an object with a name for "
            "each value. Export the contacts as records."
        )


class _Joined(io.RawIOBase):
    """Blocks of bytes as one stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks = blocks
        self._left = b""

    def readable(self) -> bool:
        """Say yes, to io."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io's is untyped
        """Read into a buffer, for io."""
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = block
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class FeatherFile:
    """One Arrow IPC file, which is what Feather is.

    Parameters
    ----------
    file
        Its bytes, seekable.
    label
        The file's name for messages.

    Attributes
    ----------
    names : list of str
        Its columns.

    Raises
    ------
    ContactsError
        A damaged file, unusable names.
    """

    def __init__(self, file: BinaryIO, label: str) -> None:
        self._label = label
        try:
            self._file = pa.ipc.open_file(file)
        except UNREADABLE as error:
            raise self._damaged(error) from error
        self.names: list[str] = list(self._file.schema.names)
        check_names(self.names, label)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of these columns in the file's own batches, all text; empty is null."""
        wanted = choose(columns, self.names, self._label)
        try:
            for number in range(self._file.num_record_batches):
                table = pa.Table.from_batches([self._file.get_batch(number)])
                yield pa.table(
                    [
                        column_text(table.column(name), f"{self._label}: column {name!r}")
                        for name in wanted
                    ],
                    names=wanted,
                )
        except UNREADABLE as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ContactsError:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ContactsError(
            f"{self._label}: is an Arrow (Feather) file that cannot be read ({said}). It was cut "
            "off or damaged on its way here: fetch or write it again."
        )
