"""One run's readings -> all that is later said of its power over time: a single reduction, while they are in memory.

::

    grid = grid_of(night, analysis)                    how wide the bins are, which phases they are aligned to
    measured = measure(night, partial(reduce_run, grid=grid))      reads each run once; traces in measured.reduced

What is kept of a run is small whatever its rate: bins of its window, the mean over the occurrences of a phase, equal
pieces for slopes, its dips, and the mean of its loads. A pure function of one run's arrays: runs may be reduced in any
order. The bins of a run are scaled to the energy that is reported for it, so that they sum to it exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.dip_search import Dipped, covered_by, dips_of
from analysis.energy import Meter
from analysis.load import Night, Series
from analysis.phase_bins import fine_enough, refresh_of
from harness import joules
from harness.record import Phase, RunRecord

if TYPE_CHECKING:
    from harness.protocol_model import Analysis

Floats = NDArray[np.float64]
Stamps = NDArray[np.int64]

EPOCH = "epoch"
"""The phase that is aligned to unless the protocol names another."""
PIECES = 120
"""Equal pieces of a window, of which slopes are taken."""
MOST_BINS = 1200
"""A page has not more pixels."""
MOST_EDGES = 1_000_000
"""Of one run."""
_MOST_KEPT = 500_000
"""Bins of all runs together; a night of very many runs gets wider ones."""
_LEAST_KEPT = 120
SEEN = 0.5
"""A bin of which a smaller part was read has energy, but no power that could be drawn: a gap stays a gap."""
_FINEST = 4096
_LOADS = re.compile(r"(.+_)?(utilisation|load|usage)_pct")


@dataclass(frozen=True)
class Grid:
    """What is asked of each run."""

    bin_s: float
    times: int
    """So many of the protocol's bins are one."""
    align: str
    aligned_bin_s: float
    aligned_times: int


@dataclass(frozen=True)
class MeterTrace:
    """One domain by one source in one run."""

    bins_J: Floats
    """(bins,), they sum to the window's energy."""
    seen: Floats
    """(bins,), the part of each that lies in no gap of the readings, 0 to 1."""
    pieces_W: Floats
    """(PIECES,), NaN in gaps."""
    aligned_W: Floats
    """(aligned bins,), mean over the occurrences; NaN where fewer than half of them reach."""
    resolution_s: float
    """The sensor's refresh, or the step of the readings where that is longer; NaN: not known."""
    is_counter: bool
    """Whether the course of power was told by a counter alone."""
    dips: Dipped | None
    """None: they cannot be told, the window is too short for the sensor."""


@dataclass(frozen=True)
class RunTrace:
    """What is kept of one run's readings."""

    configuration: str
    edges_s: Floats
    """(bins + 1,), from 0 to the window's duration."""
    meters: Mapping[tuple[str, str, str], MeterTrace]
    """By domain, origin and quality."""
    aligned_edges_s: Floats
    """(aligned bins + 1,), from the begin of the phase."""
    occurrences: int = 0
    loads: Mapping[str, float] = field(default_factory=dict)
    """Channel -> mean over the window, per cent."""


@dataclass(frozen=True)
class Traces:
    """The traces of a night's runs, and the grid that they were reduced to."""

    grid: Grid
    runs: Mapping[str, RunTrace]


def is_aligned(name: str, align: str) -> bool:
    """Whether a phase is an occurrence of ``align``: of that very name, or of it and a number ("epoch 3")."""
    return name == align or (name.startswith(f"{align} ") and name[len(align) + 1 :].isdecimal())


def occurrences_of(record: RunRecord, align: str) -> list[Phase]:
    """The phases of a run that are occurrences of ``align``, in the order in which they began."""
    found = [phase for phase in record.phases if is_aligned(phase.name, align) and phase.end_ns > phase.begin_ns]
    return sorted(found, key=lambda phase: phase.begin_ns)


