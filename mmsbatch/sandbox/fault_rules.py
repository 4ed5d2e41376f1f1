"""Which request meets which fault: by its place, by whom it is for, or by hand. Thread-safe.

A file of faults is TOML, a table for each::

    [[fault]]
    do = "close:after"  # words of mmsbatch.sandbox.faults
    request = 3  # the third to arrive; or one of the following; none: every request
    # next = true            # the next one, once
    # every = 5              # every fifth
    # number = "0639980001"  # each that is for this number, in any notation
    # campaign = "noel"      # each of this campaign
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from threading import Lock
from typing import Any, Final

from mmsbatch.errors import InputError, nearest
from mmsbatch.sandbox.faults import EVERY, Fault
from mmsbatch.sandbox.store import notations

_WHEN: Final = ("request", "next", "every", "number", "campaign")
"""Of several that a request meets, the first in this order counts."""
_KEYS: Final = ("do", *_WHEN)


@dataclass(frozen=True)
class FaultRule:
    """A fault, and which requests meet it."""

    fault: Fault
    when: str = ""
    """A word of `_WHEN`; empty: every request."""
    value: Any = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> FaultRule:
        """Read a rule from a file's table, or from JSON.

        Raises
        ------
        InputError
            Names the key or the word that is wrong.
        """
        if unknown := [key for key in given if key not in _KEYS]:
            raise InputError(
                f"a fault has no {unknown[0]!r}.{nearest(str(unknown[0]), _KEYS)} There are "
                f"{', '.join(_KEYS)}"
            )
        if not isinstance(given.get("do"), str):
            raise InputError('a fault needs do = "…", such as do = "close:after"')
        named = [key for key in _WHEN if key in given and given[key] is not False]
        if len(named) > 1:
            raise InputError(f"a fault is for one of {' and '.join(named)}, not for both")
        when = named[0] if named else ""
        value = given.get(when)
        if when in {"request", "every"} and (type(value) is not int or value < 1):
            raise InputError(f"{when} must be a whole number from 1 on, found {value!r}")
        if when == "next" and value is not True:
            raise InputError(f"next must be true, found {value!r}")
        if when in {"number", "campaign"} and not isinstance(value, str):
            raise InputError(f"{when} must be a text, found {value!r}")
        return cls(Fault.parse(given["do"]), when, value)

    def meets(self, arrival: int) -> bool:
        """Return whether it is for a request by its place alone."""
        if self.when == "request":
            return arrival == int(self.value)
        return self.when == "next" or (self.when == "every" and arrival % int(self.value) == 0)

    def names(self, numbers: Iterable[str], campaign: str | None) -> bool:
        """Return whether it is for a request by what is in it."""
        if self.when == "number":
            return not {*notations(self.value)}.isdisjoint(
                digits for number in numbers for digits in notations(number)
            )
        return self.when == "campaign" and self.value == campaign

    def to_json(self) -> dict[str, Any]:
        """Return the rule as it is given."""
        return {"do": self.fault.text, **({self.when: self.value} if self.when else {})}

    def __str__(self) -> str:
        told = {
            "": "every request",
            "request": f"request {self.value}",
            "next": "the next request",
            "every": f"every request whose number {self.value} divides",
            "number": f"requests for {self.value}",
            "campaign": f"requests of campaign {self.value}",
        }
        return f"{told[self.when]}: {self.fault.text}"


class FaultRules:
    """The rules that hold, each under a number of its own.

    Parameters
    ----------
    faults
        As `mmsbatch.sandbox.parse_faults` gives them.
    rules
        From a file.
    """

    def __init__(self, faults: Mapping[int, Fault], rules: Iterable[FaultRule] = ()) -> None:
        self._lock = Lock()
        self._numbers = count(1)
        self._rules: dict[int, FaultRule] = {}
        for request, fault in faults.items():
            self.add(FaultRule(fault, *(() if request == EVERY else ("request", request))))
        for rule in rules:
            self.add(rule)

    def add(self, rule: FaultRule) -> int:
        """Add a rule; return its number."""
        with self._lock:
            number = next(self._numbers)
            self._rules[number] = rule
            return number

    def remove(self, number: int) -> bool:
        """Remove a rule; False if there is none of that number."""
        with self._lock:
            return self._rules.pop(number, None) is not None

    def clear(self) -> None:
        """Remove every rule."""
        with self._lock:
            self._rules.clear()

    def listed(self) -> dict[int, FaultRule]:
        """Return the rules by their numbers."""
        with self._lock:
            return dict(self._rules)

    @property
    def look_inside(self) -> bool:
        """Whether a rule depends on what is in a request."""
        return any(rule.when in {"number", "campaign"} for rule in self.listed().values())

    def at(self, arrival: int) -> Fault | None:
        """Return the fault of a request by its place alone; a rule for the next one is used up."""
        with self._lock:
            met = [number for number, rule in self._rules.items() if rule.meets(arrival)]
            if not met:
                return None
            number = min(met, key=lambda one: _WHEN.index(self._rules[one].when))
            rule = self._rules[number]
            if rule.when == "next":
                del self._rules[number]
            return rule.fault

    def of(self, numbers: Iterable[str], campaign: str | None) -> Fault | None:
        """Return the fault of a request by what is in it; else the one of every request."""
        rules = self.listed().values()
        named = (rule.fault for rule in rules if rule.names(numbers, campaign))
        every = (rule.fault for rule in rules if not rule.when)
        return next(chain(named, every), None)


def read_faults(path: str | Path) -> list[FaultRule]:
    """Read a file of faults.

    Raises
    ------
    InputError
        The file cannot be read, is not TOML, or a table of it is wrong; names which.
    """
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: the file of faults cannot be read: {error}") from None
    tables = found.pop("fault", [])
    if found or not isinstance(tables, list):
        raise InputError(f"{path}: write a table [[fault]] for each fault, and nothing else")
    rules = []
    for place, table in enumerate(tables, start=1):
        try:
            rules.append(FaultRule.read(table))
        except InputError as error:
            raise InputError(f"{path}, fault {place}: {error}") from None
    return rules
