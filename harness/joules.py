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

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.record import Kind
from harness.series import NS, Floats, Integral, Means, Series, pieces

GAP_PERIODS = 3.0
"""A step of a trace longer than this many of its median periods is a gap."""
RATIO_SPAN_S = 2.0
"""Counter readings must lie this far apart before counter and trace are compared."""

__all__ = [
    "GAP_PERIODS",
    "NOTHING",
    "RATIO_SPAN_S",
    "Series",
    "WindowEnergy",
    "counter_ratio",
    "energy_until",
    "pieces",
    "unwrap",
    "window_energy",
]


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
    low = int(np.searchsorted(counter.t_ns, power.t_ns[0], "left"))
    high = int(np.searchsorted(counter.t_ns, power.t_ns[-1], "right")) - 1
    until, gaps = Integral(power), power.long_steps(GAP_PERIODS * power.step_ns)
    counted_J = traced_J = span_s = 0.0
    for begin, end in counter.pieces(low, high):
        stamps, by_counter = counter.t_ns[begin : end + 1], np.diff(counter.value[begin : end + 1])
        if np.any(by_counter < 0):
            return None
        whole = _without(gaps, power, stamps)
        counted_J += float(by_counter[whole].sum())
        traced_J += float(np.diff(until.until(stamps))[whole].sum())
        span_s += float(np.diff(stamps)[whole].sum()) / NS
    return counted_J / traced_J if span_s >= RATIO_SPAN_S and traced_J > 0 else None


def _without(gaps: NDArray[np.int64], power: Series, stamps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Between which of ``stamps`` (m,) the trace has none of its ``gaps``, (m - 1,)."""
    first = int(np.searchsorted(power.t_ns, stamps[0], "right")) - 1
    last = int(np.searchsorted(power.t_ns, stamps[-1], "left"))
    there = gaps[np.searchsorted(gaps, first) : np.searchsorted(gaps, last)] - first
    if not there.size:
        return np.ones(len(stamps) - 1, dtype=np.bool_)
    t_ns = power.t_ns[first : last + 1]
    before = np.searchsorted(t_ns, stamps[:-1], "right") - 1
    after = np.searchsorted(t_ns, stamps[1:], "left")
    whole: NDArray[np.bool_] = np.searchsorted(there, before) == np.searchsorted(there, after)
    return whole


def energy_until(series: Series, t_ns: ArrayLike) -> Floats:
    """The energy in J from the series' first stamp until each of ``t_ns`` (m,); NaN outside what it covers.

    ``harness.series.Integral`` says how each kind is integrated.
    """
    stamps = np.asarray(t_ns, dtype=np.int64)
    order = np.argsort(stamps, kind="stable")
    until = np.empty(stamps.shape)
    until[order] = Integral(series).until(stamps[order])
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
        return self.longest_gap_ns / NS


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
    if last <= first or (counter.goes_back and counter.falls(first, last)):
        return None
    return first, last


def _stretch(
    power: Series | Means, begin_ns: int, end_ns: int, *, first_ns: int | None = None, reach_ns: int | None = None
) -> _Stretch:
    """Integrate ``power`` from ``begin_ns`` to ``end_ns``, from the readings of this stretch alone.

    Only its own readings: the same readings give the same bits whatever else was recorded before. ``first_ns`` is
    where the first reading's mean begins (one step before its stamp). A stretch may reach beyond the trace by
    ``reach_ns`` (a gap's length), there the outermost value is held; further out its energy is NaN.
    """
    t, step_ns = power.t_ns, power.step_ns
    limit_ns = GAP_PERIODS * step_ns
    reach = limit_ns if reach_ns is None else reach_ns
    low = int(np.searchsorted(t, begin_ns, "right"))
    high = max(int(np.searchsorted(t, end_ns, "left")), low)
    gauge = power.kind is Kind.GAUGE
    opens_ns = first_ns if first_ns is not None else int(t[0]) - (0 if gauge else step_ns)
    if opens_ns - begin_ns > reach or end_ns - int(t[-1]) > reach:
        return _Stretch(math.nan, math.nan, math.nan, end_ns - begin_ns, end_ns - begin_ns, math.nan, math.nan)

    # Segments: from the stamp before ``low`` to the one at ``high``, with one more at either end of the trace.
    count = high + 1 - low
    energy_J, unseen_ns, longest_ns = 0.0, 0, 0
    ends: list[tuple[float, int]] = []
    for first, last in power.pieces(low, low + count):
        stops = np.concatenate([t[first:last], [max(end_ns, int(t[-1]))] if last > len(t) else []]).astype(np.int64)
        starts = np.concatenate([[t[first - 1] if first else min(opens_ns, begin_ns)], stops[:-1]]).astype(np.int64)
        around = power.watts(max(first - 1, 0), min(last, len(t)))
        index = np.arange(first, last) - max(first - 1, 0)
        right = around[np.minimum(index, len(around) - 1)]
        left = around[np.maximum(index - 1, 0)] if gauge else right
        lengths = stops - starts
        cut_starts, cut_stops = np.maximum(starts, begin_ns), np.minimum(stops, end_ns)
        cut = cut_stops - cut_starts
        slope = (right - left) / np.maximum(lengths, 1)
        middle = left + slope * ((cut_starts - starts) + (cut_stops - starts)) / 2
        energy_J += float(np.sum(middle * cut))
        unseen_ns += int(cut[lengths > limit_ns].sum() if step_ns else cut.sum())
        longest_ns = max(longest_ns, int(lengths.max()))
        ends += [(float(max(left[at], right[at])), int(lengths[at])) for at in (0, -1)]
    (begin_W, begin_length_ns), (end_W, end_length_ns) = ends[0], ends[-1]
    period_ns = power.period_s * NS
    return _Stretch(
        energy_J=energy_J / NS,
        edges_J=(begin_W * max(float(begin_length_ns), period_ns) + end_W * max(float(end_length_ns), period_ns)) / NS,
        gaps_J=power.spread * float(unseen_ns) / NS,
        unseen_ns=unseen_ns,
        longest_gap_ns=longest_ns,
        begin_W=begin_W,
        end_W=end_W,
    )
