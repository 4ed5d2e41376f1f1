"""Accounts: credentials never show, and clear text leaves this machine only by consent."""

from __future__ import annotations

import pickle
import traceback

import pytest
from pydantic import SecretStr

import mmsbatch as mms
from mmsbatch.errors import AccountError
from mmsbatch.gateway.account import Account, Target, is_loopback

SECRET = "s3cr3t-Passcode"


@pytest.mark.parametrize("passcode", [SECRET, SecretStr(SECRET)])
def test_a_passcode_shows_nowhere(passcode: str | SecretStr) -> None:
    """Neither in repr nor in str, for whoever prints an account in a notebook."""
    account = Account("demo", passcode, "https://example.com")
    assert SECRET not in f"{account!r} {account} {vars(account)}"
    assert account.passcode.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("clientcode", "passcode", "word"),
    [
        ("", SECRET, "clientcode is empty"),
        (" demo", SECRET, "clientcode begins or ends with a blank"),
        ("de\nmo", SECRET, "clientcode begins or ends with a blank, or holds a control"),
        ("demo", "", "passcode is empty"),
        ("demo", SECRET + " ", "passcode begins or ends with a blank"),
    ],
)
def test_a_credential_that_cannot_be_right_is_named(
    clientcode: str, passcode: str, word: str
) -> None:
    """Before anything is sent, and without showing the passcode."""
    with pytest.raises(AccountError, match=word) as raised:
        Account(clientcode, passcode)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://api.example.com", "in clear text"),
        ("http://192.0.2.1:8080", "in clear text"),
        ("ftp://example.com", "cannot be used"),
        ("example.com", "cannot be used"),
        ("https://", "cannot be used"),
        ("https://example.com:0", "a port from 1 to 65535"),
        ("https://example.com:70000", "a port from 1 to 65535"),
        ("https://example.com:abc", "a port from 1 to 65535"),
        ("https://demo:pass@example.com", "holds credentials"),
        ("https://example.com/?passcode=x", "has a query"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, word: str) -> None:
    """Wrong port, clear text, credentials in the address: each says what to do."""
    with pytest.raises(AccountError, match=word) as raised:
        Account("demo", SECRET, url)
    assert "demo:pass" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "http://127.0.0.1:8025", "http://localhost:1", "http://[::1]:8025/"],
)
def test_https_and_this_machine_need_no_consent(url: str) -> None:
    """Clear text inside this machine goes nowhere."""
    assert Account("demo", SECRET, url).url == url.rstrip("/")


def test_clear_text_needs_a_positive_word() -> None:
    """Where the vendor has no https, somebody must say that it is known."""
    environ = {
        "MMSBATCH_URL": "http://api.example.com",
        "MMSBATCH_CLIENTCODE": "demo",
        "MMSBATCH_PASSCODE": SECRET,
    }
    with pytest.raises(AccountError, match="MMSBATCH_ALLOW_HTTP=1"):
        Account.from_env("live", environ)
    allowed = Account.from_env("live", {**environ, "MMSBATCH_ALLOW_HTTP": "1"})
    assert allowed.url == "http://api.example.com"


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, "MMSBATCH_CLIENTCODE and MMSBATCH_PASSCODE"),
        ({"MMSBATCH_CLIENTCODE": "demo"}, "MMSBATCH_PASSCODE"),
        ({"MMSBATCH_CLIENTCODE": "", "MMSBATCH_PASSCODE": "x"}, "MMSBATCH_CLIENTCODE"),
    ],
)
def test_a_live_account_names_what_is_not_set(environ: dict[str, str], missing: str) -> None:
    """Both variables at once, so nobody has to try twice."""
    with pytest.raises(AccountError, match=f"^{missing} not set"):
        Account.from_env("live", environ)


def test_the_sandbox_needs_no_variable_and_ignores_the_live_address() -> None:
    """With the live account's variables set, the sandbox is still the sandbox."""
    environ = {
        "MMSBATCH_URL": "https://api.example.com",
        "MMSBATCH_CLIENTCODE": "real",
        "MMSBATCH_PASSCODE": SECRET,
    }
    with pytest.warns(UserWarning, match="MMSBATCH_URL names https://api.example.com, which is"):
        account = Account.from_env("sandbox", environ)
    assert (account.clientcode, account.target) == ("demo", Target.SANDBOX)
    assert is_loopback(account.url)


def test_a_sandbox_on_this_machine_can_be_named() -> None:
    """`mmsbatch sandbox` in another terminal."""
    account = Account.from_env("sandbox", {"MMSBATCH_URL": "http://127.0.0.1:8025"})
    assert (account.clientcode, account.url) == ("demo", "http://127.0.0.1:8025")


def test_a_target_is_one_of_two() -> None:
    """Nothing else means live by accident."""
    with pytest.raises(AccountError, match="'sandbox' or 'live', found 'prod'"):
        Account.from_env("prod", {})  # type: ignore[arg-type]


def test_the_public_name_is_the_same_type() -> None:
    """Users write mms.Account."""
    assert mms.Account is Account


def test_a_pickled_account_is_whole() -> None:
    """Executors in other processes get accounts by pickle."""
    account = Account("demo", SECRET, "https://example.com")
    assert pickle.loads(pickle.dumps(account)) == account  # noqa: S301  (our own bytes)
