"""Power over time: bins that conserve energy, aligned to the window or to a phase, and bands across runs.

::

    bins = run_bins(night, runs, choice, bin_s=0.5)               one record a run, read from its samples
    bins = window_bins(traces, runs, choice)                      the same from traces that were taken already
    bins = aligned_bins(traces, runs, choice)                     within a phase, the mean over its occurrences
    curve = band(bins, level=0.95)                                one row a (configuration, bin)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.energy import read_meters
from analysis.load import Night
from analysis.statistics.bands import pointwise, simultaneous
from analysis.traces import MOST_EDGES, SEEN, MeterTrace, RunTrace, bins_of, edges_of, occurrences_of
from harness.domains import Choice
from harness.errors import NightFolderError
from harness.record import Phase, RunRecord

COLUMNS = (
    *("configuration", "bin", "begin_s", "end_s", "t_s", "width_s"),
    *("power_W", "low_W", "high_W", "all_low_W", "all_high_W", "n"),
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RunBins:
    """The energy of one run in bins from the begin of its window or phase; the last bin ends with it."""

    run: str
    configuration: str
    edges_s: Floats
    """(bins + 1,), from 0 to the whole duration."""
    energy_J: Floats
    """(bins,), summed over the domains."""
    refresh_s: float
    """The slowest source's refresh, or the step of its readings where that is longer; NaN where it is not known."""
    seen: Floats | None = None
    """(bins,), the part of each that lies in no gap of any domain; None: all of it."""
    is_counter: bool = False
    """Whether a domain's course was told by a counter alone."""

    @property
    def power_W(self) -> Floats:
        """Mean power in each bin, (bins,); NaN where most of it was not seen: a gap stays a gap."""
        power: Floats = self.energy_J / np.diff(self.edges_s)
        return power if self.seen is None else np.where(self.seen < SEEN, np.nan, power)


def run_bins(
    night: Night,
    runs: Iterable[str],
    choice: Choice,
    *,
    bin_s: float = 0.5,
    phase: str | None = None,
    occurrence: int = 1,
) -> list[RunBins]:
    """The bins of each of ``runs``, of its window or of one ``occurrence`` (from 1) of the phase ``phase``.

    A phase of that very name is meant, or one of that name and a number ("epoch" has the occurrence "epoch 3"). A run
    without that phase, without readable samples, or without one of the domains by its chosen source is left out: it
    has no total either. Refuses a width that is not positive.
    """
    if not bin_s > 0:
        raise ValueError(f"a bin has a positive width, not {bin_s} s")
    found: list[RunBins] = []
    for run in runs:
        record = night.records[run]
        named = _stretch(record, phase, occurrence)
        if named is None or named.end_ns <= named.begin_ns or named.duration_s / bin_s > MOST_EDGES:
            continue
        try:
            meters = {meter.key: meter for meter in read_meters(night.meters.aligned(run, night.samples(run)))}
        except NightFolderError:
            continue
        edges_ns = edges_of(named.begin_ns, named.end_ns, bin_s)
        chosen = [meters[source.key] for source in choice.summed if source.key in meters]
        parts = [part for meter in chosen if (part := bins_of(meter, edges_ns)) is not None]
        if not parts or len(parts) < len(choice.domains):
            continue
        energy_J, seen = np.sum([part for part, _ in parts], axis=0), np.min([part for _, part in parts], axis=0)
        edges_s = (edges_ns - named.begin_ns) / 1e9
        refresh_s = max(meter.refresh_s for meter in chosen)
        found.append(RunBins(run, record.configuration, edges_s, energy_J, refresh_s, seen))
    return found


def window_bins(traces: Mapping[str, RunTrace], runs: Iterable[str], choice: Choice) -> list[RunBins]:
    """The bins of the windows of ``runs``, summed over the domains of ``choice``; a run that lacks one is left out."""
    found: list[RunBins] = []
    for run, trace, chosen in complete(traces, runs, choice):
        energy_J = np.sum([meter.bins_J for meter in chosen], axis=0)
        seen = np.min([meter.seen for meter in chosen], axis=0)
        counted = any(meter.is_counter for meter in chosen)
        found.append(RunBins(run, trace.configuration, trace.edges_s, energy_J, resolution_of(chosen), seen, counted))
    return found


