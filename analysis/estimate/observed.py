"""Runs as every method of foretelling sees them: the joules and seconds of each epoch, and what was known beforehand.

An epoch's *span* reaches from the end of the epoch before it (the window's begin, for the first) to its own end: spans
leave nothing out. What comes after the last epoch is in the window's energy and in no span.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.energy import Measured, Meter, choice_of, measure, total
from analysis.estimate.known import PLANNED, known_beforehand, planned_epochs
from analysis.load import Night, Series
from analysis.traces import EPOCH, is_aligned
from harness import joules
from harness.domains import Choice
from harness.record import Phase, RunRecord

Floats = NDArray[np.float64]
Key = tuple[str, str, str]
_MEMORY = ("dram", "ram")


@dataclass(frozen=True)
class Power:
    """What the rules of thumb take for a device's power; None, with the reason, where nothing recorded tells it."""

    limit_W: float | None
    """Enforced power limits of the summed domains, memory left out."""
    utilisation: float | None
    """0 to 1, mean over the window, weighted by the limits."""
    why_limit: str = ""
    why_utilisation: str = ""


@dataclass(frozen=True)
class Observed:
    """One valid, completed run that marked its epochs."""

    night: str
    run: str
    configuration: str
    block: int
    energy_J: float
    """Of its window, summed over the night's domains."""
    duration_s: float
    """Of its window."""
    whole_s: float
    """Of its workload, from launch to exit."""
    spans_J: Floats
    """(epochs,)"""
    spans_s: Floats
    epochs_J: Floats
    """(epochs,), from each epoch's own begin to its end."""
    epochs_s: Floats
    power: Power
    memory_GB: float | None
    planned: float | None
    """Epochs at most, as the command or a factor says."""
    known: Mapping[str, float | str] = field(default_factory=dict)
    """What was known before it began, by name."""

    @property
    def epochs(self) -> int:
        """How many it had."""
        return self.spans_J.size


@dataclass(frozen=True)
class Seen:
    """All runs of the nights that tell their epochs, and why others do not."""

    runs: tuple[Observed, ...]
    left_out: Mapping[str, int]
    """How many runs by reason."""
    domains: tuple[str, ...]
    quality: str
    """measured | modelled; "mixed" where nights differ."""
    rehearsal: bool = False


@dataclass(frozen=True)
class _Reduced:
    spans_J: Mapping[Key, Floats]
    epochs_J: Mapping[Key, Floats]
    limits_W: Mapping[str, float]
    loads: Mapping[str, float]


def observe(nights: Sequence[Night], tdp_W: float | None = None, planned: float | None = None) -> Seen:
    """The runs of ``nights`` that can be foretold and scored; ``tdp_W`` and ``planned`` go before what was recorded."""
    runs: list[Observed] = []
    left_out: dict[str, int] = {}
    choices: list[Choice] = []
    for name, night in zip(names_of(nights), nights, strict=True):
        measured = measure(night, _reduce)
        analysis = night.protocol.analysis
        choice = choice_of(measured.frame, analysis.energy, analysis.prefer)
        choices.append(choice)
        for found in _of(name, night, measured, choice, tdp_W=tdp_W, planned=planned):
            if isinstance(found, str):
                left_out[found] = left_out.get(found, 0) + 1
            else:
                runs.append(found)
    qualities = {choice.quality for choice in choices if choice.quality}
    domains = dict.fromkeys(domain for choice in choices for domain in choice.domains)
    quality = next(iter(qualities), "") if len(qualities) < 2 else "mixed"
    return Seen(tuple(runs), left_out, tuple(domains), quality, any(night.rehearsal for night in nights))


def names_of(nights: Sequence[Night]) -> list[str]:
    """What each night is called among them: its folder, with its place behind it where two are called the same."""
    names = [night.path.resolve().name for night in nights]
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, start=1)]


def epochs_of(phases: Iterable[Phase], window: Phase) -> list[Phase]:
    """The numbered epochs that lie in the window, in their order."""
    found = [
        phase
        for phase in phases
        if phase.name != EPOCH
        and is_aligned(phase.name, EPOCH)
        and window.begin_ns <= phase.begin_ns < phase.end_ns <= window.end_ns
    ]
    return sorted(found, key=lambda phase: phase.begin_ns)


def spans_of(epochs: Sequence[Phase], begin_ns: int) -> list[Phase]:
    """From the end of each epoch to that of the next, the first from ``begin_ns``."""
    edges = [begin_ns, *(epoch.end_ns for epoch in epochs)]
    return [Phase(epoch.name, low, epoch.end_ns) for epoch, low in zip(epochs, edges, strict=False)]


def energies(meter: Meter, stretches: Iterable[Phase]) -> Floats:
    """The joules of each stretch by one meter."""
    return np.array([meter.energy(item.begin_ns, item.end_ns).energy_J for item in stretches], dtype=np.float64)


