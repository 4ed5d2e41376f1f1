"""A plan as Parquet, and back: one file, or a folder of parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from mmsbatch import frames, parquet
from mmsbatch.campaign.campaign import Campaign
from mmsbatch.planning.part import RowsInFile, RowsInMemory
from mmsbatch.planning.plan import Plan

FINGERPRINT = "mmsbatch.fingerprint"
"""The key in each file's metadata."""


def write_plan(plan: Plan, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the rows of a plan.

    Parameters
    ----------
    plan
        What is written.
    path
        A file, or a folder if the plan has several parts; put in place whole.
    metadata
        Added to each file's.

    Raises
    ------
    RunError
        It cannot be written.
    """
    schema = pa.unify_schemas([part.table().schema for part in plan.parts])
    tables = (frames.aligned(part.table(), schema) for part in plan.parts)
    parquet.write_parts(tables, len(plan.parts), path, metadata)


def read_plan(path: Path, campaign: Campaign) -> tuple[Plan, dict[str, str]]:
    """Read a plan back; of several parts, its rows stay in their files.

    Parameters
    ----------
    path
        As given to `write_plan`.
    campaign
        What it sends.

    Returns
    -------
    Plan and dict
        And the metadata of its (first) file.

    Raises
    ------
    RunError
        A file is missing, or not Parquet.
    """
    files = parquet.part_files(path)
    metadata = parquet.read_metadata(files[0])
    parts = [RowsInFile(file) for file in files]
    if len(parts) == 1:
        return Plan([RowsInMemory(parts[0].frame())], campaign), metadata
    return Plan(parts, campaign), metadata
