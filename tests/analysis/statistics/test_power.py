"""Power before the first run: by published figures, by statsmodels, on simulated nights, at the edges."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from analysis.statistics.power import (
    equivalence_power,
    largest_deviation,
    runs_for_rank_test,
    runs_needed,
    smallest_effect,
    smallest_p,
    t_test_power,
)

PUBLISHED = [(0.5, 1, 7), (0.5, 0.5, 23), (1, 1, 23), (1, 2, 7), (2, 1, 86), (2, 2, 23), (4, 1, 338)]
"""CV %, effect %, runs of each side for 90 % power at alpha .05, unpaired."""


@pytest.mark.parametrize(("cv_pct", "effect_pct", "runs"), PUBLISHED)
def test_runs_needed_are_the_published_ones_and_one_more_in_pairs(cv_pct, effect_pct, runs):
    assert runs == runs_needed(effect_pct / 100, cv_pct / 100, paired=False)
    assert runs + 1 == runs_needed(effect_pct / 100, cv_pct / 100, paired=True)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [3, 6, 10, 30, 200])
def test_the_smallest_effect_is_that_of_statsmodels(n, paired):
    solver = TTestPower() if paired else TTestIndPower()
    size = {"nobs": n} if paired else {"nobs1": n}
    expected = solver.solve_power(effect_size=None, **size, alpha=0.05, power=0.9) * 0.01 * (2**0.5 if paired else 1)
    assert expected == pytest.approx(smallest_effect(n, 0.01, paired=paired), rel=1e-5)


@pytest.mark.parametrize("n", [2, 3, 5, 12, 100])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 45, 0.001])
def test_power_agrees_with_the_noncentral_t_where_scipy_has_it(n, alpha):
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    compared = 0
    for effect in (0.02, 0.3, 1.0, 2.0, 5.0, 20.0):
        theirs = TTestPower().power(effect, n, alpha)
        if not np.isnan(theirs):
            compared += 1
            assert theirs == pytest.approx(t_test_power(effect * n**0.5, n - 1, critical), abs=5e-6)
    assert compared >= 3


def test_power_is_told_where_the_noncentral_t_of_scipy_is_nan():
    n, alpha, effect = 5, 0.05 / 45, 5.0
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    draws = np.random.default_rng(5).normal(effect, 1, (200_000, n))
    seen = np.mean(np.abs(draws.mean(1) / draws.std(1, ddof=1) * n**0.5) > critical)
    assert seen == pytest.approx(t_test_power(effect * n**0.5, n - 1, critical), abs=3 * (0.25 / 200_000) ** 0.5)


def test_power_without_an_effect_is_alpha_and_with_a_huge_one_is_one():
    critical = stats.t.ppf(0.975, 9)
    assert pytest.approx(0.05, abs=1e-5) == t_test_power(0.0, 9, critical)
    assert pytest.approx(1.0, abs=1e-9) == t_test_power(1e4, 9, critical)


def test_simulated_nights_find_the_smallest_effect_as_often_as_promised():
    n, cv, nights = 8, 0.01, 20_000
    effect = smallest_effect(n, cv, paired=True)
    draw = np.random.default_rng(8)
    differences = draw.normal(1 + effect, cv, (nights, n)) - draw.normal(1, cv, (nights, n))
    found = np.mean(stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(0.9, abs=3 * (0.09 / nights) ** 0.5)


def test_a_correction_over_many_comparisons_needs_more_runs():
    assert runs_needed(0.01, 0.01, alpha=0.05 / 45, paired=True) > runs_needed(0.01, 0.01, paired=True)
    assert smallest_effect(2, 0.01, alpha=0.05 / 45, paired=True) > smallest_effect(2, 0.01, paired=True)


@pytest.mark.parametrize("paired", [True, False])
def test_one_run_sees_nothing(paired):
    assert smallest_effect(1, 0.01, paired=paired) is None
    assert equivalence_power(1, 0.01, 0.02, paired=paired) is None
    assert largest_deviation(1, 0.02, paired=paired) is None


def test_impossible_questions_have_no_answer():
    assert runs_needed(0.0, 0.01, paired=True) is None
    assert runs_needed(0.01, 0.0, paired=True) is None
    assert equivalence_power(10, 0.0, 0.02, paired=True) is None
    assert largest_deviation(10, 0.0, paired=True) is None


def test_a_large_effect_needs_two_runs_at_least():
    assert 2 == runs_needed(10.0, 0.001, paired=True)


@pytest.mark.parametrize(
    ("n", "paired", "p"), [(3, False, 0.1), (5, True, 0.0625), (10, True, 2 / 1024), (1, True, 1.0)]
)
def test_smallest_p_of_rank_tests_is_the_published_one(n, paired, p):
    assert p == pytest.approx(smallest_p(n, paired=paired), rel=1e-9)


def test_smallest_p_is_what_the_exact_tests_give_at_complete_separation():
    low, high = np.arange(6.0), np.arange(6.0) * 1.5 + 10
    assert stats.mannwhitneyu(low, high, method="exact").pvalue == pytest.approx(smallest_p(6, paired=False))
    assert stats.wilcoxon(low, high, method="exact").pvalue == pytest.approx(smallest_p(6, paired=True))


@pytest.mark.parametrize("n", [499, 501, 5000, 1_000_000])
def test_smallest_p_of_many_runs_is_nothing(n):
    assert 0 <= smallest_p(n, paired=False) < 1e-100


def test_ten_pairs_can_pass_over_6_comparisons_and_not_over_45():
    assert runs_for_rank_test(0.05 / 6, paired=True) <= 10 < runs_for_rank_test(0.05 / 45, paired=True)


def test_runs_for_a_rank_test_are_the_least():
    assert 6 == runs_for_rank_test(0.05, paired=True)
    assert 4 == runs_for_rank_test(0.05, paired=False)


def test_a_margin_of_a_hundredth_at_the_published_scatter_concludes_in_about_one_night_of_nine():
    power = equivalence_power(30, 0.0215, 0.01, paired=True)
    assert 1 / 10 < power < 1 / 7


@pytest.mark.parametrize(("n", "deviation", "margin"), [(30, 0.0215, 0.01), (6, 0.01, 0.02), (10, 0.02, 0.03)])
def test_equivalence_power_is_that_of_simulated_nights(n, deviation, margin):
    nights = 40_000
    differences = np.random.default_rng(3).normal(0, deviation * 2**0.5, (nights, n))
    half = stats.t.ppf(0.95, n - 1) * differences.std(1, ddof=1) / n**0.5
    seen = np.mean(np.abs(differences.mean(1)) + half < margin)
    assert seen == pytest.approx(equivalence_power(n, deviation, margin, paired=True), abs=3 * 0.5 / nights**0.5)


@pytest.mark.parametrize("n", [2, 6, 30, 1000])
@pytest.mark.parametrize("paired", [True, False])
def test_the_largest_deviation_has_just_the_power_asked_for(n, paired):
    deviation = largest_deviation(n, 0.02, paired=paired)
    assert pytest.approx(0.9, abs=1e-3) == equivalence_power(n, deviation, 0.02, paired=paired)
