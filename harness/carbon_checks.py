"""What a protocol says of the places whose electricity is to be counted as CO2, against itself. Pure.

Whether a country is in the table of intensities is not known here: the table belongs to the analysis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.errors import Problem
from harness.protocol_model import Protocol


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
