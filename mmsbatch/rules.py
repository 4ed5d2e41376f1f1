"""Broken rules as one `CampaignError`, one line for each rule and field. Pure. Source: §1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsbatch.errors import Broken, CampaignError, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_NEEDED = {
    "string_type": "a text (str) is needed",
    "int_type": "a whole number (int) is needed",
    "bool_type": "True, False or None is needed",
}


def require(rules: Iterable[str]) -> None:
    """Raise `Broken` if there is any broken rule."""
    found = tuple(rules)
    if found:
        raise Broken(*found)


def reported(error: ValidationError, what: str, fields: Sequence[str]) -> CampaignError:
    """Write pydantic's findings as this package's error, one broken rule a line.

    Parameters
    ----------
    error
        What pydantic found.
    what
        What was being built, as in "an image".
    fields
        Its fields in the order of its arguments.
    """
    lines = [
        f"{field}: {rule}"
        for detail in error.errors()
        for field, rule in _lines(detail, what, fields)
    ]
    return CampaignError("\n".join(lines))


def _lines(detail: ErrorDetails, what: str, fields: Sequence[str]) -> Iterable[tuple[str, str]]:
    place, kind = detail["loc"][0], detail["type"]
    takes = f"{what} takes {', '.join(fields)}"
    if kind == "unexpected_positional_argument":
        yield "campaign", f"one value too many, {shown(detail['input'])}; {takes}."
        return
    name = fields[place] if isinstance(place, int) else place
    field = f"campaign.{name}"
    broken = detail.get("ctx", {}).get("error")
    if isinstance(broken, Broken):
        yield from ((field, rule) for rule in broken.rules)
    elif kind in ("missing", "missing_argument"):
        yield field, f"missing; {takes} (§1.2)."
    elif kind == "unexpected_keyword_argument":
        yield field, f"not used by {what} (§1.2); {takes}.{nearest(name, fields)}"
    elif kind == "multiple_argument_values":
        yield field, f"given twice; {takes}."
    else:
        needed = _NEEDED.get(kind, detail["msg"])
        yield field, f"{needed} (§1.2); found {shown(detail['input'])}."
