"""n = 1, n = 2, all equal, complete separation: an estimate, or None and a note; never a bare NaN, never a warning."""

from __future__ import annotations

import dataclasses
import math
import warnings

import pytest

from analysis.findings import Equivalence, Estimate
from analysis.findings import Test as Tested
from analysis.statistics import unpaired
from analysis.statistics.describe import describe, mean
from analysis.statistics.effects import cliffs_delta, cohens_d, hedges_g
from analysis.statistics.equivalence import paired_equivalence, unpaired_equivalence
from analysis.statistics.factorial import cell_means
from analysis.statistics.families import adjust
from analysis.statistics.normality import shapiro
from analysis.statistics.omnibus import friedman, kruskal, levene, ols_configurations, ols_factors
from analysis.statistics.order import ratio_with_order
from analysis.statistics.outliers import clean_flag_rate, largest_z, mad_scores, z_scores
from analysis.statistics.paired import paired_difference, paired_ratio
from analysis.statistics.ranks import brunner_munzel, mann_whitney, wilcoxon
from analysis.statistics.slopes import theil_sen

CASES = {
    "none": ([], []),
    "one": ([3.0], [2.0]),
    "two": ([3.0, 3.1], [2.0, 2.2]),
    "two equal": ([3.0, 3.0], [2.0, 2.0]),
    "all equal": ([2.0] * 6, [2.0] * 6),
    "equal but for rounding": ([0.1 + 0.2] * 3 + [0.3] * 3, [0.3] * 6),
    "one side equal": ([2.0] * 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    "complete separation": ([10.0, 11.0, 12.0, 13.0], [1.0, 2.0, 3.0, 4.0]),
    "zero among them": ([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]),
    "negative": ([-1.0, -2.0, -3.5], [-2.0, -1.0, -0.5]),
    "constant difference": ([3.0, 4.0, 5.5], [2.0, 3.0, 4.5]),
}


def results(left, right):
    """Every two-sample statistic of this package on one pair of samples."""
    order = [float(place) for place in range(len(left))], [place + 0.5 for place in range(len(right))]
    groups = ["a"] * len(left) + ["b"] * len(right)
    both = [*left, *right]
    names = ("accuracy", "lean", "base")
    return [
        paired_ratio(left, right, 0.95),
        paired_difference(left, right, "J", 0.95),
        *(unpaired.ratio(left, right, 0.95, spread) for spread in ("welch", "pooled")),
        *(unpaired.difference(left, right, "J", 0.95, spread) for spread in ("welch", "pooled")),
        unpaired.yuen(left, right),
        mann_whitney(left, right),
        wilcoxon(left, right),
        brunner_munzel(left, right),
        shapiro(left),
        cohens_d(left, right, 0.95),
        hedges_g(left, right, 0.95),
        cliffs_delta(left, right, 0.95),
        paired_equivalence(left, right, 0.5, alpha=0.05, names=names),
        unpaired_equivalence(left, right, 0.5, alpha=0.05, names=names),
        ratio_with_order(left, right, *order, 0.95),
        theil_sen("drift", left, right, "", 0.95),
        levene([left, right]),
        kruskal([left, right]),
        friedman([[a, b, a] for a, b in zip(left, right, strict=True)] or [[]]),
        ols_configurations(both, groups),
        ols_configurations(both, groups, [*range(len(left)), *range(len(right))]),
        *ols_factors(both, {"x": groups, "y": ["u", "v"] * len(left)}),
        mean(left, "J", 0.95),
    ]


def floats(record):
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if dataclasses.is_dataclass(value):
            yield from floats(value)
        elif isinstance(value, float):
            yield value


@pytest.mark.parametrize("case", CASES)
def test_no_statistic_warns_raises_or_gives_a_bare_nan(case):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = results(*CASES[case])
    for record in found:
        assert all(math.isfinite(value) for value in floats(record)), record


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_told_says_why(case):
    for record in results(*CASES[case]):
        if isinstance(record, Tested) and record.p is None:
            assert record.note, record
        if isinstance(record, Estimate) and record.low is None:
            assert record.note, record
        if isinstance(record, Equivalence) and record.p is None:
            assert record.decision == "cannot be told"


def test_one_pair_gives_a_ratio_without_an_interval():
    test = paired_ratio([3.0], [2.0], 0.95)
    assert (1.5, None, None) == (pytest.approx(test.estimate.value), test.estimate.low, test.p)


def test_a_constant_difference_has_no_p_however_large_it_is():
    test = paired_difference([3.0, 4.0, 5.5], [2.0, 3.0, 4.5], "J", 0.95)
    assert (1.0, None) == (test.estimate.value, test.p)
    assert "no scatter" in test.note


def test_complete_separation_is_said_for_rank_effects():
    delta = cliffs_delta([10.0, 11.0], [1.0, 2.0], 0.95)
    assert (1.0, None) == (delta.value, delta.low)
    assert "complete separation" in delta.note
    assert "complete separation" in brunner_munzel([10.0, 11.0, 12.0], [1.0, 2.0, 3.0]).note


def test_order_and_configuration_that_are_the_same_thing_are_not_told_apart():
    order = [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]
    test = ratio_with_order([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], *order, 0.95)
    assert test.p is None
    assert "does not tell" in test.note


def test_scores_of_too_few_or_equal_values_are_none():
    assert z_scores([1.0], 1) is None
    assert z_scores([2.0, 2.0, 2.0], 1) is None
    assert mad_scores([2.0, 2.0, 2.0, 5.0]) is None
    assert largest_z(1, 1) is None
    assert clean_flag_rate([1, 0, 2], "mad", 3.5, 1) == 0.0


def test_describing_nothing_gives_nothing():
    assert describe([]).median is None
    assert describe([1.0]).standard_deviation is None


def test_a_family_of_untold_tests_stays_as_it_is():
    tests = [Tested("t", None, None, (1,), note="too few runs")]
    assert tests == adjust(tests)


def test_levels_whose_runs_are_equal_are_not_told_apart_by_rounding():
    data = [1.3] * 5 + [2.6] * 5 + [3.9, 5.0, 2.8, 3.95, 4.85]
    groups = ["a"] * 5 + ["b"] * 5 + ["c"] * 5
    whole = ols_configurations(data, groups)
    pair = cell_means(data, groups).contrast({"a": 1.0, "b": -1.0}, 0.95)
    scattered = cell_means(data, groups).contrast({"a": 1.0, "c": -1.0}, 0.95)
    assert (None, None) == (whole.p, pair.p)
    assert "no scatter in a part" in whole.note
    assert "no scatter in a part" in pair.note
    assert 1e-6 < scattered.p < 0.05


def test_a_difference_that_is_only_rounding_is_zero():
    left, right = [0.1 + 0.2] * 3, [0.3] * 3
    assert left[0] - right[0] != 0
    assert 0.0 == paired_difference(left, right, "W", 0.95).estimate.value
    assert 0.0 == unpaired.difference(left, right, "W", 0.95).estimate.value
    assert 5e-8 == pytest.approx(paired_difference([1 + 5e-8] * 3, [1.0] * 3, "W", 0.95).estimate.value)
