"""Each factor by itself: Kruskal-Wallis with eta squared, point-biserial r of two levels; by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.factor_ranks import factor_ranks
from analysis.load import load
from analysis.response import Response
from analysis.statistics.effects import point_biserial
from analysis.study import study

approx = pytest.approx


@pytest.fixture(scope="module")
def night(simulate_grid):
    return load(simulate_grid(3, 2, blocks=4).path)


def frame(night):
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        [{"configuration": name, "value": rng.normal(100, 5)} for name in night.configurations for _ in range(4)]
    )


def test_kruskal_by_factor_and_point_biserial_are_those_of_the_pooled_runs(night):
    runs = frame(night)
    found = {test.name: test for test in factor_ranks(night, runs)}
    of = {
        factor: runs.configuration.map(lambda name, f=factor: night.levels[name][f])
        for factor in ("width", "precision")
    }
    groups = [runs.value[of["width"] == level] for level in (1, 2, 3)]
    test = found["Kruskal-Wallis, by width"]
    expected = stats.kruskal(*groups)
    assert (expected.statistic, expected.pvalue) == approx((test.statistic, test.p))
    assert (test.statistic - 3 + 1) / (24 - 3) == approx(test.estimate.value)
    r = found["point-biserial r with precision (mixed_float16 = 1, float32 = 0)"]
    assert stats.pointbiserialr(of["precision"] == "mixed_float16", runs.value).statistic == approx(r.statistic)
    assert r.p is None
    assert "effect size" in r.note
    assert not [name for name in found if name.startswith("point-biserial r with width")]
    assert all("exploratory" in item.note and "blocks" in item.note for item in found.values())


def test_a_factor_of_which_one_level_has_runs_is_left_out(night):
    runs = frame(night)
    one = runs[[night.levels[name]["width"] == 1 for name in runs.configuration]]
    assert ["Kruskal-Wallis, by precision"] == [
        test.name for test in factor_ranks(night, one) if "Kruskal" in test.name
    ]
    assert [] == factor_ranks(night, runs.iloc[:0])


def test_they_stand_among_the_findings_of_a_night(night):
    names = [test.name for test in study(night).omnibus]
    assert "Kruskal-Wallis, by width" in names
    assert "Kruskal-Wallis, by precision" in names


def test_every_other_result_that_varies_has_its_own_tests_over_the_runs_that_have_it(night):
    runs = night.runs[["run", "configuration"]].assign(value=np.arange(len(night.runs), dtype=float))
    values = pd.Series(np.random.default_rng(1).uniform(1e9, 2e9, len(runs)), index=runs.run)
    values.iloc[0] = np.nan
    beside = [
        Response("flop_per_batch", "flop_per_batch", "", values, {}),
        Response("steps", "steps", "", values * 0 + 7, {}),
    ]
    found = {test.name: test for test in factor_ranks(night, runs.iloc[5:], runs, beside)}
    test = found["flop_per_batch: point-biserial r with precision (mixed_float16 = 1, float32 = 0)"]
    mixed = runs.configuration.map(lambda name: night.levels[name]["precision"] == "mixed_float16")[1:]
    told = runs.run.map(values)[1:]
    assert stats.pointbiserialr(mixed, told).statistic == approx(test.statistic)
    ranked = found["flop_per_batch: Kruskal-Wallis, by precision"]
    assert stats.kruskal(told[mixed], told[~mixed]).pvalue == approx(ranked.p)
    assert "one of 4 such tests, not corrected over them" in ranked.note
    assert not [name for name in found if name.startswith("steps")]


def test_a_factor_that_does_not_touch_a_result_has_no_test_of_it(night):
    runs = night.runs[["run", "configuration"]].assign(value=np.arange(len(night.runs), dtype=float))
    width = runs.configuration.map(lambda name: float(night.levels[name]["width"]))
    flop = Response("flop", "flop", "", pd.Series(width.to_numpy(), index=runs.run), {})
    names = [test.name for test in factor_ranks(night, runs, runs, [flop]) if test.name.startswith("flop")]
    assert ["flop: Kruskal-Wallis, by width"] == names


def test_a_night_tests_power_and_accuracy_by_factor_too(night):
    names = [test.name for test in study(night).omnibus]
    for name in ("mean power", "accuracy"):
        assert f"{name}: Kruskal-Wallis, by width" in names


def test_the_point_biserial_of_flop_is_the_one_that_study_3_published():
    cifar10, mnist = [21.3, 26.7, 6.68], [46.3, 58.6, 16.3]  # GFLOP of VGG16, VGG19, ResNet50
    assert approx(-0.6233, abs=5e-4) == point_biserial(np.array(cifar10), np.array(mnist)).value
