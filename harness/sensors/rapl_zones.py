"""The powercap tree -> the zones that are meters of their own, named by what they cover."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import SensorMissing
from harness.sensors.clock import Clock

POWERCAP = "sys/class/powercap"
LOOKS = 3
"""How often two counters must show the same number before they are one, and one must show 0 before it is none."""
PAUSE_S = 0.01
"""Between looks; RAPL counters move each millisecond."""
REMEDY = (
    "since Linux 5.10 only root may read it: sudo chmod a+r /sys/class/powercap/*/energy_uj"
    " /sys/class/powercap/*/max_energy_range_uj (until the next boot; for good, in /etc/udev/rules.d/99-rapl.rules:"
    ' SUBSYSTEM=="powercap", KERNEL=="intel-rapl*:*", ACTION=="add",'
    ' RUN+="/bin/chmod a+r /sys%p/energy_uj /sys%p/max_energy_range_uj")'
)
_PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
_INSIDE = ("core", "uncore", "dram")


@dataclass(frozen=True)
class Zone:
    """One counter: the domain it covers, its folder, and the largest value it shows, in microjoules."""

    domain: str
    path: Path
    range_uJ: int


@dataclass(frozen=True)
class Zones:
    """The zones to read, and those that are not, each with the reason."""

    kept: tuple[Zone, ...]
    left_out: Mapping[str, str]


def find_zones(root: Path, clock: Clock) -> Zones:
    """The zones under ``root``; raises SensorMissing with the reason and the remedy where none can be read."""
    folder = root / POWERCAP
    paths = sorted(path for path in folder.glob("*:*") if (path / "energy_uj").exists())
    if not paths:
        reason, remedy = _why_none(root)
        raise SensorMissing(f"no RAPL counters: {reason}", remedy=remedy)
    kept: dict[str, Zone] = {}
    left_out: dict[str, str] = {}
    unreadable: list[str] = []
    # A control type's own zones before its memory-mapped copy: "intel-rapl:0" sorts after "intel-rapl-mmio:0".
    for path in sorted(paths, key=lambda path: ("mmio" in path.name, path.name)):
        try:
            domain = _domain(path)
            zone = Zone(domain, path, int((path / "max_energy_range_uj").read_bytes()))
            if _stands_at_zero(path, clock):
                left_out[path.name] = f"{domain}: its counter stands at 0, this processor does not have it"
                continue
        except PermissionError:
            unreadable.append(path.name)
        except (OSError, ValueError) as error:
            left_out[path.name] = str(error)
        else:
            if domain in kept:
                left_out[path.name] = f"a copy of {kept[domain].path.name}, {domain}"
            else:
                kept[domain] = zone
    left_out |= dict.fromkeys(unreadable, "not readable")
    for twin, first in list(_twins(kept, clock)):
        left_out[kept.pop(twin).path.name] = f"shows the same counter as {first}"
    if not kept:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items() if name not in unreadable)
        raise SensorMissing(
            f"RAPL counters are there, but cannot be read{': ' + reasons if reasons else ''}",
            where=str(folder),
            remedy=REMEDY if unreadable else "",
        )
    return Zones(tuple(kept.values()), left_out)


def _why_none(root: Path) -> tuple[str, str]:
    """Why a machine has no counters, and what would help."""
    by_name = 'or ask for a model by name: [sensors] fallback = "load_model"'
    try:
        cpuinfo = (root / "proc/cpuinfo").read_bytes()
    except OSError:
        cpuinfo = b""
    if re.search(rb"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE):
        return "this is a virtual machine, and its host does not pass them on", f"measure on the host, {by_name}"
    what = "powercap has no zones" if (root / POWERCAP).is_dir() else "kernel has no powercap"
    processors = "a processor of Intel (since 2011) or AMD (since 2017) has them"
    return f"the {what}", f"sudo modprobe intel_rapl_msr ({processors}), {by_name}"


def _domain(path: Path) -> str:
    """What a zone covers: package-0, dram-0, core-0, uncore-0, psys; raises OSError or ValueError."""
    name = (path / "name").read_text(encoding="utf-8", errors="replace").strip()
    if _PACKAGE.fullmatch(name):
        return name
    if name in _INSIDE:
        parent = path.parent / path.name.rpartition(":")[0]
        package = (parent / "name").read_text(encoding="utf-8", errors="replace").strip()
        if _PACKAGE.fullmatch(package):
            return f"{name}-{package.removeprefix('package-')}"
        return name
    if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        return name
    raise ValueError(f"a zone of no usable name: {name!r}")


def _twins(zones: Mapping[str, Zone], clock: Clock) -> Iterator[tuple[str, str]]:
    """Zones that show the counter of an earlier zone of the same kind: (zone, the earlier one)."""
    names = list(zones)
    for place, name in enumerate(names):
        kind = name.partition("-")[0]
        for earlier in names[:place]:
            alike = earlier.partition("-")[0] == kind and zones[earlier].range_uJ == zones[name].range_uJ
            if alike and _same_counter(zones[earlier].path, zones[name].path, clock):
                yield name, earlier
                break


def _stands_at_zero(path: Path, clock: Clock) -> bool:
    """Whether a counter shows nothing but 0; raises OSError or ValueError where it cannot be read."""
    for look in range(LOOKS):
        if look:
            clock.sleep(PAUSE_S)
        if _energy_uJ(path) != 0:
            return False
    return True


def _energy_uJ(path: Path) -> int:
    return int((path / "energy_uj").read_bytes())


def _same_counter(first: Path, second: Path, clock: Clock) -> bool:
    """Whether two files show one counter: the second's number lies between two readings of the first, each time."""
    for look in range(LOOKS):
        if look:
            clock.sleep(PAUSE_S)
        before, between, after = (_energy_uJ(path) for path in (first, second, first))
        if not before <= between <= after:
            return False
    return True
