"""How help is laid out: commands by what they are for, options likewise, in the words of people."""

from __future__ import annotations

import re
from typing import Any, Final

from typer.core import TyperCommand

OPTION_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Contacts": (
        *("contacts", "phone", "sheet", "separator", "encoding", "header", "corrected", "problems"),
        *("suppress", "key_file", "consent", "consent_yes", "consent_no"),
        *("not_contacted_within", "rejected_before", "past_runs"),
    ),
    "Campaign": ("campaign", "saved", "one_per", "check_media", "allow_private", "name"),
    "Safety": (
        *("live", "confirm", "max_recipients", "max_credits", "max_problem_share", "max_change"),
        *("canary", "test_to", "again", "moved", "spent_elsewhere", "as_far_as_credits"),
        *("on_doubt", "not_after", "hours", "at_opening", "ask_account"),
    ),
    "Schedule": ("kind", "at", "home", "environ", "mail", "as_user"),
    "Pace": ("workers", "requests_per_minute"),
    "Where": ("run", "runs", "date", "journal", "out", "html", "save", "as_json"),
}
"""The headings of an option's group, and the options below each by their Python names."""

METAVARS: Final = {
    "phone": "COLUMN",
    "consent": "COLUMN",
    "consent_yes": "WORD",
    "consent_no": "WORD",
    "suppress": "FILE",
    "key_file": "FILE",
    "campaign": "FILE",
    "contacts": "CONTACTS",
    "sheet": "NAME",
    "separator": "CHARACTER",
    "encoding": "NAME",
    "header": "LINE",
    "one_per": "number|message",
    "on_doubt": "stop|continue",
    "confirm": "FINGERPRINT",
    "max_recipients": "N",
    "max_credits": "CREDITS",
    "max_problem_share": "SHARE",
    "max_change": "SHARE",
    "workers": "N",
    "requests_per_minute": "N",
    "not_after": "DAY",
    "date": "DAY",
    "journal": "ADDRESS",
}
"""What stands behind an option that says nothing itself."""

_TYPE: Final = re.compile(r" <[^>]*>")
"""Of an argument, in Python's words."""
_REST: Final = "Options"
WIDTH: Final = 100
"""Of help, where the terminal is at least as wide."""


_RANGES: Final = (
    (re.compile(r"([0-9.]+)<=x<=([0-9.]+)"), r"from \1 to \2"),
    (re.compile(r"x>=([0-9.]+)"), r"\1 or more"),
)


def _in_words(text: str) -> str:
    for pattern, words in _RANGES:
        text = pattern.sub(words, text)
    return text


class LaidOutCommand(TyperCommand):
    """A command whose help has its options in groups."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for param in self.params:
            flag = getattr(param, "is_flag", False)
            if param.metavar is None and not flag:
                param.metavar = METAVARS.get(str(param.name), str(param.name).upper())

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options group by group."""
        group_of = {name: group for group, names in OPTION_GROUPS.items() for name in names}
        found: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        found |= {group: [] for group in (*OPTION_GROUPS, _REST)}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                is_option = param.param_type_name == "option"
                group = group_of.get(str(param.name), _REST) if is_option else "Arguments"
                found[group].append((_TYPE.sub("", record[0]), _in_words(record[1])))
        for group, records in found.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)
