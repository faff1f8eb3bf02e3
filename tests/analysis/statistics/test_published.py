"""Each statistic against a published or hand-computed number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.findings import Test as Tested
from analysis.statistics import unpaired
from analysis.statistics.describe import describe, mean
from analysis.statistics.effects import cliffs_delta, cohens_d, hedges_g
from analysis.statistics.equivalence import paired_equivalence, unpaired_equivalence
from analysis.statistics.families import adjust
from analysis.statistics.normality import shapiro
from analysis.statistics.omnibus import friedman, kruskal, levene, ols_configurations, ols_factors
from analysis.statistics.order import ratio_with_order
from analysis.statistics.outliers import clean_flag_rate, largest_z, mad_scores, z_scores
from analysis.statistics.paired import paired_difference, paired_ratio
from analysis.statistics.ranks import brunner_munzel, mann_whitney, wilcoxon
from analysis.statistics.slopes import theil_sen
from analysis.statistics.terms import label_term, residuals, slope_term
from analysis.statistics.welch import welch_error

# Student (Biometrika 6, 1908): hours of sleep gained by ten patients under two drugs; the figures are those of R's
# documentation of t.test.
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
approx = pytest.approx
NAMES = ("accuracy", "lean", "base")


def test_the_paired_t_of_student_s_sleep_data():
    test = paired_difference(DRUG_1, DRUG_2, "h", 0.95)
    assert (-4.0621, 0.002833, 9) == (approx(test.statistic, abs=5e-5), approx(test.p, abs=5e-7), test.df)
    assert (-1.58, -2.4598858, -0.7001142) == (
        approx(test.estimate.value),
        approx(test.estimate.low, abs=5e-8),
        approx(test.estimate.high, abs=5e-8),
    )


def test_welch_and_pooled_t_of_student_s_sleep_data():
    welch = unpaired.difference(DRUG_1, DRUG_2, "h", 0.95)
    assert (-1.8608, 17.776, 0.07939) == (
        approx(welch.statistic, abs=5e-5),
        approx(welch.df, abs=5e-4),
        approx(welch.p, abs=5e-6),
    )
    assert (-3.3654832, 0.2054832) == (approx(welch.estimate.low, abs=5e-8), approx(welch.estimate.high, abs=5e-8))
    pooled = unpaired.difference(DRUG_1, DRUG_2, "h", 0.95, "pooled")
    assert (18, 0.07919) == (pooled.df, approx(pooled.p, abs=5e-6))


def test_a_ratio_on_logs_is_the_t_on_logs_turned_back():
    base, lean = np.exp(DRUG_1), np.exp(DRUG_2)
    test = paired_ratio(base, lean, 0.95)
    assert math.exp(-1.58) == approx(test.estimate.value)
    assert (math.exp(-2.4598858), math.exp(-0.7001142)) == (
        approx(test.estimate.low, rel=1e-7),
        approx(test.estimate.high, rel=1e-7),
    )
    assert approx(-4.0621, abs=5e-5) == test.statistic
    assert math.exp(-1.58) == approx(unpaired.ratio(base, lean, 0.95).estimate.value)


def test_shapiro_wilk_of_their_own_example():
    # Shapiro and Wilk, Biometrika 52, 1965: weights of eleven men in pounds, W = 0.79.
    test = shapiro([148, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236])
    assert approx(0.79, abs=0.005) == test.statistic
    assert test.p < 0.01


def test_mann_whitney_by_its_tables():
    assert approx(0.10) == mann_whitney([1, 2, 3], [4, 5, 6]).p
    assert approx(0.10) == mann_whitney([1, 2, 3], [4, 5, 6]).smallest_p
    # Two-sided p of U = 2 at n = m = 5: 2 x 4/252.
    test = mann_whitney([1, 2, 3, 4, 7], [5, 6, 8, 9, 10])
    assert (2.0, approx(8 / 252)) == (test.statistic, test.p)


def test_wilcoxon_by_its_tables():
    five = wilcoxon([1, 2, 3, 4, 5], [0, 0, 0, 0, 0])
    assert (0.0625, 0.0625) == (five.p, five.smallest_p)
    ten = wilcoxon(np.arange(1, 11), np.zeros(10))
    assert (approx(0.00195, abs=5e-6), approx(0.00195, abs=5e-6)) == (ten.p, ten.smallest_p)


def test_ties_are_said_and_handled_by_the_normal_approximation():
    assert "tied" in mann_whitney([1, 1, 2, 3], [2, 3, 4, 5]).note
    assert "tied" in wilcoxon([1, 2, 3, 4, 5, 6], [0, 1, 2, 2, 2, 2]).note


def test_brunner_munzel_of_its_authors_example():
    # Brunner and Munzel 2000, pain scores after two treatments; statistic 3.1375, p .005786 (also in R's lawstat).
    yes = [1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]
    no = [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]
    test = brunner_munzel(yes, no)
    assert (approx(3.1375, abs=5e-5), approx(0.005786, abs=5e-7)) == (abs(test.statistic), test.p)


def test_effect_sizes_by_hand():
    left, right = [3.0, 4.0, 5.0], [1.0, 2.0, 3.0]
    d = cohens_d(left, right, 0.95)
    assert 2.0 == approx(d.value)  # a difference of 2, a pooled standard deviation of 1
    half = 1.959964 * math.sqrt(6 / 9 + 4 / 12)
    assert (2 - half, 2 + half) == (approx(d.low, abs=1e-6), approx(d.high, abs=1e-6))
    assert 2 * (1 - 3 / (4 * 6 - 9)) == approx(hedges_g(left, right, 0.95).value)
    # 8 of 9 comparisons are won, one is tied.
    assert 8 / 9 == approx(cliffs_delta(left, right, 0.95).value)


def test_cliff_s_interval_by_hand():
    left, right = np.array([1.0, 4.0, 5.0, 9.0]), np.array([2.0, 3.0, 6.0])
    wins = [[np.sign(a - b) for b in right] for a in left]
    delta = np.mean(wins)
    rows = sum((np.mean(row) - delta) ** 2 for row in wins)
    columns = sum((np.mean(column) - delta) ** 2 for column in zip(*wins, strict=True))
    cells = sum((cell - delta) ** 2 for row in wins for cell in row)
    variance = (9 * rows + 16 * columns - cells) / (4 * 3 * 3 * 2)
    z = 1.9599639845
    scale = 1 - delta**2 + z**2 * variance
    spread = z * math.sqrt(variance) * math.sqrt(1 - 2 * delta**2 + delta**4 + z**2 * variance)
    found = cliffs_delta(left, right, 0.95)
    assert (1 / 6, (delta - delta**3 - spread) / scale) == (approx(found.value), approx(found.low))
    assert (delta - delta**3 + spread) / scale == approx(found.high)


def test_holm_and_bonferroni_by_hand():
    tests = [Tested("t", 1.0, p, (5,)) for p in (0.01, 0.04, 0.03, 0.005)]
    assert [0.03, 0.06, 0.06, 0.02] == approx([test.p_adjusted for test in adjust(tests)])
    assert [0.04, 0.16, 0.12, 0.02] == approx([test.p_adjusted for test in adjust(tests, "bonferroni")])


def test_a_test_without_a_p_counts_in_no_family():
    tests = [Tested("t", 1.0, 0.02, (5,)), Tested("t", None, None, (1,)), Tested("t", 1.0, 0.04, (5,))]
    assert [approx(0.04), None, approx(0.04)] == [test.p_adjusted for test in adjust(tests)]


def test_paired_equivalence_by_hand():
    left, right = [0.81, 0.80, 0.82, 0.80], [0.80, 0.80, 0.81, 0.80]
    # differences .01, 0, .01, 0: mean .005, standard error .0028868; the larger p is that of (.005 - .02) / se.
    found = paired_equivalence(left, right, 0.02, alpha=0.05, names=NAMES)
    t = (0.005 - 0.02) / 0.00288675
    x = 3 / (3 + t * t)  # P(T < t) at 3 degrees of freedom, closed form
    p = 0.5 - (math.atan(abs(t) / math.sqrt(3)) + abs(t) / math.sqrt(3) * x) / math.pi
    assert (approx(0.005), approx(p, rel=1e-5)) == (found.difference.value, found.p)
    assert ("equivalent within the margin", 0.9) == (found.decision, approx(found.difference.level))
    assert -0.02 < found.difference.low < found.difference.high < 0.02
    assert "not shown" == paired_equivalence(left, right, 0.006, alpha=0.05, names=NAMES).decision


def test_unpaired_equivalence_holds_exactly_when_its_interval_lies_inside_the_margin():
    draws = np.random.default_rng(5).normal(0.8, 0.01, (40, 2, 6))
    for left, right in draws:
        found = unpaired_equivalence(left, right, 0.012, alpha=0.05, names=NAMES)
        inside = found.difference.low > -0.012 and found.difference.high < 0.012
        assert inside == (found.decision == "equivalent within the margin")


def test_kruskal_friedman_and_levene_by_hand():
    test = kruskal([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert (approx(7.2), approx(math.exp(-3.6))) == (test.statistic, test.p)
    assert (7.2 - 3 + 1) / (9 - 3) == approx(test.estimate.value)
    same_ranking = friedman(np.arange(30).reshape(10, 3))
    assert (approx(20.0), approx(math.exp(-10))) == (same_ranking.statistic, same_ranking.p)
    # Deviations about the medians 2 and 20: 1, 0, 1 and 10, 0, 10; F of a one-way analysis of variance on them.
    spread = levene([[1, 2, 3], [10, 20, 30]])
    between = 3 * ((2 / 3 - 11 / 3) ** 2 + (20 / 3 - 11 / 3) ** 2)
    within = (2 * (1 / 3) ** 2 + (2 / 3) ** 2 + 2 * (10 / 3) ** 2 + (20 / 3) ** 2) / 4
    assert between / within == approx(spread.statistic)


def test_ols_with_hc3_by_hand_for_two_configurations():
    left, right = np.array([1.0, 2.0, 4.0]), np.array([5.0, 6.0, 9.0, 10.0])
    test = ols_configurations(np.concatenate([left, right]), ["a"] * 3 + ["b"] * 4)
    # Leverage is 1/n in a one-way layout, so that HC3 gives each mean the variance s^2 / (n - 1).
    expected = (left.mean() - right.mean()) ** 2 / (left.var(ddof=1) / 2 + right.var(ddof=1) / 3)
    assert expected == approx(test.statistic)


def test_a_run_alone_in_its_block_changes_nothing_in_the_model_with_blocks():
    logs = [1.0, 2.0, 1.5, 2.2, 1.2, 2.5, 1.1, 2.05]
    whole = ols_configurations(logs, list("abababab"), [1, 1, 2, 2, 3, 3, 4, 4])
    more = ols_configurations([*logs, 7.0], list("ababababa"), [1, 1, 2, 2, 3, 3, 4, 4, 5])
    assert whole.statistic == approx(more.statistic)
    assert (8,) == more.n


def test_factors_are_told_apart_from_their_interaction():
    draw = np.random.default_rng(3)
    width, precision = [1, 1, 2, 2] * 10, ["f", "m"] * 20
    blocks = [block for block in range(10) for _ in range(4)]
    logs = np.where(np.array(width) == 2, 0.2, 0.0) + np.repeat(draw.normal(0, 0.1, 10), 4) + draw.normal(0, 0.01, 40)
    tests = ols_factors(logs, {"width": width, "precision": precision}, blocks)
    assert ["width", "precision", "width × precision"] == [test.name.split(",")[0] for test in tests]
    assert tests[0].p < 1e-9
    assert min(tests[1].p, tests[2].p) > 0.01


def test_an_incomplete_grid_has_no_factor_tests():
    assert [] == ols_factors([1.0, 2.0, 3.0], {"a": [1, 1, 2], "b": [1, 2, 1]})


def test_residuals_leave_nothing_of_configuration_and_block():
    logs = np.array([0.0, 1.0, 10.0, 11.0, 20.0, 21.5])
    left = residuals(logs, list("ababab"), [1, 1, 2, 2, 3, 3])
    np.testing.assert_allclose([1 / 12, -1 / 12, 1 / 12, -1 / 12, -1 / 6, 1 / 6], left, atol=1e-12)


def test_a_slope_beside_blocks_and_configurations_by_hand():
    # Steps of blocks and configurations, and 0.01 for each position: the model takes the steps off, the slope is left.
    draw = np.random.default_rng(4)
    names, blocks, places = list("abbaabba"), [1, 1, 2, 2, 3, 3, 4, 4], [1.0, 2.0] * 4
    noise = draw.normal(0, 1e-5, 8)
    logs = [0.1 * block + (name == "b") * 0.3 for name, block in zip(names, blocks, strict=True)]
    test = slope_term(
        "place", np.array(logs) + 0.01 * np.array(places) + noise, places, names, blocks, unit="", level=0.9
    )
    assert 0.01 == approx(test.estimate.value, rel=5e-3)
    assert test.estimate.low < 0.01 < test.estimate.high
    assert test.p < 1e-4


def test_labels_that_matter_are_told_from_labels_that_do_not():
    draw = np.random.default_rng(6)
    names, blocks = ["a", "b", "c"] * 12, [block for block in range(12) for _ in range(3)]
    labels = draw.choice(["x", "y"], 36).tolist()
    logs = draw.normal(0, 0.01, 36)
    moved = logs + 0.05 * (np.array(labels) == "y")
    assert (
        label_term("label", moved, labels, names, blocks).p < 1e-6 < label_term("label", logs, labels, names, blocks).p
    )


def test_the_run_order_term_takes_a_linear_drift_off_exactly():
    order = np.arange(1.0, 9.0)
    noise = np.array([1, -1, 1, -1, -1, 1, -1, 1]) * 1e-3
    energy = np.exp(0.05 * order + noise)
    test = ratio_with_order(energy[1::2] * 0.9, energy[::2], order[1::2], order[::2], 0.95)
    assert 0.9 == approx(test.estimate.value, rel=2e-3)
    assert test.p < 1e-4
    assert 2 < test.df < 6


def test_welch_with_no_term_beside_the_constant_is_scipys():
    draw = np.random.default_rng(11)
    left, right = draw.normal(0, 1, 7), draw.normal(0.5, 4, 11)
    design = np.column_stack([np.repeat([1.0, 0.0], [7, 11]), np.ones(18)])
    error, df = welch_error(design, np.concatenate([left - left.mean(), right - right.mean()]))
    theirs = stats.ttest_ind(left, right, equal_var=False)
    assert theirs.statistic == approx((left.mean() - right.mean()) / error)
    assert theirs.df == approx(df)


def test_the_error_with_run_order_and_its_degrees_of_freedom_by_hand():
    draw = np.random.default_rng(12)
    left, right = np.exp(draw.normal(0, 0.01, 5)), np.exp(draw.normal(0, 0.03, 6))
    left_order, right_order = np.array([1.0, 4, 5, 8, 11]), np.array([2.0, 3, 6, 7, 9, 10])
    design = np.column_stack(
        [np.repeat([1.0, 0.0], [5, 6]), np.ones(11), np.concatenate([left_order, right_order]) - 6]
    )
    logs = np.log(np.concatenate([left, right]))
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ logs
    hat = design @ inverse @ design.T
    squares = (logs - design @ coefficients) ** 2 / (1 - np.diag(hat))
    weights = (inverse @ design.T)[0] ** 2
    error = math.sqrt(np.sum(weights * squares))
    spread = np.repeat([squares[:5].mean(), squares[5:].mean()], [5, 6])
    form = (np.eye(11) - hat) @ np.diag(weights / (1 - np.diag(hat))) @ (np.eye(11) - hat) * spread
    df = np.trace(form) ** 2 / np.trace(form @ form)
    test = ratio_with_order(left, right, left_order, right_order, 0.95)
    assert coefficients[0] / error == approx(test.statistic)
    assert df == approx(test.df)
    assert math.exp(coefficients[0] + stats.t.ppf(0.975, df) * error) == approx(test.estimate.high, rel=1e-9)


def test_theil_sen_by_hand():
    # The ten slopes, sorted: 0, 1, 1, 1, 3/2, 2, 7/2, 13/3, 11/2, 11.
    test = theil_sen("drift", [1.0, 2.0, 4.0, 4.0, 15.0], [1.0, 2.0, 3.0, 4.0, 5.0], "J per run", 0.95)
    assert 1.75 == approx(test.estimate.value)
    # Of ten pairs nine rise and one is tied in one coordinate: tau-b = 9 / sqrt(10 x 9).
    assert 9 / math.sqrt(90) == approx(test.statistic)


def test_scores_and_their_largest_value_by_hand():
    data = [1.0, 2.0, 3.0, 4.0, 100.0]
    assert (100 - 22) / np.std(data, ddof=1) == approx(z_scores(data, 1)[-1])
    assert (100 - 3) / (1.4826022 * 1) == approx(mad_scores(data)[-1], rel=1e-6)
    # Shiffler, The American Statistician 42, 1988: (n - 1) / sqrt(n).
    assert (2.846, 3.015) == (approx(largest_z(10, 1), abs=1e-3), approx(largest_z(11, 1), abs=1e-3))
    assert 3.0 == approx(largest_z(10, 0))
    assert largest_z(5, 1) == approx(z_scores([0, 0, 0, 0, 1.0], 1)[-1])


def test_clean_nights_are_flagged_as_often_as_statistics_says():
    assert 0.0 == clean_flag_rate([10, 10], "z", 3.0, 1)
    assert 0.06 < clean_flag_rate([30, 30], "z", 3.0, 1) < 0.08
    assert 0.06 < clean_flag_rate([30, 30], "z", 3.0, 0) < 0.09
    assert approx(0.17, abs=0.01) == clean_flag_rate([30, 30], "mad", 3.5, 1)


def test_mean_and_spread_by_hand():
    found = mean([1.0, 2.0, 3.0, 4.0], "J", 0.95)
    half = 3.182446 * math.sqrt(5 / 3) / 2
    assert (2.5, approx(2.5 - half), approx(2.5 + half)) == (found.value, found.low, found.high)
    described = describe([1.0, 2.0, 3.0, 4.0])
    assert (approx(math.sqrt(5 / 3)), 2.5, 1.0, 4.0) == (
        described.standard_deviation,
        described.median,
        described.minimum,
        described.maximum,
    )
    assert math.sqrt(5 / 3) / 2.5 == approx(described.cv)


def test_yuen_trims_a_wild_run_that_hides_a_difference_from_welch():
    base = [10.0, 10.1, 9.9, 10.05, 9.95, 10.02, 9.98, 10.03, 9.97, 60.0]
    lean = [9.5, 9.6, 9.4, 9.55, 9.45, 9.52, 9.48, 9.53, 9.47, 9.5]
    assert unpaired.difference(lean, base, "J", 0.95).p > 0.2
    assert unpaired.yuen(lean, base).p < 1e-5


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        mean([1.0, math.nan], "J", 0.95)
    with pytest.raises(ValueError, match="two sides"):
        paired_ratio([1.0, 2.0], [1.0], 0.95)
