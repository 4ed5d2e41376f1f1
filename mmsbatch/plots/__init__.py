"""Diagrams of what a frame holds: a run's rows and attempts, and many runs over time. Pure.

Every function takes what exists already and gives a `mmsbatch.drawing.Diagram`: a
`matplotlib.figure.Figure`, which shows itself in a notebook and is saved with
``.savefig("name.png")``. Nothing in it depends on colour alone, and its ``alt`` says in one
sentence what it shows. matplotlib is in the extra ``notebooks`` and is imported when the first
figure is drawn.
"""

from mmsbatch.plots.attempts import credits, latency  # noqa: A004  (the gateway's word)
from mmsbatch.plots.rows import outcomes, outcomes_by_hour, outcomes_over_time, problems, variants
from mmsbatch.plots.runs import cost_over_weeks, problems_over_time, runs_over_weeks

__all__ = [
    "cost_over_weeks",
    "credits",
    "latency",
    "outcomes",
    "outcomes_by_hour",
    "outcomes_over_time",
    "problems",
    "problems_over_time",
    "runs_over_weeks",
    "variants",
]
