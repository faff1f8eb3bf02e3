"""Agreement of two instruments: against published figures, on data of known truth, and where there is little to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.statistics.agreement import differences_pct, limits_of_agreement, pearson, ratio_of_means, spearman

# J. M. Bland and D. G. Altman, The Lancet 327 (1986), table 1: peak expiratory flow rate of 17 people, l/min, by the
# large Wright meter and by the mini meter, the first reading of each.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
approx = pytest.approx


def test_bias_and_limits_of_bland_and_altman_s_peak_flow_meters():
    found = limits_of_agreement(np.subtract(WRIGHT, MINI), "l/min", 0.95)
    assert -2.1 == approx(found.bias.value, abs=0.05)
    # The paper takes 2 standard deviations of 38.8, -79.7 and 75.5; 1.96 are exact.
    assert (-2.1 - 1.96 * 38.8, -2.1 + 1.96 * 38.8) == (
        approx(found.lower.value, abs=0.2),
        approx(found.upper.value, abs=0.2),
    )
    assert (-22.0, 17.8) == (approx(found.bias.low, abs=0.1), approx(found.bias.high, abs=0.1))


def test_the_intervals_of_the_limits_are_those_of_bland_and_altman_s_blood_pressures():
    # Statistical Methods in Medical Research 8 (1999), section 2: n = 85, bias -16.29, SD 19.61, limits -54.7 and 22.1
    # mmHg, with intervals of -61.9 to -47.5 and 14.9 to 29.3.
    scores = np.arange(85) - 42.0
    found = limits_of_agreement(-16.29 + 19.61 * scores / scores.std(ddof=1), "mmHg", 0.95)
    for limit, expected in ((found.lower, (-54.7, -61.9, -47.5)), (found.upper, (22.1, 14.9, 29.3))):
        assert expected == approx((limit.value, limit.low, limit.high), abs=0.15)


def test_the_correlations_of_the_peak_flow_meters():
    assert 0.943 == approx(pearson(WRIGHT, MINI, 0.95).value, abs=5e-4)
    # Fisher by hand: atanh .9433 = 1.7673, +- 1.96 / sqrt 14.
    assert (math.tanh(1.7673 - 0.5238), math.tanh(1.7673 + 0.5238)) == (
        approx(pearson(WRIGHT, MINI, 0.95).low, abs=1e-3),
        approx(pearson(WRIGHT, MINI, 0.95).high, abs=1e-3),
    )
    assert 0.8995 == approx(spearman(WRIGHT, MINI, 0.95).value, abs=5e-5)


def test_fieller_s_interval_is_where_the_t_test_of_the_difference_turns():
    found = ratio_of_means(WRIGHT, MINI, 0.95)
    assert sum(WRIGHT) / sum(MINI) == approx(found.value)
    for edge in (found.low, found.high):
        left = np.array(WRIGHT) - edge * np.array(MINI)
        assert 2.1199 == approx(abs(left.mean()) / (left.std(ddof=1) / math.sqrt(17)), abs=5e-4)


def test_a_known_bias_and_scatter_are_recovered_and_the_intervals_cover_them():
    draw = np.random.default_rng(4)
    amount, bias, deviation = 500, 3.0, 1.0
    covered = np.zeros(4)
    for _ in range(amount):
        true = 1e4 * np.exp(draw.normal(0, 0.2, 40))
        one = true * (1 + (bias + deviation * draw.standard_normal(40)) / 100)
        found = limits_of_agreement(differences_pct(one, true), "%", 0.95)
        ratio = ratio_of_means(one, true, 0.95)
        truth = (2.956, 2.956 - 1.96 * 0.971, 2.956 + 1.96 * 0.971)  # of the mean of both: 200 x / (200 + x)
        lines = (found.bias, found.lower, found.upper)
        covered[:3] += [line.low <= value <= line.high for line, value in zip(lines, truth, strict=True)]
        covered[3] += ratio.low <= 1.03 <= ratio.high
    assert (np.abs(covered / amount - 0.95) < 3 * math.sqrt(0.05 * 0.95 / amount) + 0.005).all(), covered / amount


def test_within_groups_the_correlation_of_their_means_is_taken_off():
    draw = np.random.default_rng(1)
    groups = [name for name in "abc" for _ in range(20)]
    level = np.repeat([100.0, 200.0, 300.0], 20)
    one, other = level + draw.standard_normal(60), level + draw.standard_normal(60)
    assert pearson(one, other, 0.95).value > 0.99
    within = pearson(one, other, 0.95, groups=groups)
    assert abs(within.value) < 0.4
    assert within.low < 0 < within.high
    assert 58 == within.n


def test_the_within_correlation_covers_its_truth():
    draw = np.random.default_rng(2)
    groups, amount = [name for name in "abc" for _ in range(8)], 500
    covered = 0
    for _ in range(amount):
        shared = draw.standard_normal(24)
        one, other = shared + draw.standard_normal(24), shared + draw.standard_normal(24)  # r = .5
        found = pearson(one + np.repeat([0, 50, 90], 8), other + np.repeat([9, 0, 70], 8), 0.95, groups=groups)
        covered += found.low <= 0.5 <= found.high
    assert abs(covered / amount - 0.95) < 3 * math.sqrt(0.05 * 0.95 / amount)


def test_two_that_are_a_factor_apart_correlate_perfectly_and_do_not_agree():
    one = np.array([100.0, 120.0, 150.0, 200.0])
    assert 1.0 == pearson(2 * one, one, 0.95).value == spearman(2 * one, one, 0.95).value
    found = limits_of_agreement(differences_pct(2 * one, one), "%", 0.95)
    assert 200 / 3 == approx(found.bias.value)
    assert (2.0, None) == (ratio_of_means(2 * one, one, 0.95).value, ratio_of_means(2 * one, one, 0.95).low)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_runs_are_described_and_bound_nothing(n):
    one, other = np.array([100.0, 111.0, 123.0])[:n], np.array([101.0, 110.0, 121.0])[:n]
    limits = limits_of_agreement(differences_pct(one, other), "%", 0.95)
    assert (limits.bias.value is None) is (n == 0)
    assert (limits.lower.value is None) is (n < 3)
    for found in (pearson(one, other, 0.95), spearman(one, other, 0.95)):
        assert (found.value is None, found.low) == (n < 3, None)
        assert found.note
    ratio = ratio_of_means(one, other, 0.95)
    assert (ratio.value is None, ratio.low is None) == (n == 0, n < 3)


@pytest.mark.parametrize("values", [[5.0] * 6, [5.0, 5.0 + 1e-12, 5.0, 5.0, 5.0, 5.0]])
def test_a_constant_has_no_correlation_and_says_why(values):
    moving = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    for found in (pearson(values, moving, 0.95), spearman(values, moving, 0.95)):
        assert (None, "no scatter") == (found.value, found.note[:10])


def test_a_difference_that_is_the_same_in_every_run_has_no_interval():
    one = np.array([100.0, 120.0, 150.0, 200.0])
    found = limits_of_agreement(differences_pct(1.004 * one, one), "%", 0.95)
    assert 0.3992 == approx(found.bias.value, abs=1e-4)
    assert (None, None, None) == (found.bias.low, found.lower.value, found.upper.value)


def test_two_that_differ_by_rounding_alone_do_not_differ():
    one = 100.0 + np.arange(24) / 7
    found = limits_of_agreement(differences_pct(one * 1.1 / 1.1 * (1 + 1e-15), one), "%", 0.95)
    assert (0.0, None, None) == (found.bias.value, found.bias.low, found.lower.value)
    assert "no scatter" in found.bias.note


def test_a_mean_that_is_not_told_apart_from_zero_gives_no_bounded_ratio():
    found = ratio_of_means([1.0, 2.0, 3.0], [0.01, 9.0, 0.02], 0.95)
    assert found.low is None
    assert "not told apart from zero" in found.note


def test_values_that_are_not_positive_are_no_energies():
    assert ratio_of_means([1.0, -1.0], [1.0, 1.0], 0.95).value is None
    with pytest.raises(ValueError, match="positive"):
        differences_pct([0.0, 1.0], [1.0, 1.0])


def test_two_pairs_tell_a_ratio_and_a_bias_and_neither_intervals_nor_limits():
    one, other = [201.0, 206.0], [198.0, 202.0]
    ratio, limits = ratio_of_means(one, other, 0.95), limits_of_agreement(differences_pct(one, other), "%", 0.95)
    assert (pytest.approx(407 / 400), None, "too few runs") == (ratio.value, ratio.low, ratio.note)
    assert (pytest.approx(1.7323, abs=1e-4), None, "too few runs") == (
        limits.bias.value, limits.bias.low, limits.bias.note,
    )  # fmt: skip
    assert (None, None) == (limits.lower.value, limits.upper.value)
    assert ratio_of_means([*one, 203.0], [*other, 200.0], 0.95).low is not None
