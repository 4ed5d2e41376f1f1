"""The address of a database that journals are kept in, and the secrets that never leave it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from mmsbatch import files, hints
from mmsbatch.errors import InputError, RunError, kind_of

VARIABLE: Final = "MMSBATCH_JOURNAL"
POINTER: Final = "journal.json"
"""In the folder of a run whose journal is elsewhere: which it is, without a login."""
_SCHEMES: Final = ("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True)
class Address:
    """A PostgreSQL database, as a URL: ``postgresql+psycopg://user:password@host:5432/name``."""

    url: str = field(repr=False)
    """For the driver; it may hold a password."""
    database: str
    """The same without a login and without options."""

    @classmethod
    def read(cls, given: str | Address | None) -> Address | None:
        """Read an address; without one, ``MMSBATCH_JOURNAL`` is; None if there is none either.

        Raises
        ------
        InputError
            It is no address of a PostgreSQL database.
        """
        if isinstance(given, cls):
            return given
        if given is None:
            given = os.environ.get(VARIABLE, "")
            if not given:
                return None
        if not isinstance(given, str):
            raise InputError(
                f"a journal is given by the URL of a database, not by {kind_of(given)}"
            )
        try:
            parts = urlsplit(given)
            port = parts.port
        except ValueError:
            raise InputError(f"the journal's address cannot be read: {_FORM}") from None
        if parts.scheme not in _SCHEMES or not parts.path.strip("/"):
            raise InputError(
                f"the journal's address begins with {parts.scheme or 'no scheme'!r} and names "
                f"{parts.path.strip('/') or 'no database'!r}: {_FORM}"
            )
        host = (parts.hostname or "") + (f":{port}" if port else "")
        database = SplitResult("postgresql", host, parts.path, "", "").geturl()
        url = parts._replace(scheme="postgresql").geturl()
        return cls(url, database)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be seen in a message."""
        parts = urlsplit(self.url)
        return tuple(filter(None, (self.url, parts.password, parts.query)))


_FORM: Final = (
    "it must be written postgresql+psycopg://USER:PASSWORD@HOST:5432/DATABASE (leave it out to "
    "keep the journal in the run's folder)"
)


@dataclass(frozen=True)
class Pointer:
    """What a run's folder says of a journal that is elsewhere."""

    identity: str
    database: str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read it.

        Raises
        ------
        RunError
            The file cannot be read.
        """
        path = folder / POINTER
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RunError(f"{path} cannot be read ({error}): check its permissions") from None
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: bytes, file: str) -> Self:
        """Read what a file says; raises as `read` does."""
        try:
            said = json.loads(content)
            return cls(str(said["identity"]), str(said["database"]))
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{file} cannot be read ({error}): restore the run's folder from a copy"
            ) from None

    def write(self, folder: Path) -> None:
        """Write it, readable by its owner only."""
        text = json.dumps(vars(self), indent=1) + "\n"
        files.replace_text(folder / POINTER, text)

    def address(self, given: Address | None, folder: str) -> Address:
        """Return the address of the database, with its login.

        Raises
        ------
        RunError
            None was given, or another database's.
        """
        address = given or Address.read(None)
        if address is None:
            raise RunError(
                f"the journal of {folder} is in {self.database}: give that address with its login "
                f"as {hints.option('journal')}, or in {VARIABLE}"
            )
        if address.database != self.database:
            raise RunError(
                f"the journal of {folder} is in {self.database}, and {address.database} was given "
                f"({hints.option('journal')} or {VARIABLE})"
            )
        return address
