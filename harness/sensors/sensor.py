"""The contract of a sensor: what the sampler asks of each source of readings.

::

    sensor = nvml.open_sensor(settings, site)     raises SensorMissing: reason and remedy
    sensor.channels                               what it will deliver, known before the first reading
    sensor.read(now_ns) -> readings               at absolute deadlines, period_s apart from start_ns on; readings
                                                  since the last call; quick, for other sensors wait meanwhile
    sensor.finish(now_ns) -> readings             once, after the workload has gone; may take a few hundred ms
    sensor.summary() -> facts for run.json        ticks, fallbacks, clock steps, notes
    sensor.close()

A source whose values come late may have a ``tail_s`` beside these: so long all are read on after the workload has gone.
A reading that failed is left out and counted in ``summary()["missed"]``, never a zero. Stamps are CLOCK_MONOTONIC ns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from harness.record import Channel


class Reading(NamedTuple):
    """One value of one channel; ``t_ns`` is CLOCK_MONOTONIC, ``value`` in the channel's unit."""

    t_ns: int
    channel: str
    value: float


@dataclass(frozen=True)
class Site:
    """Where a sensor is working: what it may need to know beyond its own settings."""

    run_folder: Path
    """The run's folder; its marks.jsonl grows while the workload runs."""
    plan_seed: int = 0
    slot: str = ""
    configuration: str = ""
    root: Path = Path("/")
    """The root under which /sys and /proc are read; a fake tree in tests."""
    hints: Mapping[str, Any] = field(default_factory=dict)
    """By the sensor's name, the "hint" in its summary of the previous run: what it need not learn again."""


class Sensor(Protocol):
    """A source of readings."""

    name: str
    period_s: float
    """How often ``read`` wants to be called."""
    start_ns: int
    """When the first read is due, CLOCK_MONOTONIC; the others follow ``period_s`` apart. 0: at once."""
    channels: Sequence[Channel]
    trouble: str
    """One sentence while something is wrong that a person must know, for the status line; empty otherwise."""
    lost: str
    """Why it will not tell the truth any more in this run (its device or process has gone, its counter went back)."""

    def read(self, now_ns: int) -> Sequence[Reading]:
        """The readings that came since the last call."""

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The last readings, after the workload has gone."""

    def summary(self) -> Mapping[str, Any]:
        """What this sensor says of itself, for ``run.json``."""

    def close(self) -> None:
        """Give back what it holds."""
