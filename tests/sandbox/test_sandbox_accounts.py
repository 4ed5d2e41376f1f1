"""A sandbox of several accounts: each has a passcode and credits of its own."""

from __future__ import annotations

import json

import pytest

from mmsbatch.sandbox import AnotherAccount, Sandbox, SandboxOptions
from sandbox_client import ACCOUNT, ONE, THREE, TWO, Reply, call, flow, form, post

NORTH = AnotherAccount(passcode="north-pass", credits=2)  # type: ignore[arg-type]
CLOSED = AnotherAccount(passcode="closed-pass", active=False)  # type: ignore[arg-type]
OPTIONS = SandboxOptions(credits=10, others={"north": NORTH, "closed": CLOSED})


def asked(sandbox: Sandbox, login: str, passcode: str, info: str) -> Reply:
    """Ask the account tool."""
    return call(
        sandbox, "POST", ACCOUNT, form(clientcode=login, passcode=passcode, info=info)
    )  # fmt: skip


def test_a_request_is_paid_for_by_its_own_account() -> None:
    """And by no other; its CLIENT must be that account's."""
    with Sandbox(options=OPTIONS) as sandbox:
        mine = flow(ONE, TWO, CLIENT="NORTH")
        assert post(sandbox, mine, login="north", passcode="north-pass").status == 100
        assert (sandbox.credits, sandbox.credits_of("north")) == (10, 0)
        assert post(sandbox, flow(THREE, CLIENT="NORTH"), login="north",
                    passcode="north-pass").status == 103  # fmt: skip
        assert post(sandbox, flow(THREE)).status == 100
        assert post(sandbox, flow(THREE), login="north", passcode="north-pass").status == 103
        sandbox.top_up("north", 5)
        assert post(sandbox, flow(THREE), login="north", passcode="north-pass").status == 107
        assert [one.login for one in sandbox.requests if one.delivered] == ["north", "demo"]


@pytest.mark.parametrize(
    ("login", "passcode", "info", "status"),
    [
        ("demo", "demo", "demo", 300),
        ("north", "north-pass", "north", 300),
        ("north", "demo", "north", 102),
        ("demo", "north-pass", "demo", 102),
        ("demo", "demo", "north", 302),
        ("north", "north-pass", "demo", 302),
        ("closed", "closed-pass", "closed", 303),
        ("south", "demo", "south", 102),
    ],
)
def test_the_account_tool_tells_each_of_itself(
    login: str, passcode: str, info: str, status: int
) -> None:
    """One passcode opens one account."""
    with Sandbox(options=OPTIONS) as sandbox:
        reply = asked(sandbox, login, passcode, info)
        assert reply.status == status
        if status == 300:
            assert reply.fields["Credits"] == {"demo": "10", "north": "2"}[login]


def test_an_account_that_may_not_send_is_refused() -> None:
    """Others may."""
    with Sandbox(options=OPTIONS) as sandbox:
        refused = post(sandbox, flow(CLIENT="CLOSED"), login="closed", passcode="closed-pass")
        assert refused.status == 200
        assert post(sandbox, flow()).status == 100


def test_the_pages_show_and_top_up_each() -> None:
    """With one account they are as they were."""
    with Sandbox(options=OPTIONS) as sandbox:
        body = json.dumps({"credits": 77, "login": "north"}).encode()
        how = {"Content-Type": "application/json"}
        assert call(sandbox, "POST", "/sandbox/credits", body, **how).http_status == 200
        about = json.loads(call(sandbox, "GET", "/sandbox/about").body)
        assert about["accounts"] == {"demo": 10, "north": 77, "closed": 100_000}
        assert b"account <b>north</b>: <b>77</b>" in call(sandbox, "GET", "/").body
        nobody = json.dumps({"credits": 1, "login": ["north"]}).encode()
        assert call(sandbox, "POST", "/sandbox/credits", nobody, **how).http_status == 400
    with Sandbox() as alone:
        assert "accounts" not in json.loads(call(alone, "GET", "/sandbox/about").body)
