"""Commands over one run: send, resume, reconcile, status, results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mmsbatch import hints
from mmsbatch.cli import terminal
from mmsbatch.cli.inputs import (
    ContactsOptions,
    accounts_from,
    doubt_policy,
    planned,
    planned_again,
    refuse_with,
    refuse_without,
)
from mmsbatch.cli.shared import (
    AsFarOption,
    CanaryOption,
    ConsentNoOption,
    ConsentOption,
    ConsentYesOption,
    CorrectedOption,
    EncodingOption,
    HeaderOption,
    JournalOption,
    JsonOption,
    KeyFileOption,
    LiveOption,
    MaxCreditsOption,
    MovedOption,
    OnDoubtOption,
    OnePerOption,
    PaceOption,
    PastRunsOption,
    PhoneOption,
    RejectedOption,
    RunArgument,
    RunOption,
    SeparatorOption,
    SheetOption,
    SpentElsewhereOption,
    SuppressOption,
    WithinOption,
    WorkersOption,
    errors,
    print_result,
    print_run,
)
from mmsbatch.display import plural
from mmsbatch.errors import InputError, PlanError
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.saved import SavedPlan
from mmsbatch.reconciliation.reconcile import reconcile as look
from mmsbatch.reconciliation.reconcile import settle
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.names import run_path
from mmsbatch.sending.confirmation import confirms
from mmsbatch.sending.execution import SendOptions
from mmsbatch.sending.limits import Limits
from mmsbatch.sending.send import go_on, start
from mmsbatch.sending.testing import start_test

DateOption = Annotated[
    str | None,
    typer.Option(
        help="The day the run is for, YYYY-MM-DD; it fills {date:%G-W%V} in the name of --run."
    ),
]
HoursOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOURS",
        help="When requests may leave: default (Mon-Sat 8-20 h in Paris, no holidays), operator "
        "(to 22 h), service, off; +alsace-moselle adds that region's holidays.",
    ),
]
NotAfterOption = Annotated[
    str | None,
    typer.Option(
        help="Send nothing after this day (that day included) or time, in Paris: 2026-11-25, "
        "'2026-11-25 18:00'."
    ),
]


def send(
    run: RunOption,
    contacts: Annotated[
        str | None,
        typer.Argument(
            help="CSV, Excel, Parquet, JSON or Feather: a file, a folder of parts, or a URL."
        ),
    ] = None,
    campaign: Annotated[Path | None, typer.Option(help="The campaign's TOML file.")] = None,
    saved: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="DIR",
            help="Instead of contacts and campaign: a plan that was saved and confirmed.",
        ),
    ] = None,
    phone: PhoneOption = None,
    date: DateOption = None,
    live: LiveOption = False,
    moved: MovedOption = False,
    spent_elsewhere: SpentElsewhereOption = False,
    as_far_as_credits: AsFarOption = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Send although another run has begun this very plan a short while ago."
        ),
    ] = False,
    confirm: Annotated[
        str | None, typer.Option(help="The plan's fingerprint, or its first 12 characters.")
    ] = None,
    max_recipients: Annotated[
        int | None, typer.Option(min=1, help="Refuse a plan that reaches more people.")
    ] = None,
    max_credits: MaxCreditsOption = None,
    max_problem_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Refuse contacts with more problem rows: 0.1 is 10 %."),
    ] = None,
    max_change: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Refuse more or fewer recipients than the campaign's previous run had, beyond "
            "this share: 0.2 is 20 %.",
        ),
    ] = None,
    on_doubt: OnDoubtOption = "stop",
    workers: WorkersOption = 1,
    requests_per_minute: PaceOption = None,
    not_after: NotAfterOption = None,
    hours: HoursOption = None,
    at_opening: Annotated[
        bool,
        typer.Option(
            "--at-opening", help="If it is closed now, let the gateway send it at the opening."
        ),
    ] = False,
    journal: JournalOption = None,
    one_per: OnePerOption = None,
    not_contacted_within: WithinOption = None,
    rejected_before: RejectedOption = None,
    past_runs: PastRunsOption = None,
    canary: CanaryOption = None,
    test_to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER",
            help="Send the content to your own number only, as a run of its own; repeatable.",
        ),
    ] = None,
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
    """Send a campaign. The same command again goes on where it stands, and repeats nothing."""
    with errors(as_json):
        options = SendOptions(
            confirm=confirm,
            limits=Limits(max_recipients, max_credits, max_problem_share, max_change),
            on_doubt=doubt_policy(on_doubt),
            workers=workers,
            requests_per_minute=requests_per_minute,
            not_after=not_after,
            hours=hours,
            at_opening=at_opening,
            canary=canary,
            progress=True,  # away from a terminal too: a line in half a minute
            moved=moved,
            spent_elsewhere=spent_elsewhere,
            as_far_as_credits=as_far_as_credits,
            journal=journal,
            again=again,
        )
        run = run_path(run, date)
        accounts = accounts_from(live)
        if saved is not None:
            refuse_with("--plan", {"CONTACTS": contacts, "--campaign": campaign, "--phone": phone})
            made = _approved(saved, RunFolder.at(run, journal), confirm, live=live)
            options = replace(options, confirm=made.fingerprint)
        elif contacts is None or campaign is None:
            raise InputError("give CONTACTS and --campaign FILE, or --plan DIR")
        else:
            made = planned(ContactsOptions.of(locals()), campaign, one_per, str(run))
        if test_to:
            tested, place = start_test(made, test_to, accounts, run)
            print_run(as_json, tested, str(place.path))
        for warning in made.consent_warning(live=live):
            terminal.say(warning, "look")
        done = start(made, accounts, run, options)
        print_run(as_json, done, run)


def _approved(saved: Path, folder: RunFolder, confirm: str | None, *, live: bool) -> Plan:
    """Return what is sent of a plan that was saved: all of it, but who has objected since."""
    loaded = SavedPlan.load(saved)
    show = hints.show(saved)
    if confirm is None:
        raise InputError(
            f"--plan needs --confirm FINGERPRINT: `{show}` shows the plan and prints it"
        )
    if not confirms(confirm, loaded.fingerprint):
        raise PlanError(
            f"the confirmed fingerprint {confirm} is not that of {saved} ({loaded.fingerprint}): "
            f"`{show}` shows what would be sent"
        )
    if "contacts" not in loaded.sources:
        raise InputError(f"{saved} was saved without what it was made from: give CONTACTS instead")
    if bool(loaded.sources.get("live")) is not live:
        made_for = "people (--live)" if loaded.sources.get("live") else "the sandbox"
        raise InputError(f"{saved} was made for {made_for}: send it there, or save it anew")
    if folder.exists() and loaded.objected_since(begun := folder.load_plan()) is not None:
        return begun  # who objects after a run has begun counts from the next run on
    again = loaded.checked(planned_again(loaded.sources, str(folder.place)))
    if objected := loaded.objected_since(again):
        told = f"{plural(objected, 'recipient')} of the plan objected since it was saved"
        terminal.say(f"{told}, and get nothing", "look")
    return again


def resume(
    run: RunArgument,
    live: LiveOption = False,
    moved: MovedOption = False,
    spent_elsewhere: SpentElsewhereOption = False,
    as_far_as_credits: AsFarOption = False,
    max_credits: MaxCreditsOption = None,
    on_doubt: OnDoubtOption = "stop",
    workers: WorkersOption = 1,
    requests_per_minute: PaceOption = None,
    not_after: NotAfterOption = None,
    hours: HoursOption = None,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run: what is pending is sent, what is in doubt is left alone."""
    with errors(as_json):
        options = SendOptions(
            limits=Limits(max_credits=max_credits),
            on_doubt=doubt_policy(on_doubt),
            workers=workers,
            requests_per_minute=requests_per_minute,
            not_after=not_after,
            hours=hours,
            progress=True,  # away from a terminal too: a line in half a minute
            moved=moved,
            spent_elsewhere=spent_elsewhere,
            as_far_as_credits=as_far_as_credits,
            journal=journal,
        )
        done = go_on(run, accounts_from(live), options)
        print_run(as_json, done, run)


