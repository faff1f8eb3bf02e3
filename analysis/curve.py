"""Power over time: readings -> bins that conserve energy, aligned to the window, and bands across runs.

::

    bins = run_bins(night, runs, choice, bin_s=0.5)               one record a run
    curve = band(bins, level=0.95)                                one row a (configuration, bin)

A bin's energy is the difference of the integral at its two edges (a mean of samples would lose or invent energy), and
the bins of a run are scaled to the energy that is reported for it, so that they sum to it exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.energy import Meter, read_meters
from analysis.load import Night
from analysis.statistics.bands import pointwise
from harness import joules
from harness.domains import Choice
from harness.errors import NightFolderError

COLUMNS = ("configuration", "bin", "t_s", "power_W", "low_W", "high_W", "n")
_MOST_BINS = 1_000_000


@dataclass(frozen=True)
class RunBins:
    """The energy of one run in bins from the begin of its window; the last bin ends with the window."""

    run: str
    configuration: str
    edges_s: NDArray[np.float64]
    """(bins + 1,), from 0 to the window's duration."""
    energy_J: NDArray[np.float64]
    """(bins,), summed over the domains."""
    refresh_s: float
    """The slowest sensor's refresh, NaN where it is not known."""

    @property
    def power_W(self) -> NDArray[np.float64]:
        """Mean power in each bin, (bins,)."""
        power: NDArray[np.float64] = self.energy_J / np.diff(self.edges_s)
        return power


def run_bins(
    night: Night,
    runs: Iterable[str],
    choice: Choice,
    *,
    bin_s: float = 0.5,
    phase: str | None = None,
) -> list[RunBins]:
    """The bins of each of ``runs``, of its window or of its first phase of that name.

    A run without that phase, without readable samples, or without one of the domains by its chosen source is left out:
    it has no total either. Refuses a width that is not positive.
    """
    if not bin_s > 0:
        raise ValueError(f"a bin has a positive width, not {bin_s} s")
    found: list[RunBins] = []
    for run in runs:
        record = night.records[run]
        named = record.window if phase is None else next((p for p in record.phases if p.name == phase), None)
        if named is None or named.end_ns <= named.begin_ns or named.duration_s / bin_s > _MOST_BINS:
            continue
        try:
            meters = {meter.key: meter for meter in read_meters(night.meters.aligned(run, night.samples(run)))}
        except NightFolderError:
            continue
        chosen = [meters[source.key] for source in choice.summed if source.key in meters]
        edges_ns = _edges(named.begin_ns, named.end_ns, bin_s)
        parts = [_bin(meter, edges_ns) for meter in chosen]
        if not chosen or len(chosen) < len(choice.domains) or any(part is None for part in parts):
            continue
        energy_J = np.sum([part for part in parts if part is not None], axis=0)
        refreshes = [meter.refresh_s for meter in chosen]
        edges_s = (edges_ns - named.begin_ns) / 1e9
        found.append(RunBins(run, record.configuration, edges_s, energy_J, max(refreshes)))
    return found


def band(bins: Sequence[RunBins], level: float = 0.95) -> pd.DataFrame:
    """Mean power over the runs of each configuration, with a pointwise t interval: one row a (configuration, bin).

    configuration, bin (from 0), t_s (the bin's middle, from the window's begin), power_W, low_W, high_W (NaN for one
    run), n. A run counts in the bins that it fills; its last, shorter one only where it has no other.
    """
    frames: list[pd.DataFrame] = []
    for configuration in dict.fromkeys(item.configuration for item in bins):
        rows = [item for item in bins if item.configuration == configuration]
        whole = [_whole(item) for item in rows]
        longest = max(whole)
        power = np.full((len(rows), longest), np.nan)
        for place, (item, count) in enumerate(zip(rows, whole, strict=True)):
            power[place, :count] = item.power_W[:count]
        mean, low, high, n = pointwise(power, level)
        edges = next(item.edges_s for item, count in zip(rows, whole, strict=True) if count == longest)[: longest + 1]
        frames.append(
            pd.DataFrame(
                {
                    "configuration": configuration,
                    "bin": np.arange(longest),
                    "t_s": (edges[:-1] + edges[1:]) / 2,
                    "power_W": mean,
                    "low_W": low,
                    "high_W": high,
                    "n": n,
                }
            )
        )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))


def _edges(begin_ns: int, end_ns: int, bin_s: float) -> NDArray[np.int64]:
    """From begin to end in steps of ``bin_s``; a last step of less than a nanosecond belongs to the one before it."""
    count = max(1, int(np.ceil((end_ns - begin_ns) / 1e9 / bin_s - 1e-9)))
    edges: NDArray[np.int64] = begin_ns + np.rint(np.arange(count + 1) * bin_s * 1e9).astype(np.int64)
    edges[-1] = end_ns
    return edges


def _bin(meter: Meter, edges_ns: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """The energy of each bin, scaled to the energy of the whole; None where that cannot be told."""
    whole_J = meter.energy(int(edges_ns[0]), int(edges_ns[-1])).energy_J
    series = meter.power if meter.power is not None and len(meter.power.t_ns) > 1 else meter.counter
    if series is None or not np.isfinite(whole_J):
        return None
    # The window may reach a few readings beyond the trace; there its outermost bins are short of energy, not the sum.
    inside = np.clip(edges_ns, series.t_ns[0], series.t_ns[-1])
    parts_J: NDArray[np.float64] = np.diff(joules.energy_until(series, inside))
    traced_J = float(parts_J.sum())
    if traced_J > 0:
        return parts_J * (whole_J / traced_J)
    return np.diff(edges_ns) * (whole_J / float(edges_ns[-1] - edges_ns[0]))


def _whole(item: RunBins) -> int:
    """How many of a run's bins are as wide as its first."""
    widths = np.diff(item.edges_s)
    is_short = len(widths) > 1 and widths[-1] < widths[0] - 2e-9
    return len(widths) - int(is_short)
