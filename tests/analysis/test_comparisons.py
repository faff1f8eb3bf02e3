"""Two configurations against each other: the right test for the design, decided once."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.comparisons import Method, compare, contrasts, decide, disagree
from analysis.findings import Test as Tested
from analysis.load import load
from analysis.study import study

approx = pytest.approx
BLOCKS = Method("blocks", blocked=True, alpha=0.05)
SHUFFLE = Method("blocks", blocked=False, alpha=0.05)
CLASSIC = Method("classic", blocked=True, alpha=0.05)


def runs(**values):
    """Runs of each configuration, value by value, in blocks 1, 2, …; None leaves a block out."""
    rows = [
        {"configuration": name, "block": block, "order": 2 * block + place, "value": value}
        for place, (name, column) in enumerate(values.items())
        for block, value in enumerate(column, start=1)
        if value is not None
    ]
    return pd.DataFrame(rows, columns=["configuration", "block", "order", "value"])


def one(frame, method=BLOCKS, eligible=None, **more):
    whole = frame if eligible is None else eligible
    return compare(frame, whole, [("lean", "base")], method, response="energy", unit="J", **more)[0]


def test_with_blocks_the_paired_t_on_logs_decides():
    found = one(runs(base=[100, 110, 120, 130], lean=[95, 104, 115, 123]))
    logs = np.log([95 / 100, 104 / 110, 115 / 120, 123 / 130])
    assert ("paired t on logs", True) == (found.tests[0].name, found.tests[0].primary)
    assert math.exp(logs.mean()) == approx(found.ratio.value)
    assert ("lower", 4, 0) == (found.decision, found.pairs, found.pairs_lost)
    assert -5.75 == approx(found.difference.value)
    assert 1 == sum(test.primary for test in found.tests)
    assert len({test.name for test in found.tests}) == len(found.tests)


def test_a_block_that_lacks_a_side_gives_no_pair_and_is_counted_as_lost():
    frame = runs(base=[100, 110, 120, None], lean=[95, None, 115, 123])
    found = one(frame, attempted=runs(base=[100, 110, 120, 1], lean=[95, 1, 115, 123]))
    assert (2, 2) == (found.pairs, found.pairs_lost)
    assert math.exp(np.log([95 / 100, 115 / 120]).mean()) == approx(found.ratio.value)


def test_without_blocks_welch_with_an_order_term_decides():
    found = one(runs(base=[100, 110, 121, 133], lean=[95, 104, 115, 126]), SHUFFLE)
    assert "Welch on logs with run order" == found.tests[0].name
    assert "lower" == found.decision
    assert 0 == found.pairs
    assert "not told apart" == decide(next(test for test in found.tests if test.name == "Welch t on logs"), 0.05)


def test_without_blocks_and_with_few_runs_plain_welch_decides():
    found = one(runs(base=[100, 101], lean=[90, 91.5]), SHUFFLE)
    assert "Welch t on logs" == found.tests[0].name


def test_the_classic_recipe_decides_by_the_pooled_t_on_the_values():
    found = one(runs(base=[100, 110, 120, 130], lean=[95, 104, 115, 123]), CLASSIC)
    assert ("pooled t", "not told apart") == (found.tests[0].name, found.decision)
    assert "paired t on logs" in {test.name for test in found.tests}


def test_energy_is_power_times_duration_in_the_ratios_too():
    draw = np.random.default_rng(2)
    frame = runs(base=draw.normal(100, 2, 8), lean=draw.normal(95, 2, 8))
    power = draw.normal(10, 0.1, 16)
    frame = frame.assign(mean_power_W=power, duration_s=frame.value / power)
    for method in (BLOCKS, SHUFFLE):
        found = one(frame, method)
        assert found.ratio.value == approx(found.power_ratio.value * found.duration_ratio.value, rel=1e-12)


def test_a_family_is_corrected_by_holm_and_decided_by_the_corrected_p():
    draw = np.random.default_rng(3)
    frame = runs(**{name: draw.normal(100, 1, 6) for name in ("base", "b", "c", "d")})
    found = compare(frame, frame, contrasts(["base", "b", "c", "d"], "base"), BLOCKS, response="energy", unit="J")
    raw = sorted(item.tests[0].p for item in found)
    adjusted = sorted(item.tests[0].p_adjusted for item in found)
    running = np.maximum.accumulate([raw[0] * 3, raw[1] * 2, raw[2]])
    assert np.minimum(running, 1.0).tolist() == approx(adjusted)


def test_the_family_is_all_pairs_only_where_no_baseline_is_declared():
    names = ["a", "b", "c"]
    assert [("b", "a"), ("c", "a"), ("c", "b")] == contrasts(names, None)
    assert [("a", "b"), ("c", "b")] == contrasts(names, "b")
    assert 10 == len(contrasts([str(place) for place in range(11)], None))
    assert [] == contrasts(["a"], None)


def test_outliers_that_change_the_answer_are_seen_to_disagree():
    whole = runs(base=[100, 110, 120, 130, 140], lean=[95, 104, 115, 123, 190])
    kept = runs(base=[100, 110, 120, 130, 140], lean=[95, 104, 115, 123, None])
    found = one(kept, eligible=whole)
    assert ("lower", "not told apart", True) == (found.decision, found.decision_all, disagree(found))
    assert not disagree(one(kept))


def test_values_that_are_not_positive_are_compared_as_they_are():
    found = one(runs(base=[-1.0, 0.5, 2.0, 1.0], lean=[-2.0, -0.6, 1.1, -0.1]))
    assert "paired t" == found.tests[0].name
    assert found.ratio.value is None
    assert "lower" == found.decision


@pytest.mark.parametrize("method", [BLOCKS, SHUFFLE, CLASSIC])
def test_too_little_to_compare_cannot_be_told_and_says_so(method):
    for frame in (runs(base=[1.0], lean=[2.0]), runs(base=[1.0, 1.0], lean=[]), runs(base=[], lean=[])):
        found = one(frame, method)
        assert "cannot be told" == found.decision
        assert found.tests[0].note
    assert 2.0 == approx(one(runs(base=[1.0], lean=[2.0]), BLOCKS).ratio.value)


def test_all_equal_runs_cannot_be_told_apart_or_the_same():
    found = one(runs(base=[1.0, 1.0, 1.0], lean=[1.0, 1.0, 1.0]))
    assert ("cannot be told", 1.0) == (found.decision, found.ratio.value)
    assert "no scatter" in found.tests[0].note


def test_a_decision_needs_a_p_and_a_sign():
    assert "higher" == decide(Tested("t", 3.0, 0.01, (5,)), 0.05)
    assert "not told apart" == decide(Tested("t", 3.0, 0.05, (5,)), 0.05)
    assert "not told apart" == decide(Tested("t", 3.0, 0.01, (5,), p_adjusted=0.06), 0.05)
    assert "cannot be told" == decide(Tested("t", None, None, (1,)), 0.05)


def test_a_declared_family_of_pairs_is_compared_although_a_baseline_is_named(simulate_once):
    settings = {"configurations": {"base": 1.0, "lean": 0.95, "same": 1.0}, "accuracy": {}, "blocks": 8}
    told = {}
    for family in ("baseline", "pairs"):
        protocol = {"analysis": {"baseline": "base", "family": family}}
        told[family] = study(load(simulate_once(**settings, protocol=protocol).path)).comparisons
    against, pairs = told["baseline"], told["pairs"]
    assert [("lean", "base"), ("same", "base")] == [(item.configuration, item.baseline) for item in against]
    assert [("lean", "base"), ("same", "base"), ("same", "lean")] == [
        (item.configuration, item.baseline) for item in pairs
    ]
    assert [item.tests[0].p for item in against] == pytest.approx([item.tests[0].p for item in pairs[:2]])
    # Every pair stands in Games and Howell's procedure.
    assert min(item.tests[0].p_adjusted for item in pairs) > min(item.tests[0].p_adjusted for item in against)
    for items, name in ((against, "Dunnett on logs"), (pairs, "Games-Howell on logs")):
        assert all(name in {test.name for test in item.tests} for item in items)


def test_a_declared_rank_test_of_independent_runs_ranks_within_their_cohorts():
    cohort = {"base": [1] * 3 + [2] * 9, "lean": [1] * 9 + [2] * 3}
    draw = np.random.default_rng(3)
    frame = pd.concat(
        pd.DataFrame(
            {"configuration": name, "block": 1, "cohort": part, "order": np.arange(12) * 2 + place}
            | {"value": 100 + 50 * np.array(part) - 2 * place + draw.standard_normal(12)}
        )
        for place, (name, part) in enumerate(cohort.items())
    )
    method = Method("blocks", blocked=False, alpha=0.05, cohorts=2, test="rank")
    [found] = compare(frame, frame, [("lean", "base")], method, response="energy", unit="J")
    assert ("van Elteren", True, "lower") == (found.tests[0].name, found.tests[0].primary, found.decision)
    beside = {test.name: test.note for test in found.tests}
    assert "cohorts are not taken into account" in beside["Mann-Whitney U"]
