"""A campaign as an Airflow DAG: papermill runs the notebook, Airflow passes the day in.

It goes into the folder of DAGs. Beside Airflow are installed mmsbatch with its extra "notebooks",
apache-airflow-providers-papermill, and apache-airflow-providers-smtp, which mails of a failure by
the connection "smtp_default": its extra "from_email" is the sender.

Credentials come from the worker's environment, never from a parameter: parameters are stored in
the executed copy.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

try:
    from airflow.sdk import DAG
except ImportError:  # before Airflow 3
    from airflow import DAG

RUNS = Path("/srv/mmsbatch/data/runs")
COPIES = "/srv/mmsbatch/data/runs/.notebooks"
DAY = "{{ data_interval_end.in_timezone('Europe/Paris') | ds }}"
"""Of this execution: `ds` alone may be the week before, by the schedule's kind, and is in UTC."""


def make_folders(_context: object) -> None:
    """Make what papermill and the suppression list need: papermill makes no folder."""
    (RUNS / ".notebooks").mkdir(mode=0o700, parents=True, exist_ok=True)
    (RUNS / ".forgotten").touch(mode=0o600)


with DAG(
    dag_id="mmsbatch_weekly",
    schedule="0 10 * * 1",
    start_date=pendulum.datetime(2026, 11, 23, tz="Europe/Paris"),  # and the schedule's zone
    catchup=False,  # a week that was missed is not sent late
    max_active_runs=1,
    # A task that failed left rows in doubt or unsent, and a person has to look. Run again, it goes
    # on where the run stands; but whatever stopped it is still there.
    default_args={"retries": 0, "execution_timeout": timedelta(hours=2)},
) as dag:
    PapermillOperator(
        task_id="send",
        pre_execute=make_folders,
        on_failure_callback=SmtpNotifier(to="marketing@example.com"),
        input_nb="/srv/mmsbatch/notebooks/campaign.ipynb",
        output_nb=COPIES + "/{{ ts_nodash }}-{{ ti.try_number }}.ipynb",
        parameters={
            "date": DAY,
            "not_after": DAY,
            "run": "weekly-{date:%G-W%V}",
            "contacts": "/srv/mmsbatch/contacts.csv",
            "phone": "mobile",
            "campaign": "/srv/mmsbatch/weekly.toml",
            "suppress": "/srv/mmsbatch/data/runs",
            "runs_dir": "/srv/mmsbatch/data/runs",
            "target": "sandbox",  # made with --live, it reaches people
        },
    )
