"""Spearman's rho within a configuration."""

from analysis.load import load
from analysis.study import study


def test_each_configuration_is_held_by_itself(simulate_once):
    found = study(load(simulate_once(blocks=10).path)).omnibus
    named = [test for test in found if test.name.startswith("Spearman, energy with accuracy")]
    assert ["base (p by t)", "lean (p by t)"] == [test.name.rsplit(" within ", 1)[1] for test in named]
    assert all(-1 <= test.estimate.low <= test.estimate.high <= 1 for test in named)
