"""Runs needed by a pilot's scatter: by hand, by statsmodels, on simulated nights of known truth, at the edges."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from analysis.statistics.order import ratio_with_order
from analysis.statistics.paired import paired_ratio
from analysis.statistics.pilot import (
    ASSURANCE,
    LARGEST_EFFECT,
    Scatter,
    block_scatter,
    in_order,
    needed,
    paired_scatter,
    power_at,
    unpaired_scatter,
    visible,
    within_scatter,
)

NOISE, DRIFT = 0.006, 0.04
AMOUNTS = [
    pytest.param(400, id="fast"),
    pytest.param(20_000, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
]


def within(rate, nominal, amount):
    return abs(rate - nominal) <= 3 * math.sqrt(nominal * (1 - nominal) / amount)


def pairs(draw, blocks, effect=0.0, noise=NOISE):
    """One night: both sides (blocks,), a drift of 0.1 % from run to run, the order drawn within each block."""
    course = 0.001 * np.arange(2 * blocks)
    places = np.array([draw.permutation(2) for _ in range(blocks)]) + 2 * np.arange(blocks)[:, None]
    logs = 7 + course[places] + noise * draw.standard_normal((blocks, 2))
    return np.exp(logs[:, 1] + math.log1p(effect)), np.exp(logs[:, 0])


def test_the_scatter_of_pairs_is_that_of_one_run_of_a_pair_by_hand():
    left, right = np.exp([0.01, 0.03, 0.02]), np.exp([0.0, 0.0, 0.0])
    found = paired_scatter(left, right)
    assert (2, True) == (found.degrees, found.paired)
    assert 0.01 / math.sqrt(2) == pytest.approx(found.deviation)


def test_the_interval_of_a_scatter_is_the_chi_squared_one_by_hand():
    # chi-squared with 5 degrees of freedom: 0.8312 and 12.833 at 2.5 and 97.5 %, 2.343 at 20 %.
    found = Scatter(0.01, 5, True)
    assert (0.01 * math.sqrt(5 / 12.833), 0.01 * math.sqrt(5 / 0.8312)) == pytest.approx(found.interval(0.95), rel=1e-4)
    assert 0.01 * math.sqrt(5 / 2.343) == pytest.approx(found.upper(0.8), rel=1e-4)


def test_the_runs_needed_are_the_fewest_that_statsmodels_finds_enough():
    found = needed(Scatter(0.01, 7, True), 0.01, alpha=0.05 / 3, power=0.9, level=0.95)
    size = math.log1p(0.01) / (0.01 * math.sqrt(2))
    power = [TTestPower().power(size, n, 0.05 / 3) for n in (found.runs - 1, found.runs)]
    assert power[0] < 0.9 <= power[1]
    assert found.low < found.runs < found.advised < found.high


def test_what_is_visible_with_the_runs_needed_is_the_effect_itself_and_found_as_often_as_asked():
    scatter = Scatter(0.008, 9, True)
    n = needed(scatter, 0.01, alpha=0.05, power=0.8, level=0.95).runs
    assert (
        visible(n, 0.008, scatter, alpha=0.05, power=0.8)
        <= 0.01
        < visible(n - 1, 0.008, scatter, alpha=0.05, power=0.8)
    )
    assert power_at(n - 1, 0.01, 0.008, scatter, alpha=0.05) < 0.8 <= power_at(n, 0.01, 0.008, scatter, alpha=0.05)


def test_the_scatter_of_whole_blocks_is_what_two_way_analysis_of_variance_leaves():
    import pandas as pd
    from statsmodels.formula.api import ols

    logs = np.random.default_rng(2).normal(5, 0.01, (6, 4)) + np.linspace(0, 0.1, 6)[:, None]
    frame = pd.DataFrame([{"log": logs[i, j], "block": i, "side": j} for i in range(6) for j in range(4)])
    theirs = ols("log ~ C(block) + C(side)", frame).fit()
    found = block_scatter(np.exp(logs))
    assert (theirs.df_resid, pytest.approx(theirs.mse_resid)) == (found.degrees, found.deviation**2)


def test_the_order_of_the_runs_is_taken_off_the_scatter_and_costs_its_share():
    draw = np.random.default_rng(3)
    order = draw.permutation(40).astype(float)
    logs = 7 + 0.1 * order / 40 + draw.normal(0, 0.001, 40)
    with_order = unpaired_scatter(np.exp(logs[:20]), np.exp(logs[20:]), (order[:20], order[20:]))
    without = unpaired_scatter(np.exp(logs[:20]), np.exp(logs[20:]))
    assert 0.001 == pytest.approx(with_order.deviation, rel=0.25)
    assert without.deviation > 20 * with_order.deviation
    assert with_order.confounded is None


def test_a_listed_night_pays_for_what_order_and_configuration_share():
    draw = np.random.default_rng(3)
    order = np.arange(20.0)
    values = np.exp(draw.normal(7, 0.001, 20))
    listed = unpaired_scatter(values[:10], values[10:], (order[:10], order[10:]), listed=True)
    assert np.corrcoef(order < 10, order)[0, 1] ** 2 == pytest.approx(listed.confounded)
    drawn = Scatter(listed.deviation, listed.degrees, False, ordered=True)
    effects = [visible(10, 0.001, item, alpha=0.05, power=0.9) for item in (listed, drawn)]
    # Twice by the variance alone (r squared is .75); the degrees of freedom are fewer, too, which the next test holds.
    assert 2.0 < effects[0] / effects[1] < 2.2


@pytest.mark.parametrize("n", [10, 30])
@pytest.mark.parametrize("amount", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_listed_nights_find_an_effect_as_often_as_is_told(amount, n):
    draw = np.random.default_rng([7, n])
    order = np.arange(2.0 * n)
    shared = float(np.corrcoef(order < n, order)[0, 1] ** 2)
    scatter, found = Scatter(NOISE, 10**6, False, ordered=True, confounded=shared), 0
    effect = visible(n, NOISE, scatter, alpha=0.05, power=0.8)
    for _ in range(amount):
        logs = 7 + DRIFT * order / (2 * n) + NOISE * draw.standard_normal(2 * n)
        logs[:n] += math.log1p(effect)
        test = ratio_with_order(*np.exp(logs).reshape(2, n), *order.reshape(2, n), 0.95)
        found += test.p < 0.05
    assert abs(found / amount - 0.8) < 3 * math.sqrt(0.16 / amount) + 0.02, found / amount


def test_the_classic_scatter_is_that_of_the_values_over_their_means():
    left, right = np.array([9.0, 10.0, 11.0]), np.array([19.0, 20.0, 21.0])
    found = unpaired_scatter(left, right, logs=False)
    assert math.sqrt((0.1**2 + 0.05**2) / 2) == pytest.approx(found.deviation)


@pytest.mark.parametrize("amount", AMOUNTS)
def test_nights_of_the_runs_needed_find_the_effect_as_often_as_was_asked(amount):
    draw = np.random.default_rng(4)
    # Of one run of a pair: the noise, and the drift of 0.1 % between the two places of a block.
    scatter = Scatter(math.sqrt(NOISE**2 + 0.001**2 / 2), 10**6, True)
    for effect in (0.01, 0.02):
        n = needed(scatter, effect, alpha=0.05, power=0.9, level=0.95).runs
        found = np.mean([paired_ratio(*pairs(draw, n, effect), 0.95).p < 0.05 for _ in range(amount)])
        assert within(found, power_at(n, effect, scatter.deviation, scatter, alpha=0.05), amount), (effect, n, found)


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("blocks", [pytest.param(3, marks=pytest.mark.slow), 8])
def test_intervals_of_pilots_hold_the_runs_truly_needed_and_the_advised_number_suffices(amount, blocks):
    draw = np.random.default_rng([5, blocks])
    truth = needed(Scatter(NOISE, 10**6, True), 0.005, alpha=0.05, power=0.9, level=0.95).runs
    amount = min(amount, 4000)
    held = enough = 0
    for _ in range(amount):
        logs = NOISE * draw.standard_normal((blocks, 2))
        found = needed(paired_scatter(*np.exp(logs.T)), 0.005, alpha=0.05, power=0.9, level=0.95)
        held += found.low <= truth and (found.high is None or truth <= found.high)
        enough += found.advised is None or found.advised >= truth
    # Whole numbers of runs make both a little more sure than nominal.
    assert -3 * math.sqrt(0.95 * 0.05 / amount) <= held / amount - 0.95 < 0.03
    assert -3 * math.sqrt(0.16 / amount) <= enough / amount - ASSURANCE < 0.03 + 3 * math.sqrt(0.16 / amount)


@pytest.mark.parametrize("n", [3, 5, 10, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("amount", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_shuffled_nights_find_an_effect_nearly_as_often_as_is_told(amount, n):
    draw = np.random.default_rng([6, n])
    scatter, found = Scatter(NOISE, 10**6, False, ordered=True), 0
    effect = visible(n, NOISE, scatter, alpha=0.05, power=0.8)
    for _ in range(amount):
        order = draw.permutation(2 * n).astype(float)
        logs = 7 + DRIFT * order / (2 * n) + NOISE * draw.standard_normal(2 * n)
        logs[:n] += math.log1p(effect)
        test = ratio_with_order(*np.exp(logs).reshape(2, n), *order.reshape(2, n), 0.95)
        found += test.p < 0.05
    slack = 3 * math.sqrt(0.16 / amount) + (0.15 if n == 3 else 0.04)  # three runs a side can hardly be reckoned
    assert abs(found / amount - 0.8) < slack, found / amount


@pytest.mark.parametrize(
    ("scatter", "why"),
    [
        (paired_scatter([1.0], [2.0]), "too few"),
        (paired_scatter([], []), "too few"),
        (paired_scatter([1.0, 1.1, 1.2], [2.0, 2.2, 2.4]), "no scatter"),
        (paired_scatter([1.0, -1.0], [2.0, 2.0]), "positive"),
        (block_scatter([[1.0, 2.0, 3.0]]), "too few"),
        (block_scatter([[1.0, 2.0], [2.0, 4.0]]), "no scatter"),
        (unpaired_scatter([1.0, 1.1], [2.0]), "too few"),
        (within_scatter([[1.0, 1.1]], [[1.0, 2.0]]), "too few"),
        (within_scatter([[1.0, 1.0, 1.0]]), "no scatter"),
        (within_scatter([[1.0, -1.0, 1.0]]), "positive"),
        (within_scatter([]), "too few"),
        (unpaired_scatter([1.0, 1.0], [2.0, 2.0]), "no scatter"),
        (unpaired_scatter([1.0, 0.0], [2.0, 2.1]), "positive"),
        (unpaired_scatter([1.0, 1.1], [2.0, 2.1], ([1.0, 1.0], [2.0, 2.0])), "apart"),
    ],
)
def test_what_tells_no_scatter_says_why_and_needs_nothing(scatter, why):
    assert why in scatter.note
    found = needed(scatter, 0.01, alpha=0.05, power=0.9, level=0.95)
    assert (None, None, None, None) == (found.runs, found.low, found.high, found.advised)


def test_the_scatter_within_configurations_is_what_a_line_through_the_night_leaves():
    import pandas as pd
    from statsmodels.formula.api import ols

    draw = np.random.default_rng(8)
    order = draw.permutation(15).astype(float)
    logs = 5 + np.repeat([0.0, 0.1, 0.2], 5) + 0.01 * order + draw.normal(0, 0.01, 15)
    frame = pd.DataFrame({"log": logs, "side": np.repeat(list("abc"), 5), "order": order})
    theirs = ols("log ~ C(side) + order", frame).fit()
    found = within_scatter(np.exp(logs).reshape(3, 5), order.reshape(3, 5))
    assert (theirs.df_resid, pytest.approx(theirs.mse_resid)) == (found.degrees, found.deviation**2)
    assert (True, False) == (found.ordered, within_scatter([np.exp(logs)], [order], paired=True).ordered)


def test_an_order_that_is_drawn_costs_what_it_shares_with_the_configurations():
    scatter = Scatter(NOISE, 20, False, ordered=True)
    turns = in_order(scatter, np.arange(0.0, 20, 2), np.arange(1.0, 21, 2))
    listed = in_order(scatter, np.arange(10.0), np.arange(10.0, 20))
    shared = np.corrcoef(np.arange(20) < 10, np.arange(20.0))[0, 1] ** 2
    assert 1 / (1 - shared) == pytest.approx(listed.drawn[0])
    assert 1.0 == pytest.approx(turns.drawn[0], abs=0.02)
    assert visible(10, NOISE, turns, alpha=0.05, power=0.9) < visible(10, NOISE, listed, alpha=0.05, power=0.9)
    assert "apart" in in_order(scatter, [1.0, 1.0], [2.0, 2.0]).note
    paired = Scatter(NOISE, 5, True)
    assert paired is in_order(paired, [1.0], [2.0])


def test_what_is_beyond_all_reading_is_not_told():
    wild = Scatter(10.0, 1, True)
    assert visible(2, 10.0, wild, alpha=0.01, power=0.9) is None
    assert visible(1000, 10.0, wild, alpha=0.01, power=0.9) < LARGEST_EFFECT


def test_an_effect_that_needs_more_runs_than_a_design_may_have_has_none():
    found = needed(Scatter(0.5, 3, True), 1e-4, alpha=0.05, power=0.9, level=0.95)
    assert (None, None) == (found.runs, found.high)


def test_an_effect_of_nothing_is_refused():
    with pytest.raises(ValueError, match="positive"):
        needed(Scatter(0.01, 5, True), 0.0, alpha=0.05, power=0.9, level=0.95)
