"""JSON files: records of named values, read as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa

from mmsbatch.contacts.encodings import utf8_blocks
from mmsbatch.contacts.formats import check_names, choose
from mmsbatch.contacts.typed import BATCH_ROWS
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
            lines = _lines(utf8_blocks(file, None, self._label))
            for number, line in enumerate(lines, start=1):
                if number == 1 and line.lstrip().startswith(b"["):
                    yield from self._list(line)
                elif line.strip():
                    yield self._object(self._parsed(line, f"line {number}"), f"line {number}")

    def _list(self, text: bytes) -> Iterator[dict[str, Any]]:
        for number, record in enumerate(self._parsed(text, "the list"), start=1):
            yield self._object(record, f"record {number}")

    def _parsed(self, text: bytes, where: str) -> Any:
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


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of a text that comes in blocks; a text that begins with [ is one line."""
    left = b"".join(islice(blocks, 1))
    if left.lstrip().startswith(b"["):
        yield left + b"".join(blocks)
        return
    for block in blocks:
        *whole, left = (left + block).split(b"\n")
        yield from whole
    yield from left.split(b"\n")


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
