"""Which account a request is sent with, and what all of them may still spend. Pure.

Drawn from the facts alone, so that every worker comes to the same conclusion, wherever it is. The
requests are shared evenly: the next one goes with the account that has claimed the fewest. One that
is out of credit, or is refused for itself, takes no more; the run ends only if none can go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from mmsbatch import spec
from mmsbatch.gateway.wire import Answer
from mmsbatch.runs.report import Stop
from mmsbatch.sending.limits import Budget


@dataclass
class Share:
    """What is known of one account in an execution."""

    login: str
    budget: Budget
    claims: int = 0
    """Attempts that were claimed with it."""
    stop: Stop | None = None
    """Why it takes no more."""


class Shares:
    """The accounts of an execution.

    Parameters
    ----------
    logins
        Theirs, in order.
    most
        Credits that the run may spend in all; None: no limit.
    costs
        Credits per recipient by login, where they are known from before.
    dearest
        Whether messages are of several kinds, whose prices differ.
    """

    def __init__(
        self,
        logins: Iterable[str],
        most: Decimal | float | None = None,
        costs: Mapping[str, Decimal] | None = None,
        *,
        dearest: bool = False,
    ) -> None:
        known = costs or {}
        self._shares = {
            login: Share(login, Budget(most, known.get(login), dearest=dearest))
            for login in logins or ("",)
        }
        self._elsewhere = Share("", Budget(most))
        """Of executions before this one, with an account that is not among these."""

    @property
    def several(self) -> bool:
        """Whether there is more than one."""
        return len(self._shares) > 1

    @property
    def open(self) -> list[Share]:
        """Those that can go on."""
        return [share for share in self._shares.values() if share.stop is None]

    @property
    def stopped(self) -> list[Share]:
        """Those that cannot."""
        return [share for share in self._shares.values() if share.stop is not None]

    def of(self, login: str) -> Share:
        """Return an account's share; the only one's, whatever a fact calls it."""
        if not self.several:
            return next(iter(self._shares.values()))
        return self._shares.get(login, self._elsewhere)

    def budget(self, login: str) -> Budget:
        """Return what is known of an account's credits."""
        return self.of(login).budget

    # ----- which is next -------------------------------------------------------------------------

    def next(self) -> str | None:
        """Return the account that takes the next request; None: none can."""
        share = min(self.open, key=lambda one: one.claims, default=None)
        return None if share is None else share.login

    @property
    def unknown(self) -> bool:
        """Whether there is a limit, and one that goes on has no cost to measure by."""
        return any(share.budget.unknown for share in self.open)

    def limit(self, login: str, recipients: int) -> Stop | None:
        """Return whether a request of so many recipients would go beyond the limit of the run."""
        mine = self.budget(login)
        others = [
            share.budget
            for share in (*self._shares.values(), self._elsewhere)
            if share.budget is not mine
        ]
        # What is not known of one is taken to be as dear as the dearest.
        dearest = max((one.cost for one in others if one.cost is not None), default=None)
        price = dearest if mine.cost is None else mine.cost
        if price is None or (mine.cost is None and mine.untold):
            return mine.stop(recipients)
        spent = (
            one.committed * (max(price, dearest or price) if one.cost is None else one.cost)
            for one in others
        )
        return replace(mine, cost=price).stop(recipients, sum(spent, Decimal(0)))

    # ----- what happened -------------------------------------------------------------------------

    def begin_with(self, login: str, recipients: int) -> None:
        """Count recipients who may have been charged before this execution."""
        self.budget(login).commit(recipients)

    def claim(self, login: str, recipients: int) -> None:
        """Count a request that is about to leave."""
        share = self.of(login)
        share.claims += 1
        share.budget.commit(recipients)

    def hear(self, login: str, answer: Answer | None) -> None:
        """Take in what the account tool said; what it refuses would be refused to a request too."""
        share = self.of(login)
        share.budget.hear(answer)
        if answer is None:
            return
        known = spec.account_status(answer.status)
        if known.scope is not spec.Scope.NOTHING:
            reason = f"the account tool said {answer.status} {answer.text or known.text}"
            self.end(login, Stop(reason, known.what_to_do))
        elif self.several and answer.credits is not None and answer.credits <= 0:
            self.end(login, Stop("the account has no credits left", "buy credits, then resume"))

    def end(self, login: str, why: Stop) -> None:
        """Let an account take no more."""
        share = self.of(login)
        share.stop = share.stop or why

    def why_stopped(self) -> Stop | None:
        """Say why no account can go on; None if one can."""
        if self.open:
            return None
        stops = {share.login: share.stop for share in self.stopped if share.stop}
        if not self.several:
            return next(iter(stops.values()))
        advice = {stop.what_to_do for stop in stops.values()}
        told = (f"{login}: {stop.what_to_do}" for login, stop in stops.items())
        return Stop(
            "no account can go on: "
            + "; ".join(f"{login}: {stop.reason}" for login, stop in stops.items()),
            advice.pop() if len(advice) == 1 else "; ".join(told),
        )
