"""Energy -> CO2-equivalents: mean energy of a configuration's runs x intensity of a place x PUE.

The intensity is one number a place, so that within a place every ratio, interval and decision is that of energy; what
differs between places is the size alone. Nothing is computed unless the protocol asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.findings import Carbon, Estimate, Footprint, Place
from analysis.intensities import table, table_source
from analysis.numbers import significant
from analysis.statistics.describe import mean

if TYPE_CHECKING:
    import pandas as pd

    from analysis.response import Response
    from harness.protocol_model import Carbon as Asked

J_PER_KWH = 3.6e6
NO_ENERGY = "no run of the headline has an energy"
GIVEN = "given in the protocol"


def carbon(
    asked: Iterable[Asked], runs: pd.DataFrame, configurations: Sequence[str], energy: Response, level: float
) -> Carbon | None:
    """The CO2 of each configuration's mean run in each place asked for; None where none is.

    ``runs`` (columns configuration, state, energy_J) as the study has them; those of its headline count. Grams, with
    the t interval of the mean of energy; a place of no known intensity has no value and says why.
    """
    places = _told_apart([place_of(item) for item in asked])
    if not places:
        return None
    headline = runs[(runs.state == "headline") & np.isfinite(runs.energy_J)]
    footprints = []
    for name in configurations:
        energy_J = mean(headline[headline.configuration == name].energy_J.to_numpy(dtype=float), "J", level)
        footprints += [Footprint(name, place.name, _emitted(energy_J, place)) for place in places]
    return Carbon(energy.phrase, energy.domains, energy.quality, places, tuple(footprints))


def place_of(asked: Asked) -> Place:
    """A place as the protocol asks for it, with its intensity: the protocol's own number before the table's."""
    known = table().get(asked.country or "")
    name = asked.place or (known.name if known else asked.country or "")
    country = asked.country or ""
    if asked.intensity_g_per_kWh is not None:
        source = f"{GIVEN}: {asked.source}" if asked.source else f"{GIVEN}, which names no source"
        return Place(name, country, asked.intensity_g_per_kWh, None, source, asked.pue)
    if known is None:
        return Place(name, country, None, None, f"the table has no {country}", asked.pue)
    return Place(name, country, known.g_per_kWh, known.year, table_source(), asked.pue)


def _told_apart(places: Iterable[Place]) -> tuple[Place, ...]:
    """The places, numbered where two are called the same: one by its own name, one by that of its country."""
    told: dict[str, Place] = {}
    for place in places:
        name, number = place.name, 2
        while name in told:
            name, number = f"{place.name} ({number})", number + 1
        told[name] = replace(place, name=name)
    return tuple(told.values())


def words(found: Carbon | None) -> str:
    """What the methods paragraph says of it; empty where no CO2 was asked for."""
    known = [place for place in found.places if place.intensity_g_per_kWh is not None] if found else []
    if found is None or not known:
        return ""
    told = "; ".join(
        f"{place.name} {significant(place.intensity_g_per_kWh)} g/kWh ({f'{place.year}, ' if place.year else ''}"
        f"PUE {place.pue:g}, {place.source})"
        for place in known
    )
    return (
        f"CO₂-equivalents are the {found.energy} times the carbon intensity of the place's electricity times its power "
        f"usage effectiveness (PUE): {told}."
    )


def _emitted(energy: Estimate, place: Place) -> Estimate:
    if place.intensity_g_per_kWh is None:
        return Estimate(None, "g", n=energy.n, note=place.source)
    if energy.value is None:
        return Estimate(None, "g", n=energy.n, note=NO_ENERGY)
    factor = place.intensity_g_per_kWh * place.pue / J_PER_KWH
    low, high = (None if item is None else item * factor for item in (energy.low, energy.high))
    return Estimate(energy.value * factor, "g", low, high, energy.level, energy.n, energy.note)
