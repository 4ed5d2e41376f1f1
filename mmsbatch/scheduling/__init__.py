"""Recipes by which cron, systemd or Airflow run one campaign every week.

Import ``Schedule`` from ``recipes`` and ``schedule_for`` from ``making``. The recipes are pure;
what the machine has is asked in ``machine``. This room reads campaigns, contacts and what the
campaign notebook declares; it sends nothing.
"""
