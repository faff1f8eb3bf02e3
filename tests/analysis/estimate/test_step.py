"""STEP: the published formulas by hand, on simulated runs of known truth, and at prefixes that tell nothing."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.estimate.step import expected_epochs, start_of, step


def test_both_variants_by_hand():
    # Epoch 1 takes 20 J in 5 s, then 4 J in 2 s each; 10 epochs in all.
    told = step([20, 4, 4, 4, 4], [5, 2, 2, 2, 2], 10)
    assert (1, 4) == (told.start, told.window)
    assert 20 + 16 / 4 * 9 == told.energy_J
    assert 5 + 8 / 4 * 9 == told.duration_s
    assert 2.0 == told.power_W
    assert 2.0 * 23 == told.power_J, "mean watts over the stable window for the whole time, the start too"


def test_the_window_is_the_last_stable_epochs_and_all_before_it_counts_as_it_was():
    told = step([20, 6, 6, 4, 4], [5, 2, 2, 2, 2], 10, window=2)
    assert 2 == told.window
    assert 20 + 6 + 6 + 4 * 7 == told.energy_J


def test_a_fraction_of_an_epoch_may_be_expected():
    assert 20 + 4 * 9.5 == step([20, 4, 4, 4, 4], [5, 2, 2, 2, 2], 10.5).energy_J


def test_the_whole_run_as_prefix_gives_its_own_energy():
    spans = [20, 4, 5, 4, 5, 4, 4]
    assert sum(spans) == pytest.approx(step(spans, [2] * 7, 7).energy_J)


def test_a_start_in_power_alone_or_in_time_alone_is_a_start():
    assert 1 == start_of([4, 4, 4, 4], [8, 2, 2, 2])
    assert 1 == start_of([20, 4, 4, 4], [10, 2, 2, 2])


@pytest.mark.parametrize(
    ("spans_J", "spans_s", "epochs"),
    [([], [], 10), ([4], [2], 10), ([4, 4, 4], [2, 2, 2], 2), ([4, float("nan")], [2, 2], 9), ([4, 4], [2, 0], 9)],
)
def test_nothing_is_told_of_too_little(spans_J, spans_s, epochs):
    assert step(spans_J, spans_s, epochs) is None


def test_a_start_that_goes_on_is_said_to():
    assert not step([32, 16, 8, 4, 2], [1] * 5, 20).settled
    assert step([32, 2, 2.1, 2, 2.1, 2], [1] * 6, 20).settled


def simulated(draw, *, drift=0.0, start=(6.0, 2.0), noise=0.03):
    """Energies and lengths of a run's epochs: a start-up, drift over the run, noise; stopped early at 20 to 60."""
    count = int(draw.integers(20, 61))
    lengths = np.exp(noise * draw.standard_normal(count))
    lengths[: len(start)] *= start
    watts = 100 * np.exp(noise * draw.standard_normal(count)) * (1 + drift * np.arange(count) / count)
    return watts * lengths, lengths


@pytest.mark.parametrize(("drift", "worst_pct"), [(0.0, 2.0), (0.1, 6.0)])
def test_after_a_fifth_of_the_epochs_it_is_near_the_truth_and_the_mean_is_not(drift, worst_pct):
    draw = np.random.default_rng(11)
    errors, of_mean = [], []
    for _ in range(200):
        joules, seconds = simulated(draw, drift=drift)
        seen = -(-joules.size // 5)
        truth = joules.sum()
        errors.append(abs(step(joules[:seen], seconds[:seen], joules.size).energy_J / truth - 1))
        of_mean.append(abs(joules[:seen].mean() * joules.size / truth - 1))
    assert 100 * np.mean(errors) < worst_pct
    assert np.mean(of_mean) > 5 * np.mean(errors)


def test_without_a_start_it_is_no_worse_than_noise():
    draw = np.random.default_rng(12)
    errors = []
    for _ in range(200):
        joules, seconds = simulated(draw, start=())
        errors.append(abs(step(joules[:8], seconds[:8], joules.size).energy_J / joules.sum() - 1))
    assert np.mean(errors) < 0.02


def test_the_length_expected_is_that_of_finished_runs_that_lasted_as_long_else_the_maximum():
    assert 25 == expected_epochs([10, 20, 30], 15, 60)
    assert 60 == expected_epochs([10], 15, 60)
    assert 60 == expected_epochs([], 5, 60)
    assert expected_epochs([], 5, None) is None
    assert expected_epochs([4], 5, 4) is None, "it outlasted the maximum: what was told of it is wrong"
