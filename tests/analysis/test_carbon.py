"""Energy as CO2: the table, the arithmetic, what the report states of it, and that it is absent unless asked for."""

import csv
import dataclasses
import io
import math

import pytest

from analysis import intensities, tables
from analysis.carbon import carbon, place_of, words
from analysis.findings_file import read_findings, write_findings
from analysis.listings import carbon as listing
from analysis.listings.sections import sections
from analysis.load import load
from analysis.observations import observations
from analysis.report import write_report
from analysis.study import examine, study
from harness.protocol_model import Carbon

approx = pytest.approx
NLD = {"country": "NLD"}
HOME = {"place": "the roof", "intensity_g_per_kWh": 41.0, "source": "our inverter, 2025", "pue": 1.25}


def night(simulate, *places, **settings):
    analysis = {"carbon": list(places), **settings.pop("analysis", {})}
    return simulate(protocol={"analysis": analysis}, **settings)


def listed(made):
    """The tables of its report, by name."""
    loaded = load(made.path)
    examined = examine(loaded)
    rows = observations(examined.runs, domains=examined.choice.domains)
    return {table.name: table for table in sections(loaded, examined, rows).every()}


# ---- the table


def test_the_table_names_source_year_and_unit_and_holds_no_zero():
    assert "Our World in Data" in intensities.table_source()
    assert "g CO2-equivalents per kWh" in intensities.FILE.read_text("utf-8").splitlines()[0]
    assert 200 < len(intensities.table()) < 260
    for code, item in intensities.table().items():
        assert code == item.country
        assert len(code) == 3
        assert item.name
        assert 2000 <= item.year <= 2030
        assert 1 < item.g_per_kWh < 1500


def test_the_table_is_that_of_codecarbon_as_it_says():
    pytest.importorskip("codecarbon")
    from codecarbon.input import DataSource

    theirs = DataSource().get_global_energy_mix_data()
    ours = {code: (item.g_per_kWh, item.year, item.name) for code, item in intensities.table().items()}
    assert {"CAF"} == set(theirs) - set(ours)
    assert ours == {
        code: (item["carbon_intensity"], item["year"], item["country_name"])
        for code, item in theirs.items()
        if code != "CAF"
    }


def test_a_country_that_the_table_lacks_is_named_with_those_near_it():
    asked = [Carbon(country="NLD"), Carbon(country="NLX"), Carbon(country="XXX", intensity_g_per_kWh=3.0)]
    ((place, country, remedy),) = intensities.unknown_countries(asked)
    assert (1, "NLX") == (place, country)
    assert "NLD (Netherlands)" in remedy
    assert "intensity_g_per_kWh" in remedy


# ---- the arithmetic


def test_grams_are_kilowatt_hours_times_intensity_times_PUE(simulate_once):
    made = night(simulate_once, NLD, HOME)
    found = study(load(made.path)).carbon
    mean_J = {name: math.fsum(made.energies(name)) / len(made.energies(name)) for name in ("base", "lean")}
    factors = {"Netherlands": intensities.table()["NLD"].g_per_kWh, "the roof": 41.0 * 1.25}
    for item in found.footprints:
        assert mean_J[item.configuration] / 3.6e6 * factors[item.place] == approx(item.mean.value, rel=1e-9)
    assert 4 == len(found.footprints)


def test_the_interval_is_that_of_energy_and_the_ratio_between_configurations_too(simulate_once):
    findings = study(load(night(simulate_once, NLD).path))
    for group, item in zip(findings.groups, findings.carbon.footprints, strict=True):
        for of_carbon, of_energy in ((item.mean.low, group.mean.low), (item.mean.high, group.mean.high)):
            assert of_energy / group.mean.value == approx(of_carbon / item.mean.value)
        assert (group.mean.n, group.mean.level, "g") == (item.mean.n, item.mean.level, item.mean.unit)


def test_runs_outside_the_headline_do_not_count(simulate_once):
    made = night(simulate_once, NLD, blocks=20, outliers={"b03-1": 3.0}, invalid=["b04-2"])
    examined = examine(load(made.path))
    runs = examined.runs
    assert (runs.state == "outlier").any()
    for item in examined.findings.carbon.footprints:
        kept = runs[(runs.state == "headline") & (runs.configuration == item.configuration)]
        assert kept.energy_J.mean() / 3.6e6 * intensities.table()["NLD"].g_per_kWh == approx(item.mean.value)


def test_energy_is_counted_whatever_is_compared(simulate_once):
    by_energy = study(load(night(simulate_once, NLD).path)).carbon
    by_duration = study(load(night(simulate_once, NLD, analysis={"metric": "duration"}).path)).carbon
    assert "energy of train (gpu0)" == by_duration.energy
    assert [item.mean.value for item in by_energy.footprints] == approx(
        [item.mean.value for item in by_duration.footprints]
    )


