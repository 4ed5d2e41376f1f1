"""Commands that send nothing: demo, check, plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmsbatch import demo as demonstration
from mmsbatch import files, hints
from mmsbatch.cli.check import Checked
from mmsbatch.cli.check import check as check_file
from mmsbatch.cli.inputs import ContactsOptions, accounts_from, planned, refuse_without
from mmsbatch.cli.shared import (
    AllowPrivateOption,
    CampaignOption,
    CanaryOption,
    ConsentNoOption,
    ConsentOption,
    ConsentYesOption,
    ContactsArgument,
    CorrectedOption,
    EncodingOption,
    HeaderOption,
    JsonOption,
    KeyFileOption,
    LiveOption,
    OnePerOption,
    PastRunsOption,
    PhoneOption,
    RejectedOption,
    RunOption,
    SeparatorOption,
    SheetOption,
    SuppressOption,
    WithinOption,
    errors,
    print_result,
)
from mmsbatch.display import Block, Line, ShowsItself, Table, page
from mmsbatch.gateway.account import Target
from mmsbatch.media.checking import check_media as media_of
from mmsbatch.phones.problems import PROBLEMS
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.preview import preview
from mmsbatch.planning.saved import SavedPlan
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.names import run_name_of
from mmsbatch.runs.report import BAD_INPUT
from mmsbatch.sending.estimate import Estimate, Price, estimate
from mmsbatch.sending.previous import previous_runs
from mmsbatch.times import utc_now


def demo(
    run: RunOption = "data/runs/demo",
    as_json: JsonOption = False,
) -> None:
    """Do the whole job on the sample export, on a sandbox inside this process."""
    with errors(as_json):
        story = demonstration.run_demo(Path(run))
        print_result(as_json, story.report.to_json(), *story.shown)
        raise typer.Exit(story.report.exit_code)


def check(
    contacts: ContactsArgument,
    phone: PhoneOption = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write the checked rows here (.parquet, .csv, .xlsx or .json); or a URL.",
        ),
    ] = None,
    problems: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write the cells that need a person here, to be corrected (.xlsx or .csv).",
        ),
    ] = None,
    corrected: CorrectedOption = None,
    live: LiveOption = False,
    consent: ConsentOption = None,
    consent_yes: ConsentYesOption = None,
    consent_no: ConsentNoOption = None,
    suppress: SuppressOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
    sheet: SheetOption = None,
    separator: SeparatorOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = None,
) -> None:
    """Check the phone column: what can be sent, what cannot, and why."""
    with errors(as_json):
        options = ContactsOptions.of(locals())
        listed, agreed = options.read_suppressed(), options.read_consent()
        checked = check_file(
            contacts,
            options.columns,
            fictional=not live,
            suppress=listed,
            consent=agreed,
            out=out,
            problems_out=problems,
            corrections=options.read_corrections(),
            **options.reading,
        )
        options.say_columns(checked.phone_columns)
        print_result(as_json, checked.summary.to_json(), *_checked_parts(checked))


def plan(
    contacts: ContactsArgument,
    campaign: CampaignOption,
    phone: PhoneOption = None,
    live: LiveOption = False,
    one_per: OnePerOption = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Save the plan in a new folder, for another person to look at."
        ),
    ] = None,
    ask_account: Annotated[
        bool,
        typer.Option("--ask-account", help="Ask the account for its credits: do they pay for it?"),
    ] = False,
    check_media: Annotated[
        bool,
        typer.Option("--check-media", help="Fetch every picture, video and sound, and check it."),
    ] = False,
    allow_private: AllowPrivateOption = False,
    not_contacted_within: WithinOption = None,
    rejected_before: RejectedOption = None,
    past_runs: PastRunsOption = None,
    canary: CanaryOption = None,
    corrected: CorrectedOption = None,
    consent: ConsentOption = None,
    consent_yes: ConsentYesOption = None,
    consent_no: ConsentNoOption = None,
    suppress: SuppressOption = None,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
    sheet: SheetOption = None,
    separator: SeparatorOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = None,
) -> None:
    """Show what would be sent: rows by problem, requests, and the fingerprint to confirm."""
    with errors(as_json):
        options = ContactsOptions.of(locals())
        if not check_media:
            refuse_without("--check-media", {"--allow-private": allow_private or None})
        made = planned(options, campaign, one_per)
        made.campaign.check_schedule(utc_now())
        media = media_of(made, allow_private=allow_private) if check_media else None
        if media is not None:
            media.require()
        words = [*options.words, "--campaign", str(campaign)]
        words += [] if one_per is None else ["--one-per", one_per]
        run = f"data/runs/{run_name_of(made.campaign.name)}"
        send = hints.send(words, run, live=live, fingerprint=made.fingerprint)
        cost = _cost(made, run, live=live, ask_account=ask_account)
        if save is not None:
            told = cost.words if cost else ""
            SavedPlan.save(made, save, options.sources(campaign, one_per), told)
            send = hints.show(save)
        shown = [made, preview(made), *([media] if media else []), *([cost] if cost else [])]
        figures = made.to_json() | (cost.to_json() if cost else {})
        figures |= {"media": media.to_json()["media"]} if media else {}
        print_result(as_json, figures, *shown, Block("next", (Line(send),)))


def _cost(plan: Plan, run: str, *, live: bool, ask_account: bool) -> Estimate | Price | None:
    """Return what a plan will cost, as far as the runs beside it show or the account is asked."""
    if ask_account:
        return estimate(plan, accounts_from(live), run=run)
    target = Target.LIVE if live else Target.SANDBOX
    earlier = previous_runs(RunFolder.at(run), plan, target)
    return None if earlier.cost is None else Price(plan.recipients, earlier.cost)


def check_media(
    campaign: Annotated[
        Path, typer.Argument(metavar="FILE", help="A campaign file.", show_default=False)
    ],
    allow_private: AllowPrivateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch a campaign's picture, video or sound; check type, size and duration."""
    with errors(as_json):
        found = media_of(campaign, allow_private=allow_private)
        print_result(as_json, found.to_json(), found)
        raise typer.Exit(0 if found.holds else BAD_INPUT)


def show(
    saved: Annotated[Path, typer.Argument(metavar="DIR", help="A plan that was saved.")],
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as one page, to be sent around."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a plan that was saved, numbers masked, and how to send exactly that."""
    with errors(as_json):
        loaded = SavedPlan.load(saved)
        live = bool(loaded.sources.get("live"))
        run = f"data/runs/{run_name_of(loaded.plan.campaign.name)}"
        send = hints.send_saved(saved, run, live=live, fingerprint=loaded.fingerprint)
        if html is not None:
            text = page(f"Plan of {loaded.plan.campaign.name}", loaded.document())
            files.replace_text(html, text)
        print_result(as_json, loaded.to_json(), loaded, Block("next", (Line(send),)))


def _checked_parts(checked: Checked) -> list[ShowsItself | Block]:
    """Return what a check found, with examples and what to do, worst first."""
    todo = tuple(
        (word, PROBLEMS[word].what_to_do, checked.examples.get(word, ""))
        for word in checked.summary.problems
    )
    advice = [Block("what to do", (Table(todo, numbers=(), below=2),))] if todo else []
    return [checked.summary, *advice]
