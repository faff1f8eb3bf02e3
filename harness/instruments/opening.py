"""Which of the named sensors are there, and why the others are not."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import SensorMissing, UsageError
from harness.record import Channel, Quality
from harness.sensors.sensor import Sensor, Site

SENSORS = ("nvml", "rapl", "hwmon", "slurm", "meter", "machine", "load_model", "constant", "simulated")
"""The sensors that can be named, each a module of ``harness.sensors``."""
INSTRUMENTS = ("energibridge", "codecarbon")
"""Sources that have a process of their own, each a module of ``harness.instruments`` with the contract of a sensor."""


@dataclass(frozen=True)
class Opened:
    """The sensors that are there, and why others are not."""

    sensors: tuple[Sensor, ...]
    missing: tuple[Mapping[str, str], ...]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What the sensors deliver, in their order."""
        return tuple(channel for sensor in self.sensors for channel in channels_of(sensor))


def channels_of(sensor: Sensor) -> tuple[Channel, ...]:
    """What a sensor delivers, signed with its name."""
    return tuple(replace(channel, origin=sensor.name) for channel in sensor.channels)


def open_sensors(named: Mapping[str, Mapping[str, Any]], fallback: str | None, site: Site) -> Opened:
    """Open every sensor of ``named`` (name -> settings); ``fallback`` too where none of them measures energy.

    A sensor that is not there goes into ``missing`` with its reason and remedy. Raises UsageError for a name that is
    no sensor's, before anything is opened.
    """
    wanted = {**named} if fallback is None else {**named, fallback: named.get(fallback, {})}
    if unknown := [name for name in wanted if name not in (*SENSORS, *INSTRUMENTS)]:
        known = ", ".join((*SENSORS, *INSTRUMENTS))
        raise UsageError(f"no sensor {unknown[0]!r}", where="sensors", remedy=f"there are: {known}")
    sensors: list[Sensor] = []
    missing: list[Mapping[str, str]] = []

    def open_one(name: str) -> None:
        try:
            package = "instruments" if name in INSTRUMENTS else "sensors"
            sensors.append(importlib.import_module(f"harness.{package}.{name}").open_sensor(wanted[name], site))
        except SensorMissing as error:
            missing.append({"sensor": name, "reason": error.what, "remedy": error.remedy})

    for name in named:
        open_one(name)
    if fallback is not None and fallback not in named and not any(_is_source(sensor) for sensor in sensors):
        open_one(fallback)
    return Opened(tuple(sensors), tuple(missing))


def _is_source(sensor: Sensor) -> bool:
    """Whether it makes a fallback needless: it measures energy, or the night is simulated altogether."""
    measured = (channel.quality is Quality.MEASURED and channel.tells_energy for channel in channels_of(sensor))
    return sensor.name == "simulated" or any(measured)
