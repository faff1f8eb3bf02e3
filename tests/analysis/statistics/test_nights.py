"""Nights and configurations: the interaction by hand and on simulated nights of known truth, and the edges."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.nights import interaction, over_nights
from analysis.statistics.paired import paired_ratio

AMOUNTS = [
    pytest.param(400, id="fast"),
    pytest.param(20_000, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
]


def nights(draw, count, blocks, *, effect=0.0, between=0.0, noise=0.006):
    """Both sides (count x blocks,) and their nights: nights 20 % apart, blocks 4 %, effects ``between`` apart."""
    shared = np.repeat(0.2 * draw.standard_normal(count), blocks) + 0.04 * draw.standard_normal(count * blocks)
    own = np.repeat(effect + between * draw.standard_normal(count), blocks)
    left, right = (noise * draw.standard_normal(count * blocks) for _ in range(2))
    return np.exp(7 + shared + own + left), np.exp(7 + shared + right), np.repeat(np.arange(count), blocks).tolist()


def within(rate, nominal, amount):
    return abs(rate - nominal) <= 3 * math.sqrt(nominal * (1 - nominal) / amount)


def test_the_interaction_is_the_one_way_analysis_of_the_log_ratios():
    left, right, night = nights(np.random.default_rng(1), 3, 5)
    found = interaction("x", left, right, night)
    theirs = stats.f_oneway(*(np.log(left / right).reshape(3, 5)))
    assert (theirs.statistic, theirs.pvalue, 2) == (pytest.approx(found.statistic), pytest.approx(found.p), found.df)


def test_the_test_over_nights_is_the_t_of_their_means():
    left, right, night = nights(np.random.default_rng(2), 4, 3, effect=-0.05)
    found = over_nights(left, right, night, 0.95)
    means = np.log(left / right).reshape(4, 3).mean(1)
    assert stats.ttest_1samp(means, 0).pvalue == pytest.approx(found.p)
    assert (math.exp(means.mean()), 4) == (pytest.approx(found.estimate.value), found.estimate.n)


@pytest.mark.parametrize("amount", AMOUNTS)
def test_nights_that_agree_are_told_to_differ_as_often_as_alpha_and_the_headline_keeps_its_alarms(amount):
    draw = np.random.default_rng(3)
    differ = alarms = covered = 0
    for _ in range(amount):
        left, right, night = nights(draw, 3, 5)
        differ += interaction("x", left, right, night).p < 0.05
        headline = paired_ratio(left, right, 0.95)
        alarms += headline.p < 0.05
        covered += headline.estimate.low <= 1 <= headline.estimate.high
    assert within(differ / amount, 0.05, amount), differ / amount
    assert within(alarms / amount, 0.05, amount), alarms / amount
    assert within(covered / amount, 0.95, amount), covered / amount


@pytest.mark.parametrize("amount", AMOUNTS)
def test_where_the_effect_scatters_between_nights_only_the_test_over_nights_covers_that_of_all_nights(amount):
    draw = np.random.default_rng(4)
    over = pooled = seen = 0
    for _ in range(amount):
        left, right, night = nights(draw, 6, 5, effect=-0.02, between=0.01)
        truth = math.exp(-0.02)
        over_all = over_nights(left, right, night, 0.95).estimate
        headline = paired_ratio(left, right, 0.95).estimate
        over += over_all.low <= truth <= over_all.high
        pooled += headline.low <= truth <= headline.high
        seen += interaction("x", left, right, night).p < 0.05
    assert within(over / amount, 0.95, amount), over / amount
    assert pooled / amount < 0.8
    assert seen / amount > 0.8


@pytest.mark.parametrize(
    ("left", "right", "night", "why"),
    [
        ([], [], [], "too few"),
        ([1.0, 2.0], [1.0, 1.0], ["a", "a"], "too few"),
        ([1.0, 2.0], [1.0, 1.0], ["a", "b"], "too few"),
        ([1.0, -2.0, 1.0], [1.0, 1.0, 1.0], ["a", "b", "b"], "positive"),
        ([1.0, 2.0, 2.0], [1.0, 1.0, 1.0], ["a", "b", "b"], "no scatter"),
    ],
)
def test_what_tells_no_interaction_says_why(left, right, night, why):
    found = interaction("x", left, right, night)
    assert (None, True) == (found.p, why in found.note)


@pytest.mark.parametrize(
    ("left", "night", "why"),
    [([1.0], ["a"], "too few"), ([2.0, 2.0], ["a", "b"], "no scatter"), ([-1.0, 1.0], ["a", "b"], "positive")],
)
def test_what_tells_nothing_over_nights_says_why(left, night, why):
    found = over_nights(left, [1.0] * len(left), night, 0.95)
    assert (None, True) == (found.p, why in found.note)
