"""Intervals of what comes: by hand, by how often they hold, and without scatter."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.statistics.prediction import next_run, sum_of_runs


def test_a_further_run_by_hand():
    # Logarithms 0, 1, 2: mean 1, s 1; t(2; .975) = 4.302653, sqrt(1 + 1/3) = 1.154701.
    found = next_run([1.0, math.e, math.e**2], "J", 0.95)
    assert (1 + math.e + math.e**2) / 3 == pytest.approx(found.value)
    assert math.exp(1 - 4.302653 * 1.154701) == pytest.approx(found.low, rel=1e-5)
    assert math.exp(1 + 4.302653 * 1.154701) == pytest.approx(found.high, rel=1e-5)


def test_a_sum_by_hand():
    # Two more of (1, 2, 3): 4, variance 1 x (2 + 4/3), 2 degrees of freedom.
    found = sum_of_runs([[1.0, 2.0, 3.0]], [2], "J", 0.95)
    assert 4 == pytest.approx(found.value)
    assert 4.302653 * math.sqrt(10 / 3) == pytest.approx(found.high - found.value, rel=1e-6)


def test_they_hold_as_often_as_they_say():
    draw = np.random.default_rng(8)
    held = sums = 0
    for _ in range(1000):
        one, other = draw.lognormal(3, 0.05, 6), draw.lognormal(4, 0.1, 5)
        further = draw.lognormal(3, 0.05, 4), draw.lognormal(4, 0.1, 4)
        alone, together = next_run(one, "J", 0.9), sum_of_runs([one, other], [4, 4], "J", 0.9)
        held += alone.low < further[0][0] < alone.high
        sums += together.low < further[0].sum() + further[1].sum() < together.high
    assert 0.87 < held / 1000 < 0.93
    assert 0.86 < sums / 1000 < 0.94


def test_one_run_or_equal_runs_give_a_number_without_an_interval():
    for data in ([5.0], [5.0, 5.0, 5.0]):
        found = next_run(data, "J", 0.95)
        assert (5.0, None, None) == (found.value, found.low, found.high)
        assert found.note
        assert sum_of_runs([data], [3], "J", 0.95).low is None
    assert next_run([], "J", 0.95).value is None
    assert sum_of_runs([[5.0, 6.0], [7.0]], [1, 1], "J", 0.95).low is None
