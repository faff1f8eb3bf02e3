"""What a protocol may say of places, and of CodeCarbon."""

import sys

import pytest

from harness.errors import ProtocolError
from harness.protocol import parse_overrides, read

BASE = """
title = "t"
[workload]
command = ["true"]
[sensors.simulated]
"""


@pytest.fixture
def problems(tmp_path):
    """The problems of a protocol with these lines added: key -> (what, remedy)."""

    def found(text, *overrides):
        path = tmp_path / "p.toml"
        path.write_text(BASE + text)
        try:
            read(path, parse_overrides(overrides))
        except ProtocolError as error:
            return {problem.key: (problem.what, problem.remedy) for problem in error.problems}
        return {}

    return found


@pytest.mark.parametrize(
    "text",
    [
        '[analysis.carbon]\ncountry = "NLD"',
        '[[analysis.carbon]]\ncountry = "NLD"\n[[analysis.carbon]]\ncountry = "NLD"\nplace = "our room"\npue = 1.6',
        '[analysis]\ncarbon = [{country = "FRA"}, {place = "roof", intensity_g_per_kWh = 41.0, source = "2025"}]',
        '[instruments.codecarbon]\ncountry = "NLD"',
        '[instruments.codecarbon]\ncountry = "USA"\ninterval_ms = 15000.0',
    ],
)
def test_these_are_sound(problems, text):
    assert {} == problems(text)


@pytest.mark.parametrize(
    ("text", "key", "what", "remedy"),
    [
        ("[[analysis.carbon]]\npue = 1.2", "analysis.carbon[0]", "neither a country nor an intensity", "NLD"),
        ("[[analysis.carbon]]\nintensity_g_per_kWh = 3.0", "analysis.carbon[0].place", "needs the name", "place"),
        ('[[analysis.carbon]]\ncountry = "NLD"\nsource = "x"', "analysis.carbon[0].source", "source of no number", ""),
        ('[analysis]\ncarbon = [{country = "NLD"}, {country = "NLD"}]', "analysis.carbon", "two places are called", ""),
        ('[[analysis.carbon]]\ncountry = "nl"', "analysis.carbon[0].country", "three capital letters", ""),
        ('[analysis.carbon]\ncountry = "Netherlands"', "analysis.carbon.country", "three capital letters", ""),
        ('[[analysis.carbon]]\ncountry = "NLD"\npue = 0.9', "analysis.carbon[0].pue", "must be at least 1", ""),
        ('[[analysis.carbon]]\ncuntry = "NLD"', "analysis.carbon[0].cuntry", "unknown key", "country"),
        ("[instruments.codecarbon]", "instruments.codecarbon.country", "missing", "country"),
        ('[instruments.codecarbon]\ncountry = "NL"', "instruments.codecarbon.country", "three capital letters", ""),
        ('[instruments.codecarbon]\ncountry = "NLD"\ninterval_ms = 10.0', "instruments.codecarbon.interval_ms",
         "must be at least 100", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_key(problems, text, key, what, remedy):
    found = problems(text)
    assert what in found[key][0]
    assert remedy in found[key][1]


def test_places_may_be_set_for_one_night(problems):
    assert {} == problems("", 'analysis.carbon=[{country = "SWE"}]')


def test_a_protocol_whose_only_source_is_codecarbon_tells_energy(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(BASE.replace("[sensors.simulated]", '[instruments.codecarbon]\ncountry = "NLD"'))
    assert "NLD" == read(path).instruments.codecarbon.country


@pytest.fixture
def codecarbon(tmp_path, monkeypatch):
    """An installed CodeCarbon with a table of two countries; it must not be imported."""
    package = tmp_path / "site" / "codecarbon"
    (package / "data" / "private_infra").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    table = package / "data" / "private_infra" / "global_energy_mix.json"
    table.write_text('{"NLD": {}, "FRA": {}}')
    monkeypatch.delitem(sys.modules, "codecarbon", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return table


def test_a_country_that_codecarbon_does_not_have_is_told_with_the_other_problems(problems, codecarbon):
    found = problems('[instruments.codecarbon]\ncountry = "NDL"\n[night]\nattempts = 0')
    assert {"instruments.codecarbon.country", "night.attempts"} == set(found)
    what, remedy = found["instruments.codecarbon.country"]
    assert "CodeCarbon has no such country" == what
    assert "NLD" in remedy
    assert {} == problems('[instruments.codecarbon]\ncountry = "NLD"')


@pytest.mark.parametrize("content", ["", "[]", "no JSON"])
def test_a_codecarbon_whose_table_is_elsewhere_is_left_to_the_probe(problems, codecarbon, content):
    codecarbon.write_text(content)
    assert {} == problems('[instruments.codecarbon]\ncountry = "XYZ"')
