"""What a file is by its first bytes, and how long it lasts. Pure.

Sources: GIF89a; ITU T.81 (JPEG); W3C PNG; 3GPP TS 26.244 and ISO/IEC 14496-12 (3GP); RFC 4867, 5
(AMR); the MIDI file specification, 1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "3GP": (".3gp",),
    "MIDI": (".mid",),
    "AMR": (".amr",),
}
"""The formats that are told apart, and how files of them are named."""

TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "GIF": ("image/gif",),
    "JPEG": ("image/jpeg", "image/jpg", "image/pjpeg"),
    "PNG": ("image/png",),
    "3GP": ("video/3gpp", "video/3gp", "audio/3gpp"),
    "MIDI": ("audio/midi", "audio/mid", "audio/x-midi", "audio/x-mid", "audio/sp-midi"),
    "AMR": ("audio/amr", "audio/amr-wb", "audio/amr-nb"),
}
"""What servers call them in Content-Type."""

_BEGINS: Final = (
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"MThd", "MIDI"),
    (b"#!AMR\n", "AMR"),
    (b"#!AMR-WB\n", "AMR"),
)


def format_of(content: bytes) -> str:
    """Return the format of a file by its first bytes; empty if it is none of `SUFFIXES`."""
    for begins, name in _BEGINS:
        if content.startswith(begins):
            return name
    return "3GP" if content[4:8] == b"ftyp" and content[8:11] == b"3gp" else ""


def seconds_of(content: bytes) -> float | None:
    """Return how long a 3GP or AMR file lasts, in seconds; None if that cannot be read."""
    read = _DURATIONS.get(format_of(content))
    try:
        return read(content) if read else None
    except (IndexError, ValueError, ZeroDivisionError):  # cut short, or not what it begins like
        return None


def _of_3gp(content: bytes) -> float | None:
    """Read the movie header (ISO/IEC 14496-12, 8.2.2)."""
    for movie in _boxes(content, b"moov"):
        for header in _boxes(movie, b"mvhd"):
            wide = 8 if header[0] == 1 else 4  # version 1 has 64-bit times
            at = 4 + 2 * wide  # after version, flags and the times of creation and change
            per_second = int.from_bytes(header[at : at + 4])
            units = header[at + 4 : at + 4 + wide]
            if len(units) < wide:
                raise ValueError("cut short")
            return int.from_bytes(units) / per_second
    return None


_SIZE_FOLLOWS: Final = 1
_TO_THE_END: Final = 0


def _boxes(content: bytes, name: bytes) -> Iterator[bytes]:
    """Return the contents of the boxes of a name."""
    at = 0
    while at + 8 <= len(content):
        size, begins = int.from_bytes(content[at : at + 4]), at + 8
        if size == _SIZE_FOLLOWS:
            size, begins = int.from_bytes(content[at + 8 : at + 16]), at + 16
        elif size == _TO_THE_END:
            size = len(content) - at
        if size < begins - at:
            raise ValueError("a box is smaller than its header")
        if content[at + 4 : at + 8] == name:
            yield content[begins : at + size]
        at += size


_FRAME_S: Final = 0.020
_NARROW: Final = {0: 12, 1: 13, 2: 15, 3: 17, 4: 19, 5: 20, 6: 26, 7: 31, 8: 5, 15: 0}
_WIDE: Final = {0: 17, 1: 23, 2: 32, 3: 36, 4: 40, 5: 46, 6: 50, 7: 58, 8: 60, 9: 5, 14: 0, 15: 0}
"""Bytes of a frame after its first, by its type (RFC 4867, 5.3; 3GPP TS 26.101 and 26.201)."""


def _of_amr(content: bytes) -> float:
    """Count the frames, of 20 ms each."""
    wide = content.startswith(b"#!AMR-WB\n")
    sizes, at = (_WIDE, 9) if wide else (_NARROW, 6)
    frames = 0
    while at < len(content):
        kind = content[at] >> 3 & 0xF
        if kind not in sizes:
            raise ValueError(f"no frame has type {kind}")
        at += 1 + sizes[kind]
        frames += 1
    return frames * _FRAME_S


_DURATIONS: Final[Mapping[str, Callable[[bytes], float | None]]] = {"3GP": _of_3gp, "AMR": _of_amr}
