"""How help is laid out: commands by what they are for, options likewise, in the words of people.

A terminal shows each group in a panel, in colours; a narrow one, or a pipe, below its heading.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from typer.core import TyperCommand

from mmsbatch.display import is_terminal

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


_NARROW: Final = 60
"""Of a terminal in which a panel's frame would take too much."""

Records = list[tuple[str, str]]
"""Terms, and what is said of each."""


def write_groups(formatter: Any, groups: Mapping[str, Records]) -> None:
    """Write each group that is not empty."""
    for name, records in groups.items():
        if not records:
            continue
        if formatter.width >= _NARROW and is_terminal(sys.stdout):
            formatter.write(_panel(name, records, formatter.width))
        else:
            with formatter.section(name):
                formatter.write_dl(records)


def _panel(name: str, records: Records, width: int) -> str:
    """Draw a group as rich does, as text: whoever writes it knows whether colours are wanted."""
    from rich.console import Console  # noqa: PLC0415  (only for who has a terminal)
    from rich.panel import Panel  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, max_width=width // 3, overflow="fold")
    table.add_column()
    for term, told in records:
        table.add_row(Text(term, "bold cyan", overflow="fold"), Text(told))
    console = Console(file=io.StringIO(), width=width, force_terminal=True, highlight=False)
    with console.capture() as drawn:
        console.print(Panel(table, title=name, title_align="left", border_style="dim"))
    return drawn.get()


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
        found: dict[str, Records] = {"Arguments": []}
        found |= {group: [] for group in (*OPTION_GROUPS, _REST)}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                is_option = param.param_type_name == "option"
                group = group_of.get(str(param.name), _REST) if is_option else "Arguments"
                found[group].append((_TYPE.sub("", record[0]), _in_words(record[1])))
        write_groups(formatter, found)
