"""Comparisons within cells, by a rank test, of a ratio metric: families, decisions, what is said over the cells."""

import math

import numpy as np
import pandas as pd
import pytest

from analysis.comparisons import compare
from analysis.load import load
from analysis.sides import Method, contrasts
from analysis.statistics import ranks
from analysis.statistics.design import Design, cautions
from analysis.study import examine
from harness.configurations import cross
from harness.protocol_analysis import Analysis

approx = pytest.approx
WITHIN = Analysis(within=("model",), baseline="a")


def frame(ratios, blocks=10, seed=3):
    """Runs of configurations with these true values, with 0.5 % of scatter."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        [
            {
                "configuration": name,
                "block": block,
                "order": block * 10.0,
                "value": value * math.exp(rng.normal(0, 0.005)),
            }
            for block in range(1, blocks + 1)
            for name, value in ratios.items()
        ]
    )


def compared(runs, cells, **of_method):
    family = [pair for names in cells.values() for pair in contrasts(names, None, family="pairs")]
    of = {name: cell for cell, names in cells.items() for name in names}
    method = Method("blocks", blocked=True, alpha=0.05, correction="bonferroni", cells=of, **of_method)
    return compare(runs, runs, family, method, response="energy", unit="J")


def test_each_cell_is_corrected_by_itself():
    runs = frame({"a": 100, "b": 101, "c": 102, "d": 100, "e": 103})
    found = compared(runs, {"one": ["a", "b", "c"], "two": ["d", "e"]})
    assert [3, 3, 3] == [round(item.tests[0].p_adjusted / item.tests[0].p) for item in found if item.cell == "one"]
    (alone,) = (item for item in found if item.cell == "two")
    assert alone.tests[0].p_adjusted is None
    by_itself = compared(runs[runs.configuration.isin(["a", "b", "c"])], {"one": ["a", "b", "c"]})
    assert [item.tests[0] for item in found if item.cell == "one"] == [item.tests[0] for item in by_itself]


def test_a_declared_rank_test_decides_with_its_own_direction_and_leaves_the_ratio():
    runs = frame({"a": 100, "b": 95})
    (item,) = compared(runs, {"": ["a", "b"]}, test="rank")
    (by_t,) = compared(runs, {"": ["a", "b"]})
    assert ("Wilcoxon signed-rank", "lower") == (item.tests[0].name, item.decision)
    assert 2 / 2**10 == approx(item.tests[0].p)
    assert by_t.ratio == item.ratio
    assert ["Wilcoxon signed-rank"] == [test.name for test in item.tests if "Wilcoxon" in test.name]
    assert "paired t on logs" in [test.name for test in item.tests[1:]]
    higher = compared(frame({"a": 95, "b": 100}), {"": ["a", "b"]}, test="rank")
    assert ["higher"] == [item.decision for item in higher]


def test_a_rank_test_of_too_few_pairs_never_tells_apart():
    (item,) = compared(frame({"a": 100, "b": 50}, blocks=5), {"": ["a", "b"]}, test="rank")
    assert ("not told apart", 0.0625) == (item.decision, item.tests[0].p)


def test_the_direction_of_ranks_is_that_of_most_pairs_not_of_the_mean():
    left, right = [1.0, 1.0, 1.0, 1.0, 9.0], [2.0, 3.0, 4.0, 5.0, 8.5]
    assert ranks.signed_sum(left, right) < 0
    assert ranks.excess(left, right) < 0
    assert 0.0 == ranks.signed_sum([1.0], [1.0])


def test_cells_and_rests_are_named_by_their_levels():
    (first, *_) = cross({"model": ["m", "n"], "runtime": ["a", "b"], "batch": [1, 8]})
    analysis = Analysis(within=("model", "batch"))
    assert ("model=m,batch=1", "a") == (analysis.cell(first.levels), analysis.rest(first.levels))
    assert ("", first.name) == (Analysis().cell(first.levels), Analysis().rest(first.levels))


@pytest.mark.parametrize("rank", [False, True])
def test_the_design_reckons_with_the_family_of_a_cell(rank):
    design = Design(180, 10, cells=45, largest_cell=4, within="model and batch", rank=rank)
    assert 6 == design.comparisons
    said = {item.code: item.message for item in cautions(design)}
    assert "rank-test-out-of-reach" not in said
    assert ("0.00195" in said["family-within-cells"]) is rank
    few = {item.code: item.message for item in cautions(Design(180, 7, cells=45, largest_cell=4, rank=rank))}
    assert ("That test decides here." in few["rank-test-out-of-reach"]) is rank


@pytest.fixture(scope="module")
def within(simulate_grid):
    ratio = {"ready": "energy_per_accuracy_point", "aggregation": "mean_of_ratios"}
    second = {"name": "rate", "of": "accuracy", "per": "duration", "unit": "1/s", "aggregation": "mean_of_ratios"}
    plan = {
        "metric": "energy_per_accuracy_point", "ratio": [ratio, second], "within": ["width"], "baseline": "float32",
        "test": "rank", "correction": "bonferroni", "family": "pairs",
    }  # fmt: skip
    return examine(load(simulate_grid(3, 3, blocks=8, protocol={"analysis": plan}).path))


def test_a_night_within_cells_compares_only_inside_them(within):
    found = within.findings
    assert 9 == len(found.comparisons)
    assert {"1": 3, "2": 3, "3": 3} == {cell: sum(i.cell == cell for i in found.comparisons) for cell in "123"}
    for item in found.comparisons:
        assert item.configuration.split(",")[0] == item.baseline.split(",")[0]
        assert item.tests[0].p_adjusted == approx(min(1.0, 3 * item.tests[0].p))
    assert (3, ["width"]) == (found.design["largest_family"], found.design["within"])


def test_the_ratio_is_what_is_compared_and_has_its_unit(within):
    found = within.findings
    assert "J/%" == found.unit
    assert "energy per accuracy point" in found.response
    runs = within.runs[within.runs.state == "headline"]
    accuracy = runs["metric.accuracy"].astype(float)
    assert (runs.energy_J / (100 * accuracy)).tolist() == approx(runs.value.tolist(), rel=1e-9)


def test_over_the_cells_stand_the_geometric_mean_and_the_counts(within):
    pairs = {
        (item.configuration, item.baseline): item
        for item in within.findings.over_cells
        if not item.stratum and not item.response
    }
    one = pairs["mixed_float16", "float32"]
    mine = [
        item.ratio.value
        for item in within.findings.comparisons
        if "mixed_float16" in item.configuration and "float32" == item.baseline.split("=")[-1]
    ]
    assert math.exp(np.mean(np.log(mine))) == approx(one.ratio.value)
    assert (3, min(mine), max(mine)) == (one.cells, one.lowest, one.highest)
    assert 3 == one.lower + one.higher + one.not_apart + one.untold


def test_headline_and_methods_say_cells_and_test(within):
    found = within.findings
    assert "of 9 comparisons of energy per accuracy point" in found.headline
    assert "within 3 cells" in found.headline
    assert "Bonferroni correction within each cell" in found.headline
    assert "Wilcoxon" in found.methods
    assert "agree in width" in found.methods
    assert "not over the cells" in found.methods


def test_a_ratio_metric_beside_the_headline_stands_over_the_cells_too(within):
    rates = [item for item in within.findings.over_cells if item.response == "rate"]
    assert {("mixed_float16", "float32"), ("bfloat16", "float32"), ("bfloat16", "mixed_float16")} == {
        (item.configuration, item.baseline) for item in rates
    }
    assert {3} == {item.cells for item in rates}
    assert not [item for item in within.findings.over_cells if item.response == "energy per accuracy point"]
