"""What each row gets: media by row, variants and who is held out, against the gateway's books."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mmsbatch as mms
from conftest import account_at, fictional
from mmsbatch.campaign.rendering import CONTENT_PROBLEMS
from mmsbatch.errors import CampaignError
from mmsbatch.planning.planner import plan_parts
from mmsbatch.sandbox import Sandbox

CITIES = ["paris", "lyon", "lille"]
SPLIT = mms.Split(
    {
        "A": mms.Text("Bonjour {{ prenom }}"),
        "B": mms.Image("Noël", "http://www.example.com/{{ ville }}.jpg"),
        "C": mms.Video("Film", "http://www.example.com/{{ ville }}.3gp", "{{ secondes }}"),
    },
    hold_out=20,
)


def contacts(rows: int = 3000) -> pd.DataFrame:
    """Return people of three cities, some of them twice."""
    numbers = fictional(rows - rows // 10)
    return pd.DataFrame(
        {
            "mobile": [*numbers, *numbers[: rows // 10]],
            "prenom": [f"P{row % 7}" for row in range(rows)],
            "ville": [CITIES[row % 3] for row in range(rows)],
            "secondes": [1 + row % 4 for row in range(rows)],
        }
    )


def planned(frame: pd.DataFrame, campaign: mms.Campaign) -> mms.Plan:
    """Prepare and plan."""
    return mms.plan(mms.prepare(frame, phone="mobile", fictional=True), campaign)


def test_every_person_gets_what_the_results_say(run: Path) -> None:
    """The gateway's own books, message and medium, against `mms_variant` and its columns."""
    plan = planned(contacts(), mms.Campaign("noel", split=SPLIT))
    with Sandbox() as sandbox:
        results = mms.send(plan, account_at(sandbox), run=run)
        sent = {
            f"+33{one.number[-9:]}": (one.message, one.kind, one.media) for one in sandbox.ledger
        }
    row: Any
    for row in results.itertuples():
        if row.mms_outcome != "accepted":
            assert row.mms_problem in {"held_out", "duplicate"}
            continue
        address = f"http://www.example.com/{row.ville}"
        expected = {
            "A": (f"Bonjour {row.prenom}", "text", ()),
            "B": ("Noël", "image", (("IMAGE", f"{address}.jpg", None),)),
            "C": ("Film", "video", (("VIDEO", f"{address}.3gp", row.secondes),)),
        }[row.mms_variant]
        assert sent.pop(row.mms_e164) == expected
    assert not sent
    assert set(results["mms_variant"]) == {"A", "B", "C", "held_out"}
    assert mms.verify(run).holds


def test_a_variant_is_the_same_in_another_export(run: Path) -> None:
    """Rows in another order, more people, fewer columns of no use: everybody keeps theirs."""
    campaign = mms.Campaign("noel", split=SPLIT)
    before = planned(contacts(2000), campaign).rows.set_index("mms_e164")["mms_variant"]
    other = contacts(3000).sample(frac=1, random_state=3)
    after = planned(other, campaign).rows.set_index("mms_e164")["mms_variant"]
    both = before.index.intersection(after.index)
    first = before[~before.index.duplicated()].reindex(both).astype(str)
    second = after[~after.index.duplicated()].reindex(both).astype(str)
    assert len(both.unique()) >= 1800
    assert (first == second).all()


