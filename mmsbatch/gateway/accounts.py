"""The accounts that share a run's requests: of one gateway, each once; and the file they are in."""

from __future__ import annotations

import os
import shlex
import stat
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from mmsbatch import spec
from mmsbatch.display import Document, ShowsItself, joined
from mmsbatch.errors import AccountError, kind_of, nearest
from mmsbatch.gateway.account import (
    ENV_ACCOUNTS,
    ENV_ALLOW_HTTP,
    ENV_LOGIN,
    ENV_PASSCODE,
    ENV_URL,
    Account,
    Target,
    is_loopback,
)

_KEYS: Final = ("clientcode", "passcode", "url")
_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, repr=False)
class Accounts(ShowsItself):
    """One account or several, in the order in which they take their turns.

    Wherever an account is given, several can be: the requests of a run are shared among them.

    Parameters
    ----------
    each
        All of one gateway and one target.

    Raises
    ------
    AccountError
        There is none, one is given twice, or they are not of one gateway and one target.
    """

    each: tuple[Account, ...]

    def __post_init__(self) -> None:
        """Check that they can share a run."""
        if not self.each:
            raise AccountError("there is no account in accounts: give at least one")
        first, seen = self.each[0], set()
        for account in self.each:
            login = account.clientcode.upper()  # the gateway is told it in capitals (§1.2)
            if login in seen:
                raise AccountError(f"account {account.clientcode} is given twice: leave one out")
            seen.add(login)
            if account.url != first.url:
                raise AccountError(
                    f"accounts of two gateways cannot share a run: {first.clientcode} is at "
                    f"{first.url} and {account.clientcode} at {account.url}. Send two runs, or "
                    "give all of them one url"
                )
            if account.target is not first.target:
                raise AccountError(
                    f"accounts of two targets cannot share a run: {first.clientcode} is "
                    f"{first.target} and {account.clientcode} is {account.target}. Send two runs"
                )

    @classmethod
    def of(
        cls, account: Account | Accounts | str | None, accounts: Sequence[Account] | None = None
    ) -> Accounts:
        """Take one account or several as a caller gives them.

        Parameters
        ----------
        account
            One; ``"sandbox"`` and ``"live"`` are `from_env`'s, which may be several.
        accounts
            Several, instead.

        Raises
        ------
        AccountError
            Both are given, neither is, or one cannot be used.
        """
        if (account is None) == (accounts is None):
            both = "both are given" if accounts is not None else "neither is given"
            raise AccountError(f"give an account, or accounts=[…] for several: {both}")
        if accounts is not None:
            return cls(_listed(accounts))
        if isinstance(account, Accounts):
            return account
        if isinstance(account, str) and account in set(Target):
            return cls.from_env(Target(account))
        if isinstance(account, Account):
            return cls((account,))
        several = ", and several as accounts=[…]" if isinstance(account, list | tuple) else ""
        raise AccountError(
            f"an account is an mms.Account, 'sandbox' or 'live'{several}, not "
            + (repr(account) if isinstance(account, str) else kind_of(account))
        )

    @classmethod
    def from_env(
        cls,
        target: Target | Literal["sandbox", "live"],
        environ: Mapping[str, str] | None = None,
    ) -> Accounts:
        """Take the accounts from the environment.

        ``MMSBATCH_ACCOUNTS`` names a TOML file with a table ``[[account]]`` for each: its
        ``clientcode``, its ``passcode`` and, if it is not that of ``MMSBATCH_URL``, its ``url``.
        Without it there is one account, that of `Account.from_env`. On the sandbox the file's
        accounts are used if their gateway is on this machine; else one sandbox inside this process
        answers, as it does without the file.

        Raises
        ------
        AccountError
            A variable or the file cannot be used; names which, and never shows a passcode.
        """
        environ = os.environ if environ is None else environ
        named = environ.get(ENV_ACCOUNTS)
        if not named:
            return cls((Account.from_env(target, environ),))
        if also := [name for name in (ENV_LOGIN, ENV_PASSCODE) if environ.get(name)]:
            raise AccountError(
                f"{ENV_ACCOUNTS} and {' and '.join(also)} are set: which accounts are meant? "
                f"Put all of them into {named}, and unset the other"
            )
        read = tuple(_read(Path(named), environ))
        try:
            live = cls(read)
        except AccountError as error:
            raise AccountError(f"{named}: {error}") from None
        if target == Target.LIVE:
            return live
        if is_loopback(live.url):
            return cls(
                tuple(
                    Account(one.clientcode, one.passcode, one.url, target=Target.SANDBOX)
                    for one in live.each
                )
            )
        if live.url != spec.DEFAULT_URL:
            warnings.warn(
                f"{ENV_ACCOUNTS} names {live.url}, which is not this machine: it is for live "
                "sends, and a sandbox inside this process answers",
                stacklevel=2,
            )
        return cls((Account.from_env(target, {}),))

    @property
    def first(self) -> Account:
        """Any of them, for what is the same for all: the gateway and the target."""
        return self.each[0]

    @property
    def target(self) -> Target:
        """Where messages go."""
        return self.first.target

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.first.url

    @property
    def logins(self) -> tuple[str, ...]:
        """Their clientcodes, in order."""
        return tuple(one.clientcode for one in self.each)

    @property
    def several(self) -> bool:
        """Whether there is more than one: only then do facts say which one."""
        return len(self.each) > 1

    def named(self, login: str) -> Account | None:
        """Return the account with a login, if it is among them."""
        return next((one for one in self.each if one.clientcode == login), None)

    def document(self) -> Document:
        """Show whose accounts at which gateway they are."""
        return joined(tuple(one.document() for one in self.each))


