"""Commands for the first minutes: init, schema, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from mmsbatch import files, hints
from mmsbatch.campaign.schema import SCHEMA_NAME, first_campaign, schema_text
from mmsbatch.cli.shared import JsonOption, errors, print_result
from mmsbatch.demo import sample
from mmsbatch.display import Block, Line, Table
from mmsbatch.errors import CampaignError, InputError, nearest
from mmsbatch.spec import ACCOUNT, SECTIONS, SENDING, Status


def init(
    campaign: Annotated[
        Path, typer.Argument(metavar="FILE", help="The campaign file to write.")
    ] = Path("campaign.toml"),
    name: Annotated[
        str | None, typer.Option(help="The campaign's name; else the file's.", show_default=False)
    ] = None,
    consent: Annotated[
        str, typer.Option(metavar="COLUMN", help="The column that says who has agreed.")
    ] = "optin_sms",
    as_json: JsonOption = False,
) -> None:
    """Write a commented campaign file to begin with, and say what to do next."""
    with errors(as_json):
        if campaign.exists():
            raise CampaignError(
                f"{campaign} exists, and is not written over: give another FILE, or remove it"
            )
        schema = campaign.with_name(SCHEMA_NAME)
        try:
            campaign.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CampaignError(f"{campaign.parent} cannot be made: {error}") from None
        files.replace_text(campaign, first_campaign(name or campaign.stem, consent))
        files.replace_text(schema, schema_text())
        print_result(
            as_json,
            {"campaign": str(campaign), "schema": str(schema)},
            Block("written", (str(campaign), f"{schema} (editors check it by this)")),
            Block("next", tuple(map(Line, hints.after_init(campaign, str(sample("crm.csv")))))),
            Block("", ("(on the sample export; give your own in its place)",)),
        )


def schema() -> None:
    """Print the JSON Schema of campaign files, by which editors complete and check them."""
    print(schema_text(), end="")


def explain(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="§N|STATUS",
            help="A section such as §1.3, or a status such as 104; all sections without it.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a section (§1.3) or a status (104) of the gateway's document is about."""
    with errors(as_json):
        if what is None:
            sections = Table(tuple((f"§{one}", told) for one, told in SECTIONS.items()), numbers=())
            print_result(as_json, {"sections": SECTIONS}, f"The sections of {_DOCUMENT}:", sections)
            return
        name = what.strip().lstrip("§").strip()
        if name in SECTIONS:
            text = f"§{name} of {_DOCUMENT}: {SECTIONS[name]}"
            print_result(as_json, {"section": name, "about": SECTIONS[name]}, text)
        elif name.isdigit() and (known := _statuses(int(name))):
            shown = [_told(status) for status in known]
            print_result(as_json, {"status": int(name), "meanings": shown}, "\n".join(shown))
        else:
            there = [*(f"§{one}" for one in SECTIONS), *map(str, SENDING), *map(str, ACCOUNT)]
            raise InputError(
                f"the document has no {what!r}.{nearest(what, there)} There are {', '.join(there)}"
            )


_DOCUMENT: Final = 'AllMySMS\'s document "module http MMS"'


def _statuses(code: int) -> list[Status]:
    return [table[code] for table in (SENDING, ACCOUNT) if code in table]


def _told(status: Status) -> str:
    taken = "taken" if status.accepted else "refused, nothing was sent"
    of = "the account tool" if status.section.startswith("§3") else "a send"
    said = f"{status.code} of {of} ({status.section}), {taken}: {status.text}"
    return f"{said}. To do: {status.what_to_do}"
