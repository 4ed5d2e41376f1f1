"""Texts written as sh, cron, systemd, Airflow and Python read them. Pure."""

from __future__ import annotations

import re
import shlex
from typing import Any, Final

from mmsbatch.errors import InputError

_LONGEST: Final = 998
"""Bytes of a command in a crontab; Debian's refuses a longer one."""
_JINJA: Final = ("{{", "{%", "{#")
_GLOB: Final = re.compile(r"([*?[])")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def one_line(name: str, text: str) -> str:
    """Return a text that fits on a line.

    Raises
    ------
    InputError
        It has a line break or another control character, which no recipe can hold.
    """
    if _CONTROL.search(text):
        raise InputError(f"{name}: {text!r} has a line break or a control character: rename it")
    return text


def sh(word: object) -> str:
    """Write one word of a shell's command."""
    return shlex.quote(str(word))


def cron(command: str) -> str:
    r"""Write a shell's command in a crontab: a percent sign, else its end, is ``\%``.

    Raises
    ------
    InputError
        It cannot be written: a backslash before a percent sign or another backslash, which crons
        read differently; or too long for Debian's cron.
    """
    if re.search(r"\\[\\%]", command):
        raise InputError(
            "cron cannot be given a name with a backslash before a percent sign or another "
            "backslash: rename the file or folder, or give --as systemd"
        )
    written = command.replace("%", r"\%")
    if (length := len(written.encode())) > _LONGEST:
        raise InputError(
            f"the command has {length} bytes, and Debian's cron takes {_LONGEST}: use shorter "
            "names, or give --as systemd"
        )
    return written


def systemd_setting(text: object) -> str:
    """Write a systemd setting that is taken whole: a percent sign is doubled.

    Raises
    ------
    InputError
        It cannot be written: blanks around it would be lost, a backslash would join the next line.
    """
    written = str(text)
    if written != written.strip() or written.endswith("\\"):
        raise InputError(
            f"systemd cannot be given {written!r}, which begins or ends with a blank or ends with "
            "a backslash: rename it"
        )
    return written.replace("%", "%%")


def systemd_files(text: object) -> str:
    """Write a path where systemd takes a pattern of paths."""
    return systemd_setting(_GLOB.sub(r"[\1]", str(text)))


def systemd_word(text: str) -> str:
    """Write one word of systemd's ExecStart, whatever is in it."""
    for letter, written in (("\\", r"\\"), ('"', r"\""), ("%", "%%"), ("$", "$$")):
        text = text.replace(letter, written)
    return f'"{text}"'


def python(value: Any) -> str:
    """Write a value in Python; a text in double quotes where it has none itself."""
    text = repr(value)
    plain = isinstance(value, str) and text[0] == "'" and '"' not in value
    return f'"{text[1:-1]}"' if plain else text


def airflow(value: Any) -> str:
    """Write a value in Python for a field in which Airflow fills in ``{{ … }}``."""
    if isinstance(value, list):
        return f"[{', '.join(map(airflow, value))}]"
    if isinstance(value, str) and any(mark in value for mark in _JINJA):
        return python(f"{{{{ {value!r} }}}}")  # as a text of Jinja's, in which no mark is one
    return python(value)
