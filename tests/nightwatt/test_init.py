"""The names that a notebook takes from the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nightwatt


def test_importing_the_package_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import nightwatt; print(*sorted(set(sys.modules) - before))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "scipy", "pyarrow", "matplotlib", "pydantic", "harness", "analysis"}
    assert set() == heavy & {name.split(".")[0] for name in shown.stdout.split()}


def test_loading_a_night_does_not_bring_the_statistics_or_the_drawing():
    code = "import sys; from nightwatt import load, energy; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    roots = {name.split(".")[0] for name in shown.stdout.split()}
    assert set() == roots & {"scipy", "statsmodels", "matplotlib"}


def test_each_public_name_is_what_its_home_calls_by_that_name():
    from analysis.energy import energy
    from analysis.load import load
    from analysis.observations import observations
    from analysis.results import tables
    from analysis.study import examine, study

    assert [energy, load, study] == [nightwatt.energy, nightwatt.load, nightwatt.study]
    assert [examine, observations, tables] == [nightwatt.examine, nightwatt.observations, nightwatt.tables]
    assert "analysis.figures" == nightwatt.figures.__name__
    assert {"energy", "examine", "figures", "load", "observations", "study", "tables"} == set(nightwatt.__all__)
    assert set(nightwatt.__all__) <= set(dir(nightwatt))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'loud'"):
        _ = nightwatt.loud
