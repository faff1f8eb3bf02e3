"""How often the tests beside the primary one are wrong, and how often their intervals hold the truth, simulated.

A rate passes within three Monte-Carlo standard errors of nominal. Where one call of the product takes too long for
thousands of nights, the same decision is drawn as arrays, and held against the product's own on some of the nights; so
many full calls as can be waited for are marked slow.
"""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
from scipy import optimize, stats

from analysis.statistics.association import spearman_test
from analysis.statistics.effects import a12
from analysis.statistics.equivalence import EQUIVALENT, paired_equivalence, unpaired_equivalence
from analysis.statistics.families import adjust
from analysis.statistics.many import dunn, dunnett, games_howell
from analysis.statistics.normality import shapiro
from analysis.statistics.ranks import brunner_munzel, mann_whitney, van_elteren, wilcoxon
from analysis.statistics.terms import residuals


@pytest.fixture(autouse=True)
def no_collection_at_each_correction(monkeypatch):
    # statsmodels collects garbage at each correction: a tenth of a second among all that pytest holds.
    monkeypatch.setattr(gc, "collect", lambda *_: 0)


FEW_AND_MANY = pytest.mark.parametrize(
    "amount", [500, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
SIDES, N, ALPHA = 3, 8, 0.05
TOLD = ("base", "lean", "wide")


def slack(amount, nominal=ALPHA):
    return 3 * math.sqrt(nominal * (1 - nominal) / amount)


def kept(rate, amount, nominal=ALPHA):
    return abs(rate - nominal) <= slack(amount, nominal)


def tables(amount, seed, scatter=(1.0, 1.0, 1.0)):
    """Nights of three configurations that are the same but for their scatter, (amount, configurations, runs)."""
    return 100 + np.array(scatter)[:, None] * np.random.default_rng(seed).standard_normal((amount, SIDES, N))


def product(way, table):
    """Whether the product tells any two apart."""
    groups = dict(zip(TOLD, table, strict=True))
    found = dunnett(groups, "base", 0.95) if way == "dunnett" else games_howell(groups)
    return min(test.p for test in found.values()) < ALPHA


def games_howell_alarms(drawn):
    """Tukey's range, 5 % point at Welch's degrees of freedom, interpolated over 1 / df; (nights,)."""
    grid = np.array([7.0, 8, 9, 10, 11, 12, 14])  # two sides of 8 runs have 7 to 14
    points = stats.studentized_range.ppf(1 - ALPHA, SIDES, grid)
    means, errors = drawn.mean(axis=2), drawn.var(axis=2, ddof=1) / N
    alarms = np.zeros(len(drawn), bool)
    for one, other in ((1, 0), (2, 0), (2, 1)):
        pair = errors[:, one] + errors[:, other]
        df = pair**2 * (N - 1) / (errors[:, one] ** 2 + errors[:, other] ** 2)
        t = np.abs(means[:, one] - means[:, other]) / np.sqrt(pair)
        alarms |= t * math.sqrt(2) > np.interp(-1 / df, -1 / grid, points)
    return alarms


def dunnett_alarms(drawn):
    """The larger t against the control, pooled variance, beyond Dunnett's two-sided 5 % point; (nights,)."""
    df = SIDES * (N - 1)
    both = stats.multivariate_t(shape=[[1, 0.5], [0.5, 1]], df=df)

    def beyond(point):
        inside = both.cdf([point] * 2, lower_limit=[-point] * 2, maxpts=100_000, random_state=1)
        return 1 - inside - ALPHA

    point = optimize.brentq(beyond, 2, 3, xtol=1e-4)
    assert point == pytest.approx(2.37, abs=0.005)  # C. W. Dunnett, Biometrics 20, 1964, table II: 2 groups, 20 df 2.38
    means, pooled = drawn.mean(axis=2), drawn.var(axis=2, ddof=1).mean(axis=1)
    t = np.abs(means[:, 1:] - means[:, :1]) / np.sqrt(2 * pooled / N)[:, None]
    return t.max(axis=1) > point


@pytest.mark.parametrize("way", ["dunnett", "games_howell"])
def test_equal_configurations_are_told_apart_in_alpha_of_nights(way):
    amount = 20_000
    alarms = games_howell_alarms if way == "games_howell" else dunnett_alarms
    drawn = tables(amount, 3)
    found = alarms(drawn)
    assert kept(found.mean(), amount), found.mean()
    # The product decides as the arrays do: on nights that alarm, and on nights that do not.
    for happened in (True, False):
        for place in np.flatnonzero(found == happened)[:4]:
            assert happened == product(way, drawn[place])


def test_unequal_scatter_leaves_games_and_howell_at_most_at_alpha_and_lifts_dunnett_above_it():
    amount = 20_000
    drawn = tables(amount, 4, scatter=(4.0, 1.0, 1.0))
    assert 0.04 < games_howell_alarms(drawn).mean() <= ALPHA + slack(amount)
    for table in drawn[:3]:
        test = games_howell(dict(zip(TOLD, table, strict=True)))["lean", "base"]
        welch = stats.ttest_ind(table[1], table[0], equal_var=False)
        p = stats.studentized_range.sf(abs(welch.statistic) * math.sqrt(2), SIDES, welch.df)
        assert (pytest.approx(welch.statistic), pytest.approx(p, rel=1e-3)) == (test.statistic, test.p)
    assert dunnett_alarms(drawn).mean() > ALPHA + slack(amount)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["dunnett", "games_howell"])
def test_the_product_itself_alarms_in_alpha_of_nights(way):
    amount = 120
    drawn = tables(amount, 5)
    found = [product(way, table) for table in drawn]
    assert kept(np.mean(found), amount)
    alarms = games_howell_alarms if way == "games_howell" else dunnett_alarms
    assert alarms(drawn).tolist() == found


@FEW_AND_MANY
@pytest.mark.parametrize("shape", ["normal", "skewed", "tied"])
def test_dunn_s_test_alarms_anywhere_in_at_most_alpha_of_nights(shape, amount):
    alarms, single = 0, 0
    draw = np.random.default_rng(6)
    pairs = [("lean", "base"), ("wide", "base"), ("wide", "lean")]
    for _ in range(amount):
        data = draw.standard_normal((SIDES, 12))
        data = np.exp(data) if shape == "skewed" else np.round(2 * data) if shape == "tied" else data
        found = dunn(dict(zip(TOLD, data, strict=True)), pairs, "holm")
        alarms += min(test.p_adjusted for test in found.values()) < ALPHA
        single += found["lean", "base"].p < ALPHA
    assert alarms / amount <= ALPHA + slack(amount)
    assert kept(single / amount, amount)


def test_dunn_s_test_finds_a_shift_and_only_that():
    amount, wrong, right = 300, 0, 0
    draw = np.random.default_rng(7)
    pairs = [("lean", "base"), ("wide", "base")]
    for _ in range(amount):
        groups = dict(zip(TOLD, draw.standard_normal((SIDES, 20)) + np.array([[0.0], [0.0], [2.0]]), strict=True))
        found = dunn(groups, pairs, "holm")
        wrong += found["lean", "base"].p_adjusted < ALPHA
        right += found["wide", "base"].p_adjusted < ALPHA
    assert right / amount > 0.95
    assert wrong / amount <= ALPHA + slack(amount)


@FEW_AND_MANY
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
def test_the_interval_of_a12_holds_the_true_chance(shift, amount):
    # Of two normal runs, one higher by ``shift``, that one is the larger with the chance Phi(shift / sqrt 2).
    covered = 0
    draw, true = np.random.default_rng(8), stats.norm.cdf(shift / math.sqrt(2))
    for _ in range(amount):
        found = a12(shift + draw.standard_normal(20), draw.standard_normal(20), 0.95)
        covered += found.low <= true <= found.high
    assert covered / amount >= 0.95 - slack(amount)
    assert covered / amount < 0.975


@FEW_AND_MANY
@pytest.mark.parametrize("true", [1.02, 1 / 1.02])
@pytest.mark.parametrize("paired", [True, False])
def test_a_true_ratio_at_the_relative_margin_is_called_equivalent_in_alpha_of_nights(true, paired, amount):
    claims = 0
    draw = np.random.default_rng(9)
    test = paired_equivalence if paired else unpaired_equivalence
    for _ in range(amount):
        base, lean = 100 * np.exp(0.008 * draw.standard_normal((2, 12)))
        found = test(true * lean, base, 0.02, alpha=ALPHA, names=("energy", "lean", "base"), scale="ratio")
        claims += found.decision == EQUIVALENT
    assert kept(claims / amount, amount)


@FEW_AND_MANY
@pytest.mark.parametrize("true", [0.0, 0.6])
def test_spearman_s_interval_holds_the_true_correlation_and_its_p_alarms_at_alpha(true, amount):
    # Of a bivariate normal: rho = 6 / pi arcsin(r / 2) (K. Pearson, 1907).
    covered, alarms = 0, 0
    draw, r = np.random.default_rng(10), 2 * math.sin(math.pi * true / 6)
    for _ in range(amount):
        one, other = draw.standard_normal((2, 20))
        found = spearman_test("", one, r * one + math.sqrt(1 - r * r) * other, 0.95)
        covered += found.estimate.low <= true <= found.estimate.high
        alarms += found.p < ALPHA
    # Of no correlation the interval of Bonett and Wright is a little wide at 20 runs.
    assert 0.95 - slack(amount) <= covered / amount < 0.975
    assert alarms / amount > 0.75 if true else kept(alarms / amount, amount)


@FEW_AND_MANY
@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_rank_tests_alarm_in_at_most_alpha_of_nights(shape, amount):
    alarms = np.zeros(3)
    draw = np.random.default_rng(11)
    for _ in range(amount):
        one, other = draw.standard_normal((2, 12))
        one, other = (np.exp(one), np.exp(other)) if shape == "skewed" else (one, other)
        alarms += [test(one, other).p < ALPHA for test in (mann_whitney, wilcoxon, brunner_munzel)]
    rates = alarms / amount
    assert np.all(rates[:2] <= ALPHA + slack(amount))
    assert rates[:2].min() > 0.03
    assert rates[2] <= ALPHA + slack(amount) + 0.005  # its own t approximation is a little liberal at 12 runs


@FEW_AND_MANY
def test_shapiro_wilk_on_residuals_alarms_at_alpha_and_finds_what_is_skewed(amount):
    # Two configurations in 30 blocks: 28 free residuals of 60, mirrored within the block.
    alarms, found = 0, 0
    names, blocks = ["base", "lean", "wide"] * 30, np.repeat(np.arange(30), 3).tolist()
    draw = np.random.default_rng(12)
    for _ in range(amount):
        noise = draw.standard_normal(90)
        course = 5 + 3 * np.repeat(draw.exponential(size=30), 3)  # what blocks share is skewed, and is taken off
        alarms += shapiro(residuals(course + noise, names, blocks)).p < ALPHA
        found += shapiro(residuals(course + np.exp(1.5 * noise), names, blocks)).p < ALPHA
    assert alarms / amount <= ALPHA + slack(amount)
    assert found / amount > 0.9


@FEW_AND_MANY
@pytest.mark.parametrize("correction", ["holm", "bonferroni", "fdr"])
def test_a_family_of_equals_alarms_anywhere_in_at_most_alpha_of_nights(correction, amount):
    alarms = 0
    draw = np.random.default_rng(13)
    for _ in range(amount):
        data = draw.standard_normal((5, 10))
        tests = [wilcoxon(data[place], data[0]) for place in range(1, 5)]
        alarms += min(test.p_adjusted for test in adjust(tests, correction)) < ALPHA
    assert alarms / amount <= ALPHA + slack(amount)


def test_van_elteren_of_one_stratum_is_the_rank_sum_and_of_two_is_by_hand():
    one, other = [3.0, 4.0, 4.0, 9.0], [1.0, 2.0, 4.0]
    found = van_elteren(one, other, ([1] * 4, [1] * 3))
    assert stats.mannwhitneyu(one, other, method="asymptotic", use_continuity=False).pvalue == pytest.approx(found.p)
    # Two cohorts of two a side, the configuration's both above: rank sums 7 of 5 expected, each of variance 5 / 3.
    above = van_elteren([3.0, 4.0, 13.0, 14.0], [1.0, 2.0, 11.0, 12.0], ([1, 1, 2, 2], [1, 1, 2, 2]))
    assert 4 / math.sqrt(2 * 5 / 3) == pytest.approx(above.statistic)
    apart = van_elteren([3.0, 4.0], [1.0, 2.0], ([1, 1], [2, 2]))
    assert (None, "no cohort holds") == (apart.p, apart.note[:15])
    assert "no scatter" in van_elteren([2.0, 2.0], [2.0, 2.0], ([1, 1], [1, 1])).note


@FEW_AND_MANY
def test_a_step_between_cohorts_moves_van_elteren_s_test_in_no_night_and_mann_whitney_s_in_most(amount):
    draw, alarms, found = np.random.default_rng(14), np.zeros(2), 0
    cohorts = [1] * 9 + [2] * 3, [1] * 3 + [2] * 9
    step = [10.0 * np.array(part) for part in cohorts]
    for _ in range(amount):
        one, other = step[0] + draw.standard_normal(12), step[1] + draw.standard_normal(12)
        alarms += [van_elteren(one, other, cohorts).p < ALPHA, mann_whitney(one, other).p < ALPHA]
        found += van_elteren(one + 2, other, cohorts).p < ALPHA
    assert kept(alarms[0] / amount, amount)
    assert alarms[1] / amount > 0.5
    assert found / amount > 0.85
