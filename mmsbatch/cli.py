"""The command line: parses, calls the verbs, prints. Exit codes 0, 2, 3 and 4 as in `report`."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from tqdm.auto import tqdm

from mmsbatch import demo as demonstration
from mmsbatch import export, report, runs, show, spec
from mmsbatch._version import __version__
from mmsbatch.account import Account, Target
from mmsbatch.audit import audit as make_audit
from mmsbatch.campaign_file import load_campaign
from mmsbatch.check import check as check_file
from mmsbatch.contacts import read_contacts, rows_hint
from mmsbatch.errors import InDoubt, InputError, MmsbatchError, NotSent
from mmsbatch.gateway import Gateway
from mmsbatch.limits import Limits
from mmsbatch.outcomes import Outcome
from mmsbatch.plan import Plan
from mmsbatch.plan import plan as make_plan
from mmsbatch.policy import OnDoubt
from mmsbatch.prepare import prepare
from mmsbatch.reconcile import reconcile as look
from mmsbatch.reconcile import settle
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.states import Request, read_account
from mmsbatch.workers import MAX_WORKERS

app = typer.Typer(
    name="mmsbatch",
    help="Check French mobile numbers, send MMS in requests of 200, prove every row's outcome.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a passcode
    rich_markup_mode=None,
)

ContactsArgument = Annotated[
    str, typer.Argument(help="CSV, Excel or Parquet: a file, a folder of parts, or a URL.")
]
PhoneOption = Annotated[
    list[str] | None,
    typer.Option(
        help="The column with the mobile numbers; several times: the first that can be "
        "sent to. Without it: the one column that looks like phones."
    ),
]
CampaignOption = Annotated[Path, typer.Option(help="The campaign's TOML file.")]
RunOption = Annotated[Path, typer.Option(help="The run's folder; its name is the run's name.")]
RunArgument = Annotated[Path, typer.Argument(help="A run's folder.")]
LiveOption = Annotated[
    bool,
    typer.Option(
        "--live",
        help="People, not the sandbox. The account is taken from "
        "MMSBATCH_CLIENTCODE and MMSBATCH_PASSCODE.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
SheetOption = Annotated[str | None, typer.Option(help="The sheet of an Excel workbook.")]
SeparatorOption = Annotated[str | None, typer.Option(help="Of a CSV; found out without it.")]
EncodingOption = Annotated[str | None, typer.Option(help="Of a CSV; found out without it.")]
OnDoubtOption = Annotated[
    str, typer.Option(help="After a request in doubt: 'stop', or 'continue' with the next.")
]
WorkersOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=MAX_WORKERS,
        help="Requests under way at once; up to 200 rows for each can be left in doubt.",
    ),
]
PaceOption = Annotated[
    float | None, typer.Option(help="No more requests than this a minute, evenly spaced.")
]
MaxCreditsOption = Annotated[
    float | None, typer.Option(min=0, help="Stop before the run spends more credits.")
]


def main() -> None:
    """Run the command line."""
    app()


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    run: RunOption = Path("data/runs/demo"),
    as_json: JsonOption = False,
) -> None:
    """Do the whole job on the sample export, on a sandbox inside this process."""
    with _errors(as_json):
        story = demonstration.tell(run, _progress)
        _print(as_json, story.report.to_json(), story.text)
        raise typer.Exit(story.report.exit_code)


@app.command()
def check(
    contacts: ContactsArgument,
    phone: PhoneOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the checked rows here (.parquet or .csv).")
    ] = None,
    live: LiveOption = False,
    as_json: JsonOption = False,
    sheet: SheetOption = None,
    separator: SeparatorOption = None,
    encoding: EncodingOption = None,
) -> None:
    """Check the phone column: what can be sent, what cannot, and why."""
    with _errors(as_json):
        with _bar(rows_hint(contacts), "row") as bar:
            checked = check_file(
                contacts,
                _columns(phone),
                fictional=not live,
                out=out,
                on_rows=bar.update,
                sheet=sheet,
                separator=separator,
                encoding=encoding,
            )
        _print(as_json, checked.summary.to_json(), show.check(checked))


@app.command()
def plan(
    contacts: ContactsArgument,
    campaign: CampaignOption,
    phone: PhoneOption = None,
    live: LiveOption = False,
    as_json: JsonOption = False,
    sheet: SheetOption = None,
    separator: SeparatorOption = None,
    encoding: EncodingOption = None,
) -> None:
    """Show what would be sent: rows by problem, requests, and the fingerprint to confirm."""
    with _errors(as_json):
        made = _plan(contacts, phone, campaign, live, sheet, separator, encoding)
        made.campaign.check_schedule(datetime.now(UTC))
        _print(as_json, made.to_json(), f"{show.summary(made.summary)}\n{show.plan(made)}")


@app.command()
def send(
    contacts: ContactsArgument,
    campaign: CampaignOption,
    run: RunOption,
    phone: PhoneOption = None,
    live: LiveOption = False,
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
    as_json: JsonOption = False,
    sheet: SheetOption = None,
    separator: SeparatorOption = None,
    encoding: EncodingOption = None,
) -> None:
    """Send a campaign. The same command again goes on where it stands, and repeats nothing."""
    with _errors(as_json):
        doubt = _on_doubt(on_doubt)
        account = _account(live)
        made = _plan(contacts, phone, campaign, live, sheet, separator, encoding)
        with _progress(made.requests) as on_request:
            done = runs.execute(
                made,
                account,
                run=run,
                confirm=confirm,
                limits=Limits(max_recipients, max_credits, max_problem_share, max_change),
                on_doubt=doubt,
                workers=workers,
                requests_per_minute=requests_per_minute,
                on_request=on_request,
            )
        _print_run(as_json, done, run)


@app.command()
def resume(
    run: RunArgument,
    live: LiveOption = False,
    max_credits: MaxCreditsOption = None,
    on_doubt: OnDoubtOption = "stop",
    workers: WorkersOption = 1,
    requests_per_minute: PaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run: what is pending is sent, what is in doubt is left alone."""
    with _errors(as_json):
        doubt = _on_doubt(on_doubt)
        total = sum(runs.status(run).requests.values())
        account = _account(live)
        with _progress(total) as on_request:
            done = runs.execute_rest(
                run,
                account,
                limits=Limits(max_credits=max_credits),
                on_doubt=doubt,
                workers=workers,
                requests_per_minute=requests_per_minute,
                on_request=on_request,
            )
        _print_run(as_json, done, run)


