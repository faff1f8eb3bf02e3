"""How much CO2 a kilowatt-hour of electricity stands for, by country: the table that ships with nightwatt.

``carbon_intensity.csv`` beside this file; its head names unit and source. Standard library only: a protocol is checked
against it before a night.
"""

from __future__ import annotations

import csv
import difflib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.protocol_model import Carbon

FILE = Path(__file__).with_name("carbon_intensity.csv")
_SOURCE = "# source: "


@dataclass(frozen=True)
class Intensity:
    """One country's electricity."""

    country: str
    """ISO 3166, three letters."""
    name: str
    year: int
    g_per_kWh: float
    """CO2-equivalents over the life cycle, mean of the year, of what was generated in the country."""


@functools.cache
def table() -> Mapping[str, Intensity]:
    """Every country of the table, by its code."""
    with open(FILE, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {
            row["country"]: Intensity(row["country"], row["name"], int(row["year"]), float(row["g_per_kWh"]))
            for row in rows
        }


@functools.cache
def table_source() -> str:
    """Where the table comes from, in words."""
    with open(FILE, encoding="utf-8") as file:
        return next(line.removeprefix(_SOURCE).strip() for line in file if line.startswith(_SOURCE))


def unknown_countries(asked: Iterable[Carbon]) -> list[tuple[int, str, str]]:
    """The places whose country the table lacks and that bring no intensity: their order, the country, the remedy."""
    found = []
    for place, item in enumerate(asked):
        if item.country is not None and item.intensity_g_per_kWh is None and item.country not in table():
            found.append((place, item.country, f"{_near(item.country)}or give intensity_g_per_kWh and its source"))
    return found


def _near(country: str) -> str:
    near = difflib.get_close_matches(country, list(table()), 3, cutoff=0.6)
    named = ", ".join(f"{code} ({table()[code].name})" for code in near)
    return f"near it: {named}; " if named else "the table knows the codes of ISO 3166, such as NLD; "
