"""A plan's content for one's own phones: each variant once, exactly as people will get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mmsbatch import hints
from mmsbatch.errors import PlanError
from mmsbatch.planning.contents import plan_columns, written
from mmsbatch.planning.part import RowsInMemory
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.prepare import prepare
from mmsbatch.planning.preview import preview


def plan_test(plan: Plan, numbers: Sequence[str], *, fictional: bool) -> Plan:
    """Return a plan that sends a plan's first and longest content of each variant to a few numbers.

    Parameters
    ----------
    plan
        What people will get.
    numbers
        One's own, in any notation.
    fictional
        Whether they may be of those reserved for fiction: for the sandbox.

    Returns
    -------
    Plan
        A row for each number and content, of a campaign that is called as the other with " test"
        behind it, so that nobody counts it among the other's runs.

    Raises
    ------
    PlanError
        One of the numbers is no French mobile number, or stands twice.
    """
    if not numbers:
        raise PlanError(f"{hints.option('test_to')} names nobody: give your own number")
    own = prepare(pd.DataFrame({"number": list(numbers)}), "number", fictional=fictional)
    for place, word in enumerate(own["mms_problem"]):
        if not pd.isna(word):
            raise PlanError(
                f"number {place + 1} of {hints.option('test_to')} is not one French mobile number "
                f"that stands there once ({word}): give your own"
            )
    views = [one for each in preview(plan).variants for one in (each.first, each.longest)]
    contents = list(dict.fromkeys(view.content for view in views))
    # At most 200 in a request, as everywhere; they are few.
    rows = pd.DataFrame(own.loc[own.index.repeat(len(contents))]).reset_index(drop=True)
    codes = np.tile(np.arange(len(contents)), len(own))
    rows = rows.assign(**written(plan_columns(plan.campaign), codes, contents))
    if "mms_variant" in plan_columns(plan.campaign):
        rows["mms_variant"] = pd.Categorical([contents[code].variant for code in codes])
    rows["mms_request"] = pd.arrays.IntegerArray(
        (codes + 1).astype(np.int32), np.zeros(len(codes), np.bool_)
    )
    campaign = replace(
        plan.campaign, name=f"{plan.campaign.name[:240]} test", one_per="message", consent=None
    )
    return Plan([RowsInMemory(rows)], campaign)
