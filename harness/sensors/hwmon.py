"""Power and energy as the kernel's hardware monitors tell them: graphics cards, boards, ACPI power meters.

A chip knows what it calls its inputs, not what they cover: their domains are the chip's own words ("amdgpu-ppt"), and a
standard name only where that is known. Others are summed with nothing that the protocol does not name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.channels import Channel, Kind, Quality, channel_name
from harness.errors import SensorMissing
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.counting import Meter, Told, lost_of, patience_s, trouble_of
from harness.sensors.hwmon_chips import HWMON, Input, Inputs, find_inputs, names_of
from harness.sensors.proc import Again
from harness.sensors.sensor import Reading, Site

NAME = "hwmon"
INTERVAL_MS = 200.0
LARGEST_SHARE = 0.1
"""At most so much of the time is spent reading: some chips hang on slow buses, and others wait in the sampler."""
LONGEST_MEAN_S = 1.0
"""A mean over no more than this is stamped at its middle; a longer one cannot be followed to the end of a run."""


@dataclass
class PowerFile(Told):
    """An input of power, opened."""

    file: Again
    behind_ns: int = 0
    """By how much its values are older than their reading: half the time of a mean."""

    def read(self, clock: Clock, patience_s: float) -> Reading | None:
        """The power, W; None where it could not be read, or has ended."""
        if self.ended:
            return None
        before_ns = clock.now_ns()
        self.read_ns = self.read_ns or before_ns
        try:
            power_uW = int(self.file.read())
        except (OSError, ValueError) as error:
            self.miss(str(error), before_ns, patience_s)
            return None
        t_ns = (before_ns + clock.now_ns()) // 2
        self.read_ns, self.failing = t_ns, ""
        return Reading(t_ns - self.behind_ns, self.name, power_uW / 1e6)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class EnergyFile:
    """An input of energy as a counter in microjoules. Its range is not told: a step back is a loss, never a wrap."""

    unit_J = 1e-6
    turn: int | None = None
    hidden_J = math.inf

    def __init__(self, path: Path) -> None:
        """Open it; raises OSError."""
        self.where = str(path)
        self._file = Again(path, 64)

    def read(self) -> int:
        """Microjoules; raises OSError or ValueError."""
        return int(self._file.read())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_sensor(settings: Mapping[str, Any], site: Site, *, clock: Clock = CLOCK) -> Hwmon:
    """The chips under ``site.root`` that tell power or energy; only those of ``settings["chips"]``, where it names any.

    Raises SensorMissing with what was looked at.
    """
    found = find_inputs(site.root)
    wanted = set(settings.get("chips") or ())
    if absent := wanted - {name for chip in found.chips for name in names_of(chip)}:
        there = ", ".join(_names(found)) or "none at all"
        raise SensorMissing(
            f"no hardware monitor is called {', '.join(sorted(absent))}; there are: {there}",
            remedy="take it out of sensors.hwmon.chips, or load its driver",
        )
    inputs = [item for item in found.kept if not wanted or wanted & set(names_of(item.chip))]
    left_out = dict(found.left_out)
    if silent := wanted - {name for item in inputs for name in names_of(item.chip)}:
        raise _nothing(site.root, found, left_out, " and ".join(sorted(silent)))
    opened: list[tuple[Input, PowerFile | Meter]] = []
    began_ns = clock.now_ns()
    for item in inputs:
        try:
            opened.append((item, _open(item)))
        except PermissionError:
            left_out[str(item)] = f"readable by root only: sudo chmod a+r {item.path} (until the next boot)"
        except (OSError, ValueError) as error:
            left_out[str(item)] = f"it cannot be read: {error}"
    took_s = (clock.now_ns() - began_ns) / 1e9
    if not opened:
        raise _nothing(site.root, found, left_out, " and ".join(sorted(wanted)))
    asked_s = settings.get("interval_ms", INTERVAL_MS) / 1000
    return Hwmon(opened, left_out, max(asked_s, took_s / LARGEST_SHARE), clock)


class Hwmon:
    """The sensor: all inputs."""

    name = NAME
    start_ns = 0

    def __init__(
        self,
        opened: Sequence[tuple[Input, PowerFile | Meter]],
        left_out: Mapping[str, str],
        period_s: float,
        clock: Clock,
    ) -> None:
        self._inputs = {source.name: item for item, source in opened}
        self._sources = tuple(source for _, source in opened)
        self._left_out = left_out
        self._clock = clock
        self.period_s = period_s
        self._behind_s = max((item.behind_ns for item in self._sources if isinstance(item, PowerFile)), default=0) / 1e9
        self.channels = tuple(_channel(item, source.name, period_s) for item, source in opened)

    @property
    def trouble(self) -> str:
        """What fails just now, or has ended."""
        return trouble_of(self._sources)

    @property
    def lost(self) -> str:
        """The domains of which nothing more is recorded, and why."""
        return lost_of(self._sources)

    def read(self, now_ns: int) -> Sequence[Reading]:
        """One reading of each input."""
        patience = patience_s(self.period_s)
        readings = (source.read(self._clock, patience) for source in self._sources)
        return [reading for reading in readings if reading is not None]

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The last readings, until the means stamped at their middle have reached this moment."""
        readings = list(self.read(now_ns))
        until_ns = now_ns + round(self._behind_s * 1e9)
        while (left_s := (until_ns - self._clock.now_ns()) / 1e9) > 0:
            self._clock.sleep(min(self.period_s, left_s))
            readings += self.read(self._clock.now_ns())
        return readings

    def summary(self) -> Mapping[str, Any]:
        """Each input's file, what was left out and why, readings missed."""
        return {
            "inputs": {name: str(item.path) for name, item in self._inputs.items()},
            "accuracy": {name: item.accuracy for name, item in self._inputs.items() if item.accuracy},
            "left_out": dict(self._left_out),
            "missed": sum(source.missed for source in self._sources),
            "ended": {source.name: source.ended for source in self._sources if source.ended},
        }

    def close(self) -> None:
        """Close the files."""
        for source in self._sources:
            source.close()


