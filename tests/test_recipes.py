"""The recipes for cron, systemd and Airflow: run as those would run them, on the sandbox."""

from __future__ import annotations

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

from conftest import ROOT, fictional
from mmsbatch.sandbox import Sandbox, SandboxOptions

RECIPES = ROOT / "notebooks" / "recipes"
PASSCODE = "Ge7-heim"
PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
INSTALLED = "/srv/mmsbatch/venv/bin"
"""Where the recipes look for the commands; the tests look beside this interpreter."""
AIRFLOW = os.environ.get("AIRFLOW_PYTHON", "")
"""The interpreter of an environment that has Airflow and its papermill provider."""


@dataclass
class Home:
    """A folder with contacts, a campaign and credentials, as the recipes expect it."""

    path: Path
    sandbox: Sandbox

    @property
    def environ_file(self) -> Path:
        """The credentials, for the owner only."""
        return self.path / "env"

    def write_credentials(self, passcode: str) -> None:
        """Write the file that cron sources and systemd reads."""
        lines = [f"MMSBATCH_URL={self.sandbox.url}", f"MMSBATCH_PASSCODE={passcode}", ""]
        self.environ_file.write_text("\n".join(lines))
        self.environ_file.chmod(0o600)

    def outcomes(self) -> dict[str, int]:
        """Count the rows of the one run by outcome."""
        (results,) = self.path.glob("**/runs/weekly-*-W*/results.parquet")
        counts = pd.read_parquet(results)["mms_outcome"].value_counts()
        return {str(word): int(count) for word, count in counts.items() if count}


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Home]:
    """A home whose gateway has the faults that a test asks for."""
    faults: dict[int, str] = getattr(request, "param", {})
    pd.DataFrame({"mobile": fictional(300)}).to_csv(tmp_path / "contacts.csv", index=False)
    (tmp_path / "weekly.toml").write_text('name = "weekly"\nkind = "text"\nmessage = "Bonjour"\n')
    options = SandboxOptions(passcode=PASSCODE)  # type: ignore[arg-type]  # pydantic makes it secret
    with Sandbox(options=options, faults=faults) as sandbox:
        made = Home(tmp_path, sandbox)
        made.write_credentials(PASSCODE)
        yield made


def unescaped(command: str) -> str:
    """Read a command as cron does, to which a percent sign that is not escaped is the end."""
    assert not re.search(r"(?<!\\)%", command)
    return command.replace(r"\%", "%")


def installed(value: str) -> str:
    return value.replace(INSTALLED, str(Path(sys.executable).parent))


