"""A year of runs by the real sender on the sandbox: thirty folders, and what is true of each.

Made once a session (`conftest.year`). The clock is moved through the year; kills are SIGKILLs of a
process of their own (this file, run as a script); outcomes expected come from the sandbox's books
(`year_truth`), never from the results.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd
import time_machine

import mmsbatch as mms
import year_truth
from conftest import account_at
from crash_checks import settle as settle_sandbox
from crash_points import Points
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.sandbox.ledger import Delivery, Received
from year_truth import Person

REGULAR: Final = "33639980042"
"""Somebody who is in every run, written in another way each time; opts out before the last."""
OPTED_OUT: Final = ("33639980060", "33639980061", "33639980062")
"""People who opted out before the year began, and whom nobody took off the lists."""

_FIRST_NAMES: Final = ("Alix", "Zoé", "Noé")
_NOTATIONS: Final = ("0{}", "+33{}", "0033 {}", "{}", "+33 (0){}", "0{} ", "33{}")


# ----- contacts ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class People:
    """A list of people: those numbered from `start`, with the regular among them."""

    count: int
    start: int = 100
    opted_out: tuple[str, ...] = OPTED_OUT
    regular_first: bool = False
    notation: int = 0
    """Of the regular's number."""

    @cached_property
    def rows(self) -> tuple[Person, ...]:
        """The people who can be sent to, then a landline, an empty cell and the regular again."""
        numbers = [
            f"33639{980000 + number}" for number in range(self.start, self.start + self.count)
        ]
        persons = [
            Person(number, _NOTATIONS[place % len(_NOTATIONS)].format(number[2:]))
            for place, number in enumerate([*numbers, *self.opted_out])
        ]
        regular = _NOTATIONS[self.notation % len(_NOTATIONS)].format(REGULAR[2:])
        persons.insert(0 if self.regular_first else len(persons), Person(REGULAR, regular))
        return (
            *persons,
            Person("", "01 99 00 00 42", "invalid"),
            Person("", "", "invalid"),
            Person(REGULAR, f"+{REGULAR}", "duplicate"),
        )

    def contacts(self) -> pd.DataFrame:
        """Return them as a CRM exports them."""
        return pd.DataFrame(
            {
                "id": range(1, len(self.rows) + 1),
                # A first name goes with a person, so that the regular's second row repeats the
                # first also where the message names it.
                "prenom": [_FIRST_NAMES[int(person.number or 0) % 3] for person in self.rows],
                "mobile": [person.cell for person in self.rows],
            }
        )


# ----- what happens in a run ---------------------------------------------------------------------


@dataclass
class Scene:
    """A run while it is made."""

    recipe: Recipe
    path: Path
    sandbox: Sandbox
    clock: time_machine.Traveller
    mortal: Mortal

    @property
    def account(self) -> mms.Account:
        """Of the run's sandbox."""
        return account_at(self.sandbox)


Step = Callable[[Scene], None]


@contextmanager
def _as_far_as_it_goes() -> Iterator[None]:
    """A run that ends early, or with unreported rows, is what is wanted here."""
    with warnings.catch_warnings(), suppress(mms.RunInDoubt, mms.RunStopped):
        warnings.simplefilter("ignore")
        yield


def send(**options: Any) -> Step:
    """Send, as far as it goes."""

    def step(scene: Scene) -> None:
        with _as_far_as_it_goes():
            mms.send(scene.recipe.plan(), scene.account, run=scene.path, **options)

    return step


def resume(**options: Any) -> Step:
    """Go on, as far as it goes."""

    def step(scene: Scene) -> None:
        with _as_far_as_it_goes():
            mms.resume(scene.path, scene.account, **options)

    return step


def killed(moment: str, nth: int) -> Step:
    """Send in another process, which kills itself at a moment of `crash_points`."""

    def step(scene: Scene) -> None:
        task = {
            "run": scene.recipe.run,
            "path": str(scene.path),
            "url": scene.sandbox.url,
            "now": datetime.now(UTC).isoformat(),
            "moment": moment,
            "nth": nth,
        }
        assert "killed" == scene.mortal.send(task)
        settle_sandbox()

    return step


def broken_off(after: int) -> Step:
    """Send, and let the caller's own code fail after so many requests."""

    def step(scene: Scene) -> None:
        left = iter(range(after - 1))

        def failing(_request: object) -> None:
            if next(left, None) is None:
                raise ZeroDivisionError

        with suppress(ZeroDivisionError):
            mms.send(scene.recipe.plan(), scene.account, run=scene.path, on_request=failing)

    return step


def wait(**time: float) -> Step:
    """Let time pass."""
    return lambda scene: scene.clock.shift(timedelta(**time))


def top_up(credits_: int) -> Step:
    """Buy credits."""

    def step(scene: Scene) -> None:
        scene.sandbox.credits += credits_

    return step


def reconcile(**asked: Any) -> Step:
    """Look at the credits; something must be settled."""

    def step(scene: Scene) -> None:
        done = mms.reconcile(scene.path, scene.account, **asked)
        assert done.settled, done

    return step


def settle(request: int, verdict: str, note: str) -> Step:
    """Record a person's verdict."""

    def step(scene: Scene) -> None:
        mms.settle(scene.path, request, verdict, note)

    return step


