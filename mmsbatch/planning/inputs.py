"""What `plan` is given, checked: sizes, the campaign, the prepared frame."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmsbatch import hints, spec
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.campaign.consent import Consent
from mmsbatch.campaign.file import load_campaign
from mmsbatch.errors import PlanError, kind_of
from mmsbatch.planning.part import PART_ROWS
from mmsbatch.planning.plan import PLAN_COLUMNS
from mmsbatch.planning.rows import CONSENT


def check_canary(canary: int | None) -> None:
    """Refuse a number of people that is none."""
    if canary is not None and canary < 1:
        raise PlanError(f"{hints.option('canary')} must be 1 or more, found {canary}")


def check_sizes(chunk_size: int, part_rows: int) -> None:
    """Refuse requests and parts that are too large, or empty."""
    if not 1 <= chunk_size <= spec.MAX_RECIPIENTS_PER_REQUEST:
        raise PlanError(
            f"chunk_size must be from 1 to {spec.MAX_RECIPIENTS_PER_REQUEST} (§1.1), "
            f"found {chunk_size}"
        )
    if not 1 <= part_rows <= PART_ROWS:
        raise PlanError(f"part_rows must be from 1 to {PART_ROWS:,}, found {part_rows:,}")


def read_campaign(given: Campaign | str | os.PathLike[str]) -> Campaign:
    """Return a campaign, or read its file."""
    if isinstance(given, Campaign):
        return given
    if isinstance(given, str | os.PathLike):
        return load_campaign(given)
    raise PlanError(
        f"a campaign is an mms.Campaign or the path of a campaign file, not {kind_of(given)}: "
        'mms.Campaign("noel-2026", mms.Text("Joyeux Noël !")) makes one'
    )


def with_stated(campaign: Campaign, prepared: pd.DataFrame, one_per: str | None) -> Campaign:
    """Return the campaign with what the call and the frame say about whom it is sent to."""
    given: dict[str, Any] = {} if one_per is None else {"one_per": one_per}
    if campaign.consent is None and CONSENT in prepared.attrs:
        given["consent"] = Consent.read(prepared.attrs[CONSENT])
    return replace(campaign, **given) if given else campaign


def check_prepared(prepared: pd.DataFrame) -> None:
    """Refuse what `prepare` has not made, or what a plan was made of already."""
    if not isinstance(prepared, pd.DataFrame):
        raise PlanError(
            f"plan takes what mms.prepare(contacts, phone=…) gave, not {kind_of(prepared)}"
        )
    missing = [name for name in ("mms_e164", "mms_problem") if name not in prepared.columns]
    if missing:
        raise PlanError(
            f"the frame has no column {' and no column '.join(missing)}: "
            "call mmsbatch.prepare(contacts, phone=…) first"
        )
    present = [name for name in PLAN_COLUMNS if name in prepared.columns]
    if present:
        raise PlanError(
            f"the frame already has {' and '.join(present)}: it comes from a plan or from results; "
            "begin again from the contacts"
        )


def check_numbers(numbers: npt.NDArray[np.int64], sendable: npt.NDArray[np.bool_]) -> None:
    """Refuse a row without a number that is to be sent to."""
    without = sendable & (numbers == 0)
    if without.any():
        raise PlanError(
            f"row position {int(without.argmax())} has neither a number nor a problem: leave "
            "mms_e164 and mms_problem as `prepare` wrote them"
        )
