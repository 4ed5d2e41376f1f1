"""``send_test``: a plan's content to one's own phones, before anybody else gets it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Literal

import pandas as pd

from mmsbatch.gateway.account import Account, Target
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.testing import plan_test
from mmsbatch.runs.folder import RunFolder
from mmsbatch.runs.report import RunReport
from mmsbatch.sending.execution import SendOptions
from mmsbatch.sending.limits import Limits
from mmsbatch.sending.send import results_or_error, start


def send_test(
    plan: Plan,
    numbers: str | Sequence[str],
    account: Account | Accounts | Literal["sandbox", "live"] | None = None,
    *,
    run: str | Path,
) -> pd.DataFrame:
    """Send what people will get to one's own numbers, as a small run of its own.

    Parameters
    ----------
    plan
        Of each of its variants the first and the longest content is sent, to every number.
    numbers
        One's own, in any notation.
    account
        As for `send`.
    run
        Of the plan; the test is beside it, as ``NAME-test``. The same content again is not sent
        again; another content is ``NAME-test-2``, and so on.

    Returns
    -------
    pandas.DataFrame
        The results: a row for each number and content. Such a run is no previous run of the
        campaign, and its recipients do not count as contacted.

    Raises
    ------
    PlanError
        A number is no French mobile number; nothing was sent.
    RunInDoubt, RunStopped
        As from `send`.
    """
    numbers = [numbers] if isinstance(numbers, str) else numbers
    done, folder = start_test(plan, numbers, Accounts.of(account, None), run)
    return results_or_error(done, folder)


def start_test(
    plan: Plan, numbers: Sequence[str], accounts: Accounts, run: str | Path
) -> tuple[RunReport, RunFolder]:
    """Do what `send_test` does, and return the report and where it is."""
    test = plan_test(plan, numbers, fictional=accounts.target is Target.SANDBOX)
    place = _place(RunFolder.at(run), test)
    options = SendOptions(
        limits=Limits(max_recipients=test.recipients),
        hours="off",  # one's own phone
        again=True,
        test=True,
        progress=False,
    )
    return start(test, Accounts((accounts.first,)), place.path, options), place


def _place(folder: RunFolder, test: Plan) -> RunFolder:
    """Return the run that has sent this test, or the first name that is free."""
    for number in count(1):
        suffix = "-test" if number == 1 else f"-test-{number}"
        place = RunFolder.at(folder.path.with_name(folder.path.name + suffix))
        if not place.exists() or place.load_plan().fingerprint == test.fingerprint:
            return place
    raise AssertionError  # pragma: no cover  (there is always another number)
