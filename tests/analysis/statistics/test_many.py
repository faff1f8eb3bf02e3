"""Several configurations at once: published examples, hand-computed numbers, simulated truth, degenerate cases."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import unpaired
from analysis.statistics.bootstrap import bca
from analysis.statistics.effects import a12, cliffs_delta, point_biserial
from analysis.statistics.equivalence import equivalence_over_cohorts, paired_equivalence, unpaired_equivalence
from analysis.statistics.families import adjust
from analysis.statistics.many import MOST, dunn, dunnett, games_howell
from analysis.statistics.omnibus import kruskal, welch_anova
from analysis.statistics.outliers import hidden_from, z_scores

approx = pytest.approx
NAMES = ("energy", "lean", "base")
# Beall (Biometrika 32, 1942): insects counted after six sprays; the figures are those of R's documentation.
SPRAYS = {
    "A": [10.0, 7, 20, 14, 14, 12, 10, 23, 17, 20, 14, 13],
    "B": [11.0, 17, 21, 11, 16, 14, 17, 17, 19, 21, 7, 13],
    "C": [0.0, 1, 7, 2, 3, 1, 2, 1, 3, 0, 1, 4],
    "D": [3.0, 5, 12, 6, 4, 3, 5, 5, 5, 5, 2, 4],
    "E": [3.0, 5, 3, 5, 3, 6, 1, 1, 3, 2, 6, 4],
    "F": [11.0, 9, 15, 22, 15, 16, 13, 10, 26, 26, 24, 13],
}
# Dunnett (JASA 50, 1955): blood counts of animals, control and two drugs; p as in SciPy's documentation.
BLOOD = {
    "control": [7.40, 8.50, 7.20, 8.24, 9.84, 8.32],
    "drug A": [9.76, 8.80, 7.68, 9.36],
    "drug B": [12.80, 9.68, 12.16, 9.20, 10.55],
}


def test_welch_s_analysis_and_kruskal_wallis_of_the_sprays():
    test = welch_anova(list(SPRAYS.values()))
    assert (approx(36.065, abs=5e-4), approx(7.999e-12, rel=1e-4), 5) == (test.statistic, test.p, test.df)
    assert (approx(54.691, abs=5e-4), approx(1.511e-10, rel=1e-3)) == (
        (found := kruskal(list(SPRAYS.values()))).statistic,
        found.p,
    )


def test_dunnett_of_his_own_example():
    found = dunnett(BLOOD, "control", 0.95)
    assert [("drug A", "control"), ("drug B", "control")] == list(found)
    assert [approx(0.62004941, abs=5e-4), approx(0.0059035, abs=5e-4)] == [test.p for test in found.values()]
    second = found["drug B", "control"].estimate
    assert 0 < second.low < second.value < second.high
    assert found == dunnett(BLOOD, "control", 0.95)


def test_a_p_of_dunnett_s_below_what_its_integral_can_tell_is_a_bound():
    # Two drugs far from the control: p = 2 x that of t, of which the integral would tell anything down to zero.
    groups = {"control": [10.0, 10.2, 9.9, 10.1], "a": [11.0, 11.1, 10.8, 11.2], "b": [10.1, 10.0, 10.3, 9.9]}
    found = dunnett(groups, "control", 0.95)
    far, near = found["a", "control"], found["b", "control"]
    assert 2 * 2 * stats.t.sf(far.statistic, 9) == approx(far.p, rel=1e-9, abs=0)
    assert 1e-7 < far.p < 1e-3
    assert "Bonferroni's bound" in far.note
    assert (True, "") == (near.p > 0.5, near.note)


def test_games_howell_of_two_is_welch_s_t():
    two = {"base": BLOOD["control"], "lean": BLOOD["drug B"]}
    found = games_howell(two)["lean", "base"]
    welch = unpaired.difference(two["lean"], two["base"], "", 0.95)
    assert (approx(welch.statistic), approx(welch.p, rel=1e-6)) == (found.statistic, found.p)


def test_dunn_by_hand_with_and_without_ties():
    plain = dunn({"a": [1, 2, 3], "b": [4, 5, 6], "c": [7, 8, 9]}, [("b", "a"), ("c", "a")], "bonferroni")
    # Mean ranks 2, 5, 8; variance 9 x 10 / 12 x (1/3 + 1/3) = 5.
    assert (approx(3 / math.sqrt(5)), approx(6 / math.sqrt(5))) == tuple(test.statistic for test in plain.values())
    second = plain["c", "a"]
    assert (approx(math.erfc(6 / math.sqrt(10))), approx(2 * second.p)) == (second.p, second.p_adjusted)
    # Ranks 1.5, 1.5, 3 and 4, 5, 6: one tie of two takes 6 / (12 x 5) off 6 x 7 / 12.
    tied = dunn({"a": [1, 1, 2], "b": [3, 4, 5]}, [("b", "a")], "holm")["b", "a"]
    assert 3 / math.sqrt((3.5 - 0.1) * 2 / 3) == approx(tied.statistic)


def test_false_discovery_rates_by_hand():
    tests = adjust(list(dunn(SPRAYS, [("B", "A"), ("C", "A"), ("F", "A")], "fdr").values()), "fdr")
    raw = [test.p for test in tests]
    order = np.argsort(raw)
    expected = np.minimum.accumulate((np.array(raw)[order] * 3 / np.arange(1, 4))[::-1])[::-1]
    assert expected.tolist() == approx([tests[place].p_adjusted for place in order])


CASES = {
    "none": {"a": [], "b": [], "c": []},
    "one each": {"a": [1.0], "b": [2.0], "c": [3.0]},
    "two each": {"a": [1.0, 2.0], "b": [2.0, 4.0], "c": [3.0, 9.0]},
    "all equal": {"a": [2.0] * 4, "b": [2.0] * 4, "c": [2.0] * 4},
    "one equal": {"a": [2.0] * 4, "b": [1.0, 2.0, 3.0, 4.0], "c": [5.0, 6.0, 7.0, 9.0]},
    "separated": {"a": [1.0, 1.1, 1.2], "b": [50.0, 51.0, 52.0], "c": [900.0, 901.0, 903.0]},
    "negative": {"a": [-1.0, 2.0, 0.5], "b": [-5.0, 1.0, 2.0], "c": [0.0, 0.1, 0.3]},
    "too many": {str(place): [1.0, 2.0, 3.0 + place] for place in range(MOST + 1)},
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_told_of_many_says_why_and_never_warns(case):
    groups = CASES[case]
    first = next(iter(groups))
    pairs = [(name, first) for name in groups if name != first]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tests = [*dunn(groups, pairs, "holm").values(), welch_anova(list(groups.values()))]
        for unit in ("", "×"):
            tests += [*dunnett(groups, first, 0.95, unit).values(), *games_howell(groups, unit).values()]
    for test in tests:
        assert (test.p is not None and math.isfinite(test.p)) or test.note, test


def test_a12_and_point_biserial_by_hand():
    left, right = [3.0, 4.0, 5.0], [1.0, 2.0, 3.0]
    # 8 of 9 are won and one is tied: A12 = 8.5 / 9; t = 2 / sqrt(2 / 3), r = t / sqrt(t^2 + 4).
    found = a12(left, right, 0.95)
    delta = cliffs_delta(left, right, 0.95)
    assert (approx(8.5 / 9), approx((delta.low + 1) / 2)) == (found.value, found.low)
    assert math.sqrt(6) / math.sqrt(10) == approx(point_biserial(left, right).value)
    apart = a12([5.0, 6.0, 7.0], right, 0.95)
    assert (1.0, None) == (apart.value, apart.low)
    assert "complete separation" in apart.note
    assert "no scatter" in point_biserial([1.0, 1.0], [1.0, 1.0]).note


def test_equivalence_of_ratios_is_that_of_logarithms():
    draw = np.random.default_rng(2)
    base = 100 * np.exp(draw.normal(0, 0.01, 12))
    lean = base * np.exp(draw.normal(0.005, 0.004, 12))
    for test in (paired_equivalence, unpaired_equivalence):
        found = test(lean, base, 0.02, alpha=0.05, names=NAMES, scale="ratio")
        raw = test(np.log(lean), np.log(base), math.log(1.02), alpha=0.05, names=NAMES)
        assert (approx(raw.p, rel=1e-9), raw.decision, "ratio") == (found.p, found.decision, found.scale)
        assert math.exp(raw.difference.low) == approx(found.difference.low)
    assert (
        "cannot be told"
        == paired_equivalence([-1.0, 2], [1.0, 2], 0.1, alpha=0.05, names=NAMES, scale="ratio").decision
    )


def test_equivalence_over_cohorts_takes_their_step_off():
    draw = np.random.default_rng(4)
    cohort = [1] * 6 + [2] * 6
    step = np.where(np.array(cohort) == 2, 5.0, 0.0)
    base, lean = 100 + step + draw.normal(0, 0.1, 12), 100 + step[::-1] + draw.normal(0, 0.1, 12)
    cohorts = (cohort[::-1], cohort)
    found = equivalence_over_cohorts(lean, base, cohorts, 0.5, alpha=0.05, names=NAMES)
    assert "equivalent within the margin" == found.decision
    assert "not shown" == unpaired_equivalence(lean, base, 0.5, alpha=0.05, names=NAMES).decision
    assert -0.5 < found.difference.low < found.difference.high < 0.5
    apart = equivalence_over_cohorts(lean[:6], base[:6], ([2] * 6, [1] * 6), 0.5, alpha=0.05, names=NAMES)
    assert "cannot be told" == apart.decision


def test_the_bootstrap_is_seeded_and_holds_the_true_ratio_about_as_often_as_it_says():
    draw = np.random.default_rng(5)
    covered, amount = 0, 150
    for _ in range(amount):
        above, below = draw.normal(100, 2, 30), draw.normal(10, 0.5, 30)

        def ratio(drawn, axis=-1, above=above, below=below):
            return above[drawn].mean(axis) / below[drawn].mean(axis)

        found = bca(ratio, 30, "J", 0.95, resamples=999)
        covered += found.low <= 10.0 <= found.high
    assert found == bca(ratio, 30, "J", 0.95, resamples=999)
    assert 0.87 < covered / amount < 0.99


def test_what_does_not_vary_or_is_too_few_has_no_bootstrap_interval():
    def ones(drawn, axis=-1):
        return np.ones(drawn.shape)[..., 0]

    def endless(drawn, axis=-1):
        return np.full(drawn.shape, np.inf)[..., 0]

    assert "no scatter" in bca(ones, 8, "J", 0.95).note
    assert "too few" in bca(ones, 2, "J", 0.95).note
    assert (None, None) == (bca(ones, 0, "J", 0.95).value, bca(endless, 8, "J", 0.95).value)


def test_equal_wild_runs_hide_one_another():
    assert (3, 3, 1) == (hidden_from(30, 3.0, 1), hidden_from(30, 3.0, 0), hidden_from(10, 3.0, 1))
    assert max(z_scores([1.0] * 2 + [0.0] * 28, 1)) > 3 > max(z_scores([1.0] * 3 + [0.0] * 27, 1))
