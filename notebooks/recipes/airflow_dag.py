"""A weekly campaign as an Airflow DAG: papermill runs the notebook, Airflow passes the date in.

Copy it to the folder of DAGs, and set the Airflow variables ``mmsbatch_notebooks`` (the folder
with campaign.ipynb) and ``mmsbatch_home`` (where contacts, campaign and runs are; make its folder
``runs/.notebooks`` first, mode 0700: papermill makes none). mmsbatch is installed beside Airflow.
Credentials come from the worker's environment, never from a parameter: parameters are stored in
the executed copy.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.papermill.operators.papermill import PapermillOperator

try:
    from airflow.sdk import DAG
except ImportError:  # before Airflow 3
    from airflow import DAG

HOME = "{{ var.value.mmsbatch_home }}"

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
        input_nb="{{ var.value.mmsbatch_notebooks }}/campaign.ipynb",
        output_nb=HOME + "/runs/.notebooks/{{ ts_nodash }}-{{ ti.try_number }}.ipynb",
        parameters={
            "run": "weekly-{date:%G-W%V}",
            # The day of this execution: `ds` may be the week before, by the schedule's kind.
            "date": "{{ data_interval_end | ds }}",
            "not_after": "{{ data_interval_end | ds }}",
            "contacts": HOME + "/contacts.csv",
            "campaign": HOME + "/weekly.toml",
            "runs_dir": HOME + "/runs",
            "target": "sandbox",  # "live" reaches people
        },
    )
