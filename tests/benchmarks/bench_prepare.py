"""How fast `prepare` and `plan` are, beside row-by-row phonenumbers code and reading the same CSV.

Run ``python tests/benchmarks/bench_prepare.py [--rows N] [--sample N] [--repeats N]``. All figures
come from one process, in seconds of processor time over all its threads, so that neighbours on a
shared machine count little; each is the best of the repeats.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import random
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import phonenumbers
import pyarrow as pa
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

import mmsbatch as mms
from mmsbatch.planning.prepare import prepare
from mmsbatch.planning.problems import summarize

NOTATIONS: list[tuple[float, Callable[[str], str | None]]] = [
    (33.0, lambda n: pairs(n, " ")),
    (24.0, lambda n: "0" + n),
    (8.0, lambda n: "+33" + n),
    (6.0, lambda n: "+33 " + pairs(n, " ")[1:]),
    (5.0, lambda n: pairs(n, ".")),
    (3.0, lambda n: pairs(n, "-")),
    (3.0, lambda n: "0033" + n),
    (4.0, lambda n: n),
    (2.0, lambda n: n + ".0"),
    (1.5, lambda n: "33" + n),
    (1.5, lambda n: pairs(n, "\u00a0")),
    (1.0, lambda n: "+33 (0)" + pairs(n, " ")[1:]),
    (0.5, lambda n: f"(0{n[0]}) {pairs(n, ' ')[3:]}"),
    (2.0, lambda n: pairs("1" + n[1:], " ")),
    (0.5, lambda n: "0892" + n[3:]),
    (0.7, lambda n: "+44 7" + n),
    (0.3, lambda n: "+3247" + n[2:]),
    (0.3, lambda n: "0692" + n[3:]),
    (1.5, lambda _: None),
    (0.3, lambda _: "n/a"),
    (0.3, lambda _: "non communiqué"),
    (0.4, lambda n: pairs(n, " ") + " / 06" + n[1:]),
    (0.3, lambda n: "tél : 0" + n),
    (0.3, lambda n: "O" + n),
    (0.3, lambda n: "0" + n[:-1]),
    (0.3, lambda n: f"{n[0]},{n[1:6]}E+08"),
]
"""Shares in percent of the ways of writing a number: a dirty export, all in all."""


def pairs(number: str, separator: str) -> str:
    national = "0" + number
    return separator.join(national[at : at + 2] for at in range(0, 10, 2))


def dirty_numbers(rows: int) -> list[str | None]:
    """Write made-up mobiles, 2 % of them twice, in all notations (seeded)."""
    choose = random.Random(7)  # noqa: S311  (no secret: the same rows on every run)
    weights = [weight for weight, _ in NOTATIONS]
    found: list[str | None] = []
    numbers: list[str] = []
    for _, write in choose.choices(NOTATIONS, weights, k=rows):
        if numbers and choose.random() < 0.02:
            number = choose.choice(numbers)
        else:
            start = choose.choice(["60", "61", "62", "64", "66", "68", "73", "75", "78"])
            number = f"{start}{choose.randrange(10**7):07d}"
            numbers.append(number)
        found.append(write(number))
    return found


def row_by_row(text: str | None) -> tuple[str | None, str | None]:
    """What a user writes today with phonenumbers."""
    if not isinstance(text, str):
        return None, "missing"
    try:
        number = phonenumbers.parse(text, "FR")
    except NumberParseException:
        return None, "malformed"
    if not phonenumbers.is_valid_number(number):
        return None, "malformed"
    if number.country_code != 33:
        return None, "foreign"
    if phonenumbers.number_type(number) != PhoneNumberType.MOBILE:
        return None, "landline"
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), None


def row_by_row_frame(contacts: pd.DataFrame) -> pd.DataFrame:
    verdicts = [row_by_row(text) for text in contacts["mobile"]]
    out = contacts.copy()
    out["e164"] = [number for number, _ in verdicts]
    out["problem"] = [problem for _, problem in verdicts]
    out["duplicate"] = out["e164"].notna() & out["e164"].duplicated()
    return out


def best(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the fastest repeat."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=40_000, help="rows for the row-by-row code")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()

    print(
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"pandas {pd.__version__}, NumPy {np.__version__}, pyarrow {pa.__version__}, "
        f"phonenumbers {phonenumbers.__version__}"
    )
    contacts = pd.DataFrame({"mobile": pd.array(dirty_numbers(options.rows), dtype="str")})
    csv = contacts.to_csv(index=False).encode()
    sample = contacts.head(options.sample)
    start = time.process_time()
    prepare(sample.head(100), phone="mobile")
    first = time.process_time() - start
    row_by_row_frame(sample.head(100))

    ours = best(lambda: prepare(contacts, phone="mobile"), options.repeats) / len(contacts)
    theirs = best(lambda: row_by_row_frame(sample), options.repeats) / len(sample)
    reading = best(lambda: pd.read_csv(io.BytesIO(csv), dtype=str), options.repeats) / len(contacts)

    prepared = prepare(contacts, phone="mobile")
    campaign = mms.Campaign("mesure", mms.Text("Bonjour"))
    planning = best(lambda: mms.plan(prepared, campaign).fingerprint, options.repeats)
    counts = summarize(prepared)
    print(f"{counts.rows:,} rows, {counts.sendable:,} sendable; problems {counts.problems}")
    print(f"the very first call of a process: {first:.2f} s (reads the metadata)")
    for name, seconds in (
        ("prepare", ours),
        ("plan and fingerprint", planning / len(contacts)),
        ("phonenumbers row by row", theirs),
        ("pd.read_csv(dtype=str)", reading),
    ):
        print(f"{name:<24} {1 / seconds:>12,.0f} rows/s  {seconds * options.rows:>8.3f} s in all")
    print(f"prepare is {theirs / ours:.0f} times as fast as phonenumbers row by row")
    print(f"prepare takes {ours / reading:.2f} of the time of reading the same rows")
    print(f"plan takes {planning / len(contacts) / ours:.2f} of the time of prepare")


if __name__ == "__main__":
    main()
