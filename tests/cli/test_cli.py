"""The command line as its users call it: what it prints, how it exits, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from conftest import SERVICE, fictional
from mmsbatch.cli import app
from mmsbatch.demo import sample
from mmsbatch.sandbox import Sandbox, SandboxOptions, read_ledger
from mmsbatch.sending import policy

CRM = str(sample("crm.csv"))
NOEL = str(SERVICE)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def gateway(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox in another place than this process's own: MMSBATCH_URL names it."""
    monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
    return sandbox


@pytest.fixture
def contacts(tmp_path: Path) -> str:
    path = tmp_path / "export.csv"
    rows = [f"{place};{number}" for place, number in enumerate(fictional(250))]
    path.write_text("\n".join(["id;mobile", *rows, "250;0199000001", ""]))
    return str(path)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def document(result: Result) -> Any:
    """Return the one JSON document on stdout; anything else there is an error."""
    return json.loads(result.stdout)


def send(contacts: str, run: Path, *words: str) -> Result:
    return call("send", contacts, "--phone", "mobile", "--campaign", NOEL, "--run", run, *words)


# ----- what it prints ----------------------------------------------------------------------------


def test_check_counts_rows_problems_and_repairs(tmp_path: Path) -> None:
    """The figures of the sample, and the checked rows in a file."""
    out = tmp_path / "checked.parquet"
    result = call("check", CRM, "--phone", "mobile", "--out", out, "--json")
    figures = document(result)
    assert result.exit_code == 0
    assert set(figures) == {"rows", "sendable", "problems", "repairs"}
    assert figures["rows"] == figures["sendable"] + sum(figures["problems"].values()) == 1500
    checked = pd.read_parquet(out)
    assert (
        checked["mms_problem"].dropna().astype(str).value_counts().to_dict() == figures["problems"]
    )
    assert int(checked["mms_problem"].isna().sum()) == figures["sendable"]


def test_the_three_forms_of_the_sample_are_one_export() -> None:
    """CSV, Excel and Parquet of the same export give the same figures, plan and fingerprint."""
    forms = [
        document(call("plan", sample(name), "--phone", "mobile", "--campaign", NOEL, "--json"))
        for name in ("crm.csv", "crm.parquet", "crm.xlsx")
    ]
    assert forms[0]["fingerprint"] == forms[1]["fingerprint"]
    assert [form["sendable"] for form in forms] == [forms[0]["sendable"]] * 3


