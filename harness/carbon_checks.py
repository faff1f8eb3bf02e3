"""What a protocol says of the places whose electricity is to be counted as CO2, against itself. Pure.

Whether a country is in the table of intensities is not known here: the table belongs to the analysis. CodeCarbon's own
table is a file of its package, which is read where that is installed; the package itself is not imported.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness.errors import Problem
from harness.protocol_model import Protocol

PACKAGE, COUNTRIES = "codecarbon", "data/private_infra/global_energy_mix.json"


def check_codecarbon(protocol: Protocol) -> Iterator[Problem]:
    """A country that the installed CodeCarbon does not have; where it is not installed the probe refuses the night."""
    asked = protocol.instruments.codecarbon
    known = _countries() if asked is not None else []
    if asked is not None and known and asked.country not in known:
        near = difflib.get_close_matches(asked.country, known, 3, cutoff=0.5)
        remedy = "give its ISO 3166 code of three letters" + (f", such as {', '.join(near)}" if near else "")
        yield Problem("instruments.codecarbon.country", "CodeCarbon has no such country", repr(asked.country), remedy)


def _countries() -> list[str]:
    """The countries of the installed CodeCarbon; none where it is not installed, or keeps them elsewhere."""
    try:
        found = importlib.util.find_spec(PACKAGE)
        folders = (found.submodule_search_locations or []) if found is not None else []
        tables = [json.loads((Path(folder) / COUNTRIES).read_bytes()) for folder in folders]
    except (OSError, ValueError, ImportError):
        return []
    return [str(country) for table in tables if isinstance(table, dict) for country in table]


def check_carbon(protocol: Protocol) -> Iterator[Problem]:
    """Places that have no intensity, no name, or a name twice, and sources of nothing."""
    places = protocol.analysis.carbon
    for index, item in enumerate(places):
        key = f"analysis.carbon[{index}]"
        if item.country is None and item.intensity_g_per_kWh is None:
            remedy = 'name a country, as in country = "NLD", or give intensity_g_per_kWh with place and source'
            yield Problem(key, "neither a country nor an intensity", remedy=remedy)
        elif item.country is None and not item.place.strip():
            yield Problem(
                f"{key}.place", "an intensity of one's own needs the name of its place", remedy="add place = …"
            )
        if item.source and item.intensity_g_per_kWh is None:
            remedy = "add intensity_g_per_kWh, or remove it: the table of countries says its own source"
            yield Problem(f"{key}.source", "the source of no number", repr(item.source), remedy)
    names = Counter(item.place or item.country for item in places if item.place or item.country)
    for name in sorted(str(name) for name, count in names.items() if count > 1):
        remedy = "tell the two apart by place = …"
        yield Problem("analysis.carbon", f"two places are called {name!r}", remedy=remedy)
