"""A plain table of runs: configuration, energy, duration, and what else each run reported, one row a run.

Units stand in the names of the columns: ``energy_kJ``, ``energy (Wh)``, ``gpu0.energy_J``, ``duration_ms``. ``block``,
``started`` (ISO 8601) and ``status`` are understood; other columns with numbers in them are metrics.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.importers.cells import Line, lines, moment_ns
from analysis.importers.recording import (
    BLOCK,
    LONGEST_S,
    RUN,
    Imported,
    ImportRefused,
    Recording,
    most_W,
    refuse_impossible,
    totals,
)
from harness.record import Channel, Kind, Quality, Status, channel_name

FORMAT = "table"
JOULES = {"mJ": 1e-3, "J": 1.0, "kJ": 1e3, "MJ": 1e6, "mWh": 3.6, "Wh": 3.6e3, "kWh": 3.6e6}
SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
STARTED, STATUS = "started", "status"
_DOMAIN = r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*"
_ENERGY = re.compile(rf"(?:(?P<domain>{_DOMAIN})[.])?energy(?:_| ?\(|$)(?P<unit>\w*)\)?")
_DURATION = re.compile(r"(?:duration|time)(?:_| ?\(|$)(?P<unit>\w*)\)?")
_UNITS = "name its unit in the header, as in energy_J or energy (kWh), duration_s or duration (ms)"
_SOURCE = "say it with --source, as in --source 'RAPL by perf'; --modelled where it was computed"
_WITHOUT = "where durations are compared, without any energy: --set analysis.metric=duration"
NO_ENERGY = "The energy: the table holds none. Temperatures; waits; other load."
UNKNOWN = (
    "Power over time: a table holds totals of whole runs only.",
    "When the sensor's reading was last renewed before the begin and the end of a run: the edges' uncertainty.",
    "What was read from what, beyond what was said at the import; idle power; temperatures; waits; other load.",
)


@dataclass(frozen=True)
class Settings:
    """What the table cannot say of itself."""

    configuration: tuple[str, ...] = ("configuration",)
    """The columns that are factors."""
    quality: Quality = Quality.MEASURED
    source: str = ""
    """What was read, in words."""
    domain: str = "total"
    """What a column called energy alone covers."""
    energy_unit: str = ""
    """Instead of what the header says."""
    duration_unit: str = ""
    needs_energy: bool = True
    """False where something else is compared: then a table may hold no energy, and nothing was read from anywhere."""


def read(files: Sequence[Path], settings: Settings) -> Imported:
    """Every run of ``files``; refuses settings that do not say what was read."""
    if not re.fullmatch(_DOMAIN, settings.domain):
        raise ImportRefused(
            f"{settings.domain!r} is no name of a domain", where="--domain", remedy="as in --domain wall"
        )
    recordings: list[Recording] = []
    zoned = True
    for file in files:
        rows = lines(file)
        columns = _Columns.of(rows[0], settings)
        for row in rows:
            recording, has_zone = _recording(row, columns, settings)
            recordings.append(recording)
            zoned &= has_zone
    told = [item for item in recordings if item.channels]
    if told and not settings.source.strip():
        raise ImportRefused("a table does not say what its energy was read from", where=told[0].where, remedy=_SOURCE)
    unknown = UNKNOWN if told else (NO_ENERGY,)
    zone = [] if zoned else ["The zone of the time stamps: their order counts, their clock is read as UTC."]
    return Imported(FORMAT, tuple(recordings), (*unknown, *zone), sampled=False)


@dataclass(frozen=True)
class _Columns:
    """What the columns of a table are."""

    energies: tuple[tuple[str, str, float], ...]
    """Column, domain, joules."""
    duration: str
    seconds: float
    metrics: tuple[str, ...]

    @classmethod
    def of(cls, row: Line, settings: Settings) -> _Columns:
        header = f"{row.file}, line 1"
        names = list(row.cells)
        missing = [name for name in settings.configuration if name not in names]
        if missing:
            remedy = f"name the columns that tell configurations apart, of {', '.join(names)}, with --configuration"
            raise ImportRefused(f"there is no column {missing[0]!r}", where=header, remedy=remedy)
        energies = [
            (name, found["domain"] or settings.domain, _unit(found["unit"], JOULES, settings.energy_unit, name, header))
            for name in names
            if (found := _ENERGY.fullmatch(name))
        ]
        durations = [(name, found["unit"]) for name in names if (found := _DURATION.fullmatch(name))]
        if not energies and settings.needs_energy:
            raise ImportRefused("no column tells the energy", where=header, remedy=f"{_UNITS}; {_WITHOUT}")
        if not durations:
            raise ImportRefused("no column tells the duration", where=header, remedy=_UNITS)
        if len(durations) > 1 or len({domain for _, domain, _ in energies}) < len(energies):
            both = [name for name, *_ in (durations if len(durations) > 1 else energies)]
            raise ImportRefused(
                f"{' and '.join(both)} tell the same", where=header, remedy="leave one of these columns out"
            )
        duration, unit = durations[0]
        known = {duration, *(name for name, *_ in energies), *settings.configuration, BLOCK, RUN, STARTED, STATUS}
        seconds = _unit(unit, SECONDS, settings.duration_unit, duration, header)
        return cls(tuple(energies), duration, seconds, tuple(name for name in names if name not in known))


def _unit(found: str, units: dict[str, float], told: str, column: str, where: str) -> float:
    unit = told or found
    if unit not in units:
        what = f"{unit!r} is no unit that is known here" if unit else "it names no unit"
        raise ImportRefused(f"{column}: {what}", where=where, remedy=f"{_UNITS}; known are {', '.join(units)}")
    return units[unit]


def _recording(row: Line, columns: _Columns, settings: Settings) -> tuple[Recording, bool]:
    status = _status(row)
    remedy = "write the number with a point before its decimals and no unit, or remove this line"
    duration_s = row.number_of(columns.duration, remedy) * columns.seconds
    if not 0 < duration_s <= LONGEST_S:
        where = f"{row.where}, column {columns.duration}"
        raise ImportRefused(f"a run of {row.text(columns.duration)}", where=where, remedy="remove this line")
    energies: dict[str, tuple[float, Channel]] = {}
    for column, domain, joules in columns.energies:
        if status is not Status.COMPLETED and not row.text(column):
            continue
        energy_J = row.number_of(column, remedy) * joules
        where = f"{row.where}, column {column}"
        if energy_J <= 0:
            raise ImportRefused(
                f"an energy of {row.text(column)}", where=where, remedy="remove this line: no run takes none or less"
            )
        units = "say the true unit with --energy-unit (mJ where watts were multiplied by milliseconds), --duration-unit"
        refuse_impossible(energy_J, duration_s, where, row.text(column), units, limit_W=most_W(domain))
        channel = _channel(domain, settings)
        energies[channel.name] = energy_J, channel
    begin_ns, has_zone = moment_ns(row, STARTED) if row.text(STARTED) else (None, True)
    duration_ns = round(duration_s * 1e9)
    return Recording(
        where=row.where,
        levels={name: row.text(name) for name in settings.configuration},
        duration_ns=duration_ns,
        readings=totals(energies, begin_ns or 0, duration_ns),
        channels=tuple(channel for _, channel in energies.values()),
        begin_ns=begin_ns,
        block=row.text(BLOCK) or None,
        metrics=_metrics(row, columns.metrics),
        status=status,
    ), has_zone


def _status(row: Line) -> Status:
    text = row.text(STATUS) or str(Status.COMPLETED)
    try:
        return Status(text)
    except ValueError as error:
        remedy = f"write one of {', '.join(item.value for item in Status)}"
        raise ImportRefused(f"{text!r} is no status", where=f"{row.where}, column {STATUS}", remedy=remedy) from error


def _metrics(row: Line, names: Sequence[str]) -> dict[str, float | str]:
    return {name: row.value_of(name) for name in names if row.text(name)}


def _channel(domain: str, settings: Settings) -> Channel:
    name = channel_name("imported", domain, "energy_J")
    source = settings.source
    return Channel(name, "J", Kind.COUNTER, domain, settings.quality, source, 0.0, origin="imported")
