"""A meter's lag from the load steps: recovered where the steps tell it, refused where they do not."""

import re

import numpy as np
import pytest

from analysis.meter_lag import (
    EARLIEST_S,
    LATEST_S,
    WIDEST_S,
    lag_of,
    load_steps,
    reference_of,
    reference_of_marks,
)
from harness.joules import Series
from harness.record import Kind

S = 1_000_000_000
T0 = 5000 * S
TRAINING = [(20.0, 60.0), (30.3, 300.0), (1.7, 90.0), (20.0, 300.0), (4.0, 60.0)]
"""Idle, training, a pause between epochs, training, idle: seconds and watts."""
ONCE = [(20.0, 60.0), (30.0, 300.0)]


def power(pieces, at_s):
    """The power of step-wise constant ``pieces`` at some moments; the first and the last hold beyond."""
    ends = np.cumsum([seconds for seconds, _ in pieces])
    watts = np.array([value for _, value in pieces])
    return watts[np.minimum(np.searchsorted(ends, at_s, "right"), len(watts) - 1)]


def trace(pieces, rate_hz=50, noise=2.0, seed=1):
    """Our own power: a mean over each 20 ms."""
    end_s = sum(seconds for seconds, _ in pieces)
    t_s = np.arange(1, int(end_s * rate_hz)) / rate_hz
    value = power(pieces, t_s - 0.5 / rate_hz) + noise * np.random.default_rng(seed).standard_normal(len(t_s))
    return Series(T0 + np.rint(t_s * S).astype(np.int64), value, Kind.MEAN, 1 / rate_hz)


def meter(pieces, late_s, interval_s=1.0, noise=1.0, mean_s=0.0, seed=1, gain=1.2, base_W=90.0):
    """A meter polled at ``interval_s`` whose values are ``late_s`` old, or means over ``mean_s``."""
    draw = np.random.default_rng(seed)
    t_s = np.arange(draw.uniform(0, interval_s), sum(seconds for seconds, _ in pieces), interval_s)
    ages = np.linspace(0, mean_s, 41)
    seen = power(pieces, t_s[:, None] - late_s - ages[None, :]).mean(axis=1)
    value = np.round(base_W + gain * seen + noise * draw.standard_normal(len(t_s)), 1)
    return Series(T0 + np.rint(t_s * S).astype(np.int64), value, Kind.GAUGE, interval_s)


REFERENCE = reference_of([trace(TRAINING)])


@pytest.mark.parametrize("late_s", [0.7, 0.0, 3.3, -0.7])
def test_a_quick_meters_lag_is_recovered_within_a_tenth_of_a_second(late_s):
    lag = lag_of(meter(TRAINING, late_s, 0.1), REFERENCE, 0.1)
    assert (True, 4) == (lag.told, lag.steps)
    assert late_s == pytest.approx(lag.offset_s, abs=0.1)
    assert lag.uncertainty_s <= 0.15
    assert 288 == pytest.approx(lag.step_W, rel=0.05)


def test_the_uncertainty_is_a_bound_and_honest_about_a_meter_that_is_polled_each_second():
    lags = [lag_of(meter(TRAINING, 0.7, seed=seed), REFERENCE, 1.0) for seed in range(40)]
    off = [abs(lag.offset_s - 0.7) for lag in lags]
    assert all(error <= lag.uncertainty_s for error, lag in zip(off, lags, strict=True))
    assert 0.2 < np.median([lag.uncertainty_s for lag in lags]) < 0.7
    assert 0.7 == pytest.approx(np.median([lag.offset_s for lag in lags]), abs=0.1)


def test_a_meter_of_slow_means_is_late_by_half_of_what_it_averages():
    lags = [lag_of(meter(TRAINING, 0.4, mean_s=2.0, seed=seed), REFERENCE, 1.0) for seed in range(20)]
    assert 1.4 == pytest.approx(np.median([lag.offset_s for lag in lags]), abs=0.2)


def test_a_single_step_tells_a_lag_to_half_the_interval():
    lags = [lag_of(meter(ONCE, 0.7, seed=seed), reference_of([trace(ONCE)]), 1.0) for seed in range(20)]
    assert all(abs(lag.offset_s - 0.7) <= lag.uncertainty_s for lag in lags)
    assert all(lag.uncertainty_s >= 0.5 for lag in lags)


def test_noise_of_the_meter_is_no_lag():
    lag = lag_of(meter(TRAINING, 0.7, 0.2, noise=20.0), REFERENCE, 0.2)
    assert 0.7 == pytest.approx(lag.offset_s, abs=0.2)