def grid_of(night: Night, analysis: Analysis) -> Grid:
    """Bins as wide as the protocol asks, or so many times wider that a page has pixels for each of them."""
    asked_s = analysis.bin_ms / 1000
    align = EPOCH if analysis.align == "window" else analysis.align
    most = max(_LEAST_KEPT, min(MOST_BINS, _MOST_KEPT // max(1, len(night.records))))
    windows = [record.window.duration_s for record in night.records.values() if record.window is not None]
    phases: dict[str, list[float]] = {}
    for record in night.records.values():
        lengths = [phase.duration_s for phase in occurrences_of(record, align)]
        phases.setdefault(record.configuration, []).extend(lengths)
    longest_s = max((length for lengths in phases.values() for length in lengths), default=0.0)
    aligned_s = fine_enough(asked_s, phases, lambda: refresh_of(night, analysis))
    times = max(1, math.ceil(max(windows, default=0.0) / asked_s / most - 1e-9))
    aligned_times = max(1, math.ceil(longest_s / aligned_s / most - 1e-9))
    return Grid(asked_s * times, times, align, aligned_s * aligned_times, aligned_times)


def reduce_run(record: RunRecord, series: Mapping[str, Series], meters: Iterable[Meter], *, grid: Grid) -> RunTrace:
    """The trace of one run: ``series`` its channels, ``meters`` those of power and energy among them."""
    window = record.window
    nothing = RunTrace(record.configuration, np.zeros(1), {}, np.zeros(1))
    if window is None or window.end_ns <= window.begin_ns or window.duration_s / grid.bin_s > MOST_EDGES:
        return nothing
    edges_ns = edges_of(window.begin_ns, window.end_ns, grid.bin_s)
    phases = _fitting(occurrences_of(record, grid.align), grid.aligned_bin_s)
    aligned = [edges_of(phase.begin_ns, phase.end_ns, grid.aligned_bin_s) for phase in phases]
    longest = max((whole_bins(part) for part in aligned), default=0)
    traces = {meter.key: _trace(meter, record, edges_ns, aligned, longest) for meter in meters}
    return RunTrace(
        record.configuration,
        (edges_ns - window.begin_ns) / 1e9,
        {key: trace for key, trace in traces.items() if trace is not None},
        _aligned_edges(aligned, longest),
        len(phases),
        _loads(series.values(), window),
    )


def edges_of(begin_ns: int, end_ns: int, bin_s: float) -> Stamps:
    """From begin to end in steps of ``bin_s``; a last step of less than a nanosecond belongs to the one before it."""
    count = max(1, int(np.ceil((end_ns - begin_ns) / 1e9 / bin_s - 1e-9)))
    edges: Stamps = begin_ns + np.rint(np.arange(count + 1) * bin_s * 1e9).astype(np.int64)
    edges[-1] = end_ns
    return edges


def whole_bins(edges: NDArray[np.number]) -> int:
    """How many bins are as wide as the first: the last may be shorter. ``edges`` in nanoseconds."""
    widths = np.diff(edges)
    return len(widths) - int(len(widths) > 1 and bool(widths[-1] < widths[0] - 2))


def bins_of(meter: Meter, edges_ns: Stamps) -> tuple[Floats, Floats] | None:
    """The energy of each bin between ``edges_ns``, summing to that of the whole, and the part of it that was seen.

    A bin's energy is the difference of the integral at its two edges: a mean of samples would lose or invent energy.
    None where the energy of the whole cannot be told, or there is no course of power.
    """
    course = _course(meter)
    return None if course is None else course.bins(edges_ns, course.until(edges_ns))


@dataclass(frozen=True)
class _Course:
    """The series that tells a meter's power over time, its trace or its counter, and the gaps in it."""

    meter: Meter
    series: joules.Series
    gaps: Stamps
    """The place of the reading before each."""

    def until(self, stamps_ns: Stamps) -> Floats:
        """Energy until each stamp; outside the trace, as at its ends."""
        # The window may reach a few readings beyond the trace; there its outermost bins lack energy, not the sum.
        return joules.energy_until(self.series, np.clip(stamps_ns, self.series.t_ns[0], self.series.t_ns[-1]))

    def bins(self, edges_ns: Stamps, until_J: Floats) -> tuple[Floats, Floats] | None:
        """The energy of each bin, scaled to that of the whole; None where that cannot be told. And the part seen."""
        whole_J = self.meter.energy(int(edges_ns[0]), int(edges_ns[-1])).energy_J
        if not np.isfinite(whole_J):
            return None
        parts_J = np.diff(until_J)
        traced_J = float(parts_J.sum())
        if traced_J > 0:
            return parts_J * (whole_J / traced_J), self.seen(edges_ns)
        return np.diff(edges_ns) * (whole_J / float(edges_ns[-1] - edges_ns[0])), self.seen(edges_ns)

    def power(self, edges_ns: Stamps, until_J: Floats) -> Floats | None:
        """Mean power in each bin; NaN where most of the bin was not seen."""
        found = self.bins(edges_ns, until_J)
        return None if found is None else np.where(found[1] < SEEN, np.nan, found[0] / np.diff(edges_ns) * 1e9)

    def seen(self, edges_ns: Stamps) -> Floats:
        """The part of each bin that lies in no gap."""
        return 1 - covered_by(self.series.t_ns[self.gaps], self.series.t_ns[self.gaps + 1], edges_ns)


def _course(meter: Meter) -> _Course | None:
    series = meter.power if meter.power is not None and len(meter.power.t_ns) > 1 else meter.counter
    return None if series is None or len(series.t_ns) < 2 else _Course(meter, series, gaps_of(series))


def _trace(
    meter: Meter, record: RunRecord, edges_ns: Stamps, aligned: Sequence[Stamps], longest: int
) -> MeterTrace | None:
    course = _course(meter)
    if course is None:
        return None
    resolution_s = _resolution(meter, course.series)
    pieces_ns = _equal(edges_ns, PIECES)
    fine = min(_FINEST, (edges_ns[-1] - edges_ns[0]) / 1e9 / (2 * resolution_s)) if resolution_s > 0 else 1
    level_ns = _equal(edges_ns, max(1, int(fine)))
    asked = [edges_ns, pieces_ns, level_ns, *aligned]
    # All of them at once: the integral over the whole run is taken one time.
    until = np.split(course.until(np.concatenate(asked)), np.cumsum([len(part) for part in asked])[:-1])
    found, pieces_W = course.bins(edges_ns, until[0]), course.power(pieces_ns, until[1])
    if found is None or pieces_W is None:
        return None
    dips = None
    if resolution_s > 0:
        level_W = float(np.median(np.diff(until[2]) / np.diff(level_ns))) * 1e9
        dips = dips_of(course.series, course.gaps, record, edges_ns, level_W=level_W, resolution_s=resolution_s)
    aligned_W = _aligned(course, aligned, until[3:], longest)
    return MeterTrace(*found, pieces_W, aligned_W, resolution_s, course.series is not meter.power, dips)


def _resolution(meter: Meter, series: joules.Series) -> float:
    return max((value for value in (meter.refresh_s, series.step_ns / 1e9) if value > 0), default=math.nan)


def _equal(edges_ns: Stamps, count: int) -> Stamps:
    edges: Stamps = np.rint(np.linspace(0, int(edges_ns[-1] - edges_ns[0]), count + 1)).astype(np.int64)
    shifted: Stamps = np.unique(edges) + edges_ns[0]
    return shifted


def _aligned(course: _Course, aligned: Sequence[Stamps], until: Sequence[Floats], longest: int) -> Floats:
    """The mean power in each bin over the occurrences of a phase; an occurrence counts in the bins that it fills."""
    total_W, counted = np.zeros(longest), np.zeros(longest, dtype=np.int64)
    for edges_ns, until_J in zip(aligned, until, strict=True):
        power_W = course.power(edges_ns, until_J)
        if power_W is not None:
            whole = power_W[: whole_bins(edges_ns)]
            there = np.isfinite(whole)
            total_W[: len(whole)][there] += whole[there]
            counted[: len(whole)] += there
    enough = counted >= max(1.0, len(aligned) / 2)
    return np.where(enough, total_W / np.maximum(counted, 1), np.nan)


def _fitting(phases: list[Phase], bin_s: float) -> list[Phase]:
    """Every occurrence, or every k-th of a very great many."""
    edges = sum(phase.duration_s / bin_s + 2 for phase in phases)
    return phases[:: max(1, math.ceil(edges / MOST_EDGES))]


def _aligned_edges(aligned: Sequence[Stamps], longest: int) -> Floats:
    if not longest:
        return np.zeros(1)
    of = next(part for part in aligned if whole_bins(part) == longest)
    edges_s: Floats = (of[: longest + 1] - of[0]) / 1e9
    return edges_s


def gaps_of(series: joules.Series) -> Stamps:
    """After which readings there is a gap, in order: a step far longer than the median, and than the steps around it.

    The second half keeps a series whose rate changed: its slow part is slow, not full of holes.
    """
    candidates = series.long_steps(joules.GAP_PERIODS * series.step_ns)
    around = np.clip(candidates[:, None] + np.arange(-2, 3), 0, max(len(series.t_ns) - 2, 0))
    steps = series.t_ns[around + 1] - series.t_ns[around]
    gaps: Stamps = candidates[steps[:, 2] > joules.GAP_PERIODS * np.median(steps, axis=1)]
    return gaps


def _loads(series: Iterable[Series], window: Phase) -> dict[str, float]:
    """The mean over the window of each channel that tells how busy a device is, where readings lie in it."""
    found: dict[str, float] = {}
    for item in series:
        if item.channel.unit != "%" or not _LOADS.fullmatch(item.channel.quantity) or len(item.t_ns) < 2:
            continue
        course = joules.Series(item.t_ns, item.value, item.channel.kind)
        low, high = (int(np.clip(at, item.t_ns[0], item.t_ns[-1])) for at in (window.begin_ns, window.end_ns))
        if high - low >= (window.end_ns - window.begin_ns) / 2:
            begin, end = joules.energy_until(course, [low, high]).tolist()
            found[item.channel.name] = (end - begin) / (high - low) * 1e9
    return found
