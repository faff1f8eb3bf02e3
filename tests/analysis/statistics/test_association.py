"""Spearman's rho and its p: by hand, against scipy's permutations, and where there is next to nothing to count."""

import math
import sys

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.association import spearman_test


def test_rho_by_hand():
    # Ranks 1 2 3 4 5 against 2 1 4 3 5: sum of squared differences 4, rho = 1 - 6 x 4 / (5 x 24).
    test = spearman_test("rho", [1.0, 2, 3, 4, 5], [20.0, 10, 40, 30, 50], 0.95)
    assert (pytest.approx(0.8), 5) == (test.statistic, test.n[0])
    assert 16 / 120 == pytest.approx(test.p)  # J. H. Zar, Biostatistical Analysis, table B.20: .10 needs .9


@pytest.mark.parametrize(("n", "p"), [(3, 2 / 6), (4, 2 / 24), (6, 2 / 720), (9, 2 / math.factorial(9))])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_runs_in_perfect_order_are_as_rare_as_two_of_all_orders(n, p, sign):
    test = spearman_test("rho", np.arange(n), sign * np.arange(n) ** 3, 0.95)
    assert (sign, pytest.approx(p), pytest.approx(p)) == (test.statistic, test.p, test.smallest_p)
    assert test.name.endswith("(exact p by permutation)")


@pytest.mark.parametrize("n", [10, 25, 400])
def test_the_t_approximation_is_never_surer_than_all_orders_allow(n):
    test = spearman_test("rho", np.arange(n), np.arange(n) ** 2.0, 0.95)
    assert max(2 / math.factorial(n), sys.float_info.min) == pytest.approx(test.p)
    assert test.name.endswith("(p by t)")


def test_equal_values_on_either_side_allow_fewer_orders():
    twice = [0.0] * 5 + [1.0] * 5
    assert pytest.approx(2 / math.comb(10, 5)) == spearman_test("rho", twice, twice, 0.95).p


@pytest.mark.parametrize("n", [4, 5, 7])
def test_exact_p_is_that_of_scipys_permutations_with_ties_too(n):
    rng = np.random.default_rng(n)
    for _ in range(4):
        one, other = rng.permutation(n).astype(float), rng.permutation(np.arange(n) // 2).astype(float)
        ranks = stats.rankdata(other)

        def size(part, axis, ranks=ranks):
            return np.abs((part * ranks).sum(axis=axis) - part.shape[axis] * (part.shape[axis] + 1) ** 2 / 4)

        found = stats.permutation_test(
            (stats.rankdata(one),), size, permutation_type="pairings", alternative="greater", n_resamples=math.inf
        )
        assert pytest.approx(found.pvalue) == spearman_test("rho", one, other, 0.95).p


def test_two_runs_or_equal_ones_have_none_and_say_why():
    assert "too few" in spearman_test("rho", [1.0, 2], [1.0, 2], 0.95).note
    assert "no scatter" in spearman_test("rho", np.ones(5), np.arange(5.0), 0.95).note


def test_a_perfect_rho_has_no_interval_and_says_why():
    test = spearman_test("rho", np.arange(12), np.arange(12), 0.95)
    assert (None, True) == (test.estimate.low, "no width" in test.note)
