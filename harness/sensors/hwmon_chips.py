"""The hardware monitors under /sys/class/hwmon that tell power or energy, and what each of their inputs covers.

Files and units after the kernel's Documentation/hwmon/sysfs-interface.rst: powerN_input an instant and powerN_average a
mean, both in microwatts; energyN_input a growing total in microjoules; powerN_average_interval in milliseconds. The
files of drivers of the old kind stand in the chip's device/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.sensors.cpus import cpu_list, place_of

HWMON = "sys/class/hwmon"
NODES = "sys/devices/system/node"
_INPUT = re.compile(r"(power\d+)_(input|average)|(energy\d+)_input")
_WHOLE_MACHINE = ("LNXSYBUS", "LNXSYSTM")
"""What an ACPI power meter that covers everything says that it measures: the system's bus or its root."""
_SUPPLIES = ("Battery", "Mains", "UPS", "USB", "Wireless")
"""What the kernel calls the kinds of power supplies."""


@dataclass(frozen=True)
class Chip:
    """One hardware monitor."""

    name: str
    folder: Path
    files: Path
    """Where its files stand: the folder itself, or its device/."""
    device: str
    """What the bus calls it ("0000:03:00.0"); "" where it hangs on none."""

    def text(self, file: str) -> str:
        """What one of its files says; "" where it is not there."""
        return _text(self.files / file)


@dataclass(frozen=True)
class Input:
    """One file that tells power or energy, and what it covers."""

    chip: Chip
    file: str
    domain: str = ""

    @property
    def stem(self) -> str:
        """The file's name without what is told of it: power1."""
        return self.file.partition("_")[0]

    @property
    def label(self) -> str:
        """What the driver calls it; "" where it does not."""
        return self.chip.text(f"{self.stem}_label")

    @property
    def number(self) -> str:
        """Which of the chip's it is."""
        return self.stem.removeprefix("power").removeprefix("energy")

    @property
    def path(self) -> Path:
        """Where it stands."""
        return self.chip.files / self.file

    @property
    def quantity(self) -> str:
        """What of its domain it tells."""
        return "energy_J" if self.stem.startswith("energy") else "power_W"

    @property
    def is_mean(self) -> bool:
        """Whether it tells the mean over a time, not an instant."""
        return self.file.endswith("_average")

    @property
    def interval_s(self) -> float:
        """Over how long a mean is taken; 0 where that is not told."""
        text = self.chip.text(f"{self.stem}_average_interval") if self.is_mean else ""
        return int(text) / 1000 if text.isdecimal() else 0.0

    @property
    def accuracy(self) -> str:
        """What its firmware says of its accuracy; "" where it says nothing."""
        return self.chip.text(f"{self.stem}_accuracy")

    def __str__(self) -> str:
        return f"{self.chip.name} {self.file}{f' ({self.label})' if self.label else ''}"


@dataclass(frozen=True)
class Inputs:
    """What can be read, what is left out and why, and all chips that were looked at."""

    kept: tuple[Input, ...]
    left_out: Mapping[str, str]
    chips: tuple[Chip, ...]


def find_inputs(root: Path) -> Inputs:
    """Every input of power or energy under ``root``; each domain has one of power and one of energy at most."""
    chips = tuple(_chips(root))
    left_out: dict[str, str] = {}
    inputs = [item for chip in chips for item in _of_chip(root, chip, left_out)]
    return Inputs(tuple(_told_apart(inputs, left_out)), left_out, chips)


def names_of(chip: Chip) -> tuple[str, ...]:
    """What a chip may be called: by its name, or by its name and its place on the bus where there are several."""
    return (chip.name, _slug(chip.name, chip.device))


def _chips(root: Path) -> Iterator[Chip]:
    for folder in sorted((root / HWMON).glob("hwmon[0-9]*"), key=lambda path: int(path.name.removeprefix("hwmon"))):
        device = folder / "device"
        for files in (folder, device):
            if name := _text(files / "name"):
                yield Chip(name, folder, files, device.resolve().name if device.exists() else "")
                break


