"""What happens inside the runs: how power goes from minute to minute, where it dips, how busy the devices were.

Each run gives one number, from its trace; means and intervals are over runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.curve import complete
from analysis.epochs import accuracy_metric, epoch_means, epoch_rates
from analysis.estimates import Estimate
from analysis.load import Night
from analysis.statistics.bands import FEWEST_FLIPPED
from analysis.statistics.describe import mean
from analysis.statistics.slopes import median_slope
from analysis.temporal import Course, Dips, Load, Temporal
from analysis.traces import PIECES, RunTrace, Traces
from harness.domains import Choice
from harness.record import RunRecord, number

ALL = "all"
WAITING = "waiting for input"
WAIT_METRIC = "input_wait_s"
EARLY_S = 300.0
"""So long at most a device warms up, once the work has begun; at most a quarter of the window."""
SHORTEST_S = 60.0
"""A window below this has no first minutes that could be told apart."""


def temporal(
    night: Night, runs: pd.DataFrame, epochs: pd.DataFrame, traces: Traces, *, choice: Choice, level: float
) -> Temporal | None:
    """All of it for ``runs`` (run, configuration: those of the headline); None where there is nothing to tell.

    ``epochs`` as ``epochs.epoch_rows`` gives them.
    """
    names = [name for name in night.configurations if (runs["configuration"] == name).any()]
    of = {name: runs.loc[runs["configuration"] == name, "run"].tolist() for name in names}
    phases = night.phases
    told = accuracy_metric(phases[phases["run"].isin(set(epochs["run"]))], night.protocol.analysis.accuracy)
    found = Temporal(
        epochs=tuple(epoch_means(epochs, names, level)),
        rates=tuple(epoch_rates(epochs, names, level)),
        courses=tuple(courses(traces.runs, of, choice, level)),
        dips=tuple(dips(traces.runs, of, choice, level)),
        loads=tuple(loads(night.records, traces.runs, of, level)),
        accuracy=told if len(epochs) and epochs["accuracy_pct"].notna().any() else "",
        has_band=any(sum(1 for _ in complete(traces.runs, runs, choice)) >= FEWEST_FLIPPED for runs in of.values()),
    )
    return found if any((found.epochs, found.courses, found.dips, found.loads)) else None


def courses(
    traces: Mapping[str, RunTrace], runs: Mapping[str, Sequence[str]], choice: Choice, level: float
) -> list[Course]:
    """How mean power goes within the runs of each configuration; ``runs`` by configuration."""
    found: list[Course] = []
    for name, members in runs.items():
        whole: list[float] = []
        settled: list[float] = []
        ratios: list[float] = []
        early_s: float | None = None
        for _, trace, chosen in complete(traces, members, choice):
            power_W = np.sum([meter.pieces_W for meter in chosen], axis=0)
            length_s = float(trace.edges_s[-1])
            if len(power_W) != PIECES or length_s < SHORTEST_S / 4:
                continue
            minutes = (np.arange(PIECES) + 0.5) * length_s / PIECES / 60
            there = np.isfinite(power_W)
            _append(whole, median_slope(power_W[there], minutes[there]))
            first_s = min(EARLY_S, length_s / 4)
            late = there & (minutes * 60 >= first_s)
            if length_s < SHORTEST_S or not late.any() or not (there & ~late).any():
                continue
            early_s = max(first_s, early_s or 0.0)
            _append(settled, median_slope(power_W[late], minutes[late]))
            after_W = float(power_W[late].mean())
            _append(ratios, float(power_W[there & ~late].mean()) / after_W if after_W > 0 else None)
        if whole:
            parts = mean(whole, "W/min", level), mean(settled, "W/min", level), mean(ratios, "×", level)
            found.append(Course(name, *parts, early_s))
    return found


def dips(traces: Mapping[str, RunTrace], runs: Mapping[str, Sequence[str]], choice: Choice, level: float) -> list[Dips]:
    """The dips of each domain of ``choice``, by configuration and by the phase in which they lie; all of them first."""
    found: list[Dips] = []
    for name, members in runs.items():
        there = [traces[run] for run in members if run in traces]
        for source in choice.summed:
            told = [
                (dipped.by_place, float(trace.edges_s[-1]))
                for trace in there
                if source.key in trace.meters and (dipped := trace.meters[source.key].dips) is not None
            ]
            places = dict.fromkeys(place for by_place, _ in told for place in by_place)
            for place in [ALL, *places] if told else []:
                counts, shares = [], []
                for by_place, length_s in told:
                    wanted = by_place.values() if place == ALL else [by_place.get(place, (0, 0.0))]
                    counts.append(float(sum(count for count, _ in wanted)))
                    shares.append(100 * math.fsum(lasted_s for _, lasted_s in wanted) / length_s)
                means = mean(counts, "", level), _share(shares, level)
                found.append(Dips(name, source.domain, place, len(told), sum(map(bool, counts)), *means))
    return found


def loads(
    records: Mapping[str, RunRecord], traces: Mapping[str, RunTrace], runs: Mapping[str, Sequence[str]], level: float
) -> list[Load]:
    """How busy devices were in the window, and how much of it went by waiting for input, where a workload tells it."""
    found: list[Load] = []
    for name, members in runs.items():
        shares: dict[str, list[float]] = {}
        for run in members:
            of = dict(traces[run].loads) if run in traces else {}
            waited = waiting_of(records[run])
            for what, share in {**of, **({} if waited is None else {WAITING: waited})}.items():
                shares.setdefault(what, []).append(share)
        for what, values in shares.items():
            found.append(Load(name, what, _share(values, level), min(values), max(values)))
    return found


def _share(values: Sequence[float], level: float) -> Estimate:
    """The mean of shares of a whole, in per cent; an interval that t draws beyond 0 or 100 ends there."""
    found = mean(values, "%", level)
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(0.0, found.low), high=min(100.0, found.high))


def waiting_of(record: RunRecord) -> float | None:
    """The part of a run's window, in per cent, that it waited for input: its own result, else that of its phases."""
    window = record.window
    if window is None or window.duration_s <= 0:
        return None
    waited_s = number(record.metrics.get(WAIT_METRIC))
    if waited_s is None:
        inside = [
            known
            for phase in record.phases
            if window.begin_ns <= phase.begin_ns
            and phase.end_ns <= window.end_ns
            and (known := number(phase.metrics.get(WAIT_METRIC))) is not None
        ]
        waited_s = math.fsum(inside) if inside else None
    # Several readers that wait side by side could tell more than the window holds; that is no share of it.
    known_share = waited_s is not None and 0 <= waited_s <= window.duration_s * (1 + 1e-9)
    return 100 * waited_s / window.duration_s if known_share and waited_s is not None else None


def _append(values: list[float], value: float | None) -> None:
    if value is not None:
        values.append(value)
