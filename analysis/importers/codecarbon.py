"""CodeCarbon's emissions.csv: one row a run, totals by domain in kWh.

The file does not say how the processor's energy came about (RAPL, or load times a rating), so it counts as modelled
unless whoever measured says that it was RAPL. Memory is always a model. A card's is NVML's counter.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.importers.cells import Line, lines, moment_ns
from analysis.importers.recording import (
    LONGEST_S,
    Imported,
    ImportRefused,
    Naming,
    Recording,
    refuse_impossible,
    totals,
)
from harness.record import Channel, Kind, Quality, channel_name

FORMAT = "codecarbon"
J_PER_KWH = 3.6e6
NEEDED = ("timestamp", "run_id", "duration", "cpu_energy", "gpu_energy", "ram_energy")
_REMEDY = "give the emissions.csv that CodeCarbon (2.0 or later) wrote"
_KEPT = ("emissions", "energy_consumed")
"""Columns that are kept beside the energies, as CodeCarbon's own idea."""
UNKNOWN = (
    "Power over time: CodeCarbon's file holds totals of whole runs only.",
    "When its counters were last renewed before the begin and the end of a run: the edges' uncertainty.",
    "What ran in the rest of the machine, its temperature before each run, and the waits.",
)
_CPU = "Whether the processor's energy was read or modelled: it counts as modelled. (--rapl says that it was RAPL.)"
_ZONE = "The zone of the time stamps: their order counts, their clock is read as UTC."


def read(files: Sequence[Path], naming: Naming, *, rapl: bool = False, column: str = "project_name") -> Imported:
    """Every run of ``files``; ``column`` holds the name that ``naming`` takes apart."""
    last: dict[tuple[Path, str], Line] = {}
    flushed: dict[tuple[Path, str], int] = {}
    for file in files:
        rows = lines(file)
        for name in (*NEEDED, column):
            if name not in rows[0].cells:
                raise ImportRefused(f"it has no column {name}", where=f"{file}, line 1", remedy=_REMEDY)
        for row in rows:
            key = file, row.text("run_id") or f"line {row.number}"
            earlier = last.get(key)
            flushed[key] = flushed.get(key, 0) + 1
            if earlier is None or row.number_of("duration", _REMEDY) >= earlier.number_of("duration", _REMEDY):
                last[key] = row
    recordings, zoned = [], True
    for key, row in last.items():
        recording, has_zone = _recording(row, naming, column, flushed[key], rapl=rapl)
        recordings.append(recording)
        zoned &= has_zone
    unknown = [*UNKNOWN, *([] if rapl else [_CPU]), *([] if zoned else [_ZONE])]
    return Imported(FORMAT, tuple(recordings), tuple(unknown), sampled=False)


def _recording(row: Line, naming: Naming, column: str, flushed: int, *, rapl: bool) -> tuple[Recording, bool]:
    duration_s = row.number_of("duration", _REMEDY)
    if not 0 < duration_s <= LONGEST_S:
        raise ImportRefused(
            f"a run of {duration_s:g} s", where=f"{row.where}, column duration", remedy="remove this line"
        )
    ended_ns, has_zone = moment_ns(row, "timestamp")
    duration_ns = round(duration_s * 1e9)
    energies: dict[str, tuple[float, Channel]] = {}
    for domain in ("cpu", "gpu", "ram"):
        name = f"{domain}_energy"
        if domain == "gpu" and not row.text(name):
            continue
        energy_J = row.number_of(name, _REMEDY) * J_PER_KWH
        where = f"{row.where}, column {name}"
        if energy_J < 0:
            raise ImportRefused(
                f"an energy of {row.text(name)} kWh", where=where, remedy="leave this run out: its readings are wrong"
            )
        refuse_impossible(energy_J, duration_s, where, f"{row.text(name)} kWh", "leave this run out")
        if energy_J > 0:
            channel = _channel(domain, rapl=rapl)
            energies[channel.name] = energy_J, channel
    levels, block = naming.read(row.text(column), row.where)
    notes = (f"{row.where}: the last of {flushed} rows of one run_id counts",) if flushed > 1 else ()
    begin_ns = ended_ns - duration_ns
    return Recording(
        where=row.where,
        levels=levels,
        duration_ns=duration_ns,
        readings=totals(energies, begin_ns, duration_ns),
        channels=tuple(channel for _, channel in energies.values()),
        begin_ns=begin_ns,
        block=block,
        metrics={f"codecarbon_{name}": row.number_of(name, _REMEDY) for name in _KEPT if row.text(name)},
        notes=notes,
    ), has_zone


def _channel(domain: str, *, rapl: bool) -> Channel:
    how, quality = {
        "cpu": ("RAPL, as whoever measured says", Quality.MEASURED)
        if rapl
        else ("the processor, RAPL or a model: its file does not say", Quality.MODELLED),
        "gpu": ("NVML energy counters of its cards", Quality.MEASURED),
        "ram": ("memory, a model", Quality.MODELLED),
    }[domain]
    name = channel_name(FORMAT, domain, "energy_J")
    return Channel(name, "J", Kind.COUNTER, domain, quality, f"CodeCarbon: {how}", 0.0, origin=FORMAT)
