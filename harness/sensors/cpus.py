"""What the kernel says of this machine's processors: their places in packages and dies, and who made them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

CPUS = "sys/devices/system/cpu"
_ONE_CORE_MAKERS = (b"AuthenticAMD", b"HygonGenuine")


class Place(NamedTuple):
    """Where one logical CPU sits."""

    package: int
    die: int


def cpu_list(text: str) -> tuple[int, ...]:
    """The CPUs of a kernel list: "0-2,8" -> 0, 1, 2, 8; raises ValueError for what is none."""
    found: list[int] = []
    for part in filter(None, (item.strip() for item in text.split(","))):
        first, dash, last = part.partition("-")
        found += range(int(first), int(last if dash else first) + 1)
    return tuple(found)


def place_of(root: Path, cpu: int) -> Place:
    """The package and the die of a CPU; raises OSError or ValueError. Kernels before 5.3 know no dies: 0."""
    topology = root / CPUS / f"cpu{cpu}" / "topology"
    package = int((topology / "physical_package_id").read_bytes())
    if package < 0:
        raise ValueError(f"the kernel does not know the package of CPU {cpu}")
    try:
        die = int((topology / "die_id").read_bytes())
    except FileNotFoundError:
        die = 0
    return Place(package, max(die, 0))


def is_virtual(root: Path) -> bool:
    """Whether this is a virtual machine, by the processor's own flag."""
    return re.search(rb"^flags\s*:.*\bhypervisor\b", _cpuinfo(root), re.MULTILINE) is not None


def counts_single_cores(root: Path) -> bool:
    """Whether a core's energy counter is one core's alone (AMD, Hygon), not that of all cores of a package (Intel)."""
    return any(re.search(rb"^vendor_id\s*:\s*" + maker, _cpuinfo(root), re.MULTILINE) for maker in _ONE_CORE_MAKERS)


def _cpuinfo(root: Path) -> bytes:
    try:
        return (root / "proc/cpuinfo").read_bytes()
    except OSError:
        return b""
