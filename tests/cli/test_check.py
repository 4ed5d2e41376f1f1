"""A file checked batch by batch is the file checked whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mmsbatch as mms
from mmsbatch.cli.check import check
from mmsbatch.contacts.reading import BATCH_ROWS
from mmsbatch.errors import InputError


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two batches and a bit, with numbers that come again across their borders."""
    rows = 2 * BATCH_ROWS + 1000
    numbers = np.random.default_rng(7).integers(0, 10_000, rows)
    cells = [f"063998{number:04d}" for number in numbers[:-3]]
    cells += ["0199000001", "", "nope"]
    path = tmp_path_factory.mktemp("long") / "long.parquet"
    pd.DataFrame({"id": range(rows), "mobile": cells}).to_parquet(path)
    return path


def test_batches_give_what_the_whole_gives(long_file: Path, tmp_path: Path) -> None:
    """Verdicts, duplicates across batches, and counts."""
    out = tmp_path / "out.parquet"
    checked = check(str(long_file), "mobile", fictional=True, out=out)
    whole = mms.prepare(mms.read_contacts(long_file), phone="mobile", fictional=True)
    written = pd.read_parquet(out)
    assert checked.summary == whole.summary
    assert checked.examples == {
        "duplicate": whole.examples("duplicate"),
        "landline": "019900••••",
        "malformed": "nope",
        "missing": "",
    }
    for name in written.columns:
        expected, found = whole[name].astype(object), written[name].astype(object)
        pd.testing.assert_series_equal(found, expected, check_index=False)


def test_counting_alone_needs_no_column_named(long_file: Path) -> None:
    """The one column that looks like phones is found in the first batch."""
    assert check(str(long_file), fictional=True).summary.sendable == 10_000


def test_a_broken_batch_leaves_no_file(tmp_path: Path) -> None:
    """What was written of the batches before it is taken away again."""
    path, out = tmp_path / "export.csv", tmp_path / "out.parquet"
    rows = "0639980001;x\n" * 300_000
    path.write_text(f"mobile;note\n{rows}0639980002\n")
    out.write_bytes(b"old")
    with pytest.raises(InputError, match="300002"):
        check(str(path), "mobile", fictional=True, out=out)
    assert out.read_bytes() == b"old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["export.csv", "out.parquet"]


@pytest.mark.parametrize(
    ("name", "word"),
    [("out.xls", "must end in .parquet, .csv, .xlsx or .json"), ("no/out.csv", "does not exist")],
)
def test_a_place_that_cannot_be_written_is_told_first(
    name: str, word: str, long_file: Path, tmp_path: Path
) -> None:
    """Before minutes of work."""
    with pytest.raises(InputError, match=word):
        check(str(long_file), "mobile", fictional=True, out=tmp_path / name)
