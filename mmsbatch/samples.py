"""Where the sample export and the sample campaigns are: fictional people, fictional numbers."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_FOLDERS = (_HERE.parent / "data" / "samples", _HERE / "_samples")  # a checkout; an installation


def sample(name: str) -> Path:
    """Give the path of a sample: ``crm.csv``, ``crm.xlsx``, ``crm.parquet``, ``noel.toml``, ….

    Raises
    ------
    FileNotFoundError
        There is no such sample.
    """
    for folder in _FOLDERS:
        path = folder / name
        if path.exists():
            return path
    raise FileNotFoundError(f"no sample {name!r} in {' or '.join(map(str, _FOLDERS))}")
