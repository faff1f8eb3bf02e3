"""How long a night will take and how much disk it will need, before it begins; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.plan import Plan
    from harness.protocol_model import Protocol

OWN_S = 0.5
"""What nightwatt itself adds between two workloads, at most."""
ROW_B = 12.0
"""A sample on disk once sealed: a stamp, a channel and a value in Parquet (seen: 11 bytes)."""
ROW_CSV_B = 40.0
"""The same while its run goes on."""
RUN_B = 25_000
"""The other files of a run: record, marks, logs."""

_NVML_RING_HZ = 50.0
_NVML_CONTEXT, _RAPL_ZONES, _MACHINE_CHANNELS, _METER_CHANNELS, _SIMULATED_CHANNELS = 11, 3, 5, 2, 3
"""Channels of each source, of a card or a domain where it has several; a guess where only the machine knows."""


@dataclass(frozen=True)
class Forecast:
    """From ``best`` to ``worst``: seconds until the night's end, bytes that it leaves on disk."""

    runs: int
    """All executions, the discarded ones included."""
    best_s: float
    """No wait longer than its minimum, every run as long as told."""
    worst_s: float
    """Every wait and every run up to its limit; repeats, and what closed gates wait for, are not counted."""
    best_B: float
    worst_B: float
    largest_run_B: float
    """What the run in progress needs besides, at most."""

    def needed_B(self, left: int) -> float:
        """What a night with ``left`` runs to go is sure to need: one of them at its longest, all of them at least."""
        return self.largest_run_B + self.best_B / max(self.runs, 1) * left


def forecast(protocol: Protocol, plan: Plan, run_s: float = 0.0) -> Forecast:
    """The night's length and size when a run takes ``run_s`` at best and its time limit at worst."""
    runs, baselines = len(plan.slots), sum(slot.baseline for slot in plan.slots)
    warmup_s = protocol.warmup.duration_s if protocol.warmup else 0.0
    idle_s = warmup_s + baselines * (protocol.baseline.duration_s if protocol.baseline else 0.0)
    cooldown = protocol.cooldown
    least_wait_s = cooldown.minimum_s if cooldown else 0.0
    longest_wait_s = cooldown.maximum_s if cooldown and cooldown.until == "temperature" else least_wait_s
    longest_wait_s += cooldown.reheat.maximum_s if cooldown and cooldown.reheat else 0.0
    hooks_s = sum(hook.timeout_s for hook in (protocol.prepare, protocol.cleanup) if hook)
    longest_run_s = max(run_s, protocol.workload.timeout_s + protocol.workload.grace_s)
    row_rate = rows_per_s(protocol)
    rest_s = idle_s - warmup_s
    return Forecast(
        runs=runs,
        best_s=idle_s + runs * (least_wait_s + run_s),
        worst_s=idle_s + runs * (longest_wait_s + longest_run_s + hooks_s + OWN_S),
        best_B=runs * RUN_B + ROW_B * row_rate * (runs * (least_wait_s + run_s) + rest_s),
        worst_B=runs * RUN_B + ROW_B * row_rate * (runs * (longest_wait_s + longest_run_s) + rest_s),
        largest_run_B=ROW_CSV_B * row_rate * (longest_wait_s + longest_run_s),
    )


def rows_per_s(protocol: Protocol) -> float:
    """How many samples a second the protocol's sensors give: one card and one package where none is named."""
    sensors = protocol.sensors
    rate = 0.0
    if sensors.nvml is not None:
        own = _NVML_RING_HZ + _NVML_CONTEXT * 1000 / sensors.nvml.interval_ms + 1 / sensors.nvml.counter_s
        rate += own * (len(sensors.nvml.devices) or 1)
    if sensors.rapl is not None:
        rate += _RAPL_ZONES * 1000 / sensors.rapl.interval_ms
    if sensors.hwmon is not None:
        rate += (len(sensors.hwmon.chips) or 1) * 1000 / sensors.hwmon.interval_ms
    if sensors.slurm is not None:
        rate += 1000 / sensors.slurm.interval_ms
    if sensors.machine is not None:
        rate += _MACHINE_CHANNELS * 1000 / sensors.machine.interval_ms
    rate += sum(_METER_CHANNELS * 1000 / meter.interval_ms for meter in sensors.meter or ())
    for modelled in (sensors.load_model, sensors.constant):
        rate += 1000 / modelled.interval_ms if modelled is not None else 0.0
    if sensors.simulated is not None:
        rate += _SIMULATED_CHANNELS * len(sensors.simulated.domains) * 1000 / sensors.simulated.interval_ms
    if sensors.fallback is not None and sensors.load_model is None:
        rate += 5.0
    return rate