def as_cron(home: Home) -> subprocess.CompletedProcess[str]:
    """Run the recipe's one command: a bare environment, a plain shell."""
    environ = {"HOME": str(home.path), "LOGNAME": "mmsbatch", "PATH": "/usr/bin:/bin"}
    (command,) = (
        line.split(maxsplit=5)[5]
        for line in (RECIPES / "crontab").read_text().splitlines()
        if line[:1].isdigit()
    )
    for line in (RECIPES / "crontab").read_text().splitlines():
        if assigned := re.fullmatch(r"([A-Z_]+)=(.*)", line):
            environ[assigned[1]] = installed(assigned[2])
    environ |= {"MMSBATCH_ENV": str(home.environ_file), "MMSBATCH_HOME": str(home.path)}
    shell = environ["SHELL"]
    return subprocess.run(
        [shell, "-c", unescaped(command)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_cron_sends_and_mails_nothing(home: Home) -> None:
    """Whatever a command prints, cron mails: a run that ended well prints nothing."""
    done = as_cron(home)
    assert (done.stdout, done.stderr) == ("", "")
    assert home.outcomes() == {"accepted": 300}


def test_cron_mails_a_run_that_did_not_end_well(home: Home) -> None:
    """With the exit code and the end of the log, which holds no passcode."""
    home.write_credentials("wrong")
    done = as_cron(home)
    assert "mmsbatch ended with exit code 4" in done.stdout
    assert "102" in done.stdout
    assert "wrong" not in done.stdout
    assert home.outcomes() == {"pending": 300}


def setting(unit: str, name: str, default: str = "") -> str:
    """Read a setting of a systemd unit."""
    lines = (RECIPES / unit).read_text().splitlines()
    return next((line[len(name) + 1 :] for line in lines if line.startswith(f"{name}=")), default)


def as_systemd(home: Home) -> subprocess.Popen[str]:
    """Start the service's ExecStart with its variables, in the folder of the campaign."""
    line = setting("mmsbatch-weekly.service", "ExecStart")
    assert not re.search(r"(?<![%$])(%%|\$\$)*[%$](?![%$])", line)  # each is doubled
    variables = shlex.split(installed(setting("mmsbatch-weekly.service", "Environment")))
    variables += home.environ_file.read_text().splitlines()
    return subprocess.Popen(
        shlex.split(line.replace("%%", "%").replace("$$", "$")),
        cwd=home.path,
        env=dict(one.split("=", 1) for one in variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.full
@pytest.mark.parametrize("home", [{}], indirect=True, ids=["sound"])
def test_systemd_runs_the_same(home: Home) -> None:
    """Exit code 0, and everybody is sent to."""
    with as_systemd(home) as process:
        _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert home.outcomes() == {"accepted": 300}


@pytest.mark.parametrize("home", [{2: "stall"}], indirect=True, ids=["stall"])
def test_a_stop_by_systemd_leaves_nobody_in_doubt(home: Home) -> None:
    """The request under way finishes: the command is told, and tells its kernel once."""
    contacts = pd.DataFrame({"mobile": fictional(1900)})
    contacts.to_csv(home.path / "contacts.csv", index=False)
    # Else systemd tells the kernel too. Two signals far enough apart break the request off, and
    # how far apart they come is luck: no test could show it every time.
    assert setting("mmsbatch-weekly.service", "KillMode") == "mixed"
    number = signal.Signals[setting("mmsbatch-weekly.service", "KillSignal", "SIGTERM")]
    with as_systemd(home) as process:
        assert home.sandbox.wait_for(2, 60)
        process.send_signal(number)
        assert process.stderr is not None
        assert "stopping after the current request" in process.stderr.readline()
        home.sandbox.release()
        process.communicate(timeout=120)
    assert process.returncode == 4
    assert home.outcomes().keys() == {"accepted", "pending"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Every setting is known, and the time is one."""
    for unit in ("mmsbatch-weekly.service", "mmsbatch-weekly.timer"):
        text = (RECIPES / unit).read_text()
        # Its mailer and its user are the reader's to provide.
        text = re.sub(r"^(OnFailure|User)=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / unit).write_text(text)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "mmsbatch-weekly.timer"],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in verified.stderr.splitlines() if "mmsbatch" in line]
    assert complaints == []
    calendar = setting("mmsbatch-weekly.timer", "OnCalendar")
    subprocess.run(["systemd-analyze", "calendar", calendar], check=True, capture_output=True)


AIRFLOW_SCRIPT = """
import sys
from airflow.utils import db
db.initdb()
sys.path.insert(0, sys.argv[1])
from airflow_dag import dag
print("state:", dag.test().state.value)
"""


@pytest.mark.skipif(not AIRFLOW, reason="AIRFLOW_PYTHON names no environment with Airflow")
@pytest.mark.parametrize(
    ("passcode", "state", "outcomes"),
    [(PASSCODE, "success", {"accepted": 300}), ("Ge7-hiem", "failed", {"pending": 300})],
)
def test_airflow_runs_the_dag(
    home: Home, passcode: str, state: str, outcomes: dict[str, int]
) -> None:
    """Its one task, with the day that Airflow passes in; a run that stopped fails it, once."""
    home.write_credentials(passcode)
    (home.path / "runs" / ".notebooks").mkdir(parents=True)
    dags = home.path / "airflow" / "dags"
    dags.mkdir(parents=True)
    shutil.copy(RECIPES / "airflow_dag.py", dags)  # `dag.test` looks it up there
    read = dict(line.split("=", 1) for line in home.environ_file.read_text().splitlines())
    environ = {
        "PATH": f"{Path(AIRFLOW).parent}:{PATH}",
        "HOME": str(home.path),
        "AIRFLOW_HOME": str(dags.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_VAR_MMSBATCH_HOME": str(home.path),
        "AIRFLOW_VAR_MMSBATCH_NOTEBOOKS": str(RECIPES.parent),
        **read,
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
    (executed,) = home.path.glob("runs/.notebooks/*-1.ipynb")  # one attempt: never again by itself
    assert passcode not in printed + executed.read_text(encoding="utf-8")
