"""What a file really is, whatever its name says, and whether its header can be used. Pure."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from mmsbatch.contacts.encodings import UNREADABLE
from mmsbatch.errors import ContactsError, nearest

HEAD_BYTES: Final = 4096


class FileKind(StrEnum):
    """What a file can be read as; the value completes "is …"."""

    TEXT = "text, such as CSV"
    WORKBOOK = "a workbook"
    PARQUET = "Parquet"
    FEATHER = "Arrow (Feather)"
    JSON = "JSON"
    GZIP = "compressed by gzip"
    BZIP2 = "compressed by bzip2"
    XZ = "compressed by xz"
    ZSTD = "compressed by zstd"
    ZIP = "a zip archive"


COMPRESSED: Final = {
    ".gz": FileKind.GZIP,
    ".bz2": FileKind.BZIP2,
    ".xz": FileKind.XZ,
    ".zst": FileKind.ZSTD,
    ".zip": FileKind.ZIP,
}
"""Suffixes that stand behind another: ``crm.csv.gz``."""

_SUFFIXES: Final = {
    ".csv": FileKind.TEXT,
    ".tsv": FileKind.TEXT,
    ".tab": FileKind.TEXT,
    ".txt": FileKind.TEXT,
    ".xlsx": FileKind.WORKBOOK,
    ".xlsm": FileKind.WORKBOOK,
    ".xlsb": FileKind.WORKBOOK,
    ".xls": FileKind.WORKBOOK,
    ".ods": FileKind.WORKBOOK,
    ".parquet": FileKind.PARQUET,
    ".pq": FileKind.PARQUET,
    ".feather": FileKind.FEATHER,
    ".arrow": FileKind.FEATHER,
    ".json": FileKind.JSON,
    ".jsonl": FileKind.JSON,
    ".ndjson": FileKind.JSON,
    **COMPRESSED,
}
_OLE2: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_READABLE: Final = (
    (b"PAR1", FileKind.PARQUET),
    (b"ARROW1", FileKind.FEATHER),
    (b"\x1f\x8b", FileKind.GZIP),
    (b"BZh", FileKind.BZIP2),
    (b"\xfd7zXZ\0", FileKind.XZ),
    (b"\x28\xb5\x2f\xfd", FileKind.ZSTD),
)
_OTHER: Final = (
    (b"%PDF", "a PDF document", "Ask for the table itself, as CSV or Excel."),
    (b"PARE", "an encrypted Parquet file", "Write it without encryption."),
    (b"FEA1", "a Feather file of the first version", "Write it as Parquet."),
    (b"ORC", "an ORC file", "Write it as Parquet."),
    (b"Obj\x01", "an Avro file", "Write it as Parquet."),
    (b"SQLite format 3\0", "an SQLite database", "Export the table as CSV."),
    (b"\x89PNG", "a picture", "Ask for the table itself, as CSV or Excel."),
    (b"\xff\xd8\xff", "a picture", "Ask for the table itself, as CSV or Excel."),
    (b"{\\rtf", "an RTF document", "Save the table as CSV or Excel."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
)
_MARKUP: Final = (
    (b"<html", "an HTML page"),
    (b"<!doctype html", "an HTML page"),
    (b"<table", "an HTML page"),
    (b"<meta", "an HTML page"),
    (b"<?xml", "an XML file"),
    (b"begin:vcard", "a vCard file"),
)
_JSON: Final = re.compile(rb"\s*(\[\s*)?\{\s*(\"|\})")
"""An object, or a list of objects."""


def identify(head: bytes, file: BinaryIO, label: str) -> FileKind:
    """Name what a file is.

    Parameters
    ----------
    head
        Its first bytes, `HEAD_BYTES` if it has so many.
    file
        The file itself, seekable where `head` begins as a zip or OLE2 container does.
    label
        The file's name for messages.

    Raises
    ------
    ContactsError
        An empty file; a known kind of file that has no contacts to read, with what to do.
    """
    if not head:
        raise ContactsError(f"{label}: is empty (0 bytes). Export it again.")
    for begin, kind in _READABLE:
        if head.startswith(begin):
            return kind
    for begin, what, advice in _OTHER:
        if head.startswith(begin):
            raise ContactsError(f"{label}: is {what}, not contacts. {advice}")
    if head.startswith(b"PK"):
        return _zipped(file, label)
    if head.startswith(_OLE2):
        return _ole2(file, label)
    _refuse_markup(head, label)
    if _JSON.match(head.removeprefix(b"\xef\xbb\xbf")):
        return FileKind.JSON
    return FileKind.TEXT


def expect(kind: FileKind, name: str, label: str) -> None:
    """Refuse a file whose name says another kind than it is.

    Raises
    ------
    ContactsError
        Saying what it really is and how to name it.
    """
    suffix = PurePosixPath(name).suffix.lower()
    said = _SUFFIXES.get(suffix, kind)
    if said != kind:
        usual = {
            FileKind.TEXT: ".csv",
            FileKind.WORKBOOK: ".xlsx",
            FileKind.PARQUET: ".parquet",
            FileKind.FEATHER: ".feather",
            FileKind.JSON: ".json",
        }.get(kind) or (suffix + next(end for end, packed in COMPRESSED.items() if packed == kind))
        raise ContactsError(
            f"{label}: is named {suffix}, but is {kind}. Rename it to end in {usual}, or export it "
            "again."
        )


def _refuse_markup(head: bytes, label: str) -> None:
    """Refuse text that is not a table."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower()
    for begin, what in _MARKUP:
        if start.startswith(begin):
            raise ContactsError(
                f"{label}: is {what}, whatever its name says. Export the table itself, or open "
                "this in Excel or LibreOffice and save it as .xlsx or CSV."
            )