def _open(item: Input) -> PowerFile | Meter:
    """An input, opened and read once; raises OSError or ValueError."""
    name = channel_name(NAME, item.domain, item.quantity)
    source: PowerFile | Meter
    if item.quantity == "energy_J":
        source = Meter(item.domain, name, EnergyFile(item.path))
        read: Callable[[], object] = source.counter.read
    else:
        file = Again(item.path, 64)
        source = PowerFile(item.domain, name, file, round(_behind_s(item) * 1e9))
        read = lambda: int(file.read())  # noqa: E731
    try:
        read()
    except (OSError, ValueError):
        source.close()
        raise
    return source


def _behind_s(item: Input) -> float:
    return item.interval_s / 2 if item.interval_s <= LONGEST_MEAN_S else 0.0


def _channel(item: Input, name: str, period_s: float) -> Channel:
    is_energy = item.quantity == "energy_J"
    return Channel(
        name,
        "J" if is_energy else "W",
        Kind.COUNTER if is_energy else Kind.GAUGE,
        item.domain,
        Quality.MEASURED,
        f"hwmon {item}, {_how(item)}",
        max(period_s, item.interval_s),
    )


def _how(item: Input) -> str:
    """What an input's values are: a total, an instant, or a mean over how long."""
    if item.quantity == "energy_J":
        return "a counter"
    if not item.is_mean:
        return "an instant, polled"
    if not item.interval_s:
        return "a mean over a time that its driver does not tell, polled"
    return f"a mean of {item.interval_s:g} s{' stamped at its middle' if _behind_s(item) else ''}, polled"


def _nothing(root: Path, found: Inputs, left_out: Mapping[str, str], named: str) -> SensorMissing:
    """Why there is nothing to read, or nothing of the chips ``named``, and what was looked at."""
    if not found.chips:
        there = (root / HWMON).is_dir()
        return SensorMissing(
            f"there is no hardware monitor ({HWMON} is {'empty' if there else 'not there'})",
            remedy="a virtual machine or a container has none: look on the host",
        )
    reasons = "".join(f"; {name}: {why}" for name, why in left_out.items())
    if named:
        telling = ", ".join(sorted({item.chip.name for item in found.kept})) or "none does"
        return SensorMissing(
            f"no power or energy can be read of {named} (of those that tell any: {telling}){reasons}",
            remedy="take it out of sensors.hwmon.chips, or give the right to read it",
        )
    return SensorMissing(
        f"no hardware monitor tells power or energy (looked at {', '.join(_names(found))}){reasons}",
        remedy="where a server has an ACPI power meter: sudo modprobe acpi_power_meter; else use another sensor",
    )


def _names(found: Inputs) -> list[str]:
    return sorted({chip.name for chip in found.chips})
