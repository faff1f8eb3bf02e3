"""Intel and AMD packages through Linux's powercap files: energy counters that wrap, added up on integers.

Zones are known by their names, never by their numbers: package-N (or package-N-die-M), core, uncore and dram inside it,
psys around everything. The memory-mapped copy of a zone, and dies that show one counter twice, are one meter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.record import Channel, Kind, Quality
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.rapl_zones import Zone, find_zones
from harness.sensors.sensor import Reading, Site

LARGEST_POWER_W = 1000.0
"""More than any zone draws: a time in which this much would go once round a counter may hide a whole turn, and a step
that would take more was no step but a counter set back."""
SLACK_NS = 100_000_000
"""How far a counter's own updates may lie from our readings, generously."""
SOURCE = "RAPL through powercap"


def open_sensor(settings: Mapping[str, Any], site: Site, *, clock: Clock = CLOCK) -> Rapl:
    """Every zone under ``site.root``'s powercap; raises SensorMissing where there is none, or none can be read."""
    zones = find_zones(site.root, clock)
    meters = tuple(_Meter(zone, os.open(zone.path / "energy_uj", os.O_RDONLY | os.O_CLOEXEC)) for zone in zones.kept)
    return Rapl(meters, zones.left_out, settings.get("interval_ms", 200.0) / 1000, clock)


@dataclass
class _Meter:
    """One zone's counter, opened, and what it has told so far."""

    zone: Zone
    descriptor: int
    raw_uJ: int | None = None
    read_ns: int = 0
    total_uJ: int = 0
    ended: dict[str, float | str] = field(default_factory=dict)
    """Since when nothing more is recorded of it, and why: a sum beyond that point would be a guess."""
    missed: int = 0
    failing: str = ""

    @property
    def name(self) -> str:
        return f"{self.zone.domain}.energy_J"

    @property
    def longest_s(self) -> float:
        """A time between two readings in which the counter may have gone round once."""
        return self.zone.range_uJ / 1e6 / LARGEST_POWER_W


class Rapl:
    """The sensor: all zones."""

    name = "rapl"
    start_ns = 0

    def __init__(self, meters: Sequence[_Meter], left_out: Mapping[str, str], period_s: float, clock: Clock) -> None:
        self._meters = meters
        self._left_out = left_out
        self._clock = clock
        shortest_s = min(meter.longest_s for meter in meters)
        self.period_s = min(period_s, shortest_s / 2)  # at least twice in the time of one turn
        self.channels = tuple(
            Channel(meter.name, "J", Kind.COUNTER, meter.zone.domain, Quality.MEASURED, SOURCE, self.period_s)
            for meter in meters
        )

    @property
    def trouble(self) -> str:
        """What fails just now, or has ended."""
        return "; ".join(f"{meter.zone.domain}: {meter.failing}" for meter in self._meters if meter.failing)

    @property
    def lost(self) -> str:
        """The zones of which nothing more is recorded, and why."""
        return "; ".join(f"{meter.zone.domain}: {meter.ended['why']}" for meter in self._meters if meter.ended)

    def read(self, now_ns: int) -> Sequence[Reading]:
        """One reading of each zone; J since the first."""
        return [reading for meter in self._meters if (reading := self._read(meter)) is not None]

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The last reading of each zone."""
        return self.read(now_ns)

    def summary(self) -> Mapping[str, Any]:
        """Each zone, what was left out and why, readings missed, counters given up."""
        return {
            "zones": {meter.zone.domain: str(meter.zone.path) for meter in self._meters},
            "range_J": {meter.zone.domain: meter.zone.range_uJ / 1e6 for meter in self._meters},
            "left_out": dict(self._left_out),
            "missed": sum(meter.missed for meter in self._meters),
            "ended": {meter.zone.domain: meter.ended for meter in self._meters if meter.ended},
        }

    def close(self) -> None:
        """Close the counters."""
        for meter in self._meters:
            os.close(meter.descriptor)

    def _read(self, meter: _Meter) -> Reading | None:
        if meter.ended:
            return None
        before_ns = self._clock.now_ns()
        try:
            raw_uJ = int(os.pread(meter.descriptor, 64, 0))
        except (OSError, ValueError) as error:
            meter.missed += 1
            meter.failing = str(error)
            return None
        meter.failing = ""
        t_ns = (before_ns + self._clock.now_ns()) // 2
        if meter.raw_uJ is not None:
            step_uJ = (raw_uJ - meter.raw_uJ) % (meter.zone.range_uJ + 1)
            if why := _doubt(meter, t_ns - meter.read_ns, step_uJ):
                meter.failing = f"{why}; nothing more is recorded of it"
                meter.ended = {"t_s": meter.read_ns / 1e9, "duration_s": (t_ns - meter.read_ns) / 1e9, "why": why}
                return None
            meter.total_uJ += step_uJ
        meter.raw_uJ, meter.read_ns = raw_uJ, t_ns
        return Reading(t_ns, meter.name, meter.total_uJ / 1e6)


def _doubt(meter: _Meter, apart_ns: int, step_uJ: int) -> str:
    """Why a step of a counter cannot be believed; "" where it can."""
    if apart_ns / 1e9 >= meter.longest_s:
        return f"unread for {apart_ns / 1e9:.0f} s, in which its counter may have gone once round"
    if step_uJ / 1e6 > LARGEST_POWER_W * (apart_ns + SLACK_NS) / 1e9:
        return f"its counter was set back ({step_uJ / 1e6:.0f} J in {apart_ns / 1e9:.3f} s would be no step forward)"
    return ""
