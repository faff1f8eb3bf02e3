"""Joules against energies that are known beforehand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.joules import NOTHING, Series, counter_ratio, energy_until, unwrap, window_energy
from harness.record import Kind

S = 1_000_000_000
MS = 1_000_000
BIG = 40_000_000 * S
"""More than a year of uptime: beyond what a float64 holds to the nanosecond."""


def known_power(changes_ns, levels_W):
    """A piecewise constant power as a function that gives its energy in J until a time."""
    changes = np.asarray(changes_ns, dtype=np.int64)
    levels = np.asarray(levels_W, dtype=float)
    base = np.concatenate([[0.0], np.cumsum(levels[:-1] * np.diff(changes) / 1e9)])

    def energy_J(t_ns):
        index = np.clip(np.searchsorted(changes, t_ns, "right") - 1, 0, len(levels) - 1)
        return base[index] + levels[index] * (np.asarray(t_ns) - changes[index]) / 1e9

    return energy_J


def means(energy_J, stamps):
    """What a sensor of exact means says at ``stamps``; the first stamp only opens the series."""
    stamps = np.asarray(stamps, dtype=np.int64)
    return Series(stamps[1:], np.diff(energy_J(stamps)) / (np.diff(stamps) / 1e9), Kind.MEAN)


powers = st.lists(st.tuples(st.integers(5, 400), st.floats(0, 700)), min_size=1, max_size=30).map(
    lambda steps: (
        BIG + np.concatenate([[0], np.cumsum([step * MS for step, _ in steps])]),
        [level for _, level in steps] + [50.0],
    )
)


@settings(max_examples=60, deadline=None)
@given(powers, st.integers(1, 50), st.data())
def test_the_energy_of_any_window_of_a_trace_lies_within_its_stated_uncertainty(power, period_ms, data):
    energy_J = known_power(*power)
    end = int(power[0][-1])
    trace = means(energy_J, np.arange(BIG - period_ms * MS, end + 3 * period_ms * MS, period_ms * MS))
    begin_ns = data.draw(st.integers(BIG, end))
    end_ns = data.draw(st.integers(begin_ns, end))
    found = window_energy(trace, None, begin_ns, end_ns)
    true_J = float(energy_J(end_ns) - energy_J(begin_ns))
    assert abs(found.energy_J - true_J) <= found.uncertainty_J + 1e-6
    assert (found.method, found.coverage) == ("trace", 1.0)


@settings(max_examples=60, deadline=None)
@given(powers, st.floats(0.9, 1.1), st.data())
def test_counter_and_trace_together_find_a_window_though_the_trace_reads_wrong_by_a_factor(power, factor, data):
    energy_J = known_power(*power)
    end = int(power[0][-1])
    exact = means(energy_J, np.arange(BIG - 20 * MS, end + 60 * MS, 20 * MS))
    trace = Series(exact.t_ns, exact.value * factor, Kind.MEAN)
    stamps = np.arange(BIG, end + 1, 500 * MS)
    counter = Series(stamps, energy_J(stamps), Kind.COUNTER)
    ratio = counter_ratio(trace, counter)
    begin_ns = data.draw(st.integers(BIG, end))
    end_ns = data.draw(st.integers(begin_ns, end))
    found = window_energy(trace, counter, begin_ns, end_ns, 1 / factor)
    assert abs(found.energy_J - float(energy_J(end_ns) - energy_J(begin_ns))) <= found.uncertainty_J + 1e-6
    if ratio is not None:
        assert ratio == pytest.approx(1 / factor, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(powers, st.integers(50, 1000), st.data())
def test_a_counter_alone_finds_any_window_within_its_stated_uncertainty(power, period_ms, data):
    energy_J = known_power(*power)
    end = int(power[0][-1])
    stamps = np.arange(BIG, end + 2 * period_ms * MS, period_ms * MS)
    counter = Series(stamps, energy_J(stamps), Kind.COUNTER)
    begin_ns = data.draw(st.integers(BIG, end))
    end_ns = data.draw(st.integers(begin_ns, end))
    found = window_energy(None, counter, begin_ns, end_ns)
    assert abs(found.energy_J - float(energy_J(end_ns) - energy_J(begin_ns))) <= found.uncertainty_J + 1e-6
    assert found.method == "counter"


@settings(max_examples=60, deadline=None)
@given(powers, st.lists(st.floats(0, 1), min_size=1, max_size=20), st.sampled_from([Kind.MEAN, Kind.GAUGE]))
def test_bins_cut_from_a_trace_conserve_its_energy(power, cuts, kind):
    exact = means(known_power(*power), np.arange(BIG - 10 * MS, int(power[0][-1]) + 20 * MS, 10 * MS))
    trace = Series(exact.t_ns, exact.value, kind)
    begin_ns, end_ns = int(trace.t_ns[0]), int(trace.t_ns[-1])
    edges = np.unique([begin_ns, *(begin_ns + int(cut * (end_ns - begin_ns)) for cut in cuts), end_ns])
    binned = np.diff(energy_until(trace, edges))
    whole = window_energy(trace, None, begin_ns, end_ns)
    assert float(binned.sum()) == pytest.approx(whole.energy_J, rel=1e-9, abs=1e-9)
    each = [window_energy(trace, None, int(a), int(b)).energy_J for a, b in itertools.pairwise(edges)]
    np.testing.assert_allclose(binned, each, rtol=1e-6, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**31), min_size=1, max_size=50), st.integers(2**31, 2**32 - 1), st.integers(0, 2**31))
def test_unwrapping_a_counter_finds_its_growth_whatever_the_wraps(steps, largest, start):
    grown = np.concatenate([[0], np.cumsum(np.asarray(steps, dtype=np.int64))])
    raw = (grown + start) % (largest + 1)
    np.testing.assert_array_equal(grown, unwrap(raw, largest))


def test_unwrapping_floats_or_readings_out_of_range_is_refused():
    with pytest.raises(ValueError, match="on integers"):
        unwrap([1.0, 2.0], 10)
    with pytest.raises(ValueError, match="outside the counter's range"):
        unwrap([1, 11], 10)
    assert [] == list(unwrap(np.array([], dtype=np.int64), 10))


def test_a_mean_is_held_back_over_the_time_before_its_stamp():
    trace = Series([1 * S, 2 * S, 3 * S, 4 * S], [10.0, 20.0, 40.0, 10.0], Kind.MEAN)
    found = window_energy(trace, None, int(1.5 * S), int(2.25 * S))
    assert 0.5 * 20 + 0.25 * 40 == found.energy_J
    assert 20 * 1.0 + 40 * 1.0 == found.uncertainty_J


def test_the_first_mean_covers_one_step_before_its_stamp():
    trace = Series([1 * S, 2 * S, 3 * S], [10.0, 20.0, 40.0], Kind.MEAN)
    assert 10 * 0.5 + 20 == window_energy(trace, None, int(0.5 * S), 2 * S).energy_J


def test_a_gauge_is_drawn_as_straight_lines():
    trace = Series([0, 1 * S, 2 * S], [0.0, 100.0, 100.0], Kind.GAUGE)
    assert (25 + 75) / 2 * 0.5 == pytest.approx(window_energy(trace, None, S // 4, 3 * S // 4).energy_J)
    np.testing.assert_allclose([0, 12.5, 50, 150], energy_until(trace, [0, S // 2, S, 2 * S]))


def test_two_counter_readings_inside_the_window_carry_its_middle():
    trace = Series(np.arange(1, 101) * 100 * MS, np.full(100, 90.0), Kind.MEAN)
    counter = Series([2 * S, 5 * S, 8 * S], [1000.0, 1300.0, 1600.0], Kind.COUNTER, period_s=0.1)
    ratio = counter_ratio(trace, counter)
    assert 100 / 90 == pytest.approx(ratio)
    found = window_energy(trace, counter, 1 * S, 9 * S, ratio)
    assert 800 == pytest.approx(found.energy_J)
    assert "counter and trace" == found.method
    edges_J, late_J, scaling_J = 2 * 90 * 0.1, 90 * 0.1, (100 / 90 - 1) * 180
    assert edges_J + late_J + scaling_J == pytest.approx(found.uncertainty_J)


def test_a_window_with_one_or_no_counter_reading_inside_is_the_scaled_trace():
    trace = Series(np.arange(1, 101) * 100 * MS, np.full(100, 90.0), Kind.MEAN)
    counter = Series([2 * S, 5 * S, 8 * S], [1000.0, 1300.0, 1600.0], Kind.COUNTER)
    for begin_ns, end_ns in ((3 * S, 4 * S), (4 * S, 6 * S)):
        found = window_energy(trace, counter, begin_ns, end_ns, 100 / 90)
        assert "scaled trace" == found.method
        assert (end_ns - begin_ns) / S * 100 == pytest.approx(found.energy_J)


def test_a_gap_inside_the_anchored_part_costs_nothing_but_is_told():
    stamps = np.concatenate([np.arange(1, 40), np.arange(60, 101)]) * 100 * MS
    trace = Series(stamps, np.where(stamps < 4 * S, 90.0, 110.0), Kind.MEAN)
    counter = Series([1 * S, 9 * S], [0.0, 800.0], Kind.COUNTER)
    found = window_energy(trace, counter, S // 2, 95 * 100 * MS)
    assert 1.0 == found.coverage
    assert 2.1 == pytest.approx(found.longest_gap_s)
    assert 800 + 45 + 55 == pytest.approx(found.energy_J)


def test_a_gap_in_a_trace_without_a_counter_is_uncertain_by_the_range_of_its_power():
    stamps = np.concatenate([np.arange(1, 40), np.arange(60, 101)]) * 100 * MS
    trace = Series(stamps, np.where(stamps < 4 * S, 90.0, 110.0), Kind.MEAN)
    found = window_energy(trace, None, 1 * S, 9 * S)
    assert 1 - 2.1 / 8 == pytest.approx(found.coverage)
    assert 2.1 * 20 + 0.1 * 90 + 0.1 * 110 == pytest.approx(found.uncertainty_J)


def test_a_window_that_reaches_out_of_the_readings_has_no_energy():
    trace = Series(np.arange(1, 11) * 100 * MS, np.full(10, 90.0), Kind.MEAN)
    assert 90 * 0.4 == pytest.approx(window_energy(trace, None, 800 * MS, 1200 * MS).energy_J)
    for begin_ns, end_ns in ((0, 2 * S), (2 * S, 3 * S), (-S, S)):
        found = window_energy(trace, None, begin_ns, end_ns)
        assert math.isnan(found.energy_J)
        assert math.isnan(found.uncertainty_J)
        assert ("none", 0.0) == (found.method, found.coverage)
    assert NOTHING == window_energy(None, Series([0, S], [0.0, 9.0], Kind.COUNTER), S // 2, 2 * S)
    assert NOTHING == window_energy(None, None, 0, S)


def test_a_counter_is_not_extended_beyond_its_readings():
    counter = Series([0, 1 * S, 2 * S, 3 * S], [0.0, 90.0, 180.0, 270.0], Kind.COUNTER)
    assert 90.0 == pytest.approx(window_energy(None, counter, 2 * S, 3 * S).energy_J)
    assert NOTHING.method == window_energy(None, counter, 2 * S, 3 * S + 1).method
    assert NOTHING.method == window_energy(None, counter, -1, S).method


def test_the_counter_stands_in_where_the_trace_ended_early():
    trace = Series(np.arange(1, 11) * 100 * MS, np.full(10, 90.0), Kind.MEAN)
    counter = Series([0, 2 * S, 4 * S], [0.0, 180.0, 360.0], Kind.COUNTER)
    found = window_energy(trace, counter, S // 2, 3 * S)
    assert ("counter", 225.0) == (found.method, pytest.approx(found.energy_J))


def test_a_counter_that_went_back_is_not_used():
    trace = Series(np.arange(1, 101) * 100 * MS, np.full(100, 90.0), Kind.MEAN)
    counter = Series([2 * S, 5 * S, 8 * S], [1000.0, 10.0, 310.0], Kind.COUNTER)
    assert counter_ratio(trace, counter) is None
    assert ("trace", 720.0) == (
        (found := window_energy(trace, counter, 1 * S, 9 * S)).method,
        pytest.approx(found.energy_J),
    )
    assert NOTHING == window_energy(None, counter, 3 * S, 4 * S)


def test_the_ratio_leaves_out_stretches_in_which_the_trace_has_a_gap():
    stamps = np.concatenate([np.arange(1, 40), np.arange(60, 101)]) * 100 * MS
    trace = Series(stamps, np.full(len(stamps), 100.0), Kind.MEAN)
    counter = Series([1 * S, 3 * S, 7 * S, 9 * S], [0.0, 200.0, 9000.0, 9200.0], Kind.COUNTER)
    assert 1.0 == pytest.approx(counter_ratio(trace, counter))


def test_no_ratio_is_given_where_counter_and_trace_share_too_little():
    trace = Series(np.arange(1, 101) * 100 * MS, np.full(100, 90.0), Kind.MEAN)
    assert counter_ratio(trace, None) is None
    assert counter_ratio(None, trace) is None
    assert counter_ratio(trace, Series([3 * S, 4 * S], [0.0, 90.0], Kind.COUNTER)) is None
    assert counter_ratio(trace, Series([30 * S, 40 * S], [0.0, 90.0], Kind.COUNTER)) is None
    dark = Series(trace.t_ns, np.zeros(100), Kind.MEAN)
    assert counter_ratio(dark, Series([1 * S, 9 * S], [0.0, 90.0], Kind.COUNTER)) is None


def test_a_window_of_no_length_has_no_energy_wherever_it_lies():
    trace = Series(np.arange(1, 11) * 100 * MS, np.full(10, 90.0), Kind.MEAN)
    for t_ns in (100 * MS, 150 * MS, 1 * S):
        assert 0.0 == window_energy(trace, None, t_ns, t_ns).energy_J


def test_the_same_readings_give_the_same_bits_whatever_came_before():
    values = np.random.default_rng(1).uniform(50, 700, 500)
    stamps = BIG + np.arange(500) * 20 * MS
    long, short = Series(stamps, values, Kind.MEAN), Series(stamps[200:], values[200:], Kind.MEAN)
    begin_ns, end_ns = BIG + 4_110_000_001, BIG + 9_000_000_007
    assert window_energy(long, None, begin_ns, end_ns).energy_J == window_energy(short, None, begin_ns, end_ns).energy_J


def test_a_series_refuses_unequal_columns_and_time_that_goes_back():
    with pytest.raises(ValueError, match="equally long"):
        Series([1, 2], [1.0], Kind.MEAN)
    with pytest.raises(ValueError, match="stands still or goes back"):
        Series([2, 2], [1.0, 1.0], Kind.MEAN)
    with pytest.raises(ValueError, match="before it begins"):
        window_energy(Series([1, 2], [1.0, 1.0], Kind.MEAN), None, 2, 1)


def test_energy_outside_what_a_series_covers_is_not_a_number():
    trace = Series([1 * S, 2 * S], [10.0, 20.0], Kind.MEAN)
    np.testing.assert_array_equal(
        [math.nan, 0.0, 10.0, 20.0, math.nan], energy_until(trace, [0, S, 3 * S // 2, 2 * S, 3 * S])
    )
    counter = Series([1 * S, 2 * S], [100.0, 120.0], Kind.COUNTER)
    np.testing.assert_array_equal([math.nan, 10.0], energy_until(counter, [0, 3 * S // 2]))
    assert np.all(np.isnan(energy_until(Series([], [], Kind.MEAN), [1, 2])))


def test_a_total_at_the_very_edges_is_uncertain_by_its_period_there_or_by_what_nobody_knows():
    stamps = np.array([0, 10**10])
    known = Series(stamps, np.array([0.0, 1000.0]), Kind.COUNTER, 0.1)
    unknown = Series(stamps, np.array([0.0, 1000.0]), Kind.COUNTER)
    found = window_energy(None, known, 0, 10**10)
    assert (1000.0, 20.0, 1.0) == (found.energy_J, pytest.approx(found.uncertainty_J), found.coverage)
    found = window_energy(None, unknown, 0, 10**10)
    assert (1000.0, True) == (found.energy_J, math.isnan(found.uncertainty_J))
    inside = window_energy(None, unknown, 10**9, 10**10)
    assert 900.0 <= inside.uncertainty_J < 2001.0
