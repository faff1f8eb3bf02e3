"""The columns of ``nvidia-smi --query-gpu=… --format=csv`` as channels: quantity, unit and who tells it. Pure.

A header names each column as it was asked for, with the unit in brackets ("power.draw [W]", "temperature.gpu"); with
``nounits`` the cells are bare numbers. The three powers are different things and stand apart as three sources:
``power.draw`` is what card and driver make it (a mean over 1 s on most), ``power.draw.average`` the mean over the last
second, ``power.draw.instant`` a short sample.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.record import Channel, Kind, Quality, channel_name

FORMAT = "nvidia-smi"
TIMESTAMP = "timestamp"
IDENTITY = ("index", "uuid", "gpu_uuid", "pci.bus_id", "gpu_bus_id", "serial", "gpu_serial")
"""The columns that tell one card from another; the first that is there counts."""
UUID = ("uuid", "gpu_uuid")

_NAME = re.compile(r"(?P<name>[a-z0-9_.]+)\s*(?:[\[(](?P<unit>[^\])]*)[\])])?", re.IGNORECASE)
_SCALES = {
    "power_W": {"W": 1.0, "mW": 1e-3},
    "power_limit_W": {"W": 1.0, "mW": 1e-3},
    "memory_used_B": {"MiB": 1024.0**2, "MB": 1024.0**2},
}
"""What a unit is worth; of other quantities there is one unit only. Old drivers wrote MB for MiB."""
_UNITS = {"C": "C", "%": "%", "MHz": "MHz"}
_SLOW_S = 1.0
_INSTANT_S = 0.1


@dataclass(frozen=True)
class Quantity:
    """What one column tells of a card."""

    quantity: str
    """With its unit: "power_W"."""
    source: str
    origin: str = FORMAT
    refresh_s: float = 0.0
    """How long a value may stand behind its source, however often it is asked."""
    of_module: bool = False
    """Whether it is that of the whole module that the card sits on."""

    @property
    def is_power(self) -> bool:
        """Whether it is power over time."""
        return self.quantity == "power_W"

    @property
    def unit(self) -> str:
        """The channel's unit."""
        return {"pct": "%"}.get(last := self.quantity.rsplit("_", 1)[1], last)

    @property
    def plain_unit(self) -> str:
        """The unit in which nvidia-smi writes it."""
        return {"B": "MiB"}.get(self.unit, self.unit)

    def scale(self, unit: str) -> float | None:
        """What a number in ``unit`` is multiplied by; None for a unit that it cannot have."""
        return _SCALES.get(self.quantity, {self.unit: 1.0}).get(unit or self.plain_unit)

    def channel(self, number: int, interval_s: float, device: str) -> Channel:
        """The channel of card ``number``."""
        domain = f"{'module-' if self.of_module else 'gpu'}{number}"
        name = channel_name(self.origin, domain, self.quantity)
        refresh_s = max(interval_s, self.refresh_s)
        source = f"nvidia-smi: {self.source}"
        return Channel(
            name, self.unit, Kind.GAUGE, domain, Quality.MEASURED, source, refresh_s, device=device, origin=self.origin
        )


def _power(name: str, said: str, origin: str, refresh_s: float, *, of_module: bool = False) -> Quantity:
    whose = "of the whole module, " if of_module else ""
    return Quantity("power_W", f"{name}, NVML {whose}{said}", origin, refresh_s, of_module)


_MEAN, _INSTANT = "mean over the last 1 s", "a short sample of each 100 ms"
_DRAW = "power usage, on most cards and drivers the mean over the last 1 s"
KNOWN: Mapping[str, Quantity] = {
    "power.draw": _power("power.draw", _DRAW, FORMAT, _SLOW_S),
    "power.draw.average": _power("power.draw.average", _MEAN, f"{FORMAT}-average", _SLOW_S),
    "power.draw.instant": _power("power.draw.instant", _INSTANT, f"{FORMAT}-instant", _INSTANT_S),
    "module.power.draw.average": _power(
        "module.power.draw.average", _MEAN, f"{FORMAT}-average", _SLOW_S, of_module=True
    ),
    "module.power.draw.instant": _power(
        "module.power.draw.instant", _INSTANT, f"{FORMAT}-instant", _INSTANT_S, of_module=True
    ),
    "power.limit": Quantity("power_limit_W", "power.limit"),
    "enforced.power.limit": Quantity("power_limit_W", "enforced.power.limit"),
    "temperature.gpu": Quantity("temperature_C", "temperature.gpu"),
    "temperature.memory": Quantity("memory_temperature_C", "temperature.memory"),
    "utilization.gpu": Quantity("utilisation_pct", "utilization.gpu, time in which a kernel ran"),
    "utilization.memory": Quantity("memory_utilisation_pct", "utilization.memory"),
    "clocks.current.sm": Quantity("sm_clock_MHz", "clocks.current.sm"),
    "clocks.sm": Quantity("sm_clock_MHz", "clocks.sm"),
    "clocks.current.memory": Quantity("memory_clock_MHz", "clocks.current.memory"),
    "clocks.mem": Quantity("memory_clock_MHz", "clocks.mem"),
    "memory.used": Quantity("memory_used_B", "memory.used"),
}


@dataclass(frozen=True)
class Header:
    """The names of the columns, their units where the header has them, and what each tells."""

    names: tuple[str, ...]
    units: tuple[str, ...]

    @classmethod
    def of(cls, cells: Sequence[str]) -> Header:
        """The header in these cells; a cell that is no name has the name "" and tells nothing."""
        found = [_NAME.fullmatch(cell.strip()) for cell in cells]
        return cls(
            tuple(item["name"].lower() if item else "" for item in found),
            tuple((item["unit"] or "").strip() if item else "" for item in found),
        )

    @property
    def is_one(self) -> bool:
        """Whether this is a header at all, and no row."""
        return any(name in KNOWN or name == TIMESTAMP for name in self.names)

    @property
    def identity(self) -> str:
        """The column that tells cards apart; empty where none does."""
        return next((name for name in IDENTITY if name in self.names), "")

    @property
    def uuid(self) -> str:
        """The column of the cards' UUID; empty where there is none."""
        return next((name for name in UUID if name in self.names), "")

    @functools.cached_property
    def quantities(self) -> Mapping[int, Quantity]:
        """By place what each column tells; of two that tell the same the first."""
        found: dict[int, Quantity] = {}
        for place, name in enumerate(self.names):
            item = KNOWN.get(name)
            told = {(other.quantity, other.origin, other.of_module) for other in found.values()}
            if item is not None and (item.quantity, item.origin, item.of_module) not in told:
                found[place] = item
        return found
