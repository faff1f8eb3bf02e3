"""The wall meters of a night: how far each lies behind our clock in each run, and whether its own total agrees.

::

    night.meters                        every run that has a meter is read once for it
    night.meters.aligned(run, series)   what energy is made of: power at the time at which it was drawn
    night.meters.alignments             one record a (run, meter): offset, whence, own total

A run's own offset is used where its load steps tell it to SURE_S; else the median over the night's runs, for a meter's
lag is its own (docs/decisions/lag-of-a-meter.md). Energy is the integral of the power; the meter's total, which moves
by a watt-hour or once a minute, is only the check on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.meter_lag import Lag, lag_of, reference_of, reference_of_marks
from harness import joules
from harness.errors import NightFolderError
from harness.record import Channel, Kind, Phase, RunRecord

if TYPE_CHECKING:
    from analysis.load import Series

METER = "meter"
"""The origin of channels that a wall meter tells."""
TRACES = (("nvml", "rapl", "simulated"), ("load_model",))
"""Whose power tells the moments of the load steps: those that are sharp on our own clock, else a model of the load."""
MARKS = "marks"
SURE_S = 0.25
"""A run's own offset is taken where it is known as well as this."""
FEWEST_RUNS = 3
"""A median over fewer runs is no better than a run's own."""
TOTAL_STEP_J = 3600.0
"""A watt-hour: what most totals count in."""
TOTAL_SHARE = 0.03
"""How far a meter's total and the integral of its power may be apart beside that: power is polled, a total is not."""
_TO_SIGMA = 1.4826
"""Of the median absolute deviation, for a normal distribution."""


@dataclass(frozen=True)
class TotalCheck:
    """A meter's own total against the integral of its power, over all that one run recorded of both."""

    total_J: float
    integral_J: float
    tolerance_J: float
    """Two steps of the total, and TOTAL_SHARE of the integral."""

    @property
    def agrees(self) -> bool:
        """Whether they are as near to each other as they must be."""
        return abs(self.total_J - self.integral_J) <= self.tolerance_J


@dataclass(frozen=True)
class Alignment:
    """One meter in one run."""

    run: str
    channel: str
    """Of its power."""
    domain: str
    own: Lag
    """What this run's load steps tell."""
    reference: str
    """Whose load steps: the channels, or "marks"."""
    offset_s: float
    """How late its stamps are taken to be; 0 where nothing tells it."""
    uncertainty_s: float
    """NaN where nothing tells it."""
    how: str
    """own | night | none"""
    total: TotalCheck | None


@dataclass(frozen=True)
class NightMeters:
    """The alignments of a night."""

    alignments: tuple[Alignment, ...] = ()
    _offsets: Mapping[tuple[str, str], Alignment] = field(default_factory=dict, repr=False)

    def aligned(self, run: str, series: Mapping[str, Series]) -> dict[str, Series]:
        """A run's readings with each meter's power moved to when it was drawn.

        A power's ``refresh_s`` grows by what its offset is uncertain by: so late may a value still be.
        """
        made: dict[str, Series] = {}
        for name, item in series.items():
            alignment = self._offsets.get((run, name))
            made[name] = item if alignment is None or alignment.how == "none" else _moved(item, alignment)
        return made


def meters_of(records: Mapping[str, RunRecord], samples: Callable[[str], Mapping[str, Series]]) -> NightMeters:
    """The meters of a night; ``samples`` gives the readings of a run (a run whose readings are damaged is left out)."""
    found: list[Alignment] = []
    for run, record in records.items():
        launched = record.launched_ns is not None and record.exited_ns is not None
        if launched and any(_is_power(channel) for channel in record.channels):
            try:
                found += _alignments(run, record, samples(run))
            except NightFolderError:
                continue
    settled = tuple(_settled(found))
    return NightMeters(settled, {(item.run, item.channel): item for item in settled})


def energy_readings(series: Mapping[str, Series]) -> list[Series]:
    """What a run's energy is made of: its channels of power and energy, without a meter's total beside its power."""
    told = [item for item in series.values() if item.channel.tells_energy and item.t_ns.size]
    powered = {item.channel.domain for item in told if _is_power(item.channel)}
    return [
        item
        for item in told
        if not (item.channel.origin == METER and item.channel.kind is Kind.COUNTER and item.channel.domain in powered)
    ]


