"""What CodeCarbon tells the energy of here, what each part was read or guessed from, and when it tells nonsense. Pure.

CodeCarbon's own totals are one for all CPUs, one for the memory, one for all cards; here each card is one part. Its
records are told apart by the names of their classes, as its own cache does: nothing of it is imported here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.record import Quality

J_PER_KWH = 3.6e6
MOST_W_PER_PACKAGE = 1000.0
"""Twice the rating of the largest server processors (500 W): more than that for a second is a misread counter."""
MOST_W_PER_CARD = 2000.0
"""Of a card that names no power limit; no single card is rated so high."""
OVER_LIMIT = 1.2
"""How far above its limit (or its model's own maximum) the mean of a second may lie."""
JUDGED_S = 0.9
"""Power is judged over stretches of a second; readings a second apart may come a little early."""
ROUNDING_J = 1e-3
"""Sums of kilowatt-hours agree within this."""
REFRESH_S = 0.2
"""A counter that moves in steps may bring a step more than the time between two readings: NVML's are 0.1 s."""


_GUESSED = "We will use the default power consumption of 4 W per thread"
"""What it says of a processor that it does not know."""


_CARD_SOURCES = {"NvidiaGPUDevice": "NVML", "AMDGPUDevice": "AMD SMI"}


def _no_fault() -> str:
    return ""


@dataclass(frozen=True)
class Part:
    """One thing that CodeCarbon tells the energy of."""

    domain: str
    quality: Quality
    source: str
    """In words a reviewer can check."""
    most_W: float
    """More than such a device draws over a second."""
    total_J: Callable[[Any], float]
    """Its joules since the start, of CodeCarbon's data after a new measurement; called once for each."""
    fault: Callable[[], str] = _no_fault
    """Why its last measurement is not to be believed; empty while it is."""
    device: str = ""


@dataclass
class Watch:
    """What one part told so far, and whether it can be true."""

    part: Part
    lost: str = ""
    told: deque[tuple[int, float]] = field(default_factory=deque)

    def take(self, t_ns: int, value_J: float) -> bool:
        """Whether this total may be used; ``lost`` says why not, and stays."""
        while len(self.told) > 1 and (t_ns - self.told[1][0]) / 1e9 >= JUDGED_S:
            self.told.popleft()
        self.lost = self.lost or self._wrong(t_ns, value_J)
        self.told.append((t_ns, value_J))
        return not self.lost

    def _wrong(self, t_ns: int, value_J: float) -> str:
        domain = self.part.domain
        if fault := self.part.fault():
            return f"{domain}: {fault}"
        if not math.isfinite(value_J) or value_J < 0:
            return f"{domain}: CodeCarbon tells an energy of {value_J:g} J"
        if not self.told:
            return ""
        if value_J < self.told[-1][1]:
            return f"{domain}: CodeCarbon's energy fell from {self.told[-1][1]:.6g} J to {value_J:.6g} J"
        since_ns, since_J = self.told[0]
        passed_s = (t_ns - since_ns) / 1e9
        if passed_s >= JUDGED_S and value_J - since_J > self.part.most_W * (passed_s + REFRESH_S):
            mean_W = (value_J - since_J) / passed_s
            return (
                f"{domain}: {mean_W:.0f} W over {passed_s:.1f} s, where {self.part.most_W:.0f} W is more than it can"
                " draw: CodeCarbon misread a counter, or took a failed reading for one that wrapped"
            )
        return ""


def parts_of(hardware: Iterable[Any], said: Iterable[str] = ()) -> tuple[tuple[Part, ...], dict[str, str]]:
    """The parts behind CodeCarbon's hardware records, and what is left out with the reason.

    ``said`` is what it warned of while it looked: there alone it tells that a rating is a guess.
    """
    is_guess = any(text.startswith(_GUESSED) for text in said)
    parts: list[Part] = []
    left_out: dict[str, str] = {}
    for item in hardware:
        kind = type(item).__name__
        if kind == "CPU" and item._mode == "intel_rapl":
            found = _rapl(item._intel_interface)
            if found is None:
                left_out["cpu"] = "CodeCarbon found RAPL, but no package that it can read, and would tell 0 J"
            else:
                parts.append(found)
        elif kind == "CPU":
            parts.append(_modelled_cpu(item, is_guess=is_guess))
        elif kind == "RAM":
            parts.append(_ram(item))
        elif kind == "GPU":
            parts += _Cards(item).parts()
        else:
            left_out[kind] = "a kind of hardware whose readings by CodeCarbon nightwatt cannot vouch for"
    return tuple(parts), left_out


def _cpu_J(data: Any) -> float:
    return float(data.cpu_energy) * J_PER_KWH


def _rapl(interface: Any) -> Part | None:
    """The sum of the packages, or the platform where it has no packages; None where it would count nothing.

    Its domain is "cpu", on one package as on several: CodeCarbon adds packages up and tells the sum alone.
    """
    # It adds up what it called so; whatever else it found it reads and forgets.
    counted = [file for file in interface._rapl_files if str(file.name).startswith("Processor Energy Delta")]
    if not counted:
        return None
    zones = [_zone(Path(file.path)) for file in counted]
    is_platform = set(zones) == {"psys"}
    what = "the platform (psys)" if is_platform else f"the sum of {', '.join(zones)}" if len(zones) > 1 else zones[0]

    def fault() -> str:
        skipped = [str(file.path) for file in interface._rapl_files if getattr(file, "sample_skipped", False)]
        if skipped:
            return f"CodeCarbon could not use {skipped[0]} and leaves out the energy since its last reading"
        return "" if interface._cpu_details else "CodeCarbon's reading of RAPL failed, and counts as 0 J"

    domain = "psys" if is_platform else "cpu"
    most_W = MOST_W_PER_PACKAGE * len(counted)
    return Part(domain, Quality.MEASURED, f"CodeCarbon: RAPL, {what}", most_W, _cpu_J, fault)


def _zone(energy_file: Path) -> str:
    try:
        return energy_file.with_name("name").read_text().strip()
    except OSError:
        return energy_file.parent.name


def _modelled_cpu(item: Any, *, is_guess: bool) -> Part:
    """What CodeCarbon takes for a CPU that it cannot read: a rating, times a function of the load or one half."""
    tdp_W = float(item._tdp)
    whence = "guessed at 4 W a thread" if is_guess else "generic" if item._is_generic_tdp else "from its table"
    how = {"cpu_load": "CPU load x ", "constant": "half of "}.get(item._mode, f"mode {item._mode}, ")
    source = f"CodeCarbon: {how}TDP {tdp_W:g} W ({whence}), {item._model}"
    return Part("cpu", Quality.MODELLED, source, OVER_LIMIT * tdp_W, _cpu_J)


def _ram(item: Any) -> Part:
    """The machine's memory, always a guess. "ram", not dram-N: it belongs to no package."""
    power_W = float(item.total_power().W)
    size_GB = float(item.machine_memory_GB)
    dimms = item._estimate_dimm_count(size_GB)
    source = f"CodeCarbon: {power_W:g} W for {dimms} guessed DIMMs of {size_GB:.0f} GB in all"
    return Part("ram", Quality.MODELLED, source, OVER_LIMIT * power_W, lambda data: float(data.ram_energy) * J_PER_KWH)


class _Cards:
    """Each card apart: CodeCarbon tells their sum alone, but keeps what each used in its last measurement."""

    def __init__(self, item: Any) -> None:
        chosen = item.gpu_ids
        self._devices = [device for device in item.devices.devices if chosen is None or device.gpu_index in chosen]
        self._sums_J = [0.0 for _ in self._devices]
        self._total_J: float | None = None
        self._data: Any = None
        self._fault = ""

    def parts(self) -> list[Part]:
        """One a card."""
        return [self._part(place, device) for place, device in enumerate(self._devices)]

    def _take(self, data: Any) -> None:
        """Add up what each card used in a measurement that is new; the first one is where they begin."""
        if data is self._data:
            return
        self._data = data
        total_J = float(data.gpu_energy) * J_PER_KWH
        if self._total_J is not None:
            used_J = [float(device.energy_delta.kWh) * J_PER_KWH for device in self._devices]
            self._sums_J = [total + used for total, used in zip(self._sums_J, used_J, strict=True)]
            if abs(math.fsum(used_J) - (total_J - self._total_J)) > ROUNDING_J:
                self._fault = "CodeCarbon's cards do not add up to its total: it could not read all of them"
        self._total_J = total_J

    def _part(self, place: int, device: Any) -> Part:
        has_counter = bool(device._has_counter)
        name = str(device._gpu_name)
        by = _CARD_SOURCES.get(type(device).__name__, type(device).__name__)
        what = "energy counter" if has_counter else "power usage read each second, averaged"
        # On GH200 the counter is that of the module, processor included.
        domain = f"{'module-' if 'GH200' in name else 'gpu'}{device.gpu_index}"
        limit_W = device._power_limit

        def total_J(data: Any) -> float:
            self._take(data)
            return self._sums_J[place]

        def fault() -> str:
            if has_counter and device._use_power_fallback:
                return "its energy counter went back or could not be read; CodeCarbon fills in power x time"
            return self._fault

        return Part(
            domain,
            Quality.MEASURED,
            f"CodeCarbon: {by} {what}, {name}",
            OVER_LIMIT * float(limit_W) if limit_W else MOST_W_PER_CARD,
            total_J,
            fault,
            str(device._uuid),
        )