def _of_chip(root: Path, chip: Chip, left_out: dict[str, str]) -> list[Input]:
    """The inputs of one chip that tell what is drawn, with a standard domain where they are known to cover one."""
    found = [Input(chip, path.name) for path in sorted(chip.files.iterdir()) if _INPUT.fullmatch(path.name)]
    if found and _text(chip.folder / "device/type") in _SUPPLIES:
        left_out[chip.name] = "a battery or a charger: what flows into it or out of it is not what the machine draws"
        return []
    inputs = []
    for item in found:
        mean = f"{item.stem}_average"
        if chip.text(f"{item.stem}_is_battery") == "1":
            left_out[str(item)] = "of a battery: what flows into it or out of it is not what the machine draws"
        elif item.quantity == "power_W" and not item.is_mean and (chip.files / mean).exists():
            left_out[str(item)] = f"{mean} is read: a mean of the same, which misses nothing between two readings"
        else:
            inputs.append(item)
    if chip.name == "amd_energy":
        return list(_of_amd_energy(root, inputs, left_out))
    if chip.name == "power_meter" and any(name.startswith(_WHOLE_MACHINE) for name in _measured_by(chip)):
        return [replace(item, domain="system") for item in inputs]
    return inputs


def _of_amd_energy(root: Path, inputs: Iterable[Input], left_out: dict[str, str]) -> Iterator[Input]:
    """Packages by their numbers. The driver calls each NUMA node a socket: those of one package show one counter."""
    read: dict[int, str] = {}
    for item in inputs:
        socket = re.fullmatch(r"Esocket(\d+)", item.label)
        package = _package_of_node(root, int(socket[1])) if socket else None
        if item.label.startswith("Ecore"):
            left_out["amd_energy Ecore…"] = "of single cores: each is a part of a package that is read whole"
        elif package is None:
            yield item
        elif package in read:
            left_out[str(item)] = f"the counter of {read[package]}: both are package {package}"
        else:
            read[package] = item.label
            yield replace(item, domain=f"package-{package}")


def _package_of_node(root: Path, node: int) -> int | None:
    """The package that a NUMA node's processors are in; None where that is not told."""
    try:
        return place_of(root, cpu_list(_text(root / NODES / f"node{node}/cpulist"))[0]).package
    except (OSError, ValueError, IndexError):
        return None


def _measured_by(chip: Chip) -> list[str]:
    """What an ACPI power meter measures, by the links in its measures/."""
    folders = (chip.files / "measures", chip.folder / "device/measures")
    return [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]


def _told_apart(inputs: Sequence[Input], left_out: dict[str, str]) -> Iterator[Input]:
    """Inputs with domains of their own; chips of one name bear their place on the bus, which outlasts a boot."""
    chips: dict[str, set[Chip]] = {}
    for item in inputs:
        chips.setdefault(_domain(item, inputs), set()).add(item.chip)
    seen: dict[tuple[str, str], Input] = {}
    for item in inputs:
        domain = _domain(item, inputs)
        if len(chips[domain]) > 1:
            domain = _slug(item.chip.name, item.chip.device, item.label or _number(item, inputs))
        earlier = seen.setdefault((domain, item.quantity), item)
        if earlier is item:
            yield replace(item, domain=domain)
        else:
            left_out[f"{item} of {item.chip.folder.name}"] = f"cannot be told from that of {earlier.chip.folder.name}"


def _domain(item: Input, inputs: Iterable[Input]) -> str:
    """A standard domain, else the chip's name and what it calls the input."""
    return item.domain or _slug(item.chip.name, item.label or _number(item, inputs))


def _number(item: Input, inputs: Iterable[Input]) -> str:
    """The input's number where its chip has several without a label; else nothing."""
    numbers = {other.number for other in inputs if other.chip == item.chip and not other.label}
    return item.number if len(numbers) > 1 else ""


def _slug(*parts: str) -> str:
    """A domain's name (``harness.channels.DOMAIN_NAME``), in lower case."""
    words = (re.sub(r"_*[^a-z0-9_][^a-z0-9]*|__+", "-", part.lower()).strip("_-") for part in parts)
    return "-".join(filter(None, words)) or "unnamed"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