def reconcile(
    run: RunArgument,
    release: Annotated[
        bool,
        typer.Option("--release", help="Where credits show nothing was sent: let resume send it."),
    ] = False,
    confirm_sent: Annotated[
        bool, typer.Option("--confirm-sent", help="Where credits show all was sent: settle it.")
    ] = False,
    verdict: Annotated[
        str | None, typer.Option(help="A person's word on --request: 'sent' or 'resend'.")
    ] = None,
    request: Annotated[
        int | None, typer.Option(min=1, help="The request the verdict is about.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="How you know; kept with the verdict.")] = None,
    live: LiveOption = False,
    moved: MovedOption = False,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for evidence of what became of requests in doubt; settle them where asked."""
    with errors(as_json):
        if verdict is None:
            refuse_without("--verdict", {"--request": request, "--note": note})
            done = look(
                run,
                accounts_from(live),
                release=release,
                confirm=confirm_sent,
                moved=moved,
                journal=journal,
            )
        elif request is None or note is None:
            raise InputError('--verdict needs --request N and --note "how you know"')
        elif release or confirm_sent:
            raise InputError(
                "--verdict is a person's word, --release and --confirm-sent go by the evidence: "
                "give one or the other"
            )
        else:
            done = settle(run, request, verdict, note, moved=moved, journal=journal)
        print_result(as_json, done.to_json(), done)
        raise typer.Exit(done.report.exit_code)
