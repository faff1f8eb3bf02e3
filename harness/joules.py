"""Readings -> joules: unwrap, integrate, window edges, uncertainty. Pure functions on arrays; no files, no clock.

::

            begin                                             end
              |  o           o           o           o         |        o   counter readings
    trace ----|--+-----------+-----------+-----------+---------|----
              |<>|                                   |<------->|           scaled trace
                 |<------ counter difference ------->|

The energy of a window is the counter's difference between the outermost readings inside it, and the trace over its
two edges, scaled by the run's own ratio of counter to trace. Without a counter reading inside it is the scaled trace;
without a trace, the counter interpolated linearly at the edges.

Uncertainties are bounds, not standard deviations: power times update period at each edge, and the trace's range times
what a gap left unseen. The sensor's own class is not in them: it is common to all runs on one device.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.record import Kind

GAP_PERIODS = 3.0
"""A step of a trace longer than this many of its median periods is a gap."""
RATIO_SPAN_S = 2.0
"""Counter readings must lie this far apart before counter and trace are compared."""

_NS = 1e9


@dataclass(frozen=True)
class Series:
    """One channel's readings in the order of time.

    ``t_ns``: int64, strictly growing, CLOCK_MONOTONIC (n,). ``value``: float64 (n,), W for a gauge or a mean, J for a
    counter (already unwrapped). ``period_s``: how long a value may stand behind its source, the channel's
    ``refresh_s``; 0 where it is not known. Refuses lengths that differ, and time that stands still or goes back.
    """

    t_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    kind: Kind
    period_s: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "t_ns", np.asarray(self.t_ns, dtype=np.int64))
        object.__setattr__(self, "value", np.asarray(self.value, dtype=np.float64))
        if self.t_ns.shape != self.value.shape or self.t_ns.ndim != 1:
            raise ValueError(f"a series needs two equally long columns, not {self.t_ns.shape} and {self.value.shape}")
        if np.any(np.diff(self.t_ns) <= 0):
            raise ValueError("the time of a series stands still or goes back")

    @functools.cached_property
    def step_ns(self) -> int:
        """The median time between two readings, ns; 0 where there are fewer than two."""
        return int(np.median(np.diff(self.t_ns))) if len(self.t_ns) > 1 else 0

    @functools.cached_property
    def spread(self) -> float:
        """The difference between the largest and the smallest value; of a whole run, asked for in each window."""
        return float(np.ptp(self.value))

    @functools.cached_property
    def goes_back(self) -> bool:
        """Whether a value is below the one before it, as no counter's may be."""
        return bool(np.any(np.diff(self.value) < 0))

    @functools.cached_property
    def means(self) -> Series:
        """A counter of two readings or more as mean power between them."""
        watts = np.diff(self.value) / (np.diff(self.t_ns) / _NS)
        return Series(self.t_ns[1:], watts, Kind.MEAN, self.period_s)


@dataclass(frozen=True)
class WindowEnergy:
    """The energy of one window; ``energy_J`` is NaN where the readings do not cover the window's edges."""

    energy_J: float
    uncertainty_J: float
    """Bound on the error from edges and gaps; NaN with the energy."""
    method: str
    """counter and trace | scaled trace | trace | counter | none"""
    coverage: float
    """Fraction of the window that readings cover without a gap, 0 to 1."""
    longest_gap_s: float
    """The longest time between two readings (of the trace where there is one) that touches the window."""


NOTHING = WindowEnergy(math.nan, math.nan, "none", 0.0, math.inf)
"""The energy of a window for which there are no readings."""


def unwrap(raw: ArrayLike, largest: int) -> NDArray[np.int64]:
    """The growth of a counter since its first reading, as integers in the counter's own unit.

    ``raw`` (n,) are its readings, integers in [0, ``largest``]; it starts again at 0 after ``largest``. Each step is
    (new - old) mod (largest + 1), so that two readings must lie less than one whole turn apart: the caller sees to it.
    Refuses floats and readings out of range.
    """
    values = np.asarray(raw)
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError("a counter is unwrapped on integers, before anything else")
    if np.any(values < 0) or np.any(values > largest):
        raise ValueError(f"a reading lies outside the counter's range, 0 to {largest}")
    steps = np.mod(np.diff(values.astype(np.int64)), np.int64(largest + 1))
    return np.concatenate([np.zeros(min(len(values), 1), dtype=np.int64), np.cumsum(steps)])


def window_energy(
    power: Series | None, counter: Series | None, begin_ns: int, end_ns: int, ratio: float | None = None
) -> WindowEnergy:
    """The energy between ``begin_ns`` and ``end_ns`` from a trace, a counter, or both.

    ``ratio`` is the run's counter over trace (``counter_ratio``); None leaves the trace as it is. Raises ValueError
    for a window that ends before it begins.
    """
    if end_ns < begin_ns:
        raise ValueError(f"the window ends {begin_ns - end_ns} ns before it begins")
    if power is None or len(power.t_ns) == 0:
        return _by_counter(counter, begin_ns, end_ns)
    traced = _by_trace(power, counter, begin_ns, end_ns, ratio)
    if not math.isnan(traced.energy_J):
        return traced
    counted = _by_counter(counter, begin_ns, end_ns)
    return traced if math.isnan(counted.energy_J) else counted


