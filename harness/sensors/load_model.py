"""CPU power modelled from its load: idle + (full - idle) x load^exponent. Modelled, never measured, and says so.

Without coefficients of the user's own they are 0.74 W idle and 3.5 W at full load for each logical core: the averages
that Cloud Carbon Footprint takes for servers, from SPECpower_ssj2008 results (its methodology page, "average minimum
and maximum watts"). They cover a server without its GPUs, so that they are a rough guess anywhere else.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import SensorMissing
from harness.record import Channel, Kind, Quality
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.proc import CpuLoad
from harness.sensors.sensor import Reading, Site

IDLE_W_PER_CORE, FULL_W_PER_CORE = 0.74, 3.5
DEFAULTS_FROM = "Cloud Carbon Footprint's server averages from SPECpower"
NAME = "cpu.power_W"


@dataclass(frozen=True)
class Model:
    """The coefficients, and where they come from."""

    idle_W: float
    full_W: float
    exponent: float
    origin: str
    basis: str
    """The origin in a few words, for every place where a figure is named."""

    def power_W(self, load: float) -> float:
        """The power at a load of 0 to 1."""
        return self.idle_W + (self.full_W - self.idle_W) * math.pow(load, self.exponent)

    def __str__(self) -> str:
        power = "" if self.exponent == 1.0 else f"^{self.exponent:g}"
        return f"load model: {self.idle_W:g} W + {self.full_W - self.idle_W:g} W x load{power} ({self.basis})"


def make_model(settings: Mapping[str, Any], cores: int) -> Model:
    """The model that ``settings`` (idle_W, full_W, exponent; None: by default) asks for on so many logical cores.

    Raises SensorMissing where full < idle.
    """
    given_idle_W, given_full_W = settings.get("idle_W"), settings.get("full_W")
    idle_W = IDLE_W_PER_CORE * cores if given_idle_W is None else float(given_idle_W)
    full_W = FULL_W_PER_CORE * cores if given_full_W is None else float(given_full_W)
    by_default = [f"{IDLE_W_PER_CORE} W idle"] if given_idle_W is None else []
    by_default += [f"{FULL_W_PER_CORE} W full"] if given_full_W is None else []
    origin = f"{' and '.join(by_default)} for each of {cores} cores: {DEFAULTS_FROM}" if by_default else "as configured"
    if full_W < idle_W:
        raise SensorMissing(
            f"the load model's full power of {full_W:g} W is below its idle power of {idle_W:g} W ({origin})",
            where="sensors.load_model",
            remedy="give both idle_W and full_W",
        )
    words = {
        (True, True): "server averages",
        (True, False): "idle: server average",
        (False, True): "full: server average",
    }
    word = words.get((given_idle_W is None, given_full_W is None))
    basis = f"{word} for {cores} cores" if word else "as configured"
    return Model(idle_W, full_W, float(settings.get("exponent", 1.0)), origin, basis)


def open_sensor(settings: Mapping[str, Any], site: Site, *, clock: Clock = CLOCK) -> LoadModel:
    """The model over ``site.root``'s /proc/stat; raises SensorMissing where there is none."""
    model = make_model(settings, _cores(site.root))
    try:
        load = CpuLoad(site.root)
    except (OSError, ValueError) as error:
        raise SensorMissing(
            f"no CPU load to model from: {error}", remedy="the load model needs Linux's /proc"
        ) from error
    return LoadModel(load, model, settings.get("interval_ms", 200.0) / 1000, clock)


class LoadModel:
    """The sensor."""

    name = "load_model"
    start_ns = 0
    trouble = ""
    """Why the load cannot be read just now."""
    lost = ""

    def __init__(self, load: CpuLoad, model: Model, period_s: float, clock: Clock) -> None:
        self._load = load
        self._model = model
        self._clock = clock
        self.period_s = period_s
        self.channels = (Channel(NAME, "W", Kind.MEAN, "cpu", Quality.MODELLED, str(model), period_s),)
        self._missed = 0

    def read(self, now_ns: int) -> Sequence[Reading]:
        """The mean power over the time since the last reading."""
        try:
            load = self._load.since_last()
        except (OSError, ValueError) as error:
            self._missed += 1
            self.trouble = f"the CPU's load cannot be read: {error}"
            return ()
        self.trouble = ""
        if load is None:
            return ()
        return (Reading(self._clock.now_ns(), NAME, self._model.power_W(load)),)

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The last stretch."""
        return self.read(now_ns)

    def summary(self) -> Mapping[str, Any]:
        """The coefficients."""
        return {**asdict(self._model), "missed": self._missed}

    def close(self) -> None:
        """Close /proc/stat."""
        self._load.close()


def _cores(root: Path) -> int:
    """Logical cores: processors of /proc/cpuinfo under ``root``, else what the system says."""
    try:
        found = (root / "proc/cpuinfo").read_bytes().count(b"processor\t")
    except OSError:
        found = 0
    return found or os.cpu_count() or 1