@dataclass(frozen=True)
class Recipe:
    """One run to be made."""

    run: str
    day: str
    """UTC; the run is opened at 09:00."""
    campaign: mms.Campaign
    people: People
    steps: tuple[Step, ...] = field(default_factory=lambda: (send(),))
    faults: Mapping[int, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    unheard: frozenset[int] = frozenset()
    settled_as_sent: bool = False
    needs_person: bool = False
    """Something is left that nobody has settled or finished."""
    unwritten: bool = False
    """The sender died before it wrote results, and nobody has had them written since."""

    def plan(self) -> mms.Plan:
        """Plan it; the same in every process."""
        prepared = mms.prepare(self.people.contacts(), phone="mobile", fictional=True)
        return mms.plan(prepared, self.campaign)


# ----- what was made -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """A run that was made, and what is true of it."""

    recipe: Recipe
    path: Path
    outcomes: tuple[str, ...]
    """What each row's outcome must be, in order."""
    requests: tuple[Received, ...]
    """What the gateway dealt with."""
    deliveries: tuple[Delivery, ...]
    """What it truly sent or scheduled."""
    credits_spent: int

    @property
    def name(self) -> str:
        """Of the run."""
        return self.recipe.run

    @property
    def campaign(self) -> str:
        """Name of the campaign."""
        return self.recipe.campaign.name

    @property
    def people(self) -> tuple[Person, ...]:
        """The contacts, a row each."""
        return self.recipe.people.rows

    @property
    def counts(self) -> Counter[str]:
        """Rows by outcome."""
        return Counter(self.outcomes)

    def outcomes_of(self, number: str) -> list[str]:
        """Return the outcomes of one person's rows (``336…``), in order."""
        rows = zip(self.people, self.outcomes, strict=True)
        return [outcome for person, outcome in rows if person.number == number]


@dataclass(frozen=True)
class Year:
    """Thirty runs in one folder, oldest first."""

    folder: Path
    runs: tuple[Sent, ...]

    def __getitem__(self, run: str) -> Sent:
        """Return a run by its name."""
        return next(sent for sent in self.runs if sent.name == run)

    @property
    def counts(self) -> Counter[str]:
        """Rows by outcome, over all runs."""
        return sum((sent.counts for sent in self.runs), Counter())

    def copy(self, folder: Path) -> Year:
        """Return the same year in another folder, to be changed there."""
        shutil.copytree(self.folder, folder)
        runs = tuple(replace(sent, path=folder / sent.name) for sent in self.runs)
        return Year(folder, runs)

    def history(self, number: str) -> list[tuple[str, str]]:
        """Return run and outcome of each row of one person (``336…``), oldest first."""
        return [(sent.name, outcome) for sent in self.runs for outcome in sent.outcomes_of(number)]


def make(folder: Path) -> Year:
    """Make the year in a folder."""
    from year_recipes import RECIPES  # noqa: PLC0415  (they are written with this module's words)

    with (
        closing(Mortal()) as mortal,
        time_machine.travel(_opened(RECIPES[0]), tick=True) as clock,
    ):
        return Year(folder, tuple(_made(recipe, folder, clock, mortal) for recipe in RECIPES))


def _opened(recipe: Recipe) -> datetime:
    return datetime.fromisoformat(f"{recipe.day}T09:00:00+00:00")


def _made(recipe: Recipe, folder: Path, clock: time_machine.Traveller, mortal: Mortal) -> Sent:
    clock.move_to(_opened(recipe))
    path = folder / recipe.run
    options = SandboxOptions(
        **{"blacklist": frozenset(OPTED_OUT), "with_ids": True, **recipe.options}
    )
    with Sandbox(options=options, faults=recipe.faults, clock=_now) as sandbox:
        scene = Scene(recipe, path, sandbox, clock, mortal)
        for step in recipe.steps:
            step(scene)
            clock.shift(timedelta(minutes=5))
        settle_sandbox()
        requests, deliveries = sandbox.requests, sandbox.ledger
    outcomes = year_truth.outcomes(
        recipe.people.rows,
        requests,
        unheard=recipe.unheard,
        settled_as_sent=recipe.settled_as_sent,
    )
    cost = options.cost_per_recipient * len(deliveries)
    return Sent(recipe, path, outcomes, requests, deliveries, cost)


def _now() -> datetime:
    return datetime.now(UTC)


# ----- processes that die ------------------------------------------------------------------------


class Mortal:
    """A helper process that forks senders and lets them die; it has imported everything before."""

    def __init__(self) -> None:
        # One thread for linear algebra: a fork copies no other.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._helper = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def send(self, task: Mapping[str, Any]) -> str:
        """Have a run sent by a process that dies of it; say how it ended."""
        assert self._helper.stdin is not None
        assert self._helper.stdout is not None
        self._helper.stdin.write(json.dumps(task) + "\n")
        self._helper.stdin.flush()
        return self._helper.stdout.readline().strip()

    def close(self) -> None:
        """End the helper."""
        self._helper.communicate()


def _serve() -> None:
    from year_recipes import RECIPES  # noqa: PLC0415  (as above)

    of = {recipe.run: recipe for recipe in RECIPES}
    for line in sys.stdin:
        task = json.loads(line)
        plan = of[task["run"]].plan()
        pid = os.fork()
        if pid == 0:
            try:
                _die(task, plan)
            finally:
                os._exit(1)  # not sys.exit: the helper's pipes are not the child's
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write("killed\n" if killed else "survived\n")
        sys.stdout.flush()


def _die(task: Mapping[str, Any], plan: mms.Plan) -> None:
    account = mms.Account("demo", "demo", task["url"], target="sandbox")
    with time_machine.travel(datetime.fromisoformat(task["now"]), tick=True):
        Points(task["moment"], task["nth"]).install()
        try:
            mms.send(plan, account, run=task["path"])
        except BaseException:
            traceback.print_exc()
            raise


if __name__ == "__main__":
    _serve()
