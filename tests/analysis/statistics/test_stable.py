"""The end of a start-up, by MSER: by hand, on known transients, and where there is nothing to tell."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.stable import is_settled, stable_from


def test_the_rule_by_hand():
    # d = 0: 48.67 / 9 = 5.41; d = 1: 0.5 / 4 = 0.125; more than half is never left out.
    assert 1 == stable_from([10, 1, 2])
    # d = 0: 5.41 again; d = 1: 32 / 4 = 8. A late jump is no start-up.
    assert 0 == stable_from([1, 2, 10])


@pytest.mark.parametrize("long", [1, 2, 3])
def test_a_start_of_known_length_is_found_in_noise(long):
    draw = np.random.default_rng(5)
    found = []
    for _ in range(200):
        series = 100 * (1 + 0.02 * draw.standard_normal(10))
        series[:long] *= 3
        found.append(stable_from(series))
    assert np.mean(np.equal(found, long)) > 0.5
    assert all(item >= long for item in found), "no epoch of the start counts as stable"


def test_steady_values_have_no_start_whatever_their_unit():
    assert 0 == stable_from([7.0] * 12)
    assert 0 == stable_from([7e-9] * 12)
    series = np.array([9.0, 3.1, 3.0, 3.2, 2.9])
    assert {1} == {stable_from(series * unit) for unit in (1e-9, 1.0, 1e9)}


@pytest.mark.parametrize("data", [[], [1.0], [9.0, 1.0], [1.0, float("nan"), 2.0, 2.0]])
def test_too_few_values_or_unknown_ones_have_no_start(data):
    assert 0 == stable_from(data)


def test_a_series_that_only_falls_has_not_settled():
    assert not is_settled([100, 80, 60, 40, 20, 0])
    assert is_settled([100, 10, 11, 10, 11, 10])
    assert not is_settled([1, 1, 1]), "three values tell no state"
