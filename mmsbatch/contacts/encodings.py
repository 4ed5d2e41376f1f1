"""Text in any usual encoding as UTF-8, block by block; finds out which encoding it is.

UTF-8 and UTF-16 tell themselves apart. What is neither is Windows-1252, the French norm, unless
its letters only make sense as ISO-8859-15 or as an old Macintosh's or DOS's: Excel still writes
those two.
"""

from __future__ import annotations

import codecs
import lzma
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

import pyarrow as pa

from mmsbatch import hints
from mmsbatch.errors import ContactsError

BLOCK_BYTES: Final = 1 << 20

UNREADABLE: Final = (
    EOFError,
    OSError,
    RuntimeError,  # zipfile: a password; NotImplementedError: an unknown compression
    ValueError,  # names that are no text
    lzma.LZMAError,
    pa.ArrowException,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the libraries of archives and formats raise on damaged bytes."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: it begins with that one's mark
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FRENCH: Final = frozenset("éèêëàâäçîïôöùûüœæÉÈÊÀÂÇÎÔÛŒ°«»’€\u00a0")
_SINGLE_BYTE: Final = ("cp1252", "iso8859_15", "mac_roman", "cp850")


_DIFFERING: Final = re.compile(rb"[\xa4\xa6\xa8\xb4\xb8\xbc\xbd\xbe]")
_LETTER: Final = rb"[A-Za-z\xc0-\xff]"
_LATIN9_LETTERS: Final = re.compile(
    _LETTER + rb"[\xa6\xa8\xb4\xb8\xbc\xbd\xbe]|[\xa6\xa8\xb4\xb8\xbc\xbd\xbe]" + _LETTER
)
"""Š š Ž ž Œ œ Ÿ, beside another letter."""
_LATIN9_EURO: Final = re.compile(rb"[0-9][ \xa0]?\xa4|\xa4[ \xa0]?[0-9]")
_WINDOWS_ONLY: Final = re.compile(rb"[\x80-\x9f]")
_FRACTIONS: Final = re.compile(rb"(?<!" + _LETTER + rb")[\xbc-\xbe](?!" + _LETTER + rb")")
"""¼ ½ ¾, which no letter touches."""


class EncodingUndecided(UserWarning):
    """The bytes of a text are of two encodings alike, and a few of its letters depend on which."""


def read_bytes(file: BinaryIO, size: int, label: str) -> bytes:
    """Read exactly this many bytes, fewer only at the end.

    Raises
    ------
    ContactsError
        The file cannot be read, or its compression is damaged.
    """
    pieces: list[bytes] = []
    left = size
    try:
        while left > 0 and (piece := file.read(left)):
            pieces.append(piece)
            left -= len(piece)
    except UNREADABLE as error:
        raise damaged(error, label) from error
    return b"".join(pieces)


def damaged(error: Exception, label: str) -> ContactsError:
    """Make the error that says that bytes were lost or changed."""
    return ContactsError(
        f"{label}: cannot be read to its end ({type(error).__name__}: {error}). "
        "It was cut off or damaged on its way here: fetch it again."
    )


def utf8_blocks(file: BinaryIO, encoding: str | None, label: str) -> Iterator[bytes]:
    """Yield the file's text as UTF-8, without a byte order mark.

    Parameters
    ----------
    file
        Bytes of text, from their beginning.
    encoding
        A Python codec name, or None to find it out.
    label
        The file's name for messages.

    Raises
    ------
    ContactsError
        Bytes that the encoding does not have, or NUL, with the line; an unknown encoding.
    """
    block = read_bytes(file, BLOCK_BYTES, label)
    known, mark_bytes = _begin(block, encoding, label)
    block = block[mark_bytes:]
    newline = b"\n"
    decoder = codecs.getincrementaldecoder(known)() if known else None
    lines = 0
    while block:
        following = read_bytes(file, BLOCK_BYTES, label)
        if decoder is None and not block.isascii():
            known = _decide(block, lines, label)
            decoder = codecs.getincrementaldecoder(known)()
        try:
            text = block if decoder is None else decoder.decode(block, not following).encode()
        except UnicodeError as error:
            raise _undecodable(error, str(known), lines, label, given=encoding) from error
        if lines == 0 and b"\n" not in text:
            newline = b"\r"  # an old Macintosh's line ends
        if b"\0" in text:
            line = lines + text[: text.index(b"\0")].count(newline) + 1
            raise ContactsError(
                f"{label}: line {line} has a NUL byte, which no text has. "
                "The file is damaged or not a text file: export it again as CSV in UTF-8."
            )
        lines += text.count(newline)
        yield text
        block = following


def _begin(block: bytes, encoding: str | None, label: str) -> tuple[str | None, int]:
    """Return the encoding as far as the first bytes tell it, and the length of their mark."""
    marked, size = next(((name, len(bom)) for bom, name in _BOMS if block.startswith(bom)), ("", 0))
    if encoding is None:
        return (marked or _utf16_without_mark(block)), size
    try:
        name = codecs.lookup(encoding).name
        "é".encode(name)
    except UnicodeError:
        pass  # ascii and its like: known, and narrow
    except LookupError as error:
        raise ContactsError(
            f"{hints.option('encoding', encoding)} is not known. Usual ones: 'utf-8', "
            "'cp1252', 'utf-16'."
        ) from error
    if not marked:
        return name, 0
    if marked.startswith(name.removesuffix("-sig")):  # "utf-16" may be either of the two
        return marked, size
    raise ContactsError(
        f"{label}: {hints.option('encoding', encoding)} was given, but the file begins with "
        f"the mark of {marked}. Leave it out."
    )


def _utf16_without_mark(block: bytes) -> str | None:
    """Recognise UTF-16 by the zero bytes that every Latin letter has on the same side."""
    pairs = len(block) // 2
    if pairs and len(block) % 2 == 0:
        high, low = block[1::2].count(0), block[0::2].count(0)
        if high > 0.6 * pairs and low < 0.1 * pairs:
            return "utf-16-le"
        if low > 0.6 * pairs and high < 0.1 * pairs:
            return "utf-16-be"
    return None


def _decide(block: bytes, lines: int, label: str) -> str:
    """Name the encoding by the first block that is more than ASCII."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(block)
    except UnicodeDecodeError as error:
        told = block.decode("utf-8", "surrogateescape")
        bad = sum("\udc80" <= letter <= "\udcff" for letter in told)
        good = sum(letter > "\x7f" for letter in told) - bad
        if good > bad:
            line = lines + block[: error.start].count(b"\n") + 1
            raise ContactsError(
                f"{label}: line {line} is not UTF-8, "
                "though other lines are: two encodings are mixed. Export the file again, or pass "
                f"{hints.option('encoding', 'cp1252')} to read it wrongly but whole."
            ) from error
    else:
        return "utf-8"
    # On equal counts the first wins: Windows-1252, the norm.
    likely = max(_SINGLE_BYTE, key=lambda name: _plausible(block, name))
    alike = {"cp1252", "iso8859_15"}
    return _windows_or_latin9(block, label) if likely in alike else likely


def _windows_or_latin9(block: bytes, label: str) -> str:
    """Tell Windows-1252 from ISO-8859-15, which has € and œ at bytes of its own.

    Of the eight bytes that differ, one beside a letter is a letter, and one for money stands with
    a figure; the bytes 0x80 to 0x9F are letters and marks in Windows-1252, and in the other none.
    """
    windows = len(_WINDOWS_ONLY.findall(block)) + len(_FRACTIONS.findall(block))
    latin9 = len(_LATIN9_LETTERS.findall(block)) + len(_LATIN9_EURO.findall(block))
    differing = len(_DIFFERING.findall(block))
    if latin9 and not windows:
        return "iso8859_15"
    if latin9 or (differing and not windows):
        warnings.warn(
            f"{label}: is Windows-1252 or ISO-8859-15, and its bytes do not decide which. It is "
            "read as Windows-1252; if that makes a wrong sign of € or œ, pass "
            f"{hints.option('encoding', 'latin9')}",
            EncodingUndecided,
            stacklevel=6,
        )
    return "cp1252"


def _plausible(block: bytes, encoding: str) -> int:
    """Count the French letters, less what no French text has."""
    try:
        text = block.decode(encoding)
    except UnicodeDecodeError as error:
        return -len(block) if encoding != "cp1252" else _plausible(block[: error.start], encoding)
    counts = {letter: text.count(letter) for letter in set(text) if letter > "\x7f"}
    return sum(
        number if letter in _FRENCH else 0 if letter.isalpha() else -number
        for letter, number in counts.items()
    )


def _undecodable(
    error: UnicodeError, encoding: str, lines: int, label: str, *, given: str | None
) -> ContactsError:
    """Name the line of the first byte that the encoding does not have."""
    if not isinstance(error, UnicodeDecodeError):
        return ContactsError(f"{label}: is not text in {encoding}. Export it again as UTF-8.")
    before = error.object[: error.start].decode(encoding, "replace")
    line = lines + before.count("\n") + 1
    byte = error.object[error.start] if error.start < len(error.object) else 0
    advice = (
        "Leave encoding out to have it found out."
        if given
        else "Two encodings are mixed, or the file is damaged: export it again as UTF-8, or pass "
        f"{hints.option('encoding')}."
    )
    return ContactsError(f"{label}: line {line}: byte 0x{byte:02X} is not {encoding}. {advice}")
