"""The ledger holds what was truly sent, as a phone would show it, and credits follow it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from mmsbatch.errors import InputError
from mmsbatch.sandbox import Delivery, Media, Sandbox, SandboxOptions, checks, read_ledger
from sandbox_client import ONE, THREE, TWO, flow, numbers_sent, post

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_delivery_tells_everything_a_phone_got() -> None:
    """One delivery per number, with the message, the media and the time."""
    url = "http://www.example.com/noel.amr"
    xml = flow(
        ONE,
        "0639980002",
        MSGCLASS="4",
        IMAGE="http://www.example.com/noel.gif",
        raw=f"<SON><URL>{url}</URL><DUREE>12</DUREE></SON>",
    )
    with Sandbox(clock=lambda: NOON) as sandbox:
        post(sandbox, xml)

        media = (
            Media("IMAGE", "http://www.example.com/noel.gif", None),
            Media("SON", url, 12),
        )
        assert (
            Delivery(1, ONE, "Bonjour", "sound+image", media, None, NOON),
            Delivery(1, TWO, "Bonjour", "sound+image", media, None, NOON),
        ) == sandbox.ledger


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("5 € ou 10 €", "5 E ou 10 E"),
        ("a\nb", "a\nb"),
        (r"a\nb", "a\nb"),
        ("a &lt; b &amp; c", "a < b & c"),
        ("Été 😀", "Été 😀"),
        ("a&#13;\nb&#13;c", "a\nb\nc"),
        ("  trimmed  ", "trimmed"),
    ],
)
def test_the_message_is_the_one_a_phone_shows(written: str, shown: str) -> None:
    """§1.3: both spellings of a line break make one, and € becomes E."""
    with Sandbox() as sandbox:
        post(sandbox, flow(MESSAGE=None, raw=f"<MESSAGE>{written}</MESSAGE>"))

        assert shown == sandbox.ledger[0].message
        assert shown == sandbox.requests[0].message


def test_a_latin_1_gateway_shows_two_letters_for_one() -> None:
    """What another reading of the form's bytes would do to accents."""
    with Sandbox(options=SandboxOptions(charset="latin-1")) as sandbox:
        post(sandbox, flow(MESSAGE="été"))

        assert "Ã©tÃ©" == sandbox.ledger[0].message


def test_a_future_date_schedules_and_takes_the_credits() -> None:
    """101: the delivery waits for its Paris hour, and is paid for at once."""
    with Sandbox(clock=lambda: NOON) as sandbox:
        reply = post(sandbox, flow(ONE, TWO, DATE="2026-12-24 18:30:00"))

        assert (101, "99998") == (reply.status, reply.fields["Credits"])
        assert 99_998 == sandbox.credits
        assert [datetime(2026, 12, 24, 17, 30, tzinfo=UTC)] * 2 == [
            delivery.scheduled_for for delivery in sandbox.ledger
        ]


def test_credits_run_out_and_are_topped_up() -> None:
    """104 takes nothing, an exact fit empties the account, 103 follows, and a top-up helps."""
    with Sandbox(options=SandboxOptions(credits=5, cost_per_recipient=2)) as sandbox:
        assert 104 == post(sandbox, flow(ONE, TWO, THREE)).status
        assert (100, "1") == (
            (reply := post(sandbox, flow(ONE, TWO, "0400000000"))).status,
            reply.fields["Credits"],
        )
        assert 104 == post(sandbox, flow(ONE)).status
        sandbox.credits -= 1
        assert 103 == post(sandbox, flow(ONE)).status
        sandbox.credits = 2
        assert (100, "0") == (
            (reply := post(sandbox, flow(THREE))).status,
            reply.fields["Credits"],
        )
        assert [ONE, TWO, THREE] == numbers_sent(sandbox)


def test_a_repeated_number_is_sent_and_listed_each_time() -> None:
    """The document removes no duplicates: two tags are two messages and two credits."""
    with Sandbox() as sandbox:
        reply = post(sandbox, flow(ONE, "+" + ONE))

        assert 2 == reply.fields["IDs"].count("0639980001")
        assert ([ONE, ONE], 99_998) == (numbers_sent(sandbox), sandbox.credits)