def check_total(power: joules.Series, total: joules.Series) -> TotalCheck | None:
    """The growth of ``total`` against the integral of ``power`` from its first to its last reading that power covers.

    None where there are fewer than two such readings, or the total went back.
    """
    if len(power.t_ns) < 2:
        return None
    inside = (total.t_ns >= power.t_ns[0]) & (total.t_ns <= power.t_ns[-1])
    stamps, value = total.t_ns[inside], total.value[inside]
    steps = np.diff(value)
    if len(stamps) < 2 or (steps < 0).any():
        return None
    begin_J, end_J = joules.energy_until(power, stamps[[0, -1]]).tolist()
    step_J = max(TOTAL_STEP_J, float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0)
    return TotalCheck(float(value[-1] - value[0]), end_J - begin_J, 2 * step_J + TOTAL_SHARE * abs(end_J - begin_J))


def _alignments(run: str, record: RunRecord, series: Mapping[str, Series]) -> Iterator[Alignment]:
    for name, item in series.items():
        channel = item.channel
        if not _is_power(channel) or not item.t_ns.size:
            continue
        power = _joules(item)
        own, reference = _own_lag(power, channel, record, series)
        counters = [
            other
            for other in series.values()
            if other.channel.origin == METER
            and other.channel.kind is Kind.COUNTER
            and other.channel.domain == channel.domain
        ]
        total = check_total(power, _joules(counters[0])) if counters else None
        yield Alignment(run, name, channel.domain, own, reference, 0.0, math.nan, "none", total)


def _own_lag(
    power: joules.Series, channel: Channel, record: RunRecord, series: Mapping[str, Series]
) -> tuple[Lag, str]:
    """What the first reference tells whose steps the meter shows; else why the best of them does not."""
    refresh_s = min(max(channel.refresh_s, channel.refresh_seen_s or 0.0), 2 * channel.refresh_s)
    refused: list[tuple[Lag, str]] = []
    for origins in TRACES:
        traces = _traces(series.values(), origins)
        reference = reference_of([_joules(item) for item in traces])
        if reference is not None:
            lag = lag_of(power, reference, refresh_s)
            refused.append((lag, ", ".join(item.channel.name for item in traces)))
            if lag.told:
                return refused[-1]
    assert record.launched_ns is not None
    assert record.exited_ns is not None
    window = record.window or Phase("", record.launched_ns, record.exited_ns)
    lag = lag_of(power, reference_of_marks(window.begin_ns, window.end_ns), refresh_s)
    return (lag, MARKS) if lag.told or not refused else refused[0]


def _traces(series: Iterable[Series], origins: Sequence[str]) -> list[Series]:
    """Of each domain that one of ``origins`` tells, its power, or its counter where it has none."""
    chosen: dict[str, Series] = {}
    for item in series:
        channel = item.channel
        if channel.origin in origins and channel.tells_energy and item.t_ns.size > 1:
            there = chosen.get(channel.domain)
            if there is None or (channel.tells_power and not there.channel.tells_power):
                chosen[channel.domain] = item
    return list(chosen.values())


def _settled(found: Sequence[Alignment]) -> Iterator[Alignment]:
    """The alignments with the offset that is used: a run's own where it is sure, else the night's."""
    told: dict[str, list[Lag]] = {}
    for item in found:
        if item.own.told:
            told.setdefault(item.channel, []).append(item.own)
    for item in found:
        lags, own = told.get(item.channel, []), item.own
        if own.told and (own.uncertainty_s <= SURE_S or len(lags) < FEWEST_RUNS):
            yield replace(item, offset_s=own.offset_s, uncertainty_s=own.uncertainty_s, how="own")
        elif lags:
            offset_s, uncertainty_s = night_lag(lags)
            yield replace(item, offset_s=offset_s, uncertainty_s=uncertainty_s, how="night")
        else:
            yield item


def night_lag(lags: Sequence[Lag]) -> tuple[float, float]:
    """The median offset of a night's runs, and its uncertainty: how far the runs are apart, or the surest of them."""
    offsets = np.array([lag.offset_s for lag in lags])
    median = float(np.median(offsets))
    spread = _TO_SIGMA * float(np.median(np.abs(offsets - median)))
    return median, max(spread, min(lag.uncertainty_s for lag in lags) / math.sqrt(len(lags)))


def _moved(item: Series, alignment: Alignment) -> Series:
    channel = replace(item.channel, refresh_s=item.channel.refresh_s + alignment.uncertainty_s)
    return replace(item, channel=channel, t_ns=item.t_ns - round(alignment.offset_s * 1e9))


def _is_power(channel: Channel) -> bool:
    return channel.origin == METER and channel.tells_power


def _joules(item: Series) -> joules.Series:
    return joules.Series(item.t_ns, item.value, item.channel.kind, item.channel.refresh_s)
