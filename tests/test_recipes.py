"""The recipes for cron, systemd and Airflow: run as those would run them, on the sandbox."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from conftest import ROOT, fictional
from mmsbatch.cli import app
from mmsbatch.sandbox import Sandbox, SandboxOptions
from scheduled import PROGRAMS, Home, Programs, command_of, crontab_of, schedule, setting

RECIPES = ROOT / "notebooks" / "recipes"
PASSCODE = "Ge7-heim"
AIRFLOW = os.environ.get("AIRFLOW_PYTHON", "")
"""The interpreter of an environment that has Airflow, and its papermill and SMTP providers."""
ODD = 'l\'été 9% $HOME "x" {{y}} {%'
"""A folder whose name each scheduler would read as something else."""


@dataclass
class Stage(Home):
    """A home, and the gateway that its credentials are of."""

    sandbox: Sandbox
    programs: Programs

    def outcomes(self) -> dict[str, int]:
        """Count the rows of the newest run by outcome."""
        found = self.path.glob("data/runs/*-W*/results.parquet")
        newest = max(found, key=lambda path: path.stat().st_mtime_ns)
        counts = pd.read_parquet(newest)["mms_outcome"].value_counts()
        return {str(word): int(count) for word, count in counts.items() if count}

    def as_cron(self, crontab: str) -> subprocess.CompletedProcess[str]:
        """Run a crontab's one command: a bare environment, a plain shell."""
        variables, _, command = crontab_of(crontab)
        environ = self.programs.environ(HOME=str(self.path), LOGNAME="mmsbatch") | variables
        words = [environ["SHELL"], "-c", command]
        return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)

    def as_systemd(self, unit: str) -> subprocess.Popen[str]:
        """Start a service as systemd does: its variables, its folder."""
        credentials = Path(re.sub(r"\[(.)\]", r"\1", setting(unit, "EnvironmentFile")[1:]))
        lines = map(shlex.split, credentials.read_text(encoding="utf-8").splitlines())
        return subprocess.Popen(
            command_of(unit),
            cwd=setting(unit, "WorkingDirectory"),
            env=self.programs.environ() | dict(one.split("=", 1) for (one,) in lines),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A home whose gateway has the faults that a test asks for."""
    faults: dict[int, str] = getattr(request, "param", {})
    options = SandboxOptions(passcode=PASSCODE)  # type: ignore[arg-type]  # pydantic makes it secret
    programs = Programs(tmp_path / "bin")
    programs.add_listener("logger")
    (tmp_path / ODD).mkdir()
    with Sandbox(options=options, faults=faults) as sandbox:
        made = Stage(tmp_path / ODD, sandbox, programs)
        made.fill()
        made.write_credentials(sandbox.url, PASSCODE)
        yield made


# ----- one source --------------------------------------------------------------------------------


def test_the_recipes_are_what_the_command_writes(tmp_path: Path) -> None:
    """For a folder /srv/mmsbatch whose owner is mmsbatch."""
    home, written = Home(tmp_path), tmp_path / "recipes"
    home.fill()
    words = [str(tmp_path / "weekly.toml"), "--contacts", str(tmp_path / "contacts.csv")]
    words += ["--home", str(tmp_path), "--mail", "marketing@example.com", "--out", str(written)]
    for kind in ("cron", "systemd", "airflow"):
        assert schedule(*words, "--as", kind).exit_code == 0
    stand_ins = {
        str(PROGRAMS): "/srv/mmsbatch/venv/bin",
        str(ROOT / "notebooks"): "/srv/mmsbatch/notebooks",
        str(tmp_path): "/srv/mmsbatch",
        f"User={tmp_path.owner()}\n": "User=mmsbatch\n",
    }
    texts = {}
    for path in written.iterdir():
        texts[path.name] = path.read_text(encoding="utf-8")
        for here, there in stand_ins.items():
            texts[path.name] = texts[path.name].replace(here, there)
    shipped = {path.name: path.read_text(encoding="utf-8") for path in RECIPES.glob("*.*")}
    assert shipped == texts


# ----- cron --------------------------------------------------------------------------------------


def test_cron_sends_and_mails_nothing(home: Stage) -> None:
    """Whatever a command prints, cron mails: a run that ended well prints nothing.

    Left out is who is in a file, and whom `forget` erased after the recipe was made.
    """
    stops = home.path / "stops d'ici.csv"
    stops.write_text(f"mobile\n{fictional(300)[1]}\n", encoding="utf-8")
    key = home.path / "our key"
    key.write_bytes(bytes(range(32)))
    keyed = ["--key-file", str(key)]
    (crontab,) = home.recipe("cron", "--suppress", str(stops), *keyed).values()
    done = home.as_cron(crontab)
    assert (done.stdout, done.stderr) == ("", "")
    assert home.programs.called("logger") == []
    assert home.outcomes() == {"accepted": 299, "suppressed": 1}
    words = ["forget", fictional(300)[2], str(home.path / "data" / "runs"), "--erase", *keyed]
    forgot = CliRunner().invoke(app, words)
    assert forgot.exit_code == 0, forgot.output
    next_run = crontab.replace("run=weekly", "run=next")
    assert home.as_cron(next_run).stdout == ""
    assert home.outcomes() == {"accepted": 298, "suppressed": 2}


def test_cron_tells_of_a_run_that_did_not_end_well(home: Stage) -> None:
    """With the exit code and the end of the log, which holds no passcode: mailed, and logged."""
    home.write_credentials(home.sandbox.url, "wrong")
    (crontab,) = home.recipe("cron").values()
    done = home.as_cron(crontab)
    assert "mmsbatch-weekly ended with exit code 4\n" in done.stdout
    assert "102" in done.stdout
    assert "wrong" not in done.stdout
    assert home.outcomes() == {"pending": 300}
    assert home.programs.called("logger") == ["-t mmsbatch -p user.err"]
    assert home.programs.read("logger") == done.stdout


@pytest.mark.parametrize("missing", ["home", "program"])
def test_cron_tells_of_what_is_gone(home: Stage, missing: str) -> None:
    """Whatever keeps mmsbatch from being started is told like a failure of its own."""
    (crontab,) = home.recipe("cron").values()
    if missing == "home":
        home.path.rename(home.path.with_name("elsewhere"))
    else:
        crontab = crontab.replace(str(PROGRAMS / "mmsbatch"), "/nowhere/mmsbatch")
    done = home.as_cron(crontab)
    assert "mmsbatch-weekly ended with exit code" in done.stdout
    assert home.programs.read("logger") == done.stdout


# ----- systemd -----------------------------------------------------------------------------------


@pytest.mark.full
def test_systemd_runs_the_same(home: Stage) -> None:
    """Exit code 0, and everybody is sent to."""
    with home.as_systemd(home.recipe("systemd")["mmsbatch-weekly.service"]) as process:
        _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert home.outcomes() == {"accepted": 300}


@pytest.mark.parametrize("home", [{2: "stall"}], indirect=True, ids=["stall"])
def test_a_stop_by_systemd_leaves_nobody_in_doubt(home: Stage) -> None:
    """The request under way finishes: the command is told, and tells its kernel once."""
    home.fill(rows=1900)
    unit = home.recipe("systemd")["mmsbatch-weekly.service"]
    # Else systemd tells the kernel too. Two signals far enough apart break the request off, and
    # how far apart they come is luck: no test could show it every time.
    assert setting(unit, "KillMode") == "mixed"
    number = signal.Signals[setting(unit, "KillSignal", "SIGTERM")]
    with home.as_systemd(unit) as process:
        assert home.sandbox.wait_for(2, 60)
        process.send_signal(number)
        assert process.stderr is not None
        assert "stopping after the current request" in process.stderr.readline()
        home.sandbox.release()
        process.communicate(timeout=120)
    assert process.returncode == 4
    assert home.outcomes().keys() == {"accepted", "pending"}


@pytest.mark.parametrize("mailer", [True, False])
def test_a_failure_under_systemd_is_told(home: Stage, mailer: bool) -> None:
    """It is logged with the end of the unit's journal, and mailed if that is possible."""
    units = home.recipe("systemd", "--mail", "marketing@example.com")
    assert (
        setting(units["mmsbatch-weekly.service"], "OnFailure") == "mmsbatch-weekly-failed.service"
    )
    home.programs.add("journalctl", "echo '100 % of $HOME: credits are gone'")
    if mailer:
        home.programs.add_listener("sendmail")
    environ = home.programs.environ(MONITOR_EXIT_STATUS="4")
    subprocess.run(command_of(units["mmsbatch-weekly-failed.service"]), env=environ, check=mailer)
    told = "mmsbatch-weekly ended with exit code 4\n100 % of $HOME: credits are gone\n"
    assert home.programs.called("logger") == ["-t mmsbatch -p user.err"]
    assert home.programs.read("logger") == told
    (looked_at,) = home.programs.called("journalctl")
    assert "--unit=mmsbatch-weekly.service" in looked_at
    if mailer:
        head, _, body = home.programs.read("sendmail").partition("\n\n")
        assert "To: marketing@example.com\nSubject: mmsbatch-weekly did not end well\n" in head
        assert body == told


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("words", [(), ("--user",)], ids=["machine", "user"])
def test_systemd_accepts_the_units(home: Stage, words: tuple[str, ...]) -> None:
    """Every setting is known, every unit that is named is there, and the time is one."""
    units = home.recipe("systemd", "--mail", "marketing@example.com", *words)
    folder = home.path.parent / "units"
    folder.mkdir()
    for name, text in units.items():
        (folder / name).write_text(text, encoding="utf-8")
    scope = ["--user"] if words else []
    verified = subprocess.run(
        ["systemd-analyze", *scope, "verify", "--man=no", *map(str, folder.iterdir())],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "SYSTEMD_UNIT_PATH": f"{folder}:"},
    )
    complaints = [line for line in verified.stderr.splitlines() if "mmsbatch" in line]
    assert complaints == []
    calendar = setting(units["mmsbatch-weekly.timer"], "OnCalendar")
    subprocess.run(["systemd-analyze", "calendar", calendar], check=True, capture_output=True)


