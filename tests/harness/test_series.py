"""A series that is looked at in pieces says what one says that is looked at whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import series as module
from harness.joules import counter_ratio, energy_until, window_energy
from harness.record import Kind
from harness.series import Integral, Series, median_step_ns

NS = 10**9
COUNT = 500


def readings(kind, seed=7, count=COUNT, every_s=0.1):
    """So many readings at a jittering rate, with two gaps; a counter's in whole joules."""
    draw = np.random.default_rng(seed)
    steps_s = every_s * (1 + 0.2 * draw.random(count))
    steps_s[[count // 3, count // 2]] = 9 * every_s
    t_ns = 5 * NS + np.cumsum(np.rint(steps_s * NS)).astype(np.int64)
    value = 100 + 50 * draw.random(count)
    return Series(t_ns, np.floor(np.cumsum(value)) if kind is Kind.COUNTER else value, kind, 0.05)


def told(power, counter):
    """Everything that is asked of a run's readings, as numbers."""
    begin_ns, end_ns = int((power or counter).t_ns[0]), int((power or counter).t_ns[-1])
    length_ns = end_ns - begin_ns
    ratio = counter_ratio(power, counter)
    parts = [(0.0, 1.0), (0.1, 0.9), (0.333, 0.334), (0.5, 0.5), (-0.001, 1.001), (0.45, 0.7)]
    windows = [(begin_ns + round(low * length_ns), begin_ns + round(high * length_ns)) for low, high in parts]
    found = [window_energy(power, counter, *window, ratio) for window in windows]
    numbers = [(one.energy_J, one.uncertainty_J, one.coverage, one.longest_gap_s, len(one.method)) for one in found]
    stamps = np.random.default_rng(3).permutation(np.linspace(begin_ns - NS, end_ns + NS, 331).astype(np.int64))
    courses = [series for series in (power, counter) if series is not None]
    return [
        np.array([*numbers, (ratio or 0.0, 0, 0, 0, 0)]),
        *(energy_until(one, np.concatenate([stamps, one.t_ns[::7]])) for one in courses),
        *(np.array([one.step_ns, one.spread, one.goes_back]) for one in courses),
        *(one.long_steps(3 * one.step_ns) for one in courses),
    ]


@pytest.mark.parametrize("piece", [1, 7, 64, COUNT - 1, COUNT])
@pytest.mark.parametrize(
    "kinds",
    [
        (Kind.MEAN, Kind.COUNTER), (Kind.GAUGE, Kind.COUNTER), (Kind.TRAILING, Kind.COUNTER),
        (Kind.GAUGE, None), (None, Kind.COUNTER),
    ],
)  # fmt: skip
def test_the_size_of_a_piece_changes_no_number(monkeypatch, kinds, piece):
    trace, total = kinds

    def made():
        return trace and readings(trace), total and readings(total, seed=8, count=COUNT // 2, every_s=0.2)

    whole = told(*made())
    monkeypatch.setattr(module, "PIECE", piece)
    for one, other in zip(whole, told(*made()), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-13, atol=0)


@pytest.mark.parametrize("count", [66, 67, 300])
@pytest.mark.parametrize("longest_ns", [3, 70_000, 20_000_000, 30 * NS])
def test_the_median_step_is_found_by_counting(monkeypatch, count, longest_ns):
    steps = np.random.default_rng(count).integers(1, longest_ns, count)
    t_ns = np.cumsum(steps)
    monkeypatch.setattr(module, "PIECE", 64)
    for first in (0, 1):
        assert int(np.median(np.diff(t_ns[first:]))) == median_step_ns(t_ns, first)


def test_an_integral_goes_on_where_it_was_asked_last(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 16)
    for kind in Kind:
        series = readings(kind)
        stamps = np.sort(np.concatenate([series.t_ns, series.t_ns + 1000]))
        walk = Integral(series)
        parts = np.concatenate([walk.until(part) for part in np.array_split(stamps, 13)])
        np.testing.assert_array_equal(energy_until(series, stamps), parts)


def test_time_that_goes_back_is_refused_in_whichever_piece_it_lies(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 4)
    for place in range(1, 12):
        t_ns = np.arange(12)
        t_ns[place] = t_ns[place - 1]
        with pytest.raises(ValueError, match="stands still or goes back"):
            Series(t_ns, np.ones(12), Kind.GAUGE)


WIDTH_NS = 20_000_000
"""How wide the means of a card's ring buffer are."""


def test_a_trailing_mean_on_time_is_held_back_to_the_one_before():
    draw = np.random.default_rng(1)
    t_ns, value = np.arange(50) * WIDTH_NS, 100 + 600 * draw.random(50)
    asked = np.arange(0, 49 * WIDTH_NS, 3_000_001)
    told = [energy_until(Series(t_ns, value, kind, WIDTH_NS / NS), asked) for kind in (Kind.TRAILING, Kind.MEAN)]
    np.testing.assert_array_equal(*told)


def test_time_that_no_trailing_mean_tells_of_is_a_straight_line_between_them():
    late = Series(np.array([0, 20, 60, 80]) * 1_000_000, [100, 100, 500, 500], Kind.TRAILING, WIDTH_NS / NS)
    # From 20 to 40 ms nothing was told: 300 W in the mean; then 500 W.
    np.testing.assert_allclose(np.diff(energy_until(late, late.t_ns)), [2.0, 6.0 + 10.0, 10.0])


def test_time_that_two_trailing_means_tell_of_is_told_by_both():
    early = Series(np.array([0, 20, 30, 50]) * 1_000_000, [100, 100, 500, 500], Kind.TRAILING, WIDTH_NS / NS)
    # From 10 to 20 ms both 100 W and 500 W were told.
    np.testing.assert_allclose(np.diff(energy_until(early, early.t_ns)), [1.0 + 3.0, 5.0, 10.0])


def test_rows_that_come_late_whenever_a_load_begins_bend_its_energy_less():
    """25 ms of load each 100 ms, in all phases to the rows: the row in whose 20 ms the load begins comes 14 ms late."""
    due_ms = np.arange(0, 4000, 20)

    def deviation(kind, phase_ms):
        stamps_ms = due_ms + np.where((due_ms - phase_ms) % 100 < 20, 14, 0)
        over_ms = np.linspace(stamps_ms - 20, stamps_ms, 401)[1:]
        value = np.where((over_ms - phase_ms) % 100 < 25, 700.0, 100.0).mean(axis=0)
        trace = Series(stamps_ms * 1_000_000, value, kind, WIDTH_NS / NS)
        return energy_until(trace, trace.t_ns[[-1]])[0] / (250.0 * (stamps_ms[-1] - stamps_ms[0]) / 1000) - 1

    trailing, held_back = (
        np.mean([deviation(kind, phase_ms) for phase_ms in range(20)]) for kind in (Kind.TRAILING, Kind.MEAN)
    )
    assert held_back > 0.2
    assert abs(trailing) < held_back / 3


@given(
    st.lists(st.integers(8, 46), min_size=3, max_size=60),
    st.integers(0, 2**31),
    st.sampled_from([0.0, 0.01, 0.02, 1.0]),
)
def test_what_trailing_means_tell_of_a_step_lies_between_those_around_it(steps_ms, seed, width_s):
    t_ns = np.cumsum([0, *steps_ms]) * 1_000_000
    value = np.random.default_rng(seed).uniform(50, 700, len(t_ns))
    told = Series(t_ns, value, Kind.TRAILING, width_s).watts(0, len(t_ns))
    around = [value[max(at - 1, 0) : at + 2] for at in range(len(value))]
    assert all(part.min() - 1e-9 <= one <= part.max() + 1e-9 for part, one in zip(around, told, strict=True))