def test_a_hold_out_alone_is_of_the_one_content() -> None:
    campaign = mms.Campaign("noel", mms.Text("Bonjour"), split=mms.Split(hold_out=50))
    plan = planned(contacts(), campaign)
    problems = plan.summary.problems
    assert plan.requests == -(-plan.recipients // 200)
    assert 1200 < problems["held_out"] < 1500
    assert set(plan.rows["mms_variant"]) == {"all", "held_out"}


def test_who_must_not_be_written_to_is_in_no_variant() -> None:
    """Neither compared nor held out: they were never part of it."""
    frame = contacts(300)
    frame.loc[:9, "mobile"] = "01 99 00 12 34"
    rows = planned(frame, mms.Campaign("noel", split=SPLIT)).rows
    assert rows["mms_variant"][:10].isna().all()
    assert rows["mms_variant"][10:].notna().all()


@pytest.mark.parametrize("one_per", ["number", "message"])
def test_parts_give_the_plan_of_the_whole(one_per: str) -> None:
    """The same fingerprint, whatever is planned at a time and whether duplicates were marked."""
    campaign = mms.Campaign("noel", split=SPLIT, one_per=one_per)  # type: ignore[arg-type]
    prepared = mms.prepare(contacts(), phone="mobile", fictional=True)
    whole = mms.plan(prepared, campaign, part_rows=1000)
    parts = plan_parts(
        (prepared.iloc[begin : begin + 1000] for begin in range(0, 3000, 1000)), campaign
    )
    assert parts.fingerprint == whole.fingerprint
    assert parts.fingerprint != mms.plan(prepared, campaign, part_rows=1500).fingerprint
    assert [one.content for one in parts] == [one.content for one in whole]


def test_what_a_cell_spoils_is_a_problem_of_its_row() -> None:
    """A missing value, an address or a duration that the gateway refuses: the others are sent."""
    frame = contacts(6)
    frame["secondes"] = ["3", "0", None, "2", "1001", "1,5"]
    frame["ville"] = ["paris", "lyon", "lille", "saint é", None, "a&b"]
    video = mms.Video("Film", "http://www.example.com/{{ ville }}.3gp", "{{ secondes }}")
    rows = planned(frame, mms.Campaign("noel", video)).rows
    words = [None if pd.isna(word) else word for word in rows["mms_problem"]]
    assert words == [
        None,
        "media_duration_invalid",
        "media_value_missing",
        "media_address_invalid",
        "media_value_missing",
        "media_address_invalid",
    ]
    assert {word for word in CONTENT_PROBLEMS if word.startswith("media")} == set(words) - {None}
    assert rows["mms_duration_s"].tolist()[0] == 3
    assert rows["mms_video"].dropna().tolist() == ["http://www.example.com/paris.3gp"]


def test_a_column_that_is_not_there_is_named_with_its_field() -> None:
    image = mms.Image("Noël", "http://www.example.com/{{ vile }}.jpg")
    with pytest.raises(CampaignError, match=r"campaign.image: no column 'vile'.*mean 'ville'"):
        planned(contacts(3), mms.Campaign("noel", image))


def test_the_plan_and_its_preview_show_each_variant() -> None:
    plan = planned(contacts(300), mms.Campaign("noel", split=SPLIT))
    counted = Counter(plan.rows.loc[plan.rows["mms_request"].notna(), "mms_variant"])
    shown = repr(mms.preview(plan))
    for name, count in counted.items():
        assert f"variant {name} to {count} recipients" in shown
    assert "[image: http://www.example.com/" in shown
    assert "[video, " in shown


def test_a_number_in_an_address_is_forgotten_with_its_person(run: Path) -> None:
    """What was written from the cells of one person alone goes, and the others stay proved."""
    frame = contacts(10).drop_duplicates("mobile").head(5)
    frame["code"] = [f"c{n[-6:]}" if row else n for row, n in enumerate(frame["mobile"])]
    campaign = mms.Campaign("noel", mms.Image("Noël", "http://www.example.com/{{ code }}.jpg"))
    number = frame["mobile"].iloc[0]
    with Sandbox() as sandbox:
        mms.send(planned(frame, campaign), account_at(sandbox), run=run)
    mms.forget(number, run.parent)
    kept = mms.results(run)
    assert not kept["mms_image"].astype(str).str.contains(number).any()
    assert kept["mms_image"].nunique() == 5
    assert mms.verify(run).holds
