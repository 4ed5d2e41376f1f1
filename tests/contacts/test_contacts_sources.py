"""Where contacts lie: files, folders, archives and URLs; and the formats that have types."""

from __future__ import annotations

import gzip
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import known_implementations

from conftest import ROOT, TESTS
from mmsbatch.contacts.reading import contact_batches, read_contacts, rows_hint
from mmsbatch.errors import ContactsError

SAMPLES: Final = ROOT / "data" / "samples"
DAMAGED: Final = TESTS / "damaged"
CSV: Final = "id;mobile\n1;0639980001\n2;\n"


@pytest.fixture
def memory() -> Iterator[Any]:
    """Fsspec's file system in memory, emptied afterwards."""
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs.clear()


@pytest.mark.parametrize("name", ["crm.csv", "crm.xlsx", "crm.parquet"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_url_is_read_like_a_file(name: str, *, packed: bool, memory: Any) -> None:
    """Each format, plain and compressed."""
    content = (SAMPLES / name).read_bytes()
    url = f"/shop/{name}{'.gz' if packed else ''}"
    memory.pipe(url, gzip.compress(content) if packed else content)
    pd.testing.assert_frame_equal(
        read_contacts(SAMPLES / name), read_contacts(f"memory://{url}"), check_exact=True
    )


def test_a_folder_at_a_url_is_read_like_a_folder(memory: Any) -> None:
    """Parts in the order of their names."""
    for name in ("b.csv", "a.csv", "_SUCCESS"):
        memory.pipe(f"/parts/{name}", f"id;mobile\n{name};0639980001\n".encode())
    assert read_contacts("memory://parts")["id"].tolist() == ["a.csv", "b.csv"]


def test_what_is_not_there_names_its_neighbour(tmp_path: Path, memory: Any) -> None:
    """A mistyped name is the commonest mistake."""
    (tmp_path / "crm.csv").write_text(CSV)
    memory.pipe("/shop/crm.csv", CSV.encode())
    for source in (tmp_path / "crn.csv", "memory://shop/crn.csv"):
        with pytest.raises(ContactsError, match=r"no such file\. Did you mean 'crm\.csv'\?"):
            read_contacts(source)
    with pytest.raises(ContactsError, match="folder is not there either"):
        read_contacts(tmp_path / "nowhere" / "crm.csv")


def test_a_file_system_that_is_not_installed_names_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What to install is fsspec's knowledge; the login in the URL is not repeated."""
    monkeypatch.setitem(
        known_implementations,
        "shop",
        {"class": "no_such_package.Files", "err": "Install no_such_package to reach shops"},
    )
    with pytest.raises(ContactsError, match="Install no_such_package") as caught:
        read_contacts("shop://login:passcode@host/crm.csv")
    assert "passcode" not in str(caught.value)


def test_an_unknown_protocol_names_the_nearest() -> None:
    """A slip in the protocol is not a missing file."""
    with pytest.raises(ContactsError, match=r"htpps:// is not known\. Did you mean 'https'"):
        read_contacts("htpps://example.com/crm.csv")


def test_a_refused_opening_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to guess: the permission is missing. Refused by hand, for tests run by root."""

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "crm.csv"
    path.write_text(CSV)
    monkeypatch.setattr(LocalFileSystem, "_open", refuse)
    with pytest.raises(ContactsError, match="may not be read by this user"):
        read_contacts(path)


def test_a_name_without_a_known_suffix_goes_by_content(tmp_path: Path) -> None:
    """Exports are often called ``export`` or ``clients.dat``."""
    for name in ("export", "clients.dat", "2026.01"):
        shutil.copy(SAMPLES / "crm.parquet", tmp_path / name)
        assert len(read_contacts(tmp_path / name)) == 1500


@pytest.mark.parametrize("name", ["typed.xlsx", "typed.parquet", "legacy.xls", "libreoffice.ods"])
def test_formats_within_a_compression_are_read(name: str, tmp_path: Path) -> None:
    """A workbook or Parquet needs its end first, so it is unpacked into memory."""
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress((DAMAGED / name).read_bytes()))
    pd.testing.assert_frame_equal(read_contacts(DAMAGED / name), read_contacts(path))


def test_a_sheet_is_found_by_name() -> None:
    """And a mistyped one names the nearest and all there are."""
    path = DAMAGED / "several_sheets.xlsx"
    assert read_contacts(path, sheet="Prospects")["mobile"].tolist() == ["0639980002"]
    with pytest.raises(ContactsError, match=r"'prospect'.*mean 'Prospects'.*Clients, Prospects, V"):
        read_contacts(path, sheet="prospect")
    with pytest.raises(ContactsError, match="sheet 'Vide' is empty"):
        read_contacts(path, sheet="Vide")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("crm.csv", {"sheet": "Clients"}),
        ("crm.xlsx", {"separator": ";"}),
        ("crm.parquet", {"encoding": "cp1252"}),
    ],
)
def test_an_option_of_another_format_is_refused(name: str, option: dict[str, Any]) -> None:
    """It would change nothing, so somebody is mistaken about the file."""
    with pytest.raises(ContactsError, match=f"{next(iter(option))} means nothing"):
        read_contacts(SAMPLES / name, **option)


def parquet(tmp_path: Path, **columns: Any) -> Path:
    """Write one row group."""
    path = tmp_path / "typed.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_floats_are_digits_only_while_every_digit_is_certain(tmp_path: Path) -> None:
    """Up to 2**53 a float is one whole number; in single precision only up to 2**24."""
    path = parquet(
        tmp_path,
        double=pa.array([639980001.0, 2.0**53 - 1, 2.0**53, -0.5, float("inf"), None]),
        single=pa.array([639980001.0, 2.0**24 - 1, 2.0**24, 0.5, float("nan"), 0], pa.float32()),
    )
    contacts = read_contacts(path)
    assert contacts["double"].tolist()[:5] == [
        "639980001",
        "9007199254740991",
        "9.007199254740992e+15",
        "-0.5",
        "inf",
    ]
    assert contacts["single"].fillna("").tolist() == [
        "6.3998e+08",
        "16777215",
        "1.6777216e+07",
        "0.5",
        "",
        "0",
    ]


def test_times_are_iso(tmp_path: Path) -> None:
    """With ``T``, without zeros that say nothing, with the offset where a zone is known."""
    moment = datetime(2026, 1, 5, 9, 30, 15, 250_000, tzinfo=UTC)
    path = parquet(
        tmp_path,
        aware=pa.array([moment], pa.timestamp("us", "Europe/Paris")),
        naive=pa.array([moment.replace(tzinfo=None, microsecond=0)], pa.timestamp("ns")),
    )
    assert read_contacts(path).iloc[0].tolist() == [
        "2026-01-05T10:30:15.250000+01:00",
        "2026-01-05T09:30:15",
    ]


def test_pandas_own_index_does_not_become_the_index(tmp_path: Path) -> None:
    """A frame saved with a text index comes back with every column and positions as index."""
    path = tmp_path / "indexed.parquet"
    frame = pd.DataFrame({"mobile": ["0639980001"]}, index=pd.Index(["x"], name="id"))
    frame.to_parquet(path)
    contacts = read_contacts(path)
    assert contacts.columns.tolist() == ["mobile", "id"]
    assert contacts.index.tolist() == [0]


def test_only_the_columns_asked_for_leave_a_parquet(tmp_path: Path) -> None:
    """A column that cannot be text does not matter when it is not asked for."""
    path = parquet(tmp_path, mobile=["0639980001"], photo=pa.array([b"\xff\xd8"]))
    assert read_contacts(path, columns=["mobile"])["mobile"].tolist() == ["0639980001"]
    with pytest.raises(ContactsError, match="column 'photo'"):
        read_contacts(path)


def test_a_column_whose_name_begins_another_with_a_dot_is_its_own(tmp_path: Path) -> None:
    """Parquet writes nested columns with dots; flat names may have them too."""
    path = parquet(tmp_path, **{"tel": ["0639980001"], "tel.1": ["0639980002"]})
    assert read_contacts(path, columns=["tel"]).to_dict("list") == {"tel": ["0639980001"]}
    assert read_contacts(path, columns=["tel.1"]).to_dict("list") == {"tel.1": ["0639980002"]}


@pytest.mark.parametrize("name", ["crm.csv", "crm.xlsx", "crm.parquet"])
@pytest.mark.parametrize("batch_rows", [7, 499, 1500, 10_000])
def test_batches_have_the_size_asked_for(name: str, batch_rows: int) -> None:
    """All but the last; and together they are the whole."""
    batches = list(contact_batches(SAMPLES / name, batch_rows=batch_rows, columns=["mobile", "id"]))
    assert {len(batch) for batch in batches[:-1]} <= {batch_rows}
    assert all(0 < len(batch) <= batch_rows for batch in batches)
    pd.testing.assert_frame_equal(
        read_contacts(SAMPLES / name, columns=["mobile", "id"]), pd.concat(batches)
    )


def test_an_empty_part_is_no_error_when_others_have_rows(tmp_path: Path) -> None:
    """Spark writes parts with a header only; a folder of nothing else has no contacts."""
    (tmp_path / "a.csv").write_text("id;mobile\n")
    with pytest.raises(ContactsError, match="no rows"):
        read_contacts(tmp_path)
    (tmp_path / "b.csv").write_text(CSV)
    assert read_contacts(tmp_path)["id"].tolist() == ["1", "2"]


def test_the_hint_is_exact_for_parquet_and_near_for_csv(tmp_path: Path) -> None:
    """Good enough for a progress bar; silent where it would cost a pass."""
    path = tmp_path / "long.csv"
    path.write_text("id;mobile\n" + "1;0639980001\n" * 50_000)
    assert rows_hint(SAMPLES / "crm.parquet") == 1500
    assert rows_hint(path) == pytest.approx(50_000, rel=0.01)
    assert rows_hint(SAMPLES / "crm.xlsx") is None
    assert rows_hint(DAMAGED / "packed.csv.gz") is None
    assert rows_hint(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "name",
    [
        "typed.xlsx",
        "legacy.xls",
        "libreoffice.ods",
        "password.xlsx",
        "typed.parquet",
        "packed.zip",
        "packed.csv.gz",
        "packed.csv.xz",
        "packed.csv.zst",
        "utf16_mark_tabs.txt",
    ],
)
def test_a_file_with_changed_bytes_is_read_or_refused(name: str, tmp_path: Path) -> None:
    """Whatever the libraries below make of damage, it comes out as an error of this package."""
    whole = (DAMAGED / name).read_bytes()
    rng = random.Random(name)  # noqa: S311  (a fixed sequence is wanted)
    path = tmp_path / name
    said = []
    for changes in (1, 3, 20) * 20:
        content = bytearray(whole)
        for _ in range(changes):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            read_contacts(path)
        except ContactsError as error:
            said.append(str(error))
    assert said
    assert all(name in message for message in said)
