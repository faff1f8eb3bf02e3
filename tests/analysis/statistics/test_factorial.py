"""Factors: against statsmodels' own tables, against hand-computed contrasts, with missing cells, and with nothing."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats

from analysis.statistics.factorial import NOT_JOINED, ONE_RUN, block_contrast, cell_means, factor_effects
from analysis.statistics.omnibus import ols_factors
from analysis.statistics.paired import paired_ratio

SLOPES = {("a", "x"): 0.0, ("a", "y"): -0.05, ("b", "x"): 0.03, ("b", "y"): -0.04, ("c", "x"): 0.08, ("c", "y"): 0.02}


def made(blocks=6, without=(), seed=3, noise=0.01):
    draw = np.random.default_rng(seed)
    rows = [
        {"a": one, "b": other, "block": block, "log": 7 + size + 0.02 * block + noise * draw.standard_normal()}
        for block in range(blocks)
        for (one, other), size in SLOPES.items()
        if (one, other) not in without
    ]
    return pd.DataFrame(rows)


def effects_of(frame, blocked=True):
    levels = {"a": frame.a.tolist(), "b": frame.b.tolist()}
    return {item.term: item for item in factor_effects(frame.log, levels, frame.block.tolist() if blocked else None)}


def test_a_complete_grid_has_the_type_three_table_that_statsmodels_gives():
    frame = made()
    model = smf.ols("log ~ C(a, Sum) * C(b, Sum) + C(block)", frame).fit()
    robust = sm.stats.anova_lm(model, typ=3, robust="hc3")
    plain = sm.stats.anova_lm(model, typ=3)
    for term, name in (("a", "C(a, Sum)"), ("b", "C(b, Sum)"), ("a × b", "C(a, Sum):C(b, Sum)")):
        found = effects_of(frame)[term]
        assert found.sums == "III"
        assert found.test.statistic == pytest.approx(robust.loc[name, "F"])
        assert found.test.p == pytest.approx(robust.loc[name, "PR(>F)"])
        assert (found.test.df, found.residual_df) == (plain.loc[name, "df"], plain.loc["Residual", "df"])
        expected = plain.loc[name, "sum_sq"] / (plain.loc[name, "sum_sq"] + plain.loc["Residual", "sum_sq"])
        assert found.partial_eta2.value == pytest.approx(expected)


def test_the_effects_are_those_of_the_omnibus_tests():
    frame = made()
    levels = {"a": frame.a.tolist(), "b": frame.b.tolist()}
    expected = [test.statistic for test in ols_factors(frame.log, levels, frame.block.tolist())]
    assert [item.test.statistic for item in effects_of(frame).values()] == pytest.approx(expected)


def test_a_grid_with_a_missing_cell_has_type_two_main_effects_and_what_is_left_of_the_interaction():
    frame = made(without=[("c", "y")])
    found = effects_of(frame)
    expected = sm.stats.anova_lm(smf.ols("log ~ C(a) + C(b) + C(block)", frame).fit(), typ=2)
    assert {item.sums for item in found.values()} == {"II"}
    assert found["a × b"].test.df == 1.0
    for term, name in (("a", "C(a)"), ("b", "C(b)")):
        total = expected.loc[name, "sum_sq"] + expected.loc["Residual", "sum_sq"]
        assert found[term].partial_eta2.value == pytest.approx(expected.loc[name, "sum_sq"] / total)
        assert found[term].test.df == expected.loc[name, "df"]


def test_three_factors_have_seven_terms_and_a_factor_of_one_level_has_none():
    draw = np.random.default_rng(1)
    grid = [(a, b, c) for _ in range(3) for a in "xy" for b in "xy" for c in "xyz"]
    logs = 5 + 0.01 * draw.standard_normal(len(grid))
    columns = {name: [key[place] for key in grid] for place, name in enumerate("abc")}
    assert len(factor_effects(logs, columns)) == 7
    assert [item.term for item in factor_effects(logs, {"a": columns["a"], "one": ["x"] * len(grid)})] == ["a"]
    assert factor_effects([], {}) == []


def test_equal_values_and_one_run_a_cell_give_a_note_and_no_number():
    frame = made(noise=0.0)
    assert all(item.test.p is None for item in effects_of(frame.assign(log=7.0)).values())
    assert all(item.test.p is None and item.test.note for item in effects_of(made(blocks=1), blocked=False).values())
    assert factor_effects(made(blocks=1).log, {"a": list("aabbcc")}, list(range(6))) == []


def test_a_contrast_of_two_cells_is_the_paired_t_of_the_comparison():
    table = np.log([[100.0, 90.0], [110.0, 101.0], [120.0, 107.0], [np.nan, 100.0]])
    found = block_contrast(table, [-1, 1], 0.95)
    whole = np.exp(table[:3])
    expected = paired_ratio(whole[:, 1], whole[:, 0], 0.95)
    assert found.p == pytest.approx(expected.p)
    assert found.estimate.low == pytest.approx(expected.estimate.low)
    assert found.estimate.n == 3


def test_a_ratio_of_ratios_is_what_a_hand_reckons():
    table = np.log([[100.0, 90.0, 200.0, 160.0], [102.0, 93.0, 210.0, 170.0], [99.0, 88.0, 190.0, 150.0]])
    found = block_contrast(table, [1, -1, -1, 1], 0.95)
    each = np.array([(160 / 200) / (90 / 100), (170 / 210) / (93 / 102), (150 / 190) / (88 / 99)])
    assert found.estimate.value == pytest.approx(math.exp(np.log(each).mean()))
    assert found.p == pytest.approx(stats.ttest_1samp(np.log(each), 0).pvalue)


@pytest.mark.parametrize(
    ("table", "note"),
    [([[np.nan, 1.0], [1.0, np.nan]], NOT_JOINED), ([[1.0, 1.1]], "too few runs"), ([[1.0, 1.1]] * 3, "no scatter")],
)
def test_a_contrast_that_cannot_be_tested_says_why(table, note):
    found = block_contrast(table, [-1, 1], 0.95)
    assert found.p is None
    assert note in found.note
    assert found.estimate.low is None


def test_cell_means_are_those_of_statsmodels_with_hc3():
    frame = made(blocks=5).drop(index=[3, 11])
    cells = list(zip(frame.a, frame.b, strict=True))
    found = cell_means(frame.log, cells, frame.block.tolist()).contrast({("c", "y"): 1, ("a", "x"): -1}, 0.95)
    frame["cell"] = [f"{one}{other}" for one, other in cells]
    model = smf.ols("log ~ C(cell, Treatment('ax')) + C(block)", frame).fit(cov_type="HC3", use_t=True)
    name = "C(cell, Treatment('ax'))[T.cy]"
    low, high = model.conf_int().loc[name]
    assert found.estimate.value == pytest.approx(math.exp(model.params[name]))
    assert (found.estimate.low, found.estimate.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert found.p == pytest.approx(model.pvalues[name])


def test_cell_means_refuse_what_the_design_does_not_tell():
    apart = cell_means([1.0, 1.1, 2.0, 2.2, 1.05, 2.1], list("xxyyxy"), [1, 1, 2, 2, 1, 2])
    assert "do" in apart.contrast({"x": 1, "y": -1}, 0.95).note
    assert apart.contrast({"x": 1, "y": -1}, 0.95).estimate.value is None
    alone = cell_means([1.0, 1.1, 1.2, 2.0], list("xxxy")).contrast({"x": 1, "y": -1}, 0.95)
    assert (alone.p, alone.note) == (None, ONE_RUN)
    assert cell_means([1.0, 1.1], list("xx")).contrast({"x": 1, "z": -1}, 0.95).estimate.value is None


def test_a_night_in_one_row_takes_its_drift_off_the_means():
    draw = np.random.default_rng(5)
    cells = list("ab" * 15 + "a" * 5 + "b" * 15)
    order = np.arange(len(cells))
    logs = 0.01 * order + 0.002 * draw.standard_normal(len(cells))
    naive = cell_means(logs, cells).contrast({"b": 1, "a": -1}, 0.95)
    found = cell_means(logs, cells, order=order).contrast({"b": 1, "a": -1}, 0.95)
    assert naive.p < 0.05
    assert found.p > 0.05
    assert "run order" in found.name


def test_contrasts_hold_their_level_with_drift_and_one_noisy_cell():
    """400 nights of 2 x 2 cells, 8 blocks, 4 % drift, one cell four times as noisy: 5 % +- 3 Monte-Carlo errors."""
    draw = np.random.default_rng(2)
    false = {"main": 0, "ratio of ratios": 0}
    for _ in range(400):
        table = 0.01 * draw.standard_normal((8, 4)) * [1, 1, 1, 4] + np.linspace(0, 0.04, 8)[:, None]
        false["main"] += block_contrast(table, [-0.5, -0.5, 0.5, 0.5], 0.95).p < 0.05
        false["ratio of ratios"] += block_contrast(table, [1, -1, -1, 1], 0.95).p < 0.05
    assert all(abs(count / 400 - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 400) for count in false.values())
