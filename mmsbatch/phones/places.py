"""Where a number that is not metropolitan French leads: territories and countries, by name. Pure.

The gateway serves metropolitan France only (§1.4), so these names are for people: they stand in
``mms_detail`` beside ``overseas`` and ``foreign``.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber

from mmsbatch.phones.numbering import NATIONAL_TERRITORIES

TERRITORY_NAMES: Final = {
    "RE": "Réunion",
    "YT": "Mayotte",
    "GP": "Guadeloupe",
    "BL": "Saint Barthélemy",
    "MF": "Saint Martin",
    "GF": "French Guiana",
    "MQ": "Martinique",
    "PM": "Saint Pierre and Miquelon",
    "WF": "Wallis and Futuna",
    "PF": "French Polynesia",
    "NC": "New Caledonia",
}

NO_DETAIL: Final = -1
_TERRITORY_SETS: Final = 1 << len(NATIONAL_TERRITORIES)
_NON_GEOGRAPHIC: Final = "001"
"""What the metadata calls the region of +800, +870 and the like."""


@cache
def regions_of(code: int) -> tuple[str, ...]:
    """Regions behind a calling code; none for a code that does not exist."""
    return tuple(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ()))


@cache
def territory_bits(code: int) -> int:
    """Territories behind a calling code, as the bits of ``Numbering.territories``."""
    return sum(
        1 << bit for bit, name in enumerate(NATIONAL_TERRITORIES) if name in regions_of(code)
    )


def is_overseas(code: int) -> bool:
    """Tell whether a calling code is that of a French overseas territory."""
    return any(region in TERRITORY_NAMES for region in regions_of(code))


@cache
def calling_codes() -> npt.NDArray[np.int16]:
    """Table from the first three digits after ``+`` to the calling code; -1 where there is none."""
    table = np.full(1000, -1, np.int16)
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        span = 10 ** (3 - len(str(code)))
        table[code * span : (code + 1) * span] = code
    return table


@cache
def possible_lengths(code: int) -> int:
    """Bit ``n`` is set when ``n`` digits may follow a calling code."""
    bits = 0
    for region in regions_of(code):
        metadata: Any = (
            PhoneMetadata.metadata_for_nongeo_region(code)
            if region == _NON_GEOGRAPHIC
            else PhoneMetadata.metadata_for_region(region)
        )
        for length in metadata.general_desc.possible_length:
            bits |= 1 << length
    return bits


# ----- details: one integer per name, the same for every column -----------------------------------


@cache
def _regions() -> tuple[str, ...]:
    return tuple(sorted(phonenumbers.SUPPORTED_REGIONS))


@cache
def region_detail(code: int, leading: str, length: int) -> int:
    """Detail of an international number, from its calling code and leading digits alone.

    Several countries may share a calling code: the leading digits are completed with a fixed tail,
    so that the answer depends on nothing but them.

    Parameters
    ----------
    code : int
        Calling code.
    leading : str
        First digits of the national significant number.
    length : int
        Digits of the national significant number.
    """
    regions = regions_of(code)
    region: str | None = regions[0]
    if len(regions) > 1:
        completed = (leading + "23456789012345678")[:length]
        number = PhoneNumber(
            country_code=code,
            national_number=int(completed),
            italian_leading_zero=True if completed.startswith("0") else None,
        )
        region = phonenumbers.region_code_for_number(number) or regions[0]
    if region == _NON_GEOGRAPHIC:
        return _TERRITORY_SETS + len(_regions()) + code
    return _TERRITORY_SETS + _regions().index(region)


def detail_name(detail: int) -> str:
    """Write a detail out: territories (bits) below 256, then regions, then bare calling codes."""
    if detail < _TERRITORY_SETS:
        names = [
            TERRITORY_NAMES[region]
            for bit, region in enumerate(NATIONAL_TERRITORIES)
            if detail >> bit & 1
        ]
        return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    place = detail - _TERRITORY_SETS
    if place < len(_regions()):
        return region_name(_regions()[place])
    return f"+{place - len(_regions())}"


def region_name(region: str) -> str:
    """English name of a region, or its code where none is known."""
    return TERRITORY_NAMES.get(region) or _english_names().get(region, region)


@cache
def _english_names() -> dict[str, str]:
    """Names of regions in English, from the file that ``phonenumbers.geocoder`` uses.

    Importing that module would read every area code of the world, for five seconds, so the one
    file is read by itself; without it a region is called by its code.
    """
    path = Path(phonenumbers.__file__).parent / "geodata" / "locale.py"
    spec = importlib.util.spec_from_file_location("phonenumbers.geodata.locale", path)
    if spec is None or spec.loader is None or not path.exists():
        return {}
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    english: dict[str, str] = {}
    for region, names in module.LOCALE_DATA.items():
        name = names.get("en", region)
        english[region] = names[name[1:]] if name.startswith("*") else name  # "*aa": as in Afar
    return english
