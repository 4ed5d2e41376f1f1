"""The accounts of the environment: a file that only its owner can read; what is wrong with one."""

from __future__ import annotations

import pickle
import traceback
import warnings
from pathlib import Path

import pytest

from mmsbatch import spec
from mmsbatch.errors import AccountError
from mmsbatch.gateway.account import Account, Target
from mmsbatch.gateway.accounts import Accounts

SECRET = "s3cr3t-Passcode"
TWO = f"""
[[account]]
clientcode = "north"
passcode = "{SECRET}"

[[account]]
clientcode = "south"
passcode = "{SECRET}-2"
"""
HERE = "http://127.0.0.1:8025"


def written(folder: Path, text: str, mode: int = 0o600) -> dict[str, str]:
    """Write the file, and return an environment that names it."""
    file = folder / "accounts.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return {"MMSBATCH_ACCOUNTS": str(file)}


def refused(environ: dict[str, str], target: Target = Target.LIVE) -> str:
    """Return why it is refused; without a passcode, also in what Python shows of it."""
    with pytest.raises(AccountError) as raised:
        Accounts.from_env(target, environ)
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    return str(raised.value)


def test_the_accounts_are_those_of_the_file(tmp_path: Path) -> None:
    """In its order; their passcodes show nowhere, and travel to a worker."""
    accounts = Accounts.from_env("live", written(tmp_path, TWO))
    assert accounts.logins == ("north", "south")
    assert (accounts.url, accounts.target) == (spec.DEFAULT_URL, Target.LIVE)
    assert SECRET not in f"{accounts!r} {accounts} {vars(accounts)}"
    assert "north" in repr(accounts)
    assert "south" in repr(accounts)
    copy: Accounts = pickle.loads(pickle.dumps(accounts))  # noqa: S301  (made here)
    assert copy.each[1].passcode.get_secret_value() == f"{SECRET}-2"


def test_the_address_is_each_accounts_own_or_that_of_the_environment(tmp_path: Path) -> None:
    """The vendor's without either; accounts of two gateways cannot share a run."""
    environ = written(tmp_path, TWO)
    assert Accounts.from_env("live", {**environ, "MMSBATCH_URL": HERE}).url == HERE
    own = TWO.replace("[[account]]", f'[[account]]\nurl = "{HERE}"')
    assert Accounts.from_env("live", written(tmp_path, own)).url == HERE
    one_only = TWO + f'url = "{HERE}"\n'
    assert "accounts of two gateways" in refused(written(tmp_path, one_only))


def test_on_the_sandbox_they_are_used_only_on_this_machine(tmp_path: Path) -> None:
    """The vendor's gateway is never asked for a rehearsal."""
    environ = written(tmp_path, TWO)
    here = Accounts.from_env("sandbox", {**environ, "MMSBATCH_URL": HERE})
    assert [one.target for one in here.each] == [Target.SANDBOX] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedded = Accounts.from_env("sandbox", environ)
    assert embedded.logins == ("demo",)
    far = {**environ, "MMSBATCH_URL": "https://gateway.example.com"}
    with pytest.warns(UserWarning, match="is not this machine"):
        assert Accounts.from_env("sandbox", far).logins == ("demo",)


def test_without_the_variable_there_is_one(tmp_path: Path) -> None:
    """As there was before."""
    environ = {"MMSBATCH_CLIENTCODE": "solo", "MMSBATCH_PASSCODE": SECRET}
    assert Accounts.from_env("live", environ).logins == ("solo",)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o601])
def test_a_file_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    """With its mode, and the command that mends it."""
    environ = written(tmp_path, TWO, mode)
    told = refused(environ)
    assert f"mode {mode:04o}" in told
    assert f"chmod 600 {environ['MMSBATCH_ACCOUNTS']}" in told


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_only_its_owner_can_read_is_taken(tmp_path: Path, mode: int) -> None:
    """Writing to it is not needed."""
    assert Accounts.from_env("live", written(tmp_path, TWO, mode)).several


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no account in it"),
        ("account = []", "no account in it"),
        ("account = 3", "in two brackets"),
        ('[account]\nclientcode = "a"', "in two brackets"),
        ("account = [1]", "account 1 is no table"),
        (f"passcode = {SECRET}", "is not TOML"),
        ("\x00", "is not TOML"),
        (TWO.replace("[[account]]", "[[acount]]"), "unknown key 'acount'. Did you mean 'account'"),
        (TWO + 'login = "x"\n', "account 2: unknown key 'login'"),
        (TWO + f'pascode = "{SECRET}"\n', "unknown key 'pascode'. Did you mean 'passcode'?"),
        (TWO.replace('clientcode = "south"\n', ""), "account 2: clientcode is missing"),
        (TWO.replace(f'passcode = "{SECRET}"\n', ""), "account 1: passcode is missing"),
        (TWO.replace(f'"{SECRET}"', "12345"), "account 1: passcode must be a text in quotes"),
        (TWO.replace('"north"', '" north"'), "account 1: clientcode begins or ends with a blank"),
        (TWO.replace(f'"{SECRET}"', f'"{SECRET} "'), "account 1: passcode begins or ends with"),
        (TWO.replace('"south"', '"north"'), "account north is given twice"),
        (TWO + 'url = "http://gateway.example.com"\n', "account 2: url .* in clear text"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    """The file, the account and the key; never a value that may be a passcode."""
    environ = written(tmp_path, text)
    with pytest.raises(AccountError, match=told):
        Accounts.from_env("live", environ)
    message = refused(environ)
    assert environ["MMSBATCH_ACCOUNTS"] in message
    refused(environ, Target.SANDBOX)  # found at the rehearsal, not on the day


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    """And the variable that names it."""
    for place in (tmp_path / "nowhere.toml", tmp_path):
        told = refused({"MMSBATCH_ACCOUNTS": str(place)})
        assert str(place) in told
        assert "MMSBATCH_ACCOUNTS" in told
    bad = tmp_path / "latin.toml"
    bad.write_bytes(b'x = "\xe9"')
    bad.chmod(0o600)
    assert "UTF-8" in refused({"MMSBATCH_ACCOUNTS": str(bad)})


@pytest.mark.parametrize("name", ["MMSBATCH_CLIENTCODE", "MMSBATCH_PASSCODE"])
def test_an_account_beside_the_file_is_refused(tmp_path: Path, name: str) -> None:
    """Which are meant is not guessed."""
    assert f"and {name} are set" in refused({**written(tmp_path, TWO), name: SECRET})


@pytest.mark.parametrize("target", ["live", "sandbox"])
def test_where_one_account_is_asked_for_several_are_refused(tmp_path: Path, target: str) -> None:
    """None is taken in silence; the word takes them all."""
    with pytest.raises(AccountError, match=f"give '{target}' itself in its place"):
        Account.from_env(Target(target), written(tmp_path, TWO))