@app.command()
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
    as_json: JsonOption = False,
) -> None:
    """Look for evidence of what became of requests in doubt; settle them where asked."""
    with _errors(as_json):
        if verdict is None:
            _refuse_without("--verdict", {"--request": request, "--note": note})
            done = look(run, _account(live), release=release, confirm=confirm_sent)
        elif request is None or note is None:
            raise InputError('--verdict needs --request N and --note "how you know"')
        elif release or confirm_sent:
            raise InputError(
                "--verdict is a person's word, --release and --confirm-sent go by the evidence: "
                "give one or the other"
            )
        else:
            done = settle(run, request, verdict, note)
        _print(as_json, done.to_json(), show.reconciliation(done))
        raise typer.Exit(done.report.exit_code)


@app.command()
def status(run: RunArgument, as_json: JsonOption = False) -> None:
    """Say where a run stands; nothing is sent or written."""
    with _errors(as_json):
        _print_run(as_json, runs.status(run), run)


@app.command()
def results(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option(help="Also write them here (.parquet or .csv).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild results.parquet and requests.parquet from the plan and the facts."""
    with _errors(as_json):
        runs.write_results(run)
        if out is not None:
            export.write([runs.results(run)], out)
        where = out or run / "results.parquet"
        done = runs.status(run)
        _print(as_json, done.to_json(), f"{show.run(done)}\n{show.labelled('results', str(where))}")


@app.command()
def audit(
    places: Annotated[list[Path], typer.Argument(help="Folders of runs, or runs.")],
    as_json: JsonOption = False,
) -> None:
    """Sum up what was sent across runs."""
    with _errors(as_json), warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always")
        found = make_audit(places)
        outcomes = [str(word) for word in Outcome]
        totals = {word: int(found[word].sum()) for word in ["rows", "requests", *outcomes]}
        listed = [
            {
                **{name: row[name] for name in ("run", "campaign", "target", "fingerprint")},
                "opened_at": row["opened_at"].isoformat(),
                "rows": row["rows"],
                "requests": row["requests"],
                "outcomes": {word: row[word] for word in outcomes if row[word]},
                "credits_spent": None if pd.isna(row["credits_spent"]) else row["credits_spent"],
                "stopped": None if pd.isna(row["stopped"]) else row["stopped"],
            }
            for row in found.to_dict("records")
        ]
        _print(as_json, {"runs": listed, "totals": totals}, show.audit(found))
    for warning in left_out:
        print(f"mmsbatch: {warning.message}", file=sys.stderr)
    raise typer.Exit(report.BAD_INPUT if left_out else report.DONE)


@app.command()
def account(
    live: LiveOption = False,
    login: Annotated[
        str | None, typer.Option(help="Another account to ask about; your own without it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gateway about the account: does it exist, is it active, what has it left."""
    with _errors(as_json):
        mine = _account(live)
        gateway = Gateway(mine)
        gateway.check_sandbox()
        if login is not None and not login.strip():
            raise InputError("--login is empty: give the login to ask about, or leave it out")
        asked = login or mine.clientcode
        answer = read_account(gateway.account_info(asked).body)
        if answer is None:
            raise NotSent(f"{mine.url} did not answer as the account tool does: check its address")
        known = spec.account_status(answer.status)
        figures = {
            "login": asked,
            "status": answer.status,
            "status_text": answer.text or known.text,
            "active": known.accepted,
            "credits": report.plain(answer.credits),
        }
        text = f"{asked} at {mine.url}: {answer.status} {figures['status_text']}"
        credits_left = f"credits left: {show.amount(answer.credits)}"
        advice = "" if known.accepted else f"\nwhat to do: {known.what_to_do}"
        _print(as_json, figures, f"{text}\n{credits_left}{advice}")
        raise typer.Exit(report.DONE if known.accepted else report.STOPPED)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0 takes a free one.")] = 8025,
    login: Annotated[str, typer.Option(help="Of its one account.")] = "demo",
    passcode: Annotated[str, typer.Option(help="Of its one account.")] = "demo",
    credits_: Annotated[int, typer.Option("--credits", help="What the account has.")] = 100_000,
    cost: Annotated[int, typer.Option(min=0, help="Credits a recipient costs.")] = 1,
    strict: Annotated[bool, typer.Option("--strict", help="The document to the letter.")] = False,
    latency_ms: Annotated[int, typer.Option(min=0, help="Before each answer.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="What goes wrong with the Nth request: '3=close:after' (see "
            "mmsbatch.sandbox.faults); '*=…' for every one."
        ),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Append each delivery to this file as a JSON line.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the sandbox gateway until Ctrl-C. It sends nothing; its inbox is at its address."""
    with _errors(as_json):
        options = SandboxOptions(
            login=login,
            passcode=passcode,  # type: ignore[arg-type]  # pydantic makes it secret
            credits=credits_,
            cost_per_recipient=cost,
            strict=strict,
            latency_ms=latency_ms,
        )
        gateway = Sandbox(port, options=options, faults=fault or (), ledger_file=ledger)
        _print(
            as_json,
            {"url": gateway.url, "login": login, "pid": os.getpid()},
            f"sandbox gateway at {gateway.url} (login {login}, {credits_:,} credits)\n"
            f"use it: MMSBATCH_URL={gateway.url} mmsbatch send …\nstop it: Ctrl-C",
        )
        sys.stdout.flush()
        try:
            gateway.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            gateway.stop()


# ----- shared ------------------------------------------------------------------------------------


def _prepare(
    contacts: str,
    phone: list[str] | None,
    live: bool,
    sheet: str | None,
    separator: str | None,
    encoding: str | None,
) -> pd.DataFrame:
    frame = read_contacts(contacts, sheet=sheet, separator=separator, encoding=encoding)
    # Numbers reserved for fiction may go to the sandbox and nowhere else.
    return prepare(frame, phone=_columns(phone), fictional=not live)


def _columns(phone: list[str] | None) -> str | list[str] | None:
    return phone[0] if phone and len(phone) == 1 else phone or None


def _plan(
    contacts: str,
    phone: list[str] | None,
    campaign: Path,
    live: bool,
    sheet: str | None,
    separator: str | None,
    encoding: str | None,
) -> Plan:
    loaded = load_campaign(campaign)  # first: it is quick, and most often what is wrong
    prepared = _prepare(contacts, phone, live, sheet, separator, encoding)
    return make_plan(prepared, loaded)


def _account(live: bool) -> Account:
    return Account.from_env(Target.LIVE if live else Target.SANDBOX)


def _refuse_without(wanted: str, given: dict[str, object]) -> None:
    strays = [name for name, value in given.items() if value is not None]
    if strays:
        needs = "needs" if len(strays) == 1 else "need"
        raise InputError(f"{' and '.join(strays)} {needs} {wanted}")


def _on_doubt(word: str) -> OnDoubt:
    if word == "stop":
        return "stop"
    if word == "continue":
        return "continue"
    raise InputError(f"--on-doubt must be 'stop' or 'continue', found {word!r}")


@contextmanager
def _progress(requests: int) -> Iterator[Any]:
    """Show requests as they are answered, on a terminal only."""
    with _bar(requests, "request") as bar:

        def on_request(_request: Request) -> None:
            bar.update()

        yield on_request


def _bar(total: int | None, unit: str) -> tqdm[Any]:
    scaled = unit == "row"
    return tqdm(
        total=total, unit=unit, unit_scale=scaled, disable=None, leave=False, file=sys.stderr
    )


def _print_run(as_json: bool, done: report.RunReport, run: Path) -> None:
    files = show.labelled("files", str(run / "results.parquet"), str(run / "requests.parquet"))
    _print(as_json, done.to_json(), f"{show.run(done)}\n{files}")
    raise typer.Exit(done.exit_code)


def _print(as_json: bool, document: dict[str, Any], text: str) -> None:
    print(json.dumps(document, ensure_ascii=False) if as_json else text)


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """Turn an error into a line on stderr and its exit code."""
    try:
        yield
    except MmsbatchError as error:
        if as_json:
            document = {"error": {"type": type(error).__name__, "message": str(error)}}
            print(json.dumps(document, ensure_ascii=False))
        print(f"mmsbatch: {error}", file=sys.stderr)
        raise typer.Exit(_exit_code(error)) from None
    except KeyboardInterrupt as error:
        if not error.args:  # nothing was under way
            raise
        print(f"mmsbatch: {error}", file=sys.stderr)
        raise typer.Exit(report.IN_DOUBT) from None


def _exit_code(error: MmsbatchError) -> int:
    if isinstance(error, InDoubt):
        return report.IN_DOUBT
    return report.BAD_INPUT if isinstance(error, InputError) else report.STOPPED
