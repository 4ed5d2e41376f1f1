"""``doctor``: whether this machine is ready to send; each finding with what to do."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mmsbatch import hints, spec
from mmsbatch.campaign.readings import read_readings, readings_path
from mmsbatch.display import Block, Document, ShowsItself, Table, amount
from mmsbatch.errors import MmsbatchError
from mmsbatch.gateway.account import Target, is_loopback
from mmsbatch.gateway.accounts import Accounts
from mmsbatch.gateway.client import GatewayClient
from mmsbatch.hours import read_hours
from mmsbatch.journal.facts import read_account
from mmsbatch.journal.mounts import network_file_system
from mmsbatch.times import utc_now

Word = Literal["good", "look", "bad"]
_LEAST_FREE: Final = 1 << 30
"""A run of 200,000 rows has some 100 MB."""
_MOST_OFF_S: Final = 30.0
_SECONDS: Final = 10.0
_PACKAGES: Final = ("mmsbatch", "pandas", "pyarrow", "requests", "lxml")
_PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    word: Word
    """``look``: a person should; ``bad``: sending would fail, or do harm."""
    found: str
    what_to_do: str = ""


@dataclass(frozen=True, repr=False)
class Diagnosis(ShowsItself):
    """Everything that was looked at."""

    findings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing is bad."""
        return all(finding.word != "bad" for finding in self.findings)

    def document(self) -> Document:
        """Show the findings."""
        rows = tuple((one.word, one.name, _told(one)) for one in self.findings)
        tones = tuple(one.word for one in self.findings)
        found = Table(rows, numbers=(), tones=tones)
        return Document((Block("machine", (found,)),))

    def to_json(self) -> dict[str, Any]:
        """Return the findings as plain values."""
        return {"ready": self.ready, "findings": [vars(finding) for finding in self.findings]}


def _told(one: Finding) -> str:
    return f"{one.found}. To do: {one.what_to_do}" if one.what_to_do else one.found


def examine(*, live: bool, runs: Path) -> Diagnosis:
    """Look at what a send needs on this machine.

    Parameters
    ----------
    live
        Whether people are to be written to: then the account and the vendor's address are asked.
    runs
        The folder that runs are to be kept in.
    """
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _versions,
        _zone,
        lambda: _folder(runs),
        lambda: _settings(live=live),
        lambda: _hours(live=live),
        _proxies,
        lambda: _gateway(live=live),
    )
    return Diagnosis(tuple(finding for look in looks for finding in look()))


def _versions() -> Iterator[Finding]:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    yield Finding("versions", "good", f"Python {platform.python_version()}, {packages}")


def _zone() -> Iterator[Finding]:
    try:
        here = datetime.now(ZoneInfo(spec.TIME_ZONE))
    except ZoneInfoNotFoundError:
        told = f"this machine does not know {spec.TIME_ZONE}"
        yield Finding("time zone", "bad", told, "install the package tzdata")
    else:
        yield Finding("time zone", "good", f"in Paris it is {here:%A %Y-%m-%d %H:%M}")


