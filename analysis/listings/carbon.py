"""CO2 in tables: each configuration's mean run in every place side by side, and what the places are."""

from __future__ import annotations

from analysis.findings import Carbon, Findings
from analysis.listings.rows import level_of, spread, table_of, why_not
from analysis.numbers import scale
from analysis.tables import Column, Table

RATIOS = (
    "Within a place every ratio and every decision is that of energy: the intensity is one number a place. The "
    "intervals are of the mean energy alone; how certain an intensity is, nobody says."
)


def carbon(findings: Findings) -> Table:
    """One row a configuration, one column a place."""
    found = _asked(findings)
    factor, unit = scale((item.mean.value for item in found.footprints), "g")
    keys = {place.name: f"{place.name}_g" for place in found.places}
    rows = []
    for name in dict.fromkeys(item.configuration for item in found.footprints):
        own = [item for item in found.footprints if item.configuration == name]
        row: dict[str, object] = {"configuration": name, "n": own[0].mean.n}
        for item in own:
            row |= spread(keys[item.place], item.mean)
        rows.append(row)
    columns = [
        Column("configuration", "configuration"),
        Column("n", "n", "count"),
        *(
            Column(
                f"{place.name} [interval], {unit}",
                keys[place.name],
                "interval",
                factor,
                missing=why_not(item.mean for item in found.footprints if item.place == place.name),
            )
            for place in found.places
        ),
    ]
    level = level_of(item.mean for item in found.footprints)
    notes = [
        f"CO₂-equivalents of one run, mean over the runs of the headline: {found.energy} × intensity × PUE."
        + (f" {level} % intervals." if level else ""),
        f"Only the electricity of {' + '.join(found.domains) or 'what was measured'}: not the rest of the machine, not "
        "its making.",
        RATIOS,
    ]
    return table_of(
        "carbon", f"CO₂-equivalents by configuration and place{_label(findings, found)}", rows, columns, notes
    )


def places(findings: Findings) -> Table:
    """One row a place: its intensity, year, PUE and source."""
    found = _asked(findings)
    rows = [
        {
            "place": place.name,
            "country": place.country or None,
            "intensity_g_per_kWh": place.intensity_g_per_kWh,
            "year": place.year,
            "pue": place.pue,
            "source": place.source,
        }
        for place in found.places
    ]
    columns = [
        Column("place", "place"),
        Column("country", "country", missing="the protocol names none"),
        Column("intensity, g CO₂e/kWh", "intensity_g_per_kWh", "number", missing="the table has no such country"),
        Column("year", "year", "count", missing="an intensity of the protocol's own says its year in its source"),
        Column("PUE", "pue", "number"),
        Column("source", "source"),
    ]
    notes = [
        "Intensities of the table are yearly means of what was generated in a country, over the life cycle: not of the "
        "hour of the night, not of imported electricity, not of one more kilowatt-hour. PUE: energy of the whole data "
        "centre over that of its machines.",
    ]
    return table_of("places", "Whose electricity: intensity, year, source", rows, columns, notes)


def _asked(findings: Findings) -> Carbon:
    if findings.carbon is None:
        raise ValueError("no CO2 was asked for")
    return findings.carbon


def _label(findings: Findings, found: Carbon) -> str:
    """Energy may be modelled where what is compared is not: the page labels its tables by what is compared."""
    return " (modelled, not measured)" if found.quality == "modelled" != findings.quality else ""
