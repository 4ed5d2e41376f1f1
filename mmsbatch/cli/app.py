"""The application: a table of its commands. A command's module is imported when it is called."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from mmsbatch.cli.layout import WIDTH, LaidOutCommand, write_groups


class Command(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    module: str
    """Below `mmsbatch.cli`; the function has the command's name, with ``_`` for ``-``."""
    line: str
    """The first line of the function's docstring."""


GROUPS: Final = {
    "Begin": ("demo", "init", "doctor", "account", "trial", "explain", "schema"),
    "Send": (
        *("check", "plan", "check-media", "show", "send", "resume", "stop", "reconcile"),
        *("notebook", "schedule"),
    ),
    "Look": ("status", "results", "report", "audit", "history", "diff"),
    "Prove": ("verify", "moved"),
    "Privacy": ("forget", "retention"),
    "Try": ("sandbox",),
}
"""What commands are for, in the order of --help."""

COMMANDS: Final = {
    "demo": Command(
        "preparing", "Do the whole job on the sample export, on a sandbox inside this process."
    ),
    "init": Command(
        "beginning", "Write a commented campaign file to begin with, and say what to do next."
    ),
    "check": Command(
        "preparing", "Check the phone column: what can be sent, what cannot, and why."
    ),
    "plan": Command(
        "preparing",
        "Show what would be sent: rows by problem, requests, and the fingerprint to confirm.",
    ),
    "check-media": Command(
        "preparing",
        "Fetch a campaign's picture, video or sound; check type, size and duration.",
    ),
    "show": Command(
        "preparing", "Show a plan that was saved, numbers masked, and how to send exactly that."
    ),
    "send": Command(
        "sending",
        "Send a campaign. The same command again goes on where it stands, and repeats nothing.",
    ),
    "resume": Command(
        "sending", "Go on with a run: what is pending is sent, what is in doubt is left alone."
    ),
    "reconcile": Command(
        "sending", "Look for evidence of what became of requests in doubt; settle them where asked."
    ),
    "status": Command("runs", "Say where a run stands; nothing is sent or written."),
    "stop": Command(
        "runs",
        "Let nothing more leave of a run that is being sent; requests under way are finished.",
    ),
    "results": Command(
        "runs", "Rebuild results.parquet and requests.parquet from the plan and the facts."
    ),
    "report": Command(
        "auditing",
        "Say in one page what became of a run: outcomes, problems, cost, doubts and the proof.",
    ),
    "moved": Command(
        "auditing", "Say that runs were moved to where they are, and are gone from where they were."
    ),
    "notebook": Command(
        "notebook",
        "Run a notebook with checked parameters; the executed copy is kept with its run.",
    ),
    "schedule": Command(
        "schedule",
        "Print the recipe by which cron, systemd or Airflow send a campaign every week.",
    ),
    "audit": Command("auditing", "Sum up what was sent across runs, and what needs a person."),
    "history": Command(
        "auditing", "List everything ever sent to one person, or not sent, and why."
    ),
    "diff": Command(
        "auditing", "Compare two runs: new, gone, other outcomes and reasons, contacted twice."
    ),
    "verify": Command(
        "auditing",
        "Recompute everything from plan and journal; exit code 1 where something does not hold.",
    ),
    "forget": Command(
        "auditing",
        "Erase a person from all runs: a keyed hash takes the number's place, counts still hold.",
    ),
    "retention": Command("auditing", "List the runs that hold people not contacted for years."),
    "doctor": Command(
        "doctor",
        "Look at this machine before the first send: account, clock, disk, settings.",
    ),
    "account": Command(
        "gateway",
        "Ask the gateway about the account: does it exist, is it active, what has it left.",
    ),
    "trial": Command(
        "trial", "Send one text to your own phone, and write down what it shows of the gateway."
    ),
    "explain": Command(
        "beginning",
        "Say what a section (§1.3) or a status (104) of the gateway's document is about.",
    ),
    "schema": Command(
        "beginning",
        "Print the JSON Schema of campaign files, by which editors complete and check them.",
    ),
    "sandbox": Command(
        "gateway",
        "Run the sandbox gateway until Ctrl-C. It sends nothing; its inbox is at its address.",
    ),
}

_SETTINGS: Final[dict[str, Any]] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,  # a traceback with local variables could show a passcode
    "rich_markup_mode": None,
    "context_settings": {"max_content_width": WIDTH, "help_option_names": ["-h", "--help"]},
}


class Commands(TyperGroup):
    """A group that lists commands from the table, and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        # What lists commands, or looks for a similar name, finds these; none of them can be called.
        listed = [TyperCommand(name, help=command.line) for name, command in COMMANDS.items()]
        self._listed = TyperGroup(commands=listed)
        super().__init__(**{**settings, "commands": listed})

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """Import a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"mmsbatch.cli.{COMMANDS[cmd_name].module}")
        alone = typer.Typer(**_SETTINGS)
        # A notebook has parameters of its own to tell of.
        function = getattr(module, cmd_name.replace("-", "_"))
        own_help = cmd_name == "notebook"
        alone.command(cmd_name, cls=LaidOutCommand, add_help_option=not own_help)(function)
        return get_command(alone)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete the names of commands without importing them."""
        return self._listed.shell_complete(typer.Context(self._listed, ctx.parent), incomplete)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write what each command is for, in groups, without importing them; then the options."""
        groups = {
            group: [(name, COMMANDS[name].line) for name in names]
            for group, names in GROUPS.items()
        }
        records = (param.get_help_record(ctx) for param in self.get_params(ctx))
        write_groups(formatter, groups | {"Options": [one for one in records if one]})


app = typer.Typer(
    name="mmsbatch",
    cls=Commands,
    help="Check French mobile numbers, send MMS in requests of 200, prove every row's outcome.",
    no_args_is_help=True,
    **(_SETTINGS | {"add_completion": True}),
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(metadata.version("mmsbatch"))
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app()