def _folder(runs: Path) -> Iterator[Finding]:
    there = next(place for place in (runs.absolute(), *runs.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        yield Finding("runs", "bad", f"{there}: {error.strerror}", "choose a folder of yours")
        return
    if kind := network_file_system(there):
        told = f"{there} is on a network file system ({kind}), where a journal is not safe"
        yield Finding(
            "runs", "bad", told, "keep runs on this machine, or the journal in PostgreSQL"
        )
    else:
        yield Finding("runs", "good", f"{runs} can be written to")
    free = shutil.disk_usage(there).free
    told = f"{free / 1e9:,.1f} GB free"
    if free < _LEAST_FREE:
        yield Finding("disk", "look", told, "make room: a full disk stops a run")
    else:
        yield Finding("disk", "good", told)


def _settings(*, live: bool) -> Iterator[Finding]:
    try:
        known = read_readings(live=live)
    except MmsbatchError as error:
        yield Finding("settings", "bad", str(error), "correct the file")
        return
    if live and not {"encoding", "newline"} <= known.keys():
        told = f"{readings_path()} does not say how the gateway reads accents and line breaks"
        advice = f"send one to your own phone: `{hints.program()} trial --live --to NUMBER`"
        yield Finding("settings", "look", told, advice)
    else:
        told = ", ".join(f"{name} {value}" for name, value in known.items()) or "nothing special"
        yield Finding("settings", "good", told)


def _hours(*, live: bool) -> Iterator[Finding]:
    try:
        hours = read_hours(None, None, live=live)
    except MmsbatchError as error:
        yield Finding("hours", "bad", str(error), "correct MMSBATCH_HOURS")
        return
    if hours is None:
        yield Finding("hours", "good", "at any time")
    elif why := hours.why_closed(utc_now()):
        yield Finding("hours", "look", why, "send then, or with --at-opening")
    else:
        yield Finding("hours", "good", f"open now: {hours}")


def _proxies() -> Iterator[Finding]:
    names = [name for one in _PROXIES for name in (one, one.lower()) if os.environ.get(name)]
    if names:
        told = f"{' and '.join(names)} set, and not used: passcodes go to the gateway directly"
        yield Finding("proxy", "look", told, "let this machine reach the gateway without it")
    else:
        yield Finding("proxy", "good", "none is set")


def _gateway(*, live: bool) -> Iterator[Finding]:
    try:
        accounts = Accounts.from_env(Target.LIVE if live else Target.SANDBOX)
    except MmsbatchError as error:
        yield Finding("account", "bad", str(error), "set what it names")
        return
    url = accounts.first.url
    try:
        socket.getaddrinfo(urlsplit(url).hostname, None)
    except OSError:
        yield Finding(
            "address", "bad", f"{url}: no such server", "check MMSBATCH_URL and the network"
        )
        return
    clear = url.startswith("http:") and not is_loopback(url)
    told = f"{url}{', in clear text' if clear else ''}"
    yield Finding("address", "look" if clear else "good", told, "use https://" if clear else "")
    yield from _clock(url)
    for account in accounts.each:
        try:
            gateway = GatewayClient(account)
            gateway.check_sandbox()
            answer = read_account(gateway.account_info().body)
        except MmsbatchError as error:
            yield Finding("account", "bad", str(error), "check the address and the network")
            continue
        if answer is None:
            told = f"{account.url} does not answer as the account tool does"
            yield Finding("account", "bad", told, "check MMSBATCH_URL")
            continue
        known = spec.account_status(answer.status)
        told = f"{account.clientcode}: {answer.status} {answer.text or known.text}"
        if known.accepted and answer.credits is not None:
            told += f", {amount(answer.credits)} credits"
        empty = known.accepted and answer.credits is not None and answer.credits <= 0
        bad = empty or not known.accepted
        advice = "buy credits" if empty else known.what_to_do if bad else ""
        yield Finding("account", "bad" if bad else "good", told, advice)


def _clock(url: str) -> Iterator[Finding]:
    """Compare this machine's clock with what the gateway's server says."""
    there = clock_of(url)
    if there is None:
        yield Finding("clock", "good", "the gateway's server does not say its own")
        return
    off_s = (datetime.now(UTC) - there).total_seconds()
    told = f"{abs(off_s):.0f} s {'behind' if off_s < 0 else 'before'} the gateway's server"
    if abs(off_s) > _MOST_OFF_S:
        yield Finding(
            "clock", "bad", told, "set this machine's clock; an NTP client keeps it right"
        )
    else:
        yield Finding("clock", "good", told)


def clock_of(url: str) -> datetime | None:
    """Return the date that a server says; None if it says none."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=_SECONDS)
    try:
        connection.request("HEAD", "/")
        said = connection.getresponse().headers.get("Date")
        return parsedate_to_datetime(said) if said else None
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