def counter_ratio(power: Series | None, counter: Series | None) -> float | None:
    """Energy by the counter over energy by the trace, where the run has both; None where it cannot be told.

    Compared from counter reading to counter reading; stretches in which the trace has a gap are left out. None for
    less than RATIO_SPAN_S of common time, for a trace without energy, and for a counter that went back.
    """
    if power is None or counter is None or len(power.t_ns) < 2 or len(counter.t_ns) < 2:
        return None
    inside = (counter.t_ns >= power.t_ns[0]) & (counter.t_ns <= power.t_ns[-1])
    stamps, by_counter = counter.t_ns[inside], np.diff(counter.value[inside])
    if len(stamps) < 2 or np.any(by_counter < 0):
        return None
    by_trace = np.diff(energy_until(power, stamps))
    steps = np.diff(power.t_ns)
    gaps = np.concatenate([[0], np.cumsum(steps > GAP_PERIODS * power.step_ns)])
    before = np.searchsorted(power.t_ns, stamps[:-1], "right") - 1
    after = np.searchsorted(power.t_ns, stamps[1:], "left")
    whole = gaps[before] == gaps[after]
    span_s = float(np.diff(stamps)[whole].sum()) / _NS
    energy_J = float(by_trace[whole].sum())
    return float(by_counter[whole].sum()) / energy_J if span_s >= RATIO_SPAN_S and energy_J > 0 else None


def energy_until(series: Series, t_ns: ArrayLike) -> NDArray[np.float64]:
    """The energy in J from the series' first stamp until each of ``t_ns`` (m,); NaN outside what it covers.

    A mean is held back to the stamp before it, a gauge drawn as straight lines between its readings (trapezoids), a
    counter interpolated linearly; each is integrated exactly, so that bins cut from it conserve the energy.
    """
    stamps = np.asarray(t_ns, dtype=np.int64)
    if len(series.t_ns) == 0:
        return np.full(stamps.shape, math.nan)
    own = (series.t_ns - series.t_ns[0]) / _NS
    at = (stamps - series.t_ns[0]) / _NS
    if series.kind is Kind.COUNTER:
        by_counter: NDArray[np.float64] = np.interp(at, own, series.value - series.value[0], math.nan, math.nan)
        return by_counter
    step = np.diff(own)
    left = series.value[:-1] if series.kind is Kind.GAUGE else series.value[1:]
    total = np.concatenate([[0.0], np.cumsum((left + series.value[1:]) / 2 * step)])
    until: NDArray[np.float64] = np.interp(at, own, total, math.nan, math.nan)
    if series.kind is Kind.GAUGE and len(own) > 1:
        # Between readings the integral of a straight line is a parabola below or above its chord.
        index = np.clip(np.searchsorted(own, at, side="right") - 1, 0, len(step) - 1)
        since = np.clip(at - own[index], 0, step[index])
        slope = np.diff(series.value)[index] / step[index]
        until = until - slope / 2 * since * (step[index] - since)
    return until


@dataclass(frozen=True)
class _Stretch:
    """The energy of one stretch by one trace, and what is uncertain about it."""

    energy_J: float
    edges_J: float
    """Power x update period, both edges together."""
    gaps_J: float
    unseen_ns: int
    longest_gap_ns: int
    begin_W: float
    end_W: float

    @property
    def longest_gap_s(self) -> float:
        return self.longest_gap_ns / _NS


def _by_trace(power: Series, counter: Series | None, begin_ns: int, end_ns: int, ratio: float | None) -> WindowEnergy:
    """The trace, anchored by the counter where two readings of it lie in the window."""
    scale = 1.0 if ratio is None else ratio
    whole = _stretch(power, begin_ns, end_ns)
    anchors = _anchors(counter, begin_ns, end_ns)
    if counter is None or anchors is None:
        uncertainty_J = whole.edges_J + scale * whole.gaps_J + abs(scale - 1) * whole.energy_J
        method = "trace" if ratio is None else "scaled trace"
        return _result(scale * whole.energy_J, uncertainty_J, method, whole, end_ns - begin_ns)
    first, last = anchors
    before = _stretch(power, begin_ns, int(counter.t_ns[first]))
    after = _stretch(power, int(counter.t_ns[last]), end_ns)
    edges_J = before.energy_J + after.energy_J
    energy_J = float(counter.value[last] - counter.value[first]) + scale * edges_J
    # Both readings are late by at most one period, so that their errors take each other off, not add.
    late_J = max(before.end_W, after.begin_W) * counter.period_s
    uncertainty_J = whole.edges_J + before.gaps_J + after.gaps_J + abs(scale - 1) * edges_J + late_J
    seen = replace(whole, unseen_ns=before.unseen_ns + after.unseen_ns)
    return _result(energy_J, uncertainty_J, "counter and trace", seen, end_ns - begin_ns)


