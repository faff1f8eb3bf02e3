"""What else a card tells each second: temperatures, clocks, load, limits, throttling, and who else is on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.record import Channel, Kind, Quality
from harness.sensors.clock import Clock
from harness.sensors.nvml_card import Card

MEMORY_TEMP = 82
POWER_CAP_NS, THERMAL_NS = 74, (269, 270)
"""NVML_FI_DEV_…: time spent below the wanted clock for want of power, and for heat (software's doing, hardware's)."""
OLD_THERMAL_NS = 75
"""The one thermal counter of drivers that do not have the two."""
FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""The inode of the machine's own process namespace (PROC_PID_INIT_INO in the kernel)."""
NOT_TOLD = "in a container the driver's process numbers are not ours: whose they are cannot be told"


@dataclass(frozen=True)
class _Quantity:
    """One channel, and how its value is asked for; the call may raise the module's NVMLError."""

    name: str
    unit: str
    kind: Kind
    source: str
    call: Callable[[], float]


@dataclass(frozen=True)
class _FieldQuantity:
    """One channel that is a field value, or a sum of some."""

    name: str
    unit: str
    kind: Kind
    numbers: tuple[int, ...]
    scale: float = 1.0

    @property
    def source(self) -> str:
        return f"NVML field {' + '.join(map(str, self.numbers))}"


_FIELDS = (
    _FieldQuantity("memory_temperature_C", "C", Kind.GAUGE, (MEMORY_TEMP,)),
    _FieldQuantity("throttle_power_s", "s", Kind.COUNTER, (POWER_CAP_NS,), 1e-9),
    _FieldQuantity("throttle_thermal_s", "s", Kind.COUNTER, THERMAL_NS, 1e-9),
    _FieldQuantity("throttle_thermal_s", "s", Kind.COUNTER, (OLD_THERMAL_NS,), 1e-9),
)
"""Where a name stands twice the first counts that the card has."""


class Context:
    """The context channels of one card: those that it answered to when it was opened."""

    def __init__(self, card: Card, clock: Clock, processes: Processes, period_s: float) -> None:
        """Ask for everything once; what the card does not have is in ``absent`` with the driver's words."""
        self._card = card
        self._clock = clock
        self.absent: dict[str, str] = {}
        self._quantities: list[_Quantity] = []
        for quantity in _quantities(card, processes):
            try:
                quantity.call()
            except (card.nvml.NVMLError, LookupError) as error:
                self.absent[quantity.name] = str(error)
            else:
                self._quantities.append(quantity)
        self._totals: dict[str, float] = {}
        self.fell = 0
        """How often a total since the driver was loaded became smaller."""
        self._fields = self._find_fields()
        self.channels = tuple(
            [self._channel(item, period_s) for item in self._quantities]
            + [self._channel(item, period_s) for item in self._fields]
        )

    def read(self) -> list[tuple[int, str, float]]:
        """CLOCK_MONOTONIC ns, channel, value of all that answers now."""
        card, now_ns = self._card, self._clock.now_ns
        found: list[tuple[int, str, float]] = []
        for quantity in self._quantities:
            value = card.ask(quantity.name, quantity.call)
            if value is not None:
                found.append((now_ns(), f"{card.domain}.{quantity.name}", float(value)))
        numbers = [number for item in self._fields for number in item.numbers]
        values = card.ask("field values", lambda: card.fields(numbers)) if numbers else {}
        if values is None:
            return found
        for item in self._fields:
            if all(number in values for number in item.numbers):
                total = sum(values[number] for number in item.numbers) * item.scale
                self.fell += total < self._totals.get(item.name, 0.0)
                self._totals[item.name] = total
                found.append((now_ns(), f"{card.domain}.{item.name}", total))
            else:
                card.miss(item.name, "the field was not answered")
        return found

    def _channel(self, item: _Quantity | _FieldQuantity, period_s: float) -> Channel:
        card = self._card
        return Channel(
            name=f"{card.domain}.{item.name}",
            unit=item.unit,
            kind=item.kind,
            domain=card.domain,
            quality=Quality.MEASURED,
            source=item.source,
            refresh_s=period_s,
            device=card.uuid,
        )

    def _find_fields(self) -> list[_FieldQuantity]:
        found: dict[str, _FieldQuantity] = {}
        try:
            there = self._card.fields([number for item in _FIELDS for number in item.numbers])
        except self._card.nvml.NVMLError as error:
            self.absent |= {item.name: str(error) for item in _FIELDS}
            return []
        for item in _FIELDS:
            if all(number in there for number in item.numbers):
                found.setdefault(item.name, item)
        self.absent |= {item.name: "this card has no such field" for item in _FIELDS if item.name not in found}
        return list(found.values())


class Processes:
    """Which processes on a card are not ours: not the orchestrator, and not among its descendants."""

    def __init__(self, root: Path, ours: int | None = None) -> None:
        self._proc = root / "proc"
        self._ours = os.getppid() if ours is None else ours
        try:
            namespace = (self._proc / "self/ns/pid").stat().st_ino
        except OSError:
            namespace = FIRST_PID_NAMESPACE
        self.can_tell = namespace == FIRST_PID_NAMESPACE

    def foreign(self, card: Card) -> int:
        """How many processes on the card are foreign; raises NVMLError, and LookupError where it cannot be told."""
        if not self.can_tell:
            raise LookupError(NOT_TOLD)
        nvml, handle = card.nvml, card.handle
        there = [
            *nvml.nvmlDeviceGetComputeRunningProcesses(handle),
            *nvml.nvmlDeviceGetGraphicsRunningProcesses(handle),
        ]
        return sum(not self._is_ours(pid) for pid in {process.pid for process in there})

    def _is_ours(self, pid: int) -> bool:
        """Whether it descends from us; a process that has gone meanwhile is nobody's."""
        while pid > 1:
            if pid == self._ours:
                return True
            try:
                # pid (name) state ppid …; the name may hold anything, so count from its last bracket.
                pid = int((self._proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except FileNotFoundError:
                return True
            except (OSError, ValueError, IndexError):
                return False
        return False


def _quantities(card: Card, processes: Processes) -> tuple[_Quantity, ...]:
    nvml, handle = card.nvml, card.handle
    gauge = Kind.GAUGE
    return (
        _Quantity("temperature_C", "C", gauge, "NVML GPU temperature",
                  lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        _Quantity("sm_clock_MHz", "MHz", gauge, "NVML SM clock",
                  lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
        _Quantity("memory_clock_MHz", "MHz", gauge, "NVML memory clock",
                  lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
        _Quantity("utilisation_pct", "%", gauge, "NVML utilisation: time in which a kernel ran",
                  lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        _Quantity("memory_used_B", "B", gauge, "NVML memory in use",
                  lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used),
        _Quantity("power_limit_W", "W", gauge, "NVML enforced power limit",
                  lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000),
        _Quantity("throttle_reasons", "", gauge, "NVML clocks event reasons, a bit mask",
                  lambda: _reasons(card)),
        _Quantity("foreign_processes", "", gauge, "NVML processes that do not descend from nightwatt",
                  lambda: processes.foreign(card)),
    )  # fmt: skip


def _reasons(card: Card) -> int:
    """Why the clock is where it is, a bit mask; by the call's older name where the driver has only that."""
    try:
        mask: int = card.nvml.nvmlDeviceGetCurrentClocksEventReasons(card.handle)
    except card.nvml.NVMLError_FunctionNotFound:
        mask = card.nvml.nvmlDeviceGetCurrentClocksThrottleReasons(card.handle)
    return mask