def test_marks_stand_in_where_nothing_of_ours_tells_power():
    marks = reference_of_marks(T0 + 20 * S, T0 + round(72.0 * S))
    lag = lag_of(meter(TRAINING, 0.7, 0.1), marks, 0.1)
    assert 0.7 == pytest.approx(lag.offset_s, abs=lag.uncertainty_s)
    assert lag.uncertainty_s < 0.5


def test_a_counter_is_a_reference_by_its_growth():
    mean = trace(TRAINING)
    joules = np.cumsum(mean.value) * 0.02
    counter = Series(mean.t_ns[::10], joules[::10], Kind.COUNTER, 0.2)
    lag = lag_of(meter(TRAINING, 0.7, 0.1), reference_of([counter]), 0.1)
    assert 0.7 == pytest.approx(lag.offset_s, abs=0.15)


def test_several_traces_are_a_reference_over_the_time_that_all_cover():
    whole = trace(TRAINING)
    late = Series(whole.t_ns[500:], whole.value[500:], Kind.MEAN)
    reference = reference_of([whole, late])
    assert late.t_ns[0] == reference.begin_ns
    assert 600 == pytest.approx(reference.power_W.max(), rel=0.05)


@pytest.mark.parametrize("traces", [[], [Series(np.array([1]), np.array([1.0]), Kind.MEAN)]])
def test_nothing_or_a_single_reading_is_no_reference(traces):
    assert reference_of(traces) is None


def test_traces_that_never_overlap_are_no_reference():
    first, second = trace([(5.0, 60.0)]), trace([(5.0, 60.0)])
    assert reference_of([first, Series(second.t_ns + 10 * S, second.value, Kind.MEAN)]) is None


@pytest.mark.parametrize(
    ("told", "reference", "why"),
    [
        (meter([(80.0, 300.0)], 0.0), reference_of([trace([(80.0, 300.0)])]), "our own readings have no load step"),
        (meter([(76.0, 60.0)], 0.0), REFERENCE, "no load step of it stands out"),
        (meter(TRAINING, 0.7, gain=-1.0, base_W=500.0), REFERENCE, "no load step of it stands out"),
        (meter(TRAINING, 0.7, gain=0.004), REFERENCE, "no load step of it stands out"),
        (meter(TRAINING, 0.7, noise=400.0), REFERENCE, "stands out"),
        (meter(TRAINING, LATEST_S + 5), REFERENCE, "outside of -3 to 10 s|fit alike|stands out"),
        (meter(TRAINING, EARLIEST_S), REFERENCE, "outside of -3 to 10 s|fit alike"),
        (meter(TRAINING, 0.7, interval_s=40.0), REFERENCE, "too few readings"),
        (meter(TRAINING, 0.7, interval_s=9.0), REFERENCE, "fit alike|outside of|too few"),
        (meter(ONCE, 0.7, interval_s=4.2, seed=2), reference_of([trace(ONCE)]), "s fit alike"),
    ],
)
def test_a_lag_that_the_steps_do_not_tell_is_refused_with_the_reason(told, reference, why):
    lag = lag_of(told, reference, 1.0)
    assert not lag.told
    assert re.search(why, lag.why)
    assert np.isnan([lag.offset_s, lag.uncertainty_s]).all()


def test_a_load_that_repeats_itself_is_not_believed_on_its_beat():
    """Bursts 2 s apart fit at every other second; only the first and the last tell them apart."""
    bursts = [(5.0, 60.0), *[(1.0, 300.0), (1.0, 60.0)] * 30, (5.0, 60.0)]
    lag = lag_of(meter(bursts, 0.7, 0.1, noise=30.0), reference_of([trace(bursts)]), 0.1)
    assert not lag.told or lag.offset_s == pytest.approx(0.7, abs=min(WIDEST_S, lag.uncertainty_s))


def test_the_largest_changes_are_the_steps_and_noise_is_none():
    grid = power(TRAINING, np.arange(0, 76, 0.02)) + np.random.default_rng(1).standard_normal(3800)
    assert [20.0, 50.3, 52.0, 72.0] == pytest.approx((load_steps(grid) * 0.02).tolist(), abs=0.05)
    assert 0 == len(load_steps(np.full(500, 200.0)))
    assert 0 == len(load_steps(np.full(10, 200.0)))
    assert 0 == len(load_steps(np.zeros(500)))