# ----- Airflow -----------------------------------------------------------------------------------

STAND_IN = """
class Any:
    made = []
    def __init__(self, **given):
        self.given = given
        Any.made.append(self)
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
DAG = PapermillOperator = SmtpNotifier = Any
def datetime(*_, **__):
    pass
"""
"""What a DAG imports, in one module: it holds what each was given."""
SHOWN = """
import jinja2, json, runpy, sys
names = ["airflow", "airflow.sdk", "airflow.providers", "pendulum"]
for name, inner in (("papermill", "operators"), ("smtp", "notifications")):
    top = f"airflow.providers.{name}"
    names += [top, f"{top}.{inner}", f"{top}.{inner}.{name}"]
import stand_in
sys.modules |= dict.fromkeys(names, stand_in)
runpy.run_path(sys.argv[1])
given = [one.given for one in stand_in.Any.made]
operator = next(one for one in given if "input_nb" in one)
class Day:
    def in_timezone(self, name):
        return name
environment = jinja2.Environment()
environment.filters["ds"] = lambda day: f"the day in {day}"
def filled(value):
    if isinstance(value, list):
        return [filled(one) for one in value]
    return environment.from_string(value).render(data_interval_end=Day())
operator["pre_execute"]({})
print(json.dumps({k: filled(v) for k, v in operator["parameters"].items()}))
"""