def _zipped(file: BinaryIO, label: str) -> FileKind:
    """Tell workbooks, which are zip archives, from documents and plain archives."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            mime = (
                archive.read("mimetype").decode("ascii", "replace") if "mimetype" in names else ""
            )
    except UNREADABLE as error:
        raise ContactsError(
            f"{label}: is a zip archive or workbook that was cut off or damaged. Fetch it again."
        ) from error
    if "spreadsheet" in mime or any(name.startswith("xl/") for name in names):
        return FileKind.WORKBOOK
    if any(name.startswith("Index/") and name.endswith(".iwa") for name in names):
        what = "a workbook of Apple Numbers"
    elif mime.startswith("application/vnd.oasis") or any(n.startswith("word/") for n in names):
        what = "a text document"
    else:
        return FileKind.ZIP
    raise ContactsError(f"{label}: is {what}. Export the table as CSV or Excel.")


def _ole2(file: BinaryIO, label: str) -> FileKind:
    """Tell old workbooks from encrypted new ones and from other documents, by stream names."""
    file.seek(0)
    content = file.read()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise ContactsError(f"{label}: is protected by a password. Save it without one, or as CSV.")
    if any(name.encode("utf-16-le") in content for name in ("Workbook", "Book")):
        return FileKind.WORKBOOK
    raise ContactsError(
        f"{label}: is an old Office document without a workbook. Save the table as .xlsx or CSV."
    )


_VALUE: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|(?=(?:.*[0-9]){9})[+0-9 .()/\u00a0\u202f-]+")
"""An e-mail address or nine digits and more: a value, so the header is missing."""


def is_value(cell: str) -> bool:
    """Return whether a cell looks like a value, not like a column's name."""
    return bool(_VALUE.fullmatch(cell.strip()))


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse names that are missing, doubled, or values.

    Parameters
    ----------
    names
        The header's cells, in order.
    where
        The file, and the line or sheet, for the message.

    Raises
    ------
    ContactsError
        Naming the position of the column, counted from 1.
    """
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name.strip():
            title = sum(not other.strip() for other in names) * 2 > len(names)
            advice = (
                "Is this a title above the header? Delete it."
                if title
                else "Name it in the header, or delete the column."
            )
            raise ContactsError(f"{where}: column {position} of {len(names)} has no name. {advice}")
        if is_value(name):
            raise ContactsError(
                f"{where}: column {position} is named by what looks like a value, so the header "
                "seems to be missing. Add a first line with the column names."
            )
        if name in seen:
            raise ContactsError(
                f"{where}: columns {seen[name]} and {position} are both named {name!r}. "
                "Rename one of them."
            )
        seen[name] = position


def choose(columns: Sequence[str] | None, names: Sequence[str], where: str) -> list[str]:
    """Return the columns asked for, in that order; all of them for None.

    Raises
    ------
    ContactsError
        A column that is not there (with the nearest name and all of them), or none asked for.
    """
    if columns is None:
        return list(names)
    wanted = [columns] if isinstance(columns, str) else list(columns)
    if not wanted:
        raise ContactsError("columns=[] asks for nothing. Leave it out to read every column.")
    for name in wanted:
        if name not in names:
            raise ContactsError(
                f"{where}: there is no column {name!r}.{nearest(str(name), names)} "
                f"The columns are: {', '.join(names)}."
            )
    check_names(wanted, "columns=")
    return wanted


def same_columns(names: Sequence[str], first: Sequence[str], where: str, origin: str) -> None:
    """Refuse a part whose columns are not those of the first part; their order may differ."""
    missing = [name for name in first if name not in names]
    added = [name for name in names if name not in first]
    if missing or added:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(added)} added"] if added else []
        raise ContactsError(
            f"{where}: its columns are not those of {origin} ({'; '.join(said)}). "
            "Every part of a folder has the same columns: correct it, or move it out."
        )
