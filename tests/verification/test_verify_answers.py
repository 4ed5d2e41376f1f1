"""The list of an answer read from its bytes by `verify` says what `wire` reads, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmsbatch as mms
from changed_runs import broken, copy, forge
from conftest import account_at, fictional, planned
from mmsbatch.errors import UnreadableAnswer
from mmsbatch.gateway.wire import Answer, decode_answer
from mmsbatch.runs import outcomes
from mmsbatch.runs.outcomes import NamedNumbers, named_by
from mmsbatch.runs.run import write_results
from mmsbatch.sandbox import Sandbox, SandboxOptions
from mmsbatch.verification import inputs
from mmsbatch.verification.answers import read_list

NUMBERS = [33_639_980_000, 33_712_345_678, 33_639_980_999]


def answer(
    numbers: list[int], echo: str = "0", tag: str = "", *, before: bool = False, end: str = "\n"
) -> bytes:
    """Write an answer as the gateway does (§2)."""
    customers = []
    for number in numbers:
        named = f"<MOBILEPHONE>{echo}{str(number)[2:]}</MOBILEPHONE>"
        own = f"<{tag}>a-{number % 97:02}</{tag}>" if tag else ""
        customers.append(f"<CUSTOMER>{own}{named}</CUSTOMER>" if before else named + own)
        if not before:
            customers[-1] = f"<CUSTOMER>{customers[-1]}</CUSTOMER>"
    listed = f"<RECOVERIDS>{''.join(customers)}</RECOVERIDS>"
    head = end.join(("Status=100", "StatusText=envoyé", "Credits=1", "UnvalidNums=0639980003"))
    return f"{head}{end}IDs={listed}{end}".encode()


def as_pairs(named: NamedNumbers) -> list[tuple[int, str | None]]:
    ids = named.ids or [None] * len(named.numbers)
    return list(zip(named.numbers.tolist(), ids, strict=True))


@pytest.mark.parametrize("echo", ["0", "33", "+33"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize(("tag", "before"), [("", False), ("ID", True), ("SMSID", False)])
def test_lists_as_the_gateway_writes_them_are_read(
    echo: str, end: str, tag: str, before: bool
) -> None:
    """Each echo, each line end; with an ID before the number, behind it, or none."""
    body = answer(NUMBERS, echo, tag, before=before, end=end)
    found = read_list(body)
    assert found is not None
    assert NUMBERS == found.numbers.tolist()
    assert as_pairs(named_by(decode_answer(body))) == as_pairs(found)


def test_a_list_of_nobody_is_read() -> None:
    """All were refused."""
    found = read_list(answer([]))
    assert found is not None
    assert [] == found.numbers.tolist()


ONE, OTHER = b">0639980000<", b">0712345678<"
PLAIN, WITH_IDS = answer(NUMBERS), answer(NUMBERS, tag="ID")


@pytest.mark.parametrize(
    "body",
    [
        PLAIN.replace(b"Status=", b"IDs=<RECOVERIDS></RECOVERIDS>\nStatus="),
        PLAIN + PLAIN.partition(b"\n")[2],
        PLAIN.replace(OTHER, b">071234567x<"),
        PLAIN.replace(OTHER, b">0112345678<"),
        PLAIN.replace(OTHER, b">+333123456<"),
        PLAIN.replace(ONE, b">063998000<"),
        PLAIN.replace(b"</RECOVERIDS>\n", b""),
        PLAIN.replace(b"\nIDs=", b" IDs="),
        PLAIN.replace(b"\nIDs=", b"\nIDs =").replace(b"Status=", b"A\nIDs=<RECOVERIDS>\nStatus="),
        WITH_IDS.replace(b"<ID>a-43", b"<ID>&lt;"),
        WITH_IDS.replace(b"<ID>a-", b"<ID> a").replace(b"<ID> a", b"<ID>a-", 1),
        WITH_IDS.replace(b"<ID>a-", b"<IO>a-").replace(b"<IO>a-", b"<ID>a-", 1),
        b"Status=100\nStatusText=\n",
    ],
)
def test_any_other_list_is_left_to_the_parser(body: bytes) -> None:
    """Two lists, a list that is cut or elsewhere, elements that differ in more than they may."""
    assert read_list(body) is None


def test_of_two_ids_the_first_counts() -> None:
    """For `wire` as well."""
    body = answer(NUMBERS, tag="ID", before=True).replace(b"</CUSTOMER>", b"<ID>x</ID></CUSTOMER>")
    found = read_list(body)
    assert found is not None
    assert ["a-51", "a-43", "a-80"] == [*found.ids]
    assert as_pairs(named_by(decode_answer(body))) == as_pairs(found)


PIECES = (
    *(bytes([byte]) for byte in b"0679+<>/=\n\r \x00\xe9Z"),
    *(b"IDs=", b"\nIDs=", b"<RECOVERIDS>", b"</RECOVERIDS>", b"<CUSTOMER>", b"</CUSTOMER>"),
    *(b"<MOBILEPHONE>", b"</MOBILEPHONE>", b"0639980042", b"<ID>x</ID>", b"<br>", b"<!--", b"-->"),
    *(b"<MOBILEPHONE>0639980042</MOBILEPHONE>", b"<!DOCTYPE a>", b"&#48;", b"\nStatus=111\n"),
    b"<CUSTOMER><MOBILEPHONE>0639980042</MOBILEPHONE></CUSTOMER>",
)


@st.composite
def disturbed(draw: st.DrawFn) -> bytes:
    """An answer in which up to three places were overwritten, added to or cut out."""
    numbers = draw(st.lists(st.sampled_from(NUMBERS), max_size=4))
    echo, tag = draw(st.sampled_from(["0", "33", "+33"])), draw(st.sampled_from(["", "ID"]))
    body = answer(numbers, echo, tag, before=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(body)))
        piece = draw(st.sampled_from(PIECES) | st.just(b""))
        behind = draw(st.sampled_from([place, place + len(piece), place + 1, place + 10]))
        body = body[:place] + piece + body[behind:]
    return body


@given(disturbed())
def test_whatever_happened_to_it_both_read_the_same(body: bytes) -> None:
    """`verify` may not read a list that `wire` can; it never reads another."""
    found = read_list(body)
    try:
        read = named_by(decode_answer(body))
    except UnreadableAnswer:  # an answer without a status names nobody to `verify` either
        return
    if found is not None:
        assert as_pairs(read) == as_pairs(found)


# ----- in a run ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[False, True], ids=["no ids", "ids"])
def made(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Make a run of two requests, with a refused number in the first."""
    folder = tmp_path_factory.mktemp("runs") / "noel"
    options = SandboxOptions(
        blacklist=frozenset(fictional(1, start=3)), with_ids=bool(request.param)
    )
    with Sandbox(options=options, faults={2: "lose-id:2"}) as sandbox:
        with pytest.warns(match="unreported"):
            mms.send(planned(402), account_at(sandbox), run=folder)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """Return a copy that may be harmed."""
    return copy(made, tmp_path / "noel")