def test_airflow_is_given_what_is_meant(home: Stage) -> None:
    """Whatever is in a name, also what Airflow would fill in; folders are made before."""
    stops = home.path / "stops d'ici.csv"
    stops.write_text(f"mobile\n{fictional(300)[1]}\n", encoding="utf-8")
    words = ["--suppress", str(stops), "--live", "--mail", "marketing@example.com"]
    ((name, text),) = home.recipe("airflow", *words).items()
    (home.path / "stand_in.py").write_text(STAND_IN, encoding="utf-8")
    (home.path / "shown.py").write_text(SHOWN, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "shown.py", str(home.path / "recipe-airflow" / name)],
        cwd=home.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs = home.path / "data" / "runs"
    assert {
        "date": "the day in Europe/Paris",
        "not_after": "the day in Europe/Paris",
        "run": "weekly-{date:%G-W%V}",
        "contacts": str(home.path / "contacts.csv"),
        "phone": "mobile",
        "campaign": str(home.path / "weekly.toml"),
        "suppress": [str(stops), str(runs)],
        "runs_dir": str(runs),
        "target": "live",
    } == json.loads(done.stdout)
    assert {".notebooks", ".forgotten"} == {path.name for path in runs.iterdir()}
    assert 'SmtpNotifier(to="marketing@example.com")' in text


AIRFLOW_SCRIPT = """
import sys
from airflow.utils import db
db.initdb()
sys.path.insert(0, sys.argv[1])
from mmsbatch_weekly import dag
print("state:", dag.test().state.value)
"""


@pytest.mark.skipif(not AIRFLOW, reason="AIRFLOW_PYTHON names no environment with Airflow")
@pytest.mark.parametrize(
    ("passcode", "state", "outcomes"),
    [(PASSCODE, "success", {"accepted": 300}), ("Ge7-hiem", "failed", {"pending": 300})],
)
def test_airflow_runs_the_dag(
    home: Stage, passcode: str, state: str, outcomes: dict[str, int]
) -> None:
    """Its one task, with the day that Airflow passes in; a run that stopped fails it, once."""
    ((name, text),) = home.recipe("airflow", "--mail", "marketing@example.com").items()
    dags = home.path.parent / "airflow" / "dags"
    dags.mkdir(parents=True)
    (dags / name).write_text(text, encoding="utf-8")  # `dag.test` looks it up there
    environ = {
        "PATH": f"{Path(AIRFLOW).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home.path),
        "AIRFLOW_HOME": str(dags.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "MMSBATCH_URL": home.sandbox.url,
        "MMSBATCH_PASSCODE": passcode,
    }
    done = subprocess.run(
        [AIRFLOW, "-c", AIRFLOW_SCRIPT, dags],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert f"state: {state}" in done.stdout, printed[-3000:]
    assert home.outcomes() == outcomes
    (executed,) = home.path.glob("data/runs/.notebooks/*-1.ipynb")  # one attempt: never again
    assert passcode not in printed + executed.read_text(encoding="utf-8")
