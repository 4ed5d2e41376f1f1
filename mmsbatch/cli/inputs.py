"""From what was typed to values: a plan, an account, a policy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from mmsbatch.auditing.past import past_contacts
from mmsbatch.campaign.consent import Consent
from mmsbatch.campaign.file import load_campaign
from mmsbatch.campaign.readings import as_read
from mmsbatch.cli import terminal
from mmsbatch.errors import InputError
from mmsbatch.gateway.account import Target
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.planning.corrections import Corrections
from mmsbatch.planning.frequency import Frequency
from mmsbatch.planning.plan import Plan
from mmsbatch.planning.plan_file import plan_file
from mmsbatch.planning.suppression import SuppressionList
from mmsbatch.planning.suppression_files import read_suppression_list
from mmsbatch.runs.mirror import is_url
from mmsbatch.runs.names import run_name_of
from mmsbatch.sending.policy import OnDoubt
from mmsbatch.times import PARIS, utc_now

_RUNS = "data/runs"


@dataclass(frozen=True, kw_only=True)
class ContactsOptions:
    """Where the contacts are, how they are read, and who of them may be written to."""

    contacts: str
    phone: list[str] | None
    live: bool
    sheet: str | None
    separator: str | None
    encoding: str | None
    header: int | None
    suppress: list[str] | None
    key_file: Path | None
    consent: str | None
    consent_yes: list[str] | None
    consent_no: list[str] | None
    not_contacted_within: int | None = None
    rejected_before: int | None = None
    past_runs: str | None = None
    canary: int | None = None
    corrected: str | None = None

    @classmethod
    def of(cls, command: Mapping[str, Any]) -> ContactsOptions:
        """Take from a command's arguments those that are about contacts, by their names."""
        named = (field.name for field in fields(cls) if field.name in command)
        return cls(**{name: command[name] for name in named})

    @property
    def columns(self) -> str | list[str] | None:
        """What `prepare` takes: nothing, the one column, or the columns in order."""
        return self.phone[0] if self.phone and len(self.phone) == 1 else self.phone or None

    @property
    def reading(self) -> dict[str, Any]:
        """How a file is read, as `read_contacts` takes it."""
        return {
            "sheet": self.sheet,
            "separator": self.separator,
            "encoding": self.encoding,
            "header": self.header,
        }

    @property
    def words(self) -> list[str]:
        """What was given, as it would be written in a command."""
        words = [self.contacts]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in {"contacts", "live"}:  # the first word, and one that `send` is told
                continue
            for one in value if isinstance(value, list) else [value]:
                words += [] if one is None else [f"--{field.name.replace('_', '-')}", str(one)]
        return words

    def sources(self, campaign: Path, one_per: str | None) -> dict[str, Any]:
        """Return what a plan is made from, as plain values that hold in any folder."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        given["contacts"] = _absolute(self.contacts)
        given["suppress"] = [*map(_absolute, self.suppress)] if self.suppress else None
        given["key_file"] = _absolute(self.key_file) if self.key_file else None
        given["corrected"] = _absolute(self.corrected) if self.corrected else None
        if self.not_contacted_within is not None or self.rejected_before is not None:
            given["past_runs"] = _absolute(self.past_runs or _RUNS)
        return {**given, "campaign": _absolute(campaign), "one_per": one_per}

    def read_frequency(self, run: str) -> Frequency | None:
        """Read --not-contacted-within, --rejected-before and --past-runs, for a run."""
        given = {
            "not_contacted_within": self.not_contacted_within,
            "rejected_before": self.rejected_before,
        }
        if all(value is None for value in given.values()):
            refuse_without(
                "--not-contacted-within or --rejected-before", {"--past-runs": self.past_runs}
            )
            return None
        past = past_contacts(
            self.past_runs or os.path.dirname(run) or ".",  # noqa: PTH120  (it may be a URL)
            target="live" if self.live else "sandbox",
            besides=run,
        )
        return Frequency(past=past, as_of=utc_now().astimezone(PARIS).date(), **given)

    def say_columns(self, taken: Iterable[object]) -> None:
        """Say on stderr which phone column was taken, if none was named."""
        if not self.phone:
            (column,) = taken
            told = f"the phone column is {column!r}, the only one that looks like phones"
            terminal.say(told, "label")

    def read_corrections(self) -> Corrections | None:
        """Read --corrected."""
        if self.corrected is None:
            return None
        return Corrections.read(self.corrected, header=self.header or 1)

    def read_suppressed(self) -> SuppressionList | None:
        """Read --suppress and --key-file."""
        if not self.suppress:
            refuse_without("--suppress", {"--key-file": self.key_file})
            return None
        return read_suppression_list(*self.suppress, key_file=self.key_file)

    def read_consent(self) -> Consent | None:
        """Read --consent, --consent-yes and --consent-no."""
        words = {"yes": self.consent_yes or None, "no": self.consent_no or None}
        if self.consent is None:
            named = {f"--consent-{word}": given for word, given in words.items()}
            refuse_without("--consent", named)
            return None
        given = {word: listed for word, listed in words.items() if listed is not None}
        return Consent.read({"column": self.consent, **given})


def planned(
    options: ContactsOptions, campaign: Path, one_per: str | None, run: str | None = None
) -> Plan:
    """Read the campaign, the suppression lists, the past and the contacts, and plan for a run."""
    # First: it is quick, and most often what is wrong.
    loaded = as_read(load_campaign(campaign), live=options.live)
    suppressed = options.read_suppressed()
    frequency = options.read_frequency(run or f"{_RUNS}/{run_name_of(loaded.name)}")
    taken: list[tuple[object, ...]] = []
    try:
        return plan_file(
            options.contacts,
            loaded,
            options.columns,
            # Numbers reserved for fiction may go to the sandbox and nowhere else.
            fictional=not options.live,
            suppress=suppressed,
            consent=options.read_consent(),
            one_per=one_per_word(one_per),
            frequency=frequency,
            canary=options.canary,
            corrections=options.read_corrections(),
            on_part=lambda prepared: taken.append(tuple(prepared.phone_columns)),
            **options.reading,
        )
    finally:  # also if no row can be sent; not while a bar is on the screen
        if taken:
            options.say_columns(taken[0])


def planned_again(sources: Mapping[str, Any], run: str) -> Plan:
    """Make a saved plan again from what it was made from, for a run."""
    given = dict(sources)
    campaign, one_per = Path(given.pop("campaign")), given.pop("one_per")
    return planned(ContactsOptions(**given), campaign, one_per, run)


def _absolute(place: str | Path) -> str:
    return str(place) if is_url(place) else str(Path(place).expanduser().absolute())


def one_per_word(word: str | None) -> Literal["number", "message"] | None:
    """Read --one-per."""
    if word is None:
        return None
    if word == "number":
        return "number"
    if word == "message":
        return "message"
    raise InputError(f"--one-per must be 'number' or 'message', found {word!r}")


def accounts_from(live: bool) -> Accounts:
    """Take the account from the environment, or several: live, or the sandbox."""
    return Accounts.from_env(Target.LIVE if live else Target.SANDBOX)


def refuse_without(wanted: str, given: Mapping[str, object]) -> None:
    """Refuse options that mean nothing without another."""
    strays = [name for name, value in given.items() if value is not None]
    if strays:
        needs = "needs" if len(strays) == 1 else "need"
        raise InputError(f"{' and '.join(strays)} {needs} {wanted}")


def refuse_with(option: str, given: Mapping[str, object]) -> None:
    """Refuse what another option stands for."""
    if strays := [name for name, value in given.items() if value is not None]:
        raise InputError(f"{option} says what is sent: leave out {' and '.join(strays)}")


def doubt_policy(word: str) -> OnDoubt:
    """Read --on-doubt."""
    if word == "stop":
        return "stop"
    if word == "continue":
        return "continue"
    raise InputError(f"--on-doubt must be 'stop' or 'continue', found {word!r}")