def test_an_intensity_of_the_protocol_overrides_the_table_and_says_so():
    place = place_of(Carbon(country="NLD", intensity_g_per_kWh=12.0, source="contract, 2026"))
    assert ("Netherlands", 12.0, None) == (place.name, place.intensity_g_per_kWh, place.year)
    assert "given in the protocol: contract, 2026" == place.source
    bare = place_of(Carbon(place="here", intensity_g_per_kWh=0.0))
    assert (0.0, "given in the protocol, which names no source") == (bare.intensity_g_per_kWh, bare.source)


def test_a_country_without_an_intensity_gives_no_number_but_its_reason(simulate_once):
    found = study(load(night(simulate_once, {"country": "QQQ"}, NLD).path))
    unknown = [item for item in found.carbon.footprints if item.place == "QQQ"]
    assert [(None, "the table has no QQQ")] * 2 == [(item.mean.value, item.mean.note) for item in unknown]
    text = tables.to_markdown(listing.carbon(found))
    assert "the table has no QQQ" in text
    assert "QQQ" not in words(found.carbon)


def test_a_night_without_energy_has_no_CO2_of_zero(simulate_once):
    found = study(load(night(simulate_once, NLD, energy=False).path))
    nothing = (None, "no run of the headline has an energy")
    assert [nothing] * 2 == [(item.mean.value, item.mean.note) for item in found.carbon.footprints]


def test_two_places_of_one_name_are_told_apart(simulate_once):
    found = study(load(night(simulate_once, NLD, {**HOME, "place": "Netherlands"}).path))
    assert ["Netherlands", "Netherlands (2)"] == [place.name for place in found.carbon.places]


# ---- what is said of it


def test_nothing_is_said_of_CO2_unless_the_protocol_asks_for_it(simulate_once):
    made = simulate_once()
    findings = study(load(made.path))
    assert findings.carbon is None
    assert "CO₂" not in findings.methods
    assert not {"carbon", "places"} & set(listed(made))
    with pytest.raises(ValueError, match=r"no CO2 was asked for"):
        listing.carbon(findings)


@pytest.mark.usefixtures("unrendered")
def test_the_report_states_table_year_unit_place_PUE_and_what_is_counted(simulate_once, tmp_path):
    written = write_report(night(simulate_once, NLD, HOME).path, tmp_path / "report")
    carbon_text = (written.folder / "tables/carbon.md").read_text("utf-8")
    places = (written.folder / "tables/places.md").read_text("utf-8")
    for part in (
        "Netherlands \\[interval\\], mg",
        "the roof \\[interval\\], mg",
        "Only the electricity of gpu0",
        "is that of",
    ):
        assert part in carbon_text
    for part in ("Netherlands", "NLD", "267.6", "2023", "g CO₂e/kWh", "Our World in Data", "the roof", "41", "1.25",
                 "our inverter, 2025", "not of the hour"):  # fmt: skip
        assert part in places
    page = written.index.read_text("utf-8")
    assert "CO₂-equivalents by configuration and place" in page
    assert "CO₂-equivalents are the energy of train (gpu0) times the carbon intensity" in page
    assert "Netherlands 267.6 g/kWh (2023, PUE 1," in written.findings.methods


def test_the_csv_holds_unrounded_grams_under_the_names_of_the_places(simulate_once):
    found = study(load(night(simulate_once, NLD, HOME).path))
    first, *_ = csv.DictReader(io.StringIO(tables.to_csv(listing.carbon(found))))
    assert found.carbon.footprints[0].mean.value == float(first["Netherlands_g"])
    assert found.carbon.footprints[1].mean.low == float(first["the roof_g_low"])


def test_modelled_energy_gives_modelled_CO2_whatever_is_compared(simulate_once):
    for settings in ({}, {"analysis": {"metric": "duration"}}):
        made = night(simulate_once, NLD, quality="modelled", **settings)
        assert 1 == listed(made)["carbon"].title.count("(modelled, not measured)")
    assert "modelled" not in listed(night(simulate_once, NLD))["carbon"].title


def test_findings_with_CO2_are_read_back_as_they_were_written(simulate_once, tmp_path):
    findings = study(load(night(simulate_once, NLD, HOME).path))
    path = tmp_path / "findings.json"
    write_findings(path, findings)
    again = read_findings(path)
    assert findings.carbon.places == again.carbon.places
    assert findings.carbon.footprints[0].mean.value == approx(again.carbon.footprints[0].mean.value)
    write_findings(path, dataclasses.replace(findings, carbon=None))
    assert read_findings(path).carbon is None


def test_no_place_is_no_carbon():
    assert carbon((), None, ("a",), None, 0.95) is None
    assert "" == words(None)
