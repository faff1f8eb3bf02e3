"""RAPL through Linux's powercap files: the zones that are meters of their own, named by what they cover.

The kernel turns counts into microjoules with a unit cut to whole nanojoules: 61.035 for 2^-14 J (6 ppm too low), 15.258
for 2^-16 J (52 ppm too low), and 15.3 for the memory of some servers (0.27 % above 2^-16 J); perf_event counts in
2^-32 J and loses none of it (drivers/powercap/intel_rapl_common.c, arch/x86/events/rapl.c of Linux).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import SensorMissing
from harness.sensors.clock import Clock
from harness.sensors.counting import Counter
from harness.sensors.cpus import counts_single_cores
from harness.sensors.proc import Again
from harness.sensors.rapl_twins import without_twins

POWERCAP = "sys/class/powercap"
LOOKS, PAUSE_S = 3, 0.01
"""How often a counter must show 0 before it is none, and the time between."""
REMEDY = (
    "sudo chmod a+r /sys/class/powercap/*/energy_uj (until the next boot; for good, in /etc/udev/rules.d/99-rapl.rules:"
    ' SUBSYSTEM=="powercap", KERNEL=="intel-rapl*:*", ACTION=="add", RUN+="/bin/chmod a+r /sys%p/energy_uj")'
)
_PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
_PSYS = re.compile(r"psys(-\d+)?")
_INSIDE = ("core", "uncore", "dram")


class ZoneCounter:
    """One zone's counter, in microjoules, opened; it begins again at 0 after the largest value it shows."""

    unit_J = 1e-6

    def __init__(self, path: Path) -> None:
        """Open it; raises OSError or ValueError."""
        self.where = path.name
        self.turn: int | None = _range_uJ(path) + 1
        self.hidden_J = self.turn * self.unit_J
        self._file = Again(path / "energy_uj", 64)

    def read(self) -> int:
        """Microjoules; raises OSError or ValueError."""
        return int(self._file.read())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class Counters:
    """The counters to read by their domains, and those that are not, each with the reason."""

    kept: Mapping[str, Counter]
    left_out: Mapping[str, str]


def find_zones(root: Path, clock: Clock) -> Counters:
    """The zones under ``root``, opened; raises SensorMissing with the reason and the remedy where none can be read."""
    paths = _zones(root)
    if not paths:
        has_folder = (root / POWERCAP).is_dir()
        raise SensorMissing(
            "powercap has no zones" if has_folder else "the kernel has no powercap",
            remedy="sudo modprobe intel_rapl_msr (a container may hide it: look on the host)",
        )
    kept: dict[str, Counter] = {}
    left_out: dict[str, str] = {}
    unreadable: list[str] = []
    single_cores = counts_single_cores(root)
    for path in paths:
        try:
            domain = _domain(path)
            counter = ZoneCounter(path)
        except PermissionError:
            unreadable.append(path.name)
            continue
        except (OSError, ValueError) as error:
            left_out[path.name] = str(error)
            continue
        if why := _superfluous(domain, counter, kept, single_cores, clock):
            counter.close()
            left_out[path.name] = why
        else:
            kept[domain] = counter
    left_out |= dict.fromkeys(unreadable, "readable by root only")
    kept = without_twins(kept, left_out, clock, from_zero=False)
    if not kept:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items() if name not in unreadable)
        whose = f"{root / POWERCAP} is readable by root only" if unreadable else f"no zone of {root / POWERCAP} counts"
        raise SensorMissing(f"{whose}{f' ({reasons})' if reasons else ''}", remedy=REMEDY if unreadable else "")
    return Counters(kept, left_out)


def ranges_J(root: Path) -> dict[str, float]:
    """How much energy each zone's counter shows before it begins again, by domain; no rights are needed for that."""
    found: dict[str, float] = {}
    for path in _zones(root):
        try:
            found.setdefault(_domain(path), _range_uJ(path) / 1e6)
        except (OSError, ValueError):
            continue
    return found


def package_zones(root: Path) -> list[tuple[str, Path]]:
    """The packages' domains and zones; no rights are needed for that. Memory-mapped copies come last."""
    found = []
    for path in _zones(root):
        try:
            domain = _domain(path)
        except (OSError, ValueError):
            continue
        if _PACKAGE.fullmatch(domain):
            found.append((domain, path))
    return found


def _zones(root: Path) -> list[Path]:
    """A control type's own zones before its memory-mapped copy: "intel-rapl:0" sorts after "intel-rapl-mmio:0"."""
    paths = [path for path in (root / POWERCAP).glob("*:*") if (path / "energy_uj").exists()]
    return sorted(paths, key=lambda path: ("mmio" in path.name, [int(part) for part in re.findall(r"\d+", path.name)]))


def _range_uJ(path: Path) -> int:
    range_uJ = int((path / "max_energy_range_uj").read_bytes())
    if range_uJ <= 0:
        raise ValueError(f"its range is {range_uJ} µJ")
    return range_uJ


def _superfluous(
    domain: str, counter: ZoneCounter, kept: Mapping[str, Counter], single_cores: bool, clock: Clock
) -> str:
    """Why a zone is no meter of its own; "" where it is one."""
    if domain in kept:
        return f"{domain} once more: {kept[domain].where} is read"
    if single_cores and domain.startswith("core"):
        return f"{domain}: on this processor it counts a single core, not all of them"
    try:
        if _stands_at_zero(counter, clock):
            return f"{domain}: its counter stands at 0, this processor does not have it"
    except (OSError, ValueError) as error:
        return f"{domain}: {error}"
    return ""


def _domain(path: Path) -> str:
    """What a zone covers: package-0, dram-0, core-0, uncore-0, psys; raises OSError or ValueError."""
    name = _name(path)
    if _PACKAGE.fullmatch(name):
        return name
    if _PSYS.fullmatch(name):
        return "psys"  # the platform has one; "psys-1" is the one of a machine whose first package is not package 0
    if name in _INSIDE:
        package = _name(path.parent / path.name.rpartition(":")[0])
        return f"{name}-{package.removeprefix('package-')}" if _PACKAGE.fullmatch(package) else name
    if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        return name
    raise ValueError(f"a zone of no usable name: {name!r}")


def _name(zone: Path) -> str:
    return (zone / "name").read_text(encoding="utf-8", errors="replace").strip()


def _stands_at_zero(counter: Counter, clock: Clock) -> bool:
    for look in range(LOOKS):
        if look:
            clock.sleep(PAUSE_S)
        if counter.read() != 0:
            return False
    return True
