"""A series that is looked at in pieces says what one says that is looked at whole."""

from __future__ import annotations

import numpy as np
import pytest

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
    "kinds", [(Kind.MEAN, Kind.COUNTER), (Kind.GAUGE, Kind.COUNTER), (Kind.GAUGE, None), (None, Kind.COUNTER)]
)
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
