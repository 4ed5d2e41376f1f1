"""Whose account, at which gateway: credentials that never show, addresses that are checked."""

from __future__ import annotations

import ipaddress
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from mmsbatch import spec
from mmsbatch.display import Block, Document, ShowsItself
from mmsbatch.errors import AccountError

ENV_URL = "MMSBATCH_URL"
ENV_LOGIN = "MMSBATCH_CLIENTCODE"
ENV_PASSCODE = "MMSBATCH_PASSCODE"
ENV_ALLOW_HTTP = "MMSBATCH_ALLOW_HTTP"
ENV_ACCOUNTS = "MMSBATCH_ACCOUNTS"
"""Names a file of several accounts, which `mmsbatch.gateway.accounts` reads."""

SANDBOX_LOGIN = SANDBOX_PASSCODE = "demo"


class Target(StrEnum):
    """Where messages go: to nobody, or to people."""

    SANDBOX = "sandbox"
    LIVE = "live"


@dataclass(frozen=True, repr=False)
class Account(ShowsItself):
    """A login at a gateway.

    Parameters
    ----------
    clientcode
        The login, as the vendor gave it (§1.1).
    passcode
        Given as text, kept as a `pydantic.SecretStr`: no repr, log or error shows it.
    url
        Where the gateway is: ``https://host``; clear-text ``http://`` only to this machine, or
        with `allow_http`. The endpoints' paths are added to it.
    target
        ``"live"``, or ``"sandbox"``: a gateway that must identify itself as the sandbox before
        anything is sent to it.
    allow_http
        Consent to send the passcode and the numbers in clear text to another machine.

    Raises
    ------
    AccountError
        A value is missing or cannot be used; names which, and never shows the passcode.
    """

    clientcode: str
    passcode: SecretStr
    url: str = spec.DEFAULT_URL
    target: Target = Target.LIVE
    allow_http: bool = False

    def __init__(
        self,
        clientcode: str,
        passcode: str | SecretStr,
        url: str = spec.DEFAULT_URL,
        *,
        target: Target | Literal["sandbox", "live"] = Target.LIVE,
        allow_http: bool = False,
    ) -> None:
        secret = passcode if isinstance(passcode, SecretStr) else SecretStr(passcode)
        _check_word("clientcode", clientcode)
        _check_word("passcode", secret.get_secret_value(), secret=True)
        for name, value in {
            "clientcode": clientcode,
            "passcode": secret,
            "url": _checked_url(url, allow_http=allow_http),
            "target": _target(target),
            "allow_http": allow_http,
        }.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_env(
        cls,
        target: Target | Literal["sandbox", "live"],
        environ: Mapping[str, str] | None = None,
    ) -> Account:
        """Take the account from the environment.

        ``"sandbox"`` needs no variable: it starts a sandbox gateway inside this process, or, when
        ``MMSBATCH_URL`` names this machine, uses the one that answers there. ``"live"`` needs
        ``MMSBATCH_CLIENTCODE`` and ``MMSBATCH_PASSCODE``; ``MMSBATCH_URL`` is the vendor's by
        default, and ``MMSBATCH_ALLOW_HTTP=1`` allows clear text to another machine.

        Raises
        ------
        AccountError
            A variable is missing or cannot be used; or ``MMSBATCH_ACCOUNTS`` names a file of
            several, which `send` and the others take if they are given the word itself.
        """
        environ = os.environ if environ is None else environ
        target = _target(target)
        if environ.get(ENV_ACCOUNTS):
            raise AccountError(
                f"{ENV_ACCOUNTS} names a file of several accounts, and one is asked for: give "
                f"{target.value!r} itself in its place, or unset {ENV_ACCOUNTS}"
            )
        if target is Target.SANDBOX:
            return _sandbox_account(environ)
        missing = [name for name in (ENV_LOGIN, ENV_PASSCODE) if not environ.get(name)]
        if missing:
            raise AccountError(
                f"{' and '.join(missing)} not set: sending live takes the account from the "
                f"environment. Set {ENV_LOGIN} and {ENV_PASSCODE}, or stay on the sandbox."
            )
        return cls(
            environ[ENV_LOGIN],
            environ[ENV_PASSCODE],
            _checked_url(environ.get(ENV_URL) or spec.DEFAULT_URL, allow_http=True, named=ENV_URL),
            allow_http=environ.get(ENV_ALLOW_HTTP, "").lower() in {"1", "true", "yes"},
        )

    def document(self) -> Document:
        """Show whose account at which gateway it is."""
        meant = {
            Target.SANDBOX: "messages reach nobody",
            Target.LIVE: "messages reach people and cost credits",
        }
        lines = [f"{self.clientcode}, on the {self.target} gateway: {meant[self.target]}", self.url]
        if self.url.startswith("http:") and not is_loopback(self.url):
            lines.append("in clear text: the passcode and the numbers can be read on the way")
        return Document((Block("account", tuple(lines)),))


