"""How far a sending is: requests, rows and credits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mmsbatch.planning.plan import Plan
from mmsbatch.progress import counting
from mmsbatch.runs.states import Request


@contextmanager
def sending(
    plan: Plan,
    waiting: Sequence[int],
    *,
    shown: bool | None = None,
    then: Callable[[Request], None] | None = None,
) -> Iterator[Callable[[Request], None]]:
    """Show requests, rows and credits while requests are sent.

    Parameters
    ----------
    plan
        What is sent.
    waiting
        The requests that are to be sent now.
    shown
        As in `mmsbatch.progress.counting`.
    then
        Called after each request, whatever is shown.

    Yields
    ------
    Callable
        To be called with each request after it.
    """
    rows_left = sum(plan.recipients_of(number) for number in waiting)
    rows_done = 0
    credits_left = ""
    with counting(len(waiting), "request", "sending", shown=shown) as progress:

        def on_request(request: Request) -> None:
            nonlocal rows_done, credits_left
            rows_done += plan.recipients_of(request.number)
            if request.answer is not None and request.answer.credits is not None:
                whose = f" on {request.login}" if request.login else ""
                credits_left = f", {request.answer.credits:,} credits left{whose}"
            progress.update(1, f"{rows_done:,} of {rows_left:,} rows{credits_left}")
            if then is not None:
                then(request)

        yield on_request
