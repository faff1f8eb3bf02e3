"""Bands: pointwise ones are tested with the curve; here those that hold for a whole curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.bands import BONFERRONI, FEWEST, FEWEST_FLIPPED, MULTIPLIER, pointwise, simultaneous
from analysis.statistics.slopes import least_squares, median_slope


def curves(draw, runs, bins=120):
    """Runs that wander, with an offset of their own: true mean 0."""
    steps = draw.standard_normal((runs, bins))
    return 0.1 * np.cumsum(steps, axis=1) + steps + draw.standard_normal((runs, 1))


@pytest.mark.parametrize("runs", [FEWEST, FEWEST_FLIPPED, 10, 30])
def test_the_whole_curve_lies_in_the_band_as_often_as_it_says(runs):
    draw, nights = np.random.default_rng(4), 300 if runs < 11 else 60
    bands = [simultaneous(curves(draw, runs), 0.95, seed) for seed in range(nights)]
    inside = np.mean([np.all((band.low < 0) & (band.high > 0)) for band in bands])
    assert inside > 0.95 - 3 * math.sqrt(0.05 * 0.95 / nights) - 0.005
    assert {BONFERRONI if runs < FEWEST_FLIPPED else MULTIPLIER} == {band.method for band in bands}


def test_a_pointwise_band_misses_some_of_the_curve_far_more_often():
    draw = np.random.default_rng(4)
    missed = [np.any((band := pointwise(curves(draw, 10), 0.95))[1] > 0) or np.any(band[2] < 0) for _ in range(200)]
    assert np.mean(missed) > 0.4


def test_the_critical_value_lies_between_the_pointwise_t_and_bonferroni_s():
    data = curves(np.random.default_rng(1), 12)
    critical = simultaneous(data, 0.95).critical
    assert stats.t.ppf(0.975, 11) < critical < stats.t.ppf(1 - 0.025 / 120, 11)
    same = np.repeat(np.random.default_rng(1).standard_normal((12, 1)), 120, axis=1)
    assert simultaneous(same, 0.95).critical == pytest.approx(stats.t.ppf(0.975, 11), rel=0.1)


def test_the_same_seed_gives_the_same_band_and_few_runs_need_none():
    data = curves(np.random.default_rng(2), 30)
    assert simultaneous(data, 0.95, 1).critical == simultaneous(data, 0.95, 1).critical
    few = curves(np.random.default_rng(2), 9)
    assert simultaneous(few, 0.95, 1).critical == simultaneous(few, 0.95, 2).critical


def test_bins_that_few_runs_reach_are_not_covered_and_too_few_runs_have_no_band():
    data = curves(np.random.default_rng(3), 10, bins=20)
    data[4:, 15:] = np.nan
    band = simultaneous(data, 0.95)
    assert np.isfinite(band.low[:15]).all()
    assert np.isnan(band.low[15:]).all()
    none = simultaneous(data[: FEWEST - 1, :15], 0.95)
    assert ("", True) == (none.method, bool(np.isnan(none.low).all()))
    equal = simultaneous(np.ones((8, 5)), 0.95)
    assert ("", True) == (equal.method, math.isnan(equal.critical))


def test_slopes_by_least_squares_and_by_the_median():
    assert 2.0 == pytest.approx(least_squares([1, 3, 5], [0, 1, 2]))
    assert median_slope([0, 1, 2, 3, 400], [0, 1, 2, 3, 4]) == pytest.approx(1.0)
    assert least_squares([1.0], [1.0]) is None
    assert median_slope([1.0, 2.0], [1.0, 2.0]) is None
    assert least_squares([1.0, 2.0], [1.0, 1.0]) is None


@pytest.mark.parametrize("slope_of", [least_squares, median_slope])
@pytest.mark.parametrize("size", [1e-3, 250.0, 1e9])
def test_a_rise_of_no_more_than_rounding_is_none_and_a_small_one_that_is_more_stays(slope_of, size):
    minutes = np.arange(8) / 60
    assert 0.0 == slope_of(size * (1 + 1e-14 * np.arange(8)), minutes)
    assert slope_of(size * (1 + 1e-9 * np.arange(8)), minutes) == pytest.approx(size * 6e-8, rel=1e-4)
