"""Spearman's rho within a configuration."""

import math

import numpy as np
import pytest

from analysis.load import load
from analysis.statistics.association import spearman_test
from analysis.study import study


def test_rho_by_hand():
    # Ranks 1 2 3 4 5 against 2 1 4 3 5: sum of squared differences 4, rho = 1 - 6 x 4 / (5 x 24).
    test = spearman_test("rho", [1.0, 2, 3, 4, 5], [20.0, 10, 40, 30, 50], 0.95)
    assert (pytest.approx(0.8), 5) == (test.statistic, test.n[0])
    t = 0.8 * math.sqrt(3 / (1 - 0.64))
    assert pytest.approx(t, rel=1e-9) == 0.8 * math.sqrt(3) / 0.6
    assert 0.05 < test.p < 0.15


def test_two_runs_or_equal_ones_have_none_and_say_why():
    assert "too few" in spearman_test("rho", [1.0, 2], [1.0, 2], 0.95).note
    assert "no scatter" in spearman_test("rho", np.ones(5), np.arange(5.0), 0.95).note


def test_each_configuration_is_held_by_itself(simulate_once):
    found = study(load(simulate_once(blocks=10).path)).omnibus
    named = [test for test in found if test.name.startswith("Spearman, energy with accuracy")]
    assert ["base", "lean"] == [test.name.rsplit(" ", 1)[1] for test in named]
    assert all(-1 <= test.estimate.low <= test.estimate.high <= 1 for test in named)
