"""The Pareto front: against points that a reader can place, and its stability on data of known truth."""

import numpy as np
import pytest

from analysis.statistics.pareto import dominated, on_front, over_blocks, over_runs


def test_the_front_is_what_a_reader_would_draw():
    cost, gain = [1, 2, 3, 2, 3], [1, 3, 4, 2, 4]
    assert on_front(cost, gain).tolist() == [True, True, True, False, True]
    assert dominated(cost, gain)[3].tolist() == [False, True, False, False, False]


def test_a_point_without_a_number_is_not_on_the_front_and_beats_nobody():
    assert on_front([1, np.nan, 2], [1, 5, np.nan]).tolist() == [True, False, False]


def test_equal_points_share_the_front():
    assert on_front([1, 1], [2, 2]).tolist() == [True, True]


def blocks_of(differences, noise, blocks=12, seed=4):
    draw = np.random.default_rng(seed)
    drift = np.linspace(0, 0.04, blocks)[:, None]
    return np.asarray(differences) + noise * draw.standard_normal((blocks, len(differences))) + drift


def test_clear_points_stand_in_every_resample_and_a_tie_in_about_half():
    cost = blocks_of([1.0, 1.5, 1.5], 0.01)
    gain = np.column_stack([np.full(12, 1.0), *blocks_of([2.0, 2.0], 0.01, seed=9).T])
    shares = over_blocks(cost, gain, 1).shares
    assert shares[0] == 1.0
    assert 0 < shares[1] + shares[2] - 1 < 1


def test_blocks_are_drawn_whole_so_that_a_drift_common_to_all_moves_nobody():
    noise = 0.0005
    cost = blocks_of([1.0, 1.004], noise)
    gain = np.ones_like(cost)
    assert over_blocks(cost, gain, 1).shares == [1.0, 0.0]
    apart = over_runs(list(cost.T), list(gain.T), 1).shares
    assert 0.5 < apart[0] < 1.0


def test_the_same_seed_gives_the_same_shares():
    cost, gain = blocks_of([1.0, 1.0], 0.02), blocks_of([1.0, 1.0], 0.02, seed=8)
    assert over_blocks(cost, gain, 7).shares == over_blocks(cost, gain, 7).shares
    assert over_blocks(cost, gain, 7).shares != over_blocks(cost, gain, 8).shares


def test_a_configuration_without_a_run_has_no_share_and_a_hole_is_no_zero():
    cost = blocks_of([1.0, 2.0, 3.0], 0.01)
    cost[:, 1] = np.nan
    cost[:5, 2] = np.nan
    found = over_blocks(cost, np.ones_like(cost), 1)
    assert found.shares[1] is None
    assert found.shares[0] == 1.0
    assert found.shares[2] == pytest.approx(0.0, abs=0.01)
    assert over_runs([np.array([1.0, 2.0]), np.empty(0)], [np.array([1.0, 1.0]), np.empty(0)], 1).shares == [1.0, None]
