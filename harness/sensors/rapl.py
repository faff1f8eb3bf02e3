"""Intel and AMD packages through RAPL: energy counters that wrap, added up on integers.

::

    via = "auto":  perf_event (64 bits, the kernel unwraps)  ->  powercap (a file a zone)  ->  SensorMissing
                   needs CAP_PERFMON or                          needs a readable              with the reason and the
                   perf_event_paranoid <= 0                      energy_uj                     remedy of each

Domains are known by their names, never by their numbers: package-N (or package-N-die-M), core, uncore and dram keyed
by it, psys around everything. A copy of a counter is one meter with it. Why a better way was not taken stands in the
summary ("absent"), so that `nightwatt check` says it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from harness.channels import Channel, Kind, Quality, channel_name
from harness.errors import SensorMissing
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.counting import Meter, lost_of, patience_s, trouble_of
from harness.sensors.cpus import is_virtual
from harness.sensors.perf_event import open_event
from harness.sensors.rapl_events import PMU, OpenEvent, find_events
from harness.sensors.rapl_limits import PERIOD_NS, PackageLimit, find_limits
from harness.sensors.rapl_zones import POWERCAP as ZONES
from harness.sensors.rapl_zones import Counters, find_zones
from harness.sensors.sensor import Reading, Site

NAME = "rapl"
PERF_EVENT, POWERCAP = "perf_event", "powercap"
INTERVAL_MS = 200.0
LARGEST_W = 1_000.0
"""More than a package or its memory draws: a time in which this much would go once round a counter may hide a whole
turn, and a step that would take more was no step but a counter set back."""
LARGEST_PSYS_W = 10_000.0
"""The same of a whole machine."""
_BY_NAME = 'ask for a model by name: [sensors] fallback = "load_model"'


def open_sensor(
    settings: Mapping[str, Any], site: Site, *, clock: Clock = CLOCK, open_event: OpenEvent = open_event
) -> Rapl:
    """Every counter under ``site.root`` by the best way that works, or by the one that ``settings["via"]`` names.

    Raises SensorMissing with the reason and the remedy of each way that was tried.
    """
    wanted = settings.get("via", "auto")
    ways = (PERF_EVENT, POWERCAP) if wanted == "auto" else (wanted,)
    refused: dict[str, SensorMissing] = {}
    for via in ways:
        try:
            found = find_events(site.root, clock, open_event) if via == PERF_EVENT else find_zones(site.root, clock)
        except SensorMissing as error:
            refused[via] = error
        else:
            limits = find_limits(site.root)
            return Rapl(via, found, refused, settings.get("interval_ms", INTERVAL_MS) / 1000, clock, limits=limits)
    raise _missing(site, refused)


def _missing(site: Site, refused: Mapping[str, SensorMissing]) -> SensorMissing:
    """What stands in the way of each way, and what would help."""
    reasons = "; ".join(f"{via}: {error.what}" for via, error in refused.items())
    has_none = not any((site.root / folder).is_dir() for folder in (PMU, ZONES))
    if has_none and is_virtual(site.root):
        what = "this is a virtual machine, and its host does not pass them on"
        return SensorMissing(f"no RAPL counters: {what} ({reasons})", remedy=f"measure on the host, or {_BY_NAME}")
    if has_none:
        makers = "a processor of Intel (since 2011) or AMD (since 2017) has them"
        remedies = " ".join(error.remedy for error in refused.values())
        return SensorMissing(f"no RAPL counters: {reasons}", remedy=f"{makers}; {remedies}; or {_BY_NAME}")
    remedies = "; or ".join(f"for {via}: {error.remedy}" for via, error in refused.items() if error.remedy)
    return SensorMissing(f"no RAPL counter can be read. {reasons}", remedy=remedies or _BY_NAME)


class Rapl:
    """The sensor: all counters."""

    name = NAME
    start_ns = 0

    def __init__(
        self,
        via: str,
        found: Counters,
        refused: Mapping[str, SensorMissing],
        period_s: float,
        clock: Clock,
        *,
        limits: Mapping[str, PackageLimit],
    ) -> None:
        self._via = via
        self._left_out = found.left_out
        self._refused = refused
        self._clock = clock
        self._meters = tuple(
            Meter(domain, channel_name(NAME, domain, "energy_J"), counter, _largest_W(domain))
            for domain, counter in found.kept.items()
        )
        shortest_s = min(meter.longest_s for meter in self._meters)
        self.period_s = min(period_s, shortest_s / 2)  # at least twice in the time of one turn
        source = f"RAPL through {via}"
        self._limits = {domain: limit for domain, limit in limits.items() if domain in found.kept}
        self._limits_due_ns = 0
        enforced = "powercap, the larger of the long-term and short-term limit"
        self.channels = (
            *(
                Channel(meter.name, "J", Kind.COUNTER, meter.domain, Quality.MEASURED, source, self.period_s)
                for meter in self._meters
            ),
            *(
                Channel(_limit_name(domain), "W", Kind.GAUGE, domain, Quality.MEASURED, enforced, PERIOD_NS / 1e9)
                for domain in self._limits
            ),
        )

    @property
    def trouble(self) -> str:
        """What fails just now, or has ended."""
        return trouble_of(self._meters)

    @property
    def lost(self) -> str:
        """The domains of which nothing more is recorded, and why."""
        return lost_of(self._meters)

    def read(self, now_ns: int) -> Sequence[Reading]:
        """One reading of each counter, J since the first; now and then of the limits."""
        patience = patience_s(self.period_s)
        readings = (meter.read(self._clock, patience) for meter in self._meters)
        return [*self._read_limits(), *(reading for reading in readings if reading is not None)]

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The last reading of each counter."""
        return self.read(now_ns)

    def summary(self) -> Mapping[str, Any]:
        """How they are read and why not better, each counter, what was left out and why, readings missed."""
        return {
            "via": self._via,
            "absent": {
                via: f"{error.what}{f'; remedy: {error.remedy}' if error.remedy else ''}"
                for via, error in self._refused.items()
            },
            "counters": {meter.domain: meter.counter.where for meter in self._meters},
            "left_out": dict(self._left_out),
            "missed": sum(meter.missed for meter in self._meters),
            "ended": {meter.domain: meter.ended for meter in self._meters if meter.ended},
        }

    def close(self) -> None:
        """Close the counters and the limits."""
        for meter in self._meters:
            meter.close()
        for limit in self._limits.values():
            limit.close()

    def _read_limits(self) -> list[Reading]:
        """The limits, when they are due; one that cannot be read, or is none just now, is left out."""
        now_ns = self._clock.now_ns()
        if now_ns < self._limits_due_ns:
            return []
        self._limits_due_ns = now_ns + PERIOD_NS
        found = []
        for domain, limit in self._limits.items():
            with contextlib.suppress(OSError, ValueError):
                if (limit_W := limit.read_W()) is not None:
                    found.append(Reading(now_ns, _limit_name(domain), limit_W))
        return found


def _limit_name(domain: str) -> str:
    return channel_name(NAME, domain, "power_limit_W")


def _largest_W(domain: str) -> float:
    return LARGEST_PSYS_W if domain == "psys" else LARGEST_W