def _listed(accounts: object) -> tuple[Account, ...]:
    if isinstance(accounts, str) or not isinstance(accounts, Sequence):
        raise AccountError(f"accounts is a list of mms.Account, not {kind_of(accounts)}")
    strange = [kind_of(one) for one in accounts if not isinstance(one, Account)]
    if strange:
        raise AccountError(f"accounts is a list of mms.Account, and one of them is {strange[0]}")
    return tuple(accounts)


# ----- the file ----------------------------------------------------------------------------------


def _read(path: Path, environ: Mapping[str, str]) -> Iterator[Account]:
    """Read the accounts' file."""
    tables = _tables(path)
    for place, table in enumerate(tables, start=1):
        where = f"{path}, account {place}"
        if not isinstance(table, dict):
            raise AccountError(f"{where} is no table: write [[account]] above it")
        for key, value in table.items():
            if key not in _KEYS:
                raise AccountError(
                    f"{where}: unknown key {key!r}.{nearest(key, _KEYS)} "
                    f"An account has {', '.join(_KEYS)}"
                )
            if not isinstance(value, str):  # never shown: it may be the passcode
                raise AccountError(f"{where}: {key} must be a text in quotes")
        if missing := [key for key in ("clientcode", "passcode") if key not in table]:
            raise AccountError(f"{where}: {' and '.join(missing)} is missing: add it")
        try:
            yield Account(
                table["clientcode"],
                table["passcode"],
                table.get("url") or environ.get(ENV_URL) or spec.DEFAULT_URL,
                allow_http=environ.get(ENV_ALLOW_HTTP, "").lower() in {"1", "true", "yes"},
            )
        except AccountError as error:
            raise AccountError(f"{where}: {error}") from None


def _tables(path: Path) -> list[Any]:
    """Return the tables of a file that nobody else can read."""
    try:
        with path.open("rb") as opened:
            # Of the file that is read, whatever stands under its name a moment later.
            mode = os.fstat(opened.fileno()).st_mode
            if mode & _OTHERS_MAY:
                raise AccountError(
                    f"{path} holds passcodes and others can get at it (mode {mode & 0o777:04o}): "
                    f"chmod 600 {shlex.quote(str(path))}"
                )
            text = opened.read()
    except OSError as error:
        raise AccountError(
            f"{path} cannot be read ({error.strerror}): {ENV_ACCOUNTS} names the file of the "
            "accounts; correct it, or unset it"
        ) from None
    try:
        document = tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise AccountError(f"{path} is not UTF-8 text: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        # Its message has a position, and may have one character: no value.
        raise AccountError(f"{path} is not TOML: {error}") from None
    if strange := next((key for key in document if key != "account"), None):
        raise AccountError(
            f"{path}: unknown key {strange!r}.{nearest(strange, ['account'])} "
            "Each account is a table [[account]]"
        )
    tables = document.get("account", [])
    if not isinstance(tables, list):
        raise AccountError(f"{path}: write [[account]], in two brackets, above each account")
    if not tables:
        raise AccountError(f"{path}: no account in it: write a table [[account]] for each")
    return tables