def _reduce(record: RunRecord, series: Mapping[str, Series], meters: Sequence[Meter]) -> _Reduced:
    """What of one run's samples is kept."""
    if record.window is None:
        return _Reduced({}, {}, {}, {})
    epochs = epochs_of(record.phases, record.window)
    spans = spans_of(epochs, record.window.begin_ns)
    within = functools.partial(_mean, window=record.window)
    told = {name: item.channel for name, item in series.items()}
    limits = {told[name].domain: within(series[name]) for name in told if told[name].quantity == "power_limit_W"}
    loads = {told[name].domain: within(series[name]) for name in told if told[name].quantity in _LOADS}
    return _Reduced(
        {meter.key: energies(meter, spans) for meter in meters},
        {meter.key: energies(meter, epochs) for meter in meters},
        {domain: value for domain, value in limits.items() if value is not None and value > 0},
        {domain: value / 100 for domain, value in loads.items() if value is not None},
    )


_LOADS = ("utilisation_pct", "load_pct")


def _mean(series: Series, window: Phase) -> float | None:
    """The mean of a channel over the window; None where its readings do not reach into it."""
    inside = (series.t_ns >= window.begin_ns) & (series.t_ns <= window.end_ns)
    if not inside.any():
        return None
    if series.t_ns.size > 1:
        course = joules.Series(series.t_ns, series.value, series.channel.kind)
        low, high = (int(np.clip(at, series.t_ns[0], series.t_ns[-1])) for at in (window.begin_ns, window.end_ns))
        if high > low:
            begin, end = joules.energy_until(course, [low, high]).tolist()
            return float(end - begin) / (high - low) * 1e9
    return float(series.value[inside].mean())


def _of(
    name: str, night: Night, measured: Measured, choice: Choice, *, tdp_W: float | None, planned: float | None
) -> Iterable[Observed | str]:
    """Each run of a night that counts, or why it does not."""
    sums = total(night, measured, choice)
    totals = dict(zip(sums.index, zip(sums["energy_J"].tolist(), sums["why"].tolist(), strict=True), strict=True))
    memory_B = night.host.get("memory_B")
    memory_GB = memory_B / 1e9 if isinstance(memory_B, int | float) and memory_B > 0 else None
    for run, record in night.records.items():
        if record.block == 0:
            continue  # discarded: it warmed up
        if str(record.validity) != "valid" or str(record.status) != "completed" or record.window is None:
            yield "not valid, or not completed"
            continue
        reduced: _Reduced | None = measured.reduced.get(run)
        epochs = epochs_of(record.phases, record.window)
        if not epochs:
            yield "no marked epochs"
            continue
        if any(later.begin_ns < earlier.end_ns for earlier, later in itertools.pairwise(epochs)):
            yield "its epochs overlap"
            continue
        energy_J, why = totals[run]
        if reduced is None or not math.isfinite(energy_J):
            yield why or "no energy was recorded"
            continue
        spans_J, epochs_J = (_summed(of, choice) for of in (reduced.spans_J, reduced.epochs_J))
        if not np.isfinite(spans_J).all():
            yield "readings do not cover each epoch"
            continue
        if energy_J <= 0:
            yield "its energy is not above 0"
            continue
        maximum = planned if planned is not None else planned_epochs(record.command, record.levels)
        yield Observed(
            night=name,
            run=run,
            configuration=record.configuration,
            block=record.block if night.blocked else record.replicate,
            energy_J=energy_J,
            duration_s=record.window.duration_s,
            whole_s=((record.exited_ns or 0) - (record.launched_ns or 0)) / 1e9,
            spans_J=spans_J,
            spans_s=np.array([span.duration_s for span in spans_of(epochs, record.window.begin_ns)]),
            epochs_J=epochs_J,
            epochs_s=np.array([epoch.duration_s for epoch in epochs]),
            power=power_of(choice.domains, reduced.limits_W, reduced.loads, tdp_W),
            memory_GB=memory_GB,
            planned=maximum,
            known=known_beforehand(record.levels, record.metrics, record.command, night.host, reduced.limits_W)
            | ({} if maximum is None else {PLANNED: maximum}),
        )


def _summed(by_meter: Mapping[Key, Floats], choice: Choice) -> Floats:
    chosen = [by_meter[source.key] for source in choice.summed if source.key in by_meter]
    if len(chosen) < len(choice.summed) or not chosen:
        return np.array([math.nan])
    found: Floats = np.sum(chosen, axis=0)
    return found


def power_of(
    domains: Sequence[str], limits_W: Mapping[str, float], loads: Mapping[str, float], tdp_W: float | None
) -> Power:
    """The limit and the utilisation of the ``domains`` that are processors or cards, from what was recorded."""
    devices = [domain for domain in domains if not domain.startswith(_MEMORY)]
    missing = [domain for domain in devices if domain not in limits_W]
    if tdp_W is not None:
        limit, why = tdp_W, ""
    elif devices and not missing:
        limit, why = math.fsum(limits_W[domain] for domain in devices), ""
    else:
        limit, why = None, f"no power limit of {', '.join(missing) or 'any device'} was recorded: give --tdp-W"
    used = {domain: loads.get(domain, None if domain.startswith("gpu") else loads.get("cpu")) for domain in devices}
    idle = [domain for domain, load in used.items() if load is None]
    if not devices or idle:
        return Power(limit, None, why, f"no utilisation of {', '.join(idle) or 'any device'} was recorded")
    weights = [limits_W.get(domain, 1.0) if not missing else 1.0 for domain in devices]
    shares = [load * weight for load, weight in zip(used.values(), weights, strict=True) if load is not None]
    return Power(limit, math.fsum(shares) / math.fsum(weights), why)
