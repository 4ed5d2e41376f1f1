"""Where contacts lie: a file, a folder of parts, something compressed, any fsspec URL."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

import fsspec
import pyarrow as pa

from mmsbatch.contacts.encodings import UNREADABLE, damaged, read_bytes
from mmsbatch.contacts.formats import COMPRESSED, HEAD_BYTES, FileKind, expect, identify
from mmsbatch.errors import ContactsError, nearest

_NOT_PARTS: Final = (".", "_", "~$")
"""Spark's ``_SUCCESS`` and ``.crc``, Excel's lock files, a desktop's hidden files."""


@dataclass(frozen=True)
class Part:
    """One file of contacts."""

    files: Any
    """The fsspec file system."""
    path: str
    label: str
    """Its name for messages: as it was given, without credentials."""

    @property
    def local(self) -> bool:
        """Whether it lies on this machine's disk."""
        return "file" in self.files.protocol

    def open(self) -> BinaryIO:
        """Open the bytes as they lie.

        Raises
        ------
        ContactsError
            They cannot be opened.
        """
        with reaching(self.label):
            file = self.files.open(self.path, "rb")
            return cast("BinaryIO", file if file.seekable() else io.BytesIO(file.read()))


@dataclass(frozen=True)
class Unpacked:
    """What a part really holds once it is unpacked."""

    part: Part
    kind: FileKind
    """Never a compression."""
    packed: tuple[FileKind, ...]
    """The compressions around it, the outermost first."""

    def open(self) -> BinaryIO:
        """Open the content anew, unpacked; seekable only when nothing is around it."""
        file = self.part.open()
        for kind in self.packed:
            file = _unpack(file, kind, self.part.label)[0]
        return file


def parts(source: str | os.PathLike[str]) -> list[Part]:
    """List the files of a source, in the order of their names.

    Raises
    ------
    ContactsError
        Nothing there (with the nearest name), an empty folder, a folder in the folder, or a URL
        whose file system is not installed.
    """
    text = os.fspath(source)
    label = re.sub(r"(?<=//)[^/@]*@", "", text)
    files, path = _file_system(text, label)
    with reaching(label):
        if not files.exists(path):
            raise ContactsError(f"{label}: there is no such file.{_neighbour(files, path)}")
        if not files.isdir(path):
            return [Part(files, path, label)]
        inside = sorted(files.ls(path, detail=True), key=lambda entry: str(entry["name"]))
    found = []
    for entry in inside:
        name = PurePosixPath(str(entry["name"]).rstrip("/")).name
        if name.startswith(_NOT_PARTS):
            continue
        inner = f"{label.rstrip('/')}/{name}"
        if entry["type"] == "directory":
            raise ContactsError(
                f"{inner}: is a folder within the folder of parts. Read one folder of files at a "
                "time."
            )
        found.append(Part(files, str(entry["name"]), inner))
    if not found:
        raise ContactsError(f"{label}: the folder has no files to read.")
    return found


def content(part: Part) -> Unpacked:
    """Find out what a part holds, through any compression, and that its name says so.

    Raises
    ------
    ContactsError
        It is something else than its name says, or nothing that can be read; an archive of several
        files; damaged compression.
    """
    file, name = part.open(), PurePosixPath(part.path).name
    packed: list[FileKind] = []
    while True:
        head = read_bytes(file, HEAD_BYTES, part.label)
        if not file.seekable() and head.startswith((b"PK", b"\xd0\xcf")):
            file = io.BytesIO(head + _rest(file, part.label))
        kind = identify(head, file, part.label)
        expect(kind, name, part.label)
        if kind not in COMPRESSED.values():
            file.close()
            return Unpacked(part, kind, tuple(packed))
        if len(packed) > 1:
            raise ContactsError(f"{part.label}: is compressed more than twice. Unpack it first.")
        packed.append(kind)
        if file.seekable():
            file.seek(0)
        else:
            file = io.BytesIO(head + _rest(file, part.label))
        file, inner = _unpack(file, kind, part.label)
        name = inner or (
            PurePosixPath(name).stem if PurePosixPath(name).suffix.lower() in COMPRESSED else name
        )


@contextmanager
def reaching(label: str) -> Iterator[None]:
    """Turn what file systems raise into a ContactsError that says what to do."""
    try:
        yield
    except ContactsError:
        raise
    except PermissionError as error:
        raise ContactsError(
            f"{label}: may not be read by this user. Change its permissions (chmod u+r)."
        ) from error
    except Exception as error:  # each file system has its own errors
        raise ContactsError(
            f"{label}: cannot be reached ({type(error).__name__}). "
            "Check the name, the network and the credentials."
        ) from error


def _file_system(text: str, label: str) -> tuple[Any, str]:
    protocol, separator, _ = text.partition("://")
    if not separator:
        return fsspec.filesystem("file"), str(Path(text).expanduser().absolute())
    try:
        files, path = fsspec.core.url_to_fs(text)
    except ImportError as error:
        raise ContactsError(
            f"{label}: reading {protocol}:// needs one more package ({error}). Install it with pip."
        ) from error
    except ValueError as error:
        known = sorted(fsspec.available_protocols())
        raise ContactsError(
            f"{label}: {protocol}:// is not known.{nearest(protocol, known)} "
            "Give a file, a folder, or a URL such as s3:// or https://."
        ) from error
    except Exception as error:
        with reaching(label):
            raise error  # noqa: TRY201  (to be told like the rest)
    return files, path


def _neighbour(files: Any, path: str) -> str:
    """Name the file in the same folder that was perhaps meant."""
    folder, _, name = path.rstrip("/").rpartition("/")
    try:
        names = [PurePosixPath(str(entry)).name for entry in files.ls(folder or "/", detail=False)]
    except OSError:
        return f" Its folder is not there either: {folder}." if "file" in files.protocol else ""
    return nearest(name, names)


def _rest(file: BinaryIO, label: str) -> bytes:
    """Read what is left, into memory."""
    pieces = []
    while piece := read_bytes(file, 1 << 24, label):
        pieces.append(piece)
    return b"".join(pieces)


def _unpack(file: BinaryIO, kind: FileKind, label: str) -> tuple[BinaryIO, str | None]:
    """Open what is compressed; and its name, if the archive keeps one."""
    if kind is FileKind.GZIP:
        return cast("BinaryIO", gzip.GzipFile(fileobj=file)), None
    if kind is FileKind.BZIP2:
        return cast("BinaryIO", bz2.BZ2File(file)), None
    if kind is FileKind.XZ:
        return cast("BinaryIO", lzma.LZMAFile(file)), None
    if kind is FileKind.ZSTD:
        return cast("BinaryIO", pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")), None
    return _only_file(file, label)


def _only_file(file: BinaryIO, label: str) -> tuple[BinaryIO, str]:
    """Open the one file of a zip archive."""
    try:
        archive = zipfile.ZipFile(file)
    except UNREADABLE as error:
        raise damaged(error, label) from error
    inside = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
    ]
    if len(inside) != 1:
        shown = ", ".join(entry.filename for entry in inside[:5]) or "nothing"
        raise ContactsError(
            f"{label}: the archive has {len(inside)} files ({shown}{', …' if len(inside) > 5 else ''})."  # noqa: E501, PLR2004
            " Unpack it into a folder and give the one file, or the folder if all are parts."
        )
    if inside[0].flag_bits & 1:
        raise ContactsError(f"{label}: the archive is protected by a password. Unpack it first.")
    try:
        opened = archive.open(inside[0])
    except UNREADABLE as error:
        raise damaged(error, label) from error
    return cast("BinaryIO", opened), PurePosixPath(inside[0].filename).name