def test_a_run_with_refused_and_unnamed_rows_holds(run: Path) -> None:
    """Plain lists are read from their bytes: of all the rest the same is concluded."""
    found = {check.name: check.found for check in mms.verify(run).checks}
    assert "402 rows = 399 accepted, 1 rejected, 2 unreported" == found["conservation"]
    assert "399 rows that were taken are named in 3 answers" == found["evidence"]


def test_a_reader_that_names_too_many_is_found_out(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the results built by it, they are not what the bytes say."""
    every = planned(402).numbers

    def generous(read: Answer) -> NamedNumbers:
        return NamedNumbers(every) if read.status == 100 else named_by(read)

    monkeypatch.setattr(outcomes, "named_by", generous)
    monkeypatch.setattr(inputs, "named_by", generous)
    write_results(run)
    assert "results: results.parquet: row 398, column mms_outcome is not what is rebuilt" == broken(
        run
    )


@pytest.mark.parametrize("rows", [{3}, {398, 399}, {400}])
def test_a_wrong_conclusion_is_found_by_the_evidence(
    run: Path, monkeypatch: pytest.MonkeyPatch, rows: set[int]
) -> None:
    """Were the code that draws outcomes wrong, building and rebuilding would agree.

    The first is refused, the next two are not named, and the last is both refused and named.
    """
    real = outcomes._outcomes

    def refuse(row: dict[str, Any]) -> None:
        if row["body"] and row["request"] == 3:
            refused = b"\nUnvalidNums=%s\n" % fictional(1, start=400)[0].encode()
            row["body"] = row["body"].replace(b"\nUnvalidNums=\n", refused)

    forge(run, refuse)

    def wrong(*given: object) -> np.ndarray:
        found = real(*given)  # type: ignore[arg-type]  # whatever it takes
        numbers = np.asarray(given[2])
        found[np.isin(numbers, planned(402).numbers[list(rows)])] = 0
        return found

    monkeypatch.setattr(outcomes, "_outcomes", wrong)
    write_results(run)
    assert f"evidence: results.parquet: row {min(rows)} is claimed as taken" in broken(run)


def test_an_answer_that_refuses_is_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where whoever built the results, and rebuilds them, takes it for the other."""
    run = tmp_path / "noel"
    with Sandbox(faults={1: "status:111"}) as sandbox, pytest.raises(mms.RunStopped):
        mms.send(planned(3), account_at(sandbox), run=run)
    monkeypatch.setattr(outcomes, "_whole", lambda _, size: np.zeros(size, dtype=np.int8))
    write_results(run)
    assert (
        "evidence: results.parquet: row 0 is claimed as taken, and the answer to request "
        "1 (attempt 1) has no status 100 or 101"
    ) == broken(run)


def test_an_id_of_another_row_is_found(run: Path) -> None:
    """An answer that gives two numbers each other's IDs, under results of before."""
    first, second = fictional(2)

    def exchange(row: dict[str, Any]) -> None:
        body = row["body"]
        if body and row["request"] == 1:
            one, other = f">{first}<".encode(), f">{second}<".encode()
            row["body"] = body.replace(one, b">?<").replace(other, one).replace(b">?<", other)

    with_ids = b"<ID>" in (run / "journal.sqlite").read_bytes()
    forge(run, exchange)
    expected = "results: results.parquet: row 0, column mms_id" if with_ids else "attempts: "
    assert broken(run).startswith(expected)
