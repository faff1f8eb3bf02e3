"""The columns of EnergiBridge's CSV as channels: domain, unit and kind from a column's name. Pure.

The file opens with ``Delta,Time`` and then the names of its metrics, sorted by bytes; the unit stands in the name, in
old releases misspelt or missing. Energies are counters, powers are levels; of the many columns of one kind that are
context (load, frequency, temperature of every processor) one channel is made, and of the counters of AMD's cores their
sum over each package. What is in the file beside that stays there and is named in ``Layout.not_recorded``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.record import Channel, Kind, Quality, channel_name

ORIGIN = "energibridge"
LEADING = ("Delta", "Time")
"""The first two columns. Delta is the age of a row when it was written, in whole ms: not for integrating."""

Combine = Literal["sum", "mean", "max"]

_ENERGY = re.compile(r"(?P<what>PACKAGE|PACAKGE|PP0|PP1|DRAM|CPU|CORE)(?P<number>\d*)_ENERGY \((?:J|W)\)")
"""Joules; releases of 2023 wrote (W) for them, and the package with two letters exchanged."""
_GPU_POWER = re.compile(r"GPU(?P<number>\d+)_POWER(?: \((?P<unit>mWatts|Watts)\))?")
_WATTS = {None: 1e-3, "mWatts": 1e-3, "Watts": 1.0}
"""The first releases named no unit and gave milliwatts."""
_SMC = {"SYSTEM_POWER (Watts)": "system", "CPU_POWER (Watts)": "cpu", "GPU_POWER (Watts)": "gpu0"}
_INTEL = {"PACKAGE": "package", "PACAKGE": "package", "PP0": "core", "PP1": "uncore", "DRAM": "dram"}
_REGISTERS = {"PACKAGE": "611h", "PACAKGE": "611h", "PP0": "639h", "PP1": "641h", "DRAM": "619h"}
_MIB = 1024.0 * 1024.0
SLOW_S = 1.0
"""How far a level may stand behind what it tells: a Mac's controller renews it so often, NVIDIA's is a mean over so
long, however often they are asked."""

# What may turn up in later rows only: sensors that give nothing at first. Sorted by bytes all of them stand in one
# stretch, from the first name to the last that begins like the second.
_LATE_WITH_COUNTERS = ("GPU", "GPU")
_LATE_ELSEWHERE = ("CPU_POWER (Watts)", "GPU")


@dataclass(frozen=True)
class Quantity:
    """One channel and the columns that it is made of."""

    channel: Channel
    columns: tuple[str, ...]
    scale: float = 1.0
    """What a column's number is multiplied by to be in the channel's unit."""
    combine: Combine = "sum"
    positive: bool = False
    """Whether a number that is not above zero means that there was none (a frequency, a temperature)."""

    @property
    def counts(self) -> bool:
        """Whether its columns are counters that wrap."""
        return self.channel.kind is Kind.COUNTER


@dataclass(frozen=True)
class Layout:
    """What a header says."""

    names: tuple[str, ...]
    """Of all columns, Delta and Time included."""
    quantities: tuple[Quantity, ...]
    not_recorded: tuple[str, ...]
    """The columns that no channel is made of."""
    intel: bool
    """Whether it tells counters of an Intel processor."""
    places: Mapping[str, int] = field(default_factory=dict)
    """By column name, its place."""

    @property
    def tells_energy(self) -> bool:
        """Whether any of it is energy or power."""
        return any(quantity.channel.tells_energy for quantity in self.quantities)

    def places_in(self, length: int) -> Mapping[str, int]:
        """The places of the columns in a row of ``length`` values.

        A row longer than the header has metrics that its header has not: EnergiBridge sorts what it has by name each
        time, so columns behind the new ones move. New ones can only be the values of GPUs and temperatures: a column
        before all of these stands where it did, one behind all of these has moved by the difference, and of those in
        between nobody can tell. A shorter row has none.
        """
        more = length - len(self.names)
        if more <= 0:
            return self.places if more == 0 else {}
        counted = any(quantity.counts for quantity in self.quantities)
        first, last = _LATE_WITH_COUNTERS if counted else _LATE_ELSEWHERE
        found = {}
        for name, place in self.places.items():
            if name in LEADING or name <= first:
                found[name] = place
            elif name > last and not name.startswith(last):
                found[name] = place + more
        return found


def layout_of(names: Sequence[str], package_of: Callable[[int], int], interval_s: float, note: str = "") -> Layout:
    """The layout of a header; ``package_of(cpu)`` tells the package that a logical processor belongs to.

    ``note`` is added to what the channels of Intel's counters say of their source.
    """
    made = _Making(tuple(names), package_of, interval_s, note)
    quantities = tuple(made.quantities())
    used = {column for quantity in quantities for column in quantity.columns}
    return Layout(
        names=tuple(names),
        quantities=quantities,
        not_recorded=tuple(name for name in names if name not in used and name not in LEADING),
        intel=made.intel,
        places={name: place for place, name in enumerate(names)},
    )


@dataclass(frozen=True)
class _Making:
    names: tuple[str, ...]
    package_of: Callable[[int], int]
    interval_s: float
    note: str

    @property
    def intel(self) -> bool:
        return any((found := _ENERGY.fullmatch(name)) and found["what"] in _INTEL for name in self.names)

    def quantities(self) -> Iterator[Quantity]:
        yield from self._energies()
        yield from self._powers()
        yield from self._context()

    def _channel(self, domain: str, quantity: str, unit: str, kind: Kind, source: str) -> Channel:
        name = channel_name(ORIGIN, domain, quantity)
        refresh_s = max(self.interval_s, SLOW_S) if quantity == "power_W" else self.interval_s
        return Channel(name, unit, kind, domain, Quality.MEASURED, f"EnergiBridge: {source}", refresh_s, origin=ORIGIN)

    def _energies(self) -> Iterator[Quantity]:
        by_domain: dict[str, tuple[list[str], str]] = {}
        cores = [int(found["number"]) for name in self.names if (found := _core(name))]
        for name in self.names:
            found = _ENERGY.fullmatch(name)
            if found is None:
                continue
            domain, source = self._counter(found["what"], found["number"], max(cores, default=0))
            by_domain.setdefault(domain, ([], source))[0].append(name)
        for domain, (columns, source) in by_domain.items():
            many = f", sum of {len(columns)} cores" if len(columns) > 1 else ""
            channel = self._channel(domain, "energy_J", "J", Kind.COUNTER, f"{source}{many}")
            yield Quantity(channel, tuple(columns))

    def _counter(self, what: str, number: str, last_core: int) -> tuple[str, str]:
        """Domain and source of a counter. The whole-package columns are of one processor's package, not of all."""
        if what == "CORE":
            return f"core-{self.package_of(int(number or 0))}", "core energy, MSR C001029Ah"
        if what == "CPU":
            package = self.package_of(last_core)
            return f"package-{package}", "package energy, MSR C001029Bh; of this package only"
        package = int(number) if number else self.package_of(0)
        source = f"MSR {_REGISTERS[what]} of processor 0; of its package only"
        if what == "DRAM":
            source += "; in the package's unit, four times too much on Xeons that count memory in units of 15.3 uJ"
        return f"{_INTEL[what]}-{package}", f"{source}{self.note}"

    def _powers(self) -> Iterator[Quantity]:
        for name in self.names:
            if domain := _SMC.get(name):
                source = "the Mac's own controller (SMC), a level that it renews about once a second"
                yield Quantity(self._channel(domain, "power_W", "W", Kind.GAUGE, source), (name,))
            elif found := _GPU_POWER.fullmatch(name):
                source = "NVML power usage, a mean over the last 1 s"
                channel = self._channel(f"gpu{found['number']}", "power_W", "W", Kind.GAUGE, source)
                yield Quantity(channel, (name,), _WATTS[found["unit"]])

    def _context(self) -> Iterator[Quantity]:
        loads = self._numbered("CPU_USAGE_")
        if loads:
            channel = self._channel("cpu", "load_pct", "%", Kind.MEAN, f"mean of {len(loads)} processors")
            yield Quantity(channel, loads, combine="mean")
        clocks = self._numbered("CPU_FREQUENCY_")
        if clocks:
            source = f"mean of {len(clocks)} processors, those at 0 left out"
            channel = self._channel("cpu", "frequency_MHz", "MHz", Kind.GAUGE, source)
            yield Quantity(channel, clocks, combine="mean", positive=True)
        heats = self._numbered("CPU_TEMP_")
        if heats:
            channel = self._channel("cpu", "temperature_C", "C", Kind.GAUGE, f"the hottest of {len(heats)}")
            yield Quantity(channel, heats, combine="max", positive=True)
        for name, domain in (("USED_MEMORY", "memory"), ("USED_SWAP", "swap")):
            if name in self.names:
                yield Quantity(self._channel(domain, "used_B", "B", Kind.GAUGE, name), (name,))
        for name in self.names:
            if found := re.fullmatch(r"GPU(\d+)_(TEMPERATURE|USAGE|MEMORY_USED)", name):
                domain = f"gpu{found[1]}"
                quantity, unit, scale, source = {
                    "TEMPERATURE": ("temperature_C", "C", 1.0, "NVML GPU temperature"),
                    "USAGE": ("utilisation_pct", "%", 1.0, "NVML utilisation: time in which a kernel ran"),
                    "MEMORY_USED": ("memory_used_B", "B", _MIB, "NVML memory in use, in whole MiB"),
                }[found[2]]
                yield Quantity(self._channel(domain, quantity, unit, Kind.GAUGE, source), (name,), scale)

    def _numbered(self, stem: str) -> tuple[str, ...]:
        return tuple(name for name in self.names if re.fullmatch(rf"{stem}\d+", name))


def _core(name: str) -> re.Match[str] | None:
    found = _ENERGY.fullmatch(name)
    return found if found and found["what"] == "CORE" and found["number"] else None
