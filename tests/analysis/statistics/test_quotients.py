"""Quotients of means: against Fieller's interval and hand-computed numbers, on simulated nights, at the edges."""

from __future__ import annotations

import importlib
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import agreement
from analysis.statistics.quotients import NEAR_ZERO, Sample, quotient

approx = pytest.approx
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
intervals = importlib.import_module("intervals")
sys.path.remove(str(BENCHMARKS))
CONDITIONS = intervals.conditions()
MANY = [pytest.mark.slow, pytest.mark.timeout(900)]


def within(rate, amount, nominal=0.95):
    return abs(rate - nominal) <= 3 * math.sqrt(nominal * (1 - nominal) / amount)


def test_a_quotient_by_hand():
    # Means 10 and 4; contributions (0.9 - 0.75, 1.0 - 1.25, 1.1 - 1.0) = (.15, -.25, .1), of standard deviation
    # sqrt((.0225 + .0625 + .01) / 2), each unit a third of the mean.
    found = quotient([Sample([[9.0, 10.0, 11.0]], [[3.0, 5.0, 4.0]])], "J/%", 0.95)
    error = math.sqrt(0.095 / 2 / 3)
    half = 4.302652729911275 * error
    assert (2.5, "J/%", 3) == (approx(found.estimate.value), found.estimate.unit, found.estimate.n)
    assert (approx(2.5 * math.exp(-half)), approx(2.5 * math.exp(half))) == (found.estimate.low, found.estimate.high)
    assert (approx(math.log(2.5) / error), 2) == (found.statistic, approx(found.df))


def test_at_small_scatter_it_is_fieller_s_interval():
    draw = np.random.default_rng(1)
    one, other = 100 + draw.normal(0, 0.5, 8), 50 + draw.normal(0, 0.2, 8)
    found, exact = quotient([Sample([one], [other])], "×", 0.95).estimate, agreement.ratio_of_means(one, other, 0.95)
    assert exact.value == approx(found.value)
    width = exact.high - exact.low
    assert (approx(exact.low, abs=0.01 * width), approx(exact.high, abs=0.01 * width)) == (found.low, found.high)


def test_independent_sides_have_welch_s_degrees_of_freedom():
    draw = np.random.default_rng(2)
    one, other = 100 + draw.normal(0, 2, 6), 80 + draw.normal(0, 0.5, 12)
    found = quotient([Sample([one], []), Sample([], [other])], "×", 0.95)
    welch = stats.ttest_ind(one / one.mean(), other / other.mean(), equal_var=False)
    assert (approx(welch.df), (6, 12)) == (found.df, found.n)


def test_what_a_block_shares_takes_itself_off():
    draw = np.random.default_rng(3)
    course = np.linspace(1, 2, 12)
    energies = [course * factor * (1 + draw.normal(0, 0.001, 12)) for factor in (0.9, 1.0)]
    steady = np.ones(12)
    together = quotient([Sample([energies[0], steady], [energies[1], steady])], "×", 0.95).estimate
    alone = quotient([Sample([energies[0]], [steady]), Sample([steady], [energies[1]])], "×", 0.95).estimate
    assert together.low < 0.9 < together.high
    assert together.high - together.low < 0.02 * (alone.high - alone.low)


@pytest.mark.parametrize("amount", [1_000, pytest.param(20_000, marks=MANY)])
@pytest.mark.parametrize("nights", CONDITIONS, ids=[item.name for item in CONDITIONS])
def test_intervals_of_ratios_of_means_hold_the_truth_as_often_as_they_say(nights, amount):
    assert intervals.is_kept(nights, intervals.covered(nights, amount), amount)


def test_a_rate_off_nominal_is_found():
    lost = intervals.resampled(CONDITIONS[0], 300, 999)
    assert not intervals.is_kept(CONDITIONS[0], lost, 300), lost


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("n", "stated"), [(5, 0.84), (10, 0.905), (30, 0.934)])
def test_the_bootstrap_holds_the_truth_as_seldom_as_the_report_says(n, stated):
    nights = next(item for item in CONDITIONS if item.asked == "one" and item.n == n)
    assert within(intervals.resampled(nights, 2_000), 2_000, stated)


def test_the_test_of_a_quotient_of_equals_alarms_at_alpha():
    draw = np.random.default_rng(5)
    amount, alarms = 1_500, 0
    for _ in range(amount):
        energy, other = np.exp(0.02 * draw.standard_normal((2, 2, 6)))
        alarms += quotient([Sample([energy[0], other[1]], [energy[1], other[0]])], "×", 0.95).p < 0.05
    assert within(alarms / amount, amount, 0.05)


def test_a_loss_below_zero_keeps_its_sign():
    found = quotient([Sample([[-9.0, -10.0, -11.0]], [[3.0, 4.0, 3.5]])], "", 0.95).estimate
    assert found.low < found.value < found.high < 0
    assert -10 / 3.5 == approx(found.value)


@pytest.mark.parametrize(
    ("above", "below", "value", "note"),
    [
        ([], [], None, "too few"),
        ([1.0], [2.0], 0.5, "too few"),
        ([1.0, 2.0], [2.0, 2.0], 0.75, "too few"),
        ([2.0] * 4, [4.0] * 4, 0.5, "no scatter"),
        ([1.0, 2.0, 3.0], [-1.0, 0.0, 1.0], None, "zero"),
        ([1.0, 2.0, 3.0], [-8.0, 1.0, 10.0], 2.0, NEAR_ZERO),
        ([-8.0, 1.0, 10.0], [2.0, 2.1, 1.9], 0.5, NEAR_ZERO),
    ],
)
def test_what_cannot_be_told_of_a_quotient_says_why(above, below, value, note):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = quotient([Sample([above], [below])], "×", 0.95)
    assert (value if value is None else approx(value)) == found.estimate.value
    assert (None, None, None) == (found.p, found.estimate.low, found.estimate.high)
    assert note in found.note


def test_columns_of_one_sample_are_of_the_same_units():
    with pytest.raises(ValueError, match="two sides"):
        quotient([Sample([[1.0, 2.0, 3.0]], [[1.0, 2.0]])], "×", 0.95)
