"""`mmsbatch schedule`: what it refuses, what it says, and how its recipes are installed."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from typer.testing import Result

from scheduled import CAMPAIGN, PROGRAMS, Home, Programs, crontab_of, schedule, setting

USUAL = ("weekly.toml", "--contacts", "contacts.csv", "--as", "cron")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A folder with a campaign and contacts, on a Friday, with the hours that people have."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MMSBATCH_HOURS")
    made = Home(tmp_path)
    made.fill(rows=5)
    with time_machine.travel("2026-11-27T12:00:00+00:00", tick=False):
        yield made


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Programs that are found instead of the machine's."""
    made = Programs(tmp_path / "bin")
    made.path.mkdir()
    monkeypatch.setenv("PATH", f"{made.path}:{PROGRAMS}:/usr/bin:/bin")
    return made


def call(*words: str) -> Result:
    done = schedule(*USUAL, *words)
    assert done.exit_code == 0, done.output
    return done


def pasted(done: Result, home: Path) -> str:
    """Run the last line, which installs the recipe, as it is pasted."""
    line = done.stderr.splitlines()[-1]
    assert line.startswith("install ")
    ran = subprocess.run(
        ["sh", "-c", line.removeprefix("install").strip()],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


# ----- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none.toml", "--contacts", "contacts.csv", "--as", "cron"), "none.toml"),
        (("weekly.toml", "--contacts", "contact.csv", "--as", "cron"), "'contacts.csv'"),
        ((*USUAL[:-1], "sysemd"), "Did you mean 'systemd'?"),
        ((*USUAL, "--at", "Mno 10:00"), "'Mno' is no day of the week. Did you mean 'Mon'?"),
        ((*USUAL, "--at", "Thrusday 10:00"), "Did you mean 'Thursday'?"),
        ((*USUAL, "--at", "Mon 25:00"), "there is no time 25:00"),
        ((*USUAL, "--at", "10:00"), 'such as "Mon 10:00"'),
        ((*USUAL, "--phone", "mobil"), "Did you mean 'mobile'?"),
        ((*USUAL, "--suppress", "stops.csv"), "stops.csv: there is no such file"),
        ((*USUAL, "--home", "nowhere"), "nowhere: there is no such folder"),
        ((*USUAL, "--run", "weekly"), "write --run 'weekly-{date:%G-W%V}'"),
        ((*USUAL, "--run", "weekly-{dat:%G}"), "weekly-{dat:%G}"),
        ((*USUAL, "--run", "a/{date}"), "a run's name is a folder's"),
        ((*USUAL, "--mail", "a@example.com\nBcc: b@example.com"), "--mail must be one address"),
        ((*USUAL, "--user"), "--user is for --as systemd"),
        ((*USUAL[:-1], "airflow", "--env", "env"), "--env is for cron and systemd"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused(words: tuple[str, ...], told: str) -> None:
    """Exit code 2, no recipe, and what to do about it."""
    done = schedule(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_campaign_that_breaks_rules_is_refused(home: Home) -> None:
    home.fill('name = "weekly"\nkind = "text"\nmesage = "Bonjour"\n')
    done = schedule(*USUAL)
    assert (done.exit_code, "Did you mean 'message'?" in done.stderr) == (2, True)


def test_an_error_is_one_document_with_json() -> None:
    done = schedule(*USUAL, "--at", "Mno 10:00", "--json")
    assert json.loads(done.stdout)["error"]["type"] == "InputError"


@pytest.mark.parametrize("name", ["two\\\\slashes", "x" * 240], ids=["backslashes", "long"])
def test_what_cron_cannot_hold_is_refused(home: Home, name: str) -> None:
    """Crons read two backslashes differently, and Debian's cuts a long command off."""
    folder = home.path / name / name / name
    folder.mkdir(parents=True)
    (home.path / "contacts.csv").rename(folder / "contacts.csv")
    words = ("weekly.toml", "--contacts", str(folder / "contacts.csv"))
    refused = schedule(*words, "--as", "cron")
    assert (refused.exit_code, "--as systemd" in refused.stderr) == (2, True)
    assert schedule(*words, "--as", "systemd").exit_code == 0


def test_what_systemd_cannot_hold_is_refused(home: Home) -> None:
    """It would join the next line to one that ends with a backslash."""
    (home.path / "a\\").mkdir()
    refused = schedule(*USUAL[:-1], "systemd", "--home", "a\\")
    assert (refused.exit_code, "ends with a backslash" in refused.stderr) == (2, True)


def test_a_line_break_in_a_name_is_refused(home: Home) -> None:
    (home.path / "a\nb").mkdir()
    refused = schedule(*USUAL, "--home", "a\nb")
    assert (refused.exit_code, "has a line break" in refused.stderr) == (2, True)


# ----- what is written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "cron", "calendar", "run"),
    [
        ("mon 9:05", "5 9 * * 1", "Mon *-*-* 09:05:00", "weekly-{date:%G-W%V}"),
        ("Thursday 14h30", "30 14 * * 4", "Thu *-*-* 14:30:00", "weekly-{date:%G-W%V}"),
        ("Thu, Mon 10:00", "0 10 * * 1,4", "Mon,Thu *-*-* 10:00:00", "weekly-{date:%Y-%m-%d}"),
        ("Sat-Mon 10:00", "0 10 * * 1,6,0", "Mon,Sat,Sun *-*-* 10:00:00", "weekly-{date:%Y-%m-%d}"),
    ],
)
def test_days_and_time(at: str, cron: str, calendar: str, run: str) -> None:
    """As each scheduler writes them; a run of a day of its own where there are several."""
    _, fields, command = crontab_of(call("--at", at).stdout)
    assert fields == cron
    assert f"'run={run}'" in command
    units = json.loads(schedule(*USUAL[:-1], "systemd", "--at", at, "--json").stdout)["files"]
    timer = units["mmsbatch-weekly.timer"]
    assert setting(timer, "OnCalendar") == f"{calendar} Europe/Paris"


def test_options_are_parameters_of_the_notebook(home: Home) -> None:
    """Paths as they are seen from the home; outside of it, absolute."""
    (home.path / "job").mkdir()
    words = ("--home", "job", "--runs", "job/kept", "--live", "--max-recipients", "500")
    _, _, command = crontab_of(call(*words, "--mail", "a@example.com").stdout)
    for parameter in (
        f"contacts={home.path}/contacts.csv",
        f"campaign={home.path}/weekly.toml",
        "phone=mobile",
        "suppress=kept",
        "runs_dir=kept",
        "target=live",
        "max_recipients=500",
    ):
        assert f" -p {parameter} " in command
    assert f"exec {PROGRAMS}/mmsbatch notebook campaign" in command


def test_nothing_is_written_over(home: Home) -> None:
    """Not one file is written where another of the names is there."""
    taken = home.path / "recipe" / "mmsbatch-weekly.timer"
    taken.parent.mkdir()
    taken.write_text("mine", encoding="utf-8")
    done = schedule(*USUAL[:-1], "systemd", "--out", "recipe")
    assert (done.exit_code, f"recipe/{taken.name} exists" in done.stderr) == (2, True)
    assert [taken] == [*taken.parent.iterdir()]
    assert taken.read_text(encoding="utf-8") == "mine"


def test_own_units_need_no_account_of_the_machine(home: Home) -> None:
    done = schedule(*USUAL[:-1], "systemd", "--user", "--json")
    service = json.loads(done.stdout)["files"]["mmsbatch-weekly.service"]
    assert setting(service, "User") == ""
    assert setting(service, "EnvironmentFile") == f"-{home.path}/home/.config/mmsbatch/env"


# ----- what is said ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--at", "Sun 10:00"), "Sunday 10:00 is outside of the hours 'default'"),
        (("--at", "Mon,Tue 21:00"), "Monday 21:00 and Tuesday 21:00 is outside of the hours"),
        ((), "on public holidays: the run ends with exit code 2 on 2027-03-29 (Easter Monday), "),
        (("--at", "Mon,Tue 10:00", "--run", "w-{date:%G-W%V}"), "have one run, w-2026-W49"),
        ((), "sends to the sandbox: give --live"),
        (("--live",), "there is no /etc/mmsbatch/env yet"),
        (("--max-recipients", "4"), "there are 5 contacts, and a run with more than 4 recipients"),
    ],
)
def test_what_a_person_should_know(words: tuple[str, ...], told: str) -> None:
    """It stops nothing: the recipe is printed."""
    assert told in call(*words).stderr