def _by_counter(counter: Series | None, begin_ns: int, end_ns: int) -> WindowEnergy:
    """The counter alone, interpolated linearly at the window's edges; a gap inside it loses nothing.

    A counter of two readings, at the very edges, tells a total: nothing is interpolated, and each edge is uncertain by
    one period; by nobody knows how much where the period is not known.
    """
    if counter is None or len(counter.t_ns) < 2 or counter.goes_back:
        return NOTHING
    whole = _stretch(counter.means, begin_ns, end_ns, first_ns=int(counter.t_ns[0]), reach_ns=0)
    if math.isnan(whole.energy_J):
        return NOTHING
    edges_J = whole.edges_J
    if len(counter.t_ns) == 2 and counter.t_ns.tolist() == [begin_ns, end_ns]:
        edges_J = (whole.begin_W + whole.end_W) * counter.period_s if counter.period_s > 0 else math.nan
    return _result(whole.energy_J, edges_J, "counter", replace(whole, unseen_ns=0), end_ns - begin_ns)


def _result(energy_J: float, uncertainty_J: float, method: str, seen: _Stretch, length_ns: int) -> WindowEnergy:
    if math.isnan(energy_J):
        return replace(NOTHING, longest_gap_s=seen.longest_gap_s)
    coverage = 1.0 - seen.unseen_ns / length_ns if length_ns else 1.0
    return WindowEnergy(energy_J, uncertainty_J, method, coverage, seen.longest_gap_s)


def _anchors(counter: Series | None, begin_ns: int, end_ns: int) -> tuple[int, int] | None:
    """The outermost counter readings inside the window, by index; None for fewer than two, or where it went back."""
    if counter is None:
        return None
    first = int(np.searchsorted(counter.t_ns, begin_ns, "left"))
    last = int(np.searchsorted(counter.t_ns, end_ns, "right")) - 1
    if last <= first or (counter.goes_back and np.any(np.diff(counter.value[first : last + 1]) < 0)):
        return None
    return first, last


def _stretch(
    power: Series, begin_ns: int, end_ns: int, *, first_ns: int | None = None, reach_ns: int | None = None
) -> _Stretch:
    """Integrate ``power`` from ``begin_ns`` to ``end_ns``, from the readings of this stretch alone.

    Only its own readings: the same readings give the same bits whatever else was recorded before. ``first_ns`` is
    where the first reading's mean begins (one step before its stamp). A stretch may reach beyond the trace by
    ``reach_ns`` (a gap's length), there the outermost value is held; further out its energy is NaN.
    """
    t, value, step_ns = power.t_ns, power.value, power.step_ns
    limit_ns = GAP_PERIODS * step_ns
    reach = limit_ns if reach_ns is None else reach_ns
    low = int(np.searchsorted(t, begin_ns, "right"))
    high = max(int(np.searchsorted(t, end_ns, "left")), low)
    gauge = power.kind is Kind.GAUGE
    opens_ns = first_ns if first_ns is not None else int(t[0]) - (0 if gauge else step_ns)
    if opens_ns - begin_ns > reach or end_ns - int(t[-1]) > reach:
        return _Stretch(math.nan, math.nan, math.nan, end_ns - begin_ns, end_ns - begin_ns, math.nan, math.nan)

    # Segments: from the stamp before ``low`` to the one at ``high``, with one more at either end of the trace.
    stops = np.concatenate([t[low : high + 1], [max(end_ns, int(t[-1]))] if high == len(t) else []]).astype(np.int64)
    starts = np.concatenate([[t[low - 1] if low else min(opens_ns, begin_ns)], stops[:-1]]).astype(np.int64)
    index = np.minimum(np.arange(low, low + len(stops)), len(t) - 1)
    right = value[index]
    left = value[np.maximum(np.arange(low, low + len(stops)) - 1, 0)] if gauge else right
    lengths = stops - starts
    cut_starts, cut_stops = np.maximum(starts, begin_ns), np.minimum(stops, end_ns)
    cut = cut_stops - cut_starts
    slope = (right - left) / np.maximum(lengths, 1)
    middle = left + slope * ((cut_starts - starts) + (cut_stops - starts)) / 2

    unseen = cut[lengths > limit_ns].sum() if step_ns else cut.sum()
    period_ns = power.period_s * _NS
    begin_W, end_W = float(max(left[0], right[0])), float(max(left[-1], right[-1]))
    edges_J = (begin_W * max(float(lengths[0]), period_ns) + end_W * max(float(lengths[-1]), period_ns)) / _NS
    return _Stretch(
        energy_J=float(np.sum(middle * cut)) / _NS,
        edges_J=edges_J,
        gaps_J=power.spread * float(unseen) / _NS,
        unseen_ns=int(unseen),
        longest_gap_ns=int(lengths.max()),
        begin_W=begin_W,
        end_W=end_W,
    )
