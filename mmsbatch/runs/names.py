"""A run's name, made from a template and a date that is passed in, never from the clock. Pure.

The same date always gives the same name, so a second execution in the same week goes on with the
same run. What would give one week two names, or two years one, is refused.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path
from string import Formatter
from typing import Final, TypeVar

from mmsbatch import hints
from mmsbatch.errors import InputError, nearest, shown
from mmsbatch.times import day

_FIELD: Final = "date"
_EXAMPLE: Final = "weekly-{date:%G-W%V}"

_NEEDS: Final = {"Y": "", "m": "Y", "d": "m", "j": "Y", "G": "V", "V": "G", "u": "V"}
"""What may stand in a template, and what it means nothing without: a name comes back otherwise."""

_DIRECTIVE: Final = re.compile("%(.?)", re.DOTALL)
_SAFE: Final = re.compile(r"\w(?:[\w .+=@-]{0,98}[\w+=@-])?")


def run_name(template: str, date: dt.date | str | None = None) -> str:
    """Make a run's name from a template and a date.

    Parameters
    ----------
    template
        A name in which ``{date}`` (``2026-11-23``) or ``{date:…}`` stands for the date, in
        `datetime.date.strftime`'s letters: ``%Y %m %d %j``, or ISO weeks ``%G-W%V`` with ``%u``.
        A name without it is given back as it is.
    date
        The day the run is for: ``2026-11-23``, a `datetime.date`, or a week, ``2026-W48``, which
        stands for its Monday.

    Returns
    -------
    str
        ``"weekly-2026-W48"`` of ``"weekly-{date:%G-W%V}"`` and ``"2026-11-23"``.

    Raises
    ------
    InputError
        A template without a date or a date without a place in it, a field or a letter that is not
        known or would repeat itself, a date that is none, a name that cannot be a folder's.
    """
    formats = _formats(template)
    if formats and date is None:
        raise InputError(
            f"the run's name {template!r} needs a date: give one, such as "
            f"{hints.option('date', '2026-11-23')}"
        )
    if date is not None and not formats:
        raise InputError(
            f"a date was given ({date}) and the run's name {template!r} has no place for it: write "
            f"{_EXAMPLE!r}, or leave the date out"
        )
    for letters in formats:
        _check_letters(letters, template)
    name = template
    if date is not None:
        name = template.format(date=day(date, "date"))
    if not _SAFE.fullmatch(name):
        raise InputError(
            f"a run's name is a folder's: letters, digits, and . _ - + = @ or blanks inside, at "
            f"most 100; found {name!r}"
        )
    return name


def run_name_of(campaign: str) -> str:
    """Return a run's name for a campaign: its own, with what a folder's cannot hold left out."""
    name = re.sub(r"[^\w.+=@-]+", "-", campaign)[:100].strip("-.")
    return name or "run"


Place = TypeVar("Place", str, Path)


def run_path(run: Place, date: dt.date | str | None = None) -> Place:
    """Make a run's folder from a path, or a URL, whose last part may be a template.

    Raises
    ------
    InputError
        As `run_name`; or a date's place is in another part of the path.
    """
    if date is None and not {"{", "}"} & set(str(run)):
        return run
    above, name = os.path.split(run)
    if {"{", "}"} & set(above):
        raise InputError(
            f"{run}: a date can stand only in the last part, which is the run's name, and without "
            f"a / in it: {_EXAMPLE!r}"
        )
    return type(run)(os.path.join(above, run_name(name, date)))  # noqa: PTH118  (a URL is no path)


def check_filled_in(run: Path) -> None:
    """Refuse a run's folder in whose path a template was left as it is.

    It would be one run for all weeks: the second one would find it done, and send nothing.

    Raises
    ------
    InputError
        The name holds a brace, or a part of the path before it holds a place for a date.
    """
    place = f"{{{_FIELD}"
    if not {"{", "}"} & set(run.name) and place not in str(run):
        return
    template = run.name if place in run.name else _EXAMPLE
    folder = "data/runs/" if place in str(run.parent) else f"{run.parent}/"
    raise InputError(
        f"run {str(run)!r} is a template, and is not filled in here: each date needs a run of its "
        f"own. Write run={folder!r} + mms.run_name({template!r}, '2026-11-23'), with the day that "
        "the run is for"
    )


def _formats(template: str) -> list[str]:
    """Return the format of each place for the date."""
    if not isinstance(template, str):
        raise InputError(f"a run's name is a text; found {shown(template)}")
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise InputError(
            f"the run's name {template!r} is no template ({error}): write {_EXAMPLE!r}"
        ) from None
    formats = []
    for _, field, letters, conversion in parts:
        if field is None:
            continue
        if field != _FIELD or conversion:
            found = f"{{{field}!{conversion}}}" if conversion else f"{{{field}}}"
            raise InputError(
                f"the run's name {template!r}: only {{date}} and {{date:…}} can stand in it, "
                f"found {found}.{nearest(field, [_FIELD])}"
            )
        formats.append(letters or "%Y-%m-%d")
    return formats


def _check_letters(letters: str, template: str) -> None:
    found = _DIRECTIVE.findall(letters)
    known = ", ".join(f"%{letter}" for letter in _NEEDS)
    where = f"the run's name {template!r}"
    for letter in found:
        if letter not in _NEEDS:
            raise InputError(f"{where}: %{letter} is not one of {known}")
        if (needed := _NEEDS[letter]) and needed not in found:
            raise InputError(
                f"{where}: %{letter} without %{needed} would give two runs the same name, and the "
                f"second would not be sent; write for instance {_EXAMPLE!r}"
            )
    if not found:
        raise InputError(f"{where}: {letters!r} names no part of the date; it takes {known}")
    if {"Y", "G"} <= set(found):
        raise InputError(
            f"{where}: %Y begins in the middle of a week, which would have two names and be sent "
            f"twice; %G is the year of the week %V: write {_EXAMPLE!r}"
        )
