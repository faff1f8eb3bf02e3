"""The host's load, memory, swap, CPU frequency and temperature: context for the judge and the reader, no energy.

On Linux from /proc and /sys, read again and again from open files; elsewhere through psutil (its home among the
sensors), which knows less.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import SensorMissing
from harness.record import Channel, Kind, Quality
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.proc import Again, CpuLoad
from harness.sensors.sensor import Reading, Site

MOST_CORES = 8
"""Of how many cores, spread evenly, the frequency is read: a mean needs no more, and each file costs."""
PROCESSOR_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
"""Names of the kernel's temperature drivers that are a processor's."""
PACKAGE_LABELS = ("Package id", "Tctl", "Tdie")
THERMAL_ZONE = "x86_pkg_temp"


class Quantity(NamedTuple):
    """One channel and how it is read; the call may raise OSError or ValueError, None means nothing new."""

    name: str
    unit: str
    kind: Kind
    source: str
    read: Callable[[], float | None]

    @property
    def domain(self) -> str:
        """What it covers: cpu, memory, swap."""
        return self.name.partition(".")[0]


def open_sensor(
    settings: Mapping[str, Any], site: Site, *, clock: Clock = CLOCK, platform: str = sys.platform
) -> Machine:
    """What this machine tells of itself; what it does not tell is no channel, and named in the summary."""
    quantities, absent = _linux(site.root) if platform == "linux" else _elsewhere()
    return Machine(quantities, absent, settings.get("interval_ms", 1000.0) / 1000, clock)


class Machine:
    """The sensor."""

    name = "machine"
    start_ns = 0
    trouble = ""
    lost = ""

    def __init__(
        self, quantities: Sequence[Quantity], absent: Mapping[str, str], period_s: float, clock: Clock
    ) -> None:
        self._quantities = quantities
        self._absent = absent
        self._clock = clock
        self._missed = 0
        self.period_s = period_s
        self.channels = tuple(
            Channel(item.name, item.unit, item.kind, item.domain, Quality.MEASURED, item.source, period_s)
            for item in quantities
        )

    def read(self, now_ns: int) -> Sequence[Reading]:
        """Everything, once."""
        found = []
        for item in self._quantities:
            try:
                value = item.read()
            except (OSError, ValueError, IndexError):
                self._missed += 1
                continue
            if value is not None:
                found.append(Reading(self._clock.now_ns(), item.name, value))
        return found

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """Everything, once more."""
        return self.read(now_ns)

    def summary(self) -> Mapping[str, Any]:
        """What this machine does not tell, and readings missed."""
        return {"absent": dict(self._absent), "missed": self._missed}

    def close(self) -> None:
        """The files close with the process."""


def _linux(root: Path) -> tuple[list[Quantity], dict[str, str]]:
    quantities: list[Quantity] = []
    absent: dict[str, str] = {}
    for name, find in (("cpu.load_pct", _load), ("memory", _memory), ("cpu.frequency_MHz", _frequency),
                       ("cpu.temperature_C", _temperature)):  # fmt: skip
        try:
            found = find(root)
            for item in found:
                item.read()
            quantities += found
        except (OSError, ValueError, IndexError) as error:
            absent[name] = str(error)
    if not quantities:
        raise SensorMissing(
            "this machine tells nothing of itself: " + "; ".join(absent.values()), remedy="is /proc mounted?"
        )
    return quantities, absent


def _load(root: Path) -> list[Quantity]:
    load = CpuLoad(root)

    def percent() -> float | None:
        share = load.since_last()
        return None if share is None else 100 * share

    return [Quantity("cpu.load_pct", "%", Kind.MEAN, "/proc/stat, all cores together", percent)]


def _memory(root: Path) -> list[Quantity]:
    file = Again(root / "proc/meminfo")

    def used_B(total: str, free: str) -> float:
        sizes_kB = dict(re.findall(rb"^(\w+):\s+(\d+) kB", file.read(), re.MULTILINE))
        return 1024.0 * (int(sizes_kB.get(total.encode(), b"")) - int(sizes_kB.get(free.encode(), b"")))

    return [
        Quantity("memory.used_B", "B", Kind.GAUGE, "/proc/meminfo, total less available",
                 lambda: used_B("MemTotal", "MemAvailable")),
        Quantity("swap.used_B", "B", Kind.GAUGE, "/proc/meminfo, total less free",
                 lambda: used_B("SwapTotal", "SwapFree")),
    ]  # fmt: skip


def _frequency(root: Path) -> list[Quantity]:
    paths = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
    if not paths:
        raise FileNotFoundError("the kernel tells no CPU frequency here (no cpufreq)")
    step = max(1, -(-len(paths) // MOST_CORES))
    files = [Again(path, 32) for path in paths[::step]]
    source = f"cpufreq, mean of {len(files)} of {len(paths)} cores"
    return [
        Quantity(
            "cpu.frequency_MHz",
            "MHz",
            Kind.GAUGE,
            source,
            lambda: sum(int(file.read()) for file in files) / len(files) / 1000,
        )
    ]


def _temperature(root: Path) -> list[Quantity]:
    found = [*_hwmon(root), *_thermal(root)]
    if not found:
        raise FileNotFoundError("the kernel has no temperature of the processor here")
    paths = [path for path, origin in found if origin == found[0][1]]
    files = [Again(path, 32) for path in paths]
    return [
        Quantity("cpu.temperature_C", "C", Kind.GAUGE, f"{found[0][1]}, the hottest of {len(files)}",
                 lambda: max(int(file.read()) for file in files) / 1000)
    ]  # fmt: skip


def _hwmon(root: Path) -> list[tuple[Path, str]]:
    """The package temperatures of the processor's own sensors; its first input where none is labelled so."""
    found = []
    for folder in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        try:
            name = (folder / "name").read_text().strip()
        except OSError:
            continue
        if name not in PROCESSOR_SENSORS:
            continue
        inputs = sorted(folder.glob("temp*_input"))
        chosen = [path for path in inputs if _label(path).startswith(PACKAGE_LABELS)]
        found += [(path, f"hwmon {name}") for path in chosen or inputs[:1]]
    return found


def _label(path: Path) -> str:
    try:
        return path.with_name(path.name.replace("_input", "_label")).read_text().strip()
    except OSError:
        return ""


def _thermal(root: Path) -> list[tuple[Path, str]]:
    found = []
    for folder in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        try:
            if (folder / "type").read_text().strip() == THERMAL_ZONE:
                found.append((folder / "temp", f"thermal zone {THERMAL_ZONE}"))
        except OSError:
            continue
    return found


def _elsewhere() -> tuple[list[Quantity], dict[str, str]]:
    """Load and memory through psutil."""
    import psutil

    psutil.cpu_percent()
    quantities = [
        Quantity("cpu.load_pct", "%", Kind.MEAN, "psutil, all cores together", psutil.cpu_percent),
        Quantity("memory.used_B", "B", Kind.GAUGE, "psutil, total less available",
                 lambda: float(psutil.virtual_memory().total - psutil.virtual_memory().available)),
        Quantity("swap.used_B", "B", Kind.GAUGE, "psutil", lambda: float(psutil.swap_memory().used)),
    ]  # fmt: skip
    return quantities, dict.fromkeys(("cpu.frequency_MHz", "cpu.temperature_C"), "read on Linux only")