def test_concurrent_posts_lose_and_charge_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests from many threads: every number once, credits to the unit, numbers 1 to n."""

    def hesitant(case: checks.Case) -> int:  # lets the others run between reading and taking
        status = checks.judge(case)
        Event().wait(0.002)
        return status

    monkeypatch.setattr("mmsbatch.sandbox.app.judge", hesitant)
    chunks = [[f"336399{chunk * 10 + place:05}" for place in range(10)] for chunk in range(60)]
    with Sandbox(options=SandboxOptions(credits=555)) as sandbox:
        with ThreadPoolExecutor(12) as pool:
            replies = list(pool.map(lambda chunk: post(sandbox, flow(*chunk)), chunks))

        taken = [chunk for chunk, reply in zip(chunks, replies, strict=True) if reply.status == 100]
        assert (55, 5) == (len(taken), sandbox.credits)
        assert sorted(number for chunk in taken for number in chunk) == sorted(
            numbers_sent(sandbox)
        )
        assert {100, 104} == {reply.status for reply in replies}
        left = sorted(int(reply.fields["Credits"]) for reply in replies if reply.status == 100)
        assert list(range(5, 555, 10)) == left
        assert list(range(1, 61)) == [received.request for received in sandbox.requests]


def test_the_request_log_keeps_the_facts_and_no_passcode() -> None:
    """What was asked and what became of it, but never the passcode, in any form."""
    with Sandbox(options=SandboxOptions.model_validate({"passcode": "s3same"})) as sandbox:
        post(sandbox, flow(ONE, "0400", CAMPAIGN_NAME="Noël", MAIL_NOTIF="1"), passcode="s3same")
        post(sandbox, flow(), passcode="s3same!")
        received, refused = sandbox.requests

        assert (1, "POST", 100, 100, "demo", "Noël", "1", "text", (ONE, "0400"), ("0400",), 1) == (
            received.request,
            received.method,
            received.verdict,
            received.answered,
            received.login,
            received.campaign_name,
            received.mail_notif,
            received.kind,
            received.numbers,
            received.refused,
            received.delivered,
        )
        assert (102, 0) == (refused.verdict, refused.delivered)
        everything = repr((sandbox, sandbox.options, sandbox.requests))
        assert "s3same" not in everything + json.dumps([one.to_json() for one in sandbox.requests])


def test_the_ledger_file_says_what_the_ledger_says(tmp_path: Path) -> None:
    """Written before the answer leaves, appended to by the next sandbox, read back equal."""
    file = tmp_path / "ledger.sqlite"
    with Sandbox(ledger_file=file) as sandbox:
        post(sandbox, flow(ONE, DATE="2090-01-01 00:00:00", MESSAGE="Été\u2028"))
        first = read_ledger(file)
        assert sandbox.ledger == first
    url = "http://www.example.com/a.jpg"
    with Sandbox(ledger_file=str(file)) as sandbox:
        post(sandbox, flow(TWO, MSGCLASS="1", IMAGE=url))

        assert first + sandbox.ledger == read_ledger(file)
    assert 0o600 == file.stat().st_mode & 0o777


def test_a_ledger_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A copy that was cut off, another version's, something else: nothing is written over it."""
    file = tmp_path / "ledger.sqlite"
    with Sandbox(ledger_file=file) as sandbox:
        post(sandbox, flow(ONE, TWO))
    whole = file.read_bytes()
    with sqlite3.connect(file) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    for content, told in (
        (whole[: len(whole) // 2], "it was cut short"),
        (file.read_bytes(), r"by a newer sandbox \(version 99, this is 1\)"),
        (b"mobile;prenom\n" * 40, "file is not a database"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError, match=told):
            Sandbox(ledger_file=file)
        assert file.read_bytes() == content


def test_a_killed_sandbox_still_tells_the_truth(tmp_path: Path) -> None:
    """A sandbox in a process killed while it withholds an answer has the delivery on file."""
    file = tmp_path / "ledger.sqlite"
    program = (
        "import sys; from mmsbatch.sandbox import Sandbox\n"
        "sandbox = Sandbox(ledger_file=sys.argv[1], faults={1: 'stall'}).start()\n"
        "print(sandbox.port, flush=True); sandbox.wait_for(1); print('done', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with ThreadPoolExecutor(1) as pool:
            lost = pool.submit(post, port, flow(ONE))
            assert "done\n" == process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            assert isinstance(lost.exception(timeout=10), ConnectionError)

    assert [ONE] == [delivery.number for delivery in read_ledger(file)]


def test_an_unwritable_ledger_file_is_an_input_error(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(InputError, match=r"ledger '.*nowhere/ledger.sqlite' cannot be used"):
        Sandbox(ledger_file=tmp_path / "nowhere" / "ledger.sqlite")
