"""The numbers that an answer names, whatever form they are echoed in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmsbatch.gateway.wire import canonical_echo, decode_answer
from mmsbatch.runs.outcomes import named_by

MOBILES = st.sampled_from(["600000000", "639980012", "712345678", "799999999"])
PLAIN = MOBILES.map("0{}".format)
ANY = st.sampled_from(["33639980012", "+33712345678", "+999123456789012345", "0539980000"])
NEARLY = st.sampled_from(
    [
        "0839980000",
        "0539980000",
        "1639980000",
        "063998001",
        "00639980012",
        "6_39980012",
        "٠639980012",
    ]
)
IDS = st.sampled_from(["", "a", "b"])


@given(
    st.lists(st.tuples(PLAIN | ANY, IDS))
    | st.tuples(st.lists(st.tuples(PLAIN, IDS), min_size=1), st.tuples(NEARLY, IDS)).map(
        lambda drawn: [*drawn[0], drawn[1], *drawn[0]]
    )
)
def test_each_number_of_ours_is_named_with_its_id(customers: list[tuple[str, str]]) -> None:
    """All in national form are read at once, others one by one; nobody else's is named."""
    listed = "".join(
        f"<CUSTOMER><MOBILEPHONE>{echo}</MOBILEPHONE><ID>{own}</ID></CUSTOMER>"
        for echo, own in customers
    )
    named = named_by(decode_answer(f"Status=100\nIDs=<RECOVERIDS>{listed}</RECOVERIDS>".encode()))
    expected = [
        (int(number[1:]), own or None)
        for echo, own in customers
        if (number := canonical_echo(echo))
    ]
    ids = named.ids or [None] * len(named.numbers)
    assert expected == list(zip(named.numbers.tolist(), ids, strict=True))