def aligned_bins(traces: Mapping[str, RunTrace], runs: Iterable[str], choice: Choice) -> list[RunBins]:
    """The same within the phase that the traces are aligned to: the mean over its occurrences in each run."""
    found: list[RunBins] = []
    for run, trace, chosen in complete(traces, runs, choice):
        power_W = np.sum([meter.aligned_W for meter in chosen], axis=0)
        reached = np.flatnonzero(np.isfinite(power_W))
        if not reached.size:
            continue
        edges_s = trace.aligned_edges_s[: reached[-1] + 2]
        power_W = power_W[: reached[-1] + 1]
        energy_J, seen = np.nan_to_num(power_W) * np.diff(edges_s), np.isfinite(power_W).astype(float)
        counted = any(meter.is_counter for meter in chosen)
        found.append(RunBins(run, trace.configuration, edges_s, energy_J, resolution_of(chosen), seen, counted))
    return found


def resolution_of(meters: Iterable[MeterTrace]) -> float:
    """The slowest of the sources; NaN where none of them is known."""
    return max((meter.resolution_s for meter in meters if meter.resolution_s > 0), default=math.nan)


def complete(
    traces: Mapping[str, RunTrace], runs: Iterable[str], choice: Choice
) -> Iterable[tuple[str, RunTrace, list[MeterTrace]]]:
    """The traces of those of ``runs`` that have every domain of ``choice`` by its source."""
    for run in runs:
        trace = traces.get(run)
        if trace is not None:
            chosen = [trace.meters[source.key] for source in choice.summed if source.key in trace.meters]
            if chosen and len(chosen) == len(choice.domains):
                yield run, trace, chosen


def band(bins: Sequence[RunBins], level: float = 0.95) -> pd.DataFrame:
    """Mean power over the runs of each configuration, with two intervals: one row a (configuration, bin).

    configuration, bin (from 0), begin_s, end_s and t_s (the bin's ends and middle, from the window's begin; the last
    ends with the longest run), width_s (how long its runs were in it, on average: less than its length where runs
    end in it), power_W, low_W and high_W (pointwise t interval; NaN for one run), all_low_W and all_high_W
    (simultaneous, see ``statistics.bands``; NaN below five runs and in bins that fewer than half of the runs reach),
    n. A run counts in every bin that it reaches and that lies in no gap of its readings. A bin without any run is NaN,
    n 0.

    Power is the runs' energy in the bin over their time in it, so that power_W x width_s x n, summed over the bins, is
    their energy, however their lengths differ. Where runs end in a bin their times in it differ, and the intervals are
    those of a ratio (W. G. Cochran, Sampling Techniques, 3rd ed. 1977, section 6.3); in all others those of a mean.
    """
    frames: list[pd.DataFrame] = []
    for configuration in dict.fromkeys(item.configuration for item in bins):
        rows = [item for item in bins if item.configuration == configuration]
        longest = max(len(item.energy_J) for item in rows)
        energy_J, width_s = np.full((2, len(rows), longest), np.nan)
        for place, item in enumerate(rows):
            is_seen = np.isfinite(item.power_W)
            energy_J[place, : len(is_seen)] = np.where(is_seen, item.energy_J, np.nan)
            width_s[place, : len(is_seen)] = np.where(is_seen, np.diff(item.edges_s), np.nan)
        power, mean_s = _linearised(energy_J, width_s)
        there = np.isfinite(power).any(axis=0)
        figures = np.full((5, longest), np.nan)
        n = np.zeros(longest, dtype=np.int64)
        if there.any():
            *figures[:3, there], n[there] = pointwise(power[:, there], level)
            every = simultaneous(power[:, there], level)
            figures[3:, there] = every.low, every.high
        edges = max((item.edges_s for item in rows), key=lambda at: float(at[-1]))
        middles = (edges[:-1] + edges[1:]) / 2
        columns = [configuration, np.arange(longest), edges[:-1], edges[1:], middles, mean_s, *figures, n]
        frames.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))


def _stretch(record: RunRecord, phase: str | None, occurrence: int) -> Phase | None:
    if phase is None:
        return record.window
    found = occurrences_of(record, phase)
    return found[occurrence - 1] if 0 < occurrence <= len(found) else None


def _linearised(energy_J: Floats, width_s: Floats) -> tuple[Floats, Floats]:
    """(runs, bins) of power whose mean is the runs' energy over their time, and their mean time in each bin.

    Both are (runs, bins), NaN where a run is not there. Where all were equally long in a bin it is each one's power;
    else that of all, and by how much each one's energy is off it.
    """
    n = np.isfinite(width_s).sum(axis=0)
    total_s = np.nansum(width_s, axis=0)
    mean_s = np.where(n > 0, total_s / np.maximum(n, 1), np.nan)
    all_W = np.nansum(energy_J, axis=0) / np.where(n > 0, total_s, np.nan)
    is_even = np.abs(np.nan_to_num(width_s - mean_s)).max(axis=0) <= 1e-9 * np.nan_to_num(mean_s)
    off_W: Floats = np.where(is_even, energy_J / width_s, all_W + (energy_J - all_W * width_s) / mean_s)
    return off_W, mean_s