def test_a_service_may_leave_at_any_time(home: Home) -> None:
    """As its campaign file says; and a time of its own is no time for each week."""
    home.fill(CAMPAIGN + 'purpose = "service"\nsend_at = 2026-12-24 10:00:00\n')
    said = call("--at", "Sun 3:00").stderr
    assert "hours" not in said
    assert "send_at = 2026-12-24 10:00:00" in said


@pytest.mark.parametrize("zone", ["UTC", "Europe/Brussels"])
def test_a_machine_of_another_zone_is_noticed(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's cron goes by it."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        said = call().stderr
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert ("not on Paris time" in said) == (zone == "UTC")


def test_what_the_machine_lacks_is_said(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With what to install; nothing is said of what is there."""
    programs.add("sendmail")
    programs.add("crontab")
    assert "apt install" not in call().stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("mmsbatch.scheduling.machine._SENDMAIL", ())
    said = call().stderr
    assert "sudo apt install cron" in said
    assert "sudo apt install msmtp-mta" in said
    assert "journalctl -t mmsbatch -p err" in said


def test_notes_are_in_the_document_too() -> None:
    """With --json nothing else is on stdout."""
    done = call("--json")
    document = json.loads(done.stdout)
    assert list(document) == ["as", "files", "folder", "notes", "install"]
    assert [f"mmsbatch: {note}" for note in document["notes"]] == done.stderr.splitlines()


# ----- how it is installed -----------------------------------------------------------------------

EXISTING = "5 4 * * * backup\n"


@pytest.mark.parametrize("words", [(), ("--out", "the recipe")], ids=["printed", "written"])
def test_a_crontab_is_added_to(words: tuple[str, ...], home: Home, programs: Programs) -> None:
    """What is in it stays."""
    kept = programs.path / "kept"
    kept.write_text(EXISTING, encoding="utf-8")
    stand_in = 'if [ "$1" = -l ]; then cat KEPT; else cat >KEPT.new && mv KEPT.new KEPT; fi'
    programs.add("crontab", stand_in.replace("KEPT", str(kept)))
    done = call(*words, "--suppress", "contacts.csv", "--live")
    pasted(done, home.path)
    recipe = done.stdout
    if words:
        recipe = (home.path / "the recipe" / "mmsbatch-weekly.crontab").read_text("utf-8")
    assert kept.read_text(encoding="utf-8") == EXISTING + recipe


@pytest.mark.parametrize("words", [(), ("--out", "the recipe")], ids=["printed", "written"])
def test_units_are_installed(words: tuple[str, ...], home: Home, programs: Programs) -> None:
    """Those of one's own systemd, in its folder; they start without anybody logged in."""
    for name in ("systemctl", "loginctl"):
        programs.add(name)
    pasted(schedule(*USUAL[:-1], "systemd", "--user", *words), home.path)
    there = home.path / "home" / ".config" / "systemd" / "user"
    assert {
        "mmsbatch-weekly.service",
        "mmsbatch-weekly-failed.service",
        "mmsbatch-weekly.timer",
    } == {path.name for path in there.iterdir()}
    assert programs.called("systemctl") == [
        "--user daemon-reload",
        "--user enable --now mmsbatch-weekly.timer",
    ]
    assert programs.called("loginctl") == ["enable-linger"]


def test_units_of_the_machine_are_installed_as_root(programs: Programs, home: Home) -> None:
    """By sudo, each step."""
    programs.add("sudo")
    pasted(schedule(*USUAL[:-1], "systemd", "--out", "units"), home.path)
    first, *steps = programs.called("sudo")
    assert first.startswith(
        "install -D -m 644 -t /etc/systemd/system units/mmsbatch-weekly.service"
    )
    assert steps == ["systemctl daemon-reload", "systemctl enable --now mmsbatch-weekly.timer"]


def test_a_dag_is_put_among_the_others(
    home: Home, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    dags = home.path / "the airflow" / "dags"
    dags.mkdir(parents=True)
    monkeypatch.setenv("AIRFLOW_HOME", str(dags.parent))
    done = schedule(*USUAL[:-1], "airflow")
    pasted(done, home.path)
    assert (dags / "mmsbatch_weekly.py").read_text(encoding="utf-8") == done.stdout


def test_a_list_of_erased_people_without_its_key_is_refused(home: Home) -> None:
    """Every run would end with it."""
    runs = home.path / "data" / "runs"
    runs.mkdir(parents=True)
    (runs / ".forgotten").write_text("+5 abc\n", encoding="utf-8")
    done = schedule(*USUAL)
    assert (done.exit_code, ".forget-key" in done.stderr) == (2, True)