def _sandbox_account(environ: Mapping[str, str]) -> Account:
    url = environ.get(ENV_URL, "")
    if url:
        _checked_url(url, allow_http=True, named=ENV_URL)
    if url and not is_loopback(url):
        warnings.warn(
            f"{ENV_URL} names {_without_userinfo(url)}, which is not this machine: it is for live "
            "sends, and a sandbox inside this process answers",
            stacklevel=3,
        )
    elif url:
        login = environ.get(ENV_LOGIN) or SANDBOX_LOGIN
        passcode = environ.get(ENV_PASSCODE) or SANDBOX_PASSCODE
        return Account(login, passcode, url, target=Target.SANDBOX)
    from mmsbatch.sandbox import embedded  # noqa: PLC0415  (a server: only for who wants it)

    return Account(SANDBOX_LOGIN, SANDBOX_PASSCODE, embedded().url, target=Target.SANDBOX)


def is_loopback(url: str) -> bool:
    """Return whether a URL names this machine (``localhost``, ``127.0.0.0/8``, ``::1``)."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _target(target: str) -> Target:
    try:
        return Target(target)
    except ValueError:
        raise AccountError(f"target must be 'sandbox' or 'live', found {target!r}") from None


def _check_word(name: str, value: str, *, secret: bool = False) -> None:
    shown = "" if secret else f", found {value!r}"
    if not isinstance(value, str) or not value:
        raise AccountError(f"{name} is empty: give the one the vendor gave you (§1.1)")
    if value != value.strip() or any(ord(char) < 32 or ord(char) == 127 for char in value):  # noqa: PLR2004
        raise AccountError(
            f"{name} begins or ends with a blank, or holds a control character{shown}: "
            "copy it again from the vendor's letter (§1.1)"
        )


def _checked_url(url: str, *, allow_http: bool, named: str = "url") -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AccountError(
            f"{named} {_without_userinfo(url)!r} cannot be used ({error}): "
            "give https://host or https://host:port, with a port from 1 to 65535"
        ) from None
    if parts.username or parts.password:
        raise AccountError(
            f"{named} {_without_userinfo(url)!r} holds credentials: "
            f"take them out, and set {ENV_LOGIN} and {ENV_PASSCODE} instead"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise AccountError(
            f"{named} {url!r} cannot be used: give https://host or https://host:port, with a port "
            f"from 1 to 65535; the vendor's is {spec.DEFAULT_URL}, and a sandbox of one's own is "
            "at http://127.0.0.1:8025"
        )
    if parts.query or parts.fragment:
        raise AccountError(f"{named} {url!r} has a query: give it without '?' and '#'")
    if parts.scheme == "http" and not is_loopback(url) and not allow_http:
        raise AccountError(
            f"{named} {url!r} would send the passcode and every number in clear text: use "
            f"https://, or consent with {ENV_ALLOW_HTTP}=1"
        )
    return url.rstrip("/")


def _without_userinfo(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
