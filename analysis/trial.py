"""A short night of idle and load -> what each instrument is worth: refresh, noise, agreement, cost, shortest window.

::

    found = try_out(night, {"none": "idle", "cpu": "burn"})
    found.meters        one record a (stage, domain, source)
    found.agreements    counter against trace, and sources of one domain, in each stage
    found.lags          how late each wall meter was found to be; taken out of all of the above
    found.cost          what the sampler itself used
    found.bystanders    what others did in each stage; where that was much, no window is proposed

The shortest window is that in which the bound from edges alone (power times update period, ``harness.joules``) falls to
PRECISION of the energy: with the bound u in a stretch of T seconds it is T x (u / energy) / PRECISION, since the edges
cost the same in a window of any length.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.bystanders import Bystanders, bystanders
from analysis.energy import Meter, read_meters
from analysis.load import Night
from analysis.meters import METER, Alignment
from harness import joules
from harness.record import Phase, RunRecord, SamplerCost

LOADS_CARDS = "gpu"
"""The stage that keeps the cards busy itself."""
PRECISION = 0.01
"""Of a single run's energy: what the shortest window is proposed for."""
SETTLING_S = 1.0
"""At the begin of a stage, in which clocks rise and power with them: left out of the noise."""
BIN_S = 0.5
"""Over which power is averaged before its noise is told."""


@dataclass(frozen=True)
class Trial:
    """One domain by one source in one stage."""

    stage: str
    domain: str
    origin: str
    quality: str
    source: str
    power_W: float
    """Mean over the stage."""
    noise_W: float
    """Standard deviation of the means over BIN_S; NaN for a stage that is too short."""
    refresh_s: float
    """Median time between changes of value, seen in the whole run; NaN where too few were seen."""
    uncertainty: float
    """Bound from edges and gaps, of the stage's energy."""
    shortest_s: float
    """The shortest window worth measuring with it under this load."""
    counter_ratio: float
    """Counter over trace; NaN where it has not both."""


@dataclass(frozen=True)
class TrialAgreement:
    """Two sources of one domain in one stage: the energy of ``other`` over that of ``one``."""

    stage: str
    domain: str
    one: str
    other: str
    ratio: float


@dataclass(frozen=True)
class TrialLag:
    """How late a wall meter's power was taken to be."""

    domain: str
    origin: str
    offset_s: float
    """NaN where the load steps told none: its readings are then where they came."""
    uncertainty_s: float
    why: str
    """Why it is not told; empty where it is."""


@dataclass(frozen=True)
class Tried:
    """What was found out, and which stages could not be carried out and why."""

    trials: tuple[Trial, ...]
    agreements: tuple[TrialAgreement, ...]
    cost: SamplerCost | None
    """Of the sampler in the last stage that went well."""
    failed: Mapping[str, str]
    lags: tuple[TrialLag, ...] = ()
    bystanders: tuple[Bystanders, ...] = ()

    @property
    def shortest_s(self) -> float:
        """The shortest window worth measuring: under load, by the worst of the measured sources; NaN for none.

        None either where a stage was disturbed: its power, and so the window, were partly those of others.
        """
        if self.disturbed:
            return math.nan
        loaded = [item for item in self.trials if item.stage != "none"] or list(self.trials)
        told = [item.shortest_s for item in loaded if item.quality == "measured" and not math.isnan(item.shortest_s)]
        return max(told, default=math.nan)

    @property
    def measures(self) -> bool:
        """Whether anything here measures energy."""
        return any(item.quality == "measured" and not math.isnan(item.shortest_s) for item in self.trials)

    @property
    def disturbed(self) -> tuple[str, ...]:
        """The stages that others had a part in."""
        return tuple(item.stage for item in self.bystanders if item.disturbed)


def try_out(night: Night, phases: Mapping[str, str]) -> Tried:
    """What the runs of a trial tell; ``phases``: the phase that counts in each stage (the level of its one factor)."""
    trials: list[Trial] = []
    agreements: list[TrialAgreement] = []
    failed: dict[str, str] = {}
    cost: SamplerCost | None = None
    others: list[Bystanders] = []
    for run, record in night.records.items():
        stage = str(next(iter(record.levels.values())))
        phase = next((item for item in record.phases if item.name == phases[stage]), None)
        if phase is None:
            failed[stage] = record.reason or "it left no marks"
            continue
        samples = night.samples(run)
        others.append(
            bystanders(stage, record, samples, night.host.get("threads") or None, loads_cards=stage == LOADS_CARDS)
        )
        meters = read_meters(night.meters.aligned(run, samples))
        found = [_trial(stage, meter, record, phase) for meter in meters]
        trials += found
        agreements += _agreements(found)
        cost = record.sampler or cost
    return Tried(tuple(trials), tuple(agreements), cost, failed, _lags(night), tuple(others))


def _lags(night: Night) -> tuple[TrialLag, ...]:
    """Each meter's lag once: that of the stage which tells it best, else why none does."""
    best: dict[str, Alignment] = {}
    for item in night.meters.alignments:
        told = best.get(item.channel)
        if told is None or (item.how != "none" and not told.uncertainty_s <= item.uncertainty_s):
            best[item.channel] = item
    return tuple(
        TrialLag(item.domain, METER, math.nan, math.nan, item.own.why)
        if item.how == "none"
        else TrialLag(item.domain, METER, item.offset_s, item.uncertainty_s, "")
        for item in best.values()
    )


def _trial(stage: str, meter: Meter, record: RunRecord, phase: Phase) -> Trial:
    whole = meter.energy(phase.begin_ns, phase.end_ns)
    power_W = whole.energy_J / phase.duration_s
    uncertainty = whole.uncertainty_J / whole.energy_J if whole.energy_J > 0 else math.nan
    seen = [
        channel.refresh_seen_s
        for channel in record.channels
        if channel.tells_energy and (channel.domain, channel.origin) == (meter.domain, meter.origin)
    ]
    known = [value for value in seen if value is not None]
    return Trial(
        stage=stage,
        domain=meter.domain,
        origin=meter.origin,
        quality=str(meter.quality),
        source=meter.source,
        power_W=power_W,
        noise_W=_noise_W(meter, phase),
        refresh_s=min(known, default=math.nan),
        uncertainty=uncertainty,
        shortest_s=phase.duration_s * uncertainty / PRECISION,
        counter_ratio=math.nan if meter.ratio is None else meter.ratio,
    )


def _noise_W(meter: Meter, phase: Phase) -> float:
    """The standard deviation of the power's means over BIN_S, once the stage has settled."""
    series = meter.power if meter.power is not None else meter.counter
    begin_ns = phase.begin_ns + round(SETTLING_S * 1e9)
    edges = np.arange(begin_ns, phase.end_ns, round(BIN_S * 1e9))
    if series is None or len(edges) < 4:
        return math.nan
    means_W = np.diff(joules.energy_until(series, edges)) / BIN_S
    means_W = means_W[np.isfinite(means_W)]
    return float(means_W.std(ddof=1)) if len(means_W) > 2 else math.nan


def _agreements(found: list[Trial]) -> list[TrialAgreement]:
    """Every two sources of one domain."""
    return [
        TrialAgreement(one.stage, one.domain, one.origin, other.origin, other.power_W / one.power_W)
        for one, other in itertools.combinations(found, 2)
        if one.domain == other.domain and one.power_W > 0
    ]