def test_plan_adds_requests_recipients_and_the_fingerprint() -> None:
    """What `--confirm` wants is printed, as JSON and for people."""
    words = ("plan", CRM, "--phone", "mobile", "--campaign", NOEL)
    figures = document(call(*words, "--json"))
    assert set(figures) == {
        "rows",
        "sendable",
        "problems",
        "repairs",
        "requests",
        "recipients",
        "numbers_with_several_messages",
        "warnings",
        "fingerprint",
    }
    assert figures["requests"] == -(-figures["recipients"] // 200)
    assert figures["fingerprint"] in call(*words).stdout


def test_send_status_and_results_tell_the_same(
    contacts: str, gateway: Sandbox, tmp_path: Path
) -> None:
    """Three commands, one state; the ledger agrees."""
    run = tmp_path / "noel"
    sent = send(contacts, run, "--json")
    assert sent.exit_code == 0
    assert document(sent) == {
        "run": "noel",
        "target": "sandbox",
        "rows": 251,
        "outcomes": {"accepted": 250, "invalid": 1},
        "requests": {"accepted": 2},
        "credits": 99_750,
        "fingerprint": document(sent)["fingerprint"],
        "stopped": None,
    }
    assert document(call("status", run, "--json")) == document(sent)
    assert document(call("results", run, "--json")) == document(sent)
    assert document(send(contacts, run, "--json")) == document(sent)
    assert len(gateway.ledger) == 250


def test_a_stopped_run_exits_4_and_says_what_to_do(
    contacts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then resume finishes it and exits 0."""
    run = tmp_path / "noel"
    with Sandbox(options=SandboxOptions(credits=210)) as sandbox:
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        stopped = send(contacts, run, "--json")
        assert stopped.exit_code == 4
        assert document(stopped)["outcomes"] == {"accepted": 200, "refused": 50, "invalid": 1}
        what_to_do = document(stopped)["stopped"]["what_to_do"]
        assert what_to_do == f"buy credits, then `mmsbatch resume {run}`"
        assert call("status", run).exit_code == 4
        sandbox.credits = 50
        assert call("resume", run).exit_code == 0
        assert len(sandbox.ledger) == 250


def test_a_doubt_exits_3_and_names_the_request(
    contacts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is claimed of the rows nobody can vouch for."""
    run = tmp_path / "noel"
    with Sandbox(faults={2: "process:10,close:after"}) as sandbox:
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        doubtful = send(contacts, run)
    assert doubtful.exit_code == 3
    assert "request 2" in doubtful.stdout
    assert document(call("status", run, "--json"))["outcomes"]["in_doubt"] == 50


def test_results_can_be_exported_for_a_spreadsheet(
    contacts: str, gateway: Sandbox, tmp_path: Path
) -> None:
    """No cell of a CRM becomes a formula."""
    path = Path(contacts)
    path.write_text(path.read_text().replace("id;mobile", "note;mobile").replace("\n0;", "\n=1+1;"))
    send(contacts, tmp_path / "noel")
    out = tmp_path / "out.csv"
    assert call("results", tmp_path / "noel", "--out", out).exit_code == 0
    lines = out.read_text(encoding="utf-8-sig").splitlines()
    assert lines[1].startswith("'=1+1;0639980000;'+33639980000;")
    assert len(lines) == 252


def test_account_shows_what_the_account_tool_says(gateway: Sandbox) -> None:
    """The five figures, under their names."""
    assert document(call("account", "--json")) == {
        "login": "demo",
        "status": 300,
        "status_text": "Compte actif",
        "active": True,
        "credits": 100_000,
    }


@pytest.mark.parametrize(
    ("options", "login", "status", "active", "code"),
    [
        (SandboxOptions(active_status=100), "demo", 100, True, 0),
        (SandboxOptions(), "demo", 300, True, 0),
        (SandboxOptions(), "nobody", 301, False, 4),
        (SandboxOptions(other_logins=frozenset({"autre"})), "autre", 302, False, 4),
        (SandboxOptions(active=False), "demo", 303, False, 4),
        (SandboxOptions(login="another"), "demo", 102, False, 4),
    ],
)
def test_every_account_status_is_told(
    options: SandboxOptions,
    login: str,
    status: int,
    active: bool,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both codes of an active account, an unknown, a foreign and an inactive one, a wrong login."""
    with Sandbox(options=options) as sandbox:
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        result = call("account", "--login", login, "--json")
    figures = document(result)
    assert figures["login"] == login
    assert (figures["status"], figures["active"], result.exit_code) == (status, active, code)


# ----- live --------------------------------------------------------------------------------------


@pytest.fixture
def live(gateway: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setenv("MMSBATCH_CLIENTCODE", "demo")
    monkeypatch.setenv("MMSBATCH_PASSCODE", "demo")
    return gateway


def made_up(contacts: str) -> None:
    path = Path(contacts)
    path.write_text(path.read_text().replace(";063998", ";061234"))


def test_live_takes_the_word_and_a_token(contacts: str, live: Sandbox, tmp_path: Path) -> None:
    """Neither alone is enough; the fingerprint comes from `plan --live`."""
    made_up(contacts)
    run = tmp_path / "noel"
    refused = send(contacts, run, "--live")
    assert refused.exit_code == 2
    assert "--confirm" in refused.stderr
    assert "--max-recipients 250" in refused.stderr
    wrong = send(contacts, run, "--live", "--confirm", "f" * 64)
    assert (wrong.exit_code, "is not this plan's" in wrong.stderr) == (2, True)
    assert live.ledger == ()
    assert not run.exists()
    shown = call("plan", contacts, "--phone", "mobile", "--campaign", NOEL, "--live", "--json")
    done = send(contacts, run, "--live", "--confirm", document(shown)["fingerprint"], "--json")
    assert (done.exit_code, document(done)["target"]) == (0, "live")
    assert len(live.ledger) == 250


def test_fiction_has_no_place_in_a_live_plan(contacts: str, live: Sandbox, tmp_path: Path) -> None:
    """The samples can never reach the live gateway."""
    refused = send(contacts, tmp_path / "noel", "--live", "--max-recipients", "1000")
    assert refused.exit_code == 2
    assert "250 fictional" in refused.stderr
    assert live.requests == ()


def test_a_live_run_is_resumed_with_the_word_only(
    contacts: str, live: Sandbox, tmp_path: Path
) -> None:
    """Nobody finishes it on people by habit."""
    made_up(contacts)
    send(contacts, tmp_path / "noel", "--live", "--max-recipients", "250")
    refused = call("resume", tmp_path / "noel")
    assert refused.exit_code == 2
    assert f"mmsbatch resume {tmp_path / 'noel'} --live`" in refused.stderr
    assert "does not identify itself" not in refused.stderr
    assert call("resume", tmp_path / "noel", "--live").exit_code == 0


# ----- bad input ---------------------------------------------------------------------------------


def refused(*words: str | Path) -> str:
    """Return the message of a command that must exit 2; with --json it is a document too."""
    result = call(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    as_json = call(*words, "--json")
    assert document(as_json)["error"]["message"] in as_json.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"id;mobile\n1;0639980001\n2\n", "line 3"),
        (b"id;mobil\n1;0639980001\n", "Did you mean 'mobil'"),
        (b"id;mobile;mms_id\n1;0639980001;x\n", "mms_id"),
        (b"id;mobile\n1;\n2;x\n", "no row can be sent"),
        (b"%PDF-1.7 something", "PDF"),
        (b"id;id;mobile\n1;2;0639980001\n", "'id'"),
    ],
)
def test_contacts_that_cannot_be_used_send_nothing(
    content: bytes, word: str, tmp_path: Path, gateway: Sandbox
) -> None:
    """The message names the line, the column or the file."""
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    run = tmp_path / "run"
    message = refused("send", path, "--phone", "mobile", "--campaign", NOEL, "--run", run)
    assert word in message
    assert not run.exists()
    assert gateway.requests == ()


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    """A typing mistake in a path is the first mistake of all."""
    (tmp_path / "export.csv").write_text("id;mobile\n1;0639980001\n")
    message = refused("check", tmp_path / "exprot.csv", "--phone", "mobile")
    assert "export.csv" in message


def test_a_wrong_separator_or_encoding_is_told(tmp_path: Path) -> None:
    """When the caller insists on one."""
    path = tmp_path / "export.csv"
    path.write_bytes("nom;mobile\nZoé;0639980001\n".encode("cp1252"))
    assert "';'" in refused("check", path, "--phone", "mobile", "--separator", ",")
    assert "line 2" in refused("check", path, "--phone", "mobile", "--encoding", "utf-8")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('kind = "text"\nmessage = "x"\n', "name"),
        ('name = "n"\nkind = "txt"\nmessage = "x"\n', "Did you mean 'text'"),
        ('name = "n"\nkind = "text"\nmesage = "x"\n', "Did you mean 'message'"),
        ('name = "n"\nkind = "image"\nmessage = "x"\nimage = "https://a.fr/x.jpg"\n', "http://"),
        ('name = "n"\nkind = "image"\nmessage = "x"\nimage = "http://www.a.fr/x.png"\n', ".jpg"),
        (f'name = "n"\nkind = "text"\nmessage = "{"x" * 1001}"\n', "1001"),
        ('name = "n"\nkind = "text"\nmessage = "x"\nsend_at = "2026-03-29 02:30:00"\n', "§1.2"),
        ("name = ", "line 1"),
    ],
)
def test_a_broken_campaign_names_field_and_rule(
    text: str, word: str, contacts: str, tmp_path: Path, gateway: Sandbox
) -> None:
    """Before the contacts are even read."""
    path = tmp_path / "campaign.toml"
    path.write_text(text)
    message = refused(
        "send", contacts, "--phone", "mobile", "--campaign", path, "--run", tmp_path / "run"
    )
    assert word in message
    assert gateway.requests == ()


def test_a_time_that_is_past_is_refused(contacts: str, tmp_path: Path, gateway: Sandbox) -> None:
    """By plan and by send: the gateway might send it at once."""
    path = tmp_path / "campaign.toml"
    path.write_text('name = "n"\nkind = "text"\nmessage = "x"\nsend_at = "2020-01-01 10:00:00"\n')
    words = (contacts, "--phone", "mobile", "--campaign", path)
    assert "send_at" in refused("plan", *words)
    assert "send_at" in refused("send", *words, "--run", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_missing_credentials_and_clear_text_are_refused(
    contacts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the variable; nothing is read or sent."""
    words = (
        *("send", contacts, "--phone", "mobile", "--campaign", NOEL),
        *("--run", tmp_path / "run", "--live", "--max-recipients", "9"),
    )
    assert "MMSBATCH_CLIENTCODE and MMSBATCH_PASSCODE" in refused(*words)
    monkeypatch.setenv("MMSBATCH_CLIENTCODE", "demo")
    monkeypatch.setenv("MMSBATCH_PASSCODE", "s3cr3t")
    monkeypatch.setenv("MMSBATCH_URL", "http://api.example.com")
    assert "in clear text" in refused(*words)
    monkeypatch.setenv("MMSBATCH_URL", "https://api.example.com:99999")
    assert "port" in refused(*words)


@pytest.mark.parametrize("command", ["status", "resume", "results"])
def test_a_folder_that_is_no_run_is_named(command: str, tmp_path: Path) -> None:
    """With its neighbours that are."""
    assert "holds no run" in refused(command, tmp_path)


def test_a_sandbox_port_that_cannot_be_had_is_told(gateway: Sandbox) -> None:
    """Taken, or none at all."""
    assert str(gateway.port) in refused("sandbox", "--port", str(gateway.port))
    assert "70000" in refused("sandbox", "--port", "70000")
    assert "Did you mean" in refused("sandbox", "--port", "0", "--fault", "1=clos:after")


def test_an_unknown_option_is_a_usage_error(contacts: str) -> None:
    """Typer's own message, the same exit code."""
    assert call("check", contacts, "--fone", "mobile").exit_code == 2


# ----- as a process ------------------------------------------------------------------------------


def test_the_demo_tells_the_whole_job_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newcomer's first command, twice."""
    monkeypatch.chdir(tmp_path)
    first = CliRunner().invoke(app, ["demo"])
    assert (first.exit_code, first.stderr) == (0, "")
    for word in ("accepted", "rejected", "missing", "requests", "credits", "results.parquet"):
        assert word in first.stdout
    assert "exactly the rows called accepted" in first.stdout
    second = CliRunner().invoke(app, ["demo"])
    assert "nothing was sent again" in second.stdout
    results = pd.read_parquet(tmp_path / "data" / "runs" / "demo" / "results.parquet")
    assert len(results) == 1500
    assert results["mms_outcome"].notna().all()


def test_a_sandbox_in_another_process_is_used(contacts: str, tmp_path: Path) -> None:
    """As two terminals do; its ledger file tells what it truly sent."""
    ledger = tmp_path / "ledger.sqlite"
    words = ["sandbox", "--port", "0", "--ledger", str(ledger), "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "mmsbatch", *words], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        try:
            runner = CliRunner(env={"MMSBATCH_URL": url})
            job = ["--phone", "mobile", "--campaign", NOEL, "--run", str(tmp_path / "run")]
            result = runner.invoke(app, ["send", contacts, *job, "--json"])
        finally:
            server.terminate()
    assert result.exit_code == 0
    assert len(read_ledger(ledger)) == 250


def answered(path: Path) -> Path:
    """Write contacts of whom one has agreed, one has not, and one says no in another row."""
    path.write_text(
        "mobile;optin;prenom\n0639980001;A;Ana\n0639980002;B;Bob\n0639980003;A;Cal\n"
        "0639980003;B;Dan\n"
    )
    return path


def test_the_commands_look_at_consent(tmp_path: Path) -> None:
    """Alike in `check`, `plan` and `send`, whatever its words; without them the cell is named."""
    people = answered(tmp_path / "people.csv")
    words = ("--consent", "optin", "--consent-yes", "A", "--consent-no", "B")
    checked = document(call("check", people, "--phone", "mobile", *words, "--json"))
    assert checked["problems"] == {"no_consent": 3}
    with_campaign = ("--phone", "mobile", "--campaign", NOEL)
    assert document(call("plan", people, *with_campaign, *words, "--json"))["recipients"] == 1
    run = tmp_path / "run"
    done = document(call("send", people, *with_campaign, *words, "--run", run, "--json"))
    assert done["outcomes"] == {"accepted": 1, "suppressed": 3}
    unread = call("check", people, "--phone", "mobile", "--consent", "optin")
    assert unread.exit_code == 2
    assert "'A'" in unread.stderr
    assert "rows 0, 1" in unread.stderr
    alone = call("check", people, "--phone", "mobile", "--consent-yes", "A")
    assert (alone.exit_code, "--consent-yes needs --consent" in alone.stderr) == (2, True)


def test_a_no_in_the_last_batch_counts_in_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long file says the same as a short one."""
    monkeypatch.setattr("mmsbatch.contacts.reading.BATCH_ROWS", 2)
    people = tmp_path / "people.csv"
    people.write_text("mobile;optin\n0639980003;oui\n0639980001;oui\n0639980003;non\n")
    checked = document(call("check", people, "--phone", "mobile", "--consent", "optin", "--json"))
    assert checked["problems"] == {"no_consent": 2}


def test_one_per_message_is_an_option(tmp_path: Path) -> None:
    """One phone, two texts: one message, or two where it is said."""
    campaign = tmp_path / "c.toml"
    campaign.write_text('name = "c"\nkind = "text"\nmessage = "Salut {{ prenom }}"\n')
    people = tmp_path / "people.csv"
    people.write_text("mobile;prenom\n0639980012;Jean\n+33639980012;J.\n0639980013;Ana\n")
    words = ("plan", people, "--phone", "mobile", "--campaign", campaign)
    assert document(call(*words, "--json"))["recipients"] == 2
    several = document(call(*words, "--one-per", "message", "--json"))
    assert (several["recipients"], several["numbers_with_several_messages"]) == (3, 1)
    wrong = call(*words, "--one-per", "row")
    assert (wrong.exit_code, "'number' or 'message'" in wrong.stderr) == (2, True)


def test_a_commercial_live_send_without_a_consent_column_warns(
    contacts: str, live: Sandbox, tmp_path: Path
) -> None:
    """In `plan` and in `send`; nothing is refused for it."""
    made_up(contacts)
    campaign = tmp_path / "c.toml"
    campaign.write_text('name = "c"\nkind = "text"\nmessage = "Soldes"\n')
    words = (contacts, "--phone", "mobile", "--campaign", campaign, "--live")
    assert "no consent column" in call("plan", *words).stdout
    done = call("send", *words, "--max-recipients", "250", "--run", tmp_path / "run")
    assert (done.exit_code, "no consent column" in done.stderr, len(live.ledger)) == (0, True, 250)
