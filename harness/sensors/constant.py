"""A rated power, times time: the way studies without telemetry do it. Modelled, and labelled so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.record import Channel, Kind, Quality, channel_name
from harness.sensors.sensor import Reading, Site


def open_sensor(settings: Mapping[str, Any], site: Site) -> Constant:
    """``settings``: power_W, domain ("system"), interval_ms (1000)."""
    return Constant(
        float(settings["power_W"]), settings.get("domain", "system"), settings.get("interval_ms", 1000.0) / 1000
    )


class Constant:
    """The sensor."""

    name = "constant"
    start_ns = 0
    trouble = ""
    lost = ""

    def __init__(self, power_W: float, domain: str, period_s: float) -> None:
        self._power_W = power_W
        self._name = channel_name(self.name, domain, "power_W")
        self.period_s = period_s
        source = f"a constant of {power_W:g} W, as configured"
        self.channels = (Channel(self._name, "W", Kind.MEAN, domain, Quality.MODELLED, source, period_s),)

    def read(self, now_ns: int) -> Sequence[Reading]:
        """The constant, now."""
        return (Reading(now_ns, self._name, self._power_W),)

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The constant, once more."""
        return self.read(now_ns)

    def summary(self) -> Mapping[str, Any]:
        """The constant."""
        return {"power_W": self._power_W, "missed": 0}

    def close(self) -> None:
        """Nothing is held."""
